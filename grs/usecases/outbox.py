"""The outbox as administrators see it: what waits, what failed, what was given up; and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.administration import SecurityKind
from grs.db.messages import Message, MessageState, is_queued
from grs.domain.errors import NotFound
from grs.usecases.administration import Administrator
from grs.usecases.security_log import log_event

PAGE = 50
STUCK = (MessageState.DEAD, MessageState.HELD)
SHOWN = (MessageState.QUEUED, MessageState.DEAD, MessageState.HELD, MessageState.SENT)


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many letters wait, failed at least once, were given up, or are held; and since when the oldest waits."""

    by_state: Counter[MessageState]
    failing: int
    oldest: datetime | None


def outbox_counts(session: Session) -> OutboxCounts:
    """The outbox in figures; sent letters are not counted."""
    waiting = (MessageState.QUEUED, *STUCK)
    rows = session.execute(
        select(Message.state, func.count()).where(Message.state.in_(waiting)).group_by(Message.state)
    )
    failing = select(func.count()).where(is_queued(), Message.last_error.is_not(None))
    oldest = select(func.min(Message.queued_at)).where(is_queued())
    return OutboxCounts(Counter({state: n for state, n in rows}), session.scalar(failing) or 0, session.scalar(oldest))


def letters_in(
    session: Session, state: MessageState, *, before: int | None = None, limit: int = PAGE
) -> Sequence[Message]:
    """One page of the letters in a state, newest first."""
    query = select(Message).where(Message.state == state).order_by(Message.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Message.id < before)
    return session.scalars(query).all()


def send_again(session: Session, admin: Administrator, message_id: int) -> None:
    """Queue a letter that was given up or is held, with all its tries; raises NotFound for any other."""
    message = _stuck(session, message_id)
    message.state, message.tries, message.next_try_at = MessageState.QUEUED, 0, admin.now
    message.last_error = None
    log_event(session, SecurityKind.LETTER_RETRIED, now=admin.now, person_id=admin.person_id, message=message_id)


def give_up(session: Session, admin: Administrator, message_id: int) -> None:
    """A letter is not sent any more; raises NotFound when it does not wait."""
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.state not in (MessageState.QUEUED, MessageState.HELD):
        raise NotFound("letter", message_id)
    message.state = MessageState.DEAD
    message.last_error = message.last_error or "given up by an administrator"
    log_event(session, SecurityKind.LETTER_GIVEN_UP, now=admin.now, person_id=admin.person_id, message=message_id)


def _stuck(session: Session, message_id: int) -> Message:
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.state not in STUCK or not message.to_address:
        raise NotFound("letter", message_id)
    return message


def masked(address: str) -> str:
    """An address as it may be shown to who keeps the system: enough to see a slip, not whose it is."""
    name, at, host = address.partition("@")
    if at:
        return f"{name[:2]}…@{host}"
    return f"{address[:5]}…{address[-2:]}" if address else ""
