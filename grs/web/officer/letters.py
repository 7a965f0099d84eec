"""Letters on paper: the list of what these desks have to print and post."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for

from grs.domain.typed import read_number
from grs.usecases.posting import PAGE, letters_to_post, mark_posted, paper_letter
from grs.web.doors import house
from grs.web.officer.room import Page, blueprint
from grs.web.people import me
from grs.web.protection import logged_in


@blueprint.get("/officer/letters")
@logged_in
def letters() -> Page:
    """The letters that these desks have to print and post, oldest first, with their last day."""
    page = max(read_number(request.args.get("page")) or 1, 1)
    with house().readers() as db:
        found = letters_to_post(db, me().desk(), shelf=house().shelf, page=page)
    return render_template("officer/letters.html", letters=found[:PAGE], page=page, has_more=len(found) > PAGE)


@blueprint.post("/officer/letters/<int(max=2147483647):message_id>")
@logged_in
def letter(message_id: int) -> Page:
    """One letter as it is printed; a change, for who complained is told that it was opened."""
    with house().writers.begin() as db:
        found = paper_letter(db, me().desk(), message_id, settings=house().settings)
        db.expunge_all()
    return render_template("officer/letter.html", letter=found)


@blueprint.post("/officer/letters/<int(max=2147483647):message_id>/posted")
@logged_in
def posted(message_id: int) -> Page:
    """The letter has left."""
    with house().writers.begin() as db:
        mark_posted(db, me().desk(), message_id)
    return redirect(url_for("officer.letters"), 303)
