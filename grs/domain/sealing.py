"""The seal over the ends of all histories: a chain of its own, so that no day can be taken out or made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

FIRST_ROOT = "0" * 64
"""What the first seal follows."""

SealedEnd = tuple[str, int, str]
"""Tracking number, number of steps, hash of the last one."""


def seal_root(previous: str, day: date, ends: Iterable[SealedEnd]) -> str:
    """SHA-256 over the root before, the day, and each end that has moved since, by tracking number."""
    digest = hashlib.sha256(f"{previous}\x1e{day.isoformat()}".encode())
    for number, count, head in sorted(ends):
        digest.update(f"\x1e{number}\x1f{count}\x1f{head}".encode())
    return digest.hexdigest()
