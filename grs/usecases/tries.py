"""How what waits in the outbox is tried: claimed for a while, marked at once, tried later again, given up loudly."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.messages import Message, MessageState, is_queued

log = logging.getLogger(__name__)
letters_log = logging.getLogger("grs.letters")

MOST_TRIES = 48
BATCH = 50
LEASE = timedelta(minutes=15)
"""How long a worker may take over a batch; what a killed worker had claimed is tried again after it."""
LONGEST_BATCH = LEASE / 2
"""After this the rest of a batch is given back, lest another worker sends beside this one what is claimed anew."""
LONGEST_WAIT = timedelta(minutes=60)


def wait_after(tries: int) -> timedelta:
    """How long after the nth failed try the next one is made: 1, 2, 4 … then 60 minutes."""
    return min(timedelta(minutes=2 ** min(tries - 1, 10)), LONGEST_WAIT)


def is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The message waits, and its time has come."""
    return (is_queued(), Message.next_try_at <= now)


def claim(session: Session, now: datetime, *which: ColumnElement[bool]) -> Sequence[Message]:
    """Take a batch of what is due, so that no other worker tries the same while this one does."""
    messages = session.scalars(
        select(Message)
        .where(*is_due(now), *which)
        .order_by(Message.next_try_at, Message.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for message in messages:
        message.tries += 1
        message.next_try_at = now + LEASE
    return messages


def give_back(writers: sessionmaker[Session], messages: Sequence[Message], at: datetime) -> None:
    """Claimed and not tried, which is no try: any worker may take them from an instant on."""
    with writers.begin() as session:
        for message in messages:
            session.execute(
                update(Message)
                .where(Message.id == message.id, Message.tries == message.tries, is_queued())
                .values(tries=message.tries - 1, next_try_at=at)
                .execution_options(synchronize_session=False)
            )


def mark(session: Session, message: Message, failure: str | None, now: datetime, counts: Counter[str]) -> bool:
    """Write down what became of it, unless another worker has taken it since; returns whether it was given up."""
    change: dict[str, Any]
    is_given_up = False
    if failure is None:
        session.execute(_SENT, {"which": message.id, "at_try": message.tries, "at": now, "number": message.parts})
        counts["sent"] += 1
        letters_log.info("letter sent", extra={"told": _told(message)})
        return False
    if message.tries >= MOST_TRIES:
        change, is_given_up = {"state": MessageState.DEAD, "last_error": failure}, True
        counts["given_up"] += 1
        log.error("message %s given up after %s tries", message.id, message.tries, extra={"told": _told(message)})
    else:
        change = {"next_try_at": now + wait_after(message.tries), "last_error": failure}
        counts["failed"] += 1
        why = failure.split(":")[0]
        log.warning("message %s failed, try %s: %s", message.id, message.tries, why, extra={"told": _told(message)})
    session.execute(_AS_TRIED.values(change), {"which": message.id, "at_try": message.tries})
    return is_given_up


_LETTER: Table = Message.__table__  # type: ignore[assignment]
_AS_TRIED = update(_LETTER).where(_LETTER.c.id == bindparam("which"), _LETTER.c.tries == bindparam("at_try"))
_SENT = _AS_TRIED.values(state=MessageState.SENT, sent_at=bindparam("at"), last_error=None, parts=bindparam("number"))
"""Written once for each letter: made here, not each time."""


def name_of(message: Message) -> str:
    """What every try of a letter is known by; with its instant, for after a restore a key may come again."""
    return f"{message.key}/{int(message.queued_at.timestamp())}"


def _told(message: Message) -> dict[str, object]:
    """Which letter, by number and kind, and what it came of; never to whom."""
    return {"number": message.id, "letter": message.letter, "letter_cause": message.cause or ""}
