"""P8. The site's due dates are those that a slow counter finds, day by day, in whatever zone an instant was told."""

from __future__ import annotations

import csv
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.domain.calendar import WorkingCalendar
from grs.domain.deadlines import due_date, received_on
from grs.domain.tiers import DayLimit
from grs.settings import CONFIG
from grs.usecases.calendars import shipped_rows, with_forecast
from tests.conftest import Clock
from tests.promises.bench import LONG, seeded, tallied
from tests.stories import lodge

ZONES = ["Asia/Dhaka", "Asia/Kolkata", "Europe/London", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"]
EACH = 10_000
DHAKA = timedelta(hours=6)
FIRST, LAST = datetime(2023, 12, 20, tzinfo=UTC), datetime(2026, 9, 20, tzinfo=UTC)


def read_days() -> tuple[set[date], set[date]]:
    """Holidays and days declared working, read off the files by this test alone."""
    holidays, working = set(), set()
    for file in sorted((CONFIG / "calendars").glob("*.csv")):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                if row.get("scope", "national") in ("", None, "national"):
                    {"holiday": holidays, "working": working}[row["kind"]].add(date.fromisoformat(row["date"]))
    return holidays, working


HOLIDAYS, DECLARED = read_days()


def slow_is_open(day: date) -> bool:
    return day in DECLARED or (day.weekday() not in (4, 5) and day not in HOLIDAYS)


def slow_due_date(at: datetime, days: int) -> date:
    """Walk: Dhaka is six hours ahead of UTC all the year; the first open day is day 0."""
    day = (at.astimezone(UTC) + DHAKA).date()
    while not slow_is_open(day):
        day += timedelta(days=1)
    while days:
        day += timedelta(days=1)
        days -= slow_is_open(day)
    return day


def starts(chance: random.Random, zone: str, number: int) -> Iterator[datetime]:
    """Random wall-clock times of a zone, some of which never were; and the seconds around midnight in Dhaka."""
    span = int((LAST - FIRST).total_seconds())
    for n in range(number):
        at = (FIRST + timedelta(seconds=chance.randrange(span))).astimezone(ZoneInfo(zone))
        if n % 10 == 0:
            midnight = at.astimezone(UTC).replace(hour=18, minute=0, second=0, microsecond=0)
            at = (midnight - timedelta(seconds=n // 10 % 2)).astimezone(ZoneInfo(zone))
        yield at


@pytest.fixture(scope="module")
def calendar() -> WorkingCalendar:
    return WorkingCalendar(with_forecast(shipped_rows(), until=2028))


def differences(calendar: WorkingCalendar, chance: random.Random, zone: str, number: int) -> int:
    wrong = 0
    for at in starts(chance, zone, number):
        days = chance.choice((3, 10, 20, 30, 60))
        if at > LAST - timedelta(days=150) and days > 30:
            days = 20
        wrong += due_date(calendar, received_on(calendar, at), DayLimit(days)).due_on != slow_due_date(at, days)
    return wrong


def test_sixty_thousand_due_dates_are_those_of_the_slow_counter(calendar: WorkingCalendar) -> None:
    chance = seeded()
    with tallied("P8 due dates") as tally:
        for zone in ZONES:
            tally.lost += differences(calendar, chance, zone, EACH)
            tally.rounds += EACH


def test_control_a_counter_that_forgets_one_holiday_is_seen(calendar: WorkingCalendar) -> None:
    rows = [row for row in with_forecast(shipped_rows(), until=2028) if row.day != date(2025, 3, 26)]
    assert differences(WorkingCalendar(rows), random.Random(1), "Asia/Dhaka", 2_000) > 0


@pytest.fixture
def other_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The process and its database sessions live in a zone whose days are not ours."""
    zone = "Pacific/Apia"
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("PGTZ", zone)
    time.tzset()
    yield zone
    monkeypatch.undo()
    os.environ.pop("TZ", None)
    time.tzset()


def test_the_zone_of_process_and_database_changes_nothing(
    other_zone: str, house: House, clock: Clock, tmp_path: Path
) -> None:
    chance = seeded()
    with tallied(f"P8 {house.engine.dialect.name} in {other_zone}") as tally:
        if house.engine.dialect.name == "postgresql":
            with house.engine.connect() as connection:
                assert connection.execute(text("SHOW TimeZone")).scalar() == other_zone
        for at in starts(chance, "Asia/Dhaka", 100 if LONG else 20):
            clock.now = max(at.astimezone(UTC), datetime(2025, 1, 6, tzinfo=UTC))
            number = lodge(house, mobile=f"017{chance.randrange(10**8):08d}").complaint.tracking_number
            with house.readers() as session:
                found = session.scalars(select(Complaint).where(Complaint.tracking_number == number)).one()
            tally.lost += found.filed_at != clock.now or found.due_on != slow_due_date(clock.now, 30)
            tally.rounds += 1
