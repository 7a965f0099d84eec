"""P7. Whatever the clocks do, no step comes before its due date, none twice, and the history keeps its order."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from grs.bootstrap import House, open_house
from grs.db.complaints import Step
from grs.domain.calendar import dhaka_date
from grs.domain.workflow import StepKind
from grs.usecases import accounts
from tests.conftest import Clock, Template, make_settings
from tests.performance.seeding import seed_complaints
from tests.promises.bench import seeded, tallied, within
from tests.promises.sweepers import Crew, turn
from tests.promises.test_p01_each_step_exactly_once import waiting
from tests.stories import assert_all_holds

SEEDED_AT = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)
START = datetime(2025, 5, 20, 17, 0, tzinfo=UTC)
"""23:00 in Dhaka of the day on which all are due."""
CASES = 60
JUMPS = [
    timedelta(days=1), -timedelta(days=1), -timedelta(minutes=10), timedelta(minutes=59), timedelta(seconds=1),
    -timedelta(seconds=1), timedelta(days=30), -timedelta(days=29),
]  # fmt: skip


def early_or_doubled(house: House) -> tuple[int, int]:
    """The oracle: escalations of a day that was not past the due date, and a tier reached twice."""
    early = doubled = 0
    seen = set()
    with house.readers() as session:
        for step in session.scalars(select(Step).where(Step.kind == StepKind.ESCALATED)):
            told = json.loads(step.details)
            early += dhaka_date(step.happened_at) <= date.fromisoformat(told["was_due_on"])
            doubled += (step.complaint_id, told["to_tier"]) in seen
            seen.add((step.complaint_id, told["to_tier"]))
    return early, doubled


@pytest.mark.xdist_group("p01")
def test_workers_whose_clocks_jump_and_differ_move_each_case_once(database: Template, tmp_path: Path) -> None:
    house = open_house(make_settings(database.url, tmp_path), clock=Clock(SEEDED_AT))
    seed_complaints(house, CASES, due_on=date(2025, 5, 20))
    chance = seeded()
    clocks = [tmp_path / "clock", tmp_path / "clock-90-s-later"]
    now = START
    with tallied(f"P7 {house.engine.dialect.name}") as tally:
        for clock in clocks:
            turn(clock, now)
        crews = [Crew(database.url, tmp_path, clock, 1, chance) for clock in clocks]
        try:
            for jump in JUMPS:
                now += jump
                turn(clocks[0], now)
                turn(clocks[1], now + timedelta(seconds=90))
                time.sleep(0.4)
                for crew in crews:
                    crew.replace()
                tally.faults += 1
            last = datetime(2025, 9, 1, tzinfo=UTC)
            for clock in clocks:
                turn(clock, last)

            def is_done() -> bool:
                for crew in crews:
                    crew.replace()
                return not waiting(house, dhaka_date(last))

            assert within(60, is_done)
        finally:
            for crew in crews:
                crew.stop()
        tally.rounds = CASES
        tally.lost, tally.doubled = early_or_doubled(house)
        assert_all_holds(house)
    house.close()


@pytest.mark.parametrize("when", [datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), datetime(2100, 2, 28, 20, tzinfo=UTC)])
def test_the_ends_of_other_peoples_calendars_are_days_like_any(house: House, clock: Clock, when: datetime) -> None:
    from workers import jobs

    clock.now = when
    jobs.run(house, "watch")  # forecasts the years to come
    seed_complaints(house, 3, due_on=dhaka_date(when))
    clock.forward(days=2)
    assert jobs.run(house, "escalate")["escalated"] == 3
    assert early_or_doubled(house) == (0, 0)


def test_a_clock_that_goes_back_opens_no_session_that_was_over(house: House, clock: Clock, database: Template) -> None:
    login = database.logins[0]
    with house.writers.begin() as session:
        entry = accounts.log_in(session, login.email, login.password, now=clock.now)
        assert entry is not None
        accounts.log_out(session, entry.token, now=clock.now)
    clock.forward(days=-1)
    with house.readers() as session:
        assert accounts.live_session(session, entry.token, now=clock.now, idle=timedelta(hours=1)) is None


def test_control_a_sweep_that_takes_the_due_date_itself_for_overdue_is_seen(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grs.usecases import escalation
    from workers import jobs

    seed_complaints(house, 3, due_on=date(2025, 5, 20))
    clock.now = datetime(2025, 5, 20, 4, 0, tzinfo=UTC)
    overdue = escalation._overdue
    monkeypatch.setattr("grs.usecases.escalation._overdue", lambda today: overdue(today + timedelta(days=1)))
    monkeypatch.setattr("grs.domain.escalation.is_overdue", lambda due_on, today: True)
    jobs.run(house, "escalate")
    assert early_or_doubled(house)[0] == 3
