"""Reader for Word files (DOCX): paragraphs and tables in order, merged cells put back."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml.ns import qn
from lxml import etree

from grs.charter.blocks import WIDEST, Block, Paragraph, checked, one_spelling, refuse_old_font_runs
from grs.charter.grids import Cell, Grid, lay_out
from grs.charter.packages import check_package
from grs.domain.errors import InvalidFile

Element = Any
"""An XML element; what python-docx hands out has no types of its own."""


def read_word(data: bytes) -> list[Block]:
    """The blocks of a document. The line is the running number of the paragraph or table row, from 1.

    Raises InvalidFile for a damaged file, for words in an old font, and where there is no table.
    """
    check_package(data)
    try:
        document = docx.Document(io.BytesIO(data))
    except (KeyError, ValueError, zipfile.BadZipFile, etree.XMLSyntaxError):
        raise InvalidFile("this is not a Word file (DOCX), or it is damaged", why="damaged") from None
    body = document.element.body
    refuse_old_font_runs(_fonts(body))
    headings = {
        style.style_id for style in document.styles if (style.name or "").lower().startswith(("heading", "title"))
    }
    return checked(list(_blocks(body, headings)))


def _fonts(body: Element) -> Iterator[tuple[str, str]]:
    """The fonts in which Latin letters of a run are set: there the old encodings hide."""
    for run in body.iter(qn("w:r")):
        fonts = run.find(f"{qn('w:rPr')}/{qn('w:rFonts')}")
        if fonts is not None:
            names = " ".join(fonts.get(qn(f"w:{name}")) or "" for name in ("ascii", "hAnsi", "cs"))
            yield names, "".join(text.text or "" for text in run.iter(qn("w:t")))


def _blocks(body: Element, headings: set[str]) -> Iterator[Block]:
    line = 0
    for element in _top_level(body):
        if element.tag == qn("w:p"):
            line += 1
            text = _words(element)
            if text:
                style = element.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
                is_heading = style is not None and style.get(qn("w:val")) in headings
                yield Paragraph(line, text, is_heading=is_heading)
        else:
            grid = _grid(element, first_line=line + 1)
            line += len(grid.lines)
            yield from lay_out(grid)


def _top_level(parent: Element) -> Iterator[Element]:
    """Paragraphs and tables, those inside content controls and tracked insertions too."""
    for element in parent:
        if element.tag in (qn("w:p"), qn("w:tbl")):
            yield element
        elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml")):
            yield from _top_level(element)


def _grid(table: Element, *, first_line: int) -> Grid:
    grid = Grid()
    rows = [row for row in _rows(table)]
    for number, _ in enumerate(rows):
        grid.add_row(first_line + number)
    for y, row in enumerate(rows):
        before = row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}")
        x = min(int(before.get(qn("w:val")) or 0), WIDEST) if before is not None else 0
        for cell in _cells(row):
            properties = cell.find(qn("w:tcPr"))
            width = _number(properties, "w:gridSpan")
            merge = properties.find(qn("w:vMerge")) if properties is not None else None
            above = grid.rows[y - 1][x] if y and x < len(grid.rows[y - 1]) else None
            if merge is not None and merge.get(qn("w:val")) != "restart" and above is not None:
                begun = above.row, above.column
                grid.place(y, x, above, width=width)
                above.row, above.column = begun
            else:
                text = _words(cell)
                grid.place(y, x, Cell(text, is_bold=bool(text) and _is_bold(cell)), width=width)
            x += width
    return grid


def _rows(parent: Element) -> Iterator[Element]:
    for element in parent:
        if element.tag == qn("w:tr"):
            yield element
        elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml")):
            yield from _rows(element)


def _cells(row: Element) -> Iterator[Element]:
    for element in row:
        if element.tag == qn("w:tc"):
            yield element
        elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:customXml")):
            yield from _cells(element)


def _number(properties: Element | None, name: str) -> int:
    found = properties.find(qn(name)) if properties is not None else None
    value = found.get(qn("w:val")) if found is not None else None
    return max(int(value), 1) if value and value.isdigit() else 1


_BREAKS = {qn("w:br"), qn("w:tab"), qn("w:cr"), qn("w:p")}


def _words(element: Element) -> str:
    """The text of a paragraph or of all paragraphs of a cell; what was deleted with changes tracked is not read."""
    parts = []
    for one in element.iter():
        if one.tag == qn("w:t"):
            parts.append(one.text or "")
        elif one.tag in _BREAKS:
            parts.append(" ")
    return one_spelling("".join(parts))


def _is_bold(cell: Element) -> bool:
    runs = [run for run in cell.iter(qn("w:r")) if _words(run)]
    return all(run.find(f"{qn('w:rPr')}/{qn('w:b')}") is not None for run in runs)
