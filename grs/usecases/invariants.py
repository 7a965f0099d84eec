"""What must hold whatever happened: asked of the rows themselves, the same on both databases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import String, exists, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from grs.db.calendars import CalendarChange
from grs.db.complaints import Assignment, AssistedFiling, Complainant, Complaint, Step
from grs.db.drafts import Attachment, AttachmentContent
from grs.db.messages import Message, MessageChannel, MessageState
from grs.db.offices import Office, Person
from grs.domain.calendar import DHAKA, ONE_DAY, WorkingCalendar, dhaka_date
from grs.domain.deadlines import add_months
from grs.domain.replay import ImpossibleStep, replay
from grs.domain.tiers import DayLimit, LimitUnit
from grs.domain.tracking import is_tracking_number
from grs.domain.workflow import OPEN_STAGES, StepKind
from grs.uploads.store import FileStore, StoreAway
from grs.usecases.calendars import CalendarShelf
from grs.usecases.histories import verify_histories
from grs.usecases.recalculation import LONGEST_TRANSACTION
from grs.usecases.reported_cases import cases_that_differ
from grs.usecases.shelving import path_of

BATCH = 500
HASHED = "$argon2"
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
Broken = tuple[str, str]
"""What is wrong: of which complaint, letter or file, and what."""


def check_invariants(
    session: Session,
    *,
    shelf: CalendarShelf,
    cutoff: time | None = None,
    store: FileStore | None = None,
    progress: Callable[[int], None] = lambda complaints: None,
) -> list[Broken]:
    """Everything that does not hold, in plain words; empty when all is well.

    Each open complaint has one open stay and a closed one none; its columns say what its history leads to, and
    its history is whole; its due date is the one that walking day by day gives; letters are sent once, to whom the
    complaint concerns; each file is there as it was taken. ``progress`` is told of each batch of complaints.
    """
    broken = list(verify_histories(session).broken)
    pending = select(func.max(CalendarChange.made_at)).where(CalendarChange.applied_at.is_(None))
    changed_at = session.scalar(pending)
    # Until a change of the calendar is applied, only stays that began after it are due by it.
    counted_since = BEFORE_ALL if changed_at is None else changed_at + LONGEST_TRANSACTION
    last_id = 0
    while batch := session.scalars(
        select(Complaint).where(Complaint.id > last_id).order_by(Complaint.id).limit(BATCH)
    ).all():
        last_id = batch[-1].id
        broken += _complaints(session, batch, shelf=shelf, cutoff=cutoff, counted_since=counted_since)
        session.expunge_all()
        progress(len(batch))
    broken += _letters(session)
    broken += _files(session, store)
    return broken


def count_complaints(session: Session) -> int:
    """How many complaints there are to check."""
    return session.scalar(select(func.count(Complaint.id))) or 0


# -- complaints ----------------------------------------------------------------------------------------------


def _complaints(
    session: Session, batch: Sequence[Complaint], *, shelf: CalendarShelf, cutoff: time | None, counted_since: datetime
) -> Iterator[Broken]:
    ids = [one.id for one in batch]
    stays: dict[int, list[Assignment]] = {one: [] for one in ids}
    in_order = (Assignment.complaint_id, Assignment.sequence)
    for stay in session.scalars(select(Assignment).where(Assignment.complaint_id.in_(ids)).order_by(*in_order)):
        stays[stay.complaint_id].append(stay)
    steps: dict[int, list[Any]] = {one: [] for one in ids}
    columns = (Step.complaint_id, Step.sequence, type_coerce(Step.kind, String), Step.details)
    for step in session.execute(
        select(*columns).where(Step.complaint_id.in_(ids)).order_by(Step.complaint_id, Step.sequence)
    ):
        steps[step.complaint_id].append(step)
    offices = {one.office_id for one in batch}
    calendars = shelf.for_offices(session, session.scalars(select(Office).where(Office.id.in_(offices))).all())
    papers = {
        one: day
        for one, day in session.execute(
            select(AssistedFiling.complaint_id, AssistedFiling.paper_received_on).where(
                AssistedFiling.complaint_id.in_(ids)
            )
        )
    }
    found: dict[int, list[str]] = {}
    for complaint in batch:
        problems = [
            *_identity(complaint),
            *_history(complaint, steps[complaint.id]),
            *_stays(complaint, stays[complaint.id]),
        ]
        if not problems and complaint.stage in OPEN_STAGES and stays[complaint.id][-1].started_at > counted_since:
            calendar, stay = calendars[complaint.office_id], stays[complaint.id][-1]
            problems += _dates(stay, calendar, cutoff=cutoff, paper_day=papers.get(complaint.id))
        found[complaint.id] = problems
    whole = [number for number, problems in found.items() if not problems]
    for number in cases_that_differ(session, whole):
        found[number].append("its cases are not counted as its stays are")
    for complaint in batch:
        for problem in found[complaint.id]:
            yield complaint.tracking_number, problem


def _identity(complaint: Complaint) -> Iterator[str]:
    if not is_tracking_number(complaint.tracking_number):
        yield "its number is none of ours"
    if not complaint.access_code_hash.startswith(HASHED):
        yield "its access code is not kept as a hash"


def _history(complaint: Complaint, steps: Sequence[Any]) -> Iterator[str]:
    try:
        led_to = replay((StepKind(kind), json.loads(details)) for _, _, kind, details in steps)
    except ValueError:
        yield "its history cannot be read"
        return
    except ImpossibleStep as error:
        yield f"its history cannot have happened: {error}"
        return
    names = ("stage", "tier", "first_tier", "office_id", "post_id", "due_on", "is_provisional")
    for name in names:
        if getattr(complaint, name) != getattr(led_to, name):
            yield f"{name} is {getattr(complaint, name)}, its history leads to {getattr(led_to, name)}"
    if complaint.assignment_sequence != led_to.stays:
        yield f"it is at its stay {complaint.assignment_sequence}, its history tells of {led_to.stays}"


def _stays(complaint: Complaint, stays: Sequence[Assignment]) -> Iterator[str]:
    if [stay.sequence for stay in stays] != list(range(1, complaint.assignment_sequence + 1)):
        yield "its stays are not numbered without gaps"
        return
    running = [stay for stay in stays if stay.ended_at is None]
    is_open = complaint.stage in OPEN_STAGES
    if len(running) != is_open:
        yield f"{len(running)} stays are open, the complaint is {complaint.stage}"
    present = stays[-1]
    for name in ("office_id", "post_id", "tier", *(("due_on", "is_provisional") if is_open else ())):
        if getattr(present, name) != getattr(complaint, name):
            yield f"{name} of its present stay is {getattr(present, name)}, not {getattr(complaint, name)}"
    if not is_open and complaint.escalates_after is not None:
        yield "it is disposed of and would still be escalated"
    if is_open and complaint.escalates_after not in (None, complaint.due_on):
        yield f"it would be escalated after {complaint.escalates_after}, it is due on {complaint.due_on}"


def _dates(
    stay: Assignment, calendar: WorkingCalendar, *, cutoff: time | None, paper_day: date | None
) -> Iterator[str]:
    is_filing = stay.sequence == 1
    day = walked_day_received(stay, calendar, cutoff=cutoff if is_filing else None)
    limit = DayLimit(stay.limit_amount, stay.limit_unit)
    if is_filing and paper_day is not None:
        on_paper = _open_on_or_after(calendar, paper_day)
        is_over = walked_due_date(calendar, on_paper, limit) < dhaka_date(stay.started_at)
        day = _open_on_or_after(calendar, dhaka_date(stay.started_at)) if is_over else on_paper
    due_on = walked_due_date(calendar, day, limit, extra=stay.extra_days)
    if stay.received_on != day:
        yield f"received on {stay.received_on}, day by day it is {day}"
    if stay.due_on != due_on:
        yield f"due on {stay.due_on}, day by day it is {due_on}"
    if not calendar.is_open(stay.due_on):
        yield f"due on {stay.due_on}, when the office is closed"


def walked_day_received(stay: Assignment, calendar: WorkingCalendar, *, cutoff: time | None) -> date:
    """Day 0 of a stay, walking day by day; nothing of the index that the pages count with is used."""
    day = dhaka_date(stay.started_at)
    if cutoff is not None and stay.started_at.astimezone(DHAKA).time() >= cutoff:
        day += ONE_DAY
    return _open_on_or_after(calendar, day)


def walked_due_date(calendar: WorkingCalendar, received: date, limit: DayLimit, *, extra: int = 0) -> date:
    """The due date of a limit, walking day by day."""
    if limit.unit is LimitUnit.WORKING_DAYS:
        day = _walk(calendar, received, limit.amount)
    elif limit.unit is LimitUnit.CALENDAR_DAYS:
        day = _open_on_or_after(calendar, received + ONE_DAY * limit.amount)
    else:
        day = _open_on_or_after(calendar, add_months(received, limit.amount))
    return _walk(calendar, day, extra)


def _walk(calendar: WorkingCalendar, day: date, working_days: int) -> date:
    while working_days > 0:
        day += ONE_DAY
        working_days -= calendar.is_open(day)
    return day


def _open_on_or_after(calendar: WorkingCalendar, day: date) -> date:
    while not calendar.is_open(day):
        day += ONE_DAY
    return day


# -- letters -------------------------------------------------------------------------------------------------


def _letters(session: Session) -> Iterator[Broken]:
    is_sent = (Message.state == MessageState.SENT) & Message.sent_at.is_(None)
    is_waiting = Message.state.in_((MessageState.QUEUED, MessageState.TO_POST)) & Message.sent_at.is_not(None)
    untimed = select(Message.id).where(or_(is_sent, is_waiting))
    for number in session.scalars(untimed.order_by(Message.id)):
        yield f"letter {number}", "what became of it and when it left do not agree"
    concerned = exists().where(
        Complainant.complaint_id == Message.complaint_id,
        or_(Complainant.email == Message.to_address, Complainant.mobile == Message.to_address),
    )
    known = exists().where(Person.email == Message.to_address)
    addressed = (Message.complaint_id.is_not(None), Message.to_address != "", Message.channel != MessageChannel.EVENT)
    strays = select(Message.id).where(*addressed, ~concerned, ~known)
    for number in session.scalars(strays.order_by(Message.id)):
        yield f"letter {number}", "goes to an address that its complaint does not concern"
    ahead = (
        select(Message.id)
        .join(Complaint, Complaint.id == Message.complaint_id)
        .where(Message.step_sequence > Complaint.step_count)
    )
    for number in session.scalars(ahead.order_by(Message.id)):
        yield f"letter {number}", "tells of a step that never was"


# -- files ---------------------------------------------------------------------------------------------------


def _in_store(store: FileStore | None, path: str) -> bytes | None:
    try:
        return store.get(path) if store is not None else None
    except StoreAway:
        return None


def _files(session: Session, store: FileStore | None) -> Iterator[Broken]:
    orphans = select(Attachment.id).where(Attachment.draft_id.is_(None), Attachment.complaint_id.is_(None))
    for number in session.scalars(orphans.order_by(Attachment.id)):
        yield f"file {number}", "belongs to nothing"
    query = (
        select(Attachment.id, Attachment.size, Attachment.sha256, Attachment.is_shelved, AttachmentContent.content)
        .outerjoin(AttachmentContent, AttachmentContent.attachment_id == Attachment.id)
        .order_by(Attachment.id)
        .execution_options(yield_per=20)
    )
    for number, size, sha256, is_shelved, kept in session.execute(query):
        content = kept
        if is_shelved and kept is None:
            content = _in_store(store, path_of(number, sha256))
        if content is None:
            yield f"file {number}", "its bytes are gone"
        elif (len(content), hashlib.sha256(content).hexdigest()) != (size, sha256):
            yield f"file {number}", "its bytes are not those that were taken"
    promised = {
        (number, sha256)
        for number, sha256 in session.execute(select(Attachment.complaint_id, Attachment.sha256))
        if number is not None
    }
    lodged = (
        select(Complaint.id, Complaint.tracking_number, Step.details)
        .join(Step, (Step.complaint_id == Complaint.id) & (Step.sequence == 1))
        .where(Step.details.not_like('%"files":[]%'), Complaint.anonymised_at.is_(None))
        .order_by(Complaint.id)
    )
    for number, tracking_number, details in session.execute(lodged):
        if any((number, sha256) not in promised for sha256 in json.loads(details).get("files", ())):
            yield tracking_number, "a file that came with it is gone"
