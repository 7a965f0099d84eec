"""From paragraphs and rows to a charter: sections by headings, columns by words, rows put together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from grs.charter import cells, columns, places
from grs.charter.columns import Column
from grs.charter.model import CharterDocument, OfficeHead, PrintedTier, Service
from grs.charter.text import Block, Paragraph, Row, read_blocks
from grs.domain.bangla import skeleton, to_ascii_digits
from grs.domain.errors import InvalidFile
from grs.domain.lodging import Category


def _has(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(skeleton(word)) for word in words))


_CATEGORIES = [
    (Category.INTERNAL, _has("অভ্যন্তরীণ সেবা", "আভ্যন্তরীণ সেবা", "অভ্যন্তরিন", "আভ্যন্তরিন")),
    (Category.INSTITUTIONAL, _has("প্রাতিষ্ঠানিক সেবা", "দাপ্তরিক সেবা", "প্রাতিষ্ঠানিক", "দাপ্তরিক সেবাসমূহ")),
    (Category.CITIZEN, _has("নাগরিক সেবা", "নাগরিক সেবাসমূহ", "জনসেবা", "নাগরিকদের সেবা")),
]
_SERVICES = _has("সেবাসমূহ", "প্রতিশ্রুত সেবা")
_EXPECTATIONS = _has("প্রত্যাশা")
_GRIEVANCE = _has("অভিযোগ ব্যবস্থাপনা", "অভিযোগ প্রতিকার", "অভিযোগ নিষ্পত্তি পদ্ধতি", "grs")
_VISION, _MISSION = _has("ভিশন", "রূপকল্প"), _has("মিশন", "অভিলক্ষ্য")
_TITLE = _has("সিটিজেন", "নাগরিক সনদ", "citizen")
_STATE = _has("গণপ্রজাতন্ত্রী", "বাংলাদেশ সরকার")
_PARENT_BODY = re.compile(r"(?:অধিদপ্তর|মন্ত্রণালয়|বিভাগ|পরিদপ্তর|বোর্ড)$")
_NUMBERING = re.compile(r"^\s*[(\[]?[০-৯0-9]{1,2}(?:\s*[.।)]\s*[০-৯0-9]{1,2})?\s*[.।):]+\s*")
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
    blocks = read_blocks(text)
    tables = _Tables(blocks)
    services = [service for section in tables.sections for service in _services(section, tables.doubts)]
    if not services:
        raise InvalidFile("no table of services was found; the heading row must name the service and its time limit")
    paragraphs = [block for block in blocks if isinstance(block, Paragraph)]
    vision, mission = _vision_and_mission(blocks)
    return CharterDocument(
        source=source,
        office=_office(blocks, services),
        dated=_dated(paragraphs),
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
        self.doubts: list[str] = []
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
            and (block.is_heading or _NUMBERING.match(block.text) or self._in_expectations)
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
        if self._columns is None and not self._follows_category(len(stripped)):
            if self._in_expectations:
                self._expectation([cell for cell in stripped if cell])
            return
        assert self._columns is not None
        after_break = row.after_break or self._page_broken
        self._page_broken = False
        self._place(Row(row.line, row.cells, after_break, row.is_bold))

    def _follows_category(self, width: int) -> bool:
        """A table printed under its category without a heading row of its own."""
        known = self._service_columns
        if self._category is None or self._in_expectations or known is None or abs(width - len(known)) > 1:
            return False
        if self.sections and self.sections[-1].category is self._category:
            return False
        self._columns = known
        self.sections.append(_Section(self._category, known))
        self.doubts.append(f"a table of {self._category} services has no heading row; read like the one above")
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


def _services(section: _Section, doubts: list[str]) -> list[Service]:
    merged = _join_continued(section, doubts)
    officers = cells.merged_officers([found.get(Column.OFFICER, "") for _, found in merged])
    superiors = cells.merged_officers([found.get(Column.SUPERIOR, "") for _, found in merged])
    services = []
    for (line, found), officer, superior in zip(merged, officers, superiors, strict=True):
        time_text = found.get(Column.TIME, "")
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


def _join_continued(section: _Section, doubts: list[str]) -> list[tuple[int, dict[Column, str]]]:
    """Rows with their continuations after page breaks joined on, sub-headings left out."""
    merged: list[tuple[int, dict[Column, str]]] = []
    serials = [cells.read_serial(found.get(Column.SERIAL, "")) for _, found in section.rows]
    has_serials = any(serials)
    last_serial: int | None = None
    for index, (row, found) in enumerate(section.rows):
        found = _text_out_of_serial(found) if serials[index] is None else found
        filled = [column for column, text in found.items() if text]
        if not filled or (serials[index] is None and len(filled) == 1 and _is_subheading(row, filled[0], merged)):
            continue
        following = next((int(s) for s in serials[index + 1 :] if s), None)
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
                merged[-1][1][column] = f"{merged[-1][1].get(column, '')} {found[column]}".strip()
        else:
            doubts.append(f"line {row.line}: a row without a service name was left out")
    return merged


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
    (3, _has("মন্ত্রিপরিষদ", "মন্ত্রীপরিষদ", "অভিযোগ ব্যবস্থাপনা সেল", "cell")),
    (2, _has("আপিল", "আপীল")),
    (1, _has("অনিক", "অভিযোগ নিষ্পত্তি কর্মকর্তা", "অভিযোগ নিষ্পত্তিকারী")),
]


def _tiers(rows: Sequence[tuple[Row, dict[Column, str]]]) -> list[PrintedTier]:
    tiers: list[PrintedTier] = []
    for row, found in rows:
        role = found.get(Column.ROLE, "")
        if not role:
            continue
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


# -- the text around the tables -------------------------------------------------------------


def _vision_and_mission(blocks: Sequence[Block]) -> tuple[str | None, str | None]:
    """What stands under, or behind, the words vision and mission up to the next heading."""
    texts: dict[str, list[str]] = {"vision": [], "mission": []}
    current: str | None = None
    for block in blocks:
        if isinstance(block, Row):
            break
        head, rest = _label(block.text)
        key = skeleton(head)
        both = bool(_VISION.search(key) and _MISSION.search(key))
        if len(head) <= 30 and (_VISION.search(key) or _MISSION.search(key)):
            current = None if both else "vision" if _VISION.search(key) else "mission"
            if current and rest:
                texts[current].append(rest)
        elif block.is_heading or _NUMBERING.match(block.text):
            current = None
        elif current:
            texts[current].append(block.text)
    return (" ".join(texts["vision"]) or None), (" ".join(texts["mission"]) or None)


def _label(text: str) -> tuple[str, str]:
    """``ভিশন: …`` as label and rest; a line without a mark is all label."""
    found = re.match(r"^(.{2,30}?)\s*[:ঃ]\s*(.*)$", text)
    return (found.group(1), found.group(2)) if found else (text, "")


def _office(blocks: Sequence[Block], services: Sequence[Service]) -> OfficeHead:
    head = _head_lines(blocks)
    links = [link for text in head for link in cells.read_websites(text)]
    website = links[0] if links else None
    names = [
        text.strip(" ,।")
        for text in head
        if not cells.URL.search(text) and not cells.EMAIL.search(text) and not _is_title(text)
    ]
    own = [name for name in names if not _PARENT_BODY.search(name)] or names
    name_bn = ", ".join(own) or _office_in_cells(services)
    upazila, district = places.place_of(website=website, name_bn=name_bn)
    return OfficeHead(name_bn, upazila, district, website)


def _head_lines(blocks: Sequence[Block]) -> list[str]:
    """The lines above the first section."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Row) or _NUMBERING.match(block.text) or _VISION.search(skeleton(_label(block.text)[0])):
            break
        if block.is_heading and lines and not _is_title(block.text) and "কার্যালয়" not in block.text:
            break
        lines.append(block.text)
    state = next((i for i, text in enumerate(lines) if _STATE.search(skeleton(text))), 0)
    return lines[state:]


