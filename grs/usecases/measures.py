"""The state of the installation in numbers, for alarms and graphs: what is open and late, what waits, what runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint, is_open
from grs.db.messages import Message, MessageState
from grs.db.seals import Seal
from grs.domain.calendar import dhaka_date
from grs.usecases.bundles import leave_at_once
from grs.usecases.job_runs import LONGEST_BETWEEN, job_health
from grs.usecases.outbox import outbox_counts


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or one for each value of its labels."""

    name: str
    meaning: str
    labels: Sequence[str]
    samples: Sequence[tuple[Sequence[str], float]]


def measured(session: Session, *, now: datetime) -> list[Measure]:
    """Every measure at an instant. No name, no address and no office stands in a label."""
    # Both from the index of open complaints alone.
    still_open = select(func.count()).select_from(Complaint).where(is_open())
    late = still_open.where(Complaint.due_on < dhaka_date(now))
    outbox = outbox_counts(session)
    jobs = job_health(session, LONGEST_BETWEEN, now=now)
    oldest = session.scalar(select(func.min(Message.queued_at)).where(*leave_at_once(), Message.next_try_at <= now))
    sealed_at = session.scalar(select(func.max(Seal.made_at)))
    states = (MessageState.QUEUED, MessageState.DEAD, MessageState.HELD)
    ran = [([one.job], (now - one.succeeded_at).total_seconds()) for one in jobs if one.succeeded_at is not None]
    return [
        Measure("complaints_open", "Complaints that are not disposed of", [], [([], session.scalar(still_open) or 0)]),
        Measure("complaints_overdue", "Open complaints whose due date is over", [], [([], session.scalar(late) or 0)]),
        Measure("letters", "Letters that have not left", ["state"], [([s], outbox.by_state[s]) for s in states]),
        Measure("letters_failing", "Waiting letters that have failed at least once", [], [([], outbox.failing)]),
        Measure(
            "oldest_letter_seconds", "How long the oldest letter has waited past its time", [],
            [([], (now - oldest).total_seconds() if oldest is not None else 0)],
        ),
        Measure("job_age_seconds", "Since a job last began and succeeded", ["job_name"], ran),
        Measure("job_late", "1: no success for some rounds", ["job_name"], [([one.job], one.is_late) for one in jobs]),
        Measure("job_failures", "Failed runs of a day", ["job_name"], [([one.job], one.failures) for one in jobs]),
        Measure(
            "seal_age_seconds", "Since the histories were last sealed", [],
            [([], (now - sealed_at).total_seconds())] if sealed_at is not None else [],
        ),
    ]  # fmt: skip
