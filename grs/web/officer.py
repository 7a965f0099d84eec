"""The officers' desk: log in, the list by due date, the complaint, and what may be done with it."""

from __future__ import annotations

import logging
from datetime import date
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import login_user, logout_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from grs.db.queries.complaints import PAGE, count_open, desk_list, office_list
from grs.db.queries.offices import offices_with_charter
from grs.domain.access import ROLE_OF_TIER, PostRole, can_decide
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import NotAdmissible, RootCause, possible_outcomes
from grs.domain.errors import ChangedMeanwhile, InvalidInput, NotFound
from grs.domain.typed import read_day, read_number
from grs.domain.workflow import Action, Actor, Stage, allowed_actions
from grs.usecases import handling
from grs.usecases.accounts import log_in, log_out
from grs.usecases.posting import PAGE as POSTING_PAGE
from grs.usecases.posting import count_to_post, letters_to_post, mark_posted, paper_letter
from grs.usecases.stories import Story, file_of, story_for_officer
from grs.web import limits
from grs.web.doors import house
from grs.web.downloads import send_attachment
from grs.web.forms import read_disposal, read_not_admissible
from grs.web.people import LoggedIn, me
from grs.web.presentation import list_line
from grs.web.protection import anyone, logged_in

log = logging.getLogger(__name__)
blueprint = Blueprint("officer", __name__)
Page = str | Response | tuple[str, int]
DATED = {Action.ASK_OPINION: "answer_by", Action.REPLY: "expected_on", Action.CALL_HEARING: "hearing_on"}
"""Actions that name a day, and the field it is typed in."""


@blueprint.get("/login")
@anyone
def login() -> Page:
    """The log-in page."""
    return render_template("officer/login.html", email="", problems={}, next=request.args.get("next", ""))


@blueprint.post("/login")
@limits.limiter.limit(limits.LOG_IN, deduct_when=limits.was_refused)
@limits.limiter.limit(limits.LOG_IN, key_func=limits.by_account, deduct_when=limits.was_refused)
@limits.limiter.limit(limits.LOG_IN_ANYWHERE, key_func=limits.by_account_anywhere, deduct_when=limits.was_refused)
@anyone
def enter() -> Page:
    """Start a session of our own table when address and password are right."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    wanted = request.form.get("next", "")
    with house().writers.begin() as db:
        token = log_in(db, email, password, now=house().clock())
    if token is None:
        log.warning("log-in refused from %s", request.remote_addr)
        page = render_template("officer/login.html", email=email, problems={"password": "wrong_login"}, next=wanted)
        return page, 401
    session.clear()
    session.permanent = True
    login_user(LoggedIn(token, 0, ""))
    return redirect(_own_address(wanted) or url_for("officer.desk"), 303)


def _own_address(wanted: str) -> str | None:
    """Where to go after the log-in, if it lies on this site however it is spelt."""
    try:
        parts = urlsplit(wanted.replace("\\", "/"))
    except ValueError:
        return None
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if is_own and wanted.isprintable() else None


@blueprint.post("/logout")
@logged_in
def leave() -> Page:
    """End the session: a copied cookie is dead from now on."""
    with house().writers.begin() as db:
        log_out(db, me().token, now=house().clock())
    logout_user()
    session.clear()
    return redirect(url_for("officer.login"), 303)


@blueprint.get("/officer/")
@logged_in
def desk() -> Page:
    """The complaints at this person's desks, soonest due first; for supervisors those of their offices."""
    if me().posts and all(post.role is PostRole.OPERATOR for post in me().posts):
        return redirect(url_for("operator.home"))
    today = dhaka_date(house().clock())
    is_open = request.args.get("show") != "disposed"
    after = _page_key(request.args.get("after", ""))
    posts = [post for post in me().posts if post.role in ROLE_OF_TIER.values()]
    with house().readers() as db:
        if posts:
            ids = [post.id for post in posts]
            found = desk_list(db, ids, after=after, limit=PAGE + 1, is_open=is_open)
            open_count = count_open(db, ids)
        else:
            found = office_list(
                db, me().supervised_offices, me().headed_offices, after=after, limit=PAGE + 1, is_open=is_open
            )
            open_count = None
        to_post = count_to_post(db, me().post_ids)
        lines = [list_line(c, house().shelf.for_office(db, c.office), today) for c in found[:PAGE]]
    more = found[PAGE - 1] if len(found) > PAGE else None
    return render_template(
        "officer/desk.html",
        lines=lines,
        posts=me().posts,
        open_count=open_count,
        to_post=to_post,
        is_open=is_open,
        is_supervisor=not posts,
        next_key=f"{more.due_on}~{more.id}" if more else None,
    )


def _page_key(text: str) -> tuple[date, int] | None:
    day, _, number = text.partition("~")
    found = read_number(number)
    try:
        return (date.fromisoformat(day), found) if found is not None else None
    except ValueError:
        return None


@blueprint.get("/officer/complaints/<number>")
@logged_in
def complaint(number: str) -> Page:
    """One complaint: the story, the promise, the date, and the buttons the workflow allows."""
    return _complaint_page(number)


