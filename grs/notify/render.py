"""From facts to words: one template a letter and language, the first line is its subject."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

from grs.domain.bangla import to_bengali_digits
from grs.domain.replies import LINE
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


def month_text(day: date, language: str) -> str:
    """নভেম্বর ২০২৬; in English November 2026."""
    if language == "bn":
        return to_bengali_digits(f"{MONTHS_BN[day.month - 1]} {day.year}")
    return f"{MONTHS_EN[day.month - 1]} {day.year}"


def short_day_text(day: date, language: str) -> str:
    """২২ নভেম্বর; in English 22 November."""
    month = MONTHS_BN if language == "bn" else MONTHS_EN
    return number_text(f"{day.day} {month[day.month - 1]}", language)


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


@cache
def _pages() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES / "messages"), undefined=StrictUndefined, autoescape=True)


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
    return subject.strip(), re.sub(r"\n{3,}", "\n\n", body.strip()) + "\n"


def answer_line(language: str) -> str:
    """What stands above a letter that can be answered by mail: what is written above it counts."""
    return f"{LINE} {word('reply', 'line', language)} –##"


def render_html(subject: str, body: str, language: str, *, base_url: str, line: str = "") -> str:
    """The letter for mail programs that show HTML, drawn from its text: one source, the same words.

    Only addresses under ``base_url`` become links: what somebody typed never does. ``line`` stands above all.
    """
    ours = re.compile(rf"({re.escape(base_url)}(?:/\S*)?(?=\s|$))")
    return (
        _pages()
        .get_template("layout.html")
        .render(subject=subject, language=language, line=line, blocks=list(_blocks(body, ours)))
    )


def _blocks(body: str, ours: re.Pattern[str]) -> Iterator[dict[str, Any]]:
    """Paragraphs and lists with their lines; the odd parts of a line are addresses of ours."""

    def shape(line: str) -> str:
        return "list" if line.startswith("- ") else "text" if line.strip() else "gap"

    for found, lines in groupby(body.split("\n"), shape):
        if found != "gap":
            yield {"is_list": found == "list", "lines": [ours.split(line.removeprefix("- ")) for line in lines]}


def sms_parts(text: str) -> int:
    """In how many parts the network sends a text, which is what it costs.

    Plain Latin (GSM 03.38): 160 signs alone, 153 a part when joined. Anything else, Bangla too, is
    UCS-2: 70 and 67 units; a sign beyond the basic plane takes two.
    """
    if all(c in _GSM for c in text):
        units, alone, joined = sum(2 if c in _GSM_ESCAPED else 1 for c in text), 160, 153
    else:
        units, alone, joined = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if units <= alone else -(-units // joined)


_GSM_ESCAPED = "^{}\\[~]|€"
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà" + _GSM_ESCAPED
)


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
