"""Every job records its run: when it started and ended, what it counted, why it failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.job_runs import JobRun
from grs.logs import told_safely

log = logging.getLogger(__name__)


class Stopped(Exception):
    """A job was asked to end between two batches; what it has not done the next round finds."""


def record_run(
    writers: sessionmaker[Session],
    job: str,
    work: Callable[[], Mapping[str, int]],
    *,
    clock: Callable[[], datetime],
) -> Mapping[str, int]:
    """Do a job's work and write down how it went; an error is recorded and raised again."""
    with writers.begin() as session:
        run = JobRun(job=job, started_at=clock())
        session.add(run)
        session.flush()
        run_id = run.id
    counts: Mapping[str, int] | None = None
    error: str | None = None
    try:
        counts = work()
        return counts
    except Stopped:
        counts = {}
        return counts
    except BaseException as failure:
        error = told_safely(failure)
        raise
    finally:
        with writers.begin() as session:
            session.execute(
                update(JobRun)
                .where(JobRun.id == run_id)
                .values(ended_at=clock(), counts=dict(counts) if counts is not None else None, error=error)
            )
        did_something = error is not None or any((counts or {}).values())
        log.log(logging.INFO if did_something else logging.DEBUG, "job %s: %s", job, error or dict(counts or {}))


# -- health ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobHealth:
    """A job as its runs tell: the last one, the last that succeeded, how many failed lately, and whether it is late."""

    job: str
    last: JobRun | None
    succeeded_at: datetime | None
    failures: int
    is_late: bool


LATELY = timedelta(days=1)


def job_health(session: Session, longest_between: Mapping[str, timedelta], *, now: datetime) -> list[JobHealth]:
    """How each job stands. ``longest_between`` says after how long without a success one is late."""
    asked: list[ScalarSelect[Any]] = []
    for job in longest_between:
        of_job = JobRun.job == job
        last_run = select(JobRun.id).where(of_job).order_by(JobRun.started_at.desc(), JobRun.id.desc()).limit(1)
        succeeded = select(func.max(JobRun.started_at)).where(
            of_job, JobRun.ended_at.is_not(None), JobRun.error.is_(None)
        )
        failed = select(func.count()).where(of_job, JobRun.error.is_not(None), JobRun.started_at >= now - LATELY)
        asked += [one.scalar_subquery() for one in (last_run, succeeded, failed)]
    answers = list(zip(*[iter(session.execute(select(*asked)).one())] * 3, strict=True))
    last = {run.id: run for run in session.scalars(select(JobRun).where(JobRun.id.in_([one[0] for one in answers])))}
    return [
        JobHealth(job, last.get(run_id), at, failures, at is None or now - at > longest)
        for (job, longest), (run_id, at, failures) in zip(longest_between.items(), answers, strict=True)
    ]


def runs_of(session: Session, job: str, *, limit: int = 50) -> Sequence[JobRun]:
    """The latest runs of a job."""
    return session.scalars(select(JobRun).where(JobRun.job == job).order_by(JobRun.id.desc()).limit(limit)).all()


LONGEST_BETWEEN = {
    "escalate": timedelta(minutes=15),
    "deliver": timedelta(minutes=5),
    "call": timedelta(minutes=10),
    "receive": timedelta(minutes=10),
    "lapse": timedelta(minutes=15),
    "recalculate": timedelta(minutes=5),
    "remind": timedelta(hours=16),
    "digest": timedelta(hours=26),
    "freeze": timedelta(hours=26),
    "count": timedelta(minutes=45),
    "seal": timedelta(hours=26),
    "forget": timedelta(hours=26),
    "anonymise": timedelta(hours=26),
    "shelve": timedelta(minutes=30),
    "watch": timedelta(minutes=45),
}
"""By job, after how long without a success it is late: some rounds of its timetable."""
