"""Batches take half a second, whatever the machine."""

from __future__ import annotations

import pytest

from grs.usecases import pace
from grs.usecases.pace import FIRST, LEAST, MOST, Pace


class Stopwatch:
    """Stands in for the clock that only goes forward."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    found = Stopwatch()
    monkeypatch.setattr(pace, "time", found)
    return found


def sizes(of: Pace, stopwatch: Stopwatch, *seconds: float) -> list[int]:
    found = []
    for took in seconds:
        with of.one_transaction():
            stopwatch.now += took
        found.append(of.size)
    return found


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        ((0.5,), [FIRST]),
        ((0.1, 0.5), [2 * FIRST, 2 * FIRST]),
        ((0.1, 0.1, 0.1, 0.1), [1000, 2000, MOST, MOST]),
        ((1.0, 1.0), [FIRST // 2, FIRST // 4]),
        ((60.0,), [LEAST]),
        ((0.0,), [2 * FIRST]),
    ],
)
def test_the_next_batch_follows_from_the_last(
    stopwatch: Stopwatch, seconds: tuple[float, ...], found: list[int]
) -> None:
    assert sizes(Pace(), stopwatch, *seconds) == found


def test_a_size_that_is_given_stays(stopwatch: Stopwatch) -> None:
    assert sizes(Pace(4), stopwatch, 0.01, 60.0) == [4, 4]
