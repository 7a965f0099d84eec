"""From an instant to a due date: received on, limits, expected dates, days left, reminders."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from grs.domain.calendar import DHAKA, ONE_DAY, Day, WorkingCalendar
from grs.domain.tiers import DayLimit, LimitUnit, Tier, TierChain

REMINDER_WORKING_DAYS = (5, 1)
"""How long before the due date the officer is reminded (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    """The last day still in time, and the day it is counted from (day 0)."""

    received_on: date
    due_on: date
    is_provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedDate:
    """By when a tier answers, if every tier below it takes its whole time."""

    tier: Tier
    due: DueDate


def received_on(calendar: WorkingCalendar, filed_at: datetime, *, cutoff: time | None = None) -> date:
    """Day 0: the Dhaka date of filing if the office is open then, else its next working day (rule 2).

    At or after ``cutoff`` (Dhaka time) it counts as the day after; without one a complaint
    is received whenever it enters the system (ICT Act 2006 s.15).
    """
    return calendar.on_or_after(counts_as_filed_on(filed_at, cutoff=cutoff))


def counts_as_filed_on(filed_at: datetime, *, cutoff: time | None = None) -> date:
    """The Dhaka date of filing, or the day after it from ``cutoff`` on, whether or not the office is open then."""
    local = filed_at.astimezone(DHAKA)
    return local.date() + ONE_DAY * (cutoff is not None and local.time() >= cutoff)


def paper_due_date(
    calendar: WorkingCalendar, paper_day: date, limit: DayLimit, *, keyed_on: date, extra: int = 0
) -> DueDate:
    """The due date of a form on paper: counted from the day it was received (G 6.1(জ)).

    Ours: a form that was keyed in when its time was over already counts from that day, so that no
    officer is overdue on arrival.
    """
    on_paper = calendar.on_or_after(paper_day)
    is_over = due_date(calendar, on_paper, limit).due_on < keyed_on
    return due_date(calendar, calendar.on_or_after(keyed_on) if is_over else on_paper, limit, extra=extra)


def due_date(calendar: WorkingCalendar, received: date, limit: DayLimit, *, extra: int = 0) -> DueDate:
    """The due date of a limit counted from the day received, which is day 0 (rules 3 and 5).

    ``extra`` working days, which an investigation adds, are counted on from there (G 7.4.1(ক)).
    """
    if limit.unit is LimitUnit.WORKING_DAYS:
        due_on = calendar.add_working_days(received, limit.amount)
    elif limit.unit is LimitUnit.CALENDAR_DAYS:
        due_on = calendar.on_or_after(received + timedelta(days=limit.amount))
    else:
        due_on = calendar.on_or_after(add_months(received, limit.amount))
    if extra:
        due_on = calendar.add_working_days(due_on, extra)
    return DueDate(received_on=received, due_on=due_on, is_provisional=calendar.is_provisional(received, due_on))


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def expected_dates(
    calendars: Mapping[Tier, WorkingCalendar], received: date, chain: TierChain, *, first: Tier
) -> list[ExpectedDate]:
    """The dates a receipt promises: each tier starts the day after the one below ran out.

    Each tier counts on the calendar of the office that answers at it.
    """
    expected: list[ExpectedDate] = []
    for desk in chain:
        if desk.tier < first:
            continue
        calendar = calendars[desk.tier]
        start = calendar.on_or_after(expected[-1].due.due_on + ONE_DAY) if expected else received
        expected.append(ExpectedDate(tier=desk.tier, due=due_date(calendar, start, desk.limit)))
    return expected


def clock_goes_on(calendar: WorkingCalendar, *, due_on: date, stopped_on: date) -> DayLimit:
    """What is left of a limit when its clock stood still from a day on: its working days, at least one (ours)."""
    return DayLimit(max(working_days_left(calendar, due_on, stopped_on), 1))


def skipped_days(calendar: WorkingCalendar, due: DueDate) -> list[Day]:
    """Each day between day 0 and the due date that was not counted, and why."""
    return list(calendar.closed_days(due.received_on, due.due_on))


POST_WORKING_DAYS = 7
"""Within how many working days the complainant is told of a disposal (G 7.4(ছ))."""


def post_by(calendar: WorkingCalendar, written_on: date) -> date:
    """The last day on which a letter on paper may leave."""
    return calendar.add_working_days(written_on, POST_WORKING_DAYS)


def is_overdue(due_on: date, today: date) -> bool:
    """In time until the end of the due date; overdue from 00:00 Dhaka of the next day (rule 4)."""
    return today > due_on


def working_days_left(calendar: WorkingCalendar, due_on: date, today: date) -> int:
    """Working days until the due date: 0 on the day itself, negative when it is past."""
    return calendar.count_working_days(today, due_on)


def earliest_filing(calendar: WorkingCalendar, applied_on: date, limit: DayLimit | None) -> date | None:
    """From which day lateness may be complained about, or None for at once (G 6.1(ঙ)).

    The day after the charter's time, counted from the date of application, has run out. Working
    days count from the first day on which the office is open. A charter without a number of days
    promises nothing that could run out.
    """
    if limit is None:
        return None
    is_in_working_days = limit.unit is LimitUnit.WORKING_DAYS
    start = calendar.on_or_after(applied_on) if is_in_working_days else applied_on
    return due_date(calendar, start, limit).due_on + ONE_DAY


def next_reminder(calendar: WorkingCalendar, due_on: date, *, after: date | None = None) -> date | None:
    """The next day on which the officer is reminded, or None when the last reminder is out.

    The last one is the first day past the due date, for who still has it then. ``after`` is the day of
    the reminder just sent; None before the first.
    """
    for working_days in REMINDER_WORKING_DAYS:
        day = calendar.subtract_working_days(due_on, working_days)
        if after is None or day > after:
            return day
    last = due_on + ONE_DAY
    return last if after is None or last > after else None
