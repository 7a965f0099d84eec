"""After the set time the personal data of closed complaints go; the history stays whole and says so."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.complaints import Complainant, Complaint, ComplaintText, Step
from grs.db.drafts import Attachment, AttachmentContent, Draft
from grs.db.messages import Message, MessageState
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import add_months
from grs.domain.history import canonical
from grs.domain.rule_values import RuleName
from grs.domain.workflow import Stage, StepKind
from grs.usecases.ledger import SCHEDULER, Ledger
from grs.usecases.lodging import searched_text
from grs.usecases.rule_values import rules_on

BATCH = 100
ERASED = "erased"
PERSONAL = ("text", "grounds", "reason", "reasons", "place", "file_names", "names", "advice", "title")
"""What steps say in somebody's own words: it may name anybody."""


def anonymise_closed(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """Take the personal data out of complaints that were disposed of before the set time; a batch a transaction.

    Gone are who complained, what was written, files and letters' addresses. Figures, dates, decisions' outcomes and
    root causes stay. Each step keeps its hash; a last step says what was erased and vouches for what is left.
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
    session.execute(delete(AttachmentContent).where(AttachmentContent.attachment_id.in_(files)))
    session.execute(delete(Attachment).where(Attachment.complaint_id == complaint.id))
    session.execute(delete(Draft).where(Draft.complaint_id == complaint.id))
    session.execute(
        update(Message)
        .where(Message.complaint_id == complaint.id, Message.state.not_in((MessageState.QUEUED, MessageState.HELD)))
        .values(to_name="", to_address="", facts=None, last_error=None)
    )
    erased = _erase_texts(session, complaint)
    ledger = Ledger(now)
    ledger.step(complaint, StepKind.ANONYMISED, actor=SCHEDULER, details={ERASED: erased})
    ledger.write(session)


def _erase_texts(session: Session, complaint: Complaint) -> dict[str, str]:
    """Blank what was written in steps; by sequence, the hash of what is left of each that had something."""
    erased = {}
    steps = session.scalars(select(Step).where(Step.complaint_id == complaint.id).order_by(Step.sequence)).all()
    for step in steps:
        details = json.loads(step.details)
        if any(details.get(name) for name in PERSONAL):
            step.details = canonical({name: value for name, value in details.items() if name not in PERSONAL})
            erased[str(step.sequence)] = rest_hash(step.details)
    return erased


def rest_hash(details: str) -> str:
    """The hash that vouches for what is left of a step."""
    return hashlib.sha256(details.encode()).hexdigest()


def erased_steps(steps: Sequence[Any]) -> Mapping[int, str]:
    """By sequence, what later steps vouch for of those whose texts were erased."""
    found: dict[int, str] = {}
    for step in steps:
        if step.kind == StepKind.ANONYMISED:
            found |= {int(number): rest for number, rest in json.loads(step.details)[ERASED].items()}
    return found
