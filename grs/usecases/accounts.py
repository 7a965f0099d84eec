"""Logging in and out: password and sessions; and what a person's posts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload

from grs.db.offices import AccountLink, LoginSession, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.calendar import dhaka_date
from grs.domain.errors import InvalidInput, NotFound
from grs.usecases.scopes import supervised_offices
from grs.usecases.secrets import (
    hash_password,
    is_password,
    new_token,
    token_hash,
)
from grs.usecases.standing import Desk

LONGEST_SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a session is in use."""
LONGEST_BETWEEN_FACTORS = timedelta(minutes=10)
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
HARD_TO_GUESS = 3
"""The least score (0 to 4) of the estimator: above it stand no common passwords, names or keyboard rows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session just begun: its token, and whether the second factor is still to come."""

    token: str
    awaits_code: bool
    by_recovery_code: bool = False


def log_in(
    session: Session, email: str, password: str, *, now: datetime, browser: str = "", address: str = ""
) -> Entry | None:
    """A new session when address and password are right, else None; both take as long."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.is_active))
    hashed = person.password_hash if person is not None and person.has_password else None
    if not is_password(password[: LONGEST_PASSWORD + 1], hashed) or person is None:
        return None
    return begin_session(session, person, now=now, awaits_code=person.totp_since is not None, seen=(browser, address))


def begin_session(
    session: Session, person: Person, *, now: datetime, awaits_code: bool, seen: tuple[str, str],
    is_strong: bool = False,
) -> Entry:  # fmt: skip
    """A session of our own. ``is_strong``: a provider of accounts has asked for a second factor of its own."""
    token = new_token()
    session.add(
        LoginSession(
            token_hash=token_hash(token),
            person_id=person.id,
            created_at=now,
            last_seen_at=now,
            awaits_code=awaits_code,
            is_strong=is_strong,
            browser=seen[0][:200],
            address=seen[1][:60],
        )
    )
    return Entry(token, awaits_code)


def live_session(session: Session, token: str, *, now: datetime, idle: timedelta) -> LoginSession | None:
    """The session of a token, or None when it has ended, been idle, or its person was shut out.

    One that awaits the second factor lives for some minutes only.
    """
    found = session.get(LoginSession, token_hash(token), options=[joinedload(LoginSession.person)])
    if found is None or found.ended_at is not None or not found.person.is_active:
        return None
    longest = LONGEST_BETWEEN_FACTORS if found.awaits_code else LONGEST_SESSION
    if now - found.last_seen_at > idle or now - found.created_at > longest:
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


def sessions_of(session: Session, person_id: int, *, now: datetime, idle: timedelta) -> Sequence[LoginSession]:
    """Where a person is logged in, newest first."""
    query = (
        select(LoginSession)
        .where(
            LoginSession.person_id == person_id,
            LoginSession.ended_at.is_(None),
            LoginSession.awaits_code.is_(False),
            LoginSession.last_seen_at >= now - idle,
            LoginSession.created_at >= now - LONGEST_SESSION,
        )
        .order_by(LoginSession.created_at.desc())
    )
    return session.scalars(query).all()


def end_session(session: Session, person_id: int, hashed: str, *, now: datetime) -> None:
    """End one of one's own sessions; one that is not there is no error."""
    found = session.get(LoginSession, hashed)
    if found is not None and found.person_id == person_id and found.ended_at is None:
        found.ended_at = now


def end_sessions(session: Session, person_id: int, *, now: datetime, but: str | None = None) -> None:
    """End all sessions of a person, or all but the one with this token."""
    query = update(LoginSession).where(LoginSession.person_id == person_id, LoginSession.ended_at.is_(None))
    if but is not None:
        query = query.where(LoginSession.token_hash != token_hash(but))
    session.execute(query.values(ended_at=now))


# -- passwords --------------------------------------------------------------------------------------


