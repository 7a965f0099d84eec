"""The calendar that counts: importing what was gazetted, forecasting what is not, and the shelf it is read from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Lock

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from grs.db.calendars import CalendarChange, CalendarDay
from grs.db.engine import ONLY_LOOKS
from grs.db.offices import Office
from grs.db.queries.offices import offices_by_number
from grs.domain.calendar import (
    NATIONAL,
    CalendarRow,
    Certainty,
    RowKind,
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


def import_calendar(
    session: Session, rows: Iterable[CalendarRow], *, now: datetime, reference: str = "", person_id: int | None = None
) -> CalendarImport:
    """Take rows of a gazette; what they contradict is superseded, never deleted (rule 8).

    A later word on the same day and scope supersedes the earlier one: by the day it was announced,
    else by the order of the imports. A row that is already known, also as superseded, is left alone,
    so a file can be imported twice. A forecast never contradicts a gazette, an optional holiday
    contradicts nothing, and a year that becomes gazetted retires its forecast. What changed stays
    marked until the due dates have been counted again.
    """
    known = session.scalars(select(CalendarDay).order_by(CalendarDay.id)).all()
    before = gazetted_years(day.as_row() for day in known if day.superseded_at is None)
    by_day: dict[tuple[str, date], list[CalendarDay]] = {}
    for day in known:
        by_day.setdefault((day.scope, day.day), []).append(day)
    added = unchanged = superseded = 0
    for row in rows:
        there = by_day.setdefault((row.scope, row.day), [])
        if any(old.as_row() == row for old in there) or _adds_nothing(row, there):
            unchanged += 1
            continue
        new = _as_day(row, now)
        session.add(new)
        session.flush()
        added += 1
        for old in there:
            if old.superseded_at is None and _contradict(old, row):
                loser, winner = (new, old) if _is_older(row, old) else (old, new)
                loser.superseded_at, loser.superseded_by_id = now, winner.id
                superseded += 1
        there.append(new)
    session.flush()
    newly = gazetted_years(day.as_row() for day in _active(session)) - before
    superseded += _retire_forecasts(session, newly, now)
    if added or superseded:
        session.add(CalendarChange(made_at=now, reference=reference, person_id=person_id))
        session.flush()
    return CalendarImport(added=added, unchanged=unchanged, superseded=superseded, newly_gazetted=tuple(sorted(newly)))


def _as_day(row: CalendarRow, now: datetime) -> CalendarDay:
    return CalendarDay(
        day=row.day,
        kind=row.kind,
        scope=row.scope,
        name_bn=row.name_bn,
        name_en=row.name_en,
        reference=row.reference,
        certainty=row.certainty,
        announced_on=row.announced_on,
        recorded_at=now,
    )


def _adds_nothing(row: CalendarRow, there: Iterable[CalendarDay]) -> bool:
    """A forecast where a gazette has spoken."""
    spoken = any(old.superseded_at is None and old.certainty is not Certainty.FORECAST for old in there)
    return row.certainty is Certainty.FORECAST and spoken


def _contradict(old: CalendarDay, row: CalendarRow) -> bool:
    """Whether both cannot stand: another kind, a forecast beside a gazette, or the same day named anew."""
    if RowKind.OPTIONAL in (old.kind, row.kind):
        return old.kind is row.kind and (old.name_bn, old.name_en) == (row.name_bn, row.name_en)
    same_name = (old.name_bn, old.name_en) == (row.name_bn, row.name_en)
    return old.kind is not row.kind or old.certainty is Certainty.FORECAST or same_name


def _is_older(row: CalendarRow, old: CalendarDay) -> bool:
    """Whether the imported row was announced before the one that is there."""
    return row.announced_on is not None and old.announced_on is not None and row.announced_on < old.announced_on


def forecast_missing_years(session: Session, *, now: datetime) -> list[int]:
    """Forecast the years ahead that have neither gazette nor forecast; returns those years."""
    active = _active(session)
    known = gazetted_years(day.as_row() for day in active)
    forecast = {day.day.year for day in active if day.certainty is Certainty.FORECAST}
    this_year = dhaka_date(now).year
    last = max(max(known, default=this_year), this_year)
    wanted = [y for y in range(this_year, last + YEARS_AHEAD + 1) if y not in known | forecast]
    for year in wanted:
        import_calendar(session, forecast_year(year), now=now, reference=f"forecast of {year}")
    return wanted


def rows_on(session: Session, at: datetime, *, year: int, scope: str | None = None) -> Sequence[CalendarDay]:
    """The rows of a year as they were known at an instant: recorded by then, and not superseded yet."""
    query = (
        select(CalendarDay)
        .where(
            CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31)),
            CalendarDay.recorded_at <= at,
            or_(CalendarDay.superseded_at.is_(None), CalendarDay.superseded_at > at),
        )
        .order_by(CalendarDay.day, CalendarDay.scope, CalendarDay.id)
    )
    if scope is not None:
        query = query.where(CalendarDay.scope == scope)
    return session.scalars(query).all()


def superseded_rows(session: Session, *, year: int) -> Sequence[CalendarDay]:
    """The rows of a year that do not count any more, and by what they were superseded."""
    query = select(CalendarDay).where(
        CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31)), CalendarDay.superseded_at.is_not(None)
    )
    return session.scalars(query.order_by(CalendarDay.day, CalendarDay.id)).all()


def known_years(session: Session) -> list[int]:
    """The years of which there is a row, oldest first."""
    return sorted({day.year for day in session.scalars(select(CalendarDay.day).distinct())})


def active_rows(session: Session) -> list[CalendarRow]:
    """Every row that counts now."""
    return [day.as_row() for day in _active(session)]


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


SEEN = "grs_calendar_seen"


class CalendarShelf:
    """The calendars in use, built once and again only when a row has changed; shared by threads.

    Offices without local days share the nation's calendar.
    """

    def __init__(self) -> None:
        self._stock = _Stock((-1, -1, -1), [])
        self._lock = Lock()

    def for_office(self, session: Session, office: Office) -> WorkingCalendar:
        """The calendar that an office follows."""
        return self.for_scopes(session, office.calendar_scopes)

    def for_offices(self, session: Session, offices: Iterable[Office]) -> dict[int, WorkingCalendar]:
        """The calendars of many offices by office number, looked up once."""
        stock = self._in_use(session)
        with self._lock:
            return {office.id: stock.calendar(frozenset(office.calendar_scopes)) for office in offices}

    def for_desks(self, session: Session, chain: TierChain) -> dict[Tier, WorkingCalendar]:
        """The calendar of the office that answers at each tier of a chain."""
        calendars = self.for_offices(session, offices_by_number(session, {desk.office_id for desk in chain}))
        return {desk.tier: calendars[desk.office_id] for desk in chain}

    def for_scopes(self, session: Session, scopes: Iterable[str] = ()) -> WorkingCalendar:
        stock = self._in_use(session)
        with self._lock:
            return stock.calendar(frozenset(scopes))

    def _in_use(self, session: Session) -> _Stock:
        seen = session.info.get(SEEN)
        if isinstance(seen, _Stock) and seen is self._stock:
            return seen  # looked up already by who only looks
        # The count too: of two changes made at once the one with the lower numbers may be committed later.
        query = select(func.max(CalendarDay.id), func.count(CalendarDay.id), func.count(CalendarDay.superseded_at))
        newest, count, superseded = session.execute(query).one()
        version = (newest or 0, count, superseded)
        with self._lock:
            if version != self._stock.version:
                self._stock = _Stock(version, [day.as_row() for day in _active(session)])
            if session.info.get(ONLY_LOOKS):
                session.info[SEEN] = self._stock
            return self._stock


class _Stock:
    """The rows of one version of the calendar, and what was built from them."""

    def __init__(self, version: tuple[int, int, int], rows: list[CalendarRow]) -> None:
        self.version, self._rows = version, rows
        self._local_scopes = frozenset(row.scope for row in rows if row.scope != NATIONAL)
        self._built: dict[frozenset[str], WorkingCalendar] = {}

    def calendar(self, scopes: frozenset[str]) -> WorkingCalendar:
        wanted = scopes & self._local_scopes
        if wanted not in self._built:
            self._built[wanted] = WorkingCalendar(self._rows, scopes=wanted)
        return self._built[wanted]
