"""Who may appeal, and until when (G 6.2)."""

from __future__ import annotations

from datetime import date, timedelta

from grs.domain.calendar import WorkingCalendar
from grs.domain.deadlines import add_months
from grs.domain.errors import AppealNotPossible, AppealTooLate
from grs.domain.tiers import Tier, TierChain
from grs.domain.workflow import Action, Stage

REMINDER_DAYS = (7, 1)
"""How many days before the window closes the complainant is reminded (ours)."""


def next_appeal_reminder(last_day: date, *, after: date | None = None) -> date | None:
    """The next day on which the complainant is told that the window closes, or None when all are out.

    ``after`` is the day of the reminder just sent; None before the first.
    """
    days = (last_day - timedelta(days=n) for n in REMINDER_DAYS)
    return next((day for day in days if after is None or day > after), None)


def last_day_to_appeal(calendar: WorkingCalendar, *, told_on: date, due_on: date) -> date:
    """One calendar month from the day the result was sent or the tier's limit ran out.

    Ours: whichever is later for the citizen; a closed last day rolls on to the next working day.
    """
    return calendar.on_or_after(add_months(max(told_on, due_on), 1))


def check_appeal(
    chain: TierChain, *, stage: Stage, tier: Tier, ended_by: Action | None, last_day: date, today: date
) -> None:
    """Raise AppealNotPossible or AppealTooLate when the complainant may not appeal today.

    ``ended_by`` is what ended the stay: who withdrew his complaint himself has no decision to contest.
    """
    if stage is not Stage.DISPOSED:
        raise AppealNotPossible("not_disposed")
    if ended_by is Action.WITHDRAW:
        raise AppealNotPossible("withdrawn")
    if chain.above(tier) is None:
        raise AppealNotPossible("last_tier")
    if today > last_day:
        raise AppealTooLate(last_day)
