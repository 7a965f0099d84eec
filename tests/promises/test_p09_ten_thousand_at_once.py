"""P9. Ten thousand cases are due in the same second: all move, and who files or looks meanwhile hardly waits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from grs.bootstrap import open_house
from grs.db.complaints import Complaint
from grs.domain.calendar import dhaka_date
from tests.conftest import Template, make_settings
from tests.performance.seeding import ACCESS_CODE, seed_complaints
from tests.promises.bench import long_only, running_site, seeded, tallied
from tests.promises.citizens import Phone, filing
from tests.promises.sweepers import Crew, turn
from tests.promises.test_p01_each_step_exactly_once import waiting
from tests.stories import assert_all_holds

CASES = 10_000
LONGEST_WAIT = 2.0
LONGEST_TRANSACTION = 5.0


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] if times else 0.0


@long_only
@pytest.mark.xdist_group("p09")
def test_all_move_and_nobody_who_files_or_looks_waits_long(database: Template, tmp_path: Path) -> None:
    chance = seeded()
    house = open_house(make_settings(database.url, tmp_path))
    today = dhaka_date(datetime.now(UTC))
    seed_complaints(house, CASES, due_on=today - timedelta(days=1))
    with house.readers() as session:
        numbers = session.scalars(select(Complaint.tracking_number).limit(500)).all()
    kind = "PostgreSQL" if house.engine.dialect.name == "postgresql" else "SQLite"
    clock = tmp_path / "clock"
    turn(clock, datetime.now(UTC))
    looked: list[float] = []
    sizes: list[int] = []
    longest = 0.0
    over = threading.Event()

    def look(site: str) -> None:
        while not over.is_set():
            began = time.monotonic()
            status, _, _ = Phone(site).open("/track", {"number": chance.choice(numbers), "code": ACCESS_CODE})
            assert status == 303, status
            looked.append(time.monotonic() - began)
            time.sleep(0.05)

    with running_site(database.url, tmp_path, workers=2) as site, tallied(f"P9 {kind}") as tally:
        journal, stop, citizens = filing(site.url, 2)
        looker = threading.Thread(target=look, args=[site.url], daemon=True)
        looker.start()
        began = time.monotonic()
        crew = Crew(database.url, tmp_path, clock, 2, chance, lingers=False, dies=0)
        killed = False
        try:
            while (left := waiting(house, today)) and time.monotonic() - began < 600:
                if left < CASES * 0.6 and not killed:
                    crew.kill_one()
                    killed = True
                crew.replace()
                sizes.append(max(_resident(member.pid) for member in crew.members))
                longest = max(longest, _longest_transaction(house))
                time.sleep(0.1)
        finally:
            crew.stop()
        took = time.monotonic() - began
        over.set()
        stop.set()
        for thread in [looker, *citizens]:
            thread.join(30)
        tally.rounds, tally.faults = CASES, int(killed)
        tally.lost = waiting(house, today)
        submitted = [one.took for one in journal.filed]
        tally.more = {
            "moved_in": round(took, 1), "submit_p95": round(p95(submitted), 3), "track_p95": round(p95(looked), 3),
            "submitted": len(submitted), "longest_transaction": round(longest, 2), "worker_mib": max(sizes) // 1024,
        }  # fmt: skip
        print(tally.more)
        assert all(one.answer == "yes" for one in journal.filed)
        assert p95(submitted) < LONGEST_WAIT
        assert p95(looked) < LONGEST_WAIT
        assert longest < LONGEST_TRANSACTION
        assert max(sizes[len(sizes) // 2 :]) < 1.5 * max(sizes[: len(sizes) // 2] or sizes), "memory levels off"
        assert_all_holds(house)
    house.close()


def _resident(pid: int | None) -> int:
    """Resident memory of a process in KiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _longest_transaction(house: object) -> float:
    from grs.bootstrap import House

    assert isinstance(house, House)
    if house.engine.dialect.name != "postgresql":
        return 0.0
    with house.engine.connect() as connection:
        longest = connection.scalar(
            text("SELECT max(extract(epoch FROM now() - xact_start)) FROM pg_stat_activity WHERE xact_start < now()")
        )
    return float(longest or 0)
