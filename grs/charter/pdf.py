"""Reader for PDF files, through poppler's ``pdftotext``: words with their places become rows; a draft to correct."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from lxml import etree

from grs.charter.blocks import Block, Paragraph, Row, checked, one_spelling
from grs.charter.cells import is_number_row, is_serial
from grs.charter.packages import LARGEST_FILE
from grs.domain.errors import InvalidFile

PROGRAM = "pdftotext"
SECONDS = 20
_XHTML = "{http://www.w3.org/1999/xhtml}"
CELLS_APART = 0.9
"""Blank between two words, in heights of a line, from which on they may stand in two cells."""
FEWEST_CELLS = 3
FEWEST_LINES, LINES_OF_A_COLUMN = 3, 0.08
"""How many lines, and what share of a table's, begin where a column does."""
NARROWEST = 12
"""The narrowest column, in points."""
ROWS_APART = 0.45
"""Blank between two rows, in heights of a line."""
MOST_ALIKE = 0.4
"""The share of blanks of one width from which on it is the usual one."""
MOST_WORDS_OF_A_HEADING = 20
LINES_OF_A_HEADING = 4


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
    pages = [_lines(words) for words in _pages(_places(data))]
    blank = _usual_blank(pages)
    line, known = 0, list[float]()
    for lines in pages:
        page = _Page(lines, line, blank, known)
        blocks += page.blocks()
        line, known = line + len(lines), page.known
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
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            [program, "-bbox-layout", "-enc", "UTF-8", "-", "-"],
            input=data,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidFile(f"the PDF could not be read in {SECONDS} seconds", why="damaged") from None
    if done.returncode != 0:
        raise InvalidFile("the PDF is damaged or locked with a password", why="damaged")
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


def _usual_blank(pages: Sequence[Sequence[Sequence[_Word]]]) -> float | None:
    """The width of a blank where nearly all have the same, as in PDFs that browsers print; None where they differ.

    In such PDFs conjuncts come as words of their own, at odd distances: only the usual blank parts two words.
    """
    gaps = Counter(
        round((right.left - left.right) * 20)
        for lines in pages
        for line in lines
        for left, right in pairwise(line)
        if 0 < right.left - left.right < CELLS_APART * (left.bottom - left.top)
    )
    if not gaps:
        return None
    (usual, count), total = gaps.most_common(1)[0], sum(gaps.values())
    near = count + gaps[usual - 1] + gaps[usual + 1]
    return usual / 20 if near >= MOST_ALIKE * total else None


