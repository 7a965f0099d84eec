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
    ORDER_SERVICE = "order_service"
    INVESTIGATE = "investigate"
    RECORD_HEARING = "record_hearing"
    RECOMMEND = "recommend"
    ANSWER = "answer"
    LAPSE = "lapse"
    NOTE = "note"
    GIVE_WORK = "give_work"
    TAG = "tag"
    REOPEN = "reopen"
    PROPOSE_MARK = "propose_mark"
    DECIDE_MARK = "decide_mark"


class Actor(StrEnum):
    """Who does it: the desk that has it, its complainant, the timetable, whoever the desk asked, the tier above."""

    OFFICER = "officer"
    COMPLAINANT = "complainant"
    SCHEDULER = "scheduler"
    ASKED = "asked"
    SUPERIOR = "superior"


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
    (Stage.ACCEPTED, Action.ORDER_SERVICE): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.INVESTIGATE): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.RECORD_HEARING): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.RECOMMEND): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.ANSWER): Stage.ACCEPTED,
    (Stage.ACCEPTED, Action.LAPSE): Stage.ACCEPTED,
    (Stage.DISPOSED, Action.REOPEN): Stage.ACCEPTED,
    (Stage.DISPOSED, Action.PROPOSE_MARK): Stage.DISPOSED,
    (Stage.DISPOSED, Action.DECIDE_MARK): Stage.DISPOSED,
    (Stage.RECEIVED, Action.DECIDE_MARK): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.DECIDE_MARK): Stage.ACCEPTED,
    (Stage.RECEIVED, Action.NOTE): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.NOTE): Stage.ACCEPTED,
    (Stage.DISPOSED, Action.NOTE): Stage.DISPOSED,
    (Stage.RECEIVED, Action.TAG): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.TAG): Stage.ACCEPTED,
    (Stage.RECEIVED, Action.GIVE_WORK): Stage.RECEIVED,
    (Stage.ACCEPTED, Action.GIVE_WORK): Stage.ACCEPTED,
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
    Action.ORDER_SERVICE: Actor.OFFICER,
    Action.INVESTIGATE: Actor.OFFICER,
    Action.RECORD_HEARING: Actor.OFFICER,
    Action.RECOMMEND: Actor.OFFICER,
    Action.ANSWER: Actor.ASKED,
    Action.LAPSE: Actor.SCHEDULER,
    Action.NOTE: Actor.OFFICER,
    Action.GIVE_WORK: Actor.OFFICER,
    Action.TAG: Actor.OFFICER,
    Action.REOPEN: Actor.OFFICER,
    Action.PROPOSE_MARK: Actor.OFFICER,
    Action.DECIDE_MARK: Actor.SUPERIOR,
}

# Another office's matter is forwarded by its first reader (G 7.1(ক)i), at whatever tier the complaint started; who
# hears an appeal decides it.
FIRST_READER_ONLY = {Action.FORWARD}
FIRST_TIER_ONLY = {Action.PROPOSE_MARK}
# Only the cell recommends to ministries.
LAST_TIER_ONLY = {Action.RECOMMEND}


def next_stage(stage: Stage, action: Action, *, tier: Tier, started_at: Tier = Tier.GRIEVANCE_OFFICER) -> Stage:
    """The stage after the action; raises ActionNotAllowed when the table has no such move."""
    if (stage, action) not in TRANSITIONS or not _is_allowed_at(action, tier, started_at):
        raise ActionNotAllowed(action, stage)
    return TRANSITIONS[stage, action]


def allowed_actions(
    stage: Stage, *, tier: Tier, actor: Actor, started_at: Tier = Tier.GRIEVANCE_OFFICER
) -> list[Action]:
    """The buttons this actor sees; the same table that judges the click."""
    return [
        action
        for (from_stage, action) in TRANSITIONS
        if from_stage is stage and ACTORS[action] is actor and _is_allowed_at(action, tier, started_at)
    ]


def _is_allowed_at(action: Action, tier: Tier, started_at: Tier) -> bool:
    if action in FIRST_READER_ONLY:
        return tier in (Tier.GRIEVANCE_OFFICER, started_at)
    if action in FIRST_TIER_ONLY:
        return tier is Tier.GRIEVANCE_OFFICER
    return action not in LAST_TIER_ONLY or tier is max(Tier)


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
    SERVICE_ORDERED = "service_ordered"
    INVESTIGATION_OPENED = "investigation_opened"
    HEARING_RECORDED = "hearing_recorded"
    RECOMMENDED = "recommended"
    ANSWERED = "answered"
    LAPSED = "lapsed"
    NOTED = "noted"
    WORK_GIVEN = "work_given"
    TAGGED = "tagged"
    REOPENED = "reopened"
    MARK_PROPOSED = "mark_proposed"
    MARK_REFUSED = "mark_refused"
    MARK_SET = "mark_set"
    MARK_ENDED = "mark_ended"
    ANONYMISED = "anonymised"


NEWS = frozenset(
    {StepKind.ANSWERED, StepKind.LAPSED, StepKind.INFORMATION_ADDED, StepKind.DUE_DATE_CHANGED, StepKind.APPEALED,
     StepKind.ESCALATED, StepKind.FORWARDED}
)  # fmt: skip
"""What the officer has not done himself: while it is the last step, his list points at it."""

INTERNAL_STEPS = frozenset(
    {StepKind.NOTED, StepKind.WORK_GIVEN, StepKind.TAGGED, StepKind.MARK_PROPOSED, StepKind.MARK_REFUSED}
)
"""What the office keeps for itself; the complainant sees every other step."""

INTERNAL_DETAILS: dict[StepKind, frozenset[str]] = {
    StepKind.ACCEPTED: frozenset({"screening", "as_proposed"}),
    StepKind.SERVICE_ORDERED: frozenset({"text"}),
    StepKind.INVESTIGATION_OPENED: frozenset({"text", "investigators"}),
    StepKind.HEARING_RECORDED: frozenset({"text"}),
    StepKind.RECOMMENDED: frozenset({"text"}),
    StepKind.ANSWERED: frozenset({"text", "files"}),
}
"""Of these steps the complainant sees that they happened, not what officers wrote to each other."""
