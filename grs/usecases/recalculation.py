"""After a calendar change: every open complaint's due date counted again, told where it moved (rule 8)."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.calendars import CalendarChange
from grs.db.complaints import Assignment, AssistedFiling, Complainant, Complaint, is_open
from grs.db.offices import Office
from grs.db.sets import among
from grs.db.tasks import Task
from grs.domain.calendar import ONE_DAY, WorkingCalendar, dhaka_date
from grs.domain.deadlines import DueDate, counts_as_filed_on, due_date, next_reminder, paper_due_date
from grs.domain.tasks import TaskKind, report_due
from grs.domain.tiers import DayLimit
from grs.domain.workflow import OPEN_STAGES, StepKind
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import HEAD_COLUMNS, SCHEDULER, Head, Ledger, Reach, leaving, write_heads
from grs.usecases.recipients import Recipients
from grs.usecases.rule_values import rules_on

BATCH, MOST_MOVED = 1_000, 500
"""Complaints that are looked at in one transaction, and of them those that move: about half a second of locks."""
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
    round_ = _Round(shelf, now, reference, cutoff)
    if changes:
        _begin_pass(writers, changes)
    while True:
        with writers.begin() as session:
            stays = session.execute(open_stays(last_id, BATCH)).all()
            if not stays:
                return counts
            done, last_id = round_.batch(session, stays)
            _note_progress(session, changes, done)
            counts.update(done)
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


_IS_PRESENT = (Assignment.complaint_id == Complaint.id) & (Assignment.sequence == Complaint.assignment_sequence)
STAY = (
    Assignment.sequence.label("assignment_sequence"),
    Assignment.office_id,
    Assignment.started_at,
    Assignment.received_on,
    Assignment.due_on,
    Assignment.is_provisional,
    Assignment.limit_amount,
    Assignment.limit_unit,
    Assignment.extra_days,
    AssistedFiling.paper_received_on,
)
"""Of a stay, what its due date follows from, and what it is."""


def open_stays(last_id: int, limit: int) -> Any:
    """The next open complaints by number, each with its present stay."""
    return (
        select(Complaint.id, Complaint.tracking_number, *STAY)
        .join(Assignment, _IS_PRESENT)
        .outerjoin(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(Complaint.id > last_id, is_open())
        .order_by(Complaint.id)
        .limit(limit)
    )


def _present_stays(ids: Collection[int]) -> Any:
    """What of some open complaints moves with their dates; asked after they are locked, so that all of it agrees."""
    mine = {column.key for column in STAY} - set(HEAD_COLUMNS)
    return (
        select(
            *(getattr(Complaint, name) for name in HEAD_COLUMNS),
            *(column for column in STAY if column.key in mine),
            Complaint.language,
            Complainant.name,
            Complainant.email,
            Complainant.mobile,
        )
        .join(Assignment, _IS_PRESENT)
        .outerjoin(Complainant, Complainant.complaint_id == Complaint.id)
        .outerjoin(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(among(Complaint.id, ids), Complaint.stage.in_(OPEN_STAGES))
        .order_by(Complaint.id)
    )


class DueDates:
    """Due dates counted again from what a stay began with; each distinct one once, however many stays are alike."""

    def __init__(self, cutoff: time | None) -> None:
        self._cutoff = cutoff
        self._known: dict[tuple[Any, ...], DueDate] = {}

    def of(self, row: Any, calendar: WorkingCalendar) -> DueDate:
        """By the row of a stay, loaded with its complaint's."""
        is_filing = row.assignment_sequence == FIRST_STAY
        paper_day = row.paper_received_on if is_filing else None
        cutoff = self._cutoff if is_filing and paper_day is None else None
        began = counts_as_filed_on(row.started_at, cutoff=cutoff)
        alike = (calendar, began, paper_day, row.limit_amount, row.limit_unit, row.extra_days)
        if alike not in self._known:
            limit = DayLimit(row.limit_amount, row.limit_unit)
            self._known[alike] = (
                due_date(calendar, calendar.on_or_after(began), limit, extra=row.extra_days)
                if paper_day is None
                else paper_due_date(calendar, paper_day, limit, keyed_on=began, extra=row.extra_days)
            )
        return self._known[alike]


