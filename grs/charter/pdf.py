"""Reader for PDF files, through poppler's ``pdftotext``: words with their places become rows; a draft to correct."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from lxml import etree

from grs.charter.blocks import Block, Paragraph, Row, checked, one_spelling
from grs.charter.cells import is_serial
from grs.charter.packages import LARGEST_FILE
from grs.domain.errors import InvalidFile

PROGRAM = "pdftotext"
SECONDS = 20
_XHTML = "{http://www.w3.org/1999/xhtml}"
CELLS_APART = 0.9
"""Blank between two words, in heights of a line, from which on they may stand in two cells."""
FEWEST_CELLS = 3
GUTTER = 2.0
"""The narrowest blank between two columns, in points."""
ROWS_APART = 0.45
"""Blank between two rows, in heights of a line."""


@dataclass(frozen=True, slots=True)
class _Word:
    left: float
    top: float
    right: float
    bottom: float
    text: str

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def read_pdf(data: bytes) -> list[Block]:
    """The blocks of a PDF, page after page. The line is the running number of the line of text.

    Raises InvalidFile where the program is missing, and for files that are damaged, locked or only pictures.
    """
    if len(data) > LARGEST_FILE:
        raise InvalidFile(
            f"the file has more than {LARGEST_FILE // 1_000_000} MB; no charter has", why="too_large_file"
        )
    blocks: list[Block] = []
    line = 0
    for words in _pages(_places(data)):
        lines = _lines(words)
        blocks += _page(lines, line)
        line += len(lines)
    if not blocks:
        raise InvalidFile("there is no text in this PDF; a scanned picture cannot be read", why="pdf_picture")
    return checked(blocks)


def _places(data: bytes) -> bytes:
    program = shutil.which(PROGRAM)
    if program is None:
        raise InvalidFile(
            "PDF files need the program pdftotext (Debian: apt-get install poppler-utils)", why="pdf_missing"
        )
    try:
        # No shell, and the file goes in as bytes: its name is nowhere on the command line.
        done = subprocess.run(  # noqa: S603
            [program, "-bbox-layout", "-enc", "UTF-8", "-", "-"],
            input=data,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidFile(f"the PDF could not be read in {SECONDS} seconds", why="damaged") from None
    if done.returncode != 0:
        raise InvalidFile("the PDF is damaged or locked with a password", why="locked")
    return done.stdout


def _pages(places: bytes) -> Iterator[list[_Word]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    root = etree.fromstring(places, parser)
    for page in root.iter(f"{_XHTML}page") if root is not None else ():
        words = []
        for word in page.iter(f"{_XHTML}word"):
            text = one_spelling(word.text or "")
            if text:
                left, top, right, bottom = (float(word.get(n) or 0) for n in ("xMin", "yMin", "xMax", "yMax"))
                words.append(_Word(left, top, right, bottom, text))
        yield words


def _lines(words: Sequence[_Word]) -> list[list[_Word]]:
    """The words line by line from the top, each line from the left."""
    lines: list[list[_Word]] = []
    for word in sorted(words, key=lambda one: (one.middle, one.left)):
        if lines and word.middle - lines[-1][-1].middle < (word.bottom - word.top) * 0.5:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda one: one.left) for line in lines]


def _page(lines: Sequence[Sequence[_Word]], before: int) -> Iterator[Block]:
    """A page's blocks: what lies between the first and the last line with several cells is its table."""
    if not lines:
        return
    height = median(word.bottom - word.top for line in lines for word in line)
    tabular = [y for y, line in enumerate(lines) if len(_chunks(line, height)) >= FEWEST_CELLS]
    first, last = (tabular[0], tabular[-1]) if len(tabular) > 1 else (len(lines), len(lines))
    inside = lines[first : last + 1]
    gutters = _gutters(inside, height)
    is_new_page = True
    for y, line in enumerate(lines[:first]):
        yield Paragraph(before + y + 1, _text(line))
    for number, group in _rows(inside, gutters, height):
        at = before + first + number + 1
        cells = _cells(group, gutters)
        filled = [cell for cell in cells if cell]
        if len(filled) == 1 and not is_serial(filled[0]) and _is_wide(group, gutters):
            yield Paragraph(at, filled[0])
        elif filled:
            yield Row(at, tuple(cells), after_break=is_new_page)
            is_new_page = False
    for y, line in enumerate(lines[last + 1 :]):
        yield Paragraph(before + last + y + 2, _text(line))


def _text(words: Sequence[_Word]) -> str:
    return one_spelling(" ".join(word.text for word in words))


def _chunks(line: Sequence[_Word], height: float) -> list[list[_Word]]:
    """The words of a line in runs with a wide blank between them."""
    chunks = [[line[0]]]
    for left, right in pairwise(line):
        if right.left - left.right > CELLS_APART * height:
            chunks.append([])
        chunks[-1].append(right)
    return chunks


def _gutters(lines: Sequence[Sequence[_Word]], height: float) -> list[float]:
    """Where no line of the table has a word: the middle of each blank between two columns.

    Lines in one piece may be headings across the table and do not count.
    """
    spans = sorted((word.left, word.right) for line in lines if len(_chunks(line, height)) > 1 for word in line)
    gutters = []
    reach = spans[0][1] if spans else 0.0
    for left, right in spans:
        if left - reach >= GUTTER:
            gutters.append((reach + left) / 2)
        reach = max(reach, right)
    return gutters


def _rows(
    lines: Sequence[Sequence[_Word]], gutters: Sequence[float], height: float
) -> Iterator[tuple[int, list[_Word]]]:
    """The words of each row with the number of its first line: rows have a blank between them, or a new serial."""
    group: list[_Word] = []
    begun = 0
    for number, line in enumerate(lines):
        reach = max((word.bottom for word in group), default=0.0)
        gap = min(word.top for word in line) - reach
        has_serial = bool(gutters) and any(word.right < gutters[0] and is_serial(word.text) for word in line)
        had_serial = bool(gutters) and any(word.right < gutters[0] and is_serial(word.text) for word in group)
        if group and (gap > ROWS_APART * height or (has_serial and had_serial)):
            yield begun, group
            group, begun = [], number
        group.extend(line)
    if group:
        yield begun, group


def _cells(words: Sequence[_Word], gutters: Sequence[float]) -> list[str]:
    found: list[list[_Word]] = [[] for _ in range(len(gutters) + 1)]
    for word in words:
        middle = (word.left + word.right) / 2
        found[sum(gutter < middle for gutter in gutters)].append(word)
    return [_text(cell) for cell in found]


def _is_wide(words: Sequence[_Word], gutters: Sequence[float]) -> bool:
    """Whether words run over the border of a column, as a heading across the table does."""
    left, right = min(word.left for word in words), max(word.right for word in words)
    return any(left < gutter < right for gutter in gutters)
