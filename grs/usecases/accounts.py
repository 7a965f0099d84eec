"""Logging in and out, and what a person's posts are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from grs.db.offices import LoginSession, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.errors import NotFound
from grs.usecases.digests import supervised_offices
from grs.usecases.secrets import is_secret, new_token, token_hash

LONGEST_SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a session is in use."""


def log_in(session: Session, email: str, password: str, *, now: datetime) -> str | None:
    """A new session's token when address and password are right, else None; both take as long."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.is_active))
    if not is_secret(password, person.password_hash if person else None) or person is None:
        return None
    token = new_token()
    session.add(LoginSession(token_hash=token_hash(token), person_id=person.id, created_at=now, last_seen_at=now))
    return token


def live_session(session: Session, token: str, *, now: datetime, idle: timedelta) -> LoginSession | None:
    """The session of a token, or None when it has ended, been idle, or its person was shut out."""
    found = session.get(LoginSession, token_hash(token), options=[joinedload(LoginSession.person)])
    if found is None or found.ended_at is not None or not found.person.is_active:
        return None
    if now - found.last_seen_at > idle or now - found.created_at > LONGEST_SESSION:
        return None
    return found


def keep_alive(session: Session, token: str, *, now: datetime) -> None:
    """Note that the session is in use."""
    found = session.get(LoginSession, token_hash(token))
    if found is not None:
        found.last_seen_at = now


def log_out(session: Session, token: str, *, now: datetime) -> None:
    """End a session: a copy of its cookie is dead at the next request."""
    found = session.get(LoginSession, token_hash(token))
    if found is not None and found.ended_at is None:
        found.ended_at = now


def posts_of(session: Session, person_id: int, today: date) -> Sequence[Post]:
    """The posts a person sits on or sits in for on a day."""
    return session.scalars(
        select(Post)
        .join(PostHolder, PostHolder.post_id == Post.id)
        .options(joinedload(Post.office))
        .where(
            PostHolder.person_id == person_id,
            PostHolder.held_from <= today,
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        )
        .order_by(Post.id)
    ).all()


def operator_by_email(session: Session, email: str, today: date) -> tuple[int, int]:
    """The person of that address and the office for which they file for others; raises NotFound."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.is_active))
    posts = posts_of(session, person.id, today) if person is not None else []
    post = next((post for post in posts if post.role is PostRole.OPERATOR), None)
    if person is None or post is None:
        raise NotFound("operator", email)
    return person.id, post.office_id


def offices_supervised_by(session: Session, posts: Sequence[Post]) -> set[int]:
    """The offices a person's supervisor posts reach, those below included."""
    return supervised_offices(session, {p.office_id for p in posts if p.role is PostRole.SUPERVISOR})
