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


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """All that a step says. ``details`` is its canonical JSON text, kept as it was hashed."""

    tracking_number: str
    sequence: int
    kind: str
    happened_at: datetime
    actor: str
    details: str


def canonical(details: Mapping[str, Any]) -> str:
    """One spelling of a JSON object: sorted keys, no blanks, text as it is."""
    return json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def step_hash(previous: str, facts: StepFacts) -> str:
    """SHA-256 over the hash before and every fact, separated so that no two facts can be confused."""
    parts = (
        previous,
        facts.tracking_number,
        str(facts.sequence),
        facts.kind,
        facts.happened_at.astimezone(UTC).isoformat(),
        facts.actor,
        facts.details,
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def first_broken(steps: Iterable[tuple[StepFacts, str, str]], erased: Mapping[int, str] | None = None) -> int | None:
    """The sequence of the first step that does not follow from the one before, or None.

    Takes ``(facts, previous hash, hash)`` in order of sequence, which starts at 1 without gaps. Of a step whose
    texts were ``erased`` the hash cannot be counted again: the next step carries it, and a later one, which says
    that they were erased, holds the hash of what is left.
    """
    expected, previous = 1, GENESIS
    for facts, carried, own in steps:
        if facts.sequence != expected or carried != previous:
            return expected
        rest = (erased or {}).get(facts.sequence)
        holds = step_hash(previous, facts) == own if rest is None else _digest(facts.details) == rest
        if not holds:
            return expected
        expected, previous = expected + 1, own
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
