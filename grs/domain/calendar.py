"""The days an office is open: is a day open, add and count working days, explain.

Rules 6 to 9 of counting days. Time zone: due dates are dates in Asia/Dhaka.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from grs.domain.errors import DateOutOfRange

DHAKA = ZoneInfo("Asia/Dhaka")
NATIONAL = "national"
ONE_DAY = timedelta(days=1)

YEARS = range(1971, 2200)
"""The years a calendar row or a filing can be of; another year is a slip of the hand."""

FRIDAY, SATURDAY = 4, 5
WEEKEND = (FRIDAY, SATURDAY)

FEWEST_HOLIDAYS_OF_A_YEAR = 10
FIXED_DAYS = ((2, 21), (3, 26), (5, 1), (12, 16), (12, 25))
"""A list is a year's gazette, and not a few changes, when it names these days of every year and
has this many nationwide holidays in all (ours). The gazettes of 2024 to 2026 list 22 to 28."""


class RowKind(StrEnum):
    """What a calendar row declares. Optional holidays (ঐচ্ছিক ছুটি) are always working days."""

    HOLIDAY = "holiday"
    WORKING = "working"
    OPTIONAL = "optional"


class Certainty(StrEnum):
    """How sure a row is; a forecast stands only until the year's gazette is imported."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    FORECAST = "forecast"


class DayKind(StrEnum):
    """Why a day is open or closed, in the order in which the reasons are asked for (rule 6)."""

    LOCAL_CLOSURE = "local_closure"
    LOCAL_WORKING = "local_working"
    DECLARED_WORKING = "declared_working"
    HOLIDAY = "holiday"
    WEEKEND = "weekend"
    WORKING = "working"


