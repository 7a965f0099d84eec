"""The numbers of the rules: each has a name, a unit it may be in, and counts from a day on.

The shipped values stand in ``config/tiers.toml``; what an administrator sets later follows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from grs.domain.errors import InvalidInput
from grs.domain.tasks import TaskLimits
from grs.domain.tiers import LONGEST_LIMIT, DayLimit, LimitUnit, Tier


class RuleName(StrEnum):
    """What an administrator can set. Limits: G 7.4.1; the investigation's: G 7.1.2, 7.4.1(ক); the rest is ours."""

    GRIEVANCE_OFFICER = "grievance_officer"
    APPEAL_OFFICER = "appeal_officer"
    CELL_OFFICER = "cell_officer"
    REPORT = "report"
    EXTRA = "extra"
    RECOMMENDATION = "recommendation"
    RETENTION = "retention"


RULE_OF_TIER = {
    Tier.GRIEVANCE_OFFICER: RuleName.GRIEVANCE_OFFICER,
    Tier.APPEAL_OFFICER: RuleName.APPEAL_OFFICER,
    Tier.CELL_OFFICER: RuleName.CELL_OFFICER,
}
UNITS: dict[RuleName, tuple[LimitUnit, ...]] = {
    **{name: tuple(LimitUnit) for name in RULE_OF_TIER.values()},
    RuleName.REPORT: (LimitUnit.WORKING_DAYS,),
    RuleName.EXTRA: (LimitUnit.WORKING_DAYS,),
    RuleName.RECOMMENDATION: (LimitUnit.WORKING_DAYS,),
    RuleName.RETENTION: (LimitUnit.MONTHS,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedValue:
    """A number from a day on, and on whose word."""

    name: RuleName
    limit: DayLimit
    in_force_from: date
    source: str


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The numbers in force on one day."""

    values: Mapping[RuleName, DatedValue]

    def limit(self, name: RuleName) -> DayLimit:
        return self.values[name].limit

    def of_tier(self, tier: Tier) -> DayLimit:
        """The guideline's limit of a tier (G 7.4.1)."""
        return self.limit(RULE_OF_TIER[tier])

    @property
    def tasks(self) -> TaskLimits:
        """How long investigations and recommendations take, in working days."""
        return TaskLimits(
            report=self.limit(RuleName.REPORT).amount,
            extra=self.limit(RuleName.EXTRA).amount,
            recommendation=self.limit(RuleName.RECOMMENDATION).amount,
        )


def rule_book(values: Iterable[DatedValue], day: date) -> RuleBook:
    """The newest value of each name that counts on a day; of two from the same day the later one given."""
    newest: dict[RuleName, DatedValue] = {}
    for value in values:
        before = newest.get(value.name)
        if value.in_force_from <= day and (before is None or value.in_force_from >= before.in_force_from):
            newest[value.name] = value
    return RuleBook(newest)


def check_value(
    name: RuleName, amount: int | None, unit: LimitUnit, *, in_force_from: date | None, today: date
) -> None:
    """Raise InvalidInput unless this may be set: the past is not changed."""
    problems = {}
    if amount is None or not 1 <= amount <= LONGEST_LIMIT:
        problems["amount"] = "not_a_limit"
    if unit not in UNITS[name]:
        problems["unit"] = "not_this_unit"
    if in_force_from is None:
        problems["in_force_from"] = "required"
    elif in_force_from < today:
        problems["in_force_from"] = "in_the_past"
    if problems:
        raise InvalidInput(problems)
