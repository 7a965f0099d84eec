"""The hash chain of a complaint's steps: each step carries the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
"""What the first step of every complaint carries as the hash before it."""


@dataclass(frozen=True, slots=True)
class StepFacts:
    """All that a step says. ``details`` is its canonical JSON text, kept as it was hashed."""

    tracking_number: str
    sequence: int
    kind: str
    happened_at: datetime
    actor: str
    details: str


_SPELL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str).encode


def canonical(details: Mapping[str, Any]) -> str:
    """One spelling of a JSON object: sorted keys, no blanks, text as it is."""
    return _SPELL(details)


WRITTEN = frozenset({"text", "grounds", "reason", "reasons", "question", "comment", "place", "advice", "tags"})
"""What a step says in somebody's own words. It may name anybody, so it can be erased; all other facts stay."""
SALT, ERASED = "salt", "erased"


def salted(details: Mapping[str, Any], salt: str) -> dict[str, Any]:
    """Details with the salt under which their words are hashed; without any words they stay as they are."""
    return {**details, SALT: salt} if any(details.get(name) for name in WRITTEN) else dict(details)


def hashed_details(details: str) -> str:
    """What of a step's details is hashed: in the place of words their salted digest, also after they were erased."""
    if f'"{SALT}":' not in details and f'"{ERASED}":' not in details:
        return details
    found = json.loads(details)
    salt, gone = found.pop(SALT, None), found.pop(ERASED, {})
    if salt is not None:
        for name in WRITTEN & found.keys():
            if found[name]:
                found[name] = _digest(salt, found[name])
    return _SPELL(found | gone)


def without_words(details: str) -> str | None:
    """The details with their words erased, so that the hash still comes out; None where there is nothing to erase."""
    found = json.loads(details)
    salt = found.pop(SALT, None)
    if salt is None:
        return None
    gone = {name: _digest(salt, found.pop(name)) for name in WRITTEN if found.get(name)}
    return canonical(found | {ERASED: gone})


def _digest(salt: str, words: Any) -> str:
    return hashlib.sha256(f'{salt}\x1f{{"":{_SPELL(words)}}}'.encode()).hexdigest()


def step_hash(previous: str, facts: StepFacts) -> str:
    """SHA-256 over the hash before and every fact, separated so that no two facts can be confused."""
    parts = (
        previous,
        facts.tracking_number,
        str(facts.sequence),
        facts.kind,
        facts.happened_at.astimezone(UTC).isoformat(),
        facts.actor,
        hashed_details(facts.details),
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def first_broken(steps: Iterable[tuple[StepFacts, str, str]]) -> int | None:
    """The sequence of the first step that does not follow from the one before, or None.

    Takes ``(facts, previous hash, hash)`` in order of sequence, which starts at 1 without gaps.
    """
    expected, previous = 1, GENESIS
    for facts, carried, own in steps:
        if facts.sequence != expected or carried != previous or not _is_hash_of(own, previous, facts):
            return expected
        expected, previous = expected + 1, own
    return None


def _is_hash_of(own: str, previous: str, facts: StepFacts) -> bool:
    try:
        return step_hash(previous, facts) == own
    except (ValueError, TypeError, AttributeError):  # details that are no JSON any more
        return False
