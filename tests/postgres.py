"""A PostgreSQL of our own for the tests: started from the machine's binaries, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find_binaries() -> Path | None:
    """The folder that holds ``initdb``, or None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


def why_missing() -> str | None:
    """Why PostgreSQL cannot be started here, in a sentence, or None when it can."""
    if find_binaries() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL does not run as root and there is no user postgres or nobody to run it as"
    return None


LARGE = {
    "shared_buffers": "2GB", "effective_cache_size": "6GB", "max_wal_size": "8GB", "work_mem": "32MB",
    "wal_compression": "on", "random_page_cost": "1.1", "jit": "off",
}  # fmt: skip
"""What a server of 8 GiB is given for millions of complaints (docs/scaling.md); what is promised stays as it is."""


@contextmanager
def running_postgres(**settings: str) -> Iterator[str]:
    """Start a server on loopback and give the URL of its ``postgres`` database."""
    binaries = find_binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="grs-pg-"))
    user = _other_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    folder.chmod(0o700)
    become = ["runuser", "-u", user, "--"] if user else []
    data, port = folder / "data", free_port()

    def call(*command: str) -> None:
        subprocess.run([*become, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=folder)

    try:
        call(
            f"{binaries}/initdb",
            "-D",
            str(data),
            "-U",
            "grs",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        options += "".join(f" -c {name}={value}" for name, value in settings.items())
        log = str(folder / "log")
        call(f"{binaries}/pg_ctl", "-D", str(data), "-o", options, "-l", log, "-w", "start")
        try:
            yield f"postgresql://grs@127.0.0.1:{port}/postgres"
        finally:
            call(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> str | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
