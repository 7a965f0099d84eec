"""``make promises``: every promise tried for as long as it says; one line for each at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLUMNS = ("rounds", "faults", "lost", "doubled", "seconds")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        lines.touch()
        began = time.monotonic()
        pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        settings = os.environ | {"GRS_PROMISES": str(lines)}
        status = 0
        most = ["tests/promises", "-k", "not p09", "--no-loadscope-reorder"]
        # What promises a time is tried with nothing beside it.
        for part in (most, ["tests/promises", "-k", "p09", "-n0"]):
            status |= subprocess.run([*pytest, *part, *sys.argv[1:]], env=settings).returncode
        tell([json.loads(line) for line in lines.read_text("utf-8").splitlines()])
        print(f"{'all kept' if status == 0 else 'NOT ALL KEPT'} in {(time.monotonic() - began) / 60:.1f} minutes")
    return status


def tell(found: list[dict[str, object]]) -> None:
    """A line a promise; several tries of the same one are added up."""
    summed: dict[str, dict[str, object]] = {}
    for line in found:
        known = summed.setdefault(str(line.pop("promise")), {})
        for name, value in line.items():
            before = known.get(name, 0)
            adds_up = name in COLUMNS and isinstance(value, int | float) and isinstance(before, int | float)
            known[name] = round(before + value, 1) if adds_up else value  # type: ignore[operator]
    print(f"\n{'promise':<44}" + "".join(f"{name:>10}" for name in COLUMNS))
    for promise, line in sorted(summed.items(), key=lambda one: (int(one[0].split()[0][1:]), one[0])):
        more = ", ".join(f"{name} {value}" for name, value in line.items() if name not in COLUMNS)
        print(f"{promise:<44}" + "".join(f"{line[name]!s:>10}" for name in COLUMNS) + (f"   {more}" if more else ""))


if __name__ == "__main__":
    sys.exit(main())
