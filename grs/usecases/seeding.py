"""Fill an empty trial database with complaints that could have happened: for benchmarks, load tests and trials."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice

from sqlalchemy import Connection, Engine, UniqueConstraint, func, inspect, select, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.schema import AddConstraint, DropConstraint

from grs.db.base import Base
from grs.db.bulk import copy_lines
from grs.db.charters import Chain, CharterEntry
from grs.db.complaints import Complaint
from grs.db.offices import Office, PostHolder
from grs.domain.calendar import WorkingCalendar, dhaka_date
from grs.domain.deadlines import add_months
from grs.domain.errors import InvalidInput
from grs.usecases.calendars import CalendarShelf
from grs.usecases.demo import IN_FORCE_FROM
from grs.usecases.secrets import hash_code
from grs.usecases.seed_cases import COLUMNS, CaseWriter, Rows, Seat, World
from grs.usecases.seed_offices import invent_offices

BATCH = 2_000
Batch = tuple[int, int]
"""The number of the first case, and how many."""
CODE = "1234567890123456"
"""The access code of every seeded complaint."""


def seed(
    engine: Engine,
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    complaints: int,
    overdue: int = 0,
    offices: int = 0,
    months: int = 12,
    seed: int = 1,
    progress: Callable[[int], None] = lambda done: None,
    processes: int | None = None,
) -> None:
    """Write so many complaints of the last months into a database that has none, all of it or nothing.

    ``offices`` are invented beside those that have a charter, until there are so many. ``progress`` is told how many
    complaints are written. Raises InvalidInput where there are complaints, or more overdue than complaints.
    """
    if not 0 <= overdue <= complaints:
        raise InvalidInput({"overdue": "more_than_complaints"})
    with writers.begin() as session:
        if session.scalar(select(Complaint.id).limit(1)) is not None:
            raise InvalidInput({"complaints": "there_are_some"})
        invent_offices(session, offices, now=now)
    with writers() as session:
        seats, calendars = _seats(session, shelf, dhaka_date(now))
    world = World(
        seats=seats[:offices] if offices else seats, calendars=calendars, complaints=complaints, overdue=overdue,
        since=max(add_months(dhaka_date(now), -months), IN_FORCE_FROM), now=now, code_hash=hash_code(CODE), seed=seed,
    )  # fmt: skip
    starts = [(start, min(BATCH, complaints + 1 - start)) for start in range(1, complaints + 1, BATCH)]
    with writers.begin() as session, _many_hands(world, processes) as write:
        connection = session.connection()
        if _may_leave_out_checks(connection):
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        with _indexes_at_the_end(connection):
            done = 0
            for (_, count), rows in zip(starts, write(starts), strict=True):
                for table, columns in COLUMNS.items():
                    copy_lines(session, Base.metadata.tables[table], columns, rows[table])
                done += count
                progress(done)
        if connection.dialect.name == "postgresql":
            session.execute(select(func.setval("complaint_id_seq", complaints + 1)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")


def _may_leave_out_checks(connection: Connection) -> bool:
    """Whether PostgreSQL lets us skip the checks of references, which are right by the way the rows are made."""
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")))


@contextmanager
def _indexes_at_the_end(connection: Connection) -> Iterator[None]:
    """Indexes are made once at the end: many times quicker than row by row. Nobody sees any of it before."""
    tables = [Base.metadata.tables[name] for name in COLUMNS]
    there = {one["name"] for table in tables for one in inspect(connection).get_indexes(table.name)}
    indexes = [one for table in tables for one in table.indexes if one.name in there]
    unique = [
        one
        for table in tables
        for one in table.constraints
        if isinstance(one, UniqueConstraint) and connection.dialect.name == "postgresql"  # SQLite cannot drop them
    ]
    for index in indexes:
        index.drop(connection)
    for constraint in unique:
        connection.execute(DropConstraint(constraint))
    yield
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    for constraint in unique:
        connection.execute(AddConstraint(constraint, isolate_from_table=False))
    for index in indexes:
        index.create(connection)


@contextmanager
def _many_hands(world: World, processes: int | None) -> Iterator[Callable[[Sequence[Batch]], Iterator[Rows]]]:
    """Batches written by as many processes as there are processors, told in their order."""
    count = processes or os.cpu_count() or 1
    if count == 1 or world.complaints <= BATCH:
        writer = CaseWriter(world)
        yield lambda batches: (writer.write(*batch) for batch in batches)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, spawn, initializer=_begin, initargs=(world,))

    def write(batches: Sequence[Batch]) -> Iterator[Rows]:
        left = iter(batches)
        # No more ahead of the database than this: else they would fill the memory.
        ahead = deque(pool.submit(_write, batch) for batch in islice(left, 2 * count))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(_write, batch) for batch in islice(left, 1))

    try:
        yield write
    finally:
        pool.shutdown(cancel_futures=True)


_hand: CaseWriter


def _begin(world: World) -> None:
    global _hand
    _hand = CaseWriter(world)


def _write(batch: Batch) -> Rows:
    return _hand.write(*batch)


def _seats(session: Session, shelf: CalendarShelf, today: date) -> tuple[list[Seat], list[WorkingCalendar]]:
    """Every office with a charter in force, its chain, services and people; and the calendars they count on."""
    entries: dict[int, list[int]] = {}
    for charter_id, entry_id in session.execute(select(CharterEntry.charter_id, CharterEntry.id)):
        entries.setdefault(charter_id, []).append(entry_id)
    on_post = {
        post: person for post, person in session.execute(select(PostHolder.post_id, PostHolder.person_id))
    }  # any of them: whose name stands in a history that never was
    calendars_of = shelf.for_offices(session, session.scalars(select(Office)).all())
    calendars: list[WorkingCalendar] = []
    found: dict[int, Seat] = {}
    chains = select(Chain).where(Chain.in_force_from <= today).order_by(Chain.in_force_from, Chain.id)
    for chain in session.scalars(chains):
        desks = chain.as_tier_chain()
        places: dict[str, int] = {"filed_office": chain.office_id}
        used = []
        for desk in desks:
            places |= {
                f"office{desk.tier}": desk.office_id, f"post{desk.tier}": desk.post_id,
                f"person{desk.tier}": on_post.get(desk.post_id, 1),
            }  # fmt: skip
            calendar = calendars_of[desk.office_id]
            if not any(calendar is one for one in calendars):
                calendars.append(calendar)
            used.append(next(place for place, one in enumerate(calendars) if one is calendar))
        shape = tuple((desk.tier, desk.limit) for desk in desks), tuple(used)
        if entries.get(chain.charter_id):
            found[chain.office_id] = Seat(
                chain_id=chain.id, charter_id=chain.charter_id, entries=entries[chain.charter_id], shape=shape,
                places=places,
            )  # fmt: skip
    return list(found.values()), calendars
