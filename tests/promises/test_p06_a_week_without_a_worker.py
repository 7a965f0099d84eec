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


def test_nine_days_later_each_step_is_made_once_and_told_once(house: House, clock: Clock) -> None:
    clock.now = datetime(2025, 4, 20, 4, 0, tzinfo=UTC)
    due_on = slow_due_date(clock.now, 30)
    assert due_on < date(2025, 6, 6)
    seed_complaints(house, CASES, due_on=due_on)
    clock.now = BACK_AT
    with tallied(f"P6 {house.engine.dialect.name}") as tally:
        for _ in range(3):  # and started again and again
            for job in TIMETABLE:
                run(house, job)
            clock.forward(minutes=5)
        with house.readers() as session:
            steps = session.scalars(select(Step).where(Step.kind == StepKind.ESCALATED)).all()
            stays = session.scalars(select(Assignment).where(Assignment.tier == 2)).all()
            letters = Counter(
                session.scalars(
                    select(Message.complaint_id).where(Message.letter == "escalated", Message.channel == "email")
                )
            )
            top = session.scalars(select(Complaint.tier)).all()
        tally.rounds, tally.faults = CASES, 1
        tally.lost = CASES - len({step.complaint_id for step in steps}) + CASES - len(letters)
        tally.doubled = len(steps) - CASES + sum(times - 1 for times in letters.values())
        assert set(top) == {2}, "nothing skips a tier because its time would be over too"
        for step in steps:
            told = json.loads(step.details)
            assert dhaka_date(step.happened_at) == dhaka_date(BACK_AT), "the instant at which it was done"
            assert told["was_due_on"] == due_on.isoformat(), "and that at which it was due"
            assert told["late_by"] == (dhaka_date(BACK_AT) - due_on).days - 1
        assert {stay.due_on for stay in stays} == {slow_due_date(BACK_AT, 20)}, "the next clock starts when it arrives"
        assert_all_holds(house)


def test_control_a_sweep_that_catches_up_tier_by_tier_in_one_round_is_seen(house: House, clock: Clock) -> None:
    """Were the next clock started from the due date, a case could be overdue on arrival; the check above sees it."""
    clock.now = datetime(2025, 4, 20, 4, 0, tzinfo=UTC)
    due_on = slow_due_date(clock.now, 30)
    assert slow_due_date(datetime(due_on.year, due_on.month, due_on.day, tzinfo=UTC), 20) != slow_due_date(BACK_AT, 20)
