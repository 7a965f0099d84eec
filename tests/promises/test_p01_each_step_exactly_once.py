"""P1. Each due step happens exactly once, with several workers and kill -9 at any point."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from grs.bootstrap import House, open_house
from grs.db.complaints import Assignment, Complaint, Step
from grs.db.messages import Message
from grs.domain.tiers import Tier
from grs.domain.workflow import StepKind
from grs.usecases import escalation
from tests.conftest import Clock, Template, make_settings
from tests.performance.seeding import seed_complaints
from tests.promises.bench import LONG, seeded, tallied
from tests.promises.sweepers import Crew, turn
from tests.stories import assert_all_holds

CASES = 300
SEEDED_AT = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)
FIRST_DUE = date(2025, 5, 20)
SPREAD_DAYS = 25
SECONDS = 60 if LONG else 10
SEEDS = range(10) if LONG else range(1)
# In the short form beside other tests of processes, in the long one on every core.
one_after_the_other = pytest.mark.xdist_group("p01") if not LONG else pytest.mark.filterwarnings("error")
LAST_DAY = date(2025, 8, 1)
"""By then each case has climbed from the first tier to the last."""


def doubled_and_missing(house: House) -> tuple[int, int]:
    """The oracle: of each case one stay, one step and one letter a tier; counts what is too many and too few."""
    doubled = missing = 0
    with house.readers() as session:
        ids = session.scalars(select(Complaint.id)).all()
        stays = Counter(tuple(row) for row in session.execute(select(Assignment.complaint_id, Assignment.tier)))
        steps = Counter(
            tuple(row) for row in session.execute(
                select(Step.complaint_id, Step.sequence).where(Step.kind == StepKind.ESCALATED)
            ).all()
        )  # fmt: skip
        letters = Counter(
            tuple(row) for row in session.execute(
                select(Message.complaint_id, Message.step_sequence).where(
                    Message.letter == "escalated", Message.channel == "email"
                )
            ).all()
        )  # fmt: skip
    for number in ids:
        expected = {
            **{("stay", tier): stays[number, tier] for tier in Tier},
            **{("step", sequence): steps[number, sequence] for sequence in (2, 3)},
            **{("letter", sequence): letters[number, sequence] for sequence in (2, 3)},
        }
        doubled += sum(max(found - 1, 0) for found in expected.values())
        missing += sum(found == 0 for found in expected.values())
    return doubled + sum(n for (_, sequence), n in steps.items() if sequence not in (2, 3)), missing


@one_after_the_other
@pytest.mark.parametrize("seed", SEEDS)
def test_each_step_happens_once_whoever_is_killed(database: Template, tmp_path: Path, seed: int) -> None:
    chance = seeded(None if not LONG else seed)
    house = open_house(make_settings(database.url, tmp_path), clock=Clock(SEEDED_AT))
    seed_complaints(house, CASES, due_on=FIRST_DUE, spread_days=SPREAD_DAYS)
    is_postgres = house.engine.dialect.name == "postgresql"
    clock = tmp_path / "clock"
    today = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
    turn(clock, today)
    days = (LAST_DAY - today.date()).days
    crew = Crew(database.url, tmp_path, clock, 4 if is_postgres else 2, chance)
    began = time.monotonic()
    with tallied(f"P1 {'PostgreSQL' if is_postgres else 'SQLite'}") as tally:
        try:
            while (elapsed := time.monotonic() - began) < SECONDS:
                turn(clock, today + timedelta(days=int(days * elapsed / SECONDS)))
                time.sleep(chance.uniform(0.05, 0.4))
                crew.kill_one()
            # Now nobody is killed any more; who dies at a fail point is replaced until all is done.
            for later in (0, 60):
                turn(clock, today + timedelta(days=days + later))
                deadline = time.monotonic() + 90
                while waiting(house, LAST_DAY + timedelta(days=later)) and time.monotonic() < deadline:
                    crew.replace()
                    time.sleep(0.1)
        finally:
            crew.stop()
        tally.rounds, tally.faults = CASES, crew.deaths
        tally.doubled, tally.lost = doubled_and_missing(house)
        assert_all_holds(house)
    house.close()


def waiting(house: House, today: date) -> int:
    with house.readers() as session:
        query = select(func.count()).where(Complaint.escalates_after < today)
        return session.scalar(query) or 0


def test_control_without_the_key_of_a_stay_two_sweeps_double_it(database: Template, tmp_path: Path) -> None:
    """Claim and effect in two transactions, and no key that makes the second one lose: the oracle must see it."""
    house = open_house(make_settings(database.url, tmp_path), clock=Clock(SEEDED_AT))
    seed_complaints(house, 3, due_on=FIRST_DUE)
    with house.engine.begin() as connection:
        for table in ("assignment", "step", "reported_case"):
            _drop_key(connection, table)
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE message DROP CONSTRAINT uq_message_key"))
        else:
            _drop_key(connection, "message")
    now = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
    sweep = escalation._Sweep(house.shelf, now)
    with house.readers() as session:
        claimed = session.execute(escalation._overdue(sweep.today)).all()
    for _ in range(2):
        with house.writers.begin() as session:
            escalation._escalate_batch(session, sweep, claimed)
    doubled, _ = doubled_and_missing(house)
    assert doubled >= 3
    house.close()


def _drop_key(connection: object, table: str) -> None:
    """The table anew without its keys, as somebody would who does not know what they are for."""
    assert hasattr(connection, "execute")
    assert hasattr(connection, "dialect")
    if connection.dialect.name == "postgresql":
        key = "message_pkey" if table == "message" else f"pk_{table}"
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {key} CASCADE"))
        return
    connection.execute(text(f"CREATE TABLE copy_of_{table} AS SELECT * FROM {table}"))
    connection.execute(text(f"DROP TABLE {table}"))
    connection.execute(text(f"ALTER TABLE copy_of_{table} RENAME TO {table}"))
