"""Reader for plain text and light Markdown: lines become paragraphs and table rows."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from grs.domain.errors import InvalidFile

LARGEST_FILE = 2_000_000
LONGEST_CELL = 5_000
"""Characters; the longest cell of the real charters has under 700."""

_BOLD = re.compile(r"</?(?:b|strong|i|em|u)>|\*\*|__", re.IGNORECASE)
_HEADING = re.compile(r"^\s*(#{1,6})\s*")
_BENGALI = re.compile(r"[\u0980-\u09ff]")
# Letters of SutonnyMJ and its kin: Bangla words typed as Latin-1 and typographic signs.
_OLD_FONT = re.compile(r"[†‡ˆ‰Š‹ŒŽ™š›œžŸ¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿À-ÿƒ“”–—]")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line outside a table."""

    line: int
    text: str
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its cells as written, and what the layout says about it.

    ``after_break`` is true after an empty line, where a page may have ended;
    ``is_bold`` when the whole line was marked bold.
    """

    line: int
    cells: tuple[str, ...]
    after_break: bool = False
    is_bold: bool = False


Block = Paragraph | Row


def decode(data: bytes) -> str:
    """The text of a charter file; raises InvalidFile when it is not UTF-8 text."""
    if len(data) > LARGEST_FILE:
        raise InvalidFile(f"the file has more than {LARGEST_FILE // 1_000_000} MB; no charter has")
    if b"\x00" in data:
        raise InvalidFile("this is not a text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidFile("the text is not UTF-8; save it as UTF-8 and try again", line=line) from None


def read_blocks(text: str) -> list[Block]:
    """The paragraphs and table rows of a text, in order.

    Raises InvalidFile for text in a pre-Unicode font encoding and for text without any table.
    """
    refuse_old_fonts(text)
    blocks: list[Block] = []
    after_break = False
    for number, raw in enumerate(unicodedata.normalize("NFC", text).splitlines(), start=1):
        bare = _BOLD.sub("", raw)
        if not bare.strip():
            after_break = True
            continue
        if max(map(len, bare.split("\t"))) > LONGEST_CELL:
            raise InvalidFile(f"a cell has more than {LONGEST_CELL} characters; no charter's table has", line=number)
        if "\t" in bare.strip("\r\n"):
            is_bold = bool(_BOLD.match(raw.strip())) and len([c for c in bare.split("\t") if c.strip()]) == 1
            cells = tuple(cell.strip(" \r") for cell in bare.split("\t"))
            blocks.append(Row(number, cells, after_break, is_bold))
        else:
            heading = _HEADING.match(bare)
            plain = " ".join(_HEADING.sub("", bare).split())
            blocks.append(Paragraph(number, plain, is_heading=bool(heading)))
        after_break = False
    if not any(isinstance(block, Row) for block in blocks):
        raise InvalidFile("there is no table in this text; a charter's tables need tabs between their columns")
    return blocks


def refuse_old_fonts(text: str) -> None:
    """Raise InvalidFile for Bangla typed in a font encoding such as SutonnyMJ (Bijoy)."""
    if not text.strip():
        raise InvalidFile("the file is empty")
    bengali = len(_BENGALI.findall(text))
    letters = sum(c.isalpha() for c in text)
    old = len(_OLD_FONT.findall(text))
    if bengali < 0.2 * letters and old > 0.01 * len(text):
        raise InvalidFile(
            "the text is in an old font encoding (SutonnyMJ, Bijoy or the like); convert it to Unicode and try again"
        )
    if bengali < 20:
        raise InvalidFile("there is no Bangla text in this file")
