"""The outbox is emptied: claimed, rendered, sent, counted; given up loudly after the last try."""

from __future__ import annotations

import json
import logging
import smtplib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.complaints import Complaint, Step
from grs.db.messages import Message, MessageChannel, MessageState
from grs.db.offices import Office, Post
from grs.domain.errors import NotFound
from grs.notify.mail import Mail
from grs.notify.render import render_letter, render_sms
from grs.notify.transports import MailTransport, SmsGateway
from grs.settings import Settings

log = logging.getLogger(__name__)

MOST_TRIES = 48
BATCH = 20
LEASE = timedelta(minutes=15)
"""How long a worker may take over a batch; a killed worker's letters are tried again after it."""
LONGEST_WAIT = timedelta(minutes=60)


class ServerAway(str):
    """Why a letter failed: not for its own sake."""

    __slots__ = ()


def wait_after(tries: int) -> timedelta:
    """How long after the nth failed try the next one is made: 1, 2, 4 … then 60 minutes."""
    return min(timedelta(minutes=2 ** min(tries - 1, 10)), LONGEST_WAIT)


def deliver_messages(
    writers: sessionmaker[Session],
    *,
    mail: MailTransport,
    sms: SmsGateway,
    settings: Settings,
    clock: Callable[[], datetime],
    dry_run: bool = False,
) -> Counter[str]:
    """Send what is due to be sent.

    A batch is claimed for a while and each letter is marked the moment it is sent: a worker killed
    between the server's thanks and our mark sends that one letter again, under the same Message-ID.
    One bad address only fails itself; a server that is away ends the round.
    """
    counts: Counter[str] = Counter(sent=0, failed=0, given_up=0)
    if dry_run:
        with writers() as session:
            due = select(Message.id).where(*_due(clock()))
            counts["sent"] = len(session.execute(due).all())
        return counts
    try:
        is_away = False
        while not is_away and (batch := _claim(writers, clock())):
            reason: str | None = None
            for message, facts in batch:
                # When the server is away the rest of the batch need not wait for it one by one.
                failure = reason if is_away else _send(message, facts, mail, sms, settings)
                if isinstance(failure, ServerAway):
                    is_away, reason = True, failure
                _mark(writers, message, failure, clock(), counts)
    finally:
        mail.close()
    return counts


def _due(now: datetime) -> tuple[Any, ...]:
    return Message.state == MessageState.QUEUED, Message.next_try_at <= now


