"""Habitual, proved false complaints: the grievance officer proposes, the appeal officer decides."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from grs.domain.deadlines import add_months
from grs.domain.errors import InvalidInput

LONGEST_MONTHS = 12
"""How long a mark may last (ours); after it everything is as before."""


class MarkState(StrEnum):
    """A mark from the proposal to its end."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    REFUSED = "refused"
    ENDED = "ended"


def check_term(*, today: date, review_on: date | None, ends_on: date | None) -> tuple[date, date]:
    """The day of review and the last day of a mark; raises InvalidInput unless today < review < end ≤ a year."""
    problems = {field: "required" for field, day in (("review_on", review_on), ("ends_on", ends_on)) if day is None}
    if review_on is None or ends_on is None:
        raise InvalidInput(problems)
    if not today < ends_on <= add_months(today, LONGEST_MONTHS):
        problems["ends_on"] = "within_a_year"
    if not today < review_on < ends_on:
        problems["review_on"] = "before_the_end"
    if problems:
        raise InvalidInput(problems)
    return review_on, ends_on


def is_in_force(state: MarkState, ends_on: date | None, today: date) -> bool:
    """Whether a mark counts on a day: the last day included."""
    return state is MarkState.IN_FORCE and ends_on is not None and today <= ends_on
