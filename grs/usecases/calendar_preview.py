"""What a calendar change would move, counted before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from grs.db.complaints import Assignment, AssistedFiling, Complaint
from grs.db.offices import Office
from grs.domain.calendar import CalendarRow, WorkingCalendar, dhaka_date
from grs.domain.deadlines import DueDate
from grs.domain.workflow import Action
from grs.usecases.calendars import CalendarImport, active_rows, import_calendar
from grs.usecases.recalculation import STAY, DueDates, open_stays

BATCH = 5_000
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Move:
    """A complaint whose due date would change."""

    tracking_number: str
    was: date
    becomes: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPreview:
    """What an import would do: to the calendar, to due dates, and which escalations it shows to be needless.

    ``counts`` has looked_at, moved, earlier, later, newly_overdue, no_longer_overdue and needless (escalations that
    the new calendar would not have made; they stay). ``moves`` and ``needless`` name the first of them.
    """

    changed: CalendarImport
    counts: Counter[str]
    moves: Sequence[Move]
    needless: Sequence[Move]


def preview_calendar_change(
    readers: sessionmaker[Session],
    writers: sessionmaker[Session],
    rows: Sequence[CalendarRow],
    *,
    now: datetime,
    cutoff: time | None = None,
    after_batch: Callable[[int], None] = lambda done: None,
) -> CalendarPreview:
    """Count what an import of these rows would move. Only the calendar is tried out, and taken back at once."""
    with writers() as session:
        before = active_rows(session)
        changed = import_calendar(session, rows, now=now)
        after = active_rows(session)
        session.rollback()
    counts: Counter[str] = Counter(
        looked_at=0, moved=0, earlier=0, later=0, newly_overdue=0, no_longer_overdue=0, needless=0
    )
    moves: list[Move] = []
    needless: list[Move] = []
    today = dhaka_date(now)
    with readers() as session:
        recount = _Recount(session, before, after, cutoff)
        last_id = 0
        while batch := session.execute(open_stays(last_id, BATCH)).all():
            last_id = batch[-1].id
            counts["looked_at"] += len(batch)
            moved: Counter[tuple[date, date]] = Counter()
            for row in batch:
                due = recount(row)
                if (due.due_on, due.received_on, due.is_provisional) == (
                    row.due_on,
                    row.received_on,
                    row.is_provisional,
                ):
                    continue
                moved[row.due_on, due.due_on] += 1
                if due.due_on != row.due_on and len(moves) < MOST_NAMED:
                    moves.append(Move(row.tracking_number, row.due_on, due.due_on))
            for (was, will_be), number in moved.items():
                counts["moved"] += number
                counts["earlier"] += number * (will_be < was)
                counts["later"] += number * (will_be > was)
                counts["newly_overdue"] += number * (will_be < today <= was)
                counts["no_longer_overdue"] += number * (was < today <= will_be)
            after_batch(counts["looked_at"])
        for row in session.execute(_escalated_stays(rows)) if rows else ():
            due = recount(row)
            if dhaka_date(row.ended_at) <= due.due_on and row.due_on < due.due_on:
                counts["needless"] += 1
                if len(needless) < MOST_NAMED:
                    needless.append(Move(row.tracking_number, row.due_on, due.due_on))
    return CalendarPreview(changed=changed, counts=counts, moves=moves, needless=needless)


class _Recount:
    """Due dates on the new calendar."""

    def __init__(
        self,
        session: Session,
        before: Sequence[CalendarRow],
        after: Sequence[CalendarRow],
        cutoff: time | None,
    ) -> None:
        local = {row.scope for row in (*before, *after)}
        self._scopes = {
            office.id: frozenset(set(office.calendar_scopes) & local) for office in session.scalars(select(Office))
        }
        self._after, self._due_dates = list(after), DueDates(cutoff)
        self._calendars: dict[frozenset[str], WorkingCalendar] = {}

    def __call__(self, row: Any) -> DueDate:
        scopes = self._scopes[row.office_id]
        if scopes not in self._calendars:
            self._calendars[scopes] = WorkingCalendar(self._after, scopes=scopes)
        return self._due_dates.of(row, self._calendars[scopes])


def _escalated_stays(rows: Sequence[CalendarRow]) -> Any:
    """Stays that ended by escalation and had one of the changed days among those that counted."""
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    return (
        select(Complaint.id, Complaint.tracking_number, *STAY, Assignment.ended_at)
        .select_from(Assignment)
        .join(Complaint, Complaint.id == Assignment.complaint_id)
        .outerjoin(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(Assignment.ended_by == Action.ESCALATE, Assignment.received_on <= last, Assignment.due_on >= first)
        .order_by(Complaint.id)
    )
