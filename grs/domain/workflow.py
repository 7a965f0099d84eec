"""Stage, action, and the table of what may happen when (decision 2)."""

from __future__ import annotations

from enum import StrEnum

from grs.domain.errors import ActionNotAllowed
from grs.domain.tiers import Tier


class Stage(StrEnum):
    """How far along a complaint is at the tier that has it now."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    DISPOSED = "disposed"


OPEN_STAGES = (Stage.RECEIVED, Stage.ACCEPTED)


class Action(StrEnum):
    """What moves a complaint."""

    ACCEPT = "accept"
    FORWARD = "forward"
    REJECT = "reject"
    DISPOSE = "dispose"
    ESCALATE = "escalate"
    APPEAL = "appeal"
    WITHDRAW = "withdraw"
    ASK_OPINION = "ask_opinion"
    CALL_HEARING = "call_hearing"
    REPLY = "reply"
    WRITE = "write"
    ADD = "add"
    RATE = "rate"


class Actor(StrEnum):
    """Who does it."""

    OFFICER = "officer"
    COMPLAINANT = "complainant"
    SCHEDULER = "scheduler"


# The whole workflow. A pair that is not here cannot happen.
TRANSITIONS: dict[tuple[Stage, Action], Stage] = {
    (Stage.RECEIVED, Action.ACCEPT): Stage.ACCEPTED,
    (Stage.RECEIVED, Action.FORWARD): Stage.RECEIVED,
    (Stage.RECEIVED, Action.REJECT): Stage.DISPOSED,
    (Stage.RECEIVED, Action.ESCALATE): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.DISPOSE): Stage.DISPOSED,
    (Stage.ACCEPTED, Action.FORWARD): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.REJECT): Stage.DISPOSED,
    (Stage.ACCEPTED, Action.ESCALATE): Stage.RECEIVED,
    (Stage.DISPOSED, Action.APPEAL): Stage.RECEIVED,
    (Stage.RECEIVED, Action.WITHDRAW): Stage.DISPOSED,
    (Stage.ACCEPTED, Action.WITHDRAW): Stage.DISPOSED,
    (Stage.ACCEPTED, Action.ASK_OPINION): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.CALL_HEARING): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.REPLY): Stage.ACCEPTED,
    (Stage.RECEIVED, Action.WRITE): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.WRITE): Stage.ACCEPTED,
    (Stage.RECEIVED, Action.ADD): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.ADD): Stage.ACCEPTED,
    (Stage.DISPOSED, Action.RATE): Stage.DISPOSED,
}

ACTORS: dict[Action, Actor] = {
    Action.ACCEPT: Actor.OFFICER,
    Action.FORWARD: Actor.OFFICER,
    Action.REJECT: Actor.OFFICER,
    Action.DISPOSE: Actor.OFFICER,
    Action.ESCALATE: Actor.SCHEDULER,
    Action.APPEAL: Actor.COMPLAINANT,
    Action.WITHDRAW: Actor.COMPLAINANT,
    Action.ASK_OPINION: Actor.OFFICER,
    Action.CALL_HEARING: Actor.OFFICER,
    Action.REPLY: Actor.OFFICER,
    Action.WRITE: Actor.OFFICER,
    Action.ADD: Actor.COMPLAINANT,
    Action.RATE: Actor.COMPLAINANT,
}

# Another office's matter is forwarded by its first reader (G 7.1(ক)i); who hears an appeal decides it.
FIRST_TIER_ONLY = {Action.FORWARD}


def next_stage(stage: Stage, action: Action, *, tier: Tier) -> Stage:
    """The stage after the action; raises ActionNotAllowed when the table has no such move."""
    if (stage, action) not in TRANSITIONS or not _is_allowed_at(action, tier):
        raise ActionNotAllowed(action, stage)
    return TRANSITIONS[stage, action]


def allowed_actions(stage: Stage, *, tier: Tier, actor: Actor) -> list[Action]:
    """The buttons this actor sees; the same table that judges the click."""
    return [
        action
        for (from_stage, action) in TRANSITIONS
        if from_stage is stage and ACTORS[action] is actor and _is_allowed_at(action, tier)
    ]


def _is_allowed_at(action: Action, tier: Tier) -> bool:
    return tier is Tier.GRIEVANCE_OFFICER or action not in FIRST_TIER_ONLY


class StepKind(StrEnum):
    """What the history tells: the actions of the workflow done, and what else people are told of."""

    LODGED = "lodged"
    ACCEPTED = "accepted"
    FORWARDED = "forwarded"
    REJECTED = "rejected"
    DISPOSED = "disposed"
    ESCALATED = "escalated"
    APPEALED = "appealed"
    DUE_DATE_CHANGED = "due_date_changed"
    WITHDRAWN = "withdrawn"
    OPINION_ASKED = "opinion_asked"
    HEARING_CALLED = "hearing_called"
    INTERIM_REPLY = "interim_reply"
    OFFICER_WROTE = "officer_wrote"
    INFORMATION_ADDED = "information_added"
    RATED = "rated"
