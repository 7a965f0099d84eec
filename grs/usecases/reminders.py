"""Officers are reminded before a due date passes, each time once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.complaints import Complaint
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import is_overdue, next_reminder, working_days_left
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import Ledger
from grs.usecases.recipients import Recipients

BATCH = 200


def remind_officers(
    writers: sessionmaker[Session], *, shelf: CalendarShelf, now: datetime, dry_run: bool = False
) -> Counter[str]:
    """Queue the reminders that are due, 5 and 1 working days before the due date.

    After an outage the officer gets one letter that says how many days are left, not one for each
    reminder that was missed; none once the complaint is overdue.
    """
    counts: Counter[str] = Counter(reminded=0)
    today = dhaka_date(now)
    query = (
        select(Complaint)
        .options(joinedload(Complaint.office))
        .where(Complaint.remind_on <= today)
        .order_by(Complaint.remind_on, Complaint.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Complaint)
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
            for complaint in complaints:
                calendar = shelf.for_office(session, complaint.office)
                reminder_of = complaint.remind_on
                complaint.remind_on = next_reminder(calendar, complaint.due_on, after=today)
                if is_overdue(complaint.due_on, today):
                    complaint.remind_on = None
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
