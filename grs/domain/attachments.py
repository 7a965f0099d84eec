"""Which files a complaint takes: how many, how large, of which kinds, under which name."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from grs.domain.bangla import one_form
from grs.domain.errors import FileRefused

MOST_FILES = 5
LARGEST_FILE = 5 * 1024 * 1024
"""Bytes, as sent."""
MOST_PIXELS = 40_000_000
"""A photograph of more is a bomb, or a poster."""
MOST_PIXELS_DRAWN_WHOLE = 16_000_000
"""Of PNG and WEBP, which cannot be read at a smaller size: a page scanned at 400 dots an inch."""
LONGEST_SIDE_SENT = 20_000
"""Pixels; a strip of one by millions is no picture."""
LONGEST_SIDE = 2400
"""Pixels; larger pictures are made smaller, still legible as a scanned page."""
LONGEST_NAME = 120


class MediaType(StrEnum):
    """The kinds of files that are taken."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"


ENDINGS = {
    ".jpg": MediaType.JPEG,
    ".jpeg": MediaType.JPEG,
    ".jpe": MediaType.JPEG,
    ".jfif": MediaType.JPEG,
    ".png": MediaType.PNG,
    ".webp": MediaType.WEBP,
    ".pdf": MediaType.PDF,
}


def clean_name(name: str) -> str:
    """The name a person gave a file, without any path, sign of no width or line break.

    Normalised first: a full-width ``／`` must not become a ``/`` later.
    """
    plain = one_form(name, "NFKC").replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in plain if unicodedata.category(c)[0] != "C" and c not in '"<>|:*?')
    plain = re.sub(r"\s+", " ", plain).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > LONGEST_NAME and dot:
        plain = f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return plain[:LONGEST_NAME] or "file"


def promised_type(name: str) -> MediaType:
    """What a file's ending says it is; raises FileRefused for a kind that is not taken."""
    _, dot, ending = clean_name(name).rpartition(".")
    found = ENDINGS.get(f"{dot}{ending}".lower())
    if found is None:
        raise FileRefused("wrong_kind")
    return found


def check_size(size: int) -> None:
    """Raise FileRefused for an empty file or one over 5 MB."""
    if size == 0:
        raise FileRefused("empty")
    if size > LARGEST_FILE:
        raise FileRefused("too_large")
