"""Explaining a due date: day 0, each day not counted and why, day N."""

from __future__ import annotations

from datetime import date

from flask import redirect, render_template, url_for

from grs.domain.calendar import YEARS
from grs.domain.errors import NotFound
from grs.domain.tiers import DayLimit, LimitUnit
from grs.usecases.explanations import explain, explain_stay
from grs.usecases.offices import find_office
from grs.usecases.stories import story_for_complainant
from grs.web.citizen.desk import Page, blueprint, may_see
from grs.web.doors import house
from grs.web.protection import anyone

MOST_MONTHS = 36


@blueprint.get("/dates/<slug>/<received>/<int(max=400):amount>/<unit>")
@anyone
def any_date(slug: str, received: str, amount: int, unit: str) -> Page:
    """How a limit is counted for an office from a day on; says nothing of any complaint."""
    try:
        start, limit = date.fromisoformat(received), DayLimit(amount, LimitUnit(unit))
    except ValueError:
        raise NotFound("date", received) from None
    if start.year not in YEARS or (limit.unit is LimitUnit.MONTHS and amount > MOST_MONTHS):
        raise NotFound("date", received)
    with house().readers() as db:
        office = find_office(db, slug)
        explained = explain(db, office, start, limit, shelf=house().shelf)
    return render_template("citizen/date.html", explained=explained, office=office, stay=None, changes=[])


@blueprint.get("/complaints/<number>/dates/<int(max=2147483647):sequence>")
@anyone
def stay_date(number: str, sequence: int) -> Page:
    """How the due date of one stay of a complaint was counted, and how it changed."""
    with house().readers() as db:
        if not may_see(db, number):
            return redirect(url_for("citizen.track", number=number))
        story = story_for_complainant(db, number, shelf=house().shelf)
        stay = next((stay for stay in story.complaint.assignments if stay.sequence == sequence), None)
        if stay is None:
            raise NotFound("stay", sequence)
        explained, changes = explain_stay(db, story, stay, shelf=house().shelf)
    return render_template(
        "citizen/date.html", explained=explained, office=stay.office, stay=stay, changes=changes, number=number
    )
