"""Proving the history: every step's hash recomputed, and the chain's end compared with the complaint."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import String, func, select, type_coerce
from sqlalchemy.orm import Session, sessionmaker

from grs.db.complaints import Complaint, Step
from grs.db.engine import at_one_instant, make_engine
from grs.domain.errors import NotFound
from grs.domain.history import StepFacts, first_broken
from grs.domain.tracking import read_digits

BATCH = 1000
PART = 10_000
"""Complaints that one process checks as they stood at one instant: none of them gets a step half way."""


@dataclass(slots=True)
class Verification:
    """What was checked, and each complaint whose history does not hold, with why."""

    complaints: int = 0
    steps: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


def verify_histories(session: Session, tracking_number: str | None = None) -> Verification:
    """Check the hash chain of one complaint or of all; raises NotFound for a number that is not there."""
    if tracking_number is None:
        return _verify_between(session, 0, None)
    result = Verification()
    complaints = session.execute(_HEADS.where(Complaint.tracking_number == read_digits(tracking_number))).all()
    if not complaints:
        raise NotFound("complaint", tracking_number)
    _verify(session, complaints, result)
    return result


def verify_all(
    url: str, *, processes: int | None = None, progress: Callable[[int], None] = lambda complaints: None
) -> Verification:
    """Check every history of a database, by as many processes as there are processors, while others go on writing.

    ``progress`` is told how many complaints more are checked.
    """
    engine = make_engine(url)
    ours = sessionmaker(at_one_instant(engine))
    with ours() as session:
        last = session.scalar(select(func.max(Complaint.id))) or 0
    parts = [(start, start + PART) for start in range(0, last, PART)]
    count = min(processes or os.cpu_count() or 1, len(parts))
    result = Verification()
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        if count > 1:
            spawn = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(count, spawn, initializer=_begin, initargs=(url,)))
            checked = pool.map(_check, parts)  # one that is killed is told of, where a Pool would wait for ever
        else:
            checked = map(functools.partial(_check_part, ours), parts)
        for part in checked:
            result.complaints += part.complaints
            result.steps += part.steps
            result.broken += part.broken
            progress(part.complaints)
    return result


_theirs: sessionmaker[Session]


def _begin(url: str) -> None:
    global _theirs
    _theirs = sessionmaker(at_one_instant(make_engine(url)))


def _check(part: tuple[int, int]) -> Verification:
    return _check_part(_theirs, part)


def _check_part(sessions: sessionmaker[Session], part: tuple[int, int]) -> Verification:
    with sessions() as session:
        return _verify_between(session, *part)


_HEADS = select(Complaint.id, Complaint.tracking_number, Complaint.step_count, Complaint.head_hash)


def _verify_between(session: Session, after: int, through: int | None) -> Verification:
    """The complaints whose number lies between the two."""
    result = Verification()
    query = _HEADS if through is None else _HEADS.where(Complaint.id <= through)
    while complaints := session.execute(query.where(Complaint.id > after).order_by(Complaint.id).limit(BATCH)).all():
        after = complaints[-1].id
        _verify(session, complaints, result)
    return result


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
        for row in session.execute(query).all():
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
