"""Figures that may be shown to everybody: counts so small that they point at persons are hidden."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from heapq import nsmallest

SMALLEST_SHOWN = 5
"""Counts from 1 to 4 are hidden, and what would give them away by subtraction (ours)."""

TOTALS_PRICE = 1_000_000
"""Hide every other cell of a table before one of its totals."""

Row = list[int | None]
Cell = tuple[int, int]
Node = tuple[str, int]


def protect(rows: Sequence[Sequence[int]], *, width: int, also: Sequence[Sequence[bool]] = ()) -> list[Row]:
    """The table of ``width`` columns with its totals, small counts hidden as None.

    The last line and the last column of the answer are the totals. As many other cells are hidden,
    the smallest first, as it takes that no hidden one can be worked out from the sums. ``also``
    marks further cells to hide.

    A hidden cell joins its line and its column. It can be worked out exactly when it lies on no
    circle of such joints (a bridge of the graph): the sums then leave no freedom.
    """
    counts = [[*row, sum(row)] for row in rows]
    counts.append([sum(row[column] for row in counts) for column in range(width + 1)])
    hidden = {(y, x) for y, row in enumerate(counts) for x, n in enumerate(row) if 0 < n < SMALLEST_SHOWN}
    hidden |= {(y, x) for y, marks in enumerate(also) for x, is_marked in enumerate(marks) if is_marked}
    while bridges := _bridges(hidden):
        hidden |= _closing(bridges, hidden, counts)
    return [[None if (y, x) in hidden else n for x, n in enumerate(row)] for y, row in enumerate(counts)]


def _closing(bridges: Sequence[Cell], hidden: set[Cell], counts: Sequence[Sequence[int]]) -> set[Cell]:
    """For each cell the cheapest three further corners of a rectangle: with them it lies on a circle.

    A cell whose line and column have got a further one meanwhile may lie on a circle already and is left for the
    next look.
    """
    last, right = len(counts) - 1, len(counts[0]) - 1

    def price(y: int, x: int) -> int:
        if (y, x) in hidden:
            return 0
        is_total = (y == last) + (x == right)  # what readers came for
        return 1 + counts[y][x] + TOTALS_PRICE * is_total

    @cache
    def cheapest_lines(x: int, column: int) -> list[tuple[int, int]]:
        """What the two cells of a line in these columns cost together, and the line: the two cheapest lines."""
        return nsmallest(2, ((price(line, x) + price(line, column), line) for line in range(last + 1)))

    found: set[Cell] = set()
    lines, columns = set(), set()
    for y, x in bridges:
        if y in lines and x in columns:
            continue
        options = (
            (price(y, column) + cost, column, line)
            for column in range(right + 1)
            if column != x
            for cost, line in cheapest_lines(x, column)
            if line != y
        )
        _, column, line = min(options)
        found |= {(y, column), (line, x), (line, column)}
        lines |= {y, line}
        columns |= {x, column}
    return found


def _bridges(cells: Collection[Cell]) -> list[Cell]:
    """The cells that lie on no circle, in the graph of lines and columns that they join."""
    joined: dict[Node, list[tuple[Node, Cell]]] = {}
    for cell in sorted(cells):
        line, column = ("line", cell[0]), ("column", cell[1])
        joined.setdefault(line, []).append((column, cell))
        joined.setdefault(column, []).append((line, cell))
    found: list[Cell] = []
    seen: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    for root in joined:
        if root in seen:
            continue
        seen[root] = lowest[root] = len(seen)
        path: list[tuple[Node, Cell | None, Iterator[tuple[Node, Cell]]]] = [(root, None, iter(joined[root]))]
        while path:
            node, came_by, onward = path[-1]
            following = next(onward, None)
            if following is None:
                path.pop()
                if path and came_by is not None:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                    if lowest[node] > seen[above]:
                        found.append(came_by)
            elif following[1] != came_by:
                there, cell = following
                if there in seen:
                    lowest[node] = min(lowest[node], seen[there])
                else:
                    seen[there] = lowest[there] = len(seen)
                    path.append((there, cell, iter(joined[there])))
    return found


def percentile(histogram: Mapping[int, int], per_cent: int) -> float | None:
    """The value below or at which that share of the counted days lies, by nearest rank; None of nothing.

    The median of an even number is the mean of the two in the middle.
    """
    total = sum(histogram.values())
    if total == 0:
        return None

    def at(rank: int) -> int:
        """The days at a rank of the sorted row, from 1."""
        seen = 0
        for days in sorted(histogram):
            seen += histogram[days]
            if seen >= rank:
                return days
        raise IndexError(rank)

    if per_cent == 50:
        return (at((total + 1) // 2) + at(total // 2 + 1)) / 2
    return at(max(-(-total * per_cent // 100), 1))


def median_days(histogram: Mapping[int, int]) -> float | None:
    """The median that may be shown to everybody: None for fewer than five in all."""
    return None if sum(histogram.values()) < SMALLEST_SHOWN else percentile(histogram, 50)


def in_time_rate(*, in_time: int | None, disposed: int | None, overdue: int | None) -> int | None:
    """Per cent: disposed in time / (disposed + overdue and still open).

    None where a part is hidden or nothing was due.
    """
    if in_time is None or disposed is None or overdue is None or disposed + overdue == 0:
        return None
    return round(100 * in_time / (disposed + overdue))
