"""A complaint's story, for those who may read it: its steps with the names behind the numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Assignment, Complaint, Step
from grs.db.drafts import Attachment, AttachmentContent
from grs.db.offices import Post
from grs.db.queries.complaints import complaint_by_number
from grs.domain.access import can_read
from grs.domain.calendar import Day, WorkingCalendar
from grs.domain.deadlines import DueDate, skipped_days
from grs.domain.errors import NotFound, NotYours
from grs.domain.tiers import About
from grs.domain.tracking import read_digits
from grs.domain.workflow import StepKind
from grs.usecases.calendars import CalendarShelf
from grs.usecases.secrets import is_secret


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One step as a page tells it."""

    kind: StepKind
    happened_at: datetime
    details: dict[str, Any]
    from_post: Post | None
    to_post: Post | None
    files: Sequence[Attachment]


@dataclass(frozen=True, slots=True)
class Story:
    """A complaint, its present stay with the date explained, and all that happened."""

    complaint: Complaint
    stay: Assignment
    skipped: list[Day]
    lines: list[StoryLine]


def story_for_complainant(session: Session, tracking_number: str, *, shelf: CalendarShelf) -> Story:
    """The story of a complaint whose code has been checked; raises NotFound."""
    complaint = complaint_by_number(session, tracking_number)
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    return _story(session, complaint, shelf)


def story_for_officer(
    session: Session,
    tracking_number: str,
    *,
    post_ids: Collection[int],
    supervised_offices: Collection[int],
    headed_offices: Collection[int],
    shelf: CalendarShelf,
) -> Story:
    """The story for who answers or answered for it or supervises it; raises NotFound or NotYours."""
    complaint = complaint_by_number(session, read_digits(tracking_number))
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    stays = complaint.assignments
    if not can_read(
        post_ids,
        supervised_offices,
        posts_so_far={stay.post_id for stay in stays},
        offices_so_far={stay.office_id for stay in stays} | {complaint.charter.office_id},
        is_about_me=complaint.about is About.HEAD_OF_OFFICE and complaint.charter.office_id in headed_offices,
    ):
        raise NotYours("read")
    return _story(session, complaint, shelf)


def file_of(session: Session, complaint: Complaint, file_id: int) -> tuple[Attachment, bytes]:
    """A file of a complaint that the caller may read, with its bytes; raises NotFound."""
    file = session.get(Attachment, file_id)
    if file is None or file.complaint_id != complaint.id:
        raise NotFound("file", file_id)
    return file, session.get_one(AttachmentContent, file_id).content


def has_code(session: Session, tracking_number: str, access_code: str) -> bool:
    """Whether number and code belong together; takes as long for a number that is not there."""
    complaint = complaint_by_number(session, read_digits(tracking_number))
    return is_secret(read_digits(access_code), complaint.access_code_hash if complaint else None)


def explained(session: Session, complaint: Complaint, stay: Assignment, shelf: CalendarShelf) -> list[Day]:
    """The days between receipt and due date that were not counted."""
    calendar: WorkingCalendar = shelf.for_office(session, stay.office)
    due = DueDate(received_on=stay.received_on, due_on=stay.due_on, is_provisional=stay.is_provisional)
    return skipped_days(calendar, due)


def _story(session: Session, complaint: Complaint, shelf: CalendarShelf) -> Story:
    steps = session.scalars(select(Step).where(Step.complaint_id == complaint.id).order_by(Step.sequence)).all()
    details = [json.loads(step.details) for step in steps]
    wanted = {found[key] for found in details for key in ("from_post", "to_post") if key in found}
    posts = {
        post.id: post
        for post in session.scalars(select(Post).options(joinedload(Post.office)).where(Post.id.in_(wanted)))
    }
    files = session.scalars(
        select(Attachment).where(Attachment.complaint_id == complaint.id).order_by(Attachment.id)
    ).all()
    lines = [
        StoryLine(
            step.kind,
            step.happened_at,
            found,
            posts.get(found.get("from_post")),
            posts.get(found.get("to_post")),
            [file for file in files if file.step_sequence == step.sequence],
        )
        for step, found in zip(steps, details, strict=True)
    ]
    stay = next(s for s in complaint.assignments if s.sequence == complaint.assignment_sequence)
    # Pages are drawn after the session has ended.
    _ = (
        complaint.entry,
        complaint.office,
        complaint.post.office,
        complaint.complainant,
        complaint.charter.office,
        complaint.assisted,
        [(stay.post.office, stay.office) for stay in complaint.assignments],
    )
    return Story(complaint, stay, explained(session, complaint, stay, shelf), lines)
