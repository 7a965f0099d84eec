"""The history told again: where its steps say that a complaint must stand, and whether they could happen at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from grs.domain.errors import ActionNotAllowed
from grs.domain.tiers import About, Tier
from grs.domain.workflow import OPEN_STAGES, Action, Stage, StepKind, next_stage

ACTION_OF: dict[StepKind, Action] = {
    StepKind.ACCEPTED: Action.ACCEPT,
    StepKind.FORWARDED: Action.FORWARD,
    StepKind.REJECTED: Action.REJECT,
    StepKind.DISPOSED: Action.DISPOSE,
    StepKind.ESCALATED: Action.ESCALATE,
    StepKind.APPEALED: Action.APPEAL,
    StepKind.WITHDRAWN: Action.WITHDRAW,
    StepKind.OPINION_ASKED: Action.ASK_OPINION,
    StepKind.HEARING_CALLED: Action.CALL_HEARING,
    StepKind.INTERIM_REPLY: Action.REPLY,
    StepKind.OFFICER_WROTE: Action.WRITE,
    StepKind.INFORMATION_ADDED: Action.ADD,
    StepKind.RATED: Action.RATE,
    StepKind.SERVICE_ORDERED: Action.ORDER_SERVICE,
    StepKind.INVESTIGATION_OPENED: Action.INVESTIGATE,
    StepKind.HEARING_RECORDED: Action.RECORD_HEARING,
    StepKind.RECOMMENDED: Action.RECOMMEND,
    StepKind.ANSWERED: Action.ANSWER,
    StepKind.LAPSED: Action.LAPSE,
    StepKind.NOTED: Action.NOTE,
    StepKind.WORK_GIVEN: Action.GIVE_WORK,
    StepKind.TAGGED: Action.TAG,
    StepKind.REOPENED: Action.REOPEN,
    StepKind.MARK_PROPOSED: Action.PROPOSE_MARK,
    StepKind.MARK_REFUSED: Action.DECIDE_MARK,
    StepKind.MARK_SET: Action.DECIDE_MARK,
    StepKind.MARK_ENDED: Action.DECIDE_MARK,
}
"""Which move of the workflow a step is the trace of; the others move nothing."""

MOVES = frozenset({StepKind.FORWARDED, StepKind.ESCALATED, StepKind.APPEALED, StepKind.REOPENED})
"""Steps that begin another stay; lodging begins the first."""
FINAL = frozenset({StepKind.WITHDRAWN})
"""Endings that nobody takes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a complaint stands: what the columns of its row must say."""

    stage: Stage
    tier: Tier
    first_tier: Tier
    office_id: int
    post_id: int
    due_on: date
    is_provisional: bool
    stays: int
    is_about_somebody: bool
    ended_by: StepKind | None = None


class ImpossibleStep(Exception):
    """A step that cannot follow on what is before it; ``sequence`` is 1 for the first."""

    def __init__(self, sequence: int, reason: str) -> None:
        self.sequence, self.reason = sequence, reason
        super().__init__(f"step {sequence}: {reason}")


def replay(steps: Iterable[tuple[StepKind, Mapping[str, Any]]]) -> Standing:
    """Where the steps, in their order, lead to. Takes ``(kind, details)``; raises ImpossibleStep."""
    at: Standing | None = None
    for sequence, (kind, details) in enumerate(steps, start=1):
        try:
            at = _lodged(kind, details) if at is None else _next(at, kind, details)
        except ActionNotAllowed as error:
            raise ImpossibleStep(sequence, str(error)) from None
        except (KeyError, ValueError) as error:
            raise ImpossibleStep(sequence, str(error)) from None
    if at is None:
        raise ImpossibleStep(1, "there is none")
    return at


def _lodged(kind: StepKind, details: Mapping[str, Any]) -> Standing:
    _must(kind is StepKind.LODGED, f"a history begins with lodging, not with {kind}")
    tier = Tier(details["to_tier"])
    return Standing(
        stage=Stage.RECEIVED,
        tier=tier,
        first_tier=tier,
        office_id=details["to_office"],
        post_id=details["to_post"],
        due_on=date.fromisoformat(details["due_on"]),
        is_provisional=details["provisional"],
        stays=1,
        is_about_somebody=details["about"] != About.NOBODY,
    )


def _next(at: Standing, kind: StepKind, details: Mapping[str, Any]) -> Standing:
    _must(kind is not StepKind.LODGED, "a complaint is lodged once")
    if kind is StepKind.ANONYMISED:
        _must(at.stage is Stage.DISPOSED, "an open complaint keeps its words")
        return at
    if kind is StepKind.DUE_DATE_CHANGED:
        _must(at.stage in OPEN_STAGES, "the clock of a disposed complaint stands still")
        return _with_dates(at, details)
    action = ACTION_OF[kind]
    _must(not (kind in MOVES and at.ended_by in FINAL), f"{kind} after {at.ended_by}")
    stage = next_stage(at.stage, action, tier=at.tier, started_at=at.first_tier)
    if kind in MOVES:
        return _moved(at, kind, stage, details)
    if stage is Stage.DISPOSED and at.stage is not Stage.DISPOSED:
        at = replace(at, ended_by=kind)
    at = replace(at, stage=stage)
    return _with_dates(at, details) if kind is StepKind.INVESTIGATION_OPENED and "due_on" in details else at


def _moved(at: Standing, kind: StepKind, stage: Stage, details: Mapping[str, Any]) -> Standing:
    left = (details["from_office"], details["from_post"], details["from_tier"], details["was_due_on"])
    here = (at.office_id, at.post_id, int(at.tier), at.due_on.isoformat())
    _must(left == here, f"it leaves {left}, but was at {here}")
    tier = Tier(details["to_tier"])
    if kind in (StepKind.ESCALATED, StepKind.APPEALED):
        rise = tier - at.tier
        _must(rise >= 1 if at.is_about_somebody else rise == 1, f"from tier {at.tier} to {tier}")
    if kind is StepKind.REOPENED:
        _must(tier is at.tier, f"taken up again at tier {tier}, not {at.tier}")
    return replace(
        _with_dates(at, details),
        stage=stage,
        tier=tier,
        first_tier=tier if kind is StepKind.FORWARDED else at.first_tier,
        office_id=details["to_office"],
        post_id=details["to_post"],
        stays=at.stays + 1,
        ended_by=None,
    )


def _with_dates(at: Standing, details: Mapping[str, Any]) -> Standing:
    return replace(at, due_on=date.fromisoformat(details["due_on"]), is_provisional=details["provisional"])


def _must(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise ValueError(otherwise)
