"""The calendar: what counts, what was known on a day, and a change of it previewed and then applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from flask import Response, redirect, render_template, request, url_for

from grs.charter.text import LARGEST_FILE
from grs.db.calendars import CalendarChange
from grs.domain.calendar import DHAKA, ONE_DAY, YEARS, RowKind
from grs.domain.deadlines import add_months
from grs.domain.errors import InvalidFile, InvalidInput, NotFound
from grs.domain.typed import read_day, read_number
from grs.gazette import write_calendar_file, write_icalendar
from grs.usecases import calendar_proposals as proposals
from grs.usecases.calendar_preview import preview_calendar_change
from grs.usecases.calendars import known_years, rows_on, superseded_rows
from grs.usecases.watch import CALENDAR_AHEAD_MONTHS
from grs.web.admin.room import Page, blueprint, me_as_administrator, today, uploaded
from grs.web.doors import house
from grs.web.people import me
from grs.web.protection import logged_in


def _asked_year() -> int:
    found = read_number(request.args.get("year"))
    return found if found is not None and found in YEARS else today().year


def _asked_instant() -> tuple[datetime, date | None]:
    """As of when: the end of a past day, else now."""
    day = read_day({"on": request.args.get("on", "")}, "on", {})
    if day is None or day >= today():
        return house().clock(), None
    return datetime.combine(day + ONE_DAY, time(), DHAKA), day


def _is_unreadable_day() -> bool:
    problems: dict[str, str] = {}
    read_day({"on": request.args.get("on", "")}, "on", problems)
    return bool(problems)


@blueprint.get("/calendar")
@logged_in
def calendar() -> Page:
    """The days of a year that are not as the week has them, as known now or on an earlier day."""
    return _calendar_page({}, {})


def _calendar_page(typed: Mapping[str, str], problems: Mapping[str, str], error: Any = None) -> str:
    at, on = _asked_instant()
    with house().readers() as db:
        admin = me_as_administrator(db)
        gazetted = house().shelf.for_scopes(db).gazetted_years
        last = max(gazetted, default=None)
        return render_template(
            "admin/calendar.html",
            rows=rows_on(db, at, year=_asked_year()),
            superseded=superseded_rows(db, year=_asked_year()),
            year=_asked_year(),
            years=known_years(db),
            gazetted=gazetted,
            ends_soon=last is None or date(last, 12, 31) < add_months(today(), CALENDAR_AHEAD_MONTHS),
            last_gazetted=last,
            on=on,
            asked_on=request.args.get("on", ""),
            on_problems={"on": "not_a_date"} if _is_unreadable_day() else {},
            changes=proposals.changes(db),
            kinds=list(RowKind),
            scope="" if admin.is_system else _own_scope(admin),
            typed=typed,
            problems=problems,
            error=error,
        )


def _own_scope(admin: Any) -> str:
    return next((f"office:{post.office.slug}" for post in me().posts if post.office_id in admin.office_ids), "")


@blueprint.post("/calendar")
@logged_in
def propose_calendar() -> Page:
    """A day typed in, or a file; nothing counts until its preview was seen."""
    typed = request.form.to_dict()
    try:
        file = uploaded(LARGEST_FILE)
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            if file is not None:
                proposal = proposals.propose_file(db, admin, file[1], name=file[0])
            else:
                proposal = proposals.propose_row(db, admin, typed)
            number = proposal.id
    except InvalidFile as error:
        return _calendar_page(typed, {}, error), 422
    except InvalidInput as error:
        return _calendar_page(typed, error.problems), 422
    return redirect(url_for("admin.preview", number=number), 303)


@blueprint.get("/calendar/proposals/<int(max=2147483647):number>")
@logged_in
def preview(number: int) -> Page:
    """What the change would move; applied by the button below."""
    with house().readers() as db:
        rows, reference = proposals.proposed_rows(db, me_as_administrator(db), number)
    found = preview_calendar_change(
        house().readers, house().writers, rows, now=house().clock(), cutoff=house().settings.cutoff
    )
    return render_template("admin/preview.html", number=number, rows=rows, reference=reference, preview=found)


@blueprint.post("/calendar/proposals/<int(max=2147483647):number>")
@logged_in
def apply_calendar(number: int) -> Page:
    """Take the rows; the worker counts the due dates again, and the next page shows how far it is."""
    with house().writers.begin() as db:
        _, change = proposals.apply_proposal(db, me_as_administrator(db), number)
        made = change.id if change is not None else None
    if made is None:
        return redirect(url_for("admin.calendar"), 303)
    return redirect(url_for("admin.change", number=made), 303)


@blueprint.get("/calendar/changes/<int(max=2147483647):number>")
@logged_in
def change(number: int) -> Page:
    """How far the due dates have been counted again."""
    with house().readers() as db:
        found = db.get(CalendarChange, number)
        if found is None:
            raise NotFound("change", number)
        return render_template("admin/change.html", change=found)


@blueprint.get("/calendar.csv")
@logged_in
def calendar_as_csv() -> Page:
    """The rows of a year as CSV."""
    at, _ = _asked_instant()
    with house().readers() as db:
        text = write_calendar_file(day.as_row() for day in rows_on(db, at, year=_asked_year()))
    headers = {"Content-Disposition": f"attachment; filename=calendar-{_asked_year()}.csv"}
    return Response(text.encode("utf-8-sig"), mimetype="text/csv", headers=headers)


@blueprint.get("/calendar.ics")
@logged_in
def calendar_as_ics() -> Page:
    """The rows of a year as iCalendar."""
    at, _ = _asked_instant()
    with house().readers() as db:
        days = [day.as_row() for day in rows_on(db, at, year=_asked_year())]
    headers = {"Content-Disposition": f"attachment; filename=calendar-{_asked_year()}.ics"}
    return Response(write_icalendar(days, made_at=house().clock()), mimetype="text/calendar", headers=headers)
