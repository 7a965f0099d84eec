"""A complaint's story, for those who may read it: its steps with the names behind the numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Assignment, Complaint, Step
from grs.db.drafts import Attachment
from grs.db.offices import Post
from grs.db.queries.complaints import complaint_by_number, complaint_to_show
from grs.domain.calendar import Day, WorkingCalendar
from grs.domain.deadlines import DueDate, skipped_days
from grs.domain.errors import NotFound
from grs.domain.tracking import read_digits
from grs.domain.workflow import INTERNAL_DETAILS, INTERNAL_STEPS, StepKind
from grs.uploads.store import FileStore
from grs.usecases.calendars import CalendarShelf
from grs.usecases.secrets import is_code
from grs.usecases.shelving import content_of

POSTS_OF_A_STEP = ("from_post", "to_post", "asked_post")


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One step as a page tells it."""

    kind: StepKind
    happened_at: datetime
    details: dict[str, Any]
    from_post: Post | None
    to_post: Post | None
    asked_post: Post | None
    files: Sequence[Attachment]


@dataclass(frozen=True, slots=True)
class Story:
    """A complaint, its present stay with the date explained, and all that happened."""

    complaint: Complaint
    stay: Assignment
    skipped: list[Day]
    lines: list[StoryLine]

    @property
    def files(self) -> list[Attachment]:
        """Every file that a step of this story brought."""
        return [file for line in self.lines for file in line.files]


def story_for_complainant(session: Session, tracking_number: str, *, shelf: CalendarShelf) -> Story:
    """The story of a complaint whose code has been checked; raises NotFound."""
    complaint = complaint_to_show(session, tracking_number)
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    return story_of(session, complaint, shelf, hidden=INTERNAL_STEPS, hidden_details=INTERNAL_DETAILS)


def file_of(
    session: Session, story: Story, file_id: int, *, store: FileStore | None = None
) -> tuple[Attachment, bytes]:
    """A file of a story that the caller may read, with its bytes; raises NotFound, or StoreAway."""
    file = next((file for file in story.files if file.id == file_id), None)
    if file is None:
        raise NotFound("file", file_id)
    return file, content_of(session, file, store)


def has_code(session: Session, tracking_number: str, access_code: str) -> bool:
    """Whether number and code belong together; takes as long for a number that is not there."""
    complaint = complaint_by_number(session, read_digits(tracking_number))
    return is_code(read_digits(access_code), complaint.access_code_hash if complaint else None)


def explained(session: Session, complaint: Complaint, stay: Assignment, shelf: CalendarShelf) -> list[Day]:
    """The days between receipt and due date that were not counted."""
    calendar: WorkingCalendar = shelf.for_office(session, stay.office)
    due = DueDate(received_on=stay.received_on, due_on=stay.due_on, is_provisional=stay.is_provisional)
    return skipped_days(calendar, due)


def story_of(
    session: Session,
    complaint: Complaint,
    shelf: CalendarShelf,
    *,
    hidden: Collection[StepKind] = (),
    hidden_details: Mapping[StepKind, Collection[str]] = MappingProxyType({}),
) -> Story:
    """The story of a complaint without the hidden steps and details; the caller has checked who asks."""
    every = session.scalars(select(Step).where(Step.complaint_id == complaint.id).order_by(Step.sequence)).all()
    steps = [step for step in every if step.kind not in hidden]
    details = [
        {key: value for key, value in json.loads(step.details).items() if key not in hidden_details.get(step.kind, ())}
        for step in steps
    ]
    posts = {stay.post_id: stay.post for stay in complaint.assignments}
    wanted = {found[key] for found in details for key in POSTS_OF_A_STEP if found.get(key)} - posts.keys()
    if wanted:
        others = select(Post).options(joinedload(Post.office)).where(Post.id.in_(wanted))
        posts |= {post.id: post for post in session.scalars(others)}
    files = session.scalars(
        select(Attachment).where(Attachment.complaint_id == complaint.id).order_by(Attachment.id)
    ).all()
    lines = [
        StoryLine(
            kind=step.kind,
            happened_at=step.happened_at,
            details=found,
            files=[
                file
                for file in files
                if file.step_sequence == step.sequence and "files" not in hidden_details.get(step.kind, ())
            ],
            **{key: posts.get(found.get(key, 0)) for key in POSTS_OF_A_STEP},
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
