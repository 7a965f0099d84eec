"""How a complaint ends: outcomes per tier, and what a disposal must say (G annex গ-২)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grs.domain.errors import InvalidInput
from grs.domain.tiers import Tier


class Outcome(StrEnum):
    """How it ended; apart from tier and stage (decision 1)."""

    SERVICE_GIVEN = "service_given"
    EXPLANATION_ACCEPTED = "explanation_accepted"
    ACCUSATION_PROVED = "accusation_proved"
    ACCUSATION_NOT_PROVED = "accusation_not_proved"
    NOT_ADMISSIBLE = "not_admissible"
    WITHDRAWN = "withdrawn"
    UPHELD = "upheld"
    ORDER_TO_COMPLY = "order_to_comply"
    DECISION_CORRECTED = "decision_corrected"
    DISCIPLINE_RECOMMENDED = "discipline_recommended"


FIRST_TIER_OUTCOMES = (
    Outcome.SERVICE_GIVEN,
    Outcome.EXPLANATION_ACCEPTED,
    Outcome.ACCUSATION_PROVED,
    Outcome.ACCUSATION_NOT_PROVED,
    Outcome.WITHDRAWN,
)
APPEAL_OUTCOMES = (
    Outcome.UPHELD,
    Outcome.ORDER_TO_COMPLY,
    Outcome.DECISION_CORRECTED,
    Outcome.DISCIPLINE_RECOMMENDED,
)


class RootCause(StrEnum):
    """Why the promise was broken; the reports count these against the charter's services."""

    PROCESS_DELAY = "process_delay"
    STAFF_SHORTAGE = "staff_shortage"
    EQUIPMENT = "equipment"
    MISSING_INFORMATION = "missing_information"
    INCOMPLETE_APPLICATION = "incomplete_application"
    UNCLEAR_RULE = "unclear_rule"
    MISCONDUCT = "misconduct"
    OTHER_OFFICE = "other_office"
    NO_FAULT = "no_fault"


class NotAdmissible(StrEnum):
    """Why a complaint is filed away (নথিজাত). The last only while its complainant is marked as habitual."""

    BEFORE_COURT = "before_court"
    RIGHT_TO_INFORMATION = "right_to_information"
    OWN_REVIEW = "own_review"
    HABITUAL = "habitual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """What an officer decides: all four are required (G annex গ-২)."""

    outcome: Outcome
    reasons: str
    root_cause: RootCause
    advice: str


def possible_outcomes(tier: Tier, *, started_at: Tier) -> tuple[Outcome, ...]:
    """The outcomes an officer may choose at a tier.

    Where a complaint starts, nobody has decided it yet: the first tier's outcomes, whoever sits
    there. After a referral or appeal both kinds: an unanswered case may still be answered.
    """
    return FIRST_TIER_OUTCOMES if tier is started_at else APPEAL_OUTCOMES + FIRST_TIER_OUTCOMES


def check_disposal(disposal: Disposal, tier: Tier, *, started_at: Tier) -> None:
    """Raise InvalidInput naming each field that is missing or does not fit the tier."""
    problems = {field: "required" for field in ("reasons", "advice") if not getattr(disposal, field).strip()}
    if disposal.outcome not in possible_outcomes(tier, started_at=started_at):
        problems["outcome"] = "not_at_this_tier"
    if problems:
        raise InvalidInput(problems)
