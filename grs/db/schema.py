"""The schema: every table known, migrations run, and whether the database is up to date."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from grs.db import (
    access_links,
    administration,
    annexes,
    calendars,
    charters,
    complaints,
    desks,
    drafts,
    job_runs,
    machines,
    messages,
    offices,
    received_mails,
    seals,
    tasks,
)
from grs.db.base import Base
from grs.db.engine import WRITES

log = logging.getLogger(__name__)
LOCK_SECONDS, LOCK_TRIES = 3, 20
LOCK_NOT_AVAILABLE = "55P03"
MIGRATIONS = Path(__file__).parent / "migrations"
ALL_TABLES = Base.metadata
# imported for their tables
_ROOMS = (
    access_links, administration, annexes, calendars, charters, complaints, desks, drafts, job_runs, machines, messages,
    offices, received_mails, seals, tasks,
)  # fmt: skip


# Alembic is loaded by what runs migrations; the site's processes only ask where the database stands.
if TYPE_CHECKING:
    from alembic.config import Config


def _config(connection: Connection | None = None, more: Path | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if more is not None:
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{MIGRATIONS / 'versions'}\n{more}")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head", *, more: Path | None = None) -> None:
    """Run the migrations up to a revision, in one transaction, while people work; asks again for a busy table.

    ``more`` is a folder with migrations of a
    release to come, for trying them out.
    """
    from alembic import command

    for tried in range(1, LOCK_TRIES + 1):
        try:
            with _rebuilding(engine) as connection:
                command.upgrade(_config(connection, more), revision)
            return
        except OperationalError as error:
            if tried == LOCK_TRIES or getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            log.warning("a table is busy; trying the migration again (%s of %s)", tried + 1, LOCK_TRIES)
            time.sleep(1)


def downgrade(engine: Engine, revision: str) -> None:
    """Run the migrations back to a revision (``base`` for none)."""
    from alembic import command

    with _rebuilding(engine) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def _rebuilding(engine: Engine) -> Iterator[Connection]:
    """A transaction for migrations. SQLite changes a table by making it anew, which would tear what points at it:
    there the references are checked at the end instead of all along."""
    with engine.execution_options(**{WRITES: True}).connect() as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                # A table that is busy is asked for again and again: everybody behind a waiting lock waits too.
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                yield connection
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys=OFF")  # before the transaction begins, else it is not heard
        try:
            with connection.begin():
                yield connection
                torn = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if torn is not None:
                    raise RuntimeError(f"the migration would leave table {torn[0]} pointing at nothing")
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


class State(StrEnum):
    """How a database stands to this release."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    EMPTY = "empty"


def state_of(engine: Engine) -> State:
    """How the database stands to this release; one with a revision unknown here is of a later one."""
    found = current_revision(engine)
    if found is None:
        return State.EMPTY
    if found == newest_revision():
        return State.CURRENT
    return State.OLDER if found in _revisions() else State.NEWER


def newest_revision() -> str:
    """The revision that this release needs."""
    return _revisions()[-1]


def _revisions() -> list[str]:
    """Every revision of this release, oldest first: they are numbered, and each file begins with its own."""
    return sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def current_revision(engine: Engine) -> str | None:
    """The database's revision, or None when it has no schema yet."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def _is_for(dialect: str) -> Callable[..., bool]:
    """Alembic compares indexes of every database; one kept for PostgreSQL alone is not missing elsewhere."""

    def include(item: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        is_gin = kind == "index" and item.dialect_kwargs.get("postgresql_using") == "gin"
        return dialect == "postgresql" or not is_gin

    return include


def differences(engine: Engine) -> list[object]:
    """Where the migrated database and the models disagree; empty when they are the same."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _is_for(connection.dialect.name)}
        )
        return list(compare_metadata(context, Base.metadata))
