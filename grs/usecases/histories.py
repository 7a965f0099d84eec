"""Proving the history: every step's hash recomputed, and the chain's end compared with the complaint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
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
    while True:
        query = select(Complaint).where(Complaint.id > last_id).order_by(Complaint.id).limit(BATCH)
        if tracking_number is not None:
            query = query.where(Complaint.tracking_number == read_digits(tracking_number))
        complaints = session.scalars(query).all()
        if not complaints:
            if tracking_number is not None and result.complaints == 0:
                raise NotFound("complaint", tracking_number)
            return result
        last_id = complaints[-1].id
        _verify(session, complaints, result)
        session.expunge_all()


def _verify(session: Session, complaints: Sequence[Complaint], result: Verification) -> None:
    by_id: dict[int, list[Step]] = {complaint.id: [] for complaint in complaints}
    rows = session.scalars(select(Step).where(Step.complaint_id.in_(by_id)).order_by(Step.complaint_id, Step.sequence))
    for step in rows:
        by_id[step.complaint_id].append(step)
        result.steps += 1
    for complaint in complaints:
        result.complaints += 1
        steps = by_id[complaint.id]
        bad = first_broken(
            ((_facts_of(complaint.tracking_number, step), step.previous_hash, step.hash) for step in steps),
        )
        if bad is not None:
            result.broken.append((complaint.tracking_number, f"step {bad} does not follow from what is before it"))
        elif (len(steps), steps[-1].hash if steps else "") != (complaint.step_count, complaint.head_hash):
            missing = min(len(steps), complaint.step_count) + 1
            result.broken.append((complaint.tracking_number, f"step {missing}: the chain's end is not the complaint's"))


def _facts_of(tracking_number: str, step: Step) -> StepFacts:
    return StepFacts(
        tracking_number=tracking_number,
        sequence=step.sequence,
        kind=step.kind,
        happened_at=step.happened_at,
        actor=step.actor,
        details=step.details,
    )
