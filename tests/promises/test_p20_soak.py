"""P20. Ten minutes of everything with faults: memory, handles, connections level off, and all holds at the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint
from grs.domain.calendar import dhaka_date
from tests.conftest import MailSink, Template, make_settings, new_postgres_database
from tests.performance.seeding import ACCESS_CODE, seed_complaints
from tests.promises.bench import Site, long_only, running_site, running_worker, seeded, status_of, tallied, within
from tests.promises.citizens import UNREACHABLE, Phone, filing
from tests.promises.proxies import line_to
from tests.stories import assert_all_holds

MINUTES = float(os.environ.get("GRS_SOAK_MINUTES", "10"))


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(one) for one in found]


def measure(site: Site, house: House) -> dict[str, int]:
    """Resident MiB, open files and connections of what serves."""
    pids = children_of(site.process.pid)
    memory = files = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            memory += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0) // 1024
            files += len(os.listdir(f"/proc/{pid}/fd"))
    with house.engine.connect() as connection:
        held = connection.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"))
    return {"mib": memory, "files": files, "connections": int(held or 0)}


def levels_off(measured: list[dict[str, int]]) -> dict[str, str]:
    """What grows: the most of the first and of the second half, by name; empty where all levels off."""
    half = len(measured) // 2
    grown = {}
    for name in measured[0]:
        early, late = most(measured[:half], name), most(measured[half:], name)
        if late > early * 1.4 + 20:
            grown[name] = f"{early}/{late}"
    return grown


def most(measured: list[dict[str, int]], name: str) -> int:
    return max(one[name] for one in measured)


pytestmark = [
    long_only,
    pytest.mark.xdist_group("p20"),
    # the ends of lines that were cut
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_ten_minutes_of_everything(
    postgres_template: Template, postgres_server: str, tmp_path: Path, sink: MailSink
) -> None:
    chance = seeded()
    url = new_postgres_database(postgres_server, f"soak_{tmp_path.name.lower()}"[:60], "template_grs")
    house = open_house(make_settings(url, tmp_path))
    today = dhaka_date(datetime.now(UTC))
    seed_complaints(house, 300, due_on=today - timedelta(days=1))
    with house.readers() as session:
        numbers = session.scalars(select(Complaint.tracking_number)).all()
    mail = {"GRS_SMTP_HOST": "127.0.0.1", "GRS_SMTP_PORT": str(sink.port), "GRS_SMTP_SECURITY": "none",
            "GRS_MAIL_FROM": "GRS <grs@office.example>"}  # fmt: skip
    with line_to(make_url(url).port or 0, chance) as line, tallied("P20 soak") as tally:
        through = make_url(url).set(port=line.port).render_as_string(hide_password=False)
        with running_site(through, tmp_path, workers=2) as site, ExitStack() as at_work:
            journal, stop, threads = filing(site.url, 3, with_code=False)
            looker = looking(site, numbers, stop, chance)
            at_work.enter_context(running_worker(through, tmp_path, **mail))
            until, measured = time.monotonic() + MINUTES * 60, []
            while time.monotonic() < until:
                time.sleep(chance.uniform(2, 6))
                what = chance.choice(["nothing", "nothing", "web", "worker", "cut", "slow", "mail"])
                if what == "web":
                    for child in children_of(site.process.pid)[:1]:
                        with suppress(ProcessLookupError):
                            os.kill(child, signal.SIGKILL)
                elif what == "worker":
                    at_work.close()
                    at_work.enter_context(running_worker(through, tmp_path, **mail))
                elif what in ("cut", "slow"):
                    line.mood = what
                    time.sleep(2)
                    line.mood = "good"
                elif what == "mail":
                    sink.refuse = set() if sink.refuse else {"citizen@example.com"}
                tally.faults += what != "nothing"
                measured.append(measure(site, house))
            at_work.close()
            stop.set()
            for thread in [looker, *threads]:
                thread.join(60)
            assert within(30, lambda: status_of(site.url + "/readyz") == 200)
        with house.readers() as session:
            there = set(session.scalars(select(Complaint.tracking_number)))
        yes = journal.answered("yes")
        tally.rounds, tally.lost = len(yes), sum(one.number not in there for one in yes)
        half = len(measured) // 2
        tally.more = {name: f"{most(measured[:half], name)}/{most(measured[half:], name)}" for name in measured[0]}
        assert levels_off(measured) == {}
        assert not [one for one in journal.filed if one.status == 500]
        assert_all_holds(house)
    house.close()


def looking(site: Site, numbers: Sequence[str], stop: threading.Event, chance: random.Random) -> threading.Thread:
    """Somebody who looks at complaints and offices until told to stop."""

    def look() -> None:
        while not stop.is_set():
            with suppress(*UNREACHABLE):
                phone = Phone(site.url)
                phone.open("/track", {"number": chance.choice(numbers), "code": ACCESS_CODE})
                phone.open("/offices")
            time.sleep(0.1)

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    return looker


def test_control_a_site_that_keeps_what_it_need_not_is_seen(
    postgres_template: Template, postgres_server: str, tmp_path: Path
) -> None:
    url = new_postgres_database(postgres_server, f"soak_{tmp_path.name.lower()}"[:60], "template_grs")
    house = open_house(make_settings(url, tmp_path))
    with running_site(url, tmp_path, workers=2, GRS_TEST_FAULT="leaks") as site:
        _, stop, threads = filing(site.url, 3, with_code=False)
        measured = []
        for _ in range(20):
            time.sleep(1)
            measured.append(measure(site, house))
        stop.set()
        for thread in threads:
            thread.join(60)
    assert "mib" in levels_off(measured), measured
    house.close()
