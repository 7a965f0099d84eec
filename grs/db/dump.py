"""Every row of every table as lines of JSON, and back; the same for both databases, so that one restores the other."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    LargeBinary,
    Table,
    bindparam,
    func,
    insert,
    null,
    select,
    text,
    update,
)

from grs.db.base import Base, UtcDateTime

BATCH = 1_000


def all_tables() -> Sequence[Table]:
    """The tables in an order in which each comes after those it points at."""
    return Base.metadata.sorted_tables


def rows_of(connection: Connection, table: Table) -> Iterator[str]:
    """The rows of a table by primary key, a line of JSON each."""
    encoders = [_encoder(column) for column in table.columns]
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    for row in connection.execute(query):
        yield json.dumps([encode(value) for encode, value in zip(encoders, row, strict=True)], ensure_ascii=False)


def load_rows(connection: Connection, table: Table, lines: Iterable[str]) -> int:
    """Insert such lines into an empty table; returns how many. Rows may point at later rows of their own table."""
    decoders = [(column.name, _decoder(column)) for column in table.columns]
    own = [column.name for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]
    (key,) = [column.name for column in table.primary_key.columns] if own else [""]
    count, later = 0, []
    batch: list[dict[str, Any]] = []
    for line in lines:
        values = json.loads(line)
        row = {name: decode(value) for (name, decode), value in zip(decoders, values, strict=True)}
        for name in own:
            if row[name] is not None:
                later.append({"row_key": row[key], "row_value": row[name], "row_name": name})
                row[name] = None
        batch.append(row)
        if len(batch) == BATCH:
            connection.execute(insert(table), batch)
            count, batch = count + len(batch), []
    if batch:
        connection.execute(insert(table), batch)
    for name in own:
        links = [one for one in later if one["row_name"] == name]
        statement = update(table).where(table.c[key] == bindparam("row_key")).values({name: bindparam("row_value")})
        if links:
            connection.execute(statement, [{k: one[k] for k in ("row_key", "row_value")} for one in links])
    return count + len(batch)


def set_sequences(connection: Connection) -> None:
    """Let PostgreSQL number on from the last row; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in all_tables():
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
        )
        last = connection.scalar(select(func.max(column)))
        if sequence and last:
            connection.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})


def is_empty(connection: Connection) -> bool:
    """Whether no table has a row."""
    return all(connection.execute(select(table).limit(1)).first() is None for table in all_tables())


Coder = Callable[[Any], Any]


def _encoder(column: Column[Any]) -> Coder:
    if isinstance(column.type, LargeBinary):
        return lambda value: None if value is None else base64.b64encode(value).decode()
    if isinstance(column.type, UtcDateTime | Date):
        return lambda value: None if value is None else value.isoformat()
    if isinstance(column.type, JSON | Boolean):
        return lambda value: value
    return lambda value: str(value) if isinstance(value, str) else None if value is None else int(value)


def _decoder(column: Column[Any]) -> Coder:
    if isinstance(column.type, LargeBinary):
        return lambda value: None if value is None else base64.b64decode(value)
    if isinstance(column.type, UtcDateTime):
        return lambda value: None if value is None else datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return lambda value: None if value is None else date.fromisoformat(value)
    if isinstance(column.type, JSON):
        return lambda value: null() if value is None else value
    return lambda value: value
