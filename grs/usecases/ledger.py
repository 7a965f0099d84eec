"""What one transaction writes beside the complaint: stays, steps and letters, gathered and written set-wise.

One complaint or a thousand: the same code hashes the step, names the letter and inserts the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from grs.db.bulk import insert_rows, update_rows
from grs.db.complaints import Assignment, Complainant, Complaint, Step
from grs.db.messages import Message, MessageChannel, MessageState, Posting
from grs.db.queries.programs import listeners_at
from grs.domain.annex import Stay
from grs.domain.calendar import WorkingCalendar, dhaka_date
from grs.domain.deadlines import DueDate, next_reminder
from grs.domain.escalation import escalates_after
from grs.domain.history import StepFacts, canonical, salted, step_hash
from grs.domain.lodging import Channel
from grs.domain.tiers import ChainTier, Tier, TierChain
from grs.domain.workflow import Action, Stage, StepKind
from grs.logs import cause
from grs.notify.render import has_sms
from grs.usecases import reported_cases
from grs.usecases.recipients import Recipient
from grs.usecases.secrets import new_token


@dataclass(slots=True)
class Head:
    """The columns of a complaint that move with each step, as a sweep loads them.

    The table's own rows have the same attributes, so every rule below takes either.
    """

    id: int
    tracking_number: str
    step_count: int
    head_hash: str
    assignment_sequence: int
    stage: Stage
    tier: Tier
    office_id: int
    chain_id: int
    post_id: int
    due_on: date
    is_provisional: bool
    escalates_after: date | None
    remind_on: date | None


HEAD_COLUMNS = tuple(field.name for field in fields(Head))
_MOVING_COLUMNS = tuple(name for name in HEAD_COLUMNS if name != "tracking_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a complainant is reached, as a sweep loads it."""

    name: str
    email: str
    mobile: str


SMS_SUFFIX = "/sms"
EVENT = "event"
"""What a program is told."""
SCHEDULER = "scheduler"
COMPLAINANT = "complainant"


def officer(person_id: int, post_id: int) -> str:
    """An officer as the history names him: by number, so that it outlives renamings."""
    return f"person:{person_id}/post:{post_id}"


def leaving(head: Head | Complaint) -> dict[str, Any]:
    """Where the complaint lies, as a step tells it: taken before it moves."""
    return {
        "from_office": head.office_id,
        "from_post": head.post_id,
        "from_tier": int(head.tier),
        "was_due_on": head.due_on,
        "was_provisional": head.is_provisional,
    }


def arriving(desk: ChainTier, due: DueDate) -> dict[str, Any]:
    """Where the complaint comes to and until when, as a step tells it."""
    return {
        "to_office": desk.office_id,
        "to_post": desk.post_id,
        "to_tier": int(desk.tier),
        "received_on": due.received_on,
        "due_on": due.due_on,
        "provisional": due.is_provisional,
    }


