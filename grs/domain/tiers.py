"""Who answers, in which order, and how long each may take (G 7.4.1).

The numbers are data: a charter's own chain, or the guideline's default in ``config/tiers.toml``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Tier(IntEnum):
    """Decision 1: who answers now, apart from stage and outcome."""

    GRIEVANCE_OFFICER = 1
    APPEAL_OFFICER = 2
    CELL_OFFICER = 3


class OfficeLevel(StrEnum):
    """Where an office stands in the tree; the guideline's default chain is read off it (G 5.1.1)."""

    UNION = "union"
    UPAZILA = "upazila"
    DISTRICT = "district"
    DIVISION = "division"
    DIRECTORATE = "directorate"
    MINISTRY = "ministry"
    CELL = "cell"


BELOW_DISTRICT = {OfficeLevel.UNION, OfficeLevel.UPAZILA}
"""For these the guideline's grievance officer sits at the district (G 5.1.1)."""


class LimitUnit(StrEnum):
    """What a limit counts in; charters print all three."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    MONTHS = "months"


class ChainSource(StrEnum):
    """Where an office's chain comes from; the page says which."""

    CHARTER = "charter"
    GUIDELINE = "guideline"
    ORDER = "order"


class About(StrEnum):
    """Whom a complaint accuses, as far as it decides where it starts (G 7.1(ক))."""

    NOBODY = "nobody"
    GRIEVANCE_OFFICER = "grievance_officer"
    HEAD_OF_OFFICE = "head_of_office"
    APPEAL_OFFICER = "appeal_officer"


LONGEST_LIMIT = 600
"""Of any unit. A larger number is a slip of the hand, and one day a date that no calendar has."""


@dataclass(frozen=True, slots=True)
class DayLimit:
    """How long a tier may take: at least one of its unit."""

    amount: int
    unit: LimitUnit = LimitUnit.WORKING_DAYS

    def __post_init__(self) -> None:
        if not 1 <= self.amount <= LONGEST_LIMIT:
            raise ValueError(f"a limit is at least one day and at most {LONGEST_LIMIT} of any unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTier:
    """One desk of a chain: the post that answers at this tier, in which office, within which limit."""

    tier: Tier
    post_id: int
    office_id: int
    limit: DayLimit


@dataclass(frozen=True, slots=True)
class TierChain:
    """An office's desks from the first to the last, without gaps."""

    tiers: tuple[ChainTier, ...]
    source: ChainSource

    def __iter__(self) -> Iterator[ChainTier]:
        return iter(self.tiers)

    def at(self, tier: Tier) -> ChainTier:
        """The desk at a tier; KeyError when the chain has none."""
        for desk in self.tiers:
            if desk.tier is tier:
                return desk
        raise KeyError(tier)

    def above(self, tier: Tier) -> ChainTier | None:
        """The next desk up, or None at the top."""
        for desk in self.tiers:
            if desk.tier > tier:
                return desk
        return None


_FIRST_TIER = {
    About.NOBODY: Tier.GRIEVANCE_OFFICER,
    About.GRIEVANCE_OFFICER: Tier.APPEAL_OFFICER,
    About.HEAD_OF_OFFICE: Tier.APPEAL_OFFICER,
    About.APPEAL_OFFICER: Tier.CELL_OFFICER,
}


def first_tier(about: About) -> Tier:
    """Where a complaint starts: the clock's owner is never the person complained about (G 7.1(ক))."""
    return _FIRST_TIER[about]