class _Page:
    """One page: what lies between the first and the last line with several cells is its table."""

    def __init__(
        self, lines: Sequence[Sequence[_Word]], before: int, blank: float | None, known: Sequence[float] = ()
    ) -> None:
        self.lines, self.before, self.blank, self.known = lines, before, blank, list(known)
        self.height = median(word.bottom - word.top for line in lines for word in line) if lines else 0.0

    def blocks(self) -> Iterator[Block]:
        tabular = [y for y, line in enumerate(self.lines) if len(self._chunks(line)) >= FEWEST_CELLS]
        first, last = (tabular[0], tabular[-1]) if len(tabular) > 1 else (len(self.lines), len(self.lines))
        inside = self.lines[first : last + 1]
        is_new_page = True
        for y, line in enumerate(self.lines[:first]):
            yield Paragraph(self.before + y + 1, self._text(line))
        for start, part, gutters in self._tables(inside):
            for number, group in self._rows(part, gutters):
                at = self.before + first + start + number + 1
                cells = self._cells(group, gutters)
                filled = [cell for cell in cells if cell]
                is_short = len(group) < MOST_WORDS_OF_A_HEADING and not any(map(is_serial, filled))
                if is_short and _is_wide(group, gutters):
                    yield Paragraph(at, self._text(group))
                elif filled:
                    yield Row(at, tuple(cells), after_break=is_new_page)
                    is_new_page = False
        for y, line in enumerate(self.lines[last + 1 :]):
            yield Paragraph(self.before + last + y + 2, self._text(line))

    def _text(self, words: Sequence[_Word]) -> str:
        """Words as a sentence: a blank between two of them, unless they are parts of one."""
        parts = []
        for number, word in enumerate(words):
            if number and self._are_apart(words[number - 1], word):
                parts.append(" ")
            parts.append(word.text)
        return one_spelling("".join(parts))

    def _are_apart(self, left: _Word, right: _Word) -> bool:
        is_same_line = abs(right.middle - left.middle) < 0.5 * self.height and right.left > left.left
        if not is_same_line or self.blank is None:
            return True
        return abs(right.left - left.right - self.blank) < 0.2 * self.blank

    def _chunks(self, line: Sequence[_Word]) -> list[list[_Word]]:
        """The words of a line in runs with a wide blank between them."""
        chunks = [[line[0]]]
        for left, right in pairwise(line):
            if right.left - left.right > CELLS_APART * self.height:
                chunks.append([])
            chunks[-1].append(right)
        return chunks

    def _tables(self, lines: Sequence[Sequence[_Word]]) -> Iterator[tuple[int, Sequence[Sequence[_Word]], list[float]]]:
        """The tables of a page with their first line and their columns.

        The row that only numbers the columns tells them best; where a page has none, those of the last one hold.
        """
        numbered = [y for y, line in enumerate(lines) if is_number_row([word.text for word in line])]
        if not numbered:
            yield 0, lines, self.known or self._gutters(lines)
            return
        begins = [self._heading_above(lines, y) for y in numbered]
        if begins[0] > 0:
            yield 0, lines[: begins[0]], self.known or self._gutters(lines[: begins[0]])
        for begin, end, y in zip(begins, [*begins[1:], len(lines)], numbered, strict=True):
            self.known = [word.left - 1.5 for word in lines[y][1:]]
            yield begin, lines[begin:end], self.known

    @staticmethod
    def _heading_above(lines: Sequence[Sequence[_Word]], y: int) -> int:
        """Where the heading of a table begins whose columns are numbered in a line."""
        begin = y
        while begin > 0 and y - begin < LINES_OF_A_HEADING and not is_serial(lines[begin - 1][0].text):
            if len(lines[begin - 1]) < FEWEST_CELLS:
                break
            begin -= 1
        return begin

    def _gutters(self, lines: Sequence[Sequence[_Word]]) -> list[float]:
        """Where columns begin, but for the first: where the lines of many cells begin at the same place."""
        begins: Counter[int] = Counter()
        for line in lines:
            begins[round(line[0].left)] += 1
            begins.update(round(right.left) for left, right in pairwise(line) if self._is_far(left, right))
        often = max(FEWEST_LINES, LINES_OF_A_COLUMN * len(lines))
        columns: list[int] = []
        for x in sorted(begins):
            if begins[x] + begins[x - 1] + begins[x + 1] >= often and (not columns or x - columns[-1] > NARROWEST):
                columns.append(x)
        return [x - 1.5 for x in columns[1:]]

    def _is_far(self, left: _Word, right: _Word) -> bool:
        """Whether more than a blank lies between two words."""
        return right.left - left.right > (1.4 * self.blank if self.blank is not None else CELLS_APART * self.height)

    def _rows(self, lines: Sequence[Sequence[_Word]], gutters: Sequence[float]) -> Iterator[tuple[int, list[_Word]]]:
        """The words of each row with the number of its first line: rows have a blank between them, or a new serial."""
        group: list[_Word] = []
        begun = 0
        for number, line in enumerate(lines):
            reach = max((word.bottom for word in group), default=0.0)
            gap = min(word.top for word in line) - reach
            begins = _has_serial(line, gutters) and _has_serial(group, gutters)
            if group and (gap > ROWS_APART * self.height or begins):
                yield begun, group
                group, begun = [], number
            group.extend(line)
        if group:
            yield begun, group

    def _cells(self, words: Sequence[_Word], gutters: Sequence[float]) -> list[str]:
        found: list[list[_Word]] = [[] for _ in range(len(gutters) + 1)]
        for word in words:
            found[sum(gutter <= word.left for gutter in gutters)].append(word)
        return [self._text(cell) for cell in found]


def _has_serial(words: Sequence[_Word], gutters: Sequence[float]) -> bool:
    return bool(gutters) and any(word.left < gutters[0] and is_serial(word.text) for word in words)


def _is_wide(words: Sequence[_Word], gutters: Sequence[float]) -> bool:
    """Whether words run over the border of a column, as a heading across the table does."""
    return any(word.left < gutter < word.right - 1 for word in words for gutter in gutters)
