"""P6. The worker was away for nine days: all is caught up, in order, once, and the history says how late."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime

from sqlalchemy import select

from grs.bootstrap import House
from grs.db.complaints import Assignment, Complaint, Step
from grs.db.messages import Message
from grs.domain.calendar import dhaka_date
from grs.domain.workflow import StepKind
from tests.conftest import Clock
from tests.performance.seeding import seed_complaints
from tests.promises.bench import LONG, tallied
from tests.promises.test_p08_zones import slow_due_date
from tests.stories import assert_all_holds
from workers.jobs import run
from workers.scheduler import TIMETABLE

CASES = 500 if LONG else 40
BACK_AT = datetime(2025, 6, 15, 4, 0, tzinfo=UTC)
"""The Sunday after Eid-ul-Azha 2025: whoever was due on 3 June has waited over a weekend and the holidays."""


def wrong_in(house: House, due_on: date) -> list[str]:
    """What is not as promised of complaints that were due on a day and moved when the worker came back."""
    with house.readers() as session:
        steps = session.scalars(select(Step).where(Step.kind == StepKind.ESCALATED)).all()
        stays = session.scalars(select(Assignment).where(Assignment.tier > 1)).all()
        top = session.scalars(select(Complaint.tier)).all()
    wrong = []
    if set(top) != {2}:
        wrong.append("a tier is skipped because its time would be over too")
    for step in steps:
        told = json.loads(step.details)
        if dhaka_date(step.happened_at) != dhaka_date(BACK_AT):
            wrong.append("not the instant at which it was done")
        if told["was_due_on"] != due_on.isoformat() or told["late_by"] != (dhaka_date(BACK_AT) - due_on).days - 1:
            wrong.append("not the instant at which it was due")
    if {stay.due_on for stay in stays} != {slow_due_date(BACK_AT, 20)}:
        wrong.append("the next clock starts at another time than on arrival")
    return sorted(set(wrong))


def nine_days_of_waiting(house: House, clock: Clock) -> date:
    """Complaints whose due date passes while no worker runs; the clock stands at its return."""
    clock.now = datetime(2025, 4, 20, 4, 0, tzinfo=UTC)
    due_on = slow_due_date(clock.now, 30)
    assert due_on < date(2025, 6, 6)
    seed_complaints(house, CASES, due_on=due_on)
    clock.now = BACK_AT
    return due_on


def test_nine_days_later_each_step_is_made_once_and_told_once(house: House, clock: Clock) -> None:
    due_on = nine_days_of_waiting(house, clock)
    with tallied(f"P6 {house.engine.dialect.name}") as tally:
        for _ in range(3):  # and started again and again
            for job in TIMETABLE:
                run(house, job)
            clock.forward(minutes=5)
        with house.readers() as session:
            steps = session.scalars(select(Step.complaint_id).where(Step.kind == StepKind.ESCALATED)).all()
            letters = Counter(
                session.scalars(
                    select(Message.complaint_id).where(Message.letter == "escalated", Message.channel == "email")
                )
            )
        tally.rounds, tally.faults = CASES, 1
        tally.lost = CASES - len(set(steps)) + CASES - len(letters)
        tally.doubled = len(steps) - CASES + sum(times - 1 for times in letters.values())
        assert wrong_in(house, due_on) == []
        assert_all_holds(house)


def test_control_a_worker_that_acts_as_if_it_had_never_been_away_is_seen(house: House, clock: Clock) -> None:
    """It does what was due as of the day on which it was due, one round after the other."""
    due_on = nine_days_of_waiting(house, clock)
    clock.now = datetime(2025, 6, 4, 4, 0, tzinfo=UTC)
    run(house, "escalate")
    clock.now = datetime(2025, 7, 30, 4, 0, tzinfo=UTC)
    run(house, "escalate")
    assert len(wrong_in(house, due_on)) == 4
