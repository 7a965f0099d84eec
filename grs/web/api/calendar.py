"""Working days, and any limit counted out with every day that was not counted."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import fields, validate

from grs.db.offices import Office
from grs.domain.tiers import LONGEST_LIMIT, DayLimit, LimitUnit
from grs.usecases.explanations import explain
from grs.usecases.offices import find_office
from grs.web.api.room import Shape, Text, Topic, Whole, listed, reads
from grs.web.api.shapes import DayShape, DueDateShape
from grs.web.doors import house
from grs.web.protection import anyone

topic = Topic("calendar", __name__, description="Working days by the gazette, and due dates with their reasons.")

MOST_DAYS = 400
OFFICE = {"description": "An office's slug: its local holidays count too. Without it the nation's calendar."}


class DaysQuery(Shape):
    first = fields.Date(required=True)
    days = Whole(load_default=31, validate=validate.Range(min=1, max=MOST_DAYS), metadata={"description": "How many."})
    office = Text(load_default="", validate=validate.Length(max=80), metadata=OFFICE)


class DueQuery(Shape):
    received_on = fields.Date(required=True)
    amount = Whole(required=True, validate=validate.Range(min=1, max=LONGEST_LIMIT))
    unit = fields.Enum(LimitUnit, by_value=True, load_default=LimitUnit.WORKING_DAYS)
    office = Text(load_default="", validate=validate.Length(max=80), metadata=OFFICE)


@topic.route("/working-days")
@topic.arguments(DaysQuery, location="query")
@topic.response(200, listed("Days", DayShape))
@reads
@anyone
def days(asked: dict[str, Any]) -> Any:
    """Each day of a span, and why it is open or closed"""
    with house().readers() as db:
        office = find_office(db, asked["office"]) if asked["office"] else None
        shelf = house().shelf
        calendar = shelf.for_office(db, office) if office is not None else shelf.for_scopes(db)
    first = asked["first"].toordinal()
    last = min(first + asked["days"], date.max.toordinal() + 1)
    return {"items": [calendar.day(date.fromordinal(number)) for number in range(first, last)], "next": None}


@topic.route("/working-days/due-date")
@topic.arguments(DueQuery, location="query")
@topic.response(200, DueDateShape)
@reads
@anyone
def due_date(asked: dict[str, Any]) -> Any:
    """The last day of a limit counted from a day on (day 0), and every day that was not counted"""
    limit = DayLimit(asked["amount"], asked["unit"])
    with house().readers() as db:
        # An office that is not kept follows the nation's calendar alone.
        office = find_office(db, asked["office"]) if asked["office"] else Office(slug="")
        found = explain(db, office, asked["received_on"], limit, shelf=house().shelf)
    return {
        "received_on": found.due.received_on,
        "limit": limit,
        "due_on": found.due.due_on,
        "is_provisional": found.due.is_provisional,
        "not_counted": found.skipped,
    }
