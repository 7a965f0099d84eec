"""Many rows in one statement: COPY and unnest on PostgreSQL, executemany on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, and_, bindparam, insert, text, update
from sqlalchemy.orm import Session

from grs.db.base import UtcDateTime

FEW = 20
"""Below this many rows an ordinary INSERT takes fewer round trips than COPY."""


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same keys; columns left out take the database's default."""
    if not rows:
        return
    if session.get_bind().dialect.name != "postgresql" or len(rows) < FEW:
        session.execute(insert(table), list(rows))
        return
    columns = list(rows[0])
    names = ", ".join(f'"{name}"' for name in columns)
    cursor = session.connection().connection.cursor()
    values = itemgetter(*columns)
    with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(values(row))


def copy_lines(session: Session, table: Table, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Insert rows that are text already: values between tabs, ``\\N`` for none, instants with their zone, 0 and 1."""
    if not lines:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    cursor = session.connection().connection.cursor()
    if session.get_bind().dialect.name == "postgresql":
        with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            copy.write("\n".join([*lines, ""]))
        return
    # SQLite keeps instants as SQLAlchemy writes them: without a zone, with microseconds.
    instants = [place for place, name in enumerate(columns) if isinstance(table.c[name].type, UtcDateTime)]

    def read(line: str) -> list[str | None]:
        values: list[str | None] = [None if value == "\\N" else value for value in line.split("\t")]
        for place in instants:
            value = values[place]
            values[place] = value and f"{value[:10]} {value[11:19]}.000000"
        return values

    marks = ", ".join("?" * len(columns))
    cursor.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', [read(line) for line in lines])


def update_rows(session: Session, table: Table, *, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Set the other columns of each row where its ``key`` columns match."""
    if not rows:
        return
    columns = list(rows[0])
    changed = [name for name in columns if name not in key]
    if session.get_bind().dialect.name != "postgresql":
        where = and_(*(table.c[name] == bindparam(f"key_{name}") for name in key))
        statement = update(table).where(where).values({name: bindparam(f"new_{name}") for name in changed})
        bound = [{(f"key_{n}" if n in key else f"new_{n}"): row[n] for n in columns} for row in rows]
        session.connection().execute(statement, bound)
        return
    dialect = session.get_bind().dialect
    arrays = ", ".join(f"CAST(:{name} AS {table.c[name].type.compile(dialect)}[])" for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    sets = ", ".join(f'"{name}" = given."{name}"' for name in changed)
    where_sql = " AND ".join(f'"{table.name}"."{name}" = given."{name}"' for name in key)
    session.execute(
        text(f'UPDATE "{table.name}" SET {sets} FROM unnest({arrays}) AS given({names}) WHERE {where_sql}'),
        {name: _array(row[name] for row in rows) for name in columns},
    )


def _array(values: Iterable[Any]) -> str:
    """As PostgreSQL reads an array. psycopg spells one too, in twice the time: it asks of each value what it is."""
    return "{" + ",".join("NULL" if value is None else _spelled(value) for value in values) + "}"


def _spelled(value: Any) -> str:
    if isinstance(value, bytes | dict | list):
        raise TypeError(f"{type(value)} is not written this way")
    return _quoted(str(value))


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
