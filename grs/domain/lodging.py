"""What a complaint must say to be taken, and what it is called (G 4, G 6.1, annex ক-১)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from grs.domain.bangla import normalise, normalise_lines, to_ascii_digits
from grs.domain.errors import InvalidInput
from grs.domain.tiers import About
from grs.domain.typed import read_choice, read_day


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
    """How it reached the office (G 6.1(জ)). All but the web are keyed in by an operator."""

    WEB = "web"
    DIGITAL_CENTRE = "digital_centre"
    CALL_CENTRE = "call_centre"
    FRONT_DESK = "front_desk"
    POST = "post"
    OWN_MOTION = "own_motion"


ASSISTED_CHANNELS = tuple(channel for channel in Channel if channel is not Channel.WEB)
OLDEST_PAPER = timedelta(days=365)
LANGUAGES = ("bn", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintForm:
    """What a person typed on the complaint form (annex ক-১).

    ``form_key`` is the form's own random name: the same form sent twice makes one complaint.
    ``language`` is the one in which the complainant wants letters. Who files for somebody else
    names them and the relation (G 6.1(চ)).
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
    on_behalf_of: str = ""
    relation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistance:
    """What an operator adds who keys a complaint in for somebody: how it came, and that they agreed.

    ``form_number`` is the paper form's own; within an office it makes one complaint however often
    it is keyed in.
    """

    operator_id: int
    office_id: int
    channel: Channel
    paper_received_on: date | None = None
    form_number: str = ""


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
    "on_behalf_of": 200,
    "relation": 100,
}
"""The most characters a field takes."""

