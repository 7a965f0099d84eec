"""Connections: SQLite and PostgreSQL made to promise the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

WRITES = "grs_writes"


def make_engine(url: str) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://…``.

    SQLite runs in WAL with full synchronisation, so that what was acknowledged survives a power cut.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, pool_size=8, max_overflow=8)
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def readers(engine: Engine) -> sessionmaker[Session]:
    """Sessions that only look."""
    return sessionmaker(engine, expire_on_commit=False)


def writers(engine: Engine) -> sessionmaker[Session]:
    """Sessions that write; on SQLite they take the one writer's place when they begin.

    A transaction that reads first and writes later would otherwise lose updates silently.
    """
    return sessionmaker(engine.execution_options(**{WRITES: True}), expire_on_commit=False)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
