"""P11. SQLite survives a power cut: whatever the disk had not been told to keep, what was thanked for is there."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from grs.bootstrap import House
from grs.settings import ROOT
from tests.conftest import Template
from tests.promises.bench import environment, long_only, seeded, tallied
from tests.promises.power_cut import Disk, copy_of, replayed

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
COMPLAINTS = 60
IMAGES = 500


def traced(sqlite_only: Template, tmp_path: Path, number: int, synchronous: str) -> tuple[Path, Path, Disk, list[str]]:
    """File complaints under a trace; the trace, the acknowledgements, the disk as it was before."""
    database = Path(sqlite_only.url.removeprefix("sqlite:///"))
    disk, trace, acks = Disk(copy_of(database)), tmp_path / "trace", tmp_path / "acks"
    command = [
        "strace", "-f", "-y", "-xx", "-s", "200000", "-o", str(trace),
        "-e", "trace=pwrite64,write,fdatasync,fsync,ftruncate,unlink",
        sys.executable, "-m", "tests.promises.lodger", sqlite_only.url, str(acks), str(number), synchronous,
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, env=environment(sqlite_only.url, tmp_path), check=True, timeout=300)
    return trace, acks, disk, acks.read_text().split()


def lost_in(image: Path, acknowledged: list[str]) -> int:
    """How many acknowledged complaints an image lacks, or has without their file; -1 where it does not open whole."""
    connection = sqlite3.connect(image / "grs.db")
    try:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return -1
        rows = connection.execute(
            "SELECT c.tracking_number, a.sha256, t.content FROM complaint c JOIN attachment a ON a.complaint_id = c.id "
            "JOIN attachment_content t ON t.attachment_id = a.id"
        ).fetchall()
    except sqlite3.DatabaseError:
        return -1
    finally:
        connection.close()
    whole = {number for number, sha256, content in rows if hashlib.sha256(content).hexdigest() == sha256}
    return sum(number not in whole for number in acknowledged)


def images(
    trace: Path, acks: Path, disk: Disk, numbers: list[str], folder: Path, chance: random.Random, most: int
) -> tuple[int, int, int]:
    """How many images were looked at, how many did not open, how many acknowledged complaints they lacked."""
    moments = sum(1 for _ in replayed(trace, Disk({k: bytearray(v) for k, v in disk.sure.items()}), SUFFIXES, acks))
    share, each = min(most / moments * 1.2, 1.0), -(-most // moments)
    looked = torn = lost = 0
    for at, acknowledged, _ in replayed(trace, disk, SUFFIXES, acks):
        if share < 1 and chance.random() > share:
            continue
        for _ in range(each):
            image = folder / f"image{looked}"
            at.image(image, chance)
            found = lost_in(image, numbers[:acknowledged])
            looked += 1
            torn += found < 0
            lost += max(found, 0)
            shutil.rmtree(image)
    return looked, torn, lost


SUFFIXES = ("grs.db", "grs.db-wal", "grs.db-journal")


@long_only
@needs_strace
def test_five_hundred_power_cuts_lose_nothing_that_was_thanked_for(sqlite_only: Template, tmp_path: Path) -> None:
    chance = seeded()
    with tallied("P11 power cuts") as tally:
        trace, acks, disk, numbers = traced(sqlite_only, tmp_path, COMPLAINTS, "FULL")
        assert len(numbers) == COMPLAINTS
        looked, torn, lost = images(trace, acks, disk, numbers, tmp_path / "images", chance, IMAGES)
        assert looked >= IMAGES, looked
        tally.rounds, tally.faults, tally.lost = COMPLAINTS, looked, torn + lost


@long_only
@needs_strace
def test_before_each_thanks_the_log_was_synced(sqlite_only: Template, tmp_path: Path) -> None:
    """Between the last write to the log and the answer there is an fdatasync: nothing of it is pending."""
    trace, acks, disk, numbers = traced(sqlite_only, tmp_path, 10, "FULL")
    pending = [
        any(name.endswith("-wal") and what == "write" for name, what, _, _ in at.pending)
        for at, _, is_ack in replayed(trace, disk, SUFFIXES, acks)
        if is_ack
    ]
    assert len(pending) == len(numbers) == 10
    assert not any(pending)


@long_only
@needs_strace
def test_control_with_normal_synchronisation_a_power_cut_loses_some(sqlite_only: Template, tmp_path: Path) -> None:
    trace, acks, disk, numbers = traced(sqlite_only, tmp_path, 20, "NORMAL")
    _, _, lost = images(trace, acks, disk, numbers, tmp_path / "images", seeded(), 60)
    assert lost > 0


def test_the_running_site_keeps_what_it_promises(sqlite_only: Template, house: House) -> None:
    if house.engine.dialect.name != "sqlite":
        pytest.skip("these are SQLite's own settings")
    with house.writers() as session:
        connection = session.connection()
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "busy_timeout", "foreign_keys")
        }
    assert asked == {"synchronous": 2, "journal_mode": "wal", "busy_timeout": 30_000, "foreign_keys": 1}
