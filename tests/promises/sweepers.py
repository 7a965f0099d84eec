"""Workers for the tests of the promises: they sweep again and again on the test's clock, and die on demand."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event

from grs.bootstrap import House, open_house
from tests.conftest import make_settings
from workers import jobs

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["workers.jobs", "grs.bootstrap", "tests.conftest", "tests.promises.sweepers"])

WRITES = {
    "claim": "SELECT complaint.id, complaint.tracking_number",
    "end of the stay": "UPDATE assignment",
    "the complaint's columns": "UPDATE complaint",
    "the next stay": "INSERT INTO assignment",
    "the step": "INSERT INTO step",
    "the letters": "INSERT INTO message",
    "the run": "INSERT INTO job_run",
    "the end of the run": "UPDATE job_run",
}
"""What a sweep sends to the database, by name; a worker can die before and after each."""
FAIL_POINTS = [
    *(f"{when} {what}" for what in WRITES for when in ("before", "after")),
    "before commit", "after commit", "before savepoint", "after begin",
]  # fmt: skip


class FileClock:
    """The time of a file: the test turns it for all its workers."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self) -> datetime:
        return datetime.fromisoformat(self.file.read_text())


def turn(file: Path, now: datetime) -> None:
    """Set the clock of the workers, at once and for all."""
    half = file.with_suffix(".half")
    half.write_text(now.isoformat())
    half.rename(file)


def die_at(house: House, point: str, chance: random.Random) -> None:
    """Make this process end as by ``kill -9`` at a named point, the first to third time it comes there."""
    left = [chance.randrange(1, 4)]

    def reached(here: str) -> None:
        if here == point:
            left[0] -= 1
            if left[0] <= 0:
                os._exit(9)

    def named(statement: str) -> str | None:
        return next((name for name, begins in WRITES.items() if statement.lstrip().startswith(begins)), None)

    engine = house.engine
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, sql, *_: reached(f"before {named(sql)}"))
    event.listen(engine, "after_cursor_execute", lambda _c, _cur, sql, *_: reached(f"after {named(sql)}"))
    event.listen(engine, "commit", lambda _c: reached("before commit"))
    event.listen(engine, "savepoint", lambda _c, _name: reached("before savepoint"))
    event.listen(engine, "begin", lambda _c: reached("after begin"))
    committed = engine.dialect.do_commit

    def commit(connection: Any) -> None:
        committed(connection)
        reached("after commit")

    engine.dialect.do_commit = commit  # type: ignore[method-assign]


def work(
    url: str, folder: str, clock: str, seed: int, point: str | None, names: tuple[str, ...],
    lingers: bool, settings: dict[str, Any],
) -> None:  # fmt: skip
    """One worker: the named jobs again and again; it may linger between statements so that kills land inside."""
    chance = random.Random(seed)
    house = open_house(make_settings(url, Path(folder), **settings), clock=FileClock(Path(clock)))
    if point is not None:
        die_at(house, point, chance)
    if lingers:
        event.listen(house.engine, "before_cursor_execute", lambda *_: time.sleep(chance.uniform(0, 0.004)))
    from grs.usecases import escalation

    escalate: Callable[..., Any] = escalation.escalate_overdue
    while True:
        for name in names:
            if name == "escalate" and lingers:
                counts = lambda: escalate(house.writers, shelf=house.shelf, now=house.clock(), batch=20)  # noqa: E731
                jobs.record_run(house.writers, name, counts, clock=house.clock)
            else:
                jobs.run(house, name)
        time.sleep(0.02)


class Crew:
    """Several workers; one that died is replaced."""

    def __init__(
        self, url: str, folder: Path, clock: Path, count: int, chance: random.Random,
        names: tuple[str, ...] = ("escalate",), *, lingers: bool = True, dies: float = 0.4, **settings: Any,
    ) -> None:  # fmt: skip
        self._lingers, self._dies, self._settings = lingers, dies, settings
        self._arguments = (url, str(folder), str(clock))
        self._names, self._chance, self.deaths = names, chance, 0
        self.members = [self._start() for _ in range(count)]

    def _start(self) -> multiprocessing.process.BaseProcess:
        chance = self._chance
        point = chance.choice(FAIL_POINTS) if chance.random() < self._dies else None
        more = (chance.randrange(10**6), point, self._names, self._lingers, self._settings)
        worker = PROCESSES.Process(target=work, args=(*self._arguments, *more), daemon=True)
        worker.start()
        return worker

    def kill_one(self) -> None:
        """SIGKILL one at random; those that died by themselves are replaced too."""
        self._chance.choice(self.members).kill()
        self.replace()

    def replace(self) -> None:
        for place, member in enumerate(self.members):
            if not member.is_alive():
                member.join()
                self.deaths += 1
                self.members[place] = self._start()

    def stop(self) -> None:
        for member in self.members:
            member.kill()
            member.join()
