"""P10. The calendar changes under open cases: dates follow, each change is in the history, no step lost or doubled."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from grs.bootstrap import House, open_house
from grs.db.calendars import CalendarChange
from grs.db.complaints import Complaint, Step
from grs.domain.calendar import CalendarRow, RowKind
from grs.domain.workflow import StepKind
from grs.usecases.calendars import import_calendar
from tests.conftest import Clock, Template, make_settings
from tests.performance.seeding import seed_complaints
from tests.promises.bench import LONG, seeded, tallied, within
from tests.promises.sweepers import Crew, turn
from tests.promises.test_p01_each_step_exactly_once import waiting
from tests.promises.test_p07_clock_jumps import early_or_doubled
from tests.stories import assert_all_holds
from workers import jobs

SEEDED_AT = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)
CASES = 1_000 if LONG else 150
ROUNDS = 200 if LONG else 8
HOLIDAY = date(2025, 5, 18)


def change(house: House, kind: RowKind, day: date = HOLIDAY, *, reference: str = "SRO 7", number: int = 0) -> None:
    announced = date(2025, 5, 1) + timedelta(days=number // 20)
    row = CalendarRow(
        day=day, kind=kind, name_bn="বিশেষ", name_en=f"Special {number}", reference=reference, announced_on=announced
    )
    with house.writers.begin() as session:
        import_calendar(session, [row], now=house.clock(), reference=reference, person_id=None)


def due_dates(house: House) -> set[date]:
    with house.readers() as session:
        return set(session.scalars(select(Complaint.due_on)))


def test_dates_follow_the_gazette_and_a_holiday_taken_back_escalates_once(house: House, clock: Clock) -> None:
    clock.now = SEEDED_AT
    with tallied(f"P10 gazette, {house.engine.dialect.name}") as tally:
        seed_complaints(house, CASES, due_on=date(2025, 5, 20))
        assert due_dates(house) == {date(2025, 5, 20)}
        clock.now = datetime(2025, 5, 10, 4, 0, tzinfo=UTC)
        change(house, RowKind.HOLIDAY)
        assert jobs.run(house, "recalculate")["moved"] == CASES
        assert due_dates(house) == {date(2025, 5, 21)}
        with house.readers() as session:
            told = [
                json.loads(details)
                for details in session.scalars(select(Step.details).where(Step.kind == StepKind.DUE_DATE_CHANGED))
            ]
        assert len(told) == CASES
        assert {(one["was_due_on"], one["due_on"], one["reference"]) for one in told} == {
            ("2025-05-20", "2025-05-21", "SRO 7")
        }
        clock.now = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
        assert jobs.run(house, "escalate")["escalated"] == 0, "in time until the end of the day"
        change(house, RowKind.WORKING, reference="SRO 8")
        jobs.run(house, "recalculate")
        assert jobs.run(house, "escalate")["escalated"] == CASES, "overdue by the day that is none any more, at once"
        assert jobs.run(house, "escalate")["escalated"] == 0
        tally.rounds, tally.faults = CASES, 2
        tally.lost, tally.doubled = early_or_doubled(house)
        assert_all_holds(house)


@pytest.mark.xdist_group("p01")
def test_changes_while_two_workers_count_and_escalate_lose_and_double_nothing(
    database: Template, tmp_path: Path
) -> None:
    chance = seeded()
    clock = Clock(SEEDED_AT)
    house = open_house(make_settings(database.url, tmp_path), clock=clock)
    seed_complaints(house, 60, due_on=date(2025, 5, 20))
    file = tmp_path / "clock"
    clock.now = datetime(2025, 5, 10, 4, 0, tzinfo=UTC)
    turn(file, clock.now)
    crew = Crew(database.url, tmp_path, file, 2, chance, ("escalate", "recalculate"))

    def is_applied() -> bool:
        crew.replace()
        with house.readers() as session:
            return not session.scalar(select(func.count(CalendarChange.id)).where(CalendarChange.applied_at.is_(None)))

    with tallied(f"P10 race, {house.engine.dialect.name}") as tally:
        try:
            for number in range(ROUNDS):
                kind = RowKind.HOLIDAY if number % 2 == 0 else RowKind.WORKING
                day = HOLIDAY + timedelta(days=7 * (number % 3))
                change(house, kind, day, reference=f"SRO {number}", number=number)
                tally.rounds += 1
                tally.faults += 1
                if chance.random() < 0.2:
                    crew.kill_one()
                time.sleep(chance.uniform(0, 0.1))
                clock.forward(hours=6)
                turn(file, clock.now)
                if number % 20 == 19:
                    assert within(60, is_applied), "a change was not applied"
            clock.forward(minutes=5)
            turn(file, clock.now)
            assert within(60, is_applied), "a change was not applied"
            clock.now = datetime(2025, 12, 1, tzinfo=UTC)
            turn(file, clock.now)

            def is_done() -> bool:
                crew.replace()
                return not waiting(house, date(2025, 12, 1))

            assert within(60, is_done)
        finally:
            crew.stop()
        tally.lost, tally.doubled = early_or_doubled(house)
        assert_all_holds(house)
    house.close()


def test_control_a_change_that_nobody_applies_is_seen(house: House, clock: Clock) -> None:
    clock.now = SEEDED_AT
    seed_complaints(house, 3, due_on=date(2025, 5, 20))
    clock.now = datetime(2025, 5, 10, 4, 0, tzinfo=UTC)
    change(house, RowKind.HOLIDAY)
    with house.writers.begin() as session:
        for one in session.scalars(select(CalendarChange)):
            one.applied_at = clock.now
    with pytest.raises(AssertionError, match="day by day it is 2025-05-21"):
        assert_all_holds(house)
