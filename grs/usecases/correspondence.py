"""What a complainant does after lodging: adds, withdraws, says what he thinks of the result."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint, Rating
from grs.db.drafts import Attachment
from grs.db.queries.complaints import complaint_by_number
from grs.domain.attachments import MOST_FILES
from grs.domain.bangla import normalise_lines
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import Outcome
from grs.domain.errors import ActionNotAllowed, InvalidInput, NotFound
from grs.domain.lodging import LONGEST
from grs.domain.workflow import Action, Stage, StepKind, next_stage
from grs.usecases.drafts import Upload, take_files
from grs.usecases.ledger import COMPLAINANT, Ledger, leaving
from grs.usecases.recipients import Recipients

SCORES = range(1, 6)
LONGEST_TEXT = LONGEST["remedy"]
MOST_FILES_OF_A_COMPLAINT = 5 * MOST_FILES
"""Files added later count apart from those of the form, but not without end."""


def add_information(
    session: Session, tracking_number: str, *, text: str, uploads: Iterable[Upload], now: datetime
) -> list[tuple[str, str]]:
    """Add a message, files or both for the officer; returns the files that were refused and why.

    Raises InvalidInput when nothing would be added: nothing is kept then.
    """
    complaint, stage = _begin(session, tracking_number, Action.ADD)
    text = normalise_lines(text)
    if len(text) > LONGEST_TEXT:
        raise InvalidInput({"text": "too_long"})
    there = select(func.count()).select_from(Attachment).where(Attachment.complaint_id == complaint.id)
    room = MOST_FILES_OF_A_COMPLAINT - (session.scalar(there) or 0)
    kept, refused = take_files(session, uploads, already=max(MOST_FILES - room, 0), now=now)
    if not text and not kept:
        raise InvalidInput({"files" if refused else "text": refused[0][1] if refused else "required"})
    ledger = Ledger(now)
    complaint.stage = stage
    step = ledger.step(
        complaint,
        StepKind.INFORMATION_ADDED,
        actor=COMPLAINANT,
        details={"text": text, "files": [file.sha256 for file in kept]},
    )
    for file in kept:
        file.complaint_id, file.step_sequence = complaint.id, step
    people = Recipients(session, dhaka_date(now))
    ledger.to_people(complaint, step, "information_added", people.on_post(complaint.post_id))
    ledger.write(session)
    return refused


def withdraw(session: Session, tracking_number: str, *, reason: str, now: datetime) -> None:
    """End an open complaint because its complainant wishes it."""
    complaint, stage = _begin(session, tracking_number, Action.WITHDRAW)
    reason = normalise_lines(reason)
    if len(reason) > LONGEST_TEXT:
        raise InvalidInput({"reason": "too_long"})
    ledger = Ledger(now)
    ledger.end_stay(complaint, Action.WITHDRAW)
    complaint.stage, complaint.outcome = stage, Outcome.WITHDRAWN
    complaint.disposed_at, complaint.disposed_on = now, dhaka_date(now)
    complaint.escalates_after = complaint.remind_on = None
    details = leaving(complaint) | {"reason": reason, "outcome": Outcome.WITHDRAWN}
    step = ledger.step(complaint, StepKind.WITHDRAWN, actor=COMPLAINANT, details=details)
    ledger.to_complainant(complaint, step, "withdrawn", complaint.complainant, complaint.language)
    people = Recipients(session, dhaka_date(now))
    ledger.to_people(complaint, step, "withdrawn_officer", people.on_post(complaint.post_id))
    ledger.write(session)


def rate(session: Session, tracking_number: str, *, score: int | None, comment: str, now: datetime) -> None:
    """Say what one thinks of how the present stay ended, once; the officers read it."""
    complaint, _ = _begin(session, tracking_number, Action.RATE)
    comment = normalise_lines(comment)
    if score not in SCORES:
        raise InvalidInput({"score": "choose_one"})
    if len(comment) > LONGEST_TEXT:
        raise InvalidInput({"comment": "too_long"})
    if not can_rate(session, complaint):
        raise ActionNotAllowed(Action.RATE, complaint.stage)
    session.add(
        Rating(complaint_id=complaint.id, assignment_sequence=complaint.assignment_sequence, score=score, rated_at=now)
    )
    ledger = Ledger(now)
    details = {"score": score, "comment": comment, "tier": int(complaint.tier)}
    ledger.step(complaint, StepKind.RATED, actor=COMPLAINANT, details=details)
    ledger.write(session)


def can_rate(session: Session, complaint: Complaint) -> bool:
    """Whether there is a decision by an officer that was not rated yet."""
    if complaint.stage is not Stage.DISPOSED or complaint.assignments[-1].ended_by is Action.WITHDRAW:
        return False
    return session.get(Rating, (complaint.id, complaint.assignment_sequence)) is None


def _begin(session: Session, tracking_number: str, action: Action) -> tuple[Complaint, Stage]:
    complaint = complaint_by_number(session, tracking_number, lock=True)
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    return complaint, next_stage(complaint.stage, action, tier=complaint.tier)
