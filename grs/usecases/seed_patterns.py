"""One case told by the product's own rules, day by day, with marks where another case like it differs.

Filed on a day, at a chain of some limits, with one of three fates; ``seeding`` writes many from each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from grs.domain.annex import Case, Stay, cases_of
from grs.domain.appeals import last_day_to_appeal, next_appeal_reminder
from grs.domain.calendar import DHAKA, ONE_DAY, WorkingCalendar, dhaka_date
from grs.domain.deadlines import DueDate, due_date, expected_dates, received_on
from grs.domain.disposal import Outcome, RootCause
from grs.domain.escalation import decide_escalation
from grs.domain.history import GENESIS, hashed_details
from grs.domain.lodging import Channel, Ground, Kind
from grs.domain.tiers import About, ChainSource, ChainTier, DayLimit, Tier, TierChain
from grs.domain.workflow import Action, Stage, StepKind, next_stage
from grs.usecases.ledger import COMPLAINANT, SCHEDULER, Head, Ledger, arriving, leaving, officer, settle

OPENS = time(9)
"""When the first of a day files; each later case of the day lies up to four hours behind, in all its steps."""
SHIFT = 4 * 3600
RUNS_AT = time(0, 5)
"""When the sweep finds what ran out the day before."""
# Who stands where in a pattern; replaced by those of the case. No other number of a step is as long.
MARKS = {
    f"{kind}{tier}": 900_000_000 + 1_000 * place + tier
    for place, kind in enumerate(("office", "post", "person"))
    for tier in Tier
} | {"filed_office": 900_009_001, "entry": 900_009_002}  # fmt: skip


@dataclass(slots=True)
class Pattern:
    """One case with marks where others differ; its instants, in UTC, are those of one filed when the day begins."""

    filed_at: datetime
    steps: list[tuple[StepKind, datetime, str, str, str | None]] = field(default_factory=list)
    stays: list[dict[str, Any]] = field(default_factory=list)
    letters: list[tuple[int, str, datetime]] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    rating: tuple[int, datetime] | None = None
    head: Head | None = None
    decided: tuple[Outcome, RootCause, datetime] | None = None


class _NotYet(Exception):
    """The next thing lies in the future."""


class Teller:
    """Tells one case, step by step, as far as its time has come."""

    def __init__(
        self, desks: Sequence[tuple[Tier, DayLimit]], calendars: Sequence[WorkingCalendar], filed_on: date, *,
        now: datetime, is_overdue: bool,
    ) -> None:  # fmt: skip
        self.chain = TierChain(
            tuple(ChainTier(tier=tier, post_id=MARKS[f"post{tier}"], office_id=MARKS[f"office{tier}"], limit=limit)
                  for tier, limit in desks), ChainSource.CHARTER,
        )  # fmt: skip
        self.calendars = {tier: calendar for (tier, _), calendar in zip(desks, calendars, strict=True)}
        self.until = now - timedelta(seconds=SHIFT)
        self.is_overdue = is_overdue
        at = datetime.combine(filed_on, OPENS, DHAKA).astimezone(UTC)
        self.pattern = Pattern(at)
        first = next(iter(self.chain))
        calendar = self.calendars[first.tier]
        due = due_date(calendar, received_on(calendar, at), first.limit)
        self.head = Head(
            id=0, tracking_number="", step_count=0, head_hash=GENESIS, assignment_sequence=0, stage=Stage.RECEIVED,
            tier=first.tier, office_id=first.office_id, chain_id=0, post_id=first.post_id, due_on=due.due_on,
            is_provisional=due.is_provisional, escalates_after=None, remind_on=None,
        )  # fmt: skip
        settle(self.head, stage=Stage.RECEIVED, chain=self.chain, desk=first, due=due, calendar=calendar)
        expected = expected_dates(self.calendars, due.received_on, self.chain, first=first.tier)
        told = {
            "office": MARKS["filed_office"], "service": MARKS["entry"], "ground": Ground.STANDARD_BROKEN,
            "about": About.NOBODY, "files": [], "channel": Channel.WEB, **arriving(first, due),
            "expected": [
                {"tier": int(one.tier), "received_on": one.due.received_on, "due_on": one.due.due_on,
                 "office": self.chain.at(one.tier).office_id, "provisional": one.due.is_provisional,
                 "amount": self.chain.at(one.tier).limit.amount, "unit": self.chain.at(one.tier).limit.unit}
                for one in expected
            ],
        }  # fmt: skip
        ledger = Ledger(at)
        ledger.start_stay(self.head, first, due)
        self._step(ledger, StepKind.LODGED, COMPLAINANT, told, letter="receipt")

    def tell(self, fate: str) -> Pattern:
        """The whole case, or as much of it as has happened."""
        try:
            if fate == "decided":
                self._at_the_desk(2, 3, 5, 6, 8, 10, 11, 12, 14)
                self._dispose(Outcome.SERVICE_GIVEN, 16)
            elif fate == "escalated":
                self._at_the_desk(2, 5, 9, 12, 20)
                self._go_up()
                self._at_the_desk(1, 2, 4)
                self._dispose(Outcome.ORDER_TO_COMPLY, 8)
            else:
                self._at_the_desk(1, 3, 5, 7)
                self._dispose(Outcome.ACCUSATION_NOT_PROVED, 9, is_rated=False)
                self._appeal()
                self._at_the_desk(1, 2, 3)
                self._dispose(Outcome.UPHELD, 7)
        except _NotYet:
            pass
        self.pattern.head = self.head
        self.pattern.cases = cases_of([_told_stay(stay) for stay in self.pattern.stays], Channel.WEB)
        return self.pattern

    # -- what happens ------------------------------------------------------------

    def _at_the_desk(self, *days: int) -> None:
        """Accepted, then noted, written and answered, so many working days after the case came here."""
        kinds = (StepKind.NOTED, StepKind.OFFICER_WROTE, StepKind.INFORMATION_ADDED, StepKind.INTERIM_REPLY)
        for number, day in enumerate(days):
            at, here = self._on(day), leaving(self.head)
            if number == 0:
                self.head.stage = next_stage(self.head.stage, Action.ACCEPT, tier=self.head.tier)
                told: dict[str, Any] = here | {"screening": {}, "as_proposed": True}
                self._step(Ledger(at), StepKind.ACCEPTED, self._officer(), told, letter="accepted")
                continue
            kind = kinds[(number - 1) % len(kinds)]
            if kind is StepKind.INFORMATION_ADDED:
                self._step(Ledger(at), kind, COMPLAINANT, {"text": "রসিদের নম্বর পাঠালাম।", "files": []})
            elif kind is StepKind.INTERIM_REPLY:
                told = here | {"reason": "অন্য শাখার মতামত আসেনি।", "expected_on": self.head.due_on}
                self._step(Ledger(at), kind, self._officer(), told, letter="interim_reply")
            else:
                more = {} if kind is StepKind.NOTED else {"answer_until": None}
                self._step(Ledger(at), kind, self._officer(), here | {"text": "নথি দেখা হয়েছে।"} | more)

    def _dispose(self, outcome: Outcome, day: int, *, is_rated: bool = True) -> None:
        at, head = self._on(day), self.head
        last_day = last_day_to_appeal(self._calendar, told_on=dhaka_date(at), due_on=head.due_on)
        can_appeal = self.chain.above(head.tier) is not None
        told = leaving(head) | {
            "outcome": outcome, "reasons": "নথি ও উভয় পক্ষের কথা শুনে সিদ্ধান্ত হয়েছে।",
            "root_cause": RootCause.PROCESS_DELAY,
            "advice": "তারিখ লিখে রাখা হোক।", "appeal_until": last_day if can_appeal else None,
        }  # fmt: skip
        ledger = Ledger(at)
        ledger.end_stay(head, Action.DISPOSE)
        head.stage = next_stage(head.stage, Action.DISPOSE, tier=head.tier)
        head.escalates_after = None
        head.remind_on = next_appeal_reminder(last_day) if can_appeal else None
        self.pattern.decided = (outcome, RootCause.PROCESS_DELAY, at)
        self._step(ledger, StepKind.DISPOSED, self._officer(), told, letter="disposed")
        self.pattern.stays[-1] |= {"outcome": outcome, "root_cause": RootCause.PROCESS_DELAY}
        if is_rated:
            at = self._on(day + 2)
            self.pattern.rating = (head.assignment_sequence, at)
            self._step(Ledger(at), StepKind.RATED, COMPLAINANT, {"score": 4, "comment": "", "tier": int(head.tier)})

    def _go_up(self) -> None:
        """Time ran out: the sweep takes it, unless it is to be found by the next one."""
        head = self.head
        at = datetime.combine(head.due_on + ONE_DAY, RUNS_AT, DHAKA).astimezone(UTC)
        above = self.chain.above(head.tier)
        if self.is_overdue or at > self.until or above is None:
            raise _NotYet
        move = decide_escalation(
            self.calendars[above.tier], self.chain, tier=head.tier, due_on=head.due_on, today=dhaka_date(at)
        )
        assert move is not None  # its day is over
        ledger, told = Ledger(at), leaving(head) | arriving(move.desk, move.due) | {"late_by": move.late_by}
        ledger.end_stay(head, Action.ESCALATE)
        stage = next_stage(head.stage, Action.ESCALATE, tier=head.tier)
        self._arrive(ledger, stage, move.desk, move.due)
        self._step(ledger, StepKind.ESCALATED, SCHEDULER, told, letter="escalated")

    def _appeal(self) -> None:
        at, head = self._on(14), self.head
        above = self.chain.above(head.tier)
        if above is None:
            raise _NotYet
        calendar = self.calendars[above.tier]
        due = due_date(calendar, calendar.on_or_after(dhaka_date(at)), above.limit)
        told = leaving(head) | arriving(above, due) | {"grounds": "সিদ্ধান্তে আমার কথা নেই।", "appellant": Kind.PUBLIC}
        self.pattern.decided = None
        stage = next_stage(head.stage, Action.APPEAL, tier=head.tier)
        ledger = Ledger(at)
        self._arrive(ledger, stage, above, due)
        self._step(ledger, StepKind.APPEALED, COMPLAINANT, told, letter="appealed")

    # -- how it is told ------------------------------------------------------------

    @property
    def _calendar(self) -> WorkingCalendar:
        return self.calendars[self.head.tier]

    def _officer(self) -> str:
        return officer(MARKS[f"person{self.head.tier}"], self.head.post_id)

    def _on(self, working_day: int) -> datetime:
        """In the morning, so many working days after the case came to its desk; raises _NotYet."""
        came = self.pattern.stays[-1]["received_on"]
        at = datetime.combine(self._calendar.add_working_days(came, working_day), OPENS, DHAKA).astimezone(UTC)
        if at > self.until:
            raise _NotYet
        return at

    def _arrive(self, ledger: Ledger, stage: Stage, desk: ChainTier, due: DueDate) -> None:
        settle(self.head, stage=stage, chain=self.chain, desk=desk, due=due, calendar=self.calendars[desk.tier])
        ledger.start_stay(self.head, desk, due)

    def _step(
        self, ledger: Ledger, kind: StepKind, actor: str, details: Mapping[str, Any], *, letter: str = ""
    ) -> None:
        number = ledger.step(self.head, kind, actor=actor, details=details)
        (step,) = ledger.steps
        text, hashed = step["details"], hashed_details(step["details"])
        assert "\\" not in text, "else it would need an escape on its way into the database"
        told = (_template(actor), _template(text), None if hashed == text else _template(hashed))
        self.pattern.steps.append((kind, ledger.now, *told))
        for ended in ledger.stays_ended:
            self.pattern.stays[-1] |= {"ended_at": ended["ended_at"], "ended_by": ended["ended_by"]}
        self.pattern.stays += [{"ended_at": None, "ended_by": None, **stay} for stay in ledger.stays_started]
        if letter:
            self.pattern.letters.append((number, letter, ledger.now))


def _told_stay(stay: Mapping[str, Any]) -> Stay:
    """A stay of the pattern as the annex reads it."""
    ended = stay["ended_at"]
    return Stay(
        sequence=stay["sequence"], office_id=stay["office_id"], post_id=stay["post_id"], tier=stay["tier"],
        began_on=dhaka_date(stay["started_at"]), due_on=stay["due_on"], ended_on=dhaka_date(ended) if ended else None,
        ended_by=stay["ended_by"], outcome=stay.get("outcome"), root_cause=stay.get("root_cause"),
    )  # fmt: skip


def _template(text: str) -> str:
    """The text with a place for each mark, to be filled in by ``%``."""
    text = text.replace("%", "%%")
    for name, number in MARKS.items():
        text = text.replace(str(number), f"%({name})d")
    return text
