"""From facts to words: one template a letter and language, the first line is its subject."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

from grs.domain.bangla import to_bengali_digits
from grs.domain.tracking import grouped
from grs.settings import TEMPLATES
from grs.words import word

MONTHS_BN = ["জানুয়ারি", "ফেব্রুয়ারি", "মার্চ", "এপ্রিল", "মে", "জুন", "জুলাই", "আগস্ট", "সেপ্টেম্বর", "অক্টোবর", "নভেম্বর", "ডিসেম্বর"]
MONTHS_EN = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS_BN = ["সোমবার", "মঙ্গলবার", "বুধবার", "বৃহস্পতিবার", "শুক্রবার", "শনিবার", "রবিবার"]
WEEKDAYS_EN = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def day_text(day: date, language: str) -> str:
    """২২ নভেম্বর ২০২৬, রবিবার; in English Sunday, 22 November 2026."""
    if language == "bn":
        written = f"{day.day} {MONTHS_BN[day.month - 1]} {day.year}, {WEEKDAYS_BN[day.weekday()]}"
        return to_bengali_digits(written)
    return f"{WEEKDAYS_EN[day.weekday()]}, {day.day} {MONTHS_EN[day.month - 1]} {day.year}"


def number_text(value: object, language: str) -> str:
    """A number in the digits of the language."""
    return to_bengali_digits(value) if language == "bn" else str(value)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES / "messages"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - letters are plain text, nothing in them is HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(name: str, language: str, facts: Mapping[str, Any]) -> str:
    def day(value: date | str) -> str:
        return day_text(date.fromisoformat(value) if isinstance(value, str) else value, language)

    def number(value: object) -> str:
        return number_text(value, language)

    def track(value: str) -> str:
        return number_text(grouped(value), language)

    return _environment().get_template(name).render(facts, day=day, number=number, track=track, word=word)


def render_letter(letter: str, language: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and body of a letter."""
    text = _render(f"{letter}/{language}.txt", language, facts)
    subject, _, body = text.partition("\n")
    return subject.strip(), body.strip() + "\n"


def render_sms(letter: str, language: str, facts: Mapping[str, Any]) -> str:
    """The short message of a letter."""
    return " ".join(_render(f"{letter}/sms.{language}.txt", language, facts).split())


@cache
def has_sms(letter: str) -> bool:
    """Whether the letter has a short form."""
    try:
        _environment().get_template(f"{letter}/sms.bn.txt")
    except TemplateNotFound:
        return False
    return True
