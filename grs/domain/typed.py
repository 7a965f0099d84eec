"""What people type, read into words, days and numbers; in either digits, problems named by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from enum import StrEnum
from typing import TypeVar

from grs.domain.bangla import to_ascii_digits
from grs.domain.calendar import YEARS

LONGEST_NUMBER = 10
"""Digits: more than any row or page has, fewer than a database refuses."""

WordT = TypeVar("WordT", bound=StrEnum)


def read_number(text: str | None) -> int | None:
    """A whole number in either digits, or None."""
    digits = to_ascii_digits((text or "").strip())
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < LONGEST_NUMBER else None


def read_choice(words: type[WordT], typed: Mapping[str, str], field: str, problems: dict[str, str]) -> WordT | None:
    """The chosen word; notes ``choose_one`` where there is none."""
    try:
        return words(typed.get(field, ""))
    except ValueError:
        problems[field] = "choose_one"
        return None


def read_yes_or_no(typed: Mapping[str, str], field: str, problems: dict[str, str]) -> bool:
    """Whether yes was chosen; notes ``choose_one`` where nothing was."""
    if typed.get(field) not in ("yes", "no"):
        problems[field] = "choose_one"
    return typed.get(field) == "yes"


def read_clock(typed: Mapping[str, str], field: str, problems: dict[str, str]) -> time | None:
    """A time of day such as 11:30 or ১১.৩০; None when left empty, notes ``not_a_time`` for anything else."""
    text = to_ascii_digits(typed.get(field, "").strip())
    if not text:
        return None
    hour, _, minute = text.replace(".", ":").partition(":")
    try:
        return time(int(hour), int(minute or 0))
    except (ValueError, OverflowError):
        problems[field] = "not_a_time"
        return None


def read_day(typed: Mapping[str, str], field: str, problems: dict[str, str]) -> date | None:
    """A date as 2026-11-22 or 22/11/2026; None when left empty, notes ``not_a_date`` for anything else."""
    text = to_ascii_digits(typed.get(field, "").strip())
    if not text:
        return None
    parts = [part.strip() for part in re.split(r"[-/.\s]+", text)]
    try:
        year, month, day = (int(p) for p in (parts if len(parts[0]) == 4 else reversed(parts)))
        if year not in YEARS:
            raise ValueError(year)
        return date(year, month, day)
    except (ValueError, TypeError, OverflowError):
        problems[field] = "not_a_date"
        return None
