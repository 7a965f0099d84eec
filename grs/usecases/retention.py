"""After the set time the personal data of closed complaints go; the history stays whole and says so."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.complaints import Complainant, Complaint, ComplaintText, Step
from grs.db.desks import ComplaintTag, HabitualMark
from grs.db.drafts import Attachment, AttachmentContent, Draft, FileToDelete
from grs.db.messages import Message, MessageState, Posting
from grs.db.tasks import Task
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import add_months
from grs.domain.history import without_words
from grs.domain.rule_values import RuleName
from grs.domain.workflow import Stage, StepKind
from grs.usecases.ledger import SCHEDULER, Ledger
from grs.usecases.lodging import searched_text
from grs.usecases.rule_values import rules_on
from grs.usecases.shelving import path_of

BATCH = 100


def anonymise_closed(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """Take the personal data out of complaints that were disposed of before the set time; a batch a transaction.

    Gone are who complained, what was written, files and letters' addresses. Figures, dates, decisions' outcomes and
    root causes stay. The words of a step were hashed under a salt that goes with them: each hash still comes out.
    """
    counts: Counter[str] = Counter(anonymised=0)
    today = dhaka_date(now)
    while True:
        with writers.begin() as session:
            before = add_months(today, -rules_on(session, today).limit(RuleName.RETENTION).amount)
            found = session.scalars(_over(before).limit(BATCH).with_for_update(skip_locked=True)).all()
            if dry_run:
                counts["anonymised"] = len(session.execute(_over(before)).all())
                return counts
            for complaint in found:
                _anonymise(session, complaint, now)
            counts["anonymised"] += len(found)
        if len(found) < BATCH:
            return counts


def _over(before: date) -> Any:
    return (
        select(Complaint)
        .where(Complaint.stage == Stage.DISPOSED, Complaint.disposed_on < before, Complaint.anonymised_at.is_(None))
        .order_by(Complaint.disposed_on, Complaint.id)
    )


def _anonymise(session: Session, complaint: Complaint, now: datetime) -> None:
    complaint.subject = complaint.description = complaint.remedy = complaint.service_reference = ""
    complaint.anonymised_at = now
    who = session.get(Complainant, complaint.id)
    if who is not None:
        for name in ("name", "identity_number", "present_address", "permanent_address", "mobile", "email",
                     "on_behalf_of", "relation"):  # fmt: skip
            setattr(who, name, "")
    session.execute(
        update(ComplaintText)
        .where(ComplaintText.complaint_id == complaint.id)
        .values(search_text=searched_text(complaint))
    )
    files = select(Attachment.id).where(Attachment.complaint_id == complaint.id)
    for file in session.scalars(select(Attachment).where(Attachment.complaint_id == complaint.id)):
        # Also where it is not known to lie in the store: a worker may have been killed between the two.
        session.merge(FileToDelete(path=path_of(file.id, file.sha256), since=now))
    session.execute(delete(AttachmentContent).where(AttachmentContent.attachment_id.in_(files)))
    session.execute(delete(Attachment).where(Attachment.complaint_id == complaint.id))
    session.execute(delete(Draft).where(Draft.complaint_id == complaint.id))
    letters = Message.complaint_id == complaint.id
    waiting = Message.state.in_((MessageState.QUEUED, MessageState.HELD, MessageState.TO_POST))
    session.execute(update(Message).where(letters, waiting).values(state=MessageState.DEAD))
    session.execute(update(Message).where(letters).values(to_name="", to_address="", facts=None, last_error=None))
    session.execute(delete(Posting).where(Posting.message_id.in_(select(Message.id).where(letters))))
    session.execute(delete(ComplaintTag).where(ComplaintTag.complaint_id == complaint.id))
    mark = HabitualMark.complaint_id == complaint.id
    session.execute(update(HabitualMark).where(mark).values(proposal="", reasons=None))
    session.execute(update(Task).where(Task.complaint_id == complaint.id).values(place=None))
    erased = []
    for step in session.scalars(select(Step).where(Step.complaint_id == complaint.id).order_by(Step.sequence)):
        left = without_words(step.details)
        if left is not None:
            step.details = left
            erased.append(step.sequence)
    ledger = Ledger(now)
    ledger.step(complaint, StepKind.ANONYMISED, actor=SCHEDULER, details={"steps": erased})
    ledger.write(session)
