"""What a disk may hold after a power cut, told from a trace of what was written: synced writes stay, others may go."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_CALL = re.compile(r"^\d+ +(?:\d+\.\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_FD = re.compile(r"^\d+<([^>]*)>")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Disk:
    """Files as they surely are, and what was written since and not synced."""

    sure: dict[str, bytearray]
    pending: list[tuple[str, str, int, bytes]] = field(default_factory=list)

    def image(self, folder: Path, chance: random.Random) -> None:
        """Write what a power cut could leave now: any part of the unsynced writes, in the order of each file."""
        files = {name: bytearray(data) for name, data in self.sure.items()}
        for name, what, at, data in self.pending:
            if chance.random() < 0.5:
                _apply(files, name, what, at, data)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / Path(name).name).write_bytes(content)

    def sync(self, path: str) -> None:
        kept = []
        for name, what, at, data in self.pending:
            if name == path:
                _apply(self.sure, name, what, at, data)
            else:
                kept.append((name, what, at, data))
        self.pending = kept


def _apply(files: dict[str, bytearray], name: str, what: str, at: int, data: bytes) -> None:
    if what == "unlink":
        files.pop(name, None)
        return
    content = files.setdefault(name, bytearray())
    if what == "truncate":
        del content[at:]
        content.extend(b"\0" * (at - len(content)))
        return
    content.extend(b"\0" * (at - len(content)))
    content[at : at + len(data)] = data


def replayed(trace: Path, disk: Disk, suffixes: tuple[str, ...], acks: Path) -> Iterator[tuple[Disk, int, bool]]:
    """Go through a trace: at each moment of interest the disk, how many were acknowledged, and whether one is now."""
    acknowledged = 0
    with trace.open() as lines:
        calls = list(lines)
    for line in calls:
        found = _CALL.match(line)
        if not found:
            continue
        call, arguments, result = found[1], found[2], int(found[3])
        if result < 0:
            continue
        if call == "unlink":
            path = _plain(arguments.strip('"'))
            if path.endswith(suffixes):
                disk.pending.append((path, "unlink", 0, b""))
            continue
        place = _FD.match(arguments)
        if place is None:
            continue
        path = _plain(place[1])
        if path == str(acks):
            acknowledged += 1
            yield disk, acknowledged, True
        elif not path.endswith(suffixes):
            continue
        elif call == "pwrite64":
            data = _BYTES.search(arguments)
            assert data is not None, line[:200]
            at = int(arguments.rsplit(",", 1)[1])
            disk.pending.append((path, "write", at, bytes.fromhex(data[1].replace("\\x", ""))))
        elif call == "ftruncate":
            disk.pending.append((path, "truncate", int(arguments.rsplit(",", 1)[1]), b""))
        elif call in ("fdatasync", "fsync"):
            yield disk, acknowledged, False  # the moment before: nothing of this is sure yet
            disk.sync(path)


def _plain(path: str) -> str:
    """A path as it is, where the trace shows it in hexadecimal."""
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


def copy_of(database: Path) -> dict[str, bytearray]:
    return {str(database): bytearray(database.read_bytes())}
