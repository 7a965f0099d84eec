"""What a reader of a charter should look at twice: doubts about single proposals, with codes for people's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from grs.charter.cells import is_reversed, read_day_limit
from grs.charter.model import CharterDocument, Contact, Officer, PrintedTier, Service
from grs.domain.bangla import skeleton, to_ascii_digits
from grs.domain.lodging import is_email

LONGEST_USUAL_NAME, LONGEST_USUAL_LIMIT = 250, 180
USUAL_DIGITS = range(7, 12)
"""Of a telephone number without the country's code."""
TIERS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Doubt:
    """``place`` is ``office``, ``service`` or ``tier``; ``number`` counts services from 0, tiers as they are called."""

    place: str
    number: int
    code: str


def doubts_of(document: CharterDocument) -> Iterator[Doubt]:
    """Every doubt about what was read, in the order of the document."""
    if document.dated is None:
        yield Doubt("office", 0, "no_date")
    names = Counter((service.category, skeleton(service.name)) for service in document.services)
    serials = Counter((service.category, service.serial) for service in document.services if service.serial)
    while_reading = {(doubt.line, doubt.code) for doubt in document.doubts}
    for number, service in enumerate(document.services):
        for code in _of_service(service):
            yield Doubt("service", number, code)
        if (service.line, "officer_from_above") in while_reading:
            yield Doubt("service", number, "officer_from_above")
        if service.serial and serials[service.category, service.serial] > 1:
            yield Doubt("service", number, "serial_twice")
        if names[service.category, skeleton(service.name)] > 1:
            yield Doubt("service", number, "twice")
    printed = {tier.tier for tier in document.grievance_tiers}
    for tier in TIERS:
        if tier not in printed:
            yield Doubt("tier", tier, "tier_not_stated")
    for one in document.grievance_tiers:
        for code in _of_tier(one):
            yield Doubt("tier", one.tier, code)


def _of_service(service: Service) -> Iterator[str]:
    if not service.time_limit_text:
        yield "no_time"
    elif not service.time_limit.says_something and read_day_limit(service.time_limit_text) is None:
        yield "time_not_understood"
    elif is_reversed(service.time_limit_text):
        yield "range_reversed"
    limit = read_day_limit(service.time_limit_text or "")
    if limit is not None and limit.amount > LONGEST_USUAL_LIMIT:
        yield "very_long"
    if service.officer is None or not service.officer.designation:
        yield "no_officer"
    elif not service.officer.phones and not service.officer.emails:
        yield "no_contact"
    for officer in (service.officer, service.superior):
        if officer is not None:
            yield from _of_reach(officer)
    if len(service.name) > LONGEST_USUAL_NAME:
        yield "long_name"


def _of_tier(tier: PrintedTier) -> Iterator[str]:
    if tier.limit is None:
        yield "limit_not_stated"
    if not tier.contact.designation:
        yield "no_post"
    if not tier.contact.phones and not tier.contact.emails and not tier.contact.websites:
        yield "no_contact"
    yield from _of_reach(tier.contact)


def _of_reach(who: Officer | Contact) -> Iterator[str]:
    digits = ["".join(c for c in to_ascii_digits(phone) if c.isdigit()).removeprefix("880") for phone in who.phones]
    if any(len(number) not in USUAL_DIGITS for number in digits):
        yield "odd_phone"
    if not all(is_email(address) for address in who.emails):
        yield "odd_email"
