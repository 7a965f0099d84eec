"""The text around a charter's tables: its office, its date, its vision and mission."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date

from grs.charter import cells, places
from grs.charter.blocks import Block, Paragraph, Row
from grs.charter.model import OfficeHead, Service
from grs.domain.bangla import skeleton, to_ascii_digits

NUMBERING = re.compile(r"^\s*[(\[]?[০-৯0-9]{1,2}(?:\s*[.।)]\s*[০-৯0-9]{1,2})?\s*[.।):]+\s*")


def words_of(*words: str) -> re.Pattern[str]:
    """A pattern that finds any of the words in a skeleton, however they are spelt."""
    return re.compile("|".join(re.escape(skeleton(word)) for word in words))


_VISION, _MISSION = words_of("ভিশন", "রূপকল্প"), words_of("মিশন", "অভিলক্ষ্য")
_TITLE = words_of("সিটিজেন", "নাগরিক সনদ", "citizen")
_STATE = words_of("গণপ্রজাতন্ত্রী", "বাংলাদেশ সরকার")
_PARENT_BODY = re.compile(r"(?:অধিদপ্তর|মন্ত্রণালয়|বিভাগ|পরিদপ্তর|বোর্ড)$")


def vision_and_mission(blocks: Sequence[Block]) -> tuple[str | None, str | None]:
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
        elif block.is_heading or NUMBERING.match(block.text):
            current = None
        elif current:
            texts[current].append(block.text)
    return (" ".join(texts["vision"]) or None), (" ".join(texts["mission"]) or None)


def _label(text: str) -> tuple[str, str]:
    """``ভিশন: …`` as label and rest; a line without a mark is all label."""
    found = re.match(r"^(.{2,30}?)\s*[:ঃ]\s*(.*)$", text)
    return (found.group(1), found.group(2)) if found else (text, "")


def office_head(blocks: Sequence[Block], services: Sequence[Service]) -> OfficeHead:
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
        if isinstance(block, Row) or NUMBERING.match(block.text) or _VISION.search(skeleton(_label(block.text)[0])):
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
_DATE_WORD = words_of("তারিখ", "হালনাগাদ")


def document_date(paragraphs: Sequence[Paragraph]) -> date | None:
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
