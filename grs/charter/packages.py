"""Zipped office documents are looked at before they are unpacked: a small file may hold gigabytes."""

from __future__ import annotations

import io
import zipfile
import zlib

from grs.domain.errors import InvalidFile

LARGEST_FILE = 10_000_000
LARGEST_UNPACKED = 12_000_000
"""Bytes of everything but pictures, which nobody unpacks."""
MOST_MEMBERS = 2_000
MOST_TAGS = 300_000
MOST_STYLES = 20_000
LOCKED = 0x1
WORDS, STYLES = "word/document.xml", "xl/styles.xml"


def check_package(data: bytes) -> None:
    """Raise InvalidFile for a package that is damaged, locked, or unpacks to more than people write."""
    if len(data) > LARGEST_FILE:
        raise InvalidFile(
            f"the file has more than {LARGEST_FILE // 1_000_000} MB; no charter has", why="too_large_file"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
            written = sum(one.file_size for one in members if "/media/" not in one.filename)
            if len(members) > MOST_MEMBERS or written > LARGEST_UNPACKED:
                raise InvalidFile("the file unpacks to more than any charter has", why="too_large_file")
            if any(one.flag_bits & LOCKED for one in members):
                raise InvalidFile("the file is locked with a password", why="locked")
            if WORDS in package.namelist() and package.read(WORDS).count(b"<") > MOST_TAGS:
                raise InvalidFile(f"the file has more than {MOST_TAGS} elements; no charter has", why="too_large_file")
            if STYLES in package.namelist() and package.read(STYLES).count(b"<xf") > MOST_STYLES:
                raise InvalidFile("the file has more styles than anybody uses", why="too_large_file")
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError):
        raise InvalidFile("the file is damaged", why="damaged") from None