def _story(db: Session, number: str) -> Story:
    return story_for_officer(
        db,
        number,
        post_ids=me().post_ids,
        supervised_offices=me().supervised_offices,
        headed_offices=me().headed_offices,
        shelf=house().shelf,
    )


@blueprint.get("/officer/complaints/<number>/files/<int(max=2147483647):file_id>")
@logged_in
def file(number: str, file_id: int) -> Page:
    """A file of a complaint that this person may read, to keep."""
    with house().readers() as db:
        return send_attachment(*file_of(db, _story(db, number).complaint, file_id))


@blueprint.get("/officer/letters")
@logged_in
def letters() -> Page:
    """The letters that these desks have to print and post, oldest first, with their last day."""
    page = max(read_number(request.args.get("page")) or 1, 1)
    today = dhaka_date(house().clock())
    with house().readers() as db:
        found = letters_to_post(db, me().post_ids, shelf=house().shelf, today=today, page=page)
    return render_template(
        "officer/letters.html", letters=found[:POSTING_PAGE], page=page, has_more=len(found) > POSTING_PAGE
    )


@blueprint.get("/officer/letters/<int(max=2147483647):message_id>")
@logged_in
def letter(message_id: int) -> Page:
    """One letter as it is printed."""
    with house().readers() as db:
        found = paper_letter(db, message_id, post_ids=me().post_ids, settings=house().settings)
    return render_template("officer/letter.html", letter=found)


@blueprint.post("/officer/letters/<int(max=2147483647):message_id>/posted")
@logged_in
def posted(message_id: int) -> Page:
    """The letter has left."""
    with house().writers.begin() as db:
        mark_posted(db, message_id, post_ids=me().post_ids, now=house().clock())
    return redirect(url_for("officer.letters"), 303)


@blueprint.post("/officer/complaints/<number>/<action>")
@logged_in
def act(number: str, action: str) -> Page:
    """Do what the workflow table allows this officer now; what was typed is never lost."""
    typed = request.form.to_dict()
    try:
        with house().writers.begin() as db:
            _do(db, number, action, typed)
    except InvalidInput as error:
        return _complaint_page(number, action=action, typed=typed, problems=error.problems), 422
    except ChangedMeanwhile:
        return _complaint_page(number, action=action, typed=typed, problems={"form": "changed_meanwhile"}), 409
    return redirect(url_for("officer.complaint", number=number), 303)


def _do(db: Session, number: str, action: str, typed: dict[str, str]) -> None:
    officer, shelf = me().desk(), house().shelf
    seen = read_number(typed.get("seen_steps")) or 0
    problems: dict[str, str] = {}
    if action == Action.ACCEPT:
        handling.accept(db, officer, number, seen_steps=seen)
    elif action == Action.FORWARD:
        to, reason = typed.get("to_office", ""), typed.get("reason", "")
        handling.forward(db, officer, number, seen_steps=seen, to_office=to, reason=reason, shelf=shelf)
    elif action == Action.REJECT:
        ground, reason = read_not_admissible(typed), typed.get("reasons", "")
        handling.reject(db, officer, number, seen_steps=seen, ground=ground, reason=reason, shelf=shelf)
    elif action == Action.DISPOSE:
        handling.dispose(db, officer, number, seen_steps=seen, disposal=read_disposal(typed), shelf=shelf)
    elif action == Action.WRITE:
        handling.write(db, officer, number, seen_steps=seen, text=typed.get("text", ""))
    elif action in DATED:
        field = DATED[Action(action)]
        day = read_day(typed, field, problems)
        if problems:
            raise InvalidInput(problems)
        if action == Action.ASK_OPINION:
            handling.ask_opinion(
                db, officer, number, seen_steps=seen, question=typed.get("question", ""), answer_by=day
            )
        elif action == Action.REPLY:
            handling.reply(db, officer, number, seen_steps=seen, reason=typed.get("reason", ""), expected_on=day)
        else:
            at, place = typed.get("hearing_at", ""), typed.get("place", "")
            handling.call_hearing(db, officer, number, seen_steps=seen, on=day, at=at, place=place)
    else:
        raise NotFound("action", action)


def _complaint_page(
    number: str,
    *,
    action: str = "",
    typed: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
) -> str:
    today = dhaka_date(house().clock())
    with house().readers() as db:
        story = _story(db, number)
        found = story.complaint
        line = list_line(found, house().shelf.for_office(db, found.office), today)
        is_mine = can_decide(me().post_ids, post_id=found.post_id)
        offices = [one for one in offices_with_charter(db) if one.id != found.charter.office_id] if is_mine else []
    return render_template(
        "officer/complaint.html",
        story=story,
        line=line,
        actions=allowed_actions(found.stage, tier=found.tier, actor=Actor.OFFICER) if is_mine else [],
        is_disposed=found.stage is Stage.DISPOSED,
        outcomes=possible_outcomes(found.tier, started_at=found.first_tier),
        root_causes=list(RootCause),
        reasons=list(NotAdmissible),
        offices=offices,
        action=action,
        typed=typed or {},
        problems=problems or {},
    )
