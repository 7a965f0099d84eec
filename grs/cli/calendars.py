"""`grs calendar`: count working days and keep the calendar."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import click

from grs.cli.doors import DAY, FILE, open_checked_house
from grs.domain.calendar import DHAKA, NATIONAL, YEARS, CalendarRow, Day, RowKind, WorkingCalendar
from grs.domain.deadlines import due_date, received_on, skipped_days
from grs.domain.errors import NotFound
from grs.domain.tiers import DayLimit
from grs.settings import CONFIG


@click.group()
def calendar() -> None:
    """Count working days and keep the calendar."""


class _Instant(click.ParamType[datetime]):
    """An ISO date and time; without an offset it is Dhaka time."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date and time such as 2025-04-06T10:00+06:00", param, ctx)
        if at.year not in YEARS:
            self.fail(f"the year of {value} is not between {YEARS[0]} and {YEARS[-1]}", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=DHAKA)


class _ClockTime(click.ParamType[time]):
    name = "hh:mm"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        try:
            at = time.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time of day such as 17:00", param, ctx)
        if at.tzinfo:
            self.fail("the cut-off is a time of day in Dhaka, without an offset", param, ctx)
        return at


@calendar.command("due")
@click.option("--filed-at", required=True, type=_Instant(), help="When it was filed: 2025-04-06T10:00+06:00.")
@click.option("--days", required=True, type=click.IntRange(1, 2_000_000), help="The limit in working days.")
@click.option("--cutoff", type=_ClockTime(), help="From this time of day on it counts as the next working day.")
@click.option("--holiday", multiple=True, type=DAY, help="Suppose this day were a holiday (repeatable).")
@click.option("--working", multiple=True, type=DAY, help="Suppose this day were declared working (repeatable).")
@click.option("--office", metavar="SLUG", help="Count with this office's local days too.")
@click.option("--explain", is_flag=True, help="List every day not counted and why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every day not counted.")
def calendar_due(
    filed_at: datetime,
    days: int,
    cutoff: time | None,
    holiday: Sequence[datetime],
    working: Sequence[datetime],
    office: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Print the due date of a limit in working days."""
    supposed = {at.date(): RowKind.HOLIDAY for at in holiday}
    both = supposed.keys() & {at.date() for at in working}
    if both:
        raise click.UsageError(f"{min(both)} is given as --holiday and as --working")
    supposed |= {at.date(): RowKind.WORKING for at in working}
    try:
        counted_on = _calendar_for(office, supposed)
    except NotFound as error:
        raise click.BadParameter(str(error), param_hint="--office") from None
    received = received_on(counted_on, filed_at, cutoff=cutoff)
    due = due_date(counted_on, received, DayLimit(days))
    if as_json:
        found = {
            "received_on": due.received_on.isoformat(),
            "due_on": due.due_on.isoformat(),
            "provisional": due.is_provisional,
            "skipped": [_day_json(day) for day in skipped_days(counted_on, due)],
        }
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    click.echo(f"{due.due_on}" + (" (provisional)" if due.is_provisional else ""))
    if explain:
        click.echo(f"received on {due.received_on:%a %Y-%m-%d} (day 0)")
        for day in skipped_days(counted_on, due):
            name = f": {day.name_bn} ({day.name_en})" if day.name_bn else ""
            source = f" [{day.reference}]" if day.reference else ""
            click.echo(f"  {day.day:%a %Y-%m-%d} not counted, {day.kind}{name}{source}")
        click.echo(f"day {days} is {due.due_on:%a %Y-%m-%d}")


def _day_json(day: Day) -> dict[str, str]:
    return {
        "date": day.day.isoformat(),
        "kind": str(day.kind),
        "name_bn": day.name_bn,
        "name_en": day.name_en,
        "reference": day.reference,
        "certainty": str(day.certainty),
    }


def _calendar_for(office: str | None, supposed: dict[date, RowKind]) -> WorkingCalendar:
    """The installation's calendar, or the shipped one before there is a database.

    A supposed day is the latest word on that day and supersedes what was declared for the nation.
    """
    rows, scopes = _stored_calendar(office) or _shipped_calendar(office)
    kept = [row for row in rows if row.scope != NATIONAL or row.day not in supposed]
    given = "--holiday", "--working"
    kept += [
        CalendarRow(day=day, kind=kind, name_en=f"supposed ({given[kind is RowKind.WORKING]})")
        for day, kind in supposed.items()
    ]
    return WorkingCalendar(kept, scopes=scopes)


def _stored_calendar(office: str | None) -> tuple[list[CalendarRow], tuple[str, ...]] | None:
    from sqlalchemy import inspect, select

    from grs.bootstrap import open_house
    from grs.db.calendars import CalendarDay
    from grs.settings import read_settings
    from grs.usecases.offices import find_office

    settings = read_settings()
    file = settings.database_url.removeprefix("sqlite:///")
    if settings.database_url.startswith("sqlite:") and not Path(file).exists():
        return None
    house = open_house(settings)
    try:
        if not inspect(house.engine).has_table(CalendarDay.__tablename__):
            return None
        with house.readers() as session:
            days = session.scalars(select(CalendarDay).where(CalendarDay.superseded_at.is_(None))).all()
            if not days:
                return None
            scopes = find_office(session, office).calendar_scopes if office else ()
            return [day.as_row() for day in days], scopes
    finally:
        house.close()


def _shipped_calendar(office: str | None) -> tuple[list[CalendarRow], tuple[str, ...]]:
    from grs.domain.calendar import gazetted_years
    from grs.gazette.forecast import YEARS_AHEAD
    from grs.usecases.calendars import shipped_rows, with_forecast

    rows = shipped_rows()
    rows = with_forecast(rows, until=max(gazetted_years(rows)) + YEARS_AHEAD)
    if office is None:
        return rows, ()
    with (CONFIG / "offices.csv").open(encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            if record["slug"] == office:
                return rows, (f"district:{record['district_en']}", f"office:{office}")
    raise NotFound("office", office)


@calendar.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Say what would move, and change nothing.")
def calendar_import(file: Path, dry_run: bool) -> None:
    """Take a calendar file, CSV or iCalendar, and count the due date of every open complaint again."""
    from grs.gazette import read_calendar_file, read_icalendar

    data = file.read_bytes()
    rows = read_icalendar(data) if data.lstrip()[:15].upper() == b"BEGIN:VCALENDAR" else read_calendar_file(data)
    house = open_checked_house()
    (_preview if dry_run else _apply)(house, rows, _references(rows) or file.name)
    house.close()


def _counted(done: int) -> None:
    click.echo(f"\r{done} open complaints counted again", nl=False, err=True)


def _preview(house: Any, rows: Sequence[CalendarRow], _reference: str) -> None:
    from grs.usecases.calendar_preview import preview_calendar_change

    found = preview_calendar_change(
        house.readers, house.writers, rows, now=house.clock(), cutoff=house.settings.cutoff, after_batch=_counted
    )
    click.echo(err=True)
    click.echo(f"{found.changed.added} rows would be added, {found.changed.superseded} superseded")
    _say_moved(found.counts, "would change")
    click.echo(
        f"{found.counts['no_longer_overdue']} no longer overdue; "
        f"{found.counts['needless']} escalations would not have been made (they stay)"
    )
    for move in found.moves:
        click.echo(f"  {move.tracking_number}: {move.was} -> {move.becomes}")


def _apply(house: Any, rows: Sequence[CalendarRow], reference: str) -> None:
    from grs.usecases.calendars import import_calendar
    from grs.usecases.recalculation import recalculate_due_dates

    now = house.clock()
    with house.writers.begin() as session:
        done = import_calendar(session, rows, now=now, reference=reference)
    gazetted = ", ".join(map(str, done.newly_gazetted)) or "none"
    click.echo(
        f"{done.added} rows added, {done.unchanged} already there, {done.superseded} superseded; "
        f"years newly gazetted: {gazetted}"
    )
    moved = recalculate_due_dates(
        house.writers,
        shelf=house.shelf,
        now=now,
        reference=reference,
        cutoff=house.settings.cutoff,
        after_batch=_counted,
    )
    if moved["looked_at"]:
        click.echo(err=True)
    _say_moved(moved, "changed")


def _say_moved(counts: Mapping[str, int], what: str) -> None:
    click.echo(
        f"{counts['moved']} of {counts['looked_at']} open complaints {what}: "
        f"{counts['earlier']} due earlier, {counts['later']} later, {counts['newly_overdue']} newly overdue"
    )


@calendar.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--year", type=click.IntRange(YEARS[0], YEARS[-1]), help="Only this year.")
def calendar_export(file: Path, year: int | None) -> None:
    """Write the rows that count now to FILE: iCalendar where it ends in .ics, else CSV."""
    from grs.gazette import write_calendar_file, write_icalendar
    from grs.usecases.calendars import active_rows

    house = open_checked_house()
    with house.readers() as session:
        rows = [row for row in active_rows(session) if year is None or row.day.year == year]
    if file.suffix.lower() == ".ics":
        file.write_bytes(write_icalendar(rows, made_at=house.clock()))
    else:
        file.write_text(write_calendar_file(rows), encoding="utf-8")
    house.close()
    click.echo(f"{len(rows)} rows written to {file}")


@calendar.command("believed")
@click.argument("number")
@click.option("--on", "day", required=True, type=DAY, help="Which due date was believed on this day.")
def calendar_believed(number: str, day: datetime) -> None:
    """Print which due date of complaint NUMBER was believed on a day, and since which step."""
    from grs.usecases.explanations import believed_on

    house = open_checked_house()
    with house.readers() as session:
        found = believed_on(session, number, day.date())
    house.close()
    if found is None:
        click.echo(f"{number} was not lodged yet on {day:%Y-%m-%d}")
    else:
        click.echo(f"{found.due_on} (since {found.since:%Y-%m-%d %H:%M}, {found.kind})")


def _references(rows: Sequence[CalendarRow]) -> str:
    """What a small change names as its source; a whole year's file is named by its own name."""
    found = dict.fromkeys(row.reference for row in rows if row.reference)
    return "; ".join(found) if len(found) <= 3 else ""
