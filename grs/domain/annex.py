"""The monthly report of the guideline, annex গ-১ and গ-২, and the two rates beside it.

A *case* is what one desk's office reports: a complaint from the day it comes there, by lodging or forwarding, or an
appeal, filed or taken up by the appeal officer of his own motion when the time below ran out (G 5.2.2(গ)). Ours, where
the form is silent:

- A complaint forwarded to another office is counted there alone, at each month's end by where it lies then.
- One that went up because its time ran out stays with the office that let it run out, past time, until it is disposed
  of anywhere; the office above counts an own-motion appeal. So total = disposed + running, in every month.
- A decision that was taken back in a later month brings its case in again, with what was carried over.
- Union Digital Centres file on the website; post and front desk are the conventional way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

from grs.domain.calendar import ONE_DAY
from grs.domain.deadlines import add_months, is_overdue
from grs.domain.disposal import Outcome, RootCause
from grs.domain.lodging import Channel
from grs.domain.tiers import Tier
from grs.domain.workflow import Action


class Intake(StrEnum):
    """How a case came into a month's total."""

    WEBSITE = "website"
    CALL_CENTRE = "call_centre"
    CONVENTIONAL = "conventional"
    OWN_MOTION = "own_motion"
    CARRIED_OVER = "carried_over"


INTAKE_OF_CHANNEL = {
    Channel.WEB: Intake.WEBSITE,
    Channel.DIGITAL_CENTRE: Intake.WEBSITE,
    Channel.CALL_CENTRE: Intake.CALL_CENTRE,
    Channel.FRONT_DESK: Intake.CONVENTIONAL,
    Channel.POST: Intake.CONVENTIONAL,
    Channel.OWN_MOTION: Intake.OWN_MOTION,
}


class Standing(StrEnum):
    """Where a case stands at the end of a month."""

    DISPOSED = "disposed"
    IN_TIME = "in_time"
    PAST_TIME = "past_time"


OVERTURNING = frozenset(
    {Outcome.ORDER_TO_COMPLY, Outcome.DECISION_CORRECTED, Outcome.DISCIPLINE_RECOMMENDED, Outcome.SERVICE_GIVEN,
     Outcome.ACCUSATION_PROVED}
)  # fmt: skip
"""Decisions on a filed appeal that give the appellant what the decision below did not."""


# -- from stays to cases -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One stay of a complaint at a desk, with what it was decided to be if it ended so. Days are Dhaka dates."""

    sequence: int
    office_id: int
    post_id: int
    tier: Tier
    began_on: date
    due_on: date
    ended_on: date | None = None
    ended_by: Action | None = None
    outcome: Outcome | None = None
    root_cause: RootCause | None = None


