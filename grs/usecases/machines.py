"""Tokens for programs: each good for one post of the person who answers for it, for some time, for some things."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from grs.db.administration import SecurityKind
from grs.db.machines import MachineToken
from grs.db.offices import Post
from grs.domain.bangla import normalise
from grs.domain.calendar import dhaka_date
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import printable
from grs.domain.machines import LONGEST_DAYS, MOST_TOKENS, Scope, scopes_of
from grs.usecases.accounts import SEEN_EVERY, desk_of, posts_of
from grs.usecases.secrets import new_token, token_hash
from grs.usecases.security_log import log_event
from grs.usecases.standing import Desk

PREFIX = "grs_"
"""How a token begins, so that it is known for one where it lies about."""
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A program at work: at which desk, for whom, and what it may do."""

    token_id: int
    post: Post
    scopes: frozenset[Scope]
    desk: Desk
    last_used_at: datetime | None

    @property
    def sender(self) -> str:
        """Under this name its requests are known."""
        return f"token:{self.token_id}"


def make_token(
    session: Session, person_id: int, *, post_id: int | None, name: str, scopes: Collection[str], days: int | None,
    now: datetime,
) -> str:  # fmt: skip
    """A new token, shown this once. Raises InvalidInput. The caller has asked for the password."""
    today = dhaka_date(now)
    posts = {post.id: post for post in posts_of(session, person_id, today, own_only=True)}
    post = posts.get(post_id or 0)
    name = normalise(printable(name))
    problems: dict[str, str] = {}
    if post is None or not scopes_of(post.role):
        problems["post"] = "choose_one"
    elif not scopes or not set(scopes) <= set(scopes_of(post.role)):
        problems["scopes"] = "choose_one"
    if not name:
        problems["name"] = "required"
    elif len(name) > LONGEST_NAME:
        problems["name"] = "too_long"
    if days is None or not 1 <= days <= LONGEST_DAYS:
        problems["days"] = "days_of_token"
    if not problems and len(living_tokens(session, person_id, now=now)) >= MOST_TOKENS:
        problems["name"] = "too_many_tokens"
    if problems or post is None or days is None:
        raise InvalidInput(problems)
    token = PREFIX + new_token()
    session.add(
        MachineToken(
            person_id=person_id,
            post_id=post.id,
            name=name,
            scopes=" ".join(sorted(Scope(scope) for scope in scopes)),
            token_hash=token_hash(token),
            created_at=now,
            expires_on=today + timedelta(days=days),
        )
    )
    log_event(session, SecurityKind.TOKEN_MADE, now=now, person_id=person_id, post=post.id)
    return token


def bearer(session: Session, token: str, *, now: datetime) -> Machine | None:
    """Who comes with a token; None where it has ended, or its person no longer sits on the post."""
    return _machine(session, MachineToken.token_hash == token_hash(token), now)


def machine_of(session: Session, token_id: int, *, now: datetime) -> Machine | None:
    """The same by the token's number, for what is done in its program's absence."""
    return _machine(session, MachineToken.id == token_id, now)


def _machine(session: Session, which: ColumnElement[bool], now: datetime) -> Machine | None:
    query = (
        select(MachineToken)
        .where(which)
        .options(joinedload(MachineToken.person), joinedload(MachineToken.post).joinedload(Post.office))
    )
    found = session.scalar(query)
    today = dhaka_date(now)
    if found is None or found.ended_at is not None or found.expires_on < today or not found.person.is_active:
        return None
    whole = desk_of(session, found.person_id, now=now)
    if found.post_id not in whole.own_post_ids:
        return None
    # What is about its person stays out of its sight; of his other posts it knows nothing.
    desk = Desk(
        person_id=whole.person_id,
        post_ids=[found.post_id],
        own_post_ids=whole.own_post_ids,
        headed_offices=whole.headed_offices,
        now=now,
    )
    scopes = frozenset(Scope(scope) for scope in found.scopes.split())
    return Machine(token_id=found.id, post=found.post, scopes=scopes, desk=desk, last_used_at=found.last_used_at)


def note_use(session: Session, token_id: int, *, now: datetime) -> None:
    """Keep when a token was last used, to the minute."""
    found = session.get(MachineToken, token_id, with_for_update=True)
    if found is not None and (found.last_used_at is None or now - found.last_used_at > SEEN_EVERY):
        found.last_used_at = now


def living_tokens(session: Session, person_id: int | None = None, *, now: datetime) -> Sequence[MachineToken]:
    """The tokens that open something, of a person or of all, newest first."""
    query = (
        select(MachineToken)
        .where(MachineToken.ended_at.is_(None), MachineToken.expires_on >= dhaka_date(now))
        .options(
            joinedload(MachineToken.person),
            joinedload(MachineToken.post).joinedload(Post.office),
            joinedload(MachineToken.webhook),
        )
        .order_by(MachineToken.id.desc())
    )
    if person_id is not None:
        query = query.where(MachineToken.person_id == person_id)
    return session.scalars(query).all()


def end_token(session: Session, token_id: int, *, by: int, now: datetime, anybodys: bool = False) -> None:
    """End a token of one's own, or with ``anybodys`` of anybody; one that has ended is no error. Raises NotFound."""
    found = session.get(MachineToken, token_id)
    if found is None or not (anybodys or found.person_id == by):
        raise NotFound("token", token_id)
    if found.ended_at is None:
        found.ended_at = now
        log_event(session, SecurityKind.TOKEN_ENDED, now=now, person_id=by, whom=found.person_id)
