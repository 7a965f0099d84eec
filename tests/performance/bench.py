"""`make bench`: our figures beside floors measured in the same run, as ratios (machines are noisy, ratios less).

``DB=sqlite`` measures SQLite instead of PostgreSQL; ``BENCH_SIZES=10000,100000,1000000`` says how many complaints,
``BENCH_ONLY=pages,escalation`` which parts, ``BENCH_ROUNDS`` how often (5). Nothing here passes or fails.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from grs.bootstrap import open_house
from grs.db import schema
from grs.settings import ROOT
from grs.usecases.demo import fill_posts, prepare_rules
from grs.usecases.seeding import seed
from tests.conftest import Clock, make_settings, new_postgres_database
from tests.performance import counting_days
from tests.performance.at_size import ESCALATIONS, Bench
from tests.performance.measuring import ROUNDS, Figure, keep, say, tell
from tests.postgres import LARGE, free_port, running_postgres, why_missing
from tests.promises.bench import environment, started, status_of, within

SIZES = [int(one) for one in os.environ.get("BENCH_SIZES", "10000,100000").split(",")]


def offices_of(size: int) -> int:
    """A country has more of both: 500 offices for up to 50,000 complaints, 10,000 for a million."""
    return int(os.environ.get("BENCH_OFFICES", 0)) or min(max(size // 100, 500), 10_000)


def main() -> int:
    """Run everything and print a table, then one JSON line a figure."""
    logging.disable(logging.WARNING)
    kind = os.environ.get("DB", "postgresql")
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grs-bench-")))
        if kind == "postgresql" and (missing := why_missing()):
            print(f"no PostgreSQL: {missing}; DB=sqlite measures SQLite", file=sys.stderr)
            return 1
        server = stack.enter_context(running_postgres(**LARGE)) if kind == "postgresql" else ""
        assert counting_days.same_days()
        figures += kept(counting_days.figures())
        figures += kept(helpdesk(server))
        for size in SIZES:
            url = new_postgres_database(server, f"bench_{size}") if server else f"sqlite:///{folder}/bench_{size}.db"
            figures += kept(at_size(url, folder, size))
        figures += kept(starting(url, folder))
    tell(figures)
    return 0


def kept(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Each as it comes, also in the file of lines."""
    for figure in figures:
        keep(figure)
        yield figure


def helpdesk(server: str) -> Iterator[Figure]:
    """What a user would pick instead, where ``BENCH_HELPDESK`` names a Python that has it."""
    python = os.environ.get("BENCH_HELPDESK")
    if not python or not server:
        return
    say("django-helpdesk")
    command = [python, "-m", "tests.performance.helpdesk", new_postgres_database(server, "helpdesk")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in found.stdout.splitlines():
        yield Figure(**json.loads(line), database="PostgreSQL")


def at_size(url: str, folder: Path, size: int) -> Iterator[Figure]:
    """Fill a new database and measure on it."""
    now = datetime.now(UTC).replace(microsecond=0)
    house = open_house(make_settings(url, folder), clock=Clock(now))
    schema.upgrade(house.engine)
    with house.writers.begin() as session:
        prepare_rules(session, now=now)
        fill_posts(session, now=now)
    overdue = min(ESCALATIONS * 2 * (ROUNDS + 4), size // 2)
    say(f"seeding {size:,} complaints")
    began = time.perf_counter()
    seed(house.engine, house.writers, shelf=house.shelf, now=now, complaints=size, overdue=overdue,
        offices=offices_of(size),
    )  # fmt: skip
    bench = Bench(house, complaints=size, folder=folder)
    yield bench.figure("complaints seeded", "/s", size / (time.perf_counter() - began), goal="≥ 5,000")
    yield from bench.all()
    house.close()


def starting(url: str, folder: Path) -> Iterator[Figure]:
    """From the command to the first page, and how much memory a web process then has."""
    times, sizes = [], []
    for _ in range(max(ROUNDS // 2, 3)):
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "tests.promises.site:app", "--bind", f"127.0.0.1:{port}",
                   "--config", str(ROOT / "config/gunicorn.conf.py"), "--workers", "1"]  # fmt: skip
        began = time.perf_counter()
        with started(command, environment(url, folder), folder / "start.log") as process:
            assert within(60, lambda p=port: status_of(f"http://127.0.0.1:{p}/") == 200, every=0.01)
            times.append(time.perf_counter() - began)
            found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
            sizes.append(max(_resident(int(pid)) for pid in found.stdout.split()))
    yield Figure(name="start-up to the first page", unit="s", ours=statistics.median(times), goal="≤ 1.5")
    yield Figure(name="memory of a web process after the first page", unit="MiB", ours=statistics.median(sizes))


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    sys.exit(main())
