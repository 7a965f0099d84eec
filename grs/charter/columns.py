"""Which column is which, by the words of its heading, and rows put back under their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise

from grs.charter.cells import EMAIL, has_contact, is_serial, looks_like_officer, looks_like_time
from grs.domain.bangla import skeleton


class Column(StrEnum):
    """The columns that charters have, over all their tables."""

    SERIAL = "serial"
    NAME = "name"
    DELIVERY_METHOD = "delivery_method"
    DOCUMENTS = "documents"
    FEE = "fee"
    TIME = "time"
    OFFICER = "officer"
    SUPERIOR = "superior"
    STAND_IN = "stand_in"
    WHEN = "when"
    ROLE = "role"
    CONTACT = "contact"
    LIMIT = "limit"
    EXPECTATION = "expectation"
    UNKNOWN = "unknown"


def _words(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(skeleton(word)) for word in words))


# First match wins: "সেবার মূল্য ও পরিশোধ পদ্ধতি" is a fee before it is a method.
_SERVICE_WORDS: list[tuple[Column, re.Pattern[str]]] = [
    (Column.STAND_IN, _words("বিকল্প")),
    (Column.SUPERIOR, _words("উর্ধ্বতন", "উর্ধতন", "উর্দ্ধতন", "উচ্চতর কর্মকর্তা", "superior")),
    (Column.OFFICER, _words("দায়িত্বপ্রাপ্ত", "দ্বায়িত্বপ্রাপ্ত", "কর্মকর্তা", "কর্মচারী", "officer")),
    (Column.TIME, _words("সময়সীমা", "সময়", "কতদিন", "মেয়াদ", "time")),
    (Column.FEE, _words("মূল্য", "ফি/", "ফিস", "ফি ", "চার্জ", "খরচ", "পরিশোধ", "fee")),
    (Column.DOCUMENTS, _words("কাগজ", "প্রাপ্তিস্থান", "দলিল", "সংযুক্তি", "ডকুমেন্ট", "documents")),
    (Column.DELIVERY_METHOD, _words("পদ্ধতি", "প্রক্রিয়া", "ধাপ", "method")),
    (Column.NAME, _words("সেবার", "সেবাসমূহ", "সেবার ধরন", "service")),
]
_GRIEVANCE_WORDS: list[tuple[Column, re.Pattern[str]]] = [
    (Column.WHEN, _words("কখন")),
    (Column.ROLE, _words("কার সাথে", "কার সঙ্গে", "কার সংগে", "কার নিকট", "কার কাছে", "কাহার")),
    (Column.LIMIT, _words("সময়সীমা", "সময়", "মেয়াদ")),
    (Column.CONTACT, _words("ঠিকানা", "যোগাযোগের")),
]
_SHORT_SERIAL = [skeleton(word) for word in ("ক্রম", "ক্র", "ক্রনং", "ক্র.নং", "ক্র:", "নং", "sl", "sl.", "slno", "no", "#")]
_SERIAL = re.compile(
    "^(?:(?:"
    + "|".join(map(re.escape, _SHORT_SERIAL))
    + ")[.:।/নং]*$|"
    + "|".join(re.escape(skeleton(word)) for word in ("ক্রমিক", "ক্রমনং", "ক্রম নম্বর", "serial"))
    + ")"
)
_EXACT = {skeleton("সেবা"): Column.NAME, skeleton("ফি"): Column.FEE}
_EXPECTATION = _words("করণীয়", "প্রত্যাশা")


def recognise(cells: Sequence[str]) -> list[Column] | None:
    """The columns of a heading row, or None when the row is not the heading of a table we read."""
    filled = sum(bool(cell) for cell in cells)
    if filled < 2 or any(_is_a_value(cell) for cell in cells):
        return None
    keys = [skeleton(cell) for cell in cells]
    if len([k for k in keys if any(p.search(k) for c, p in _GRIEVANCE_WORDS if c is not Column.LIMIT)]) >= 2:
        return _assign(keys, _GRIEVANCE_WORDS)
    columns = _assign(keys, _SERVICE_WORDS)
    known = {column for column in columns if column is not Column.UNKNOWN}
    wanted = {Column.NAME, Column.TIME, Column.FEE, Column.DOCUMENTS, Column.DELIVERY_METHOD}
    if Column.NAME in known and len(known & wanted) >= 2 and len(known) >= 3:
        return columns
    if filled == 2 and _EXPECTATION.search("".join(keys)) and Column.SERIAL in known:
        return [Column.SERIAL if c is Column.SERIAL else Column.EXPECTATION for c in columns]
    return None


_A_FEE = re.compile(r"^\s*বিনা\s?মূল্যে|[০-৯0-9]\s*টাকা")


def _is_a_value(cell: str) -> bool:
    """Whether a cell says something about one service, as no heading does."""
    return bool(EMAIL.search(cell) or _A_FEE.search(cell) or is_serial(cell) or looks_like_time(cell))


def _assign(keys: Sequence[str], words: list[tuple[Column, re.Pattern[str]]]) -> list[Column]:
    columns: list[Column] = []
    for key in keys:
        column = Column.SERIAL if _SERIAL.match(key) else _EXACT.get(key)
        column = column or next((c for c, pattern in words if pattern.search(key)), Column.UNKNOWN)
        if column is Column.OFFICER and Column.OFFICER in columns:
            column = Column.SUPERIOR
        columns.append(Column.UNKNOWN if column in columns else column)
    return columns


# -- rows under their columns ---------------------------------------------------

_SPLITS = [
    re.compile(r"\s{2,}"),
    re.compile(r"^\s*[০-৯0-9]{1,3}\s*[.।)]?(?=\s+\D)"),
    re.compile(r"\s(?=জনাব|মোঃ|মোছাঃ|উপজেলা\s\S+\s(?:অফিসার|কর্মকর্তা)|জেলা\s\S+\s(?:অফিসার|কর্মকর্তা))"),
    re.compile(r"\s(?=বিনামূল্যে|বিনা মূল্যে|তাৎক্ষ|[০-৯0-9]+\s*(?:\(|-|টাকা|কার্য|কর্ম|দিন))"),
    re.compile(r"(?<=কার্যদিবস)\s|(?<=ক্ষেত্রে\))\s|(?<=বিনামূল্যে)\s"),
]  # where a lost tab may have been


MOST_LOST_TABS = 3
MOST_SPLITS = 12
"""Places in one cell where a tab may have been; a real cell has two or three."""


def align(cells: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """One cell a column, for a row whose tabs may be one or two too few or too many.

    Every way to put a tab back, to leave a cell empty or to join two cells is scored by how well
    the cells suit their columns; the row as it stands wins a tie.
    """
    row, width = list(cells), len(columns)
    while len(row) > width and not row[-1]:
        row.pop()
    if abs(width - len(row)) > MOST_LOST_TABS:  # no tabs are lost here; it is another table
        row = [*row[: width - 1], " ".join(row[width - 1 :])][:width]
        row += [""] * (width - len(row))
    while len(row) != width:
        ways = _narrower(row) if len(row) > width else _wider(row)
        row = max(ways, key=lambda way: _fit(way, columns))
    return [" ".join(cell.split()) for cell in row]


def _narrower(row: list[str]) -> list[list[str]]:
    return [[*row[:i], f"{a} {b}".strip(), *row[i + 2 :]] for i, (a, b) in enumerate(pairwise(row))]


def _wider(row: list[str]) -> list[list[str]]:
    ways = [[*row, ""]]
    for i, cell in enumerate(row):
        ways += [
            [*row[:i], cell[: found.start()] or found.group(), cell[found.end() :], *row[i + 1 :]]
            for pattern in _SPLITS
            for found in islice(pattern.finditer(cell), MOST_SPLITS)
            if cell[found.end() :].strip()
        ]
    ways += [[*row[:i], "", *row[i:]] for i in range(len(row))]
    return ways


_FEE = re.compile(r"বিনা\s?মূল্যে|টাকা|ফি\b|নীতিমালা|মূল্য|প্রযোজ্য নয়|৳")


def _fit(row: Sequence[str], columns: Sequence[Column]) -> int:
    return sum(_suits(cell.strip(), column) for cell, column in zip(row, columns, strict=False))


@lru_cache(maxsize=10_000)
def _suits(cell: str, column: Column) -> int:
    if not cell:
        return -2 if column is Column.NAME else 0
    is_time, is_officer, has_reach = looks_like_time(cell), looks_like_officer(cell), has_contact(cell)
    if column is Column.SERIAL:
        return 4 if is_serial(cell) else -4
    if column in (Column.TIME, Column.LIMIT):
        return -4 if has_reach or "জনাব" in cell else 3 if is_time else -1
    if column is Column.FEE:
        return (3 if _FEE.search(cell) else 0) - (4 if is_time or has_reach else 0)
    if column in (Column.OFFICER, Column.SUPERIOR, Column.STAND_IN, Column.CONTACT):
        return -4 if is_time and not has_reach else 3 if is_officer or has_reach else -1
    if column in (Column.NAME, Column.DELIVERY_METHOD, Column.DOCUMENTS, Column.WHEN, Column.ROLE):
        return -2 if is_serial(cell) or has_reach else -1 if is_time else 1
    return 0
