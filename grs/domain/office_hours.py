"""When officers get their letters: on working days in office hours, one letter instead of many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from grs.domain.calendar import DHAKA, WorkingCalendar, dhaka_date

MOST_SINGLE_LETTERS = 5
"""More than this many in a day come as one letter."""


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """From when to when offices work, by the clock in Dhaka; the closing time is after hours."""

    opens: time
    closes: time

    def holds(self, calendar: WorkingCalendar, at: datetime) -> bool:
        """Whether the offices are at work at an instant."""
        return calendar.is_open(dhaka_date(at)) and self.opens <= at.astimezone(DHAKA).time() < self.closes

    def last_hour(self, at: datetime) -> datetime:
        """When the last hour of a day's work begins."""
        return datetime.combine(dhaka_date(at), self.closes, DHAKA) - timedelta(hours=1)


class Coming(StrEnum):
    """How what waits for an officer comes to him."""

    SINGLY = "singly"
    AS_ONE = "as_one"
    LATER = "later"


def how_letters_come(*, already: int, waiting: int, has_come_as_one: bool, is_last_hour: bool) -> Coming:
    """A few a day come singly; more come as one letter, at once and again in the last hour.

    ``already`` is how many came today, those in one letter included.
    """
    if already + waiting <= MOST_SINGLE_LETTERS:
        return Coming.SINGLY
    if is_last_hour:
        return Coming.AS_ONE if waiting > 1 else Coming.SINGLY
    return Coming.AS_ONE if waiting > 1 and not has_come_as_one else Coming.LATER
