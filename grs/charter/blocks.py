"""The one intermediate form: paragraphs and table rows with their line in the source, whatever document they are of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from grs.domain.bangla import one_form
from grs.domain.errors import InvalidFile

LONGEST_CELL = 5_000
"""Characters; the longest cell of the real charters has under 700."""
MOST_BLOCKS = 5_000
MOST_TEXT = 400_000
"""Characters of a whole document; the longest real charter has under 40,000."""
WIDEST = 60
"""Columns; no charter's table has more than ten."""

_BENGALI = re.compile(r"[\u0980-\u09ff]")
# Letters of SutonnyMJ and its kin: Bangla words typed as Latin-1 and typographic signs.
_OLD_FONT = re.compile(r"[†‡ˆ‰Š‹ŒŽ™š›œžŸ¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿À-ÿƒ“”–—]")
OLD_FONTS = re.compile(r"sutonny|sulekha|bijoy|chandrabati|dhanshiri|rinkiy|jugantor|karnaphuli|\w{1,60}mj\b", re.I)
"""Names of fonts in which Bangla is not Unicode."""
_FEWEST_LETTERS = 20
"""So many letters outside Unicode's Bengali, set in such a font, are Bangla that cannot be read."""

OLD_FONT_REASON = (
    "the text is in an old font encoding (SutonnyMJ, Bijoy or the like); convert it to Unicode and try again"
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line outside a table."""

    line: int
    text: str
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its cells as written, and what the layout says about it.

    ``after_break`` is true where a page may have ended before it;
    ``is_bold`` when the whole line was marked bold.
    """

    line: int
    cells: tuple[str, ...]
    after_break: bool = False
    is_bold: bool = False


Block = Paragraph | Row


def text_of(block: Block) -> str:
    """A block as one line, to be shown beside what was read from it."""
    return block.text if isinstance(block, Paragraph) else " | ".join(cell for cell in block.cells if cell)


def one_spelling(text: str) -> str:
    """NFC, and one blank where there was any white space."""
    return " ".join(one_form(text).split())


def checked(blocks: list[Block]) -> list[Block]:
    """The blocks of a document; raises InvalidFile where they cannot be a charter."""
    if len(blocks) > MOST_BLOCKS:
        raise InvalidFile(f"the document has more than {MOST_BLOCKS} lines; no charter has")
    text = "\n".join(text_of(block) for block in blocks)
    if len(text) > MOST_TEXT:
        raise InvalidFile(f"the document has more than {MOST_TEXT} characters; no charter has")
    refuse_old_fonts(text)
    for block in blocks:
        if isinstance(block, Row) and len(block.cells) > WIDEST:
            raise InvalidFile(f"a row has more than {WIDEST} cells; no charter's table has", line=block.line)
        if isinstance(block, Row) and max(map(len, block.cells), default=0) > LONGEST_CELL:
            raise InvalidFile(
                f"a cell has more than {LONGEST_CELL} characters; no charter's table has", line=block.line
            )
    if not any(isinstance(block, Row) for block in blocks):
        raise InvalidFile("there is no table in this document; a charter's services stand in tables", why="no_table")
    return blocks


def refuse_old_fonts(text: str) -> None:
    """Raise InvalidFile for Bangla typed in a font encoding such as SutonnyMJ (Bijoy)."""
    if not text.strip():
        raise InvalidFile("the file is empty", why="empty_file")
    bengali = len(_BENGALI.findall(text))
    letters = sum(c.isalpha() for c in text)
    old = len(_OLD_FONT.findall(text))
    if bengali < 0.2 * letters and old > 0.01 * len(text):
        raise InvalidFile(OLD_FONT_REASON, why="old_font")
    if bengali < 20:
        raise InvalidFile("there is no Bangla text in this file", why="no_bangla")


def refuse_old_font_runs(runs: Iterable[tuple[str, str]]) -> None:
    """Raise InvalidFile where words are set in such a font: ``(font, text)``. Its letters alone do not always tell."""
    letters = 0
    for font, text in runs:
        if font and OLD_FONTS.search(font):
            letters += sum(c.isalpha() and not _BENGALI.match(c) for c in text)
        if letters > _FEWEST_LETTERS:
            raise InvalidFile(OLD_FONT_REASON, why="old_font")
