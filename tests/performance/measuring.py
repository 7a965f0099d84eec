"""How the benchmarks measure: medians of several rounds, beside a floor measured in the same run."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured: ``ours`` and ``floor`` in ``unit``, with how many complaints; ``ratio`` above 1 is worse."""

    name: str
    unit: str
    ours: float
    floor: float | None = None
    floor_is: str = ""
    database: str = ""
    complaints: int = 0
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the floor's time ours took."""
        if not self.floor:
            return None
        return self.floor / self.ours if self.unit == "/s" else self.ours / self.floor


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes, once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def middle(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of the seconds that something takes, after once for nothing."""
    work()
    return statistics.median(timed(work) for _ in range(rounds))


def p95(times: Sequence[float]) -> float:
    """Below or at which 95 of 100 lie, by nearest rank."""
    return sorted(times)[max(-(-len(times) * 95 // 100) - 1, 0)] if times else 0.0


def say(text: str) -> None:
    """What is being measured now: long commands show progress."""
    print(f"… {text}", file=sys.stderr, flush=True)


def tell(figures: Sequence[Figure]) -> None:
    """A table, then one JSON line a figure."""
    print(f"\n{'figure':<62}{'complaints':>11}{'ours':>14}{'floor':>14}{'ratio':>8}  goal")
    for one in figures:
        floor = _number(one.floor, one.unit) if one.floor else "-"
        ratio = f"{one.ratio:.2f}" if one.ratio else "-"
        name = f"{one.database}: {one.name}" if one.database else one.name
        size = f"{one.complaints:,}" if one.complaints else ""
        print(f"{name:<62}{size:>11}{_number(one.ours, one.unit):>14}{floor:>14}{ratio:>8}  {one.goal}")
    for one in figures:
        print(_line(one))


def _line(one: Figure) -> str:
    return json.dumps(asdict(one) | {"ratio": one.ratio}, ensure_ascii=False)


def keep(one: Figure) -> None:
    """Also into the file that ``BENCH_LINES`` names, as soon as it is known: an hour's run may be cut short."""
    if path := os.environ.get("BENCH_LINES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(_line(one) + "\n")


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 2
    return f"{value:,.{digits}f} {unit}".replace(" /s", "/s")