class Ledger:
    """Gathers the rows of one transaction at one instant; ``write`` inserts them all."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.letters = 0
        self._started: list[dict[str, Any]] = []
        self._ended: list[dict[str, Any]] = []
        self._steps: list[dict[str, Any]] = []
        self._happened: list[tuple[Head | Complaint, StepFacts, set[int]]] = []
        self._messages: dict[str, dict[str, Any]] = {}
        self._moved: list[dict[str, Any]] = []
        self._postings: dict[str, int] = {}
        self._filed: dict[int, tuple[Channel, date | None]] = {}

    def step(self, head: Head | Complaint, kind: StepKind, *, actor: str, details: Mapping[str, Any]) -> int:
        """Append a step to the complaint's chain and return its sequence."""
        facts = StepFacts(
            tracking_number=head.tracking_number,
            sequence=head.step_count + 1,
            kind=kind,
            happened_at=self.now,
            actor=actor,
            details=canonical(salted(details, new_token())),
        )
        own = step_hash(head.head_hash, facts)
        self._steps.append(
            {
                "complaint_id": head.id,
                "sequence": facts.sequence,
                "kind": kind,
                "happened_at": self.now,
                "actor": actor,
                "details": facts.details,
                "previous_hash": head.head_hash,
                "hash": own,
            }
        )
        head.step_count, head.head_hash = facts.sequence, own
        self._happened.append((head, facts, {details[end] for end in ("from_post", "to_post") if details.get(end)}))
        return facts.sequence

    def start_stay(self, head: Head | Complaint, desk: ChainTier, due: DueDate) -> None:
        """The complaint comes to a desk; its next stay."""
        head.assignment_sequence += 1
        self._started.append(
            {
                "complaint_id": head.id,
                "sequence": head.assignment_sequence,
                "office_id": desk.office_id,
                "post_id": desk.post_id,
                "tier": desk.tier,
                "started_at": self.now,
                "received_on": due.received_on,
                "due_on": due.due_on,
                "is_provisional": due.is_provisional,
                "limit_amount": desk.limit.amount,
                "limit_unit": desk.limit.unit,
            }
        )

    def end_stay(self, head: Head | Complaint, action: Action) -> None:
        """The complaint's present stay is over, by this action."""
        self._ended.append(
            {
                "complaint_id": head.id,
                "sequence": head.assignment_sequence,
                "ended_at": self.now,
                "ended_by": action,
            }
        )

    def move_stay(self, head: Head | Complaint, due: DueDate) -> None:
        """The present stay's dates change with the calendar."""
        self._moved.append(
            {
                "complaint_id": head.id,
                "sequence": head.assignment_sequence,
                "received_on": due.received_on,
                "due_on": due.due_on,
                "is_provisional": due.is_provisional,
            }
        )

    def adopt(self, complaint: Complaint, *, paper_day: date | None = None) -> None:
        """A complaint that had no number when its rows were gathered has got one: it is inserted whole, once.

        ``paper_day`` is the day on which its paper form was received.
        """
        for row in (*self._started, *self._steps):
            row["complaint_id"] = row["complaint_id"] or complaint.id
        self._filed[complaint.id] = (complaint.channel, paper_day)

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """The steps that will be written."""
        return self._steps

    @property
    def stays_started(self) -> Sequence[Mapping[str, Any]]:
        """The stays that will be written."""
        return self._started

    @property
    def stays_ended(self) -> Sequence[Mapping[str, Any]]:
        """How stays will be ended."""
        return self._ended

    # -- letters -----------------------------------------------------------------

    def to_complainant(
        self, head: Head | Complaint, step: int, letter: str, reach: Reach | Complainant | None, language: str
    ) -> None:
        """Queue a letter to who complained, by each way they gave; on paper when they gave none.

        The desk that has the complaint posts what is on paper.
        """
        if reach is None:
            return
        if not reach.email and not reach.mobile:
            self._on_paper(f"{head.id}/{step}/{letter}/complainant", letter, language, reach.name, head, step, None)
        if reach.email:
            self._queue(
                f"{head.id}/{step}/{letter}/complainant",
                letter, MessageChannel.EMAIL, language, reach.name, reach.email, head.id, step, None,
            )  # fmt: skip
        if reach.mobile and has_sms(letter):
            self._queue(
                f"{head.id}/{step}/{letter}/complainant{SMS_SUFFIX}",
                letter, MessageChannel.SMS, language, reach.name, reach.mobile, head.id, step, None,
            )  # fmt: skip

    def to_people(self, head: Head | Complaint, step: int, letter: str, people: Iterable[Recipient]) -> None:
        """Queue a letter about a step to each person; nobody gets it twice."""
        for person in people:
            self._queue(
                f"{head.id}/{step}/{letter}/{person.person_id}",
                letter, MessageChannel.EMAIL, person.language, person.name, person.email, head.id, step, None,
            )  # fmt: skip

    def note(
        self,
        key: str,
        letter: str,
        person: Recipient,
        facts: Mapping[str, Any],
        *,
        complaint_id: int | None = None,
    ) -> None:
        """Queue a letter that no step caused, such as a digest; ``key`` names its cause."""
        self._queue(
            key, letter, MessageChannel.EMAIL, person.language, person.name, person.email,
            complaint_id, None, canonical(facts),
        )  # fmt: skip

    def note_complainant(self, key: str, letter: str, complaint: Complaint, facts: Mapping[str, Any]) -> None:
        """Queue a letter to who complained that no step caused, such as a reminder."""
        reach = complaint.complainant
        if reach is None:
            return
        told = canonical(facts)
        for channel, address, suffix in (
            (MessageChannel.EMAIL, reach.email, ""),
            (MessageChannel.SMS, reach.mobile, SMS_SUFFIX),
        ):
            if address:
                self._queue(
                    key + suffix, letter, channel, complaint.language, reach.name, address, complaint.id, None, told
                )
        if not reach.email and not reach.mobile:
            self._on_paper(key, letter, complaint.language, reach.name, complaint, None, told)

    def later(self, key: str, letter: str, reach: Reach, language: str, facts: Mapping[str, Any], at: datetime) -> None:
        """Queue a letter to somebody who may not have complained yet, to leave at a later instant."""
        told = canonical(facts)
        for channel, address, suffix in (
            (MessageChannel.EMAIL, reach.email, ""),
            (MessageChannel.SMS, reach.mobile, SMS_SUFFIX),
        ):
            if address:
                self._queue(key + suffix, letter, channel, language, reach.name, address, None, None, told)
                self._messages[key + suffix] |= {"queued_at": at, "next_try_at": at}

    def _queue(
        self, key: str, letter: str, channel: MessageChannel, language: str, name: str, address: str,
        complaint_id: int | None, step: int | None, facts: str | None,
    ) -> None:  # fmt: skip
        self._messages[key] = {
            "key": key,
            "complaint_id": complaint_id,
            "step_sequence": step,
            "letter": letter,
            "channel": channel,
            "language": language,
            "to_name": name,
            "to_address": address,
            "facts": facts,
            "queued_at": self.now,
            "state": MessageState.QUEUED,
            "tries": 0,
            "next_try_at": self.now,
            "cause": cause.get() or None,
        }

    # -- writing -----------------------------------------------------------------

    def write(self, session: Session, *, skip_known: bool = False) -> None:
        """Write all rows, in the order in which they refer to each other.

        With ``skip_known`` a letter whose cause was already told is left out instead of refused:
        for letters that no new step caused.
        """
        session.flush()
        if skip_known and self._messages:
            for known in session.scalars(select(Message.key).where(Message.key.in_(self._messages))):
                del self._messages[known]
                self._postings.pop(known, None)
        stay, step, message = _table(Assignment), _table(Step), _table(Message)
        key = ("complaint_id", "sequence")
        update_rows(session, stay, key=key, rows=self._ended)
        update_rows(session, stay, key=key, rows=self._moved)
        insert_rows(session, stay, self._started)
        insert_rows(session, step, self._steps)
        self._write_cases(session)
        self._tell_programs(session)
        insert_rows(session, message, list(self._messages.values()))
        self._write_postings(session)
        self.letters += len(self._messages)
        self._started, self._ended, self._moved, self._steps, self._messages = [], [], [], [], {}
        self._filed, self._happened = {}, []

    def _tell_programs(self, session: Session) -> None:
        """What happened is told to the programs of the desks at both ends of a step."""
        posts = {post for head, _, ends in self._happened for post in (head.post_id, *ends)}
        if not posts:
            return
        for one in listeners_at(session, posts, dhaka_date(self.now)):
            for head, facts, ends in self._happened:
                if one.post_id not in (head.post_id, *ends):
                    continue
                told = {
                    "token": one.token_id,
                    "type": f"complaint.{facts.kind}",
                    "timestamp": facts.happened_at,
                    "data": {
                        "tracking_number": head.tracking_number,
                        "step": facts.sequence,
                        "is_here": head.post_id == one.post_id,
                    },
                }
                self._queue(
                    f"{head.id}/{facts.sequence}/{EVENT}/{one.token_id}",
                    EVENT, MessageChannel.EVENT, "en", one.name, one.address, head.id, facts.sequence, canonical(told),
                )  # fmt: skip

    def _write_cases(self, session: Session) -> None:
        """What offices report follows the stays. A filing and an escalation begin a case and change no other."""
        by_complaint = {row["complaint_id"]: row["ended_by"] for row in self._ended}
        begun, others = [], set(by_complaint)
        for row in self._started:
            number = row["complaint_id"]
            after = by_complaint.get(number)
            if after is not Action.ESCALATE and number not in self._filed:
                others.add(number)
                continue
            others.discard(number)
            channel, paper_day = self._filed.get(number, (Channel.OWN_MOTION, None))
            today = dhaka_date(self.now)
            stay = Stay(
                began_on=min(paper_day or today, today),
                **{name: row[name] for name in ("sequence", "office_id", "post_id", "tier", "due_on")},
            )
            begun.append(reported_cases.begun(number, stay, channel, after=after))
        insert_rows(session, reported_cases.TABLE, begun)
        if others:
            reported_cases.count_again(session, others)
        reported_cases.move_due_dates(session, [row for row in self._moved if row["complaint_id"] not in others])

    def _on_paper(
        self, key: str, letter: str, language: str, name: str,
        head: Head | Complaint, step: int | None, facts: str | None,
    ) -> None:  # fmt: skip
        key = f"{key}/paper"
        self._queue(key, letter, MessageChannel.PAPER, language, name, "", head.id, step, facts)
        self._messages[key]["state"] = MessageState.TO_POST
        self._postings[key] = head.post_id

    def _write_postings(self, session: Session) -> None:
        if self._postings:
            found = select(Message.id, Message.key).where(Message.key.in_(self._postings))
            rows = [
                {"message_id": number, "post_id": self._postings[key], "written_on": dhaka_date(self.now)}
                for number, key in session.execute(found)
            ]
            insert_rows(session, _table(Posting), rows)
            self._postings = {}


def settle(
    head: Head | Complaint,
    *,
    stage: Stage,
    chain: TierChain,
    desk: ChainTier,
    due: DueDate,
    calendar: WorkingCalendar,
) -> None:
    """Write into the complaint's index columns where it lies now, until when, and what comes by itself."""
    head.stage, head.tier = stage, desk.tier
    head.office_id, head.post_id = desk.office_id, desk.post_id
    head.due_on, head.is_provisional = due.due_on, due.is_provisional
    head.escalates_after = escalates_after(chain, desk.tier, stage, due.due_on)
    head.remind_on = next_reminder(calendar, due.due_on)


def write_heads(session: Session, heads: Iterable[Head]) -> None:
    """Write the index columns of many complaints at once."""
    rows = [{name: getattr(head, name) for name in _MOVING_COLUMNS} for head in heads]
    update_rows(session, _table(Complaint), key=("id",), rows=rows)


def _table(model: type[Any]) -> Table:
    table: Table = model.__table__
    return table
