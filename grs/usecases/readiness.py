"""What works and what does not, in one word a part: for load balancers and whoever watches."""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from grs.db.engine import waiting_for_standby
from grs.db.job_runs import JobRun
from grs.db.messages import Message
from grs.logs import told_safely
from grs.usecases.bundles import leave_at_once
from grs.usecases.job_runs import LONGEST_BETWEEN

log = logging.getLogger(__name__)

WATCHED_JOBS = ("escalate", "deliver", "recalculate")
LETTERS_WAIT = timedelta(hours=1)
LEAST_ROOM = 64 * 1024 * 1024
"""Bytes of free disk beside a SQLite database under which it may soon take nothing more."""


class Part(StrEnum):
    """What the product stands on."""

    DATABASE = "database"
    STANDBY = "standby"
    DISK = "disk"
    WORKER = "worker"
    LETTERS = "letters"
    LIMITS = "limits"


NEEDED = frozenset({Part.DATABASE, Part.STANDBY, Part.DISK})
"""Without these no complaint is taken; without the others it is, and the rest is caught up."""


def readiness(engine: Engine, *, now: datetime) -> dict[Part, str]:
    """By part ``ok`` or what is wrong with it, in one word; never a host, a path or a text."""
    found = dict.fromkeys((Part.DATABASE, Part.STANDBY, Part.DISK, Part.WORKER, Part.LETTERS), "ok")
    if _room(engine) < LEAST_ROOM:
        found[Part.DISK] = "full"
    try:
        with engine.connect() as connection:
            if waiting_for_standby(connection):
                found[Part.STANDBY] = "away"
            for job in WATCHED_JOBS:
                last = connection.scalar(
                    select(func.max(JobRun.started_at)).where(JobRun.job == job, JobRun.error.is_(None))
                )
                if last is None or now - last > LONGEST_BETWEEN[job]:
                    found[Part.WORKER] = "late"
            oldest = connection.scalar(select(func.min(Message.queued_at)).where(*leave_at_once()))
            if oldest is not None and now - oldest > LETTERS_WAIT:
                found[Part.LETTERS] = "waiting"
    except SQLAlchemyError as error:
        log.error("not ready: %s", told_safely(error))
        found |= {Part.DATABASE: "away", Part.WORKER: "unknown", Part.LETTERS: "unknown", Part.STANDBY: "unknown"}
    return found


def _room(engine: Engine) -> int:
    """Bytes that the disk of a SQLite database has left; for others, which watch their own, more than enough."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        return LEAST_ROOM
    try:
        return shutil.disk_usage(Path(path).parent).free
    except OSError:
        return 0