_LONG_TEXTS = {"description", "remedy", "present_address", "permanent_address"}
_NUMBERS = {"mobile", "identity_number"}
_CONTACTS = (
    "name", "identity_number", "present_address", "permanent_address", "mobile", "email", "on_behalf_of", "relation",
)  # fmt: skip
LONGEST_FORM_NUMBER = 60
_FORM_KEY = re.compile(r"[A-Za-z0-9_-]{20,64}")
_MOBILE = re.compile(r"01[3-9][0-9]{8}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control signs, and those that turn the direction of what follows; joiners, which Bangla needs, stay."""


def printable(text: str) -> str:
    """The text without control signs: NUL, which PostgreSQL refuses, signs that turn the direction of text."""
    return _CONTROL.sub("", text)


def tidy(form: ComplaintForm) -> ComplaintForm:
    """The form as it is stored: one Unicode spelling, no control signs, numbers in ASCII digits.

    An anonymous complaint drops who sent it, even where something was typed.
    """
    tidied: dict[str, str] = {}
    for field in LONGEST:
        text = printable(getattr(form, field))
        text = normalise_lines(text) if field in _LONG_TEXTS else normalise(text)
        tidied[field] = to_ascii_digits(text) if field in _NUMBERS else text
    tidied["email"] = tidied["email"].lower()
    tidied["mobile"] = read_mobile(tidied["mobile"]) or tidied["mobile"]
    if form.is_anonymous:
        tidied |= dict.fromkeys(_CONTACTS, "")
    return replace(form, **tidied)  # type: ignore[arg-type]  # the keys are names of text fields


def read_mobile(text: str) -> str | None:
    """A Bangladeshi mobile number as eleven ASCII digits, however it was typed, or None."""
    digits = re.sub(r"[\s()-]", "", to_ascii_digits(text))
    digits = re.sub(r"^(?:\+?88|0088)(?=01)", "", digits)
    return digits if _MOBILE.fullmatch(digits) else None


def is_email(text: str) -> bool:
    """Whether the text is an address such as ``name@example.com``."""
    return len(text) <= LONGEST["email"] and bool(_EMAIL.fullmatch(text))


def check_form(form: ComplaintForm, *, today: date, is_assisted: bool = False) -> None:
    """Raise InvalidInput naming every field that is missing, too long or of the wrong shape.

    Who files himself leaves a mobile number; who is helped and has none leaves the address to which
    letters are posted.
    """
    required = ["subject", "description"]
    if not form.is_anonymous:
        required.append("name")
        if not (is_assisted and form.present_address):
            required.append("mobile")
    if form.on_behalf_of and not form.is_anonymous:
        required.append("relation")
    if form.relation and not form.is_anonymous:
        required.append("on_behalf_of")
    problems = {field: "required" for field in required if not getattr(form, field)}
    for field, longest in LONGEST.items():
        if len(getattr(form, field)) > longest:
            problems[field] = "too_long"
    if form.mobile and read_mobile(form.mobile) is None:
        problems.setdefault("mobile", "not_a_mobile")
    if form.email and not is_email(form.email):
        problems.setdefault("email", "not_an_email")
    if form.applied_on and form.applied_on > today:
        problems["applied_on"] = "in_the_future"
    if problems:
        raise InvalidInput(problems)


def read_complaint_form(
    typed: Mapping[str, str], *, language: str, today: date, is_assisted: bool = False
) -> ComplaintForm:
    """The form from what was typed; raises InvalidInput with every problem of it at once."""
    form, problems = _read(typed, language)
    try:
        check_form(tidy(form), today=today, is_assisted=is_assisted)
    except InvalidInput as error:
        problems = error.problems | problems
    if problems:
        raise InvalidInput(problems)
    return form


def _read(typed: Mapping[str, str], language: str) -> tuple[ComplaintForm, dict[str, str]]:
    problems: dict[str, str] = {}
    kind = read_choice(Kind, typed, "kind", problems)
    ground = read_choice(Ground, typed, "ground", problems)
    about = read_choice(About, typed, "about", problems)
    applied_on = read_day(typed, "applied_on", problems)
    if ground is Ground.LATE and applied_on is None and typed.get("service"):
        problems.setdefault("applied_on", "required")
    form_key = typed.get("form_key", "")
    if not _FORM_KEY.fullmatch(form_key):
        problems["form_key"] = "required"
    if typed.get("is_anonymous") not in ("yes", "no"):
        problems["is_anonymous"] = "choose_one"
    wanted = typed.get("language", "")
    form = ComplaintForm(
        form_key=form_key,
        kind=kind or Kind.PUBLIC,
        ground=ground or Ground.OTHER,
        about=about or About.NOBODY,
        language=wanted if wanted in LANGUAGES else language,
        applied_on=applied_on,
        is_anonymous=typed.get("is_anonymous") == "yes",
        **{field: typed.get(field, "") for field in LONGEST},
    )
    for_whom = typed.get("for_whom")
    if for_whom == "other" and not form.is_anonymous:
        problems |= {f: "required" for f in ("on_behalf_of", "relation") if not typed.get(f, "").strip()}
    elif for_whom == "self" or form.is_anonymous:
        form = replace(form, on_behalf_of="", relation="")
    else:
        problems["for_whom"] = "choose_one"
    return form, problems


def read_assistance(typed: Mapping[str, str], *, operator_id: int, office_id: int, today: date) -> Assistance:
    """What the operator adds; raises InvalidInput with every problem of it at once."""
    problems: dict[str, str] = {}
    channel = read_choice(Channel, typed, "channel", problems)
    if channel not in ASSISTED_CHANNELS:
        problems["channel"] = "choose_one"
    paper = read_day(typed, "paper_received_on", problems)
    if paper is not None and paper > today:
        problems["paper_received_on"] = "in_the_future"
    elif paper is not None and paper < today - OLDEST_PAPER:
        problems["paper_received_on"] = "too_long_ago"
    if typed.get("consent") != "yes":
        problems["consent"] = "consent_needed"
    form_number = normalise(printable(typed.get("form_number", "")))
    if len(form_number) > LONGEST_FORM_NUMBER:
        problems["form_number"] = "too_long"
    if problems or channel is None:
        raise InvalidInput(problems)
    return Assistance(
        operator_id=operator_id,
        office_id=office_id,
        channel=channel,
        paper_received_on=paper,
        form_number=form_number,
    )
