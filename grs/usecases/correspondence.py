"""What a complainant does after lodging: adds, withdraws, says what he thinks of the result."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint, Rating, Step
from grs.db.drafts import Attachment
from grs.db.queries.complaints import complaint_by_number
from grs.domain.attachments import MOST_FILES
from grs.domain.bangla import normalise_lines
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import Outcome
from grs.domain.errors import ActionNotAllowed, InvalidInput, NotFound
from grs.domain.history import SALT, canonical
from grs.domain.lodging import LONGEST, printable
from grs.domain.workflow import Action, Stage, StepKind, next_stage
from grs.uploads import CleanFile
from grs.usecases.drafts import Refused, keep_files
from grs.usecases.ledger import COMPLAINANT, Ledger, leaving
from grs.usecases.recipients import Recipients

SCORES = range(1, 6)
LONGEST_TEXT = LONGEST["remedy"]
MOST_FILES_OF_A_COMPLAINT = 5 * MOST_FILES
"""Files added later count apart from those of the form, but not without end."""


def add_information(
    session: Session, tracking_number: str, *, text: str, files: Collection[CleanFile], now: datetime
) -> Refused:
    """Add a message, cleaned files or both for the officer; returns the files that did not fit.

    The same message sent again adds nothing. Raises InvalidInput when there is nothing to add.
    """
    complaint, stage = _begin(session, tracking_number, Action.ADD)
    text = normalise_lines(printable(text))
    if len(text) > LONGEST_TEXT:
        raise InvalidInput({"text": "too_long"})
    if not text and not files:
        raise InvalidInput({"text": "required"})
    details: dict[str, object] = {"text": text, "files": [file.sha256 for file in files]}
    if _was_said_last(session, complaint, details):
        return []
    there = select(Attachment.sha256).where(Attachment.complaint_id == complaint.id)
    known = session.scalars(there).all()
    room = MOST_FILES_OF_A_COMPLAINT - len(known)
    kept, refused = keep_files(session, files, known=known, room=room, now=now)
    if not text and not kept:
        raise InvalidInput({"files": "too_many" if refused else "known_files"})
    ledger = Ledger(now)
    complaint.stage = stage
    step = ledger.step(complaint, StepKind.INFORMATION_ADDED, actor=COMPLAINANT, details=details)
    for file in kept:
        file.complaint_id, file.step_sequence = complaint.id, step
    people = Recipients(session, dhaka_date(now))
    ledger.to_people(complaint, step, "information_added", people.on_post(complaint.post_id))
    ledger.write(session)
    return refused


def _was_said_last(session: Session, complaint: Complaint, details: dict[str, object]) -> bool:
    """Whether the newest step is this very message: sent twice by a nervous thumb."""
    last = session.get_one(Step, (complaint.id, complaint.step_count))
    return last.kind is StepKind.INFORMATION_ADDED and _without_salt(last.details) == canonical(details)


def _without_salt(details: str) -> str:
    found = json.loads(details)
    found.pop(SALT, None)
    return canonical(found)


def withdraw(session: Session, tracking_number: str, *, reason: str, now: datetime) -> None:
    """End an open complaint because its complainant wishes it."""
    complaint, stage = _begin(session, tracking_number, Action.WITHDRAW)
    reason = normalise_lines(printable(reason))
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
    comment = normalise_lines(printable(comment))
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
