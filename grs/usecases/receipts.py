"""The receipt of a complaint: what was promised on the day it was filed, and the secret that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.offices import Office, Post
from grs.domain.calendar import Day
from grs.domain.deadlines import DueDate, skipped_days
from grs.domain.errors import NotFound
from grs.usecases.calendars import CalendarShelf
from grs.usecases.secrets import access_code_of
from grs.usecases.stories import story_for_complainant

PRINTED_AGAIN = timedelta(days=3)
"""How long an operator may print the receipt of what he filed: the printer was broken, the person came back (ours)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it is drawn; whatever has happened since, it says what was promised at filing."""

    complaint: Complaint
    access_code: str
    desk: Post
    due_on: date
    expected: Sequence[dict[str, Any]]
    skipped: Sequence[Day]


def receipt_of(session: Session, tracking_number: str, *, shelf: CalendarShelf, secret_key: str) -> Receipt:
    """The receipt of a complaint for who filed it; the caller has seen to that. Raises NotFound."""
    story = story_for_complainant(session, tracking_number, shelf=shelf)
    filed, first_stay = story.lines[0], story.complaint.assignments[0]
    expected: list[dict[str, Any]] = filed.details["expected"]
    offices = {one["office"] for one in expected if "office" in one}
    slugs = {office.id: office.slug for office in session.scalars(select(Office).where(Office.id.in_(offices)))}
    due = DueDate(
        received_on=date.fromisoformat(filed.details["received_on"]),
        due_on=date.fromisoformat(filed.details["due_on"]),
        is_provisional=filed.details["provisional"],
    )
    assert filed.to_post is not None  # every complaint is lodged at a desk
    return Receipt(
        complaint=story.complaint,
        access_code=access_code_of(story.complaint.form_identity, secret_key),
        desk=filed.to_post,
        due_on=due.due_on,
        expected=[one | {"slug": slugs.get(one.get("office", 0))} for one in expected],
        skipped=skipped_days(shelf.for_office(session, first_stay.office), due),
    )


def operators_receipt(
    session: Session,
    tracking_number: str,
    *,
    operator_id: int,
    shelf: CalendarShelf,
    secret_key: str,
    now: datetime,
) -> Receipt:
    """The receipt of what an operator keyed in, for some days; raises NotFound for anything else."""
    receipt = receipt_of(session, tracking_number, shelf=shelf, secret_key=secret_key)
    if not is_printed_again(receipt.complaint, operator_id, now=now):
        raise NotFound("receipt", tracking_number)
    return receipt


def is_printed_again(complaint: Complaint, operator_id: int, *, now: datetime) -> bool:
    """Whether this operator may print the receipt once more."""
    mine = complaint.assisted is not None and complaint.assisted.operator_id == operator_id
    return mine and now - complaint.filed_at <= PRINTED_AGAIN
