"""Tables with merged cells, of web pages, Word and Excel files, laid out as plain rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from grs.charter import columns
from grs.charter.blocks import WIDEST, Block, Paragraph, Row
from grs.charter.columns import Column
from grs.domain.errors import InvalidFile

MOST_SLOTS = 50_000
"""A table of a million merged cells is no charter."""


@dataclass(slots=True)
class Cell:
    """One cell as its document has it, however many slots of the table it covers."""

    text: str
    is_bold: bool = False
    row: int = 0
    column: int = 0


@dataclass(slots=True)
class Grid:
    """A table slot by slot: ``rows[y][x]`` is the cell that covers the slot; ``lines[y]`` is the row's source line."""

    rows: list[list[Cell | None]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    _slots: int = 0

    def add_row(self, line: int) -> int:
        self.rows.append([])
        self.lines.append(line)
        return len(self.rows) - 1

    def place(self, y: int, x: int, cell: Cell, *, height: int = 1, width: int = 1) -> None:
        """Put a cell where it begins and on every slot that it covers; rows below come to be as needed."""
        width, height = min(width, WIDEST), min(height, max(len(self.rows) - y, 1))
        if x + width > WIDEST:
            raise InvalidFile(f"a table has more than {WIDEST} columns; no charter has", line=self.lines[y])
        self._slots += width * height
        if self._slots > MOST_SLOTS:
            raise InvalidFile("a table is too large; no charter has one of its size", line=self.lines[y])
        cell.row, cell.column = y, x
        for row in self.rows[y : y + height]:
            row.extend([None] * (x + width - len(row)))
            row[x : x + width] = [cell] * width

    def free_column(self, y: int, x: int) -> int:
        """The first slot of a row, from ``x`` on, that no cell from above covers."""
        row = self.rows[y]
        while x < len(row) and row[x] is not None:
            x += 1
        return x


def lay_out(grid: Grid) -> list[Block]:
    """The rows of a table as the interpreter takes them.

    A cell that spans the whole table is a heading. A value that is merged over several services counts for each
    of them; in a row that only goes on with the service above, it is not said twice. Columns under one merged
    heading are one, unless the headings below it name columns of their own.
    """
    width = max((len(row) for row in grid.rows), default=0)
    for row in grid.rows:
        row.extend([None] * (width - len(row)))
    groups = _groups(grid, width)
    blocks: list[Block] = []
    for y, row in enumerate(grid.rows):
        filled = list({id(cell): cell for cell in row if cell is not None and cell.text}.values())
        if len(filled) == 1 and width > 1 and _spans(row, filled[0]) == width:
            if filled[0].row == y:
                blocks.append(Paragraph(grid.lines[y], filled[0].text))
            continue
        if not filled:
            continue
        goes_on = width > 1 and all(cell is not None and cell.row < y for cell in row[:2])
        texts = tuple(_joined([row[x] for x in group], y, without_merged=goes_on) for group in groups)
        if any(texts):
            is_bold = len(filled) == 1 and filled[0].is_bold
            blocks.append(Row(grid.lines[y], texts, after_break=False, is_bold=is_bold))
    return blocks


def _spans(row: Sequence[Cell | None], cell: Cell) -> int:
    return sum(one is cell for one in row)


def _joined(cells: Sequence[Cell | None], y: int, *, without_merged: bool) -> str:
    """What the slots of one column say in a row, each cell once."""
    kept = {id(cell): cell for cell in cells if cell is not None and not (without_merged and cell.row < y)}
    return " ".join(cell.text for cell in kept.values() if cell.text)


def _groups(grid: Grid, width: int) -> list[list[int]]:
    """Which slots belong to one column, by the heading row: the first with three cells or more."""
    single = [[x] for x in range(width)]
    for y, row in enumerate(grid.rows):
        if len({id(cell) for cell in row if cell is not None and cell.text}) < 3:
            continue
        merged = _runs(row)
        if len(merged) == width or _known(_heading(row, merged)) == 0:
            return single
        below = grid.rows[y + 1] if y + 1 < len(grid.rows) else row
        lower = _heading(below, single)
        if _known(lower) > _known(_heading(row, merged)):
            return single
        return merged
    return single


def _runs(row: Sequence[Cell | None]) -> list[list[int]]:
    """The slots of a row, those of one cell together."""
    runs: list[list[int]] = []
    for x, cell in enumerate(row):
        if runs and cell is not None and row[runs[-1][0]] is cell:
            runs[-1].append(x)
        else:
            runs.append([x])
    return runs


def _heading(row: Sequence[Cell | None], groups: Sequence[Sequence[int]]) -> list[str]:
    cells = [row[group[0]] for group in groups]
    return [cell.text if cell is not None else "" for cell in cells]


def _known(texts: Sequence[str]) -> int:
    """How many columns a row of headings names."""
    found = columns.recognise(texts) or []
    return sum(column is not Column.UNKNOWN for column in found)
