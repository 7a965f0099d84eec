"""One worker's sweep of a database, in a process of its own."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from grs.bootstrap import open_house
from tests.conftest import make_settings
from workers import jobs

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        house = open_house(make_settings(sys.argv[1], Path(folder)), clock=lambda: datetime.now(UTC))
        print("ready", flush=True)
        sys.stdin.readline()
        jobs.escalate(house)
        house.close()
