"""Zipped office documents are looked at before they are unpacked: a small file may hold gigabytes."""

from __future__ import annotations

import io
import zipfile

from grs.domain.errors import InvalidFile

LARGEST_FILE = 10_000_000
LARGEST_UNPACKED = 25_000_000
MOST_MEMBERS = 2_000


def check_package(data: bytes) -> None:
    """Raise InvalidFile for a package that is damaged, locked, or unpacks to more than any charter has."""
    if len(data) > LARGEST_FILE:
        raise InvalidFile(
            f"the file has more than {LARGEST_FILE // 1_000_000} MB; no charter has", why="too_large_file"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise InvalidFile("the file is damaged", why="damaged") from None
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > LARGEST_UNPACKED:
        raise InvalidFile("the file unpacks to more than any charter has")
    if any(member.flag_bits & 0x1 for member in members):
        raise InvalidFile("the file is locked with a password", why="locked")
