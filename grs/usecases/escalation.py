"""The sweep that moves overdue complaints to the next tier: set-wise, a batch a transaction."""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from grs.db.charters import Chain
from grs.db.complaints import Complainant, Complaint
from grs.db.offices import Office
from grs.domain.calendar import WorkingCalendar, dhaka_date
from grs.domain.escalation import Escalation, decide_escalation
from grs.domain.tiers import About, ChainTier, Tier, TierChain
from grs.domain.workflow import Action, StepKind, next_stage
from grs.usecases.calendars import CalendarShelf
from grs.usecases.desks import accused_people, announce_arrival, desk_clear_of
from grs.usecases.escalation_lists import EscalationLists, crowded_offices
from grs.usecases.ledger import (
    HEAD_COLUMNS,
    SCHEDULER,
    Head,
    Ledger,
    Reach,
    arriving,
    leaving,
    settle,
    write_heads,
)
from grs.usecases.pace import Pace
from grs.usecases.recipients import Recipient, Recipients

log = logging.getLogger(__name__)


class _Sweep:
    """What a batch needs to decide: chains, calendars, and each decision once for all that are alike."""

    def __init__(self, shelf: CalendarShelf, now: datetime) -> None:
        self.shelf, self.now, self.today = shelf, now, dhaka_date(now)
        self._people: Recipients | None = None
        self._chains: dict[int, TierChain] = {}
        self._offices: dict[int, Office] = {}
        self._calendars: dict[int, WorkingCalendar] = {}
        self._decisions: dict[tuple[int, Tier, date], Escalation | None] = {}
        self._crowded: set[int] | None = None
        self._open_lists: dict[tuple[int, Recipient], int] = {}
        self.failed: set[int] = set()
        self._run = f"{now:%Y%m%d%H%M}-{secrets.token_hex(4)}"  # two workers' sweeps write lists of their own

    def prepare(self, session: Session, heads: Sequence[Head]) -> Recipients:
        """Fetch the chains of this batch, and the calendars as they are now: they may have changed.

        Returns who is told; they are looked up once a run.
        """
        self._calendars.clear()
        self._decisions.clear()
        new = {head.chain_id for head in heads} - self._chains.keys()
        if new:
            for chain in session.scalars(select(Chain).where(Chain.id.in_(new))):
                self._chains[chain.id] = chain.as_tier_chain()
        offices = {desk.office_id for chain in {head.chain_id for head in heads} for desk in self._chains[chain]}
        if unknown := offices - self._offices.keys():
            for office in session.scalars(select(Office).where(Office.id.in_(unknown))):
                self._offices[office.id] = office
        if offices:
            self._calendars = self.shelf.for_offices(session, [self._offices[one] for one in offices])
        self._people = self._people.again(session) if self._people else Recipients(session, self.today)
        return self._people

    def lists(self, session: Session) -> EscalationLists:
        """The lists of a batch; which offices are crowded is asked once a run, before anything has moved."""
        if self._crowded is None:
            self._crowded = crowded_offices(session, today=self.today)
        return EscalationLists(self._crowded, self._run, self._open_lists)

    def chain(self, head: Head) -> TierChain:
        return self._chains[head.chain_id]

    def calendar(self, desk: ChainTier) -> WorkingCalendar:
        return self._calendars[desk.office_id]

    def decide(self, head: Head, accused: set[int] | None, people: Recipients) -> Escalation | None:
        """Decided once for all complaints that are alike in chain, tier and due date.

        A complaint about somebody goes past the desk on which that person sits.
        """
        tier = head.tier
        if accused and (above := self._chains[head.chain_id].above(tier)):
            desk = desk_clear_of(accused, self._chains[head.chain_id], above, people)
            tier = Tier(desk.tier - 1)
        alike = (head.chain_id, tier, head.due_on)
        if alike not in self._decisions:
            chain = self._chains[head.chain_id]
            next_desk = chain.above(tier)
            self._decisions[alike] = (
                None
                if next_desk is None
                else decide_escalation(self.calendar(next_desk), chain, tier=tier, due_on=head.due_on, today=self.today)
            )
        return self._decisions[alike]


def escalate_overdue(
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    batch: int | None = None,
    dry_run: bool = False,
    after_batch: Callable[[int], None] = lambda done: None,
) -> Counter[str]:
    """Move every complaint that is past its due date one tier up; each once, whatever else runs.

    Finds work by state, so that a missed round or a killed one is caught up by the next. Two
    sweeps at once share the work: rows are claimed under lock, and the key of a stay makes a
    second escalation of the same stay lose. ``batch`` complaints are a transaction, or as many as it does in half a
    second. ``dry_run`` counts and writes nothing.
    """
    counts: Counter[str] = Counter(escalated=0, letters=0)
    if dry_run:
        with writers() as session:
            counts["escalated"] = len(session.execute(_overdue(dhaka_date(now))).all())
        return counts
    sweep, pace = _Sweep(shelf, now), Pace(batch)
    while True:
        wanted = pace.size
        with pace.one_transaction(), writers.begin() as session:
            due = _overdue(sweep.today).limit(wanted).with_for_update(skip_locked=True, of=Complaint, key_share=True)
            rows = session.execute(due.where(Complaint.id.not_in(sweep.failed)) if sweep.failed else due).all()
            counts.update(_escalate_all(session, sweep, rows))
        after_batch(counts["escalated"])
        if len(rows) < wanted:
            return counts


