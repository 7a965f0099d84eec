"""Connections: SQLite and PostgreSQL made to promise the same."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from grs.db.patience import (
    WAITING_FOR_STANDBY,
    Connector,
    Gate,
    OutOfPatience,
    StandbyConnector,
    sessions_waiting,
)

WRITES = "grs_writes"
ONLY_LOOKS = "grs_only_looks"
BUSY_SECONDS = 30
"""How long SQLite's one writer's place is waited for."""
ASKS_EVERY = 0.005
ASKED_AGAIN_AFTER = 60
"""Seconds after which a connection for reports is opened anew."""
POOL = 16
"""Connections of a process: as many as it has threads, and some for a burst."""


def make_engine(url: str, *, patience: float | None = None, pool: int = POOL) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://…``, also of several hosts of which one is the primary.

    SQLite runs in WAL with full synchronisation, so that what was acknowledged survives a power cut. On
    PostgreSQL no call takes longer than ``patience`` seconds; for ever, where that is None. ``pool`` is how many
    connections it has at most.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgres(parsed.set(drivername="postgresql+psycopg"), patience, pool)
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(parsed, hide_parameters=True, connect_args=arguments)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite if patience is None else _begin_sqlite_soon)
    return engine


def make_reports_engine(engine: Engine, replica_url: str, *, patience: float | None = None) -> Engine:
    """An engine for who only looks, and not at what he has just written: on a standby, else where ``engine`` is.

    Which server it is, is decided anew every minute: a standby that fell behind or went away is left.
    """
    if not replica_url:
        return engine
    url = make_url(replica_url).set(drivername="postgresql+psycopg")
    found = _pooled(url, patience, pool_recycle=ASKED_AGAIN_AFTER)
    connect, at_primary = StandbyConnector(patience), Connector(patience)

    @event.listens_for(found, "do_connect")
    def open_connection(_dialect: Any, _record: Any, arguments: Any, keywords: Any) -> Any:
        on_standby = connect(arguments, keywords)
        if on_standby is not None:
            return on_standby
        where, how = engine.dialect.create_connect_args(engine.url)
        return at_primary(where, dict(how))

    return found


def _pooled(url: Any, patience: float | None, pool: int = POOL, **more: Any) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_size=pool // 2, max_overflow=pool // 2,
        pool_timeout=patience or 30, **more,
    )  # fmt: skip
    event.listen(engine, "before_cursor_execute", _plan_by_its_values)
    return engine


PREPARED_AFTER = 5
"""As psycopg has it: a statement that comes so often is prepared, and after five more PostgreSQL plans it no more."""
BY_ITS_VALUES = (" LIKE ", " = ANY (")
"""What is found by the words or the set asked for: the one plan for all words reads every row (a search in 250 ms
instead of 20 among 20,000 services). Such statements are planned each time."""


def _plan_by_its_values(_connection: object, cursor: Any, statement: str, *_: object) -> None:
    is_one = any(mark in statement for mark in BY_ITS_VALUES)
    cursor.connection.prepare_threshold = None if is_one else PREPARED_AFTER


def _postgres(url: Any, patience: float | None, pool: int) -> Engine:
    engine = _pooled(url, patience, pool)
    connect, gate = Connector(patience), Gate()

    @event.listens_for(engine, "do_connect")
    def open_connection(_dialect: Any, _record: Any, arguments: Any, keywords: Any) -> Any:
        return connect(arguments, keywords)

    @event.listens_for(engine, "begin")
    def refuse_while_unconfirmed(connection: Connection) -> None:
        if gate.is_closed and connection.get_execution_options().get(WRITES):
            driver = connection.connection.driver_connection
            assert driver is not None
            try:
                gate.check(lambda: sessions_waiting(driver))
            except OutOfPatience as error:
                raise OperationalError(None, None, error) from None

    @event.listens_for(engine, "handle_error")
    def note_unconfirmed(context: ExceptionContext) -> None:
        # A statement is always named; what has none is a commit.
        if isinstance(context.original_exception, OutOfPatience) and context.statement is None:
            gate.close()

    return engine


def at_one_instant(engine: Engine) -> Engine:
    """The engine for who reads much and must see it as it was when he began; stops nobody. SQLite always reads so."""
    if engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def waiting_for_standby(connection: Connection) -> bool:
    """Whether something that was written waits for a standby that does not answer."""
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.exec_driver_sql(WAITING_FOR_STANDBY).scalar())


def readers(engine: Engine, *, streams: bool = False) -> sessionmaker[Session]:
    """Sessions that only look: what they were told once need not be asked again.

    On PostgreSQL each statement sees what was committed before it, in a transaction or not; without one its
    beginning and its end need not be told to the server. Long answers, read as they come, need one: ``streams``.
    """
    if engine.dialect.name == "postgresql" and not streams:
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return sessionmaker(engine, expire_on_commit=False, info={ONLY_LOOKS: True})


def writers(engine: Engine) -> sessionmaker[Session]:
    """Sessions that write; on SQLite they take the one writer's place when they begin.

    A transaction that reads first and writes later would otherwise lose updates silently.
    """
    return sessionmaker(engine.execution_options(**{WRITES: True}), expire_on_commit=False)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_SECONDS * 1000}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_sqlite_soon(connection: Connection) -> None:
    """Where people wait: asks for the writer's place far more often than SQLite does by itself, every 100 ms.

    A job leaves a gap of some milliseconds between two batches, which would nearly always be missed.
    """
    if not connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql("BEGIN")
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    until = time.monotonic() + BUSY_SECONDS
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < until:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break  # the same again below, where it is told as any other failure
                time.sleep(ASKS_EVERY)
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