def check_password(password: str, *known: str) -> None:
    """Raise InvalidInput for a password that is too short, too long or easily guessed.

    ``known`` are words that somebody would try first: the person's own name and address.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput({"password": "short_password"})
    if len(password) > LONGEST_PASSWORD:
        raise InvalidInput({"password": "long_password"})
    from zxcvbn import zxcvbn  # its lists of words are large, and few requests set a password

    words = [part for word in known for part in word.replace("@", " ").replace(".", " ").split()]
    if zxcvbn(password[:72], user_inputs=words)["score"] < HARD_TO_GUESS:
        raise InvalidInput({"password": "common_password"})


def change_password(session: Session, person_id: int, *, old: str, new: str, token: str, now: datetime) -> None:
    """Set a new password; every other session of the person ends. Raises InvalidInput."""
    person = confirmed_person(session, person_id, old, field="old")
    check_password(new, person.name, person.email)
    person.password_hash = hash_password(new)
    end_links(session, person_id, now=now)
    end_sessions(session, person_id, now=now, but=token)


def end_links(session: Session, person_id: int, *, now: datetime) -> None:
    """No link that was sent before sets a password any more."""
    unused = update(AccountLink).where(AccountLink.person_id == person_id, AccountLink.used_at.is_(None))
    session.execute(unused.values(used_at=now))


def confirmed_person(session: Session, person_id: int, password: str, *, field: str = "old") -> Person:
    """The person, when the password is theirs: asked again before anything that guards the account changes."""
    person = session.get_one(Person, person_id, with_for_update=True)
    if not is_password(password[: LONGEST_PASSWORD + 1], person.password_hash):
        raise InvalidInput({field: "wrong_password"})
    return person


def person_by_email(session: Session, email: str) -> Person | None:
    """The person of an address, if there is one."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


# -- posts ------------------------------------------------------------------------------------------------


Seats = Sequence[tuple[Post, bool]]
"""Posts of a person, each with whether he only sits in on it."""


def seats_of(session: Session, person_id: int, today: date) -> Seats:
    """The posts a person sits on or sits in for on a day."""
    query = (
        select(Post, PostHolder.is_stand_in)
        .join(PostHolder, PostHolder.post_id == Post.id)
        .options(joinedload(Post.office))
        .where(
            PostHolder.person_id == person_id,
            PostHolder.held_from <= today,
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        )
        .order_by(Post.id)
    )
    return [(post, is_stand_in) for post, is_stand_in in session.execute(query)]


def posts_among(seats: Seats, *, own_only: bool = False) -> list[Post]:
    """Each post once; with ``own_only`` those the person holds himself."""
    return list(dict.fromkeys(post for post, is_stand_in in seats if not (own_only and is_stand_in)))


def posts_of(session: Session, person_id: int, today: date, *, own_only: bool = False) -> Sequence[Post]:
    """The posts a person sits on or, unless ``own_only``, sits in for on a day."""
    return posts_among(seats_of(session, person_id, today), own_only=own_only)


def desk_of(session: Session, person_id: int, *, now: datetime, seats: Seats | None = None) -> Desk:
    """A person at work: his posts, those he sits in for, and the offices he supervises, on the day of an instant.

    ``seats`` are his posts of that day where they are known already.
    """
    seats = seats_of(session, person_id, dhaka_date(now)) if seats is None else seats
    posts, own = posts_among(seats), posts_among(seats, own_only=True)
    return Desk(
        person_id=person_id,
        post_ids=[post.id for post in posts],
        own_post_ids=[post.id for post in own],
        supervised_offices=supervised_offices(session, posts),
        headed_offices={post.office_id for post in own if post.role is PostRole.SUPERVISOR},
        now=now,
    )


def operator_by_email(session: Session, email: str, today: date) -> tuple[int, int]:
    """The person of that address and the office for which they file for others; raises NotFound."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.is_active))
    posts = posts_of(session, person.id, today) if person is not None else []
    post = next((post for post in posts if post.role is PostRole.OPERATOR), None)
    if person is None or post is None:
        raise NotFound("operator", email)
    return person.id, post.office_id


def appoint(
    session: Session, person_id: int, post: Post, *, held_from: date, held_to: date | None = None
) -> PostHolder:
    """Put a person on a post from a day, to a day (included) where one is given."""
    if held_to is not None and held_to < held_from:
        raise InvalidInput({"held_to": "before_the_start"})
    holder = PostHolder(post_id=post.id, person_id=person_id, held_from=held_from, held_to=held_to)
    session.add(holder)
    return holder