def _escalate_all(session: Session, sweep: _Sweep, rows: Sequence[Row[Any]]) -> Counter[str]:
    """A batch as a whole; where it fails, each half by itself, so that one bad complaint does not stop the rest."""
    try:
        with session.begin_nested():
            return _escalate_batch(session, sweep, rows)
    except SQLAlchemyError:
        raise  # the database, or a stay that somebody else has moved: the whole batch comes again
    except Exception:
        if len(rows) == 1:
            log.exception("complaint %s cannot be escalated", rows[0].tracking_number)
            sweep.failed.add(rows[0].id)
            return Counter(failed=1)
        middle = len(rows) // 2
        return _escalate_all(session, sweep, rows[:middle]) + _escalate_all(session, sweep, rows[middle:])


def _overdue(today: date) -> Any:
    """Open complaints past their due date that have a tier above, longest overdue first."""
    return (
        select(
            *(getattr(Complaint, name) for name in HEAD_COLUMNS),
            Complaint.about,
            Complaint.filed_chain_id,
            Complaint.language,
            Complainant.name,
            Complainant.email,
            Complainant.mobile,
        )
        .outerjoin(Complainant, Complainant.complaint_id == Complaint.id)
        .where(Complaint.escalates_after < today)
        .order_by(Complaint.escalates_after, Complaint.id)
    )


def _escalate_batch(session: Session, sweep: _Sweep, rows: Sequence[Row[Any]]) -> Counter[str]:
    if not rows:
        return Counter()
    width = len(HEAD_COLUMNS)
    heads = [Head(*row[:width]) for row in rows]
    people = sweep.prepare(session, heads)
    clear_of = _accused(session, people, rows)
    moves = [
        (head, row, move)
        for head, row in zip(heads, rows, strict=True)
        if (move := sweep.decide(head, clear_of.get(head.id), people))
    ]
    people.load(
        posts=[post for head, _, move in moves for post in (head.post_id, move.desk.post_id)],
        offices=[office for head, _, move in moves for office in (head.office_id, move.desk.office_id)],
    )
    ledger, lists = Ledger(sweep.now), sweep.lists(session)
    for head, row, move in moves:
        language, name, email, mobile = row[width + 2 :]
        reach = Reach(name=name, email=email, mobile=mobile) if name is not None else None
        _escalate(ledger, lists, sweep, head, move, reach, language, people, clear_of.get(head.id, set()))
    write_heads(session, [head for head, _, _ in moves])
    lists.write(session, ledger)
    ledger.write(session)
    return Counter(escalated=len(moves), letters=ledger.letters)


def _accused(session: Session, people: Recipients, rows: Sequence[Row[Any]]) -> dict[int, set[int]]:
    """By complaint, the persons it is about, for the few that are about somebody."""
    named = {row.id: row for row in rows if row.about is not About.NOBODY}
    if not named:
        return {}
    filed = {row.filed_chain_id for row in named.values()}
    chains = {chain.id: chain for chain in session.scalars(select(Chain).where(Chain.id.in_(filed)))}
    found = {}
    for number, row in named.items():
        chain = chains[row.filed_chain_id]
        found[number] = accused_people(people, chain.as_tier_chain(), row.about, chain.office_id)
    return found


def _escalate(
    ledger: Ledger,
    lists: EscalationLists,
    sweep: _Sweep,
    head: Head,
    move: Escalation,
    reach: Reach | None,
    language: str,
    people: Recipients,
    accused: set[int],
) -> None:
    """One complaint up one tier: the stay, the step, and a letter to everyone concerned."""
    chain, from_office, from_post = sweep.chain(head), head.office_id, head.post_id
    details = leaving(head) | arriving(move.desk, move.due) | {"late_by": move.late_by}
    stage = next_stage(head.stage, Action.ESCALATE, tier=head.tier)
    calendar = sweep.calendar(move.desk)
    ledger.end_stay(head, Action.ESCALATE)
    settle(head, stage=stage, chain=chain, desk=move.desk, due=move.due, calendar=calendar)
    ledger.start_stay(head, move.desk, move.due)
    step = ledger.step(head, StepKind.ESCALATED, actor=SCHEDULER, details=details)
    ledger.to_complainant(head, step, "escalated", reach, language)
    announce_arrival(
        ledger, head, step, letter="escalated_to_you", chain=chain, desk=move.desk, people=people, accused=accused
    )
    ledger.to_people(head, step, "escalated_from_you", people.on_post(from_post))
    supervisors = [
        person
        for person in (*people.supervising(from_office), *people.supervising(move.desk.office_id))
        if person.person_id not in accused and not person.digest_only
    ]
    if from_office in lists.crowded:
        lists.add(head, details, supervisors)
    else:
        ledger.to_people(head, step, "escalated_supervisor", supervisors)
