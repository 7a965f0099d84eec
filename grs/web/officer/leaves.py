"""One's own leave and who sits in."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for

from grs.domain.errors import InvalidInput
from grs.domain.typed import read_day, read_number
from grs.usecases.leaves import end_leave, leaves_of, possible_stand_ins, take_leave
from grs.web.doors import house
from grs.web.officer.room import Page, blueprint, today
from grs.web.people import me
from grs.web.protection import logged_in


@blueprint.get("/officer/leave")
@logged_in
def leave() -> Page:
    """My leave now and to come, and the form for more."""
    return _leave_page({}, {})


@blueprint.post("/officer/leave")
@logged_in
def keep_leave() -> Page:
    """Write down a leave; what cannot be taken comes back with what was typed."""
    typed = request.form.to_dict()
    problems: dict[str, str] = {}
    starts_on, ends_on = read_day(typed, "starts_on", problems), read_day(typed, "ends_on", problems)
    stand_ins = {post.id: read_number(typed.get(f"stand_in_{post.id}")) for post in me().own_posts}
    try:
        if problems:
            raise InvalidInput(problems)
        with house().writers.begin() as db:
            take_leave(db, me().desk(), starts_on=starts_on, ends_on=ends_on, stand_ins=stand_ins)
    except InvalidInput as error:
        return _leave_page(typed, error.problems), 422
    return redirect(url_for("officer.leave", done="kept"), 303)


@blueprint.post("/officer/leave/<int(max=2147483647):leave_id>/end")
@logged_in
def stop_leave(leave_id: int) -> Page:
    """Come back early, or not go at all."""
    with house().writers.begin() as db:
        end_leave(db, me().desk(), leave_id)
    return redirect(url_for("officer.leave"), 303)


def _leave_page(typed: dict[str, str], problems: dict[str, str]) -> str:
    with house().readers() as db:
        found = leaves_of(db, me().person_id, today=today())
        possible = {post.id: possible_stand_ins(db, post, me().desk()) for post in me().own_posts}
    return render_template(
        "officer/leave.html",
        leaves=found,
        posts=me().own_posts,
        possible=possible,
        typed=typed,
        problems=problems,
        today=today(),
        is_kept=bool(request.args.get("done")),
    )
