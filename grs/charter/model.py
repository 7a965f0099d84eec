"""What a charter document says, as plain data, and the JSON it is printed as."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CharterDocument:
    """A whole charter as read; ``doubts`` are sentences for the person who checks the reading."""

    source: str
    office: OfficeHead
    dated: date | None
    vision: str | None
    mission: str | None
    services: tuple[Service, ...]
    expectations: tuple[str, ...]
    grievance_tiers: tuple[PrintedTier, ...]
    doubts: tuple[str, ...] = field(default=())

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
