"""From paragraphs and rows to a charter: sections by headings, columns by words, rows put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from grs.charter import cells, columns
from grs.charter.blocks import LONGEST_CELL, Block, Paragraph, Row
from grs.charter.columns import Column
from grs.charter.model import CharterDocument, PrintedTier, ReadingDoubt, Service
from grs.charter.surroundings import NUMBERING, document_date, office_head, vision_and_mission, words_of
from grs.charter.text import read_blocks
from grs.domain.bangla import skeleton
from grs.domain.errors import InvalidFile
from grs.domain.lodging import Category

_CATEGORIES = [
    (Category.INTERNAL, words_of("অভ্যন্তরীণ সেবা", "আভ্যন্তরীণ সেবা", "অভ্যন্তরিন", "আভ্যন্তরিন")),
    (Category.INSTITUTIONAL, words_of("প্রাতিষ্ঠানিক সেবা", "দাপ্তরিক সেবা", "প্রাতিষ্ঠানিক", "দাপ্তরিক সেবাসমূহ")),
    (Category.CITIZEN, words_of("নাগরিক সেবা", "নাগরিক সেবাসমূহ", "জনসেবা", "নাগরিকদের সেবা")),
]
_SERVICES = words_of("সেবাসমূহ", "প্রতিশ্রুত সেবা")
_EXPECTATIONS = words_of("প্রত্যাশা")
_GRIEVANCE = words_of("অভিযোগ ব্যবস্থাপনা", "অভিযোগ প্রতিকার", "অভিযোগ নিষ্পত্তি পদ্ধতি", "grs")
_BULLET = re.compile(r"^\s*(?:[-•*–▪●○➢✓]|[(\[]?[০-৯0-9]{1,2}[.।)\]]+|[ক-হ][).])\s*")
_LONGEST_HEADING = 90


@dataclass
class _Section:
    """The rows of one service table, however many pages and headings it was printed over."""

    category: Category
    columns: list[Column]
    rows: list[tuple[Row, dict[Column, str]]] = field(default_factory=list)


def read_charter(text: str, *, source: str) -> CharterDocument:
    """Read a charter from text.

    ``source`` is the document's name, kept in the result. Raises InvalidFile when the text is in an
    old font encoding, has no table, or none of its tables lists services.
    """
    return interpret(read_blocks(text), source=source)


def interpret(blocks: Sequence[Block], *, source: str) -> CharterDocument:
    """Read a charter from the blocks of a document of any kind; raises InvalidFile where no table lists services."""
    tables = _Tables(blocks)
    services = [service for section in tables.sections for service in _services(section, tables.doubts)]
    if not services:
        raise InvalidFile(
            "no table of services was found; the heading row must name the service and its time limit",
            why="no_services",
        )
    paragraphs = [block for block in blocks if isinstance(block, Paragraph)]
    vision, mission = vision_and_mission(blocks)
    return CharterDocument(
        source=source,
        office=office_head(blocks, services),
        dated=document_date(paragraphs),
        vision=vision,
        mission=mission,
        services=tuple(services),
        expectations=tuple(tables.expectations),
        grievance_tiers=tuple(_tiers(tables.grievance)),
        doubts=tuple(tables.doubts),
    )


class _Tables:
    """One walk through the blocks that sorts the rows into sections by the headings above them."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.sections: list[_Section] = []
        self.grievance: list[tuple[Row, dict[Column, str]]] = []
        self.expectations: list[str] = []
        self.doubts: list[ReadingDoubt] = []
        self._category: Category | None = None
        self._columns: list[Column] | None = None
        self._service_columns: list[Column] | None = None
        self._in_expectations = False
        self._page_broken = False
        self._heading_line = 0
        for block in blocks:
            if isinstance(block, Paragraph):
                self._paragraph(block)
            else:
                self._row(block)

    def _paragraph(self, block: Paragraph) -> None:
        key = skeleton(block.text)
        is_short = len(block.text) <= _LONGEST_HEADING
        self._page_broken = True
        category = next((c for c, words in _CATEGORIES if is_short and words.search(key)), None)
        if category is not None:
            self._category, self._columns, self._in_expectations = category, None, False
        elif is_short and _EXPECTATIONS.search(key):
            self._columns, self._in_expectations = None, True
        elif (
            is_short
            and _GRIEVANCE.search(key)
            and (block.is_heading or NUMBERING.match(block.text) or self._in_expectations)
        ):
            self._columns, self._in_expectations = None, False
        elif self._in_expectations and is_short and _SERVICES.search(key):
            self._in_expectations = False
        elif self._in_expectations:
            if _BULLET.match(block.text) and not block.is_heading:
                self.expectations.append(_BULLET.sub("", block.text).strip())
            else:
                self._in_expectations = False
        elif block.is_heading:
            self._columns = None

    def _row(self, row: Row) -> None:
        stripped = [cell.strip() for cell in row.cells]
        recognised = columns.recognise(stripped)
        if recognised is not None:
            is_new = recognised != self._columns
            self._columns, self._page_broken = recognised, True
            if Column.NAME in recognised:
                self._service_columns = recognised
                category = self._category or Category.CITIZEN
                if is_new and (not self.sections or self.sections[-1].category is not category):
                    self.sections.append(_Section(category, recognised))
                elif self.sections:
                    self.sections[-1].columns = recognised
            return
        if cells.is_number_row(stripped):
            self._page_broken = True
            return
        if self._columns is None and not self._follows_category(row.line, len(stripped)):
            if self._in_expectations:
                self._expectation([cell for cell in stripped if cell])
            return
        assert self._columns is not None
        after_break = row.after_break or self._page_broken
        self._page_broken = False
        self._place(Row(row.line, row.cells, after_break, row.is_bold))

    def _follows_category(self, line: int, width: int) -> bool:
        """A table printed under its category without a heading row of its own."""
        known = self._service_columns
        if self._category is None or self._in_expectations or known is None or abs(width - len(known)) > 1:
            return False
        if self.sections and self.sections[-1].category is self._category:
            return False
        self._columns = known
        self.sections.append(_Section(self._category, known))
        self.doubts.append(ReadingDoubt(line, "no_heading"))
        return True

    def _place(self, row: Row) -> None:
        assert self._columns is not None
        if Column.EXPECTATION in self._columns:
            self._expectation([c for c in row.cells if c.strip() and not cells.is_serial(c)])
            return
        found = dict(zip(self._columns, columns.align(row.cells, self._columns), strict=True))
        if Column.NAME in self._columns:
            self.sections[-1].rows.append((row, found))
        else:
            self.grievance.append((row, found))

    def _expectation(self, texts: list[str]) -> None:
        words = [text for text in texts if not cells.is_serial(text)]
        if words:
            self.expectations.append(" ".join(" ".join(words).split()))


