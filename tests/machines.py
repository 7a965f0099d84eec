"""Machines of a test's own: network namespaces on one switch, of which each can be cut off or lose its processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

NETWORK = "10.213.0"
_PREFIX = f"grs-{os.getpid()}-"
"""So that two runs on one computer have a network each."""


def why_no_machines() -> str | None:
    """Why no network can be made here, or None."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces need root and iproute2"
    tried = subprocess.run(["ip", "netns", "add", f"{_PREFIX}try"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", f"{_PREFIX}try"], capture_output=True, check=False)
    return None if tried.returncode == 0 else f"no network namespace can be made: {tried.stderr.strip()}"


@dataclass
class Machine:
    """One host: an address, a cable, processes."""

    name: str
    address: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def inside(self) -> list[str]:
        """What a command begins with that runs there."""
        return ["ip", "netns", "exec", _PREFIX + self.name]

    def start(
        self, *command: str | Path, log: IO[bytes], env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*self.inside, *command], stdout=log, stderr=log, env=os.environ | (env or {}), cwd=cwd,
            start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [*self.inside, *command], env=os.environ | (env or {}), cwd=cwd, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def kill(self) -> None:
        """Its processes are gone at once, as if the power were; the network answers that nobody is there."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self.processes = []

    def cut(self) -> None:
        """Its cable is pulled: it runs on, nothing reaches it, and nobody is told so."""
        _ip("-n", f"{_PREFIX}switch", "link", "set", f"to-{self.name}", "down")

    def join(self) -> None:
        """Its cable is put back."""
        _ip("-n", f"{_PREFIX}switch", "link", "set", f"to-{self.name}", "up")


@contextmanager
def machines(names: Sequence[str]) -> Iterator[dict[str, Machine]]:
    """Machines by name on a network of their own, gone afterwards with all that runs there."""
    _clear_abandoned()
    _ip("netns", "add", f"{_PREFIX}switch")
    _ip("-n", f"{_PREFIX}switch", "link", "add", "lan", "type", "bridge")
    _ip("-n", f"{_PREFIX}switch", "link", "set", "lan", "up")
    found = {}
    for number, name in enumerate(names, start=1):
        space, there, here = _PREFIX + name, f"to-{name}", "eth0"
        _ip("netns", "add", space)
        _ip("-n", f"{_PREFIX}switch", "link", "add", there, "type", "veth", "peer", "name", here, "netns", space)
        _ip("-n", f"{_PREFIX}switch", "link", "set", there, "master", "lan", "up")
        found[name] = Machine(name, f"{NETWORK}.{number}")
        _ip("-n", space, "addr", "add", f"{NETWORK}.{number}/24", "dev", here)
        _ip("-n", space, "link", "set", here, "up")
        _ip("-n", space, "link", "set", "lo", "up")
    try:
        yield found
    finally:
        for one in found.values():
            one.kill()
        _clear(names)


def _clear(names: Sequence[str]) -> None:
    for name in (*names, "switch"):
        subprocess.run(["ip", "netns", "del", _PREFIX + name], capture_output=True, check=False)


def _clear_abandoned() -> None:
    """Networks of runs that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout.split()
    for name in listed:
        owner = name.removeprefix("grs-").partition("-")[0] if name.startswith("grs-") else ""
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
