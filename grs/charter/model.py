"""What a charter document says, as plain data, and the JSON it is printed as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from grs.domain.lodging import Category
from grs.domain.tiers import DayLimit, LimitUnit


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """What a time cell promises. Days are working days; a cell may promise several things at once."""

    immediate: bool = False
    working_days_min: int | None = None
    working_days_max: int | None = None
    as_needed: bool = False
    as_directed: bool = False

    @property
    def says_something(self) -> bool:
        return self != TimeLimit()


@dataclass(frozen=True, slots=True)
class Officer:
    """A responsible or superior officer as one cell, or one merged group of cells, names him."""

    name: str | None = None
    designation: str | None = None
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One promise: a row of a service table with its merged and continued cells put back."""

    category: Category
    serial: str | None
    name: str
    delivery_method: str | None
    documents: str | None
    fee: str | None
    time_limit_text: str | None
    time_limit: TimeLimit
    officer: Officer | None
    superior: Officer | None
    line: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a tier of the grievance chain is reached."""

    designation: str | None = None
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    websites: tuple[str, ...] = ()
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTier:
    """One line of the grievance section; ``limit`` is None where none can be read."""

    tier: int
    when: str | None
    officer_role: str | None
    contact: Contact
    limit: DayLimit | None
    line: int


@dataclass(frozen=True, slots=True)
class OfficeHead:
    """How the document names its office."""

    name_bn: str | None = None
    upazila_en: str | None = None
    district_en: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True)
class ReadingDoubt:
    """What was supplied or left out while reading: ``no_heading``, ``left_out`` or ``officer_from_above``."""

    line: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CharterDocument:
    """A whole charter as read; ``doubts`` are for the person who checks the reading."""

    source: str
    office: OfficeHead
    dated: date | None
    vision: str | None
    mission: str | None
    services: tuple[Service, ...]
    expectations: tuple[str, ...]
    grievance_tiers: tuple[PrintedTier, ...]
    doubts: tuple[ReadingDoubt, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The shape that ``grs charter read FILE --json`` prints."""
        return {
            "source": self.source,
            "office": asdict(self.office),
            "dated": self.dated.isoformat() if self.dated else None,
            "vision": self.vision,
            "mission": self.mission,
            "services": [_service_json(service) for service in self.services],
            "expectations": list(self.expectations),
            "grievance_tiers": [_tier_json(tier) for tier in self.grievance_tiers],
        }


def as_kept(document: CharterDocument) -> dict[str, Any]:
    """Everything that was read, as JSON, until somebody confirms it; ``from_kept`` gives it back."""
    found = asdict(document)
    found["dated"] = document.dated.isoformat() if document.dated else None
    return found


def from_kept(kept: Mapping[str, Any]) -> CharterDocument:
    """The document that ``as_kept`` made this of."""
    return CharterDocument(
        source=kept["source"],
        office=OfficeHead(**kept["office"]),
        dated=date.fromisoformat(kept["dated"]) if kept["dated"] else None,
        vision=kept["vision"],
        mission=kept["mission"],
        services=tuple(_kept_service(one) for one in kept["services"]),
        expectations=tuple(kept["expectations"]),
        grievance_tiers=tuple(_kept_tier(one) for one in kept["grievance_tiers"]),
        doubts=tuple(ReadingDoubt(one["line"], one["code"]) for one in kept["doubts"]),
    )


def _kept_service(one: Mapping[str, Any]) -> Service:
    return Service(
        **{
            **one,
            "category": Category(one["category"]),
            "time_limit": TimeLimit(**one["time_limit"]),
            "officer": _kept_officer(one["officer"]),
            "superior": _kept_officer(one["superior"]),
        }
    )


def _kept_officer(one: Mapping[str, Any] | None) -> Officer | None:
    if one is None:
        return None
    return Officer(one["name"], one["designation"], tuple(one["phones"]), tuple(one["emails"]))


def _kept_tier(one: Mapping[str, Any]) -> PrintedTier:
    contact, limit = one["contact"], one["limit"]
    reach = {name: tuple(contact[name]) for name in ("phones", "emails", "websites")}
    return PrintedTier(
        tier=one["tier"],
        when=one["when"],
        officer_role=one["officer_role"],
        contact=Contact(designation=contact["designation"], address=contact["address"], **reach),
        limit=DayLimit(limit["amount"], LimitUnit(limit["unit"])) if limit else None,
        line=one["line"],
    )


def _service_json(service: Service) -> dict[str, Any]:
    found = asdict(service)
    del found["line"]
    found["category"] = str(service.category)
    return found


def _tier_json(tier: PrintedTier) -> dict[str, Any]:
    found = asdict(tier)
    del found["line"], found["limit"]
    in_working_days = tier.limit is not None and tier.limit.unit is LimitUnit.WORKING_DAYS
    found["working_days"] = tier.limit.amount if tier.limit and in_working_days else None
    return found
