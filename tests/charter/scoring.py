"""How well a reading agrees with an expected file: precision and recall over fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf of a reading with its path; what explains (``_accept``, ``note``) is no field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "note" and not key.endswith("_accept"):
                yield from fields(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from fields(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, value


def accepted(value: Any, path: str = "") -> dict[str, list[Any]]:
    """The readings that are equally right, by path."""
    found: dict[str, list[Any]] = {}
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("_accept"):
                found[f"{path}.{key.removesuffix('_accept')}"] = inner
            else:
                found |= accepted(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= accepted(inner, f"{path}[{index}]")
    return found


def mistakes(read: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Each field that is wrong, missing or too much, as a line to read."""
    wanted, got, also = dict(fields(expected)), dict(fields(read)), accepted(expected)
    wrong = []
    for path in sorted(wanted.keys() | got.keys()):
        options = [wanted.get(path), *also.get(path, [])]
        if got.get(path) not in options:
            wrong.append(f"{path}: read {got.get(path)!r}, expected {wanted.get(path)!r}")
    return wrong


def f1(read: dict[str, Any], expected: dict[str, Any]) -> float:
    """The harmonic mean of precision and recall over all leaf fields."""
    total = len(dict(fields(expected))) + len(dict(fields(read)))
    wrong = len(mistakes(read, expected))
    return 1.0 if not wrong else 1 - 2 * wrong / max(total, 1)