class _Round:
    """One pass over all open complaints, and what its batches look up once."""

    def __init__(self, shelf: CalendarShelf, now: datetime, reference: str, cutoff: time | None) -> None:
        self.shelf, self.now, self.today, self.reference = shelf, now, dhaka_date(now), reference
        self._due_dates = DueDates(cutoff)
        self._offices: dict[int, Office] = {}
        self._people: Recipients | None = None

    def batch(self, session: Session, stays: Sequence[Any]) -> tuple[Counter[str], int]:
        """Only what moves is locked, and then looked at again. Returns how far it came: as many as may move at once."""
        calendars = self._calendars(session, {row.office_id for row in stays})
        ids = [row.id for row, _ in self._moving(stays, calendars)]
        if len(ids) > MOST_MOVED:
            stays = [row for row in stays if row.id < ids[MOST_MOVED]]
            ids = ids[:MOST_MOVED]
        counts, last_id = Counter(looked_at=len(stays)), stays[-1].id
        if not ids:
            return counts, last_id
        mine = select(Complaint.id).where(among(Complaint.id, ids)).order_by(Complaint.id)
        session.execute(mine.with_for_update(key_share=True))
        rows = session.execute(_present_stays(ids)).all()
        calendars |= self._calendars(session, {row.office_id for row in rows})
        moving = self._moving(rows, calendars)
        self._people = self._people.again(session) if self._people else Recipients(session, self.today)
        self._people.load(posts={row.post_id for row, _ in moving})
        ledger, moved = Ledger(self.now), []
        for row, due in moving:
            counts.update(moved=1, earlier=due.due_on < row.due_on, later=due.due_on > row.due_on)
            counts.update(newly_overdue=due.due_on < self.today <= row.due_on)
            moved.append(self._move(ledger, self._people, row, due, calendars[row.office_id]))
        _move_reports(session, moved, calendars)
        write_heads(session, moved)
        ledger.write(session)
        return counts, last_id

    def _moving(self, stays: Sequence[Any], calendars: Mapping[int, WorkingCalendar]) -> list[tuple[Any, DueDate]]:
        """What has another date now, and which."""
        counted = ((row, self._due_dates.of(row, calendars[row.office_id])) for row in stays)
        return [
            (row, due)
            for row, due in counted
            if (due.due_on, due.received_on, due.is_provisional) != (row.due_on, row.received_on, row.is_provisional)
        ]

    def _calendars(self, session: Session, at: set[int]) -> dict[int, WorkingCalendar]:
        """By office, as they are now: they may have changed since the last batch."""
        if unknown := at - self._offices.keys():
            self._offices |= {one.id: one for one in session.scalars(select(Office).where(Office.id.in_(unknown)))}
        return self.shelf.for_offices(session, [self._offices[one] for one in at])

    def _move(self, ledger: Ledger, people: Recipients, row: Any, due: DueDate, calendar: WorkingCalendar) -> Head:
        """One complaint: its dates, the step that tells of it, and letters where the day is another."""
        head = Head(*row[: len(HEAD_COLUMNS)])
        was, before = head.due_on, leaving(head)
        head.due_on, head.is_provisional = due.due_on, due.is_provisional
        if head.escalates_after is not None:
            head.escalates_after = due.due_on
        if due.due_on != was:
            head.remind_on = next_reminder(calendar, due.due_on, after=self.today - ONE_DAY)
        ledger.move_stay(head, due)
        told = {"due_on": due.due_on, "provisional": due.is_provisional, "reference": self.reference}
        step = ledger.step(head, StepKind.DUE_DATE_CHANGED, actor=SCHEDULER, details=before | told)
        if due.due_on != was:
            reach = Reach(name=row.name, email=row.email, mobile=row.mobile) if row.name is not None else None
            ledger.to_complainant(head, step, "due_date_changed", reach, row.language)
            ledger.to_people(head, step, "due_date_changed_officer", people.on_post(head.post_id))
        return head


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