OPEN_KINDS = {DayKind.LOCAL_WORKING, DayKind.DECLARED_WORKING, DayKind.WORKING}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRow:
    """One line of a gazette: a day, what it is, for whom, and on whose word.

    ``scope`` is ``national``, ``district:<English name>`` or ``office:<slug>``.
    """

    day: date
    kind: RowKind
    scope: str = NATIONAL
    name_bn: str = ""
    name_en: str = ""
    reference: str = ""
    certainty: Certainty = Certainty.VERIFIED
    announced_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day and why it is open or closed; names and reference are empty for plain days."""

    day: date
    kind: DayKind
    name_bn: str = ""
    name_en: str = ""
    reference: str = ""
    certainty: Certainty = Certainty.VERIFIED

    @property
    def is_open(self) -> bool:
        return self.kind in OPEN_KINDS


def dhaka_date(at: datetime) -> date:
    """The date in Dhaka at an instant (rule 1: decide in Asia/Dhaka, store in UTC)."""
    if at.tzinfo is None:
        raise ValueError("an instant needs its time zone")
    return at.astimezone(DHAKA).date()


def gazetted_years(rows: Iterable[CalendarRow]) -> frozenset[int]:
    """The years for which the rows are a whole gazette and not only a few changes."""
    named: dict[int, set[date]] = {}
    holidays: dict[int, set[date]] = {}
    for row in rows:
        if row.scope != NATIONAL or row.certainty is Certainty.FORECAST or row.kind is RowKind.OPTIONAL:
            continue
        named.setdefault(row.day.year, set()).add(row.day)
        if row.kind is RowKind.HOLIDAY:
            holidays.setdefault(row.day.year, set()).add(row.day)
    return frozenset(
        year
        for year, days in holidays.items()
        if len(days) >= FEWEST_HOLIDAYS_OF_A_YEAR and {date(year, *day) for day in FIXED_DAYS} <= named[year]
    )


class WorkingCalendar:
    """The days an office is open.

    Knows the years in ``gazetted_years`` completely; a due date beyond them is
    provisional, because a deadline guessed without its holidays is a wrong promise.
    Years without any row are counted by the weekend alone.

    Adding and counting cost one bisection of a sorted index, at any distance.
    """

    def __init__(
        self, rows: Iterable[CalendarRow], *, scopes: Collection[str] = (), weekend: tuple[int, ...] = WEEKEND
    ) -> None:
        rows = list(rows)
        self.gazetted_years = gazetted_years(rows)
        self._weekend = frozenset(weekend)
        self._national: dict[date, list[CalendarRow]] = {}
        self._local: dict[date, list[CalendarRow]] = {}
        for row in rows:
            if row.kind is RowKind.OPTIONAL:
                continue
            if row.scope == NATIONAL:
                self._national.setdefault(row.day, []).append(row)
            elif row.scope in scopes:
                self._local.setdefault(row.day, []).append(row)
        self._build_index()

    def _build_index(self) -> None:
        years = {day.year for day in (*self._national, *self._local)} | self.gazetted_years
        self._first = date(min(years, default=2000), 1, 1)
        self._last = date(max(years, default=2000), 12, 31)
        # Sunday-first positions of the open weekdays, and how many are open before each position:
        # the whole calendar outside the index, in closed form.
        self._open_positions = [p for p in range(7) if (p - 1) % 7 not in self._weekend]
        self._open_before = [sum(p < n for p in self._open_positions) for n in range(7)]
        days = []
        day = self._first
        while day <= self._last:
            if self.is_open(day):
                days.append(day)
            day += ONE_DAY
        self._days = days
        self._first_number = self._plain_number(self._first - ONE_DAY)
        self._last_number = self._plain_number(self._last)

    # -- one day ---------------------------------------------------------------

    def day(self, day: date) -> Day:
        """What the day is, by the first rule that applies (rule 6)."""
        for rows, working, closed in (
            (self._local.get(day, ()), DayKind.LOCAL_WORKING, DayKind.LOCAL_CLOSURE),
            (self._national.get(day, ()), DayKind.DECLARED_WORKING, DayKind.HOLIDAY),
        ):
            if not rows:
                continue
            # Locally a closure goes before a working day, nationwide it is the other way round.
            first = RowKind.HOLIDAY if closed is DayKind.LOCAL_CLOSURE else RowKind.WORKING
            chosen = [row for row in rows if row.kind is first] or list(rows)
            kind = working if chosen[0].kind is RowKind.WORKING else closed
            return Day(
                day=day,
                kind=kind,
                name_bn=" / ".join(row.name_bn for row in chosen if row.name_bn),
                name_en=" / ".join(row.name_en for row in chosen if row.name_en),
                reference=" ; ".join(row.reference for row in chosen if row.reference),
                certainty=chosen[0].certainty,
            )
        weekend = day.weekday() in self._weekend
        return Day(day=day, kind=DayKind.WEEKEND if weekend else DayKind.WORKING)

    def is_open(self, day: date) -> bool:
        return self.day(day).is_open

    def on_or_after(self, day: date) -> date:
        """The day itself if the office is open, else the next day it is."""
        return day if self.is_open(day) else self.add_working_days(day, 1)

    # -- counting --------------------------------------------------------------

    def add_working_days(self, start: date, days: int) -> date:
        """The ``days``-th working day after ``start``, which is day 0 and not counted (rule 3).

        Raises ValueError when ``days`` is below 1 and DateOutOfRange past the year 9999.
        """
        if days < 1:
            raise ValueError("a limit is at least one working day")
        index = bisect_right(self._days, start) + days - 1
        if self._first <= start and index < len(self._days):
            return self._days[index]
        return self._add_outside(start, days)

    def subtract_working_days(self, day: date, days: int) -> date:
        """The ``days``-th working day before a day, which itself is not counted."""
        return self._day_numbered(self._number(day - ONE_DAY) - days + 1)

    def count_working_days(self, after: date, through: date) -> int:
        """How many working days lie after ``after`` up to and with ``through``; negative when reversed."""
        return self._number(through) - self._number(after)

    def is_provisional(self, start: date, end: date) -> bool:
        """Whether a year that is not gazetted lies between the two dates (rule 7)."""
        return any(year not in self.gazetted_years for year in range(start.year, end.year + 1))

    def closed_days(self, after: date, before: date) -> Iterator[Day]:
        """Each day between the two, both excluded, on which the office is closed, and why (rule 9)."""
        day = after + ONE_DAY
        while day < before:
            found = self.day(day)
            if not found.is_open:
                yield found
            day += ONE_DAY

    # -- outside the index: the weekend alone, in closed form --------------------

    def _plain_number(self, day: date) -> int:
        weeks, position = divmod(day.toordinal() + 1, 7)  # ordinal 0 would be a Sunday
        return weeks * len(self._open_positions) + self._open_before[position]

    def _plain_day(self, number: int) -> date:
        weeks, position = divmod(number - 1, len(self._open_positions))
        return date.fromordinal(weeks * 7 + self._open_positions[position])

    def _number(self, day: date) -> int:
        """A running number of working days; the first day of the index continues the plain count."""
        if day < self._first:
            return self._plain_number(day)
        number = self._first_number + bisect_right(self._days, day)
        return number if day <= self._last else number + self._plain_number(day) - self._last_number

    def _add_outside(self, start: date, days: int) -> date:
        try:
            return self._day_numbered(self._number(start) + days)
        except (ValueError, OverflowError):
            raise DateOutOfRange(start, days) from None

    def _day_numbered(self, number: int) -> date:
        if number <= self._first_number:
            return self._plain_day(number)
        index = number - self._first_number - 1
        if index < len(self._days):
            return self._days[index]
        return self._plain_day(self._last_number + index - len(self._days) + 1)