# -- rows to services -----------------------------------------------------------------


def _services(section: _Section, doubts: list[ReadingDoubt]) -> list[Service]:
    merged = _join_continued(section, doubts)
    officers = cells.merged_officers([found.get(Column.OFFICER, "") for _, found in merged])
    superiors = cells.merged_officers([found.get(Column.SUPERIOR, "") for _, found in merged])
    services = []
    for (line, found), officer, superior in zip(merged, officers, superiors, strict=True):
        time_text = found.get(Column.TIME, "")
        if officer is not None and not found.get(Column.OFFICER):
            doubts.append(ReadingDoubt(line, "officer_from_above"))
        services.append(
            Service(
                category=section.category,
                serial=cells.read_serial(found.get(Column.SERIAL, "")),
                name=found[Column.NAME],
                delivery_method=found.get(Column.DELIVERY_METHOD) or None,
                documents=found.get(Column.DOCUMENTS) or None,
                fee=found.get(Column.FEE) or None,
                time_limit_text=time_text or None,
                time_limit=cells.read_time_limit(time_text),
                officer=officer,
                superior=superior,
                line=line,
            )
        )
    return services


def _join_continued(section: _Section, doubts: list[ReadingDoubt]) -> list[tuple[int, dict[Column, str]]]:
    """Rows with their continuations after page breaks joined on, sub-headings left out."""
    merged: list[tuple[int, dict[Column, str]]] = []
    serials = [cells.read_serial(found.get(Column.SERIAL, "")) for _, found in section.rows]
    has_serials = any(serials)
    last_serial: int | None = None
    following_of = _following(serials)
    for index, (row, found) in enumerate(section.rows):
        found = _text_out_of_serial(found) if serials[index] is None else found
        filled = [column for column, text in found.items() if text]
        if not filled or (serials[index] is None and len(filled) == 1 and _is_subheading(row, filled[0], merged)):
            continue
        following = following_of[index]
        if serials[index] is not None or not merged:
            is_new = True
        elif has_serials and following is not None and last_serial is not None:
            is_new = following > last_serial + 1 and bool(found[Column.NAME])
        else:
            is_new = _is_whole(found) and _is_whole(merged[-1][1])
        if is_new and found[Column.NAME]:
            merged.append((row.line, found))
            last_serial = int(serials[index] or (last_serial or 0) + 1)
        elif merged:
            for column in filled:
                joined = f"{merged[-1][1].get(column, '')} {found[column]}".strip()
                if len(joined) > LONGEST_CELL:
                    raise InvalidFile(
                        f"a cell has more than {LONGEST_CELL} characters; no charter's table has", line=row.line
                    )
                merged[-1][1][column] = joined
        else:
            doubts.append(ReadingDoubt(row.line, "left_out"))
    return merged


