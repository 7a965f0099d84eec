"""What an officer asks of others for a complaint, each with a date of its own (G 7.1, 7.1.2, 7.4(ক))."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from grs.domain.calendar import WorkingCalendar
from grs.domain.errors import InvalidInput


class TaskKind(StrEnum):
    """What is asked."""

    OPINION = "opinion"
    SERVICE_ORDER = "service_order"
    INVESTIGATION = "investigation"
    HEARING = "hearing"
    RECOMMENDATION = "recommendation"


class TaskEnd(StrEnum):
    """How it ended: answered (a hearing: held), its day passed, replaced by another, or its complaint moved on."""

    ANSWERED = "answered"
    LAPSED = "lapsed"
    REPLACED = "replaced"
    COMPLAINT_MOVED = "complaint_moved"


ANSWERED_BY_OTHERS = (TaskKind.OPINION, TaskKind.SERVICE_ORDER, TaskKind.INVESTIGATION, TaskKind.RECOMMENDATION)
"""A hearing is recorded by the officer who called it; everything else is answered by who was asked."""

ONE_AT_A_TIME = (TaskKind.SERVICE_ORDER, TaskKind.INVESTIGATION, TaskKind.HEARING)
"""A new one replaces what is open of its kind; opinions and recommendations may be asked of several."""


class Instruction(StrEnum):
    """The five things an opinion tells unless the officer takes one out (ours)."""

    WHAT_HAPPENED = "what_happened"
    WHY = "why"
    PAPERS = "papers"
    WHAT_IS_DONE = "what_is_done"
    PREVENTION = "prevention"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLimits:
    """The guideline's numbers, in working days (G 7.1.2, 7.4.1(ক)); ``config/tiers.toml`` has them.

    ``extra`` is what an investigation adds to the first tier's limit, once.
    """

    report: int
    extra: int
    recommendation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigator:
    """Somebody who may investigate. ``grade`` is the pay grade of the post, 1 the highest; None where unknown."""

    person_id: int
    grade: int | None


MOST_INVESTIGATORS = 3


def check_committee(members: Sequence[Investigator], *, accused: Collection[int], accused_grade: int | None) -> None:
    """Raise InvalidInput unless one to three persons investigate, none of them accused or junior to the accused.

    Where a grade is not known nobody can say who is junior, so the committee is refused (G 7.1.2).
    """
    ids = [member.person_id for member in members]
    if not ids:
        raise InvalidInput({"investigators": "choose_investigators"})
    if len(ids) > MOST_INVESTIGATORS or len(set(ids)) != len(ids):
        raise InvalidInput({"investigators": "at_most_three"})
    if set(ids) & set(accused):
        raise InvalidInput({"investigators": "is_accused"})
    if accused_grade is None or any(member.grade is None for member in members):
        raise InvalidInput({"investigators": "grade_unknown"})
    if any(member.grade is not None and member.grade > accused_grade for member in members):
        raise InvalidInput({"investigators": "junior"})


def report_due(calendar: WorkingCalendar, opened_on: date, *, tier_due_on: date, days: int) -> date:
    """When an investigation reports: within its working days, never after the tier's due date (the cap is ours)."""
    return min(calendar.add_working_days(calendar.on_or_after(opened_on), days), tier_due_on)


def has_lapsed(due_on: date, today: date) -> bool:
    """An answer is in time until the end of its day; from the next day on the officer goes on without it (G 7.1(ঘ))."""
    return today > due_on
