"""Reader for calendar files (CSV with the columns date, kind, name_bn, name_en, evidence …)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeVar

from grs.domain.bangla import normalise
from grs.domain.calendar import NATIONAL, YEARS, CalendarRow, Certainty, RowKind
from grs.domain.errors import InvalidFile
from grs.domain.tables import open_table, safe_cell

_W = TypeVar("_W", RowKind, Certainty)

LARGEST_FILE = 300_000
REQUIRED = ("date", "kind", "name_bn", "name_en")
REFERENCE_COLUMNS = ("reference", "evidence")
WRITTEN = ("date", "kind", "scope", "name_bn", "name_en", "reference", "certainty", "announced_on")


def read_calendar_file(data: bytes) -> list[CalendarRow]:
    """The rows of a calendar file, in order.

    A ``scope`` such as ``district:Rangamati|Bandarban`` gives one row for each place. Raises
    InvalidFile naming the line; nothing is taken of a file with a mistake in it.
    """
    check_length(data)
    reader = open_table(data, REQUIRED)
    twice = {name for name, times in Counter(reader.fieldnames).items() if times > 1}
    if twice:
        raise InvalidFile(f"a column is named twice: {', '.join(sorted(twice))}", line=1)
    rows: list[CalendarRow] = []
    lines: list[int] = []
    try:
        for record in reader:
            rows += _read_row(record, reader.line_num)
            lines += [reader.line_num] * (len(rows) - len(lines))
    except csv.Error as error:
        raise InvalidFile(f"not readable as CSV: {error}", line=reader.line_num) from None
    if not rows:
        raise InvalidFile("the file has no rows")
    _check_no_contradiction(rows, lines)
    return rows


def check_length(data: bytes) -> None:
    """Raise InvalidFile for a file longer than any calendar: a year has some thirty rows."""
    if len(data) > LARGEST_FILE:
        raise InvalidFile(f"the file has more than {LARGEST_FILE // 1_000} KB; no calendar has", why="too_large_file")


def write_calendar_file(rows: Iterable[CalendarRow]) -> str:
    """The rows as such a file; what is read back of it is the same."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(WRITTEN)
    for row in rows:
        announced = row.announced_on.isoformat() if row.announced_on else ""
        names = (safe_cell(row.name_bn), safe_cell(row.name_en), safe_cell(row.reference))
        writer.writerow([row.day.isoformat(), row.kind, row.scope, *names, row.certainty, announced])
    return out.getvalue()


def _check_no_contradiction(rows: Sequence[CalendarRow], lines: Sequence[int]) -> None:
    """One file cannot call a day both a holiday and working for the same places."""
    said: dict[tuple[str, date], RowKind] = {}
    for row, line in zip(rows, lines, strict=True):
        if row.kind is RowKind.OPTIONAL:
            continue
        before = said.setdefault((row.scope, row.day), row.kind)
        if before is not row.kind:
            raise InvalidFile(f"{row.day} is {before} in a line above and {row.kind} here", line=line)


def _read_row(record: dict[str | None, Any], line: int) -> list[CalendarRow]:
    too_many = any(str(cell).strip() for cell in record.get(None) or ())
    if too_many or None in (record[name] for name in REQUIRED):
        raise InvalidFile("has not as many cells as the first line has columns", line=line)
    cells = {key: (value or "").strip() for key, value in record.items() if isinstance(key, str)}
    if not any(cells.values()):
        return []
    reference = next((cells[name] for name in REFERENCE_COLUMNS if cells.get(name)), "")
    return [
        CalendarRow(
            day=_read_day(cells["date"], line),
            kind=_read_word(RowKind, cells["kind"], "kind", line),
            scope=scope,
            name_bn=normalise(cells["name_bn"]),
            name_en=normalise(cells["name_en"]),
            reference=normalise(reference),
            certainty=_read_word(Certainty, cells.get("certainty") or "verified", "certainty", line),
            announced_on=_read_day(cells["announced_on"], line, "announced_on") if cells.get("announced_on") else None,
        )
        for scope in _read_scopes(cells.get("scope") or NATIONAL, line)
    ]


def _read_day(text: str, line: int, column: str = "date") -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidFile(f"{column}: {text!r} is not a date such as 2025-05-17", line=line) from None
    if day.year not in YEARS:
        raise InvalidFile(f"{column}: the year of {text} is not between {YEARS[0]} and {YEARS[-1]}", line=line)
    return day


def _read_word(words: type[_W], text: str, column: str, line: int) -> _W:
    try:
        return words(text)
    except ValueError:
        known = ", ".join(words)
        raise InvalidFile(f"{column}: {text!r} is not one of {known}", line=line) from None


def _read_scopes(text: str, line: int) -> list[str]:
    if text == NATIONAL:
        return [NATIONAL]
    kind, _, places = text.partition(":")
    if kind not in ("district", "office") or not places:
        raise InvalidFile(f"scope: {text!r} is not national, district:NAME or office:SLUG", line=line)
    return [f"{kind}:{place.strip()}" for place in places.split("|")]
