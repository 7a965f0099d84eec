"""After a calendar change: every open complaint's due date counted again, told where it moved (rule 8)."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.calendars import CalendarChange
from grs.db.complaints import Assignment, AssistedFiling, Complainant, Complaint, is_open
from grs.db.offices import Office
from grs.db.tasks import Task
from grs.domain.calendar import ONE_DAY, WorkingCalendar, dhaka_date
from grs.domain.deadlines import DueDate, due_date, next_reminder, paper_due_date, received_on
from grs.domain.tasks import TaskKind, report_due
from grs.domain.tiers import DayLimit
from grs.domain.workflow import OPEN_STAGES, StepKind
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import HEAD_COLUMNS, SCHEDULER, Head, Ledger, Reach, leaving, write_heads
from grs.usecases.recipients import Recipients
from grs.usecases.rule_values import rules_on

BATCH = 500
LONGEST_TRANSACTION = timedelta(minutes=2)
"""After this long no transaction is running any more that read the calendar before a change."""
FIRST_STAY = 1
FORECAST = "forecast of "
"""What a forecast is referred to by: not what anybody shall read as the reason why a date moved."""
_NOTHING = {"looked_at": 0, "moved": 0, "earlier": 0, "later": 0, "newly_overdue": 0}


def recalculate_due_dates(
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    reference: str,
    cutoff: time | None = None,
    changes: Collection[int] = (),
    after_batch: Callable[[int], None] = lambda done: None,
) -> Counter[str]:
    """Count the due date of every open complaint again and write a step and letters where it moved.

    ``reference`` is the gazette or file that changed the calendar, as the history shall name it; the progress is
    kept with the ``changes``. An escalation already made stays.
    """
    counts, last_id = Counter(_NOTHING), 0
    if changes:
        _begin_pass(writers, changes)
    while True:
        with writers.begin() as session:
            ids = session.scalars(_open_after(last_id).with_for_update(key_share=True)).all()
            if not ids:
                return counts
            done = _recalculate_batch(session, ids, shelf, now, reference, cutoff)
            _note_progress(session, changes, done)
            counts.update(done)
            last_id = ids[-1]
        after_batch(counts["looked_at"])


def apply_calendar_changes(
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    cutoff: time | None = None,
    after_batch: Callable[[int], None] = lambda done: None,
) -> Counter[str]:
    """Count due dates again for the calendar changes that nobody has applied yet.

    An import that was killed half way, or a complaint that was lodged with the old calendar while it
    ran, is put right here: a change counts as applied once a pass has begun a while after it.
    """
    with writers() as session:
        waiting = session.scalars(select(CalendarChange).where(CalendarChange.applied_at.is_(None))).all()
    if not waiting:
        return Counter(_NOTHING)
    told = [change for change in waiting if change.reference and not change.reference.startswith(FORECAST)] or waiting
    reference = "; ".join(dict.fromkeys(change.reference for change in told))
    counts = recalculate_due_dates(
        writers,
        shelf=shelf,
        now=now,
        reference=reference,
        cutoff=cutoff,
        changes=[change.id for change in told],
        after_batch=after_batch,
    )
    settled = [change.id for change in waiting if change.made_at <= now - LONGEST_TRANSACTION]
    with writers.begin() as session:
        session.execute(update(CalendarChange).where(CalendarChange.id.in_(settled)).values(applied_at=now))
    return counts


def _begin_pass(writers: sessionmaker[Session], changes: Collection[int]) -> None:
    """A pass looks at everything from the beginning, also after one that was killed half way."""
    with writers.begin() as session:
        total = session.scalar(select(func.count(Complaint.id)).where(is_open())) or 0
        wanted = CalendarChange.id.in_(changes)
        session.execute(update(CalendarChange).where(wanted).values(total=total, looked_at=0))


def _note_progress(session: Session, changes: Collection[int], done: Mapping[str, int]) -> None:
    if changes:
        values = {name: getattr(CalendarChange, name) + done.get(name, 0) for name in _NOTHING}
        session.execute(update(CalendarChange).where(CalendarChange.id.in_(changes)).values(values))


def _open_after(last_id: int) -> Select[int]:
    return (
        select(Complaint.id)
        .where(Complaint.id > last_id, Complaint.stage.in_(OPEN_STAGES))
        .order_by(Complaint.id)
        .limit(BATCH)
    )


def _present_stays(ids: Sequence[int]) -> Any:
    """The open complaints with their present stay; asked after they are locked, so that both agree."""
    return (
        select(
            *(getattr(Complaint, name) for name in HEAD_COLUMNS),
            Complaint.language,
            Complainant.name,
            Complainant.email,
            Complainant.mobile,
            Assignment.started_at,
            Assignment.received_on,
            Assignment.limit_amount,
            Assignment.limit_unit,
            Assignment.extra_days,
            AssistedFiling.paper_received_on,
        )
        .join(
            Assignment,
            (Assignment.complaint_id == Complaint.id) & (Assignment.sequence == Complaint.assignment_sequence),
        )
        .outerjoin(Complainant, Complainant.complaint_id == Complaint.id)
        .outerjoin(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(Complaint.id.in_(ids), Complaint.stage.in_(OPEN_STAGES))
        .order_by(Complaint.id)
    )


def counted_again(row: Any, calendar: WorkingCalendar, cutoff: time | None) -> DueDate:
    """The due date of a stay on a calendar, from what it began with: the row of a stay, loaded with its complaint's."""
    is_filing = row.assignment_sequence == FIRST_STAY
    limit = DayLimit(row.limit_amount, row.limit_unit)
    if is_filing and row.paper_received_on:
        keyed_on = dhaka_date(row.started_at)
        return paper_due_date(calendar, row.paper_received_on, limit, keyed_on=keyed_on, extra=row.extra_days)
    received = received_on(calendar, row.started_at, cutoff=cutoff if is_filing else None)
    return due_date(calendar, received, limit, extra=row.extra_days)


