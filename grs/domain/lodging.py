"""What a complaint must say to be taken, and what it is called (G 4, G 6.1, annex ক-১)."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum

from grs.domain.bangla import normalise, normalise_lines, to_ascii_digits
from grs.domain.errors import InvalidInput
from grs.domain.tiers import About


class Category(StrEnum):
    """Whom a service is for; the three tables of a charter."""

    CITIZEN = "citizen"
    INSTITUTIONAL = "institutional"
    INTERNAL = "internal"


class Kind(StrEnum):
    """Who complains in which capacity (G 4)."""

    PUBLIC = "public"
    STAFF = "staff"
    OFFICIAL = "official"


PROPOSED_KIND = {
    Category.CITIZEN: Kind.PUBLIC,
    Category.INTERNAL: Kind.STAFF,
    Category.INSTITUTIONAL: Kind.OFFICIAL,
}
"""What the form proposes for a service's category; the filer may correct it."""


class Ground(StrEnum):
    """What the complaint is about."""

    LATE = "late"
    STANDARD_BROKEN = "standard_broken"
    MISCONDUCT = "misconduct"
    DECISION = "decision"
    OTHER = "other"


class Channel(StrEnum):
    """How it reached the office."""

    WEB = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintForm:
    """What a person typed on the complaint form (annex ক-১).

    ``form_key`` is the form's own random name: the same form sent twice makes one complaint.
    """

    form_key: str
    kind: Kind
    ground: Ground
    about: About = About.NOBODY
    language: str = "bn"
    applied_on: date | None = None
    service_reference: str = ""
    subject: str = ""
    description: str = ""
    remedy: str = ""
    is_anonymous: bool = False
    name: str = ""
    identity_number: str = ""
    present_address: str = ""
    permanent_address: str = ""
    mobile: str = ""
    email: str = ""


LONGEST = {
    "service_reference": 100,
    "subject": 300,
    "description": 20_000,
    "remedy": 5_000,
    "name": 200,
    "identity_number": 40,
    "present_address": 1_000,
    "permanent_address": 1_000,
    "mobile": 20,
    "email": 254,
}
"""The most characters a field takes."""

_LONG_TEXTS = {"description", "remedy", "present_address", "permanent_address"}
_NUMBERS = {"mobile", "identity_number"}
_CONTACTS = ("name", "identity_number", "present_address", "permanent_address", "mobile", "email")
_MOBILE = re.compile(r"01[3-9]\d{8}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def tidy(form: ComplaintForm) -> ComplaintForm:
    """The form as it is stored: one Unicode spelling, no control signs, numbers in ASCII digits.

    An anonymous complaint drops who sent it, even where something was typed.
    """
    tidied: dict[str, str] = {}
    for field in LONGEST:
        text = _CONTROL.sub("", getattr(form, field))
        text = normalise_lines(text) if field in _LONG_TEXTS else normalise(text)
        tidied[field] = to_ascii_digits(text) if field in _NUMBERS else text
    tidied["mobile"] = read_mobile(tidied["mobile"]) or tidied["mobile"]
    if form.is_anonymous:
        tidied |= dict.fromkeys(_CONTACTS, "")
    return replace(form, **tidied)  # type: ignore[arg-type]  # the keys are names of text fields


def read_mobile(text: str) -> str | None:
    """A Bangladeshi mobile number as eleven ASCII digits, however it was typed, or None."""
    digits = re.sub(r"[\s()-]", "", to_ascii_digits(text))
    digits = re.sub(r"^(?:\+?88|0088)(?=01)", "", digits)
    return digits if _MOBILE.fullmatch(digits) else None


def check_form(form: ComplaintForm, *, today: date) -> None:
    """Raise InvalidInput naming every field that is missing, too long or of the wrong shape."""
    required = ["subject", "description"]
    if not form.is_anonymous:
        required += ["name", "mobile"]
    problems = {field: "required" for field in required if not getattr(form, field)}
    for field, longest in LONGEST.items():
        if len(getattr(form, field)) > longest:
            problems[field] = "too_long"
    if form.mobile and read_mobile(form.mobile) is None:
        problems.setdefault("mobile", "not_a_mobile")
    if form.email and not _EMAIL.fullmatch(form.email):
        problems.setdefault("email", "not_an_email")
    if form.applied_on and form.applied_on > today:
        problems["applied_on"] = "in_the_future"
    if problems:
        raise InvalidInput(problems)


FORM_FIELDS = tuple(field.name for field in fields(ComplaintForm))
