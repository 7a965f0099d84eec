"""People: where they sit, shut out and let in, sessions, second factor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import redirect, render_template, request, url_for

from grs.domain.errors import InvalidInput
from grs.domain.typed import read_number
from grs.usecases import appointments
from grs.web.admin.room import Page, blueprint, me_as_administrator, today
from grs.web.doors import house
from grs.web.protection import logged_in

ACTS: dict[str, Callable[..., None]] = {
    "shut_out": appointments.shut_out,
    "let_in": appointments.let_in,
    "end_sessions": appointments.end_all_sessions,
    "second_factor": appointments.remove_second_factor,
    "invite": appointments.invite_again,
}


@blueprint.get("/people")
@logged_in
def people() -> Page:
    """The people of the administered offices, and where they are logged in."""
    after, words = read_number(request.args.get("after")) or 0, request.args.get("q", "")
    idle = timedelta(minutes=house().settings.session_idle_minutes)
    with house().readers() as db:
        admin = me_as_administrator(db)
        found = appointments.people_of(db, admin, words=words, after=after, limit=appointments.PAGE + 1)
        return render_template(
            "admin/people.html",
            people=found[: appointments.PAGE],
            next_after=found[appointments.PAGE - 1].id if len(found) > appointments.PAGE else None,
            q=words,
            sessions=appointments.everybodys_sessions(db, admin, seen_since=house().clock() - idle),
        )


@blueprint.get("/people/<int(max=2147483647):person_id>")
@logged_in
def person(person_id: int) -> Page:
    """One person."""
    return _person_page(person_id, {})


def _person_page(person_id: int, problems: Any) -> str:
    with house().readers() as db:
        found = appointments.administered_person(db, me_as_administrator(db), person_id)
        ever = appointments.appointments_of(db, found)
        return render_template(
            "admin/person.html",
            person=found,
            appointments=ever,
            held=[one for one in ever if one.held_from <= today() and (one.held_to is None or one.held_to >= today())],
            problems=problems,
            done=request.args.get("done", "") if request.args.get("done") in ACTS else "",
            today=today(),
        )


@blueprint.post("/people/<int(max=2147483647):person_id>")
@logged_in
def do_to_person(person_id: int) -> Page:
    """Shut out, let in, log out everywhere, take the second factor away, invite again."""
    act = ACTS.get(request.form.get("do", ""))
    if act is None:
        return _person_page(person_id, {"person": "choose_one"}), 422
    try:
        with house().writers.begin() as db:
            act(db, me_as_administrator(db), person_id)
    except InvalidInput as error:
        return _person_page(person_id, error.problems), 422
    return redirect(url_for("admin.person", person_id=person_id, done=request.form["do"]), 303)
