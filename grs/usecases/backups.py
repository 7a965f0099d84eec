"""A backup in one file, made while everything runs; restored into an empty place, damaged ones refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, update

from grs.db import schema
from grs.db.dump import all_tables, is_empty, load_rows, rows_of, set_sequences
from grs.db.engine import WRITES, at_one_instant
from grs.db.messages import Message, MessageState, is_queued
from grs.db.offices import LoginSession
from grs.domain.errors import InvalidFile

FORMAT = "grs-backup-1"
MANIFEST = "manifest.json"
TRAILER = b"\ngrs-backup sha256 "
HASH_LENGTH = 64
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """What a backup says of itself. ``key_mark`` tells whether the secret key is the one it was made under."""

    made_at: datetime
    revision: str
    rows: int
    seal: str
    key_mark: str


def write_backup(
    engine: Engine, path: Path, *, secret_key: str, now: datetime, progress: Progress = lambda table, rows: None
) -> BackupFacts:
    """Write everything there is to a new file, as it is at one instant; people go on working meanwhile.

    The file appears under its name only when it is whole and on the disk. Raises FileExistsError.
    """
    if path.exists():
        raise FileExistsError(17, "there is a file of that name already", str(path))
    unfinished = path.with_name(path.name + ".part")
    tables: dict[str, dict[str, Any]] = {}
    seal = ""
    # Nobody else may read it, and nobody else writes it at the same time.
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with (
        _removed_on_failure(unfinished),
        _snapshot(engine) as connection,
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as package,
    ):
        for table in all_tables():
            digest, count = hashlib.sha256(), 0
            with package.open(f"{table.name}.jsonl", "w", force_zip64=True) as member:
                for line in rows_of(connection, table):
                    data = line.encode() + b"\n"
                    digest.update(data)
                    member.write(data)
                    count += 1
                    progress(table.name, 1)
                    if table.name == "seal":
                        seal = json.loads(line)[-1]
            tables[table.name] = {"rows": count, "sha256": digest.hexdigest()}
        facts = {
            "format": FORMAT,
            "made_at": now.isoformat(),
            "revision": schema.newest_revision(),
            "seal": seal,
            "key_mark": key_mark(secret_key),
            "tables": tables,
        }
        package.writestr(MANIFEST, json.dumps(facts, indent=1, sort_keys=True))
        package.writestr("manifest.sha256", _hash(facts))
    with unfinished.open("ab") as file:
        file.write(TRAILER + _file_hash(unfinished, unfinished.stat().st_size).encode())
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    return _facts(facts)


def check_backup(path: Path, progress: Progress = lambda table, rows: None) -> BackupFacts:
    """Read every byte of a backup and hold it against its hashes; raises InvalidFile naming what is damaged."""
    with _open(path) as package:
        facts = _manifest(package)
        for name, said in facts["tables"].items():
            digest, count = hashlib.sha256(), 0
            for line in _lines(package, name):
                digest.update(line)
                count += 1
                progress(name, 1)
            if (count, digest.hexdigest()) != (said["rows"], said["sha256"]):
                raise InvalidFile(f"the backup is damaged: table {name} is not as it was written")
        return _facts(facts)


def restore_backup(engine: Engine, path: Path, progress: Progress = lambda table, rows: None) -> BackupFacts:
    """Bring a backup into an empty database, all or nothing.

    Letters that were waiting when it was made are held: whether they left since, nobody here knows. Who was logged in
    logs in again. Raises
    InvalidFile for a damaged file, one of another release, or a place that is not empty.
    """
    facts = check_backup(path)
    if facts.revision != schema.newest_revision():
        raise InvalidFile(
            f"the backup is of database revision {facts.revision}, this release has {schema.newest_revision()}; "
            "restore it with the release it was made with, then upgrade"
        )
    if schema.current_revision(engine) is None:
        schema.upgrade(engine)
    elif schema.current_revision(engine) != schema.newest_revision():
        raise InvalidFile("the database to restore into is of another release")
    with _open(path) as package, engine.execution_options(**{WRITES: True}).begin() as connection:
        if not is_empty(connection):
            raise InvalidFile("the database to restore into is not empty")
        for table in all_tables():
            load_rows(connection, table, _counted(package, table.name, progress))
        connection.execute(update(Message).where(is_queued()).values(state=MessageState.HELD))
        connection.execute(update(LoginSession).where(LoginSession.ended_at.is_(None)).values(ended_at=facts.made_at))
        set_sequences(connection)
    return facts


def key_mark(secret_key: str) -> str:
    """Tells two secret keys apart and gives neither away."""
    return hashlib.sha256(f"backup\x1f{secret_key}".encode()).hexdigest()[:16]


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database as it is now, however long it reads, and stops nobody."""
    with at_one_instant(engine).begin() as connection:
        yield connection


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _file_hash(path: Path, size: int) -> str:
    """SHA-256 of the first ``size`` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (part := file.read(min(size, 1 << 20))):
            digest.update(part)
            size -= len(part)
    return digest.hexdigest()


def _check_trailer(path: Path) -> None:
    """Raise InvalidFile unless every byte is as it was written: the file ends with the hash of what is before."""
    size = path.stat().st_size - len(TRAILER) - HASH_LENGTH
    with path.open("rb") as file:
        file.seek(max(size, 0))
        trailer = file.read()
    if size <= 0 or trailer != TRAILER + _file_hash(path, size).encode():
        raise InvalidFile("this is no backup, or it is damaged or cut short")


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    _check_trailer(path)
    try:
        with zipfile.ZipFile(path) as package:
            yield package
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError) as error:
        raise InvalidFile(f"this is no backup, or it is damaged: {error}") from None
    except Exception as error:
        if type(error).__module__ == "zlib":
            raise InvalidFile(f"the backup is damaged: {error}") from None
        raise


def _manifest(package: zipfile.ZipFile) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(package.read(MANIFEST))
    if facts.get("format") != FORMAT or package.read("manifest.sha256").decode() != _hash(facts):
        raise InvalidFile("this is no backup, or it is damaged")
    if {f"{name}.jsonl" for name in facts["tables"]} != {table.name + ".jsonl" for table in all_tables()}:
        raise InvalidFile("the backup has other tables than this release")
    return facts


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _facts(facts: dict[str, Any]) -> BackupFacts:
    return BackupFacts(
        made_at=datetime.fromisoformat(facts["made_at"]),
        revision=facts["revision"],
        rows=sum(table["rows"] for table in facts["tables"].values()),
        seal=facts["seal"],
        key_mark=facts["key_mark"],
    )


def _lines(package: zipfile.ZipFile, table: str) -> Iterator[bytes]:
    with package.open(f"{table}.jsonl") as member:
        yield from io.BufferedReader(member)  # type: ignore[type-var]  # a stream of bytes, as the module says


def _counted(package: zipfile.ZipFile, table: str, progress: Progress) -> Iterator[str]:
    for line in _lines(package, table):
        progress(table, 1)
        yield line.decode()