def _claim(writers: sessionmaker[Session], now: datetime) -> list[tuple[Message, dict[str, Any]]]:
    """Take a batch, so that no other worker tries the same letters while this one does."""
    with writers.begin() as session:
        messages = session.scalars(
            select(Message)
            .where(*_due(now))
            .order_by(Message.next_try_at, Message.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        for message in messages:
            message.tries += 1
            message.next_try_at = now + LEASE
        return list(zip(messages, _facts(session, messages), strict=True))


def _send(
    message: Message, facts: dict[str, Any], mail: MailTransport, sms: SmsGateway, settings: Settings
) -> str | None:
    """Try once; returns why it failed, or None."""
    facts["base_url"] = settings.base_url
    try:
        if message.channel is MessageChannel.SMS:
            text = render_sms(message.letter, message.language, facts)
            sms.send(key=message.key, number=message.to_address, text=text)
        else:
            subject, body = render_letter(message.letter, message.language, facts)
            mail.send(
                Mail(
                    key=message.key,
                    sender=settings.mail_from,
                    to_name=message.to_name,
                    to_address=message.to_address,
                    subject=subject,
                    body=body,
                    queued_at=message.queued_at,
                )
            )
    except Exception as error:  # whatever one letter does wrong, the others go out
        told = f"{type(error).__name__}: {error}"[:500]
        is_mail = message.channel is MessageChannel.EMAIL
        return ServerAway(told) if is_mail and _is_away(error) else told
    return None


def _is_away(error: Exception) -> bool:
    """Whether the server could not be reached; what it answered, even a refusal, is no such failure."""
    answered = isinstance(error, smtplib.SMTPException) and not isinstance(
        error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError
    )
    return isinstance(error, OSError) and not answered


def _mark(
    writers: sessionmaker[Session], message: Message, failure: str | None, now: datetime, counts: Counter[str]
) -> None:
    """Write down what became of the letter, unless another worker has taken it since."""
    change: dict[str, Any]
    if failure is None:
        change = {"state": MessageState.SENT, "sent_at": now, "last_error": None}
        counts["sent"] += 1
    elif message.tries >= MOST_TRIES:
        change = {"state": MessageState.DEAD, "last_error": failure}
        counts["given_up"] += 1
        log.error("message %s given up after %s tries", message.id, message.tries)
    else:
        change = {"next_try_at": now + wait_after(message.tries), "last_error": failure}
        counts["failed"] += 1
        log.warning("message %s failed, try %s: %s", message.id, message.tries, failure.split(":")[0])
    with writers.begin() as session:
        session.execute(
            update(Message)
            .where(Message.id == message.id, Message.tries == message.tries)
            .values(change)
            .execution_options(synchronize_session=False)
        )


# -- letters that were given up ---------------------------------------------------


def dead_letters(session: Session) -> Sequence[Message]:
    """The letters given up after the last try, oldest first."""
    query = select(Message).where(Message.state == MessageState.DEAD).order_by(Message.id)
    return session.scalars(query).all()


def retry_letter(session: Session, message_id: int, *, now: datetime) -> None:
    """Queue a dead letter again, with all its tries; raises NotFound when it is not dead."""
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.state is not MessageState.DEAD:
        raise NotFound("dead letter", message_id)
    message.state, message.tries, message.next_try_at = MessageState.QUEUED, 0, now


# -- what a letter says ------------------------------------------------------------


def _facts(session: Session, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The facts of each letter: its own, its step's, its complaint's, and the names behind numbers."""
    ids = {message.complaint_id for message in messages if message.complaint_id is not None}
    complaints = {
        complaint.id: complaint
        for complaint in session.scalars(
            select(Complaint)
            .options(joinedload(Complaint.entry), joinedload(Complaint.charter), joinedload(Complaint.complainant))
            .where(Complaint.id.in_(ids))
        )
    }
    steps = {
        (step.complaint_id, step.sequence): json.loads(step.details)
        for step in session.scalars(
            select(Step).where(
                Step.complaint_id.in_(ids),
                Step.sequence.in_({m.step_sequence for m in messages if m.step_sequence is not None}),
            )
        )
    }
    details = [
        json.loads(message.facts) if message.facts else dict(steps[message.complaint_id, message.step_sequence])  # type: ignore[index]
        for message in messages
    ]
    names = _Names(session, details, complaints)
    return [
        names.spell_out(message, found) | {"to_name": message.to_name}
        for message, found in zip(messages, details, strict=True)
    ]


class _Names:
    """Posts and offices by number, as a batch of letters needs them."""

    def __init__(self, session: Session, details: list[dict[str, Any]], complaints: dict[int, Complaint]) -> None:
        self._complaints = complaints
        posts = {d[key] for d in details for key in ("from_post", "to_post") if key in d}
        posts |= {complaint.post_id for complaint in complaints.values()}
        self._posts = {post.id: post for post in session.scalars(select(Post).where(Post.id.in_(posts)))}
        offices = {post.office_id for post in self._posts.values()}
        offices |= {complaint.charter.office_id for complaint in complaints.values()}
        self._offices = {o.id: o for o in session.scalars(select(Office).where(Office.id.in_(offices)))}

    def spell_out(self, message: Message, details: dict[str, Any]) -> dict[str, Any]:
        found = dict(details)
        complaint = self._complaints.get(message.complaint_id or 0)
        if complaint is not None:
            found |= {
                "tracking_number": complaint.tracking_number,
                "service": complaint.entry.name if complaint.entry else None,
                "office": self._office(complaint.charter.office_id, message.language),
                "tier": int(complaint.tier),
            }
            found.setdefault("from_post", complaint.post_id)
        for end in ("from", "to"):
            if post_id := found.get(f"{end}_post"):
                post = self._posts[post_id]
                found[f"{end}_post"] = post.title_bn if message.language == "bn" else post.title_en
                found[f"{end}_office"] = self._office(post.office_id, message.language)
        return found

    def _office(self, office_id: int, language: str) -> str:
        office = self._offices[office_id]
        return office.name_bn if language == "bn" else office.name_en
