"""What the tests of the promises share: processes to start and kill, faults at named points, one line at the end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from grs.settings import ROOT
from tests.conftest import SECRET
from tests.postgres import free_port

LINES = Path(os.environ.get("GRS_PROMISES", "/nonexistent")) if "GRS_PROMISES" in os.environ else None
LONG = "GRS_PROMISES" in os.environ
"""Whether the promises are tried for as long as they say, instead of the short form of every test run."""

long_only = pytest.mark.skipif(not LONG, reason="tried by `make promises`")


@dataclass
class Tally:
    """What a promise was tried with, and what came of it; printed as one line."""

    promise: str
    rounds: int = 0
    faults: int = 0
    lost: int = 0
    doubled: int = 0
    more: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        line = {
            "promise": self.promise, "rounds": self.rounds, "faults": self.faults, "lost": self.lost,
            "doubled": self.doubled, "seconds": round(time.monotonic() - self.began, 1), **self.more,
        }  # fmt: skip
        print(json.dumps(line, ensure_ascii=False))
        if LINES is not None:
            with LINES.open("a") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


@contextmanager
def tallied(promise: str) -> Iterator[Tally]:
    """Count while a promise is tried; the line is told only when it held."""
    tally = Tally(promise)
    yield tally
    assert (tally.lost, tally.doubled) == (0, 0), tally
    tally.tell()


def seeded(seed: int | None = None) -> random.Random:
    """A source of chance whose seed is printed, so that a failure can be tried again."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    print(f"seed {seed}")
    return random.Random(seed)


def within(seconds: float, condition: Callable[[], object], *, every: float = 0.1) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return bool(condition())


# -- processes -----------------------------------------------------------------------------------------------


def environment(url: str, folder: Path, **more: str) -> dict[str, str]:
    """The settings of an installation for its processes."""
    return os.environ | {
        "GRS_DATABASE_URL": url,
        "GRS_SECRET_KEY": SECRET,
        "GRS_MAIL_FOLDER": f"{folder}/mail",
        "GRS_SMS_FOLDER": f"{folder}/sms",
        "GRS_SECOND_FACTOR": "optional",
        "GRS_LODGING_PER_HOUR": "60000",
        "PYTHONPATH": str(ROOT),
    } | more  # fmt: skip


@contextmanager
def started(command: Sequence[str], settings: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours in its own group; the whole group is killed at the end."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(settings), stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all it started, as a power cut would."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Site:
    """A running web server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_site(
    url: str,
    folder: Path,
    *,
    workers: int = 1,
    threads: int = 4,
    wait: float = 60,
    app: str = "tests.promises.site:app",
    **settings: str,
) -> Iterator[Site]:
    """The product's web server as in production, answering; or another application behind the same server."""
    port, log = free_port(), folder / "web.log"
    command = [
        sys.executable, "-m", "gunicorn", app, "--config", str(ROOT / "config/gunicorn.conf.py"),
        "--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--threads", str(threads), "--log-level", "warning",
    ]  # fmt: skip
    settings = {"GRS_BASE_URL": f"http://127.0.0.1:{port}"} | settings
    with started(command, environment(url, folder, **settings), log) as process:
        site = Site(f"http://127.0.0.1:{port}", process, log)
        assert within(wait, lambda: status_of(site.url + "/readyz") in (200, 503)), log.read_text()[-3000:]
        yield site


@contextmanager
def running_worker(url: str, folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The product's worker with its timetable."""
    command = [sys.executable, "-m", "workers"]
    with started(command, environment(url, folder, **settings), folder / "worker.log") as process:
        yield process


def status_of(address: str, timeout: float = 5) -> int:
    """The HTTP status of an address, 0 where nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def read_json(address: str) -> dict[str, Any]:
    """What an address answers, also with a failure."""
    try:
        with urllib.request.urlopen(address, timeout=15) as answer:
            return json.loads(answer.read())  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())  # type: ignore[no-any-return]
