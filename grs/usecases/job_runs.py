"""Every job records its run: when it started and ended, what it counted, why it failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.job_runs import JobRun

log = logging.getLogger(__name__)


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
    except BaseException as failure:
        error = f"{type(failure).__name__}: {failure}"[:2000]
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