def _recalculate_batch(
    session: Session,
    ids: Sequence[int],
    shelf: CalendarShelf,
    now: datetime,
    reference: str,
    cutoff: time | None,
) -> Counter[str]:
    rows = session.execute(_present_stays(ids)).all()
    counts: Counter[str] = Counter(looked_at=len(rows))
    today = dhaka_date(now)
    at = {row.office_id for row in rows}
    offices = {office.id: office for office in session.scalars(select(Office).where(Office.id.in_(at)))}
    calendars = shelf.for_offices(session, offices.values())
    people, ledger = Recipients(session, today), Ledger(now)
    moved: list[Head] = []
    for row in rows:
        head = Head(*row[: len(HEAD_COLUMNS)])
        due = counted_again(row, calendars[head.office_id], cutoff)
        was = DueDate(received_on=row.received_on, due_on=head.due_on, is_provisional=head.is_provisional)
        if due == was:
            continue
        counts.update(moved=1, earlier=due.due_on < was.due_on, later=due.due_on > was.due_on)
        counts.update(newly_overdue=due.due_on < today <= was.due_on)
        before = leaving(head)
        head.due_on, head.is_provisional = due.due_on, due.is_provisional
        if head.escalates_after is not None:
            head.escalates_after = due.due_on
        if due.due_on != was.due_on:
            head.remind_on = next_reminder(calendars[head.office_id], due.due_on, after=today - ONE_DAY)
        ledger.move_stay(head, due)
        step = ledger.step(
            head,
            StepKind.DUE_DATE_CHANGED,
            actor=SCHEDULER,
            details=before
            | {
                "due_on": due.due_on,
                "provisional": due.is_provisional,
                "reference": reference,
            },
        )
        moved.append(head)
        reach = Reach(name=row.name, email=row.email, mobile=row.mobile) if row.name is not None else None
        if due.due_on != was.due_on:
            ledger.to_complainant(head, step, "due_date_changed", reach, row.language)
            ledger.to_people(head, step, "due_date_changed_officer", people.on_post(head.post_id))
    _move_reports(session, moved, calendars)
    write_heads(session, moved)
    ledger.write(session)
    return counts


def _move_reports(session: Session, moved: Sequence[Head], calendars: Mapping[int, WorkingCalendar]) -> None:
    """An investigation's report is due by the new calendar too, and never after the tier's due date."""
    heads = {head.id: head for head in moved}
    investigations = select(Task).where(
        Task.complaint_id.in_(heads), Task.kind == TaskKind.INVESTIGATION, Task.ended_at.is_(None)
    )
    book = functools.cache(lambda day: rules_on(session, day).tasks)
    for task in session.scalars(investigations) if heads else ():
        head = heads[task.complaint_id]
        calendar, opened_on = calendars[head.office_id], dhaka_date(task.asked_at)
        task.due_on = report_due(calendar, opened_on, tier_due_on=head.due_on, days=book(opened_on).report)