DISPOSING = (Action.DISPOSE, Action.REJECT, Action.WITHDRAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a case ended, for good or until it was taken back on ``undone_on``.

    ``sequence`` is the stay in which it was decided: one above where the case had gone up by then.
    """

    sequence: int
    decided_on: date
    in_time: bool
    outcome: Outcome | None
    root_cause: RootCause | None
    undone_on: date | None = None


@dataclass(slots=True, kw_only=True)
class Case:
    """What one office reports of one complaint. ``sequence`` is the stay with which it began.

    ``dues`` are its due dates, each with the day from which it held: a decision taken back brings another.
    ``last_stay`` is the stay whose due date holds now.
    """

    sequence: int
    last_stay: int
    office_id: int
    post_id: int
    tier: Tier
    is_appeal: bool
    is_filed_appeal: bool
    intake: Intake
    began_on: date
    dues: list[tuple[date, date]]
    decisions: list[Decision] = field(default_factory=list)
    forwarded_on: date | None = None

    def due_on(self, day: date) -> date:
        """The due date that holds on a day."""
        return [due for since, due in self.dues if since <= day][-1]

    @property
    def decision(self) -> Decision | None:
        """The decision that stands now."""
        return None if _is_open(self) else self.decisions[-1]


def cases_of(stays: Sequence[Stay], channel: Channel) -> list[Case]:
    """The cases of one complaint, from its stays in their order."""
    cases: list[Case] = []
    for number, stay in enumerate(stays):
        before = stays[number - 1] if number else None
        taken_up = next((case for case in reversed(cases) if case.post_id == stay.post_id), None)
        if before is not None and before.ended_by in DISPOSING and before.tier is stay.tier and taken_up is not None:
            _take_up_again(cases, taken_up, before, stay)
        else:
            cases.append(case_begun(stay, channel, after=before.ended_by if before else None))
        _end(cases, stay)
    return cases


def case_begun(stay: Stay, channel: Channel, *, after: Action | None) -> Case:
    """The case that begins with a stay, by how the stay before it ended; None: it is the first."""
    went_up = after is Action.ESCALATE
    is_appeal = after not in (None, Action.FORWARD)
    intake = INTAKE_OF_CHANNEL[channel]
    if is_appeal:
        intake = Intake.OWN_MOTION if went_up else Intake.WEBSITE
    return Case(
        sequence=stay.sequence,
        last_stay=stay.sequence,
        office_id=stay.office_id,
        post_id=stay.post_id,
        tier=stay.tier,
        is_appeal=is_appeal,
        is_filed_appeal=is_appeal and not went_up,
        intake=intake,
        began_on=stay.began_on,
        dues=[(stay.began_on, stay.due_on)],
    )


def _take_up_again(cases: Sequence[Case], here: Case, before: Stay, stay: Stay) -> None:
    """A decision is taken back: for the desk that does it, and for those from which the case had gone up to it."""
    for case in cases:
        last = case.decisions[-1] if case.decisions else None
        if last is not None and last.sequence == before.sequence:
            case.decisions[-1] = replace(last, undone_on=stay.began_on)
    here.dues.append((stay.began_on, stay.due_on))
    here.last_stay = stay.sequence


def _end(cases: Sequence[Case], stay: Stay) -> None:
    """What the end of a stay means for the cases that are open: the desk's own, and those that went up to it."""
    if stay.ended_on is None:
        return
    if stay.ended_by is Action.FORWARD:
        cases[-1].forwarded_on = stay.ended_on
    elif stay.ended_by in DISPOSING:
        for case in cases:
            if case.forwarded_on is None and _is_open(case):
                case.decisions.append(
                    Decision(
                        sequence=stay.sequence,
                        decided_on=stay.ended_on,
                        in_time=not is_overdue(case.due_on(stay.ended_on), stay.ended_on),
                        outcome=stay.outcome,
                        root_cause=stay.root_cause,
                    )
                )


def _is_open(case: Case) -> bool:
    return not case.decisions or case.decisions[-1].undone_on is not None


# -- a month ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How one case counts in one month: a row of the register গ-২, and one in each total that it belongs to."""

    sequence: int
    is_appeal: bool
    is_filed_appeal: bool
    intake: Intake
    standing: Standing
    is_disposed_in_time: bool = False
    decided_in: int | None = None
    outcome: Outcome | None = None
    root_cause: RootCause | None = None


def month_end(month: date) -> date:
    """The last day of a month, given by its first."""
    return add_months(month, 1) - ONE_DAY


def line_of(case: Case, month: date, *, until: date) -> Line | None:
    """How a case counts in a month, as it stands at the end of the day ``until``; None where it does not.

    ``until`` is the month's last day, or a day within it while the month is running.
    """
    if case.began_on > until or (case.forwarded_on is not None and case.forwarded_on <= until):
        return None
    known = [one for one in case.decisions if one.decided_on <= until]
    last = known[-1] if known else None
    is_open = last is None or (last.undone_on is not None and last.undone_on <= until)
    is_new = case.began_on >= month
    if not is_new and not is_open and last is not None and last.decided_on < month:
        return None
    line = Line(
        sequence=case.sequence,
        is_appeal=case.is_appeal,
        is_filed_appeal=case.is_filed_appeal,
        intake=case.intake if is_new else Intake.CARRIED_OVER,
        standing=Standing.PAST_TIME if is_overdue(case.due_on(until), until) else Standing.IN_TIME,
    )
    if is_open or last is None:
        return line
    return replace(
        line,
        standing=Standing.DISPOSED,
        is_disposed_in_time=last.in_time,
        decided_in=last.sequence,
        outcome=last.outcome,
        root_cause=last.root_cause,
    )


# -- the form ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One of the two tables of annex গ-১, with what the two rates beside it need."""

    is_appeals: bool
    intakes: Mapping[Intake, int]
    disposed: int
    in_time: int
    past_time: int
    disposed_in_time: int
    filed_appeals_decided: int
    overturned: int

    @property
    def total(self) -> int:
        return sum(self.intakes.values())

    @property
    def received(self) -> int:
        """What came in, without what was carried over."""
        return self.total - self.intakes[Intake.CARRIED_OVER]

    @property
    def running(self) -> int:
        return self.in_time + self.past_time

    @property
    def rate(self) -> Decimal | None:
        """The form's own: disposed × 100 / total."""
        return per_cent(self.disposed, self.total)

    @property
    def in_time_rate(self) -> Decimal | None:
        """Disposed in time × 100 / (disposed + overdue and still open)."""
        return per_cent(self.disposed_in_time, self.disposed + self.past_time)

    @property
    def overturned_rate(self) -> Decimal | None:
        """Of the filed appeals that were decided, the share in which the decision below did not stand."""
        return per_cent(self.overturned, self.filed_appeals_decided)

    def column(self, name: str) -> int | Decimal | None:
        """A column of the form by its name."""
        if name in set(Intake):
            return self.intakes[Intake(name)]
        value: int | Decimal | None = getattr(self, name)
        return value


COMPLAINT_COLUMNS = (
    "website", "call_centre", "conventional", "own_motion", "carried_over", "total", "disposed", "in_time",
    "past_time", "running", "rate",
)  # fmt: skip
"""The eleven columns of the complaints, in the form's order."""
APPEAL_COLUMNS = (
    "website", "conventional", "own_motion", "carried_over", "total", "disposed", "running", "past_time", "rate",
)  # fmt: skip
"""The nine columns of the appeals."""


def count(lines: Iterable[Line], *, appeals: bool) -> Counts:
    """The table of the complaints or of the appeals, from its lines."""
    intakes = dict.fromkeys(Intake, 0)
    standings = dict.fromkeys(Standing, 0)
    in_time = decided = overturned = 0
    for line in lines:
        if line.is_appeal is not appeals:
            continue
        intakes[line.intake] += 1
        standings[line.standing] += 1
        in_time += line.is_disposed_in_time
        if line.is_filed_appeal and line.standing is Standing.DISPOSED:
            decided += 1
            overturned += line.outcome in OVERTURNING
    return Counts(
        is_appeals=appeals,
        intakes=intakes,
        disposed=standings[Standing.DISPOSED],
        in_time=standings[Standing.IN_TIME],
        past_time=standings[Standing.PAST_TIME],
        disposed_in_time=in_time,
        filed_appeals_decided=decided,
        overturned=overturned,
    )


def together(tables: Sequence[Counts], *, appeals: bool) -> Counts:
    """Some offices as one: every number added up."""
    intakes = {way: sum(one.intakes[way] for one in tables) for way in Intake}
    numbers = {name: sum(getattr(one, name) for one in tables) for name in (*_ADDED_UP, "in_time", "past_time")}
    return Counts(is_appeals=appeals, intakes=intakes, **numbers)


def over_months(months: Sequence[Counts]) -> Counts:
    """Some months as one: what came and was disposed of added up, carried into the first, running at the last's end."""
    first, last = months[0], months[-1]
    intakes = {way: sum(one.intakes[way] for one in months) for way in Intake}
    return Counts(
        is_appeals=first.is_appeals,
        intakes=intakes | {Intake.CARRIED_OVER: first.intakes[Intake.CARRIED_OVER]},
        in_time=last.in_time,
        past_time=last.past_time,
        **{name: sum(getattr(one, name) for one in months) for name in _ADDED_UP},
    )


_ADDED_UP = ("disposed", "disposed_in_time", "filed_appeals_decided", "overturned")


def per_cent(part: int, whole: int) -> Decimal | None:
    """A share in per cent with two places, half rounded up; None of nothing."""
    if whole == 0:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)


# -- corrections ---------------------------------------------------------------------------------------------------


class CaseKey(NamedTuple):
    """Which case: of which complaint, and the stay with which it began."""

    complaint_id: int
    tracking_number: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A case that counts otherwise now than when the month was frozen; None: not at all."""

    case: CaseKey
    then: Line | None
    now: Line | None


def corrections(frozen: Mapping[CaseKey, Line], now: Mapping[CaseKey, Line]) -> Iterator[Correction]:
    """Every case in which a frozen month and a new count of it differ, by number."""
    for key in sorted({*frozen, *now}, key=lambda key: (key.tracking_number, key.sequence)):
        if frozen.get(key) != now.get(key):
            yield Correction(key, frozen.get(key), now.get(key))
