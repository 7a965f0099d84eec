"""The timetable: what runs when, and what happens after an outage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.engine import make_engine, readers
from grs.db.job_runs import JobRun
from grs.settings import ROOT
from tests.conftest import SECRET, Clock, Template
from workers import jobs
from workers.scheduler import TIMETABLE, make_scheduler

DHAKA = ZoneInfo("Asia/Dhaka")
MIDNIGHT = datetime(2025, 5, 21, 0, 0, 1, tzinfo=DHAKA)


@pytest.mark.parametrize(
    ("job", "first"),
    [
        ("escalate", datetime(2025, 5, 21, 0, 5, tzinfo=DHAKA)),
        ("deliver", datetime(2025, 5, 21, 0, 1, tzinfo=DHAKA)),
        ("digest", datetime(2025, 5, 21, 9, 0, tzinfo=DHAKA)),
    ],
)
def test_when_a_job_runs_next(job: str, first: datetime) -> None:
    assert TIMETABLE[job].get_next_fire_time(None, MIDNIGHT) == first


def test_every_job_is_on_the_timetable_and_catches_up_once(house: House, clock: Clock) -> None:
    scheduler = make_scheduler(house)
    planned = {job.id: job for job in scheduler.get_jobs()}
    assert planned.keys() == TIMETABLE.keys() == jobs.JOBS.keys()
    for job in planned.values():
        assert (job.coalesce, job.misfire_grace_time, job.max_instances) == (True, None, 1)
        assert job.next_run_time == clock.now, "at once, then by the timetable"


def test_a_failed_job_is_recorded_and_raised(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_house: House) -> jobs.Counts:
        raise RuntimeError("broken")

    monkeypatch.setitem(jobs.JOBS, "escalate", breaks)
    with pytest.raises(RuntimeError):
        jobs.run(house, "escalate")
    with house.readers() as session:
        run = session.scalars(select(JobRun)).one()
    assert (run.error, run.counts) == ("RuntimeError", None)
    assert run.ended_at is not None


@pytest.mark.xdist_group("processes")
def test_a_worker_starts_catches_up_and_stops_when_asked(sqlite_only: Template, tmp_path: object) -> None:
    environment = os.environ | {
        "GRS_DATABASE_URL": sqlite_only.url,
        "GRS_SECRET_KEY": SECRET,
        "GRS_MAIL_FOLDER": f"{tmp_path}/mail",
        "GRS_SMS_FOLDER": f"{tmp_path}/sms",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "workers"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        engine, deadline, done = make_engine(sqlite_only.url), time.monotonic() + 60, set()
        while {"escalate", "deliver", "watch"} - done and time.monotonic() < deadline:
            time.sleep(0.2)
            with readers(engine)() as session:
                done = set(session.scalars(select(JobRun.job).where(JobRun.ended_at.is_not(None))))
        engine.dispose()
        assert {"escalate", "deliver", "watch"} <= done
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate(timeout=20)
    finally:
        worker.kill()
    assert worker.returncode == 0, told
    assert "Traceback" not in told
