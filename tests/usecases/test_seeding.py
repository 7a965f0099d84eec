"""Seeded complaints are as if they had happened: every invariant holds, and the next sweep finds those overdue."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, select

from grs.bootstrap import House
from grs.db.base import Base
from grs.db.complaints import Complaint, ComplaintText
from grs.domain.errors import InvalidInput
from grs.domain.workflow import OPEN_STAGES
from grs.usecases.lodging import searched_text
from grs.usecases.seed_cases import COLUMNS
from grs.usecases.seeding import seed
from tests.conftest import Clock
from tests.stories import assert_all_holds, lodge
from workers import jobs

NOW = datetime(2025, 12, 1, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(("processes", "now"), [(1, NOW), (2, NOW), (1, datetime(2025, 12, 1, 18, 30, tzinfo=UTC))])
def test_what_is_seeded_could_have_happened(house: House, clock: Clock, processes: int, now: datetime) -> None:
    """Also when the day is half an hour old and the night's sweep is still to come."""
    clock.now = now
    done: list[int] = []
    before = {table: {one["name"] for one in inspect(house.engine).get_indexes(table)} for table in COLUMNS}
    seed(
        house.engine, house.writers, shelf=house.shelf, now=now, complaints=2_500 if processes > 1 else 600, overdue=70,
        offices=8, months=10, progress=done.append, processes=processes,
    )  # fmt: skip
    with house.readers() as session:
        complaints = session.scalars(select(Complaint)).all()
        texts = {one.complaint_id: one.search_text for one in session.scalars(select(ComplaintText))}
    assert len(complaints) == done[-1] == (2_500 if processes > 1 else 600)
    rated = [one.step_count for one in complaints if one.step_count == 12]
    assert len(rated) > 0.8 * (len(complaints) - 70)
    assert max(one.step_count for one in complaints) == 12
    assert len({one.office_id for one in complaints}) >= 8
    still_open = [one for one in complaints if one.stage in OPEN_STAGES]
    assert 70 < len(still_open) < len(complaints) / 3
    assert all(texts[one.id] == searched_text(one) for one in complaints[:50])
    assert_all_holds(house)
    assert jobs.run(house, "escalate")["escalated"] == 70
    assert_all_holds(house)
    lodge(house, mobile="01700000077")  # numbers go on behind the seeded ones
    after = {table: {one["name"] for one in inspect(house.engine).get_indexes(table)} for table in COLUMNS}
    assert after == before
    assert set(COLUMNS) <= set(Base.metadata.tables)


def test_the_same_seed_writes_the_same_and_a_filled_database_is_left_alone(house: House, clock: Clock) -> None:
    lodge(house)
    with pytest.raises(InvalidInput, match="there_are_some"):
        seed(house.engine, house.writers, shelf=house.shelf, now=NOW, complaints=10)
    with pytest.raises(InvalidInput, match="more_than_complaints"):
        seed(house.engine, house.writers, shelf=house.shelf, now=NOW, complaints=10, overdue=11)