def _is_title(text: str) -> bool:
    key = skeleton(text)
    return bool(_TITLE.search(key) or _STATE.search(key) or _DATE_WORD.search(key) or _read_date(to_ascii_digits(text)))


_OWN_OFFICE = re.compile(r"(?:উপজেলা|জেলা|বিভাগীয়|আঞ্চলিক|ইউনিয়ন|পৌরসভা)[^,/।]{0,25}কার্যালয়.*$")


def _office_in_cells(services: Sequence[Service]) -> str | None:
    """What the tables call the office, where the document has no heading that does."""
    found = Counter(
        " ".join(match.group().split())
        for service in services
        if (match := _OWN_OFFICE.search(service.documents or ""))
    )
    return found.most_common(1)[0][0] if found else None


_MONTH_NAMES = [
    "জানুয়ারি",
    "ফেব্রুয়ারি",
    "মার্চ",
    "এপ্রিল",
    "মে",
    "জুন",
    "জুলাই",
    "আগস্ট",
    "সেপ্টেম্বর",
    "অক্টোবর",
    "নভেম্বর",
    "ডিসেম্বর",
]
_MONTHS = {skeleton(name): number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MONTHS |= {skeleton(n): i for n, i in (("জানুয়ারী", 1), ("ফেব্রুয়ারী", 2), ("আগষ্ট", 8))}
_DATE = re.compile(r"(?<!\d)(\d{1,2})\s*[/.-]\s*(\d{1,2})\s*[/.-]\s*(\d{4})(?!\d)")
_LONG_DATE = re.compile(r"(?<!\d)(\d{1,2})\s+([\u0980-\u09e5]+)\s*,?\s*(\d{4})(?!\d)")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_DATE_WORD = _has("তারিখ", "হালনাগাদ")


def _dated(paragraphs: Sequence[Paragraph]) -> date | None:
    """The document's date: on a line with the word for it, else alone on a line, last one first."""
    candidates = []
    for index, paragraph in enumerate(paragraphs):
        found = _read_date(to_ascii_digits(paragraph.text))
        if found is None:
            continue
        says_date = bool(_DATE_WORD.search(skeleton(paragraph.text)))
        if says_date or len(paragraph.text) <= 25:
            candidates.append((says_date, index, found))
    return max(candidates)[2] if candidates else None


def _read_date(text: str) -> date | None:
    try:
        if found := _ISO_DATE.search(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DATE.search(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if (found := _LONG_DATE.search(text)) and (month := _MONTHS.get(skeleton(found[2]))):
            return date(int(found[3]), month, int(found[1]))
    except ValueError:
        return None
    return None