def _following(serials: Sequence[str | None]) -> list[int | None]:
    """For each row the next number printed below it."""
    found: list[int | None] = []
    following: int | None = None
    for serial in reversed(serials):
        found.append(following)
        following = int(serial) if serial else following
    return found[::-1]


def _text_out_of_serial(found: dict[Column, str]) -> dict[Column, str]:
    """Words that slipped into the serial column belong to the name."""
    slipped = found.get(Column.SERIAL, "")
    if not slipped:
        return dict(found)
    return found | {Column.SERIAL: "", Column.NAME: f"{slipped} {found[Column.NAME]}".strip()}


def _is_subheading(row: Row, column: Column, merged: Sequence[object]) -> bool:
    """A line with one filled cell: marked bold, or not where a page could have broken a row."""
    return row.is_bold or (column is Column.NAME and (not row.after_break or not merged))


def _is_whole(found: dict[Column, str]) -> bool:
    return bool(found[Column.NAME]) and cells.looks_like_time(found.get(Column.TIME, ""))


# -- the grievance chain ------------------------------------------------------------------

_ROLES = [
    (3, words_of("মন্ত্রিপরিষদ", "মন্ত্রীপরিষদ", "অভিযোগ ব্যবস্থাপনা সেল", "cell")),
    (2, words_of("আপিল", "আপীল")),
    (1, words_of("অনিক", "অভিযোগ নিষ্পত্তি কর্মকর্তা", "অভিযোগ নিষ্পত্তিকারী")),
]


_STAND_IN = words_of("বিকল্প")


def _tiers(rows: Sequence[tuple[Row, dict[Column, str]]]) -> list[PrintedTier]:
    tiers: list[PrintedTier] = []
    for row, found in rows:
        role = found.get(Column.ROLE, "")
        if not role or _STAND_IN.search(skeleton(role)):
            continue  # a stand-in answers for a tier, he is not one
        key = skeleton(role)
        number = next((tier for tier, words in _ROLES if words.search(key)), len(tiers) + 1)
        tiers.append(
            PrintedTier(
                tier=number,
                when=found.get(Column.WHEN) or None,
                officer_role=role,
                contact=cells.read_contact(found.get(Column.CONTACT, "")),
                limit=cells.read_day_limit(found.get(Column.LIMIT, "")),
                line=row.line,
            )
        )
    return sorted(tiers, key=lambda tier: tier.tier)
