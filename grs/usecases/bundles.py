"""One letter instead of many: what waits for an officer who gets more than a few in a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageChannel, MessageState, is_queued
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.history import canonical
from grs.domain.office_hours import Coming, OfficeHours, how_letters_come

DESK_LETTERS = frozenset(
    {
        "assigned", "appeal_assigned", "appealed_from_you", "appealed_supervisor", "due_date_changed_officer",
        "hearing_notice", "information_added", "mark_proposed", "officer_digest", "overdue", "reminder", "stand_in",
        "task_answered", "task_asked", "task_lapsed", "task_over", "withdrawn_officer", "work_given",
    }
)  # fmt: skip
"""What officers read at their desks. Escalations, vacancies and links to log in leave at any hour."""
BUNDLED = DESK_LETTERS - {"officer_digest", "hearing_notice", "task_over", "stand_in"}
"""A notice of a hearing stays a letter of its own, and what takes it back: they carry the entry for the calendar."""
DIGEST = "officer_digest"


def leave_at_once() -> tuple[ColumnElement[bool], ...]:
    """The waiting letters that nothing holds: not officers', which keep office hours, nor what programs are told."""
    return (
        is_queued(),
        Message.letter.not_in(DESK_LETTERS),
        Message.channel != MessageChannel.EVENT,
    )


def bundle_letters(session: Session, *, hours: OfficeHours, now: datetime) -> Counter[Coming]:
    """Turn what waits for one officer into one letter, where more than a few would come today.

    Returns how many letters come in which way. A letter that already failed once is left to its tries.
    """
    waiting = session.scalars(
        select(Message)
        .where(
            is_queued(),
            Message.letter.in_(BUNDLED),
            Message.next_try_at <= now,
            Message.tries == 0,
        )
        .order_by(Message.id)
        .with_for_update(skip_locked=True)
    ).all()
    by_address: dict[str, list[Message]] = {}
    for message in waiting:
        by_address.setdefault(message.to_address, []).append(message)
    came, had_one = _came_today(session, by_address, now)
    last_hour = hours.last_hour(now)
    counts: Counter[Coming] = Counter()
    for address, letters in by_address.items():
        coming = how_letters_come(
            already=came[address],
            waiting=len(letters),
            has_come_as_one=address in had_one,
            is_last_hour=now >= last_hour,
        )
        counts[coming] += len(letters)
        if coming is Coming.AS_ONE:
            _bundle(session, letters, now)
        elif coming is Coming.LATER:
            for letter in letters:
                letter.next_try_at = last_hour
    return counts


def _came_today(session: Session, addresses: Collection[str], now: datetime) -> tuple[Counter[str], set[str]]:
    """How many letters each officer got today, those in one letter included, and who got such a one."""
    midnight = datetime.combine(dhaka_date(now), time(), DHAKA)
    came: Counter[str] = Counter()
    had_one: set[str] = set()
    if addresses:
        query = select(Message.to_address, Message.state).where(
            Message.to_address.in_(addresses),
            Message.letter.in_(BUNDLED),
            Message.state.in_((MessageState.SENT, MessageState.BUNDLED)),
            Message.sent_at >= midnight,
        )
        for address, state in session.execute(query):
            came[address] += 1
            if state is MessageState.BUNDLED:
                had_one.add(address)
    return came, had_one


def _bundle(session: Session, letters: Sequence[Message], now: datetime) -> None:
    numbers: dict[int | None, str] = {
        number: tracking_number
        for number, tracking_number in session.execute(
            select(Complaint.id, Complaint.tracking_number).where(
                Complaint.id.in_({letter.complaint_id for letter in letters})
            )
        )
    }
    lines = [{"letter": letter.letter, "tracking_number": numbers.get(letter.complaint_id, "")} for letter in letters]
    first = letters[0]
    facts: dict[str, Any] = {"lines": lines, "day_of": dhaka_date(now)}
    session.add(
        Message(
            key=f"{DIGEST}/{first.id}",
            letter=DIGEST,
            channel=MessageChannel.EMAIL,
            language=first.language,
            to_name=first.to_name,
            to_address=first.to_address,
            facts=canonical(facts),
            queued_at=now,
            next_try_at=now,
        )
    )
    for letter in letters:
        letter.state, letter.sent_at = MessageState.BUNDLED, now
