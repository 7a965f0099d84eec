"""What the coming days hold for an officer: hearings, answers that are due, due dates; also as a feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.offices import Person
from grs.db.tasks import Task, TaskMember
from grs.domain.errors import NotFound
from grs.domain.tasks import TaskKind
from grs.domain.workflow import OPEN_STAGES
from grs.usecases.accounts import desk_of
from grs.usecases.secrets import is_seal, new_token, sealed, sealed_number
from grs.usecases.standing import Desk, is_about, is_current

AHEAD = timedelta(days=60)
MOST = 500


class EntryKind(StrEnum):
    """What a day holds."""

    HEARING = "hearing"
    DUE = "due"
    ANSWER_DUE = "answer_due"
    MY_ANSWER = "my_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaEntry:
    """One line of the calendar: never the text of a complaint, nor who complained."""

    kind: EntryKind
    day: date
    tracking_number: str
    key: str
    begins_at: datetime | None = None
    place: str = ""
    task_id: int | None = None
    task_kind: TaskKind | None = None


def agenda(session: Session, desk: Desk) -> list[AgendaEntry]:
    """The next weeks in order of day: my hearings, what others answer me, what I answer, and due dates.

    Of what is about the person himself only what he was asked for.
    """
    post_ids, today = desk.post_ids, desk.today
    until = today + AHEAD
    found: list[AgendaEntry] = []
    mine = select(TaskMember.task_id).where(TaskMember.person_id == desk.person_id)
    tasks = session.execute(
        select(Task, Complaint.tracking_number)
        .join(Complaint, Complaint.id == Task.complaint_id)
        .where(
            Task.ended_at.is_(None),
            Task.due_on.between(today, until),
            *is_current(),
            or_(
                Task.asked_by_post_id.in_(post_ids) & ~is_about(desk),
                Task.to_post_id.in_(post_ids),
                Task.id.in_(mine),
            ),
        )
        .order_by(Task.due_on, Task.id)
        .limit(MOST)
    )
    for task, number in tasks:
        asks = task.asked_by_post_id in post_ids
        kind = EntryKind.ANSWER_DUE if asks else EntryKind.MY_ANSWER
        if task.kind is TaskKind.HEARING:
            kind = EntryKind.HEARING
        found.append(
            AgendaEntry(
                kind=kind, day=task.due_on, tracking_number=number, key=f"task-{task.id}", begins_at=task.begins_at,
                place=task.place or "", task_id=None if asks else task.id, task_kind=task.kind,
            )
        )  # fmt: skip
    due = session.execute(
        select(Complaint.id, Complaint.assignment_sequence, Complaint.tracking_number, Complaint.due_on)
        .where(
            Complaint.post_id.in_(post_ids),
            Complaint.stage.in_(OPEN_STAGES),
            Complaint.due_on.between(today, until),
            ~is_about(desk),
        )
        .order_by(Complaint.due_on, Complaint.id)
        .limit(MOST)
    )
    for complaint_id, stay, number, day in due:
        found.append(AgendaEntry(kind=EntryKind.DUE, day=day, tracking_number=number, key=f"due-{complaint_id}-{stay}"))
    return sorted(found, key=lambda one: (one.day, one.begins_at is None, str(one.begins_at), one.tracking_number))


def present_feed_token(session: Session, person_id: int, *, secret_key: str) -> str | None:
    """The secret name as it is, None before the first one was made."""
    person = session.get_one(Person, person_id)
    salt = person.calendar_salt
    return None if salt is None else sealed("calendar", person.id, salt, secret_key)


def feed_token(session: Session, person_id: int, *, secret_key: str, renew: bool = False) -> str:
    """The secret name under which calendar programs fetch one's agenda; a renewed one shuts the old out."""
    person = session.get_one(Person, person_id, with_for_update=True)
    if person.calendar_salt is None or renew:
        person.calendar_salt = new_token()
    return sealed("calendar", person.id, person.calendar_salt, secret_key)


def agenda_of_feed(
    session: Session, token: str, *, secret_key: str, now: datetime
) -> tuple[Person, Sequence[AgendaEntry]]:
    """The agenda behind a secret name; raises NotFound when the name is made up, old, or its person shut out."""
    number = sealed_number(token)
    person = session.get(Person, number) if number is not None else None
    if person is None or not person.is_active or person.calendar_salt is None:
        raise NotFound("calendar", "")
    if not is_seal(token, "calendar", person.id, person.calendar_salt, secret_key):
        raise NotFound("calendar", "")
    return person, agenda(session, desk_of(session, person.id, now=now))
