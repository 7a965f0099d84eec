"""A PostgreSQL pair for the tests of the promises: a primary, its synchronous standby, and ways to lose either."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.machines import Machine
from tests.postgres import _other_user, find_binaries, free_port

STANDBY_NAME = "sb"


@dataclass
class Server:
    """One PostgreSQL server in a folder of its own; ``inside`` is the machine's own command where it has one."""

    folder: Path
    port: int
    host: str = "127.0.0.1"
    inside: Sequence[str] = ()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        # By its socket, which is reached from every network.
        return f"host={self.folder} port={self.port} user=grs dbname=postgres connect_timeout=5"

    def call(self, *command: str, check: bool = True) -> None:
        user = _other_user() if os.geteuid() == 0 else None
        become = ["runuser", "-u", user, "--"] if user else []
        binaries = find_binaries()
        assert binaries is not None
        subprocess.run(
            [*self.inside, *become, str(binaries / command[0]), *command[1:]], check=check, cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def make(self) -> None:
        """Make it anew and start it."""
        self.call("initdb", "-D", str(self.data), "-U", "grs", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync")  # fmt: skip
        if self.inside:
            network = f"{self.host.rpartition('.')[0]}.0/24"
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {network} trust\nhost replication all {network} trust\n")
        self.start()

    def start(self, wait: bool = True) -> None:
        options = (
            f"-p {self.port} -k {self.folder} -c listen_addresses={self.host} -c max_connections=120 "
            f"-c cluster_name={STANDBY_NAME} -c wal_sender_timeout=0 -c wal_receiver_timeout=0"
        )
        how = "-w" if wait else "-W"
        try:
            self.call("pg_ctl", "-D", str(self.data), "-o", options, "-l", str(self.folder / "log"), how, "start")
        except subprocess.CalledProcessError as error:
            raise AssertionError((self.folder / "log").read_text()[-2000:]) from error

    def stop(self) -> None:
        self.call("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop", check=False)

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """SIGKILL the postmaster and all its processes, as a power cut would."""
        os.kill(self.pid(), signal.SIGSTOP)  # else it could start another one, which would outlive it
        pids = self.processes()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for _ in range(200):
            if not any(_is_alive(pid) for pid in pids):
                break
            time.sleep(0.02)
        # A dead process that nobody has collected yet has a number still; the server would believe that it runs.
        for left in (self.data / "postmaster.pid", self.folder / f".s.PGSQL.{self.port}.lock"):
            left.unlink(missing_ok=True)

    def signal_all(self, what: signal.Signals) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, what)

    def processes(self) -> list[int]:
        """The postmaster and its children."""
        postmaster = self.pid()
        children = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True).stdout.split()
        return [postmaster, *map(int, children)]

    def ask(self, sql: str) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(sql.encode()).fetchone()
            return str(row[0]) if row else ""

    def do(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for sql in statements:
                connection.execute(sql.encode())

    def promote(self) -> None:
        """Make a standby the primary; it waits for nobody, else its first commit would hang."""
        self.do("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.call("pg_ctl", "-D", str(self.data), "reload")
        self.call("pg_ctl", "-D", str(self.data), "-w", "promote")


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@dataclass
class Pair:
    """A primary and the standby that confirms each of its commits."""

    primary: Server
    standby: Server

    def url(self, database: str = "grs") -> str:
        """The address of the site's database: both servers, the older one first."""
        hosts = "&".join(f"host={one.host}:{one.port}" for one in (self.primary, self.standby))
        return f"postgresql://grs@/{database}?{hosts}&target_session_attrs=read-write"

    def follow(self) -> None:
        """Make the standby anew from the primary, and wait until it confirms."""
        shutil.rmtree(self.standby.data, ignore_errors=True)
        self.primary.do("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        self.standby.call(
            "pg_basebackup", "-h", self.primary.host, "-p", str(self.primary.port), "-U", "grs", "-D",
            str(self.standby.data), "-R", "-X", "stream", "-c", "fast", "--no-sync",
        )  # fmt: skip
        self.standby.start()
        self.primary.do(
            f"ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ({STANDBY_NAME})'", "SELECT pg_reload_conf()"
        )
        self.wait_for_sync()

    def wait_for_sync(self) -> None:
        for _ in range(300):
            if self.primary.ask("SELECT coalesce(max(sync_state), '') FROM pg_stat_replication") == "sync":
                return
            time.sleep(0.05)
        raise AssertionError("the standby does not confirm")

    def wait_until_seen(self) -> None:
        """Until the standby shows what the primary has confirmed; it confirms when it has it on its disk."""
        written = self.primary.ask("SELECT pg_current_wal_lsn()")
        for _ in range(600):
            if self.standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == "True":
                return
            time.sleep(0.05)
        raise AssertionError("the standby does not show what was written")

    def change_places(self) -> None:
        """After a failover: the old primary is rewound to a standby of the new one."""
        self.primary, self.standby = self.standby, self.primary


@contextmanager
def _folders(*names: str) -> Iterator[list[Server]]:
    """Places for servers that are not made yet; they stop, and all is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="grs-servers-"))
    user = _other_user() if os.geteuid() == 0 else None
    servers = []
    for name in names:
        folder = root / name
        folder.mkdir(mode=0o700)
        if user:
            shutil.chown(folder, user)
        servers.append(Server(folder, free_port()))
    root.chmod(0o755)
    try:
        yield servers
    finally:
        for server in servers:
            with suppress(Exception):
                server.signal_all(signal.SIGCONT)
            server.stop()
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def running_server() -> Iterator[Server]:
    """One server of its own."""
    with _folders("alone") as (server,):
        server.make()
        yield server


@contextmanager
def running_pair(*at: Machine) -> Iterator[Pair]:
    """A pair with an empty database ``grs``, on two machines of their own where they are given."""
    with _folders("a", "b") as (first, second):
        for server, machine in zip((first, second), at, strict=False):
            server.host, server.inside = machine.address, machine.inside
        first.make()
        first.do("CREATE DATABASE grs")
        pair = Pair(first, second)
        pair.follow()
        yield pair
