"""The list of complaints: by days left, filtered, searched, counted, saved; and what is done with many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import g, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import Session

from grs.db.queries.complaints import (
    PAGE,
    Shown,
    answered_at,
    at_offices,
    at_posts,
    count_at,
    counted,
    exported,
    listed,
    passed_through,
)
from grs.domain.access import PostRole
from grs.domain.bangla import search_words
from grs.domain.errors import GrievanceError, NotYours
from grs.domain.lodging import Ground
from grs.domain.tiers import Tier
from grs.domain.typed import read_number
from grs.domain.workflow import OPEN_STAGES, Stage
from grs.usecases import filters, handling
from grs.usecases.answers import tasks_to_count
from grs.usecases.leaves import leaves_of, sitting_in
from grs.usecases.marks import marks_to_decide
from grs.usecases.posting import letters_to_count
from grs.usecases.recipients import Recipients
from grs.usecases.standing import is_about
from grs.web.doors import house
from grs.web.downloads import send_table
from grs.web.officer.room import Page, blueprint, today
from grs.web.people import me
from grs.web.presentation import SOON_WORKING_DAYS, list_line
from grs.web.protection import logged_in
from grs.words import word

FILTERS = ("desk", "show", "left", "tier", "stage", "service", "ground", "tag", "mine", "q")
"""What stands in the address of a list; also of a saved one."""
OFFICES = "offices"
SHOWS = ("open", "disposed", "earlier")
BATCHES = ("accept", "give_work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which list is looked at: whose, and what of it."""

    post_ids: tuple[int, ...]
    place: ColumnElement[bool]
    scope: ColumnElement[bool]
    about_me: ColumnElement[bool]
    shown: Shown
    asked: dict[str, str]
    show: str

    @property
    def is_supervision(self) -> bool:
        return not self.post_ids


@blueprint.get("/officer/")
@logged_in
def desk() -> Page:
    """The complaints at one of this person's desks, fewest days left first; for supervisors those of their offices."""
    elsewhere = _where_else()
    if elsewhere is not None:
        return redirect(elsewhere)
    after = page_key(request.args.get("after", ""))
    with house().readers() as db:
        listing = _listing(db)
        found = listed(db, listing.scope, listing.shown, after=after, limit=PAGE + 1)
        calendars = house().shelf.for_offices(db, {c.office for c in found[:PAGE]})
        lines = [list_line(c, calendars[c.office_id], today()) for c in found[:PAGE]]
        facts = _beside(db, listing, [c.id for c in found[:PAGE]])
    more = found[PAGE - 1] if len(found) > PAGE else None
    return render_template(
        "officer/desk.html",
        lines=lines,
        listing=listing,
        asked=listing.asked,
        desks=me().desks,
        supervises=bool(me().supervised_offices),
        next_page=_address(listing.asked, after=f"{more.due_on}~{more.id}") if more else None,
        csv_address=_address(listing.asked, endpoint="officer.export"),
        tiers=list(Tier),
        stages=list(OPEN_STAGES),
        grounds=list(Ground),
        problem=request.args.get("problem", ""),
        done=read_number(request.args.get("done")),
        what=request.args.get("what", "") if request.args.get("what") in BATCHES else "accept",
        refused=[tuple(one.split("~", 1)) for one in request.args.getlist("refused")[:PAGE] if "~" in one],
        today=today(),
        is_saved=bool(request.args.get("saved")),
        has_filter=any(name in listing.asked for name in FILTERS[2:]),
        **facts,
    )


def _address(asked: dict[str, str], *, endpoint: str = "officer.desk", **more: object) -> str:
    """The address of a list with its filter."""
    return f"{url_for(endpoint)}?{urlencode(asked | more, doseq=True)}"


def _where_else() -> str | None:
    """Who answers at no desk and supervises nothing has another first page."""
    if me().desks or me().supervised_offices:
        return None
    roles = {post.role for post in me().posts}
    if PostRole.OPERATOR in roles:
        return url_for("operator.home")
    if PostRole.ADMINISTRATOR in roles:
        return url_for("admin.home")
    return url_for("officer.tasks")


def _listing(db: Session) -> Listing:
    asked = {name: request.args[name][:200] for name in FILTERS if request.args.get(name)}
    desks = {str(post.id): post.id for post in me().desks}
    wanted = asked.get("desk", "")
    if wanted == OFFICES or not desks:
        post_ids: tuple[int, ...] = ()
        is_earlier = asked.get("show") == "earlier"
        scope = (passed_through if is_earlier else at_offices)(me().supervised_offices)
    else:
        if wanted and wanted not in desks:
            raise NotYours("list")
        post_ids = (desks.get(wanted) or next(iter(desks.values())),)
        scope = at_posts(post_ids)
    show = asked.get("show", "open")
    show = show if show in SHOWS else "open"
    if show == "earlier" and post_ids:
        scope = answered_at(post_ids)
    # What is about the person at work stands in no list of his.
    about_me = is_about(me().desk())
    return Listing(
        post_ids=post_ids,
        place=scope,
        scope=and_(scope, ~about_me),
        about_me=about_me,
        shown=_shown(db, asked, show),
        asked=asked,
        show=show,
    )


