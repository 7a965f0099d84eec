"""Who may appeal, and until when (G 6.2)."""

from __future__ import annotations

from datetime import date

from grs.domain.calendar import WorkingCalendar
from grs.domain.deadlines import add_months
from grs.domain.errors import AppealNotPossible, AppealTooLate
from grs.domain.tiers import Tier, TierChain
from grs.domain.workflow import Stage


def last_day_to_appeal(calendar: WorkingCalendar, *, told_on: date, due_on: date) -> date:
    """One calendar month from the day the result was sent or the tier's limit ran out.

    Ours: whichever is later for the citizen; a closed last day rolls on to the next working day.
    """
    return calendar.on_or_after(add_months(max(told_on, due_on), 1))


def check_appeal(chain: TierChain, *, stage: Stage, tier: Tier, last_day: date, today: date) -> None:
    """Raise AppealNotPossible or AppealTooLate when the complainant may not appeal today."""
    if stage is not Stage.DISPOSED:
        raise AppealNotPossible("not_disposed")
    if chain.above(tier) is None:
        raise AppealNotPossible("last_tier")
    if today > last_day:
        raise AppealTooLate(last_day)
