"""Working days: ours beside a bare bisection, and beside what else there is."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from grs.domain.calendar import ONE_DAY, WorkingCalendar
from grs.usecases.calendars import shipped_rows
from tests.performance.measuring import Figure, timed

STARTS = [date(2024, 2, 1) + ONE_DAY * (n * 7 % 700) for n in range(2_000)]
DAYS = 30


def figures() -> Iterator[Figure]:
    calendar = WorkingCalendar(shipped_rows())
    days = [day for n in range(1_096) if calendar.is_open(day := date(2024, 1, 1) + ONE_DAY * n)]
    ways: dict[str, Callable[[date], object]] = {
        "ours": lambda start: calendar.add_working_days(start, DAYS),
        "bisect": lambda start: days[bisect_right(days, start) + DAYS - 1],
        **_peers(calendar),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(25):
        for name, way in ways.items():
            some = STARTS if name in ("ours", "bisect") else STARTS[:100]
            took[name].append(timed(lambda way=way, some=some: [way(start) for start in some]) / len(some) * 1e6)  # type: ignore[misc]
    found = {name: statistics.median(times) for name, times in took.items()}
    goals = {"bisect": "≤ 2", "numpy busday_offset": "≤ 0.2", "holidays": "≤ 0.01", "workalendar": "≤ 0.01"}
    for name in ways:
        if name != "ours":
            yield Figure(name=f"add {DAYS} working days, against {name}", unit="µs", ours=found["ours"],
                         floor=found[name], floor_is=name, goal=goals[name])  # fmt: skip


def _peers(calendar: WorkingCalendar) -> dict[str, Callable[[date], object]]:
    """What can be installed here, each told the same holidays."""
    found: dict[str, Callable[[date], object]] = {}
    closed = [
        day for n in range(1_096)
        if not calendar.is_open(day := date(2024, 1, 1) + ONE_DAY * n) and day.weekday() not in (4, 5)
    ]  # fmt: skip
    try:
        import numpy

        weekend = numpy.busdaycalendar(weekmask="1111001", holidays=closed)
        found["numpy busday_offset"] = lambda start: numpy.busday_offset(
            start, DAYS, roll="backward", busdaycal=weekend
        )
    except ImportError:
        pass
    try:
        import holidays

        class Own(holidays.HolidayBase):
            def __init__(self) -> None:
                super().__init__(expand=False)
                self.weekend = {4, 5}
                for day in closed:
                    self[day] = "closed"

        own = Own()
        found["holidays"] = lambda start: own.get_nth_working_day(start, DAYS)
    except ImportError:
        pass
    try:
        from workalendar.core import Calendar

        class Theirs(Calendar):  # type: ignore[misc]
            WEEKEND_DAYS = (4, 5)

            def get_calendar_holidays(self, year: int) -> list[Any]:
                return [(day, "closed") for day in closed if day.year == year]

        theirs = Theirs()
        found["workalendar"] = lambda start: theirs.add_working_days(start, DAYS)
    except ImportError:
        pass
    return found


def same_days() -> bool:
    """Whether all ways agree: a bench of different things would be none."""
    calendar = WorkingCalendar(shipped_rows())
    start = STARTS[0] + timedelta(days=3)
    mine = calendar.add_working_days(start, DAYS)
    return all(str(way(start))[:10] == mine.isoformat() for way in _peers(calendar).values())
