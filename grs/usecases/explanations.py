"""Any due date explained (rule 9), with the calendar changes that moved it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from grs.db.complaints import Assignment
from grs.db.offices import Office
from grs.db.queries.complaints import complaint_by_number
from grs.domain.calendar import DHAKA, Day, dhaka_date
from grs.domain.deadlines import DueDate, due_date, skipped_days
from grs.domain.errors import NotFound
from grs.domain.tiers import DayLimit
from grs.domain.tracking import read_digits
from grs.domain.workflow import StepKind
from grs.usecases.calendars import CalendarShelf
from grs.usecases.stories import Story, StoryLine


@dataclass(frozen=True, slots=True)
class ExplainedDate:
    """A limit counted out: day 0, the days not counted, the last day."""

    due: DueDate
    limit: DayLimit
    extra_days: int
    skipped: Sequence[Day]


def explain(
    session: Session, office: Office, received_on: date, limit: DayLimit, *, shelf: CalendarShelf
) -> ExplainedDate:
    """Count a limit from a day on which the office is open, or from its next such day."""
    calendar = shelf.for_office(session, office)
    due = due_date(calendar, calendar.on_or_after(received_on), limit)
    return ExplainedDate(due, limit, 0, skipped_days(calendar, due))


def explain_stay(
    session: Session, story: Story, stay: Assignment, *, shelf: CalendarShelf
) -> tuple[ExplainedDate, Sequence[StoryLine]]:
    """The date of a stay as it stands, and each step that moved it, oldest first."""
    due = DueDate(received_on=stay.received_on, due_on=stay.due_on, is_provisional=stay.is_provisional)
    limit = DayLimit(stay.limit_amount, stay.limit_unit)
    skipped = skipped_days(shelf.for_office(session, stay.office), due)
    ended = stay.ended_at
    changes = [
        line
        for line in story.lines
        if line.kind in (StepKind.DUE_DATE_CHANGED, StepKind.INVESTIGATION_OPENED)
        and line.details.get("was_due_on") != line.details.get("due_on", line.details.get("was_due_on"))
        and line.happened_at >= stay.started_at
        and (ended is None or line.happened_at <= ended)
    ]
    return ExplainedDate(due, limit, stay.extra_days, skipped), changes


@dataclass(frozen=True, slots=True)
class Belief:
    """The due date that held on a day, and the step and instant since which it did."""

    due_on: date
    kind: StepKind
    since: datetime


def believed_on(session: Session, tracking_number: str, day: date) -> Belief | None:
    """Which due date was believed at the end of a day in Dhaka; None before it was lodged. Raises NotFound.

    Asked of the history, which is never changed, and not of the complaint.
    """
    complaint = complaint_by_number(session, read_digits(tracking_number))
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    found = None
    for step in complaint.steps:
        due_on = json.loads(step.details).get("due_on")
        if dhaka_date(step.happened_at) <= day and due_on is not None and step.kind in DATING:
            found = Belief(date.fromisoformat(due_on), step.kind, step.happened_at.astimezone(DHAKA))
    return found


DATING = frozenset(
    {StepKind.LODGED, StepKind.FORWARDED, StepKind.ESCALATED, StepKind.APPEALED, StepKind.REOPENED,
     StepKind.DUE_DATE_CHANGED, StepKind.INVESTIGATION_OPENED}
)  # fmt: skip
"""The steps that set a due date."""
