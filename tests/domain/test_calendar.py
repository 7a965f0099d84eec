"""Rules 1 to 9 of counting days, on the gazette calendar that the project ships."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grs.domain.calendar import (
    ONE_DAY,
    CalendarRow,
    Certainty,
    DayKind,
    RowKind,
    WorkingCalendar,
    dhaka_date,
    gazetted_years,
)
from grs.domain.deadlines import (
    due_date,
    earliest_filing,
    expected_dates,
    is_overdue,
    next_reminder,
    received_on,
    skipped_days,
    working_days_left,
)
from grs.domain.errors import DateOutOfRange
from grs.domain.tiers import ChainSource, ChainTier, DayLimit, LimitUnit, Tier, TierChain
from grs.usecases.calendars import shipped_rows

GAZETTE = WorkingCalendar(shipped_rows())
HILLS = WorkingCalendar(shipped_rows(), scopes=["district:Rangamati"])


def row(day: date, kind: RowKind = RowKind.HOLIDAY, **more: object) -> CalendarRow:
    return CalendarRow(day=day, kind=kind, **more)  # type: ignore[arg-type]


def due(start: date, days: int, calendar: WorkingCalendar = GAZETTE) -> date:
    return calendar.add_working_days(start, days)


@pytest.mark.parametrize(
    ("start", "days", "expected", "why"),
    [
        (date(2025, 4, 6), 1, date(2025, 4, 7), "an ordinary Monday"),
        (
            date(2025, 4, 6),
            30,
            date(2025, 5, 20),
            "New Year, May Day, Buddha Purnima, and Saturday 17 May worked",
        ),
        (date(2025, 3, 27), 1, date(2025, 4, 6), "Eid-ul-Fitr: nine days closed in a row"),
        (date(2025, 5, 15), 1, date(2025, 5, 17), "the exchanged Saturday of 17 May counts"),
        (date(2025, 5, 22), 1, date(2025, 5, 24), "the exchanged Saturday of 24 May counts"),
        (date(2025, 6, 4), 1, date(2025, 6, 15), "Eid-ul-Azha: ten days closed in a row"),
        (date(2024, 8, 14), 1, date(2024, 8, 15), "the holiday of 15 August 2024 was cancelled"),
        (date(2024, 12, 30), 2, date(2025, 1, 1), "over new year, which is no holiday"),
        (date(2024, 6, 13), 1, date(2024, 6, 19), "the third day of Eid-ul-Azha 2024 was worked"),
        (date(2024, 7, 18), 1, date(2024, 7, 24), "the curfew holidays of July 2024"),
    ],
)
def test_due_dates_counted_by_hand(start: date, days: int, expected: date, why: str) -> None:
    assert due(start, days) == expected, why


def test_kinds_of_day_in_order_of_precedence() -> None:
    assert GAZETTE.day(date(2025, 4, 11)).kind is DayKind.WEEKEND
    assert GAZETTE.day(date(2025, 5, 17)).kind is DayKind.DECLARED_WORKING
    assert GAZETTE.day(date(2025, 4, 14)).kind is DayKind.HOLIDAY
    assert GAZETTE.day(date(2025, 4, 13)).kind is DayKind.WORKING
    assert HILLS.day(date(2025, 4, 13)).kind is DayKind.LOCAL_CLOSURE
    day = date(2025, 5, 17)
    closed_here = WorkingCalendar(
        [*shipped_rows(), row(day, scope="office:a"), row(day, RowKind.WORKING, scope="office:a")],
        scopes=["office:a"],
    )
    assert closed_here.day(day).kind is DayKind.LOCAL_CLOSURE, "a local closure goes before all else"


def test_two_holidays_on_one_day_are_both_named() -> None:
    assert GAZETTE.day(date(2025, 3, 28)).name_en == "Jumatul Bida / Shab-e-Qadr"


def test_optional_holidays_are_working_days() -> None:
    assert WorkingCalendar([row(date(2025, 4, 13), RowKind.OPTIONAL)]).is_open(date(2025, 4, 13))


def test_a_year_is_gazetted_by_a_whole_list_not_by_one_change() -> None:
    assert GAZETTE.gazetted_years == {2024, 2025, 2026}
    assert gazetted_years([row(date(2027, 3, 1))]) == frozenset()
    forecast = [row(date(2027, 1, n), certainty=Certainty.FORECAST) for n in range(1, 20)]
    assert gazetted_years(forecast) == frozenset()


def test_a_due_date_past_the_gazette_is_provisional() -> None:
    assert not due_date(GAZETTE, date(2026, 11, 1), DayLimit(30)).is_provisional
    assert due_date(GAZETTE, date(2026, 12, 1), DayLimit(30)).is_provisional
    assert due_date(GAZETTE, date(2023, 12, 20), DayLimit(30)).is_provisional, "nor is 2023 known"


@given(
    start=st.dates(date(2019, 1, 1), date(2031, 12, 31)),
    days=st.integers(1, 700),
    rows=st.lists(
        st.builds(row, st.dates(date(2022, 1, 1), date(2027, 12, 31)), st.sampled_from(RowKind)), max_size=60
    ),
)
def test_the_index_agrees_with_a_walk_day_by_day(start: date, days: int, rows: list[CalendarRow]) -> None:
    calendar = WorkingCalendar(rows)
    day, left = start, days
    while left:
        day += ONE_DAY
        left -= calendar.is_open(day)
    assert calendar.add_working_days(start, days) == day
    assert calendar.count_working_days(start, day) == days
    before = calendar.subtract_working_days(day + ONE_DAY, days)
    assert before > start
    assert calendar.count_working_days(before - ONE_DAY, day) == days


@given(start=st.dates(date(1990, 1, 1), date(2060, 1, 1)), days=st.integers(1, 1_000_000))
def test_any_distance_counts_back_to_itself(start: date, days: int) -> None:
    end = GAZETTE.add_working_days(start, days)
    assert GAZETTE.is_open(end)
    assert GAZETTE.count_working_days(start, end) == days


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        due(date(2025, 4, 6), 0)
    with pytest.raises(DateOutOfRange):
        due(date(9990, 1, 1), 10_000)


# -- received on -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filed_at", "expected", "why"),
    [
        (datetime(2025, 4, 6, 17, 59, 59, tzinfo=UTC), date(2025, 4, 6), "23:59:59 in Dhaka is still Sunday"),
        (datetime(2025, 4, 6, 18, 0, tzinfo=UTC), date(2025, 4, 7), "midnight in Dhaka begins Monday"),
        (datetime(2025, 4, 10, 18, 30, tzinfo=UTC), date(2025, 4, 13), "Friday 00:30 counts from Sunday"),
        (
            datetime(2025, 12, 31, 19, 0, tzinfo=UTC),
            date(2026, 1, 1),
            "new year begins six hours earlier than in UTC",
        ),
        (datetime(2025, 5, 17, 4, 0, tzinfo=UTC), date(2025, 5, 17), "a Saturday declared working"),
    ],
)
def test_day_zero(filed_at: datetime, expected: date, why: str) -> None:
    assert received_on(GAZETTE, filed_at) == expected, why


def test_the_cut_off_itself_is_too_late() -> None:
    five = time(17, 0)
    assert received_on(GAZETTE, datetime(2025, 4, 6, 10, 59, 59, tzinfo=UTC), cutoff=five) == date(2025, 4, 6)
    assert received_on(GAZETTE, datetime(2025, 4, 6, 11, 0, 0, tzinfo=UTC), cutoff=five) == date(2025, 4, 7)
    thursday_evening = datetime(2025, 5, 15, 12, 0, tzinfo=UTC)
    assert received_on(GAZETTE, thursday_evening, cutoff=five) == date(2025, 5, 17), "the working Saturday"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        dhaka_date(datetime(2025, 4, 6, 10, 0))


# -- other units, reminders, expected dates ---------------------------------------------------


def test_calendar_days_and_months_roll_on_to_a_working_day() -> None:
    start = date(2025, 5, 6)
    assert due_date(GAZETTE, start, DayLimit(30, LimitUnit.CALENDAR_DAYS)).due_on == date(2025, 6, 15), "Eid"
    assert due_date(GAZETTE, start, DayLimit(2, LimitUnit.MONTHS)).due_on == date(2025, 7, 7), "Ashura"
    assert due_date(GAZETTE, date(2024, 12, 31), DayLimit(2, LimitUnit.MONTHS)).due_on == date(2025, 3, 2)


def test_overdue_begins_on_the_next_calendar_day_working_or_not() -> None:
    thursday = date(2025, 4, 10)
    assert not is_overdue(thursday, thursday)
    assert is_overdue(thursday, date(2025, 4, 11))


def test_days_left_counts_working_days_only() -> None:
    assert working_days_left(GAZETTE, date(2025, 4, 13), date(2025, 4, 10)) == 1
    assert working_days_left(GAZETTE, date(2025, 4, 10), date(2025, 4, 10)) == 0
    assert working_days_left(GAZETTE, date(2025, 4, 10), date(2025, 4, 13)) == -1


def test_reminders_come_five_and_one_working_days_before() -> None:
    due_on = date(2025, 5, 20)
    first = next_reminder(GAZETTE, due_on)
    assert first == date(2025, 5, 14)
    assert next_reminder(GAZETTE, due_on, after=first) == date(2025, 5, 19)
    overdue = next_reminder(GAZETTE, due_on, after=date(2025, 5, 19))
    assert overdue == date(2025, 5, 21), "who still has it then is told that its time is over"
    assert next_reminder(GAZETTE, due_on, after=overdue) is None


def test_every_day_not_counted_is_explained() -> None:
    found = due_date(GAZETTE, date(2025, 4, 6), DayLimit(30))
    skipped = skipped_days(GAZETTE, found)
    assert len(skipped) + 30 == (found.due_on - found.received_on).days
    new_year = next(day for day in skipped if day.day == date(2025, 4, 14))
    assert (new_year.kind, new_year.name_bn) == (DayKind.HOLIDAY, "বাংলা নববর্ষ")
    assert new_year.reference


def test_the_receipt_promises_each_tier_after_the_one_below() -> None:
    chain = TierChain(
        tuple(
            ChainTier(tier=tier, post_id=tier, office_id=tier, limit=DayLimit(days))
            for tier, days in zip(Tier, (30, 20, 60), strict=True)
        ),
        ChainSource.GUIDELINE,
    )
    expected = expected_dates(dict.fromkeys(Tier, GAZETTE), date(2025, 4, 6), chain, first=Tier.GRIEVANCE_OFFICER)
    assert [one.due.due_on for one in expected] == [date(2025, 5, 20), date(2025, 6, 25), date(2025, 9, 22)]
    from_appeal = expected_dates(dict.fromkeys(Tier, GAZETTE), date(2025, 4, 6), chain, first=Tier.APPEAL_OFFICER)
    assert [one.tier for one in from_appeal] == [Tier.APPEAL_OFFICER, Tier.CELL_OFFICER]


def test_lateness_may_be_complained_about_once_the_charters_time_is_over() -> None:
    assert earliest_filing(GAZETTE, date(2025, 4, 6), DayLimit(3)) == date(2025, 4, 10)
    fifteen_days = DayLimit(15, LimitUnit.CALENDAR_DAYS)
    assert earliest_filing(GAZETTE, date(2025, 4, 6), fifteen_days) == date(2025, 4, 22)
    assert earliest_filing(GAZETTE, date(2025, 4, 4), DayLimit(1, LimitUnit.MONTHS)) == date(2025, 5, 5)
    assert earliest_filing(GAZETTE, date(2025, 4, 6), None) is None, "the charter promises no number of days"


@given(st.dates(date(2024, 1, 1), date(2026, 12, 1)))
def test_day_zero_is_always_a_working_day_and_never_before_the_filing(day: date) -> None:
    filed_at = datetime(day.year, day.month, day.day, 6, 0, tzinfo=UTC)
    received = received_on(GAZETTE, filed_at)
    assert GAZETTE.is_open(received)
    assert timedelta(0) <= received - day <= timedelta(days=12)
