"""The officers' desk: log in, the list by due date, the complaint, and what may be done with it."""

from __future__ import annotations

import logging
from datetime import date
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from grs.db.queries.complaints import PAGE, count_open, desk_list, office_list
from grs.db.queries.offices import offices_with_charter
from grs.domain.access import PostRole, can_decide
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import NotAdmissible, RootCause, possible_outcomes
from grs.domain.errors import ChangedMeanwhile, InvalidInput, NotFound
from grs.domain.workflow import Action, Actor, Stage, allowed_actions
from grs.usecases import handling
from grs.usecases.accounts import log_in, log_out
from grs.usecases.stories import story_for_officer
from grs.web import limits
from grs.web.doors import house
from grs.web.forms import read_disposal, read_not_admissible, read_number
from grs.web.people import LoggedIn, me
from grs.web.presentation import list_line
from grs.web.protection import anyone, logged_in

log = logging.getLogger(__name__)
blueprint = Blueprint("officer", __name__)
Page = str | Response | tuple[str, int]


@blueprint.get("/login")
@anyone
def login() -> Page:
    """The log-in page."""
    return render_template("officer/login.html", email="", problems={}, next=request.args.get("next", ""))


@blueprint.post("/login")
@limits.limiter.limit(limits.LOG_IN, deduct_when=limits.was_refused)
@limits.limiter.limit(limits.LOG_IN, key_func=limits.by_account, deduct_when=limits.was_refused)
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
    today = dhaka_date(house().clock())
    is_open = request.args.get("show") != "disposed"
    after = _page_key(request.args.get("after", ""))
    posts = [post for post in me().posts if post.role is not PostRole.SUPERVISOR]
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
        lines = [list_line(c, house().shelf.for_office(db, c.office), today) for c in found[:PAGE]]
    more = found[PAGE - 1] if len(found) > PAGE else None
    return render_template(
        "officer/desk.html",
        lines=lines,
        posts=me().posts,
        open_count=open_count,
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


@blueprint.post("/officer/complaints/<number>/<action>")
@logged_in
def act(number: str, action: str) -> Page:
    """Do what the workflow table allows this officer now; what was typed is never lost."""
    typed = request.form.to_dict()
    seen_steps = read_number(typed.get("seen_steps")) or 0
    try:
        with house().writers.begin() as db:
            officer = me().desk()
            if action == Action.ACCEPT:
                handling.accept(db, officer, number, seen_steps=seen_steps)
            elif action == Action.FORWARD:
                handling.forward(
                    db,
                    officer,
                    number,
                    seen_steps=seen_steps,
                    to_office=typed.get("to_office", ""),
                    reason=typed.get("reason", ""),
                    shelf=house().shelf,
                )
            elif action == Action.REJECT:
                handling.reject(
                    db,
                    officer,
                    number,
                    seen_steps=seen_steps,
                    ground=read_not_admissible(typed),
                    reason=typed.get("reasons", ""),
                    shelf=house().shelf,
                )
            elif action == Action.DISPOSE:
                handling.dispose(
                    db, officer, number, seen_steps=seen_steps, disposal=read_disposal(typed), shelf=house().shelf
                )
            else:
                raise NotFound("action", action)
    except InvalidInput as error:
        return _complaint_page(number, action=action, typed=typed, problems=error.problems), 422
    except ChangedMeanwhile:
        return _complaint_page(number, action=action, typed=typed, problems={"form": "changed_meanwhile"}), 409
    return redirect(url_for("officer.complaint", number=number), 303)


def _complaint_page(
    number: str,
    *,
    action: str = "",
    typed: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
) -> str:
    today = dhaka_date(house().clock())
    with house().readers() as db:
        story = story_for_officer(
            db,
            number,
            post_ids=me().post_ids,
            supervised_offices=me().supervised_offices,
            headed_offices=me().headed_offices,
            shelf=house().shelf,
        )
        found = story.complaint
        line = list_line(found, house().shelf.for_office(db, found.office), today)
        is_mine = can_decide(me().post_ids, post_id=found.post_id)
        offices = offices_with_charter(db) if is_mine else []
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
