"""P9. Ten thousand cases are due in the same second: all move, and who files or looks meanwhile hardly waits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select, text

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint
from grs.domain.calendar import dhaka_date
from grs.usecases.escalation import escalate_overdue
from tests.conftest import Template, make_settings
from tests.performance.seeding import ACCESS_CODE, seed_complaints
from tests.promises.bench import long_only, running_site, seeded, tallied
from tests.promises.citizens import UNREACHABLE, Phone, filing
from tests.promises.sweepers import Crew, turn
from tests.promises.test_p01_each_step_exactly_once import waiting
from tests.stories import assert_all_holds

CASES = 10_000
LONGEST_WAIT = 2.0
LONGEST_TRANSACTION = 5.0


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] if times else 0.0


pytestmark = [long_only, pytest.mark.xdist_group("p09")]


@dataclass
class Watched:
    """What was measured while the cases moved: seconds, and KiB of the workers."""

    submitted: list[float] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    transaction: float = 0.0
    all_taken: bool = True


@contextmanager
def watched(house: House, url: str, folder: Path, chance: random.Random) -> Iterator[Watched]:
    """Two people file and one looks while the cases move."""
    found, over = Watched(), threading.Event()
    with house.readers() as session:
        numbers = session.scalars(select(Complaint.tracking_number).limit(500)).all()

    def look(site: str) -> None:
        while not over.is_set():
            began = time.monotonic()
            with suppress(*UNREACHABLE):
                status, _, _ = Phone(site).open("/track", {"number": chance.choice(numbers), "code": ACCESS_CODE})
                found.all_taken &= status == 303
            found.looked.append(time.monotonic() - began)
            time.sleep(0.05)

    def ask() -> None:
        while not over.is_set():
            found.transaction = max(found.transaction, _longest_transaction(house))
            time.sleep(0.1)

    with running_site(url, folder, workers=2) as site:
        journal, stop, citizens = filing(site.url, 2)
        threads = [threading.Thread(target=look, args=[site.url]), threading.Thread(target=ask)]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            over.set()
            stop.set()
            for thread in [*threads, *citizens]:
                thread.join(60)
            found.submitted = [one.took for one in journal.filed]
            found.all_taken &= all(one.answer == "yes" for one in journal.filed)


def test_all_move_and_nobody_who_files_or_looks_waits_long(database: Template, tmp_path: Path) -> None:
    chance = seeded()
    house = open_house(make_settings(database.url, tmp_path))
    today = dhaka_date(datetime.now(UTC))
    seed_complaints(house, CASES, due_on=today - timedelta(days=1))
    kind = "PostgreSQL" if house.engine.dialect.name == "postgresql" else "SQLite"
    clock = tmp_path / "clock"
    turn(clock, datetime.now(UTC))
    with tallied(f"P9 {kind}") as tally:
        with watched(house, database.url, tmp_path, chance) as found:
            began = time.monotonic()
            crew = Crew(database.url, tmp_path, clock, 2, chance, lingers=False, dies=0)
            killed = False
            try:
                while (left := waiting(house, today)) and time.monotonic() - began < 600:
                    if left < CASES * 0.6 and not killed:
                        crew.kill_one()
                        killed = True
                    crew.replace()
                    found.sizes.append(max(_resident(member.pid) for member in crew.members))
                    time.sleep(0.1)
            finally:
                crew.stop()
            took = time.monotonic() - began
        sizes = found.sizes
        tally.rounds, tally.faults = CASES, int(killed)
        tally.lost = waiting(house, today)
        tally.more = {
            "moved_in": round(took, 1), "submit_p95": round(p95(found.submitted), 3),
            "track_p95": round(p95(found.looked), 3), "submitted": len(found.submitted),
            "longest_transaction": round(found.transaction, 2), "worker_mib": max(sizes) // 1024,
        }  # fmt: skip
        print(tally.more)
        assert found.all_taken
        assert p95(found.submitted) < LONGEST_WAIT
        assert p95(found.looked) < LONGEST_WAIT
        assert found.transaction < LONGEST_TRANSACTION
        assert max(sizes[len(sizes) // 2 :]) < 1.5 * max(sizes[: len(sizes) // 2] or sizes), "memory levels off"
        assert_all_holds(house)
    house.close()


def test_control_a_sweep_of_one_long_transaction_is_seen(database: Template, tmp_path: Path) -> None:
    """All in one transaction, on a machine so slow that each of its statements takes half a second."""
    chance = seeded()
    house = open_house(make_settings(database.url, tmp_path))
    seed_complaints(house, 500, due_on=dhaka_date(datetime.now(UTC)) - timedelta(days=1))
    slow = open_house(make_settings(database.url, tmp_path))
    event.listen(slow.engine, "before_cursor_execute", lambda *_: time.sleep(0.5))
    with watched(house, database.url, tmp_path, chance) as found:
        escalate_overdue(slow.writers, shelf=slow.shelf, now=datetime.now(UTC), batch=CASES)
    if house.engine.dialect.name == "postgresql":
        assert found.transaction > LONGEST_TRANSACTION
    else:
        assert max(*found.submitted, *found.looked) > LONGEST_WAIT, "there is one writer at a time"
    slow.close()
    house.close()


def _resident(pid: int | None) -> int:
    """Resident memory of a process in KiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _longest_transaction(house: House) -> float:
    if house.engine.dialect.name != "postgresql":
        return 0.0
    with house.engine.connect() as connection:
        longest = connection.scalar(
            text("SELECT max(extract(epoch FROM now() - xact_start)) FROM pg_stat_activity WHERE xact_start < now()")
        )
    return float(longest or 0)
