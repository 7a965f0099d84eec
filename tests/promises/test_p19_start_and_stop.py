"""P19. Starting waits for what is missing and says so; stopping ends what runs and takes nothing new."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from grs.bootstrap import House, NotReady, open_house, wait_until_ready
from grs.db.complaints import Complaint
from grs.db.engine import WRITES
from grs.db.job_runs import JobRun
from grs.domain.calendar import dhaka_date
from grs.settings import ROOT
from tests.conftest import Clock, Template, browser, make_settings
from tests.performance.seeding import seed_complaints
from tests.promises.bench import (
    environment,
    long_only,
    running_site,
    running_worker,
    started,
    tallied,
    within,
)
from tests.promises.citizens import Filed, Phone, fill_in_over_http, send
from tests.promises.servers import Server, running_pair
from tests.promises.test_p01_each_step_exactly_once import waiting
from tests.stories import assert_all_holds
from workers import jobs

STOPS_WITHIN = 20


def stop_worker_at_work(house: House, url: str, folder: Path, how: signal.Signals) -> float:
    """Stop a worker in the midst of many overdue complaints; the seconds that it took."""
    today = dhaka_date(datetime.now(UTC))
    before = waiting(house, today)
    with running_worker(url, folder) as worker:
        assert within(60, lambda: waiting(house, today) < before, every=0.02)
        worker.send_signal(how)
        began = time.monotonic()
        assert worker.wait(STOPS_WITHIN + 10) == (0 if how == signal.SIGTERM else -how)
        return time.monotonic() - began


def unended_runs(house: House) -> int:
    with house.readers() as session:
        return len(session.scalars(select(JobRun).where(JobRun.ended_at.is_(None))).all())


@long_only
@pytest.mark.xdist_group("processes")
def test_control_a_worker_that_drops_its_batch_is_seen(database: Template, tmp_path: Path) -> None:
    house = open_house(make_settings(database.url, tmp_path))
    seed_complaints(house, 5_000, due_on=dhaka_date(datetime.now(UTC)) - timedelta(days=1))
    stop_worker_at_work(house, database.url, tmp_path, signal.SIGKILL)
    assert unended_runs(house) > 0
    house.close()


@long_only
@pytest.mark.xdist_group("processes")
def test_a_worker_told_to_stop_ends_its_batch_and_the_next_one_goes_on(database: Template, tmp_path: Path) -> None:
    house = open_house(make_settings(database.url, tmp_path))
    today = dhaka_date(datetime.now(UTC))
    cases = 20_000
    seed_complaints(house, cases, due_on=today - timedelta(days=1))
    with tallied(f"P19 worker, {house.engine.dialect.name}") as tally:
        took = stop_worker_at_work(house, database.url, tmp_path, signal.SIGTERM)
        left = waiting(house, today)
        assert unended_runs(house) == 0, "each job that had begun has written down how it ended"
        assert took < STOPS_WITHIN
        assert "Traceback" not in (tmp_path / "worker.log").read_text()
        jobs.run(house, "escalate")
        tally.rounds, tally.faults, tally.lost = cases, 1, waiting(house, today)
        tally.more = {"left_at_stop": left, "stopped_in": round(took, 2)}
        assert_all_holds(house)
    house.close()


@contextmanager
def nothing_can_be_written(house: House) -> Iterator[None]:
    """While somebody holds what every complaint needs, so that those who send one wait."""
    with house.engine.execution_options(**{WRITES: True}).begin() as connection:
        if house.engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE complaint IN EXCLUSIVE MODE"))
        yield


def stopped_in_the_midst(house: House, url: str, folder: Path, how: signal.Signals) -> tuple[list[Filed], float]:
    """What six people are answered whose forms are being taken when the server is stopped, and how long that took."""
    answers: list[Filed] = []
    with running_site(url, folder, threads=8) as site:
        forms = [(phone := Phone(site.url), fill_in_over_http(phone)) for _ in range(6)]
        threads = [
            threading.Thread(target=lambda p=phone, a=address: answers.append(send(p, a))) for phone, address in forms
        ]
        with nothing_can_be_written(house):
            for thread in threads:
                thread.start()
            time.sleep(1)
            began = time.monotonic()
            os.killpg(site.process.pid, how) if how == signal.SIGKILL else site.process.send_signal(how)
            time.sleep(2)
        for thread in threads:
            thread.join(30)
        site.process.wait(STOPS_WITHIN)
        return answers, time.monotonic() - began


@long_only
@pytest.mark.xdist_group("processes")
def test_a_web_server_told_to_stop_answers_what_it_has_begun(database: Template, tmp_path: Path) -> None:
    house = open_house(make_settings(database.url, tmp_path))
    with tallied(f"P19 web, {house.engine.dialect.name}") as tally:
        answers, took = stopped_in_the_midst(house, database.url, tmp_path, signal.SIGTERM)
        with house.readers() as session:
            there = set(session.scalars(select(Complaint.tracking_number)))
        assert [one.answer for one in answers] == ["yes"] * 6
        assert took < STOPS_WITHIN
        tally.rounds, tally.faults, tally.more = len(answers), 1, {"stopped_in": round(took, 2)}
        tally.lost = sum(one.number not in there for one in answers)
        assert_all_holds(house)
    house.close()


@long_only
@pytest.mark.xdist_group("processes")
def test_control_a_web_server_that_drops_what_it_has_begun_is_seen(database: Template, tmp_path: Path) -> None:
    house = open_house(make_settings(database.url, tmp_path))
    answers, _ = stopped_in_the_midst(house, database.url, tmp_path, signal.SIGKILL)
    assert [one.answer for one in answers] == ["unknown"] * 6
    house.close()


@long_only
@pytest.mark.xdist_group("p02")
def test_a_start_without_the_database_waits_and_says_so(tmp_path: Path) -> None:
    with running_pair() as pair:
        server: Server = pair.primary
        server.do("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        url = f"postgresql://grs@127.0.0.1:{server.port}/grs"
        settings = environment(url, tmp_path)
        subprocess.run([sys.executable, "-m", "grs", "setup"], cwd=ROOT, env=settings, check=True, capture_output=True)
        server.stop()
        log = tmp_path / "start.log"
        with tallied("P19 start") as tally, started([sys.executable, "-m", "workers"], settings, log) as worker:
            assert within(30, lambda: "waiting for it" in log.read_text())
            time.sleep(3)
            assert worker.poll() is None, "it waits"
            server.start()
            assert within(30, lambda: "worker ready" in log.read_text())
            tally.rounds = tally.faults = 1


def test_a_database_of_a_later_release_is_refused(house: House) -> None:
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotReady, match="newer than this release"):
        wait_until_ready(house)
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    with pytest.raises(NotReady, match="grs db upgrade"):
        wait_until_ready(house)


def test_a_wrong_setting_is_refused_by_its_name(tmp_path: Path) -> None:
    settings = environment("sqlite:////nowhere/x.db", tmp_path, GRS_SMTP_PORT="many")
    done = subprocess.run([sys.executable, "-m", "workers"], cwd=ROOT, env=settings, capture_output=True, text=True)
    assert done.returncode == 2
    assert "GRS_SMTP_PORT" in done.stderr


def test_health_is_red_when_the_workers_last_round_is_old(house: House, clock: Clock) -> None:
    client = browser(house)
    assert client.get("/readyz").get_json()["worker"] == "late", "it never ran"
    for job in ("escalate", "deliver", "recalculate"):
        jobs.run(house, job)
    fresh = client.get("/readyz")
    assert (fresh.status_code, fresh.get_json()["worker"]) == (200, "ok")
    clock.forward(minutes=16)
    late = client.get("/readyz")
    assert (late.status_code, late.get_json()["worker"]) == (200, "late"), "complaints are still taken"
    assert late.get_json()["ready"] is True


def test_a_failed_run_does_not_count_as_a_round(house: House, clock: Clock) -> None:
    with house.writers.begin() as session:
        for job in ("escalate", "deliver", "recalculate"):
            session.add(JobRun(job=job, started_at=clock.now, ended_at=clock.now, error="RuntimeError"))
    assert browser(house).get("/readyz").get_json()["worker"] == "late"
    with house.readers() as session:
        assert len(session.scalars(select(JobRun)).all()) == 3
