"""When an unanswered complaint moves up by itself, and where to (G 5.2.2(গ))."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from grs.domain.calendar import WorkingCalendar
from grs.domain.deadlines import DueDate, due_date, is_overdue
from grs.domain.tiers import ChainTier, Tier, TierChain
from grs.domain.workflow import OPEN_STAGES, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """The move of one complaint to the next tier.

    ``late_by`` is how many calendar days passed between the first moment it could be
    made and the day it was: the history tells it when the scheduler was down.
    """

    desk: ChainTier
    due: DueDate
    late_by: int


def escalates_after(chain: TierChain, tier: Tier, stage: Stage, due_on: date) -> date | None:
    """The due date after which the scheduler moves the complaint; None when it never will.

    At the last tier there is nowhere to go: it stays, overdue, on the supervisors' list.
    """
    if stage not in OPEN_STAGES or chain.above(tier) is None:
        return None
    return due_on


def decide_escalation(
    calendar: WorkingCalendar, chain: TierChain, *, tier: Tier, due_on: date, today: date
) -> Escalation | None:
    """Where an overdue complaint goes on ``today``, or None when it is in time or at the top.

    One tier per stay, and the new clock starts on the day the complaint really arrives:
    an officer is never overdue on arrival.
    """
    desk = chain.above(tier)
    if desk is None or not is_overdue(due_on, today):
        return None
    late_by = (today - due_on - timedelta(days=1)).days
    return Escalation(desk=desk, due=due_date(calendar, calendar.on_or_after(today), desk.limit), late_by=late_by)
