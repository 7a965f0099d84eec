"""A desk's program is told what happens there: the fact and the number; the rest it reads with its token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from grs.db.machines import Webhook
from grs.db.messages import Message, MessageChannel
from grs.domain.errors import InvalidInput, NotFound, NotYours
from grs.domain.history import canonical
from grs.domain.machines import Scope, is_webhook_address
from grs.notify.calls import Caller
from grs.usecases.ledger import EVENT
from grs.usecases.machines import Machine, machine_of
from grs.usecases.secrets import new_token
from grs.usecases.tries import LONGEST_BATCH, claim, give_back, is_due, mark, name_of
from grs.usecases.workbench import readable

ASKED_AGAIN_AFTER = timedelta(minutes=1)
"""What waits behind an event that was not thanked."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - how all such secrets begin (Standard Webhooks)


@dataclass(frozen=True, slots=True)
class Call:
    """One event ready to be told."""

    token_id: int
    address: str
    body: bytes
    secret: str


def set_webhook(session: Session, machine: Machine, address: str, *, now: datetime, secret_key: str) -> str:
    """Tell a token's program at this address from now on, beginning with a try; returns the new signing secret.

    Raises InvalidInput.
    """
    if not is_webhook_address(address):
        raise InvalidInput({"address": "webhook_address"})
    found = session.get(Webhook, machine.token_id, with_for_update=True)
    if found is None:
        found = Webhook(token_id=machine.token_id)
        session.add(found)
    found.address, found.salt, found.set_at = address, new_token(), now
    found.thanked_at = found.stopped_at = None
    facts = {"token": machine.token_id, "type": "ping", "timestamp": now, "data": {}}
    session.add(
        Message(
            key=f"ping/{machine.token_id}/{found.salt}",
            letter=EVENT,
            channel=MessageChannel.EVENT,
            language="en",
            to_name="",
            to_address=address,
            facts=canonical(facts),
            queued_at=now,
            next_try_at=now,
        )
    )
    return _secret_of(found, secret_key)


def webhook_of(session: Session, machine: Machine) -> Webhook:
    """Where a token's program is told; raises NotFound where it is not."""
    found = session.get(Webhook, machine.token_id)
    if found is None:
        raise NotFound("webhook", machine.token_id)
    return found


def end_webhook(session: Session, machine: Machine) -> None:
    """Tell it nothing more, not even what waits; where nothing was told that is no error."""
    found = session.get(Webhook, machine.token_id, with_for_update=True)
    if found is not None:
        session.delete(found)


def _secret_of(webhook: Webhook, secret_key: str) -> str:
    """What the calls are signed with; no row holds it."""
    what = f"webhook:{webhook.token_id}:{webhook.salt}"
    digest = hmac.new(secret_key.encode(), what.encode(), hashlib.sha256).digest()
    return SECRET_PREFIX + base64.b64encode(digest).decode()


# -- telling ---------------------------------------------------------------------------------------------


def call_programs(
    writers: sessionmaker[Session],
    *,
    caller: Caller,
    secret_key: str,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Counter[str]:
    """Tell programs what waits for them, with the outbox's tries. Who does not answer is asked once a round.

    What may not be read with the token, or by nobody any more, is not told. After an event's last try the address
    is given up if nothing was thanked there meanwhile, and nothing is told there until it is set again.
    """
    counts: Counter[str] = Counter(sent=0, failed=0, given_up=0)
    if dry_run:
        with writers() as session:
            due = select(func.count()).select_from(Message).where(*is_due(clock()), *_ARE_EVENTS)
            counts["sent"] = session.scalar(due) or 0
        return counts
    silent: set[str] = set()
    while not is_stopping() and (batch := _claim(writers, clock(), secret_key)):
        until = clock() + LONGEST_BATCH
        for place, (message, call) in enumerate(batch):
            if is_stopping() or clock() > until:
                give_back(writers, [message for message, _ in batch[place:]], clock())
                break
            if call is None:
                with writers.begin() as session:
                    session.delete(session.merge(message, load=False))
                continue
            if call.address in silent:
                give_back(writers, [message], clock() + ASKED_AGAIN_AFTER)
                continue
            failure = _try(message, call, caller, clock())
            if failure is not None:
                silent.add(call.address)
            with writers.begin() as session:
                is_given_up = mark(session, message, failure, clock(), counts)
                _note(session, message, call, clock(), is_thanked=failure is None, is_given_up=is_given_up)
    return counts


_ARE_EVENTS = (Message.channel == MessageChannel.EVENT,)


def _claim(writers: sessionmaker[Session], now: datetime, secret_key: str) -> list[tuple[Message, Call | None]]:
    with writers.begin() as session:
        return [(one, _call_of(session, one, now, secret_key)) for one in claim(session, now, *_ARE_EVENTS)]


def _call_of(session: Session, message: Message, now: datetime, secret_key: str) -> Call | None:
    """The call to make, or None where this may not be told there, or not any more."""
    facts = json.loads(message.facts or "{}")
    token_id = facts.pop("token", 0)
    webhook, machine = session.get(Webhook, token_id), machine_of(session, token_id, now=now)
    if webhook is None or webhook.stopped_at is not None or machine is None or Scope.READ not in machine.scopes:
        return None
    number = facts.get("data", {}).get("tracking_number")
    try:
        if number is not None:
            complaint = readable(session, machine.desk, number)
            if machine.post.id not in {stay.post_id for stay in complaint.assignments}:
                return None
    except (NotFound, NotYours):
        return None
    return Call(token_id, webhook.address, canonical(facts).encode(), _secret_of(webhook, secret_key))


def _try(message: Message, call: Call, caller: Caller, now: datetime) -> str | None:
    """Call once; returns why it failed, or None."""
    try:
        caller.call(call.address, name=name_of(message), at=now, body=call.body, secret=call.secret)
    except Exception as error:  # whatever one program does wrong, the others are told
        return f"{type(error).__name__}: {error}"[:500]
    return None


def _note(
    session: Session, message: Message, call: Call, now: datetime, *, is_thanked: bool, is_given_up: bool
) -> None:
    """When it was last thanked for; and given up altogether where nothing was, all the time that this event waited."""
    if not is_thanked and not is_given_up:
        return
    webhook = session.get(Webhook, call.token_id, with_for_update=True)
    if webhook is None or webhook.address != call.address:
        return
    if is_thanked:
        webhook.thanked_at = now
    elif webhook.thanked_at is None or webhook.thanked_at < message.queued_at:
        webhook.stopped_at = now
