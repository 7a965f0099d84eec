"""From what was typed to what a use case takes; the rules themselves are in the domain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TypeVar

from grs.domain.bangla import to_ascii_digits
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause
from grs.domain.errors import InvalidInput
from grs.domain.lodging import LONGEST, ComplaintForm, Ground, Kind, check_form, tidy
from grs.domain.tiers import About

WordT = TypeVar("WordT", bound=StrEnum)
_FORM_KEY = re.compile(r"[A-Za-z0-9_-]{20,64}")


def read_complaint_form(typed: Mapping[str, str], *, language: str, today: date) -> ComplaintForm:
    """The complaint form; raises InvalidInput with every problem of it at once."""
    problems: dict[str, str] = {}
    kind = _choice(Kind, typed, "kind", problems)
    ground = _choice(Ground, typed, "ground", problems)
    about = _choice(About, typed, "about", problems)
    applied_on = _day(typed, "applied_on", problems)
    if ground is Ground.LATE and applied_on is None and typed.get("service"):
        problems.setdefault("applied_on", "required")
    form_key = typed.get("form_key", "")
    if not _FORM_KEY.fullmatch(form_key):
        problems["form_key"] = "required"
    texts = {field: typed.get(field, "") for field in LONGEST}
    form = ComplaintForm(
        form_key=form_key,
        kind=kind or Kind.PUBLIC,
        ground=ground or Ground.OTHER,
        about=about or About.NOBODY,
        language=language,
        applied_on=applied_on,
        is_anonymous=typed.get("is_anonymous") == "yes",
        **texts,
    )
    try:
        check_form(tidy(form), today=today)
    except InvalidInput as error:
        problems |= error.problems
    if problems:
        raise InvalidInput(problems)
    return form


def read_disposal(typed: Mapping[str, str]) -> Disposal:
    """The disposal form."""
    problems: dict[str, str] = {}
    outcome = _choice(Outcome, typed, "outcome", problems)
    root_cause = _choice(RootCause, typed, "root_cause", problems)
    for field in ("reasons", "advice"):
        if not typed.get(field, "").strip():
            problems[field] = "required"
    if problems or outcome is None or root_cause is None:
        raise InvalidInput(problems)
    return Disposal(outcome=outcome, reasons=typed["reasons"], root_cause=root_cause, advice=typed["advice"])


def read_not_admissible(typed: Mapping[str, str]) -> NotAdmissible:
    """The reason for which a complaint is filed away."""
    problems: dict[str, str] = {}
    ground = _choice(NotAdmissible, typed, "ground", problems)
    if ground is None:
        raise InvalidInput(problems)
    return ground


def read_number(text: str | None) -> int | None:
    """A whole number in either digits, or None."""
    digits = to_ascii_digits((text or "").strip())
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _choice(words: type[WordT], typed: Mapping[str, str], field: str, problems: dict[str, str]) -> WordT | None:
    try:
        return words(typed.get(field, ""))
    except ValueError:
        problems[field] = "choose_one"
        return None


def _day(typed: Mapping[str, str], field: str, problems: dict[str, str]) -> date | None:
    """A date as 2026-11-22 or 22/11/2026, in either digits; None when left empty."""
    text = to_ascii_digits(typed.get(field, "").strip())
    if not text:
        return None
    parts = re.split(r"[-/.]", text)
    try:
        year, month, day = (int(p) for p in (parts if len(parts[0]) == 4 else reversed(parts)))
        return date(year, month, day)
    except (ValueError, TypeError):
        problems[field] = "not_a_date"
        return None