def _shown(db: Session, asked: Mapping[str, str], show: str) -> Shown:
    soon_until = house().shelf.for_scopes(db).add_working_days(today(), SOON_WORKING_DAYS)
    left = asked.get("left")
    tier = read_number(asked.get("tier"))
    service = read_number(asked.get("service"))
    stage = asked.get("stage")
    ground = asked.get("ground")
    return Shown(
        is_open=None if show == "earlier" else show == "open",
        tier=Tier(tier) if tier in {int(t) for t in Tier} else None,
        stage=Stage(stage) if stage in OPEN_STAGES else None,
        ground=Ground(ground) if ground in list(Ground) else None,
        services=filters.entries_like(db, service) if service is not None else (),
        tag=asked.get("tag", ""),
        worker_id=me().person_id if asked.get("mine") else None,
        overdue_on=today() if left == "overdue" else None,
        soon_between=(today(), soon_until) if left == "soon" else None,
        has_news=left == "news",
        words=search_words(asked.get("q", "")),
    )


def _beside(db: Session, listing: Listing, complaint_ids: list[int]) -> dict[str, Any]:
    """What stands around the list: counts, choices, other work that waits."""
    soon_until = house().shelf.for_scopes(db).add_working_days(today(), SOON_WORKING_DAYS)
    people = Recipients(db, today())
    to_post, my_tasks = counted(db, letters_to_count(me().desk()), tasks_to_count(me().desk()))
    tags = filters.tags_at(db, listing.scope)
    return {
        "counts": count_at(db, listing.place, without=listing.about_me, today=today(), soon_until=soon_until)
        if listing.show == "open"
        else None,
        "to_post": to_post,
        "my_tasks": my_tasks,
        "to_decide": marks_to_decide(db, me().post_ids, today=today()),
        "services": filters.services_of(db, listing.post_ids or None, me().supervised_offices),
        "tags": tags,
        "tags_of": filters.tags_by_complaint(db, complaint_ids) if tags else {},
        "beside": filters.beside_lines(db, complaint_ids),
        "away": leaves_of(db, me().person_id, today=today()),
        "sitting_in": {p.post_id: p.held_to for p in sitting_in(db, me().person_id, today=today())}
        if me().sits_in
        else {},
        "open_at": filters.open_at_posts(db, [post.id for post in me().desks], without=listing.about_me),
        "saved": filters.saved_filters(db, me().person_id),
        "sharing": people.on_post(listing.post_ids[0]) if listing.post_ids else [],
    }


def page_key(text: str) -> tuple[date, int] | None:
    """Where a list goes on: due date and number of the last line, as an address carries them."""
    day, _, number = text.partition("~")
    found = read_number(number)
    try:
        return (date.fromisoformat(day), found) if found is not None else None
    except ValueError:
        return None


@blueprint.get("/officer/list.csv")
@logged_in
def export() -> Page:
    """The list as it is filtered, all of it, for a spreadsheet; never who complained."""
    return send_table(_rows(), "list.csv")


COLUMNS = ("tracking_number", "filed_on", "due_on", "tier", "stage", "outcome", "ground", "service", "subject")


def _rows() -> Iterator[list[object]]:
    with house().streams() as db:
        listing, language = _listing(db), g.language
        yield [word("column", column, language) for column in COLUMNS]
        for number, filed_on, due_on, tier, stage, outcome, ground, service, subject in exported(
            db, listing.scope, listing.shown
        ):
            yield [
                number,
                filed_on,
                due_on,
                int(tier),
                word("stage", stage, language),
                word("outcome", outcome, language) if outcome else "",
                word("ground", ground, language),
                service or "",
                subject,
            ]


# -- many at once -------------------------------------------------------------------------------------


@blueprint.post("/officer/batch")
@logged_in
def batch() -> Page:
    """Acknowledge, assign or print the chosen complaints; each by itself, what cannot be done is named."""
    numbers = request.form.getlist("number")[:PAGE]
    back = {name: request.form[name] for name in FILTERS if request.form.get(name)}
    if not numbers:
        return redirect(_address(back, problem="choose_complaints"), 303)
    what = request.form.get("do", "")
    if what == "print":
        return redirect(f"{url_for('officer.print_many')}?{urlencode([('number', n) for n in numbers])}", 303)
    done, refused = 0, []
    for number in numbers:
        try:
            with house().writers.begin() as db:
                _do_one(db, what, number)
            done += 1
        except GrievanceError as error:
            refused.append(f"{number}~{error.code}")
    return redirect(_address(back, done=done, what=what, refused=refused), 303)


def _do_one(db: Session, what: str, number: str) -> None:
    if what == "accept":
        handling.accept(db, me().desk(), number, seen_steps=None)
    elif what == "give_work":
        handling.give_work(db, me().desk(), number, seen_steps=None, person_id=read_number(request.form.get("person")))
    else:
        raise NotYours(what)


# -- saved filters ------------------------------------------------------------------------------------


@blueprint.post("/officer/filters")
@logged_in
def save_filter() -> Page:
    """Keep the filter of the list under a name."""
    asked = {name: request.form[name] for name in FILTERS if request.form.get(name)}
    with house().writers.begin() as db:
        filters.save_filter(db, me().person_id, name=request.form.get("name", ""), query=urlencode(asked))
    return redirect(_address(asked, saved="yes"), 303)


@blueprint.post("/officer/filters/<int(max=2147483647):filter_id>/delete")
@logged_in
def drop_filter(filter_id: int) -> Page:
    """Forget a saved filter."""
    with house().writers.begin() as db:
        filters.drop_filter(db, me().person_id, filter_id)
    return redirect(url_for("officer.desk"), 303)


def complaints_of(numbers: list[str]) -> list[str]:
    """Each number once, a page of them at most."""
    return list(dict.fromkeys(numbers))[:PAGE]
