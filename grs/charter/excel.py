"""Reader for Excel files (XLSX): every sheet a run of rows, merged cells put back."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils import column_index_from_string
from openpyxl.utils.exceptions import InvalidFileException

from grs.charter.blocks import WIDEST, Block, Paragraph, checked, one_spelling, refuse_old_font_runs
from grs.charter.grids import Cell, Grid, lay_out
from grs.charter.packages import check_package
from grs.domain.errors import InvalidFile

MOST_ROWS = 5_000
MOST_CELLS = 60_000
_ROW, _CELL = re.compile(rb"<(?:\w+:)?row[\s>/]"), re.compile(rb"<(?:\w+:)?c[\s>/]")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*>")
_AREA = re.compile(rb"ref\s*=\s*[\"']\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})[\"']")


def read_excel(data: bytes) -> list[Block]:
    """The blocks of a workbook, sheet after sheet. The line is the sheet's row; rows of later sheets go on counting.

    Raises InvalidFile for a damaged file, for words in an old font, and where there is no table.
    """
    check_package(data)
    _check_sheets(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    except (InvalidFileException, KeyError, ValueError, TypeError, zipfile.BadZipFile, ParseError):
        raise InvalidFile("this is not an Excel file (XLSX), or it is damaged", why="damaged") from None
    blocks: list[Block] = []
    first = 1
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        if sheet.max_row > MOST_ROWS or sheet.max_column > WIDEST:
            raise InvalidFile(f"sheet {sheet.title} has more than {MOST_ROWS} rows or {WIDEST} columns; no charter has")
        grid = _grid(sheet, first)
        refuse_old_font_runs(
            (str(cell.font.name or ""), str(cell.value)) for row in sheet.iter_rows() for cell in row if cell.value
        )
        first += len(grid.lines)
        blocks += [_paragraph_or_row(block) for block in lay_out(grid)]
    return checked(blocks)


def _check_sheets(data: bytes) -> None:
    """Raise InvalidFile for sheets too large before the library fills the memory with their cells."""
    cells = 0
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for member in package.namelist():
            if not member.startswith("xl/worksheets/") or not member.endswith(".xml"):
                continue
            sheet = package.read(member)
            cells += sum(1 for _ in _CELL.finditer(sheet))
            for merged in _MERGED.findall(sheet):
                area = _AREA.search(merged)
                if area is None:
                    raise InvalidFile("a merged area of a sheet cannot be read", why="damaged")
                left, top, right, bottom = area.groups()
                width = column_index_from_string(right.decode()) - column_index_from_string(left.decode()) + 1
                cells += max(width, 1) * max(int(bottom) - int(top) + 1, 1)
            if cells > MOST_CELLS or sum(1 for _ in _ROW.finditer(sheet)) > MOST_ROWS:
                raise InvalidFile(f"the sheets have more than {MOST_ROWS} rows or {MOST_CELLS} cells; no charter has")


def _paragraph_or_row(block: Block) -> Block:
    """A row with words in its first cell only is a line outside the table."""
    if isinstance(block, Paragraph) or not block.cells[0] or any(block.cells[1:]) or len(block.cells[0]) < 5:
        return block
    return Paragraph(block.line, block.cells[0])


def _grid(sheet: Any, first: int) -> Grid:
    grid = Grid()
    spans = {(area.min_row, area.min_col): area for area in sheet.merged_cells.ranges}
    for number in range(sheet.max_row):
        grid.add_row(first + number)
    for y, row in enumerate(sheet.iter_rows()):
        for x, cell in enumerate(row):
            if x < len(grid.rows[y]) and grid.rows[y][x] is not None:
                continue
            area = spans.get((y + 1, x + 1))
            text = _text(cell.value)
            grid.place(
                y,
                x,
                Cell(text, is_bold=bool(text) and bool(cell.font.b)),
                height=area.max_row - area.min_row + 1 if area else 1,
                width=area.max_col - area.min_col + 1 if area else 1,
            )
    return grid


def _text(value: object) -> str:
    """A cell as people see it: whole numbers without a point, days as days."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return one_spelling(str(value))
