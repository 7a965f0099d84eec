"""The outbox is emptied: claimed, rendered, sent, counted; given up loudly after the last try."""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from grs.db.messages import Message, MessageChannel, MessageState, is_given_up
from grs.domain.errors import NotFound
from grs.notify.invitations import hearing_invitation
from grs.notify.mail import Mail
from grs.notify.render import answer_line, render_html, render_letter, render_sms, sms_parts
from grs.notify.transports import MailTransport, SmsGateway
from grs.settings import Settings
from grs.usecases.bundles import DESK_LETTERS, bundle_letters
from grs.usecases.calendars import CalendarShelf
from grs.usecases.letters import facts_of, with_secrets
from grs.usecases.reply_addresses import answer_address, return_address
from grs.usecases.tries import LONGEST_BATCH, claim, give_back, is_due, mark, name_of

INVITATIONS = {
    "hearing_called": "REQUEST",
    "hearing_notice": "REQUEST",
    "hearing_off": "CANCEL",
    "task_over": "CANCEL",
}
"""Letters that go with an entry for the reader's calendar, or take one back."""


class ServerAway(str):
    """Why a letter failed: not for its own sake."""

    __slots__ = ()


def deliver_messages(
    writers: sessionmaker[Session],
    *,
    mail: MailTransport,
    sms: SmsGateway,
    settings: Settings,
    shelf: CalendarShelf,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Counter[str]:
    """Send what is due to be sent. Officers' letters wait for office hours; many in a day come as one.

    A batch is claimed for a while and each letter is marked the moment it is sent: a worker killed
    between the server's thanks and our mark sends that one letter again, under the same Message-ID.
    One bad address only fails itself; a server that is away ends the round.
    """
    counts: Counter[str] = Counter(sent=0, failed=0, given_up=0)
    if dry_run:
        with writers() as session:
            held = _held(session, settings, shelf, clock())
            due = select(Message.id).where(*is_due(clock()), *_are_letters(held))
            counts["sent"] = len(session.execute(due).all())
        return counts
    try:
        is_away = False
        with writers.begin() as session:
            held = _held(session, settings, shelf, clock())
            if not held:
                bundle_letters(session, hours=settings.office_hours, now=clock())
        while not is_away and not is_stopping() and (batch := _claim(writers, clock(), held)):
            reason: str | None = None
            until = clock() + LONGEST_BATCH
            for place, (message, facts) in enumerate(batch):
                if is_stopping() or clock() > until:
                    give_back(writers, [message for message, _ in batch[place:]], clock())
                    break
                # When the server is away the rest of the batch need not wait for it one by one.
                failure = reason if is_away else _send(message, facts, mail, sms, settings)
                if isinstance(failure, ServerAway):
                    is_away, reason = True, failure
                with writers.begin() as session:
                    mark(session, message, failure, clock(), counts)
    finally:
        mail.close()
    return counts


def _held(session: Session, settings: Settings, shelf: CalendarShelf, now: datetime) -> frozenset[str]:
    """The letters that do not leave now: those to officers, out of office hours."""
    return frozenset() if settings.office_hours.holds(shelf.for_scopes(session), now) else DESK_LETTERS


def _are_letters(held: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    """What this job sends now: letters, and of them not those that are held."""
    return (Message.channel != MessageChannel.EVENT, Message.letter.not_in(held))


def _claim(
    writers: sessionmaker[Session], now: datetime, held: Collection[str]
) -> list[tuple[Message, dict[str, Any] | Exception]]:
    """Take a batch, with what each letter says."""
    with writers.begin() as session:
        messages = claim(session, now, *_are_letters(held))
        return list(zip(messages, _facts_of(session, messages), strict=True))


def _facts_of(session: Session, messages: Sequence[Message]) -> list[dict[str, Any] | Exception]:
    """The facts of each letter, or why they cannot be told: one that names what is gone fails alone."""
    try:
        return list(facts_of(session, messages))
    except Exception:
        return [_own_facts(session, message) for message in messages]


def _own_facts(session: Session, message: Message) -> dict[str, Any] | Exception:
    try:
        (facts,) = facts_of(session, [message])
    except Exception as error:  # becomes the reason for which this letter failed
        return error
    return facts


def _send(
    message: Message, told: dict[str, Any] | Exception, mail: MailTransport, sms: SmsGateway, settings: Settings
) -> str | None:
    """Try once; returns why it failed, or None."""
    try:
        if isinstance(told, Exception):
            raise told
        facts = with_secrets(told, settings)
        if message.channel is MessageChannel.SMS:
            text = render_sms(message.letter, message.language, facts)
            message.parts = sms_parts(text)
            sms.send(key=name_of(message), number=message.to_address, text=text)
        else:
            subject, body = render_letter(message.letter, message.language, facts)
            # Only who complained answers by mail: an officer's word is an act, and is done with a log-in.
            is_answerable = bool(settings.imap_host) and facts.get("is_complainants", False)
            line = answer_line(message.language) if is_answerable else ""
            mail.send(
                Mail(
                    key=name_of(message),
                    sender=settings.mail_from,
                    to_name=message.to_name,
                    to_address=message.to_address,
                    subject=subject,
                    body=f"{line}\n\n{body}" if line else body,
                    html=render_html(subject, body, message.language, base_url=settings.base_url, line=line),
                    invitation=_invitation(message, facts, subject, settings),
                    answers_to=answer_address(settings, facts["tracking_number"]) if line else "",
                    returns_to=return_address(settings, message),
                    queued_at=message.queued_at,
                )
            )
    except Exception as error:  # whatever one letter does wrong, the others go out
        failure = f"{type(error).__name__}: {error}"[:500]
        is_mail = message.channel is MessageChannel.EMAIL
        return ServerAway(failure) if is_mail and _is_away(error) else failure
    return None


def _invitation(message: Message, facts: dict[str, Any], subject: str, settings: Settings) -> bytes | None:
    method = INVITATIONS.get(message.letter)
    if method is None or "begins_at" not in facts:
        return None
    return hearing_invitation(
        facts,
        method=method,
        title=subject,
        sender=settings.mail_from,
        to_address=message.to_address,
        sent_at=message.queued_at,
    )


def _is_away(error: Exception) -> bool:
    """Whether the server could not be reached; what it answered, even a refusal, is no such failure."""
    answered = isinstance(error, smtplib.SMTPException) and not isinstance(
        error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError
    )
    return isinstance(error, OSError) and not answered


# -- letters that were given up ---------------------------------------------------


def dead_letters(session: Session) -> Sequence[Message]:
    """The letters given up after the last try, oldest first."""
    query = select(Message).where(is_given_up()).order_by(Message.id)
    return session.scalars(query).all()


def retry_letter(session: Session, message_id: int, *, now: datetime) -> None:
    """Queue a dead letter again, with all its tries; raises NotFound when it is not dead."""
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.state is not MessageState.DEAD:
        raise NotFound("dead letter", message_id)
    message.state, message.tries, message.next_try_at = MessageState.QUEUED, 0, now


def decide_held(session: Session, *, send: bool, give_up: bool, now: datetime) -> int:
    """Queue or give up every letter that a restore has held, or only count them; returns how many."""
    held = Message.state == MessageState.HELD
    count = session.scalar(select(func.count(Message.id)).where(held)) or 0
    if send:
        session.execute(update(Message).where(held).values(state=MessageState.QUEUED, tries=0, next_try_at=now))
    elif give_up:
        session.execute(update(Message).where(held).values(state=MessageState.DEAD, last_error="held by a restore"))
    return count
