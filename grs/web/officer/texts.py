"""Ready texts of one's own offices."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for

from grs.db.offices import Office
from grs.domain.access import PostRole
from grs.domain.errors import InvalidInput
from grs.domain.typed import read_choice, read_number
from grs.domain.workflow import Action
from grs.usecases.ready_texts import FIELDS, drop_text, keep_text, own_texts, shipped_texts
from grs.web.doors import house
from grs.web.officer.room import Page, blueprint
from grs.web.people import me
from grs.web.protection import logged_in


def _offices() -> dict[int, Office]:
    """One's own desks' offices, and those that one administers."""
    wanted = [post for post in me().posts if post.role is PostRole.ADMINISTRATOR or post in me().desks]
    return {post.office_id: post.office for post in wanted}


@blueprint.get("/officer/texts")
@logged_in
def texts() -> Page:
    """The texts of my offices, and those that every office has."""
    return _texts_page({}, {})


@blueprint.post("/officer/texts")
@logged_in
def keep() -> Page:
    """Add a text, or change one; what cannot be taken comes back with what was typed."""
    typed = request.form.to_dict()
    problems: dict[str, str] = {}
    action = read_choice(Action, typed, "action", problems)
    try:
        if action is None:
            raise InvalidInput(problems)
        with house().writers.begin() as db:
            keep_text(
                db,
                _offices().keys(),
                office_id=read_number(typed.get("office")),
                action=action,
                title=typed.get("title", ""),
                body=typed.get("body", ""),
                text_id=read_number(typed.get("text_id")),
            )
    except InvalidInput as error:
        return _texts_page(typed, error.problems), 422
    return redirect(url_for("officer.texts", done="kept"), 303)


@blueprint.post("/officer/texts/<int(max=2147483647):text_id>/delete")
@logged_in
def drop(text_id: int) -> Page:
    """Delete a text."""
    with house().writers.begin() as db:
        drop_text(db, _offices().keys(), text_id)
    return redirect(url_for("officer.texts"), 303)


def _texts_page(typed: dict[str, str], problems: dict[str, str]) -> str:
    with house().readers() as db:
        found = own_texts(db, _offices().keys())
    editing = read_number(request.args.get("edit"))
    chosen = next((text for text in found if text.id == editing), None)
    if chosen is not None and not typed:
        typed = {
            "text_id": str(chosen.id),
            "action": chosen.action,
            "title": chosen.title,
            "body": chosen.body,
            "office": str(chosen.office_id),
        }
    return render_template(
        "officer/texts.html",
        texts=found,
        shipped=shipped_texts(),
        offices=list(_offices().values()),
        actions=list(FIELDS),
        typed=typed,
        problems=problems,
        is_kept=bool(request.args.get("done")),
    )
