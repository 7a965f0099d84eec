"""My calendar: hearings and due dates, and the same as a feed under a secret address."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, g, redirect, render_template, request, url_for

from grs.domain.tracking import grouped
from grs.notify.invitations import FeedEntry, feed
from grs.notify.render import number_text
from grs.usecases import agenda as agendas
from grs.web.doors import house
from grs.web.officer.room import Page, blueprint
from grs.web.people import me
from grs.web.protection import anyone, logged_in
from grs.words import word


def _title(entry: agendas.AgendaEntry, language: str) -> str:
    kind = word("agenda", entry.kind, language)
    if entry.task_kind is not None and entry.kind is not agendas.EntryKind.HEARING:
        kind = f"{kind} ({word('task', entry.task_kind, language)})"
    return f"{kind}: {number_text(grouped(entry.tracking_number), language)}"


@blueprint.get("/officer/calendar")
@logged_in
def calendar() -> Page:
    """The coming weeks by day."""
    with house().readers() as db:
        found = agendas.agenda(db, me().desk())
    days: dict[object, list[agendas.AgendaEntry]] = {}
    for entry in found:
        days.setdefault(entry.day, []).append(entry)
    with house().readers() as db:
        token = agendas.present_feed_token(db, me().person_id, secret_key=house().settings.checked_secret)
    is_shown = token is not None and request.args.get("feed")
    address = f"{house().settings.base_url}{url_for('officer.calendar_feed', token=token)}" if is_shown else ""
    return render_template("officer/calendar.html", days=days, address=address)


@blueprint.post("/officer/calendar/feed")
@logged_in
def show_feed() -> Page:
    """The secret address, made at the first time; or a new one: the old one shows nothing any more."""
    renew = request.form.get("renew") == "yes"
    with house().writers.begin() as db:
        agendas.feed_token(db, me().person_id, secret_key=house().settings.checked_secret, renew=renew)
    return redirect(url_for("officer.calendar", feed="yes"), 303)


@blueprint.get("/calendar/<token>.ics")
@anyone
def calendar_feed(token: str) -> Page:
    """The agenda for calendar programs, which cannot log in: whoever has the address can read it."""
    with house().readers() as db:
        person, found = agendas.agenda_of_feed(
            db, token, secret_key=house().settings.checked_secret, now=house().clock()
        )
    g.language = person.language
    site = house().settings.base_url
    entries = [
        FeedEntry(
            key=one.key,
            title=_title(one, person.language),
            day=one.day,
            begins_at=one.begins_at,
            place=one.place,
            address=site + url_for("officer.complaint", number=one.tracking_number)
            if one.task_id is None
            else site + url_for("officer.task", task_id=one.task_id),
        )
        for one in found
    ]
    data = feed(
        entries, name=word("agenda", "name", g.language), domain=urlsplit(site).hostname or "", now=house().clock()
    )
    return Response(data, mimetype="text/calendar")
