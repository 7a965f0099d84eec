"""What every act at a desk begins and ends with: the complaint locked, the click judged, the step written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.queries.complaints import complaint_by_number
from grs.domain.access import Deed
from grs.domain.bangla import normalise_lines
from grs.domain.deadlines import is_overdue
from grs.domain.errors import ChangedMeanwhile, InvalidInput, NotFound
from grs.domain.lodging import printable
from grs.domain.tracking import read_digits
from grs.domain.workflow import Action, Stage, StepKind, next_stage
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import Ledger, leaving, officer
from grs.usecases.recipients import Recipient
from grs.usecases.standing import Desk, check

LONGEST_TEXT = 20_000
FURTHEST = timedelta(days=366)


def begin(
    session: Session,
    desk: Desk,
    tracking_number: str,
    seen_steps: int | None,
    action: Action,
    *,
    deed: Deed = Deed.ACT,
) -> tuple[Complaint, Stage]:
    """Lock the complaint and judge the click: may this person, is it unchanged since he looked, and allowed.

    Raises NotFound, NotYours, ChangedMeanwhile or ActionNotAllowed. ``seen_steps`` is None for acts that
    hold whatever happened meanwhile.
    """
    complaint = complaint_by_number(session, read_digits(tracking_number), lock=True)
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    check(session, complaint, desk, deed)
    if seen_steps is not None and complaint.step_count != seen_steps:
        raise ChangedMeanwhile(tracking_number)
    return complaint, next_stage(complaint.stage, action, tier=complaint.tier, started_at=complaint.first_tier)


def record(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    stage: Stage,
    kind: StepKind,
    details: Mapping[str, Any],
    *,
    letter: str | None = None,
    to: Mapping[str, Collection[Recipient]] | None = None,
    post_id: int | None = None,
) -> int:
    """Write the step of an act that leaves the complaint at its desk, and its letters; returns its sequence.

    ``letter`` goes to the complainant; ``to`` maps letters to officers. ``post_id`` is the post that acts
    where it is not the one that has the complaint.
    """
    ledger = Ledger(desk.now)
    complaint.stage = stage
    acting = post_id or complaint.post_id
    told = leaving(complaint) | {"from_post": acting}
    step = ledger.step(complaint, kind, actor=officer(desk.person_id, acting), details=told | dict(details))
    if letter is not None:
        ledger.to_complainant(complaint, step, letter, complaint.complainant, complaint.language)
    for name, people in (to or {}).items():
        ledger.to_people(complaint, step, name, people)
    ledger.write(session)
    return step


def required(text: str, field: str) -> str:
    """What somebody wrote, in one spelling; raises InvalidInput when it is empty or endless."""
    found = normalise_lines(printable(text))
    if not found:
        raise InvalidInput({field: "required"})
    if len(found) > LONGEST_TEXT:
        raise InvalidInput({field: "too_long"})
    return found


def coming(desk: Desk, day: date | None, field: str) -> date:
    """A day that is not past, nor more than a year ahead; raises InvalidInput."""
    if day is None:
        raise InvalidInput({field: "required"})
    if day < desk.today:
        raise InvalidInput({field: "in_the_past"})
    if day > desk.today + FURTHEST:
        raise InvalidInput({field: "within_a_year"})
    return day


def coming_in_time(
    session: Session, desk: Desk, complaint: Complaint, day: date | None, field: str, *, shelf: CalendarShelf
) -> date:
    """A coming day on which the office is open, not after the desk's own due date: later nobody here could use
    the answer any more.

    Where the due date is past, at the last tier, any day within a year will do.
    """
    found = coming(desk, day, field)
    if found > complaint.due_on and not is_overdue(complaint.due_on, desk.today):
        raise InvalidInput({field: "after_due_date"})
    if not shelf.for_office(session, complaint.office).is_open(found):
        raise InvalidInput({field: "closed_day"})
    return found
