"""The schema: every table known, migrations run, and whether the database is up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from grs.db import access_links, calendars, charters, complaints, desks, drafts, job_runs, messages, offices, tasks
from grs.db.base import Base

MIGRATIONS = Path(__file__).parent / "migrations"
ALL_TABLES = Base.metadata
# imported for their tables
_ROOMS = (access_links, calendars, charters, complaints, desks, drafts, job_runs, messages, offices, tasks)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations up to a revision, in one transaction where the database can."""
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Run the migrations back to a revision (``base`` for none)."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(engine: Engine) -> str | None:
    """The database's revision, or None when it has no schema yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _is_for(dialect: str) -> Callable[..., bool]:
    """Alembic compares indexes of every database; one kept for PostgreSQL alone is not missing elsewhere."""

    def include(item: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        is_gin = kind == "index" and item.dialect_kwargs.get("postgresql_using") == "gin"
        return dialect == "postgresql" or not is_gin

    return include


def differences(engine: Engine) -> list[object]:
    """Where the migrated database and the models disagree; empty when they are the same."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _is_for(connection.dialect.name)}
        )
        return list(compare_metadata(context, Base.metadata))
