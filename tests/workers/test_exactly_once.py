"""Each overdue complaint moves exactly once, with all its letters; `tests/promises/` kills workers meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from grs.bootstrap import House, open_house
from grs.db.complaints import Assignment, Complaint, Step
from grs.db.messages import Message
from grs.db.offices import Office
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, StepKind
from grs.usecases import escalation
from tests.conftest import Clock, Template, make_settings
from tests.performance.seeding import seed_complaints
from tests.stories import assert_all_holds

LETTERS_EACH = 5  # complainant, new officer, old officer, supervisors of both offices
COORDINATED = "Rangpur"  # the district whose coordinator is told too
SEEDED_AT = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)
SWEPT_AT = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)


def waiting(house: House) -> int:
    with house.readers() as session:
        query = select(func.count()).where(Complaint.escalates_after < date(2025, 5, 21))
        return session.scalar(query) or 0


def assert_each_moved_once(house: House) -> None:
    with house.readers() as session:
        stays = session.scalars(select(Assignment)).all()
        ended = Counter(stay.complaint_id for stay in stays if stay.ended_by is Action.ESCALATE)
        arrived = Counter(stay.complaint_id for stay in stays if stay.tier is Tier.APPEAL_OFFICER)
        steps = Counter(session.scalars(select(Step.complaint_id).where(Step.kind == StepKind.ESCALATED)))
        letters = Counter(session.scalars(select(Message.complaint_id).where(Message.step_sequence == 2)))
        numbers = {number: one for one, number in session.execute(select(Complaint.id, Complaint.tracking_number))}
        ids = set(numbers.values())
        first_stays = select(Assignment.complaint_id).join(Office, Office.id == Assignment.office_id)
        coordinated = set(
            session.scalars(first_stays.where(Office.district_en == COORDINATED, Assignment.sequence == 1))
        )
        # Where many move in a run, supervisors are told in lists: each complaint once in each of them.
        for facts in session.scalars(select(Message.facts).where(Message.letter == "escalated_list")):
            letters.update(numbers[line["tracking_number"]] for line in json.loads(facts or "")["lines"])
    for what, counted in {"ended": ended, "arrived": arrived, "steps": steps}.items():
        assert counted == Counter(dict.fromkeys(ids, 1)), what
    assert letters == Counter({one: LETTERS_EACH + (one in coordinated) for one in ids})
    assert_all_holds(house)


@pytest.mark.xdist_group("processes")
def test_two_sweeps_of_the_same_stay_cannot_both_win(database: Template, tmp_path: Path) -> None:
    """The control: without the lock the key of the stay still makes the second one lose."""
    from sqlalchemy.exc import IntegrityError

    house = open_house(make_settings(database.url, tmp_path), clock=Clock(SEEDED_AT))
    seed_complaints(house, 1, due_on=date(2025, 5, 20))
    sweep = escalation._Sweep(house.shelf, SWEPT_AT)
    with house.readers() as session:
        seen = session.execute(escalation._overdue(sweep.today)).all()
    with house.writers.begin() as session:
        escalation._escalate_batch(session, sweep, seen)
    with pytest.raises(IntegrityError), house.writers.begin() as session:
        escalation._escalate_batch(session, sweep, seen)
    assert_each_moved_once(house)
    house.close()


def test_a_round_with_nothing_due_writes_nothing(house: House) -> None:
    seed_complaints(house, 3, due_on=date(2025, 5, 20))
    on_the_last_day = datetime(2025, 5, 20, 17, 59, 59, tzinfo=UTC)  # 23:59:59 in Dhaka
    assert escalation.escalate_overdue(house.writers, shelf=house.shelf, now=on_the_last_day)["escalated"] == 0


def test_a_dry_run_counts_and_changes_nothing(house: House) -> None:
    seed_complaints(house, 3, due_on=date(2025, 5, 20))
    counts = escalation.escalate_overdue(house.writers, shelf=house.shelf, now=SWEPT_AT, dry_run=True)
    assert counts["escalated"] == 3
    assert waiting(house) == 3
