"""Proving the history: every step's hash recomputed, and the chain's end compared with the complaint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import String, select, type_coerce
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint, Step
from grs.domain.errors import NotFound
from grs.domain.history import StepFacts, first_broken
from grs.domain.tracking import read_digits

BATCH = 1000


@dataclass(slots=True)
class Verification:
    """What was checked, and each complaint whose history does not hold, with why."""

    complaints: int = 0
    steps: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


def verify_histories(session: Session, tracking_number: str | None = None) -> Verification:
    """Check the hash chain of one complaint or of all; raises NotFound for a number that is not there."""
    result, last_id = Verification(), 0
    heads = select(Complaint.id, Complaint.tracking_number, Complaint.step_count, Complaint.head_hash)
    while True:
        query = heads.where(Complaint.id > last_id).order_by(Complaint.id).limit(BATCH)
        if tracking_number is not None:
            query = query.where(Complaint.tracking_number == read_digits(tracking_number))
        complaints = session.execute(query).all()
        if not complaints:
            if tracking_number is not None and result.complaints == 0:
                raise NotFound("complaint", tracking_number)
            return result
        last_id = complaints[-1].id
        _verify(session, complaints, result)


# Kinds as text: a word that is none of ours is a broken step and not a failure to read.
# Of the table, not of the class: a third faster to load, and there are millions.
_STEPS = Step.__table__.c
_COLUMNS = (
    _STEPS.complaint_id, _STEPS.sequence, type_coerce(_STEPS.kind, String), _STEPS.happened_at, _STEPS.actor,
    _STEPS.details, _STEPS.previous_hash, _STEPS.hash,
)  # fmt: skip


def _verify(session: Session, complaints: Sequence[Any], result: Verification) -> None:
    steps: dict[int, list[Any]] = {complaint.id: [] for complaint in complaints}
    query = select(*_COLUMNS).where(_STEPS.complaint_id.in_(steps)).order_by(_STEPS.complaint_id, _STEPS.sequence)
    try:
        for row in session.execute(query):
            steps[row[0]].append(row)
    except ValueError:  # an instant that is none
        if len(complaints) > 1:
            for complaint in complaints:
                _verify(session, [complaint], result)
            return
        result.complaints += 1
        result.broken.append((complaints[0].tracking_number, "a step cannot be read"))
        return
    for complaint in complaints:
        own = steps[complaint.id]
        result.complaints += 1
        result.steps += len(own)
        problem = _problem_of(complaint, own)
        if problem:
            result.broken.append((complaint.tracking_number, problem))


def _problem_of(complaint: Any, steps: Sequence[Any]) -> str | None:
    number = complaint.tracking_number
    bad = first_broken(
        (StepFacts(number, sequence, kind, happened_at, actor, details), previous, own)
        for _, sequence, kind, happened_at, actor, details, previous, own in steps
    )
    if bad is not None:
        return f"step {bad} does not follow from what is before it"
    if (len(steps), steps[-1].hash if steps else "") != (complaint.step_count, complaint.head_hash):
        return f"step {min(len(steps), complaint.step_count) + 1}: the chain's end is not the complaint's"
    return None
