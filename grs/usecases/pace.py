"""How many rows the next transaction of a long job takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAST, MOST = 100, 2_000
FIRST = 500
AIMED_AT = 0.5
"""Seconds a transaction shall take: many rows are cheaper together, and nobody waits for a lock as long as 1 s."""


class Pace:
    """The size of the next batch, from how long the last ones took on this machine, with these rows."""

    def __init__(self, size: int | None = None) -> None:
        """A ``size`` that is given stays."""
        self.size, self._is_fixed = size or FIRST, size is not None

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Around each batch."""
        began = time.monotonic()
        yield
        if not self._is_fixed:
            took = max(time.monotonic() - began, 0.001)
            wanted = round(self.size * min(AIMED_AT / took, 2))  # a quick start, and no leap after one easy batch
            self.size = min(max(wanted, LEAST), MOST)
