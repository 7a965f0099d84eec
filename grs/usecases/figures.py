"""The public figures of all offices, worked out together so that no small count can be had by subtraction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from grs.db.offices import Office
from grs.db.queries import figures as counts
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import RootCause
from grs.domain.errors import NotFound
from grs.domain.figures import SMALLEST_SHOWN, Row, in_time_rate, median_days, protect

MONTHS = 12
FRESH = timedelta(minutes=10)
"""How long figures are shown before they are counted again; the page says as of when they are."""

ALL = 0
"""The number under which the figures of all offices together stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthFigures:
    """One month; None is hidden."""

    month: date
    received: int | None
    disposed: int | None
    in_time: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeFigures:
    """The figures of one office, or of all; None is hidden."""

    office: Office | None
    months: Sequence[MonthFigures]
    received: int | None
    disposed: int | None
    in_time: int | None
    overdue: int | None
    rate: int | None
    median_days: float | None
    causes: Sequence[tuple[RootCause | None, int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that is shown, as of an instant; ``by_office`` holds ``ALL`` too."""

    made_at: datetime
    since: date
    by_office: dict[int, OfficeFigures]

    def of(self, office: Office) -> OfficeFigures:
        """One office's figures; zeros where nothing was ever filed."""
        known = self.by_office.get(office.id)
        if known is not None:
            return known
        months = [
            MonthFigures(month=one.month, received=0, disposed=0, in_time=0) for one in self.by_office[ALL].months
        ]
        return OfficeFigures(
            office=office, months=months, received=0, disposed=0, in_time=0, overdue=0,
            rate=None, median_days=None, causes=[],
        )  # fmt: skip

    def month(self, name: str) -> list[tuple[OfficeFigures, MonthFigures]]:
        """A month such as ``2026-10``: all offices together, then each by name. Raises NotFound outside the twelve.

        A part of the table that hides what is small, not a table of its own: two tables of one month that hide
        different numbers would give each other's away.
        """
        for place, one in enumerate(self.by_office[ALL].months):
            if f"{one.month:%Y-%m}" == name:
                return [(office, office.months[place]) for office in (self.by_office[ALL], *self.offices)]
        raise NotFound("month", name)

    @property
    def offices(self) -> list[OfficeFigures]:
        """The offices against which something was filed or disposed of, by name."""
        found = [one for number, one in self.by_office.items() if number != ALL]
        return sorted(found, key=lambda one: one.office.name_en if one.office else "")


class FigureShelf:
    """The figures in use, counted again when they are no longer fresh; shared by threads."""

    def __init__(self) -> None:
        self._figures: Figures | None = None
        self._lock = Lock()

    def get(self, readers: sessionmaker[Session], *, now: datetime) -> Figures:
        """The figures, at most ten minutes old; while one thread counts the others show the last ones."""
        known = self._figures
        if known is not None and timedelta(0) <= now - known.made_at <= FRESH:
            return known
        if not self._lock.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            if self._figures is known:
                with readers() as session:
                    self._figures = public_figures(session, now=now)
            assert self._figures is not None
            return self._figures
        finally:
            self._lock.release()


def public_figures(session: Session, *, now: datetime) -> Figures:
    """Count the last twelve months, this one included, and hide what is small."""
    today = dhaka_date(now)
    this_month = today.year * 12 + today.month - 1
    months = range(this_month - MONTHS + 1, this_month + 1)
    since = _first_day(months[0])
    received = _table(counts.received_by_month(session, since=since))
    disposed = _table(counts.disposed_by_month(session, since=since))
    in_time = _table(counts.disposed_in_time_by_month(session, since=since))
    overdue = counts.overdue_by_office(session, today=today)
    columns_of_causes: list[RootCause | None] = [*RootCause, None]  # None: no cause is named; so the table adds up
    causes = _table(
        (office, columns_of_causes.index(cause), n) for office, cause, n in counts.root_causes(session, since=since)
    )
    numbers = sorted({office for office, _ in (*received, *disposed)} | overdue.keys())

    def rows(table: Counter[tuple[int, int]], columns: Iterable[int] = months) -> list[list[int]]:
        return [[table[office, column] for column in columns] for office in numbers]

    late = disposed.copy()
    late.subtract(in_time)
    shown_late = protect(rows(late), width=MONTHS)
    shown_disposed, shown_causes = _protect_together(
        rows(disposed), rows(causes, range(len(columns_of_causes))), widths=(MONTHS, len(columns_of_causes))
    )
    # The late ones are what is left when those in time are taken away: both are hidden in the same places.
    hidden = [
        [late_one is None or whole is None for late_one, whole in zip(one, two, strict=True)]
        for one, two in zip(shown_late, shown_disposed, strict=True)
    ]
    shown_in_time = protect(rows(in_time), width=MONTHS, also=hidden)
    shown_received = protect(rows(received), width=MONTHS)
    shown_overdue = protect([[overdue.get(office, 0)] for office in numbers], width=1)
    days = _days_by_office(session, since)
    offices = {office.id: office for office in session.scalars(select(Office).where(Office.id.in_(numbers)))}
    by_office = {}
    for line, number in enumerate([*numbers, ALL]):
        facts = {
            "received": shown_received[line][-1],
            "disposed": shown_disposed[line][-1],
            "in_time": shown_in_time[line][-1],
            "overdue": shown_overdue[line][0],
        }
        by_office[number] = OfficeFigures(
            office=offices.get(number),
            months=[
                MonthFigures(
                    month=_first_day(month),
                    received=shown_received[line][column],
                    disposed=shown_disposed[line][column],
                    in_time=shown_in_time[line][column],
                )
                for column, month in enumerate(months)
            ],
            rate=in_time_rate(in_time=facts["in_time"], disposed=facts["disposed"], overdue=facts["overdue"]),
            median_days=median_days(days.get(number, {})),
            causes=_ranked(list(zip(columns_of_causes, shown_causes[line], strict=False))),
            **facts,
        )
    return Figures(made_at=now, since=since, by_office=by_office)


def _protect_together(
    months: list[list[int]], causes: list[list[int]], *, widths: tuple[int, int]
) -> tuple[list[Row], list[Row]]:
    """Two tables that add up to the same totals: a total is hidden in both or in neither."""
    hidden: set[int] = set()
    while True:
        by_month, by_cause = (
            protect(table, width=width, also=[[False] * width + [y in hidden] for y in range(len(table) + 1)])
            for table, width in zip((months, causes), widths, strict=True)
        )
        found = {y for shown in (by_month, by_cause) for y, row in enumerate(shown) if row[-1] is None}
        if found == hidden:
            return by_month, by_cause
        hidden = found


def _ranked(causes: list[tuple[RootCause | None, int | None]]) -> list[tuple[RootCause | None, int | None]]:
    """Most frequent first; hidden ones before those that never occurred, which are left out."""
    seen = [(cause, count) for cause, count in causes if count != 0]
    return sorted(seen, key=lambda one: -(one[1] if one[1] is not None else SMALLEST_SHOWN - 1))


def _table(found: Iterable[tuple[int, int, int]]) -> Counter[tuple[int, int]]:
    return Counter({(office, column): count for office, column, count in found})


def _days_by_office(session: Session, since: date) -> dict[int, Counter[int]]:
    found: dict[int, Counter[int]] = {ALL: Counter()}
    for office, days, count in counts.days_taken(session, since=since):
        found.setdefault(office, Counter())[days] += count
        found[ALL][days] += count
    return found


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
