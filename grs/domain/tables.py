"""Tables that leave and come as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from grs.domain.errors import InvalidFile

MOST_COLUMNS = 100


def safe_cell(text: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def open_table(data: bytes, required: Iterable[str]) -> csv.DictReader[str]:
    """The rows of a CSV file by the names in its first line; raises InvalidFile where one of ``required`` is missing.

    A line with broken quotes raises ``csv.Error`` only when it is read.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFile("the text is not UTF-8", line=data[: error.start].count(b"\n") + 1) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        names = list(reader.fieldnames or ())
    except csv.Error as error:
        raise InvalidFile(f"not readable as CSV: {error}", line=1) from None
    if len(names) > MOST_COLUMNS:
        raise InvalidFile(f"the first line names more than {MOST_COLUMNS} columns", line=1)
    missing = [name for name in required if name not in names]
    if missing:
        raise InvalidFile(f"the first line must name the columns; missing: {', '.join(missing)}", line=1)
    return reader
