"""Who must act is reminded, each time once: officers of due dates, complainants of the end of the appeal window."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.complaints import Complaint
from grs.domain.appeals import next_appeal_reminder
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import is_overdue, next_reminder, working_days_left
from grs.domain.workflow import Stage
from grs.usecases.appeals import appeal_deadline
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import Ledger
from grs.usecases.recipients import Recipients

BATCH = 200


def remind_people(
    writers: sessionmaker[Session], *, shelf: CalendarShelf, now: datetime, dry_run: bool = False
) -> Counter[str]:
    """Queue the reminders that are due: to officers 5 and 1 working days before the due date, to
    complainants 7 and 1 days before their last day to appeal.

    After an outage the officer gets one letter that says how many days are left, not one for each
    reminder that was missed. Once it is overdue it moves up by itself; at the last tier, where there is
    nowhere to go, the officer is told that its time is over.
    """
    counts: Counter[str] = Counter(reminded=0, appeal_reminded=0, overdue_told=0)
    today = dhaka_date(now)
    query = (
        select(Complaint)
        .options(joinedload(Complaint.office))
        .where(Complaint.remind_on <= today)
        .order_by(Complaint.remind_on, Complaint.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Complaint, key_share=True)
    )
    if dry_run:
        with writers() as session:
            due = select(Complaint.id).where(Complaint.remind_on <= today)
            counts["reminded"] = len(session.execute(due).all())
        return counts
    while True:
        with writers.begin() as session:
            complaints = session.scalars(query).all()
            ledger, people = Ledger(now), Recipients(session, today)
            people.load(posts=[complaint.post_id for complaint in complaints])
            calendars = shelf.for_offices(session, {complaint.office for complaint in complaints})
            for complaint in complaints:
                if complaint.stage is Stage.DISPOSED:
                    counts["appeal_reminded"] += _remind_of_appeal(session, ledger, complaint, shelf, today)
                    continue
                calendar = calendars[complaint.office_id]
                reminder_of = complaint.remind_on
                complaint.remind_on = next_reminder(calendar, complaint.due_on, after=today)
                if is_overdue(complaint.due_on, today):
                    complaint.remind_on = None
                    if complaint.escalates_after is None:
                        _tell_overdue(ledger, people, complaint)
                        counts["overdue_told"] += 1
                    continue
                days = working_days_left(calendar, complaint.due_on, today)
                for person in people.on_post(complaint.post_id):
                    cause = f"{complaint.id}/{complaint.assignment_sequence}/{complaint.due_on}/{reminder_of}"
                    ledger.note(
                        f"remind/{cause}/{person.person_id}",
                        "reminder",
                        person,
                        {"due_on": complaint.due_on, "days_left": days},
                        complaint_id=complaint.id,
                    )
                    counts["reminded"] += 1
            ledger.write(session, skip_known=True)
        if len(complaints) < BATCH:
            return counts


def _tell_overdue(ledger: Ledger, people: Recipients, complaint: Complaint) -> None:
    for person in people.on_post(complaint.post_id):
        key = f"overdue/{complaint.id}/{complaint.assignment_sequence}/{complaint.due_on}/{person.person_id}"
        ledger.note(key, "overdue", person, {"due_on": complaint.due_on}, complaint_id=complaint.id)


def _remind_of_appeal(session: Session, ledger: Ledger, complaint: Complaint, shelf: CalendarShelf, today: date) -> int:
    """One complainant, while the window is open; the last day is counted anew, as the page shows it."""
    reminder_of = complaint.remind_on
    last_day = appeal_deadline(session, complaint, shelf=shelf, today=today)
    assert last_day is not None  # it is disposed of
    first = next_appeal_reminder(last_day)
    if first is not None and first > today:
        complaint.remind_on = first  # the result was sent later than it was decided
        return 0
    complaint.remind_on = next_appeal_reminder(last_day, after=today)
    if today > last_day or complaint.complainant is None:
        return 0
    facts = {"appeal_until": last_day, "days_left": (last_day - today).days}
    key = f"appeal-window/{complaint.id}/{complaint.assignment_sequence}/{reminder_of}"
    ledger.note_complainant(key, "appeal_window", complaint, facts)
    return 1
