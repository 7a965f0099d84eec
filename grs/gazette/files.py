"""Reader for calendar files (CSV with the columns date, kind, name_bn, name_en, evidence …)."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any, TypeVar

from grs.domain.bangla import normalise
from grs.domain.calendar import NATIONAL, YEARS, CalendarRow, Certainty, RowKind
from grs.domain.errors import InvalidFile

_W = TypeVar("_W", RowKind, Certainty)

REQUIRED = ("date", "kind", "name_bn", "name_en")
REFERENCE_COLUMNS = ("reference", "evidence")


def read_calendar_file(data: bytes) -> list[CalendarRow]:
    """The rows of a calendar file, in order.

    A ``scope`` such as ``district:Rangamati|Bandarban`` gives one row for each place. Raises
    InvalidFile naming the line; nothing is taken of a file with a mistake in it.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFile("the text is not UTF-8", line=data[: error.start].count(b"\n") + 1) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise InvalidFile(f"the first line must name the columns; missing: {', '.join(missing)}", line=1)
    twice = {name for name in reader.fieldnames or () if list(reader.fieldnames or ()).count(name) > 1}
    if twice:
        raise InvalidFile(f"a column is named twice: {', '.join(sorted(twice))}", line=1)
    rows: list[CalendarRow] = []
    try:
        for record in reader:
            rows += _read_row(record, reader.line_num)
    except csv.Error as error:
        raise InvalidFile(f"not readable as CSV: {error}", line=reader.line_num) from None
    if not rows:
        raise InvalidFile("the file has no rows")
    return rows


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
