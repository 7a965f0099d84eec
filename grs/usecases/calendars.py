"""The calendar that counts: importing what was gazetted, forecasting what is not, and the shelf it is read from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.calendars import CalendarDay
from grs.db.offices import Office
from grs.domain.calendar import (
    NATIONAL,
    CalendarRow,
    Certainty,
    WorkingCalendar,
    dhaka_date,
    gazetted_years,
)
from grs.domain.tiers import Tier, TierChain
from grs.gazette import forecast_year, read_calendar_file
from grs.gazette.forecast import YEARS_AHEAD
from grs.settings import CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarImport:
    """What an import changed."""

    added: int
    unchanged: int
    superseded: int
    newly_gazetted: tuple[int, ...]


def shipped_rows() -> list[CalendarRow]:
    """The rows of the calendar files that the project carries."""
    files = sorted((CONFIG / "calendars").glob("*.csv"))
    return [row for file in files for row in read_calendar_file(Path(file).read_bytes())]


def with_forecast(rows: Sequence[CalendarRow], *, until: int) -> list[CalendarRow]:
    """The rows and a forecast for each later year up to ``until`` that is not gazetted."""
    known = gazetted_years(rows)
    years = range(max(known, default=until) + 1, until + 1)
    return [*rows, *(row for year in years for row in forecast_year(year))]


def import_calendar(session: Session, rows: Iterable[CalendarRow], *, now: datetime) -> CalendarImport:
    """Take rows of a gazette; what they contradict is superseded, never deleted (rule 8).

    A row for the same day and scope with another kind supersedes the older one; a year that becomes
    gazetted supersedes its forecast. Rows already there are left alone, so a file can be imported twice.
    """
    active = _active(session)
    before = gazetted_years(day.as_row() for day in active)
    by_day: dict[tuple[str, date], list[CalendarDay]] = {}
    for day in active:
        by_day.setdefault((day.scope, day.day), []).append(day)
    added = unchanged = superseded = 0
    for row in rows:
        there = by_day.setdefault((row.scope, row.day), [])
        if any(old.as_row() == row for old in there):
            unchanged += 1
            continue
        new = CalendarDay(
            day=row.day,
            kind=row.kind,
            scope=row.scope,
            name_bn=row.name_bn,
            name_en=row.name_en,
            reference=row.reference,
            certainty=row.certainty,
            recorded_at=now,
        )
        session.add(new)
        session.flush()
        added += 1
        for old in list(there):
            same_name = (old.name_bn, old.name_en) == (row.name_bn, row.name_en)
            if old.kind is not row.kind or old.certainty is Certainty.FORECAST or same_name:
                old.superseded_at, old.superseded_by_id = now, new.id
                there.remove(old)
                superseded += 1
        there.append(new)
    session.flush()
    newly = gazetted_years(day.as_row() for day in _active(session)) - before
    superseded += _retire_forecasts(session, newly, now)
    return CalendarImport(added=added, unchanged=unchanged, superseded=superseded, newly_gazetted=tuple(sorted(newly)))


def forecast_missing_years(session: Session, *, now: datetime) -> list[int]:
    """Forecast the years ahead that have neither gazette nor forecast; returns those years."""
    active = _active(session)
    known = gazetted_years(day.as_row() for day in active)
    forecast = {day.day.year for day in active if day.certainty is Certainty.FORECAST}
    this_year = dhaka_date(now).year
    last = max(max(known, default=this_year), this_year)
    wanted = [y for y in range(this_year, last + YEARS_AHEAD + 1) if y not in known | forecast]
    for year in wanted:
        import_calendar(session, forecast_year(year), now=now)
    return wanted


def _active(session: Session) -> list[CalendarDay]:
    query = select(CalendarDay).where(CalendarDay.superseded_at.is_(None)).order_by(CalendarDay.id)
    return list(session.scalars(query))


def _retire_forecasts(session: Session, years: Iterable[int], now: datetime) -> int:
    retired = 0
    for day in _active(session):
        if day.certainty is Certainty.FORECAST and day.day.year in years:
            day.superseded_at = now
            retired += 1
    return retired


class CalendarShelf:
    """The calendars in use, built once and again only when a row has changed.

    Offices without local days share the nation's calendar.
    """

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None
        self._rows: list[CalendarRow] = []
        self._local_scopes: frozenset[str] = frozenset()
        self._built: dict[frozenset[str], WorkingCalendar] = {}

    def for_office(self, session: Session, office: Office) -> WorkingCalendar:
        """The calendar that an office follows."""
        return self.for_scopes(session, office.calendar_scopes)

    def for_desks(self, session: Session, chain: TierChain) -> dict[Tier, WorkingCalendar]:
        """The calendar of the office that answers at each tier of a chain."""
        offices = {desk.office_id: desk for desk in chain}
        found = {o.id: o for o in session.scalars(select(Office).where(Office.id.in_(offices)))}
        return {desk.tier: self.for_office(session, found[desk.office_id]) for desk in chain}

    def for_scopes(self, session: Session, scopes: Iterable[str] = ()) -> WorkingCalendar:
        self.refresh(session)
        wanted = frozenset(scopes) & self._local_scopes
        if wanted not in self._built:
            self._built[wanted] = WorkingCalendar(self._rows, scopes=wanted)
        return self._built[wanted]

    def refresh(self, session: Session) -> None:
        """Forget what was built when the calendar's rows have changed since."""
        query = select(func.max(CalendarDay.id), func.count(CalendarDay.superseded_at))
        newest, superseded = session.execute(query).one()
        version = (newest or 0, superseded)
        if version != self._version:
            self._rows = [day.as_row() for day in _active(session)]
            self._local_scopes = frozenset(row.scope for row in self._rows if row.scope != NATIONAL)
            self._version, self._built = version, {}
