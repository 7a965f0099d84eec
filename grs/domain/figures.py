"""Figures that may be shown to everybody: counts so small that they point at persons are hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SMALLEST_SHOWN = 5
"""Counts from 1 to 4 are hidden, and what would give them away by subtraction (ours)."""

Hidden = None
Row = list[int | None]


def protect(rows: Sequence[Sequence[int]], *, width: int, also: Sequence[Sequence[bool]] = ()) -> list[Row]:
    """The table of ``width`` columns with its totals, small counts hidden as None.

    The last line and the last column of the answer are the totals. Where a line or a column would
    have a single hidden cell, its smallest other one is hidden too: nothing can be had by
    subtraction. ``also`` marks further cells to hide.
    """
    counts = [[*row, sum(row)] for row in rows]
    counts.append([sum(row[column] for row in counts) for column in range(width + 1)])
    shown: list[Row] = [[None if 0 < n < SMALLEST_SHOWN else n for n in row] for row in counts]
    for y, marks in enumerate(also):
        for x, is_marked in enumerate(marks):
            if is_marked:
                shown[y][x] = Hidden
    last, height = width, len(counts)
    lines = [[(y, x) for x in range(width + 1)] for y in range(height)]
    lines += [[(y, x) for y in range(height)] for x in range(width + 1)]
    is_changing = True
    while is_changing:
        is_changing = False
        for line in lines:
            if len(line) < 2 or sum(shown[y][x] is Hidden for y, x in line) != 1:
                continue
            y, x = min(
                (place for place in line if shown[place[0]][place[1]] is not Hidden),
                # A zero hides little, a total is what readers came for.
                key=lambda p: (counts[p[0]][p[1]] == 0, p[0] == height - 1, p[1] == last, counts[p[0]][p[1]]),
            )
            shown[y][x] = Hidden
            is_changing = True
    return shown


def median_days(histogram: Mapping[int, int]) -> float | None:
    """The median of days that each occurred so many times; None for fewer than five in all."""
    total = sum(histogram.values())
    if total < SMALLEST_SHOWN:
        return None

    def at(position: int) -> int:
        """The days at a position of the sorted row, from 0."""
        seen = 0
        for days in sorted(histogram):
            seen += histogram[days]
            if seen > position:
                return days
        raise IndexError(position)

    return (at((total - 1) // 2) + at(total // 2)) / 2


def in_time_rate(*, in_time: int | None, disposed: int | None, overdue: int | None) -> int | None:
    """Per cent: disposed in time / (disposed + overdue and still open).

    None where a part is hidden or nothing was due.
    """
    if in_time is None or disposed is None or overdue is None or disposed + overdue == 0:
        return None
    return round(100 * in_time / (disposed + overdue))
