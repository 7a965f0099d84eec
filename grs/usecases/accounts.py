"""Logging in and out: password, second factor, sessions; and what a person's posts are."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyotp
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, joinedload
from zxcvbn import zxcvbn

from grs.db.offices import NO_PASSWORD, AccountLink, LinkPurpose, LoginSession, Person, Post, PostHolder, RecoveryCode
from grs.domain.access import PostRole
from grs.domain.bangla import to_ascii_digits
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import is_email
from grs.settings import Settings
from grs.usecases.digests import supervised_offices
from grs.usecases.ledger import Ledger
from grs.usecases.letters import SEALED_PATHS
from grs.usecases.recipients import Recipient
from grs.usecases.secrets import (
    hash_secret,
    is_seal,
    is_secret,
    new_recovery_code,
    new_token,
    sealed,
    sealed_number,
    token_hash,
    totp_secret,
)
from grs.usecases.standing import Desk

LONGEST_SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a session is in use."""
LONGEST_BETWEEN_FACTORS = timedelta(minutes=10)
LINK_LIVES = {LinkPurpose.INVITATION: timedelta(days=3), LinkPurpose.RESET: timedelta(hours=1)}
MOST_RESETS_A_DAY = 5
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
HARD_TO_GUESS = 3
"""The least score (0 to 4) of the estimator: above it stand no common passwords, names or keyboard rows."""
RECOVERY_CODES = 10
TOTP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A session just begun: its token, and whether the second factor is still to come."""

    token: str
    awaits_code: bool


def log_in(
    session: Session, email: str, password: str, *, now: datetime, browser: str = "", address: str = ""
) -> Entry | None:
    """A new session when address and password are right, else None; both take as long."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.is_active))
    if not is_secret(password[:LONGEST_PASSWORD], person.password_hash if person else None) or person is None:
        return None
    return _begin_session(session, person, now=now, awaits_code=person.totp_since is not None, seen=(browser, address))


def _begin_session(
    session: Session, person: Person, *, now: datetime, awaits_code: bool, seen: tuple[str, str]
) -> Entry:
    token = new_token()
    session.add(
        LoginSession(
            token_hash=token_hash(token),
            person_id=person.id,
            created_at=now,
            last_seen_at=now,
            awaits_code=awaits_code,
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
    words = [part for word in known for part in word.replace("@", " ").replace(".", " ").split()]
    if zxcvbn(password[:72], user_inputs=words)["score"] < HARD_TO_GUESS:
        raise InvalidInput({"password": "common_password"})


def change_password(session: Session, person_id: int, *, old: str, new: str, token: str, now: datetime) -> None:
    """Set a new password; every other session of the person ends. Raises InvalidInput."""
    person = confirmed_person(session, person_id, old, field="old")
    check_password(new, person.name, person.email)
    person.password_hash = hash_secret(new)
    end_sessions(session, person_id, now=now, but=token)


def confirmed_person(session: Session, person_id: int, password: str, *, field: str = "old") -> Person:
    """The person, when the password is theirs: asked again before anything that guards the account changes."""
    person = session.get_one(Person, person_id, with_for_update=True)
    if not is_secret(password[:LONGEST_PASSWORD], person.password_hash):
        raise InvalidInput({field: "wrong_password"})
    return person


# -- links --------------------------------------------------------------------------------------------


def invite_person(session: Session, *, email: str, name: str, now: datetime) -> AccountLink:
    """A new person, or one who has not set a password yet, with a link by e-mail to set it."""
    email = email.strip().lower()
    if not is_email(email):
        raise InvalidInput({"email": "not_an_email"})
    person = person_by_email(session, email)
    if person is None:
        person = Person(name=name, email=email, password_hash=NO_PASSWORD, created_at=now)
        session.add(person)
        session.flush()
    elif person.has_password:
        raise InvalidInput({"email": "has_account"})
    return _send_link(session, person, LinkPurpose.INVITATION, now)


def person_by_email(session: Session, email: str) -> Person | None:
    """The person of an address, if there is one."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def link_address(link: AccountLink, settings: Settings) -> str:
    """Where a link leads; only for whoever hands it over himself."""
    seal = sealed("account_link", link.id, link.salt, settings.checked_secret)
    return f"{settings.base_url}{SEALED_PATHS['account_link']}{seal}"


def ask_for_reset(session: Session, email: str, *, now: datetime) -> None:
    """Send a link to set a new password, a few times a day; says nothing of whether there is such a person."""
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.is_active))
    if person is None or not person.has_password:
        return
    lately = select(AccountLink.id).where(
        AccountLink.person_id == person.id,
        AccountLink.purpose == LinkPurpose.RESET,
        AccountLink.created_at > now - timedelta(days=1),
    )
    if len(session.scalars(lately).all()) < MOST_RESETS_A_DAY:
        _send_link(session, person, LinkPurpose.RESET, now)


def _send_link(session: Session, person: Person, purpose: LinkPurpose, now: datetime) -> AccountLink:
    link = AccountLink(
        salt=new_token(), person_id=person.id, purpose=purpose, created_at=now, expires_at=now + LINK_LIVES[purpose]
    )
    session.add(link)
    session.flush()
    ledger = Ledger(now)
    until = link.expires_at.astimezone(DHAKA)
    facts = {
        "account_link": link.id,
        "salt": link.salt,
        "good_until": dhaka_date(link.expires_at),
        "good_until_time": f"{until:%H:%M}",
    }
    ledger.note(
        f"account-link/{link.id}",
        str(purpose),
        Recipient(person.id, person.name, person.email, person.language),
        facts,
    )
    ledger.write(session)
    return link


def open_link(session: Session, token: str, *, secret_key: str, now: datetime, lock: bool = False) -> AccountLink:
    """The link of an address; raises NotFound when it is made up, used or too old."""
    number = sealed_number(token)
    link = session.get(AccountLink, number, with_for_update=lock) if number is not None else None
    if link is None or not is_seal(token, "account_link", link.id, link.salt, secret_key):
        raise NotFound("link", "")
    if link.used_at is not None or now > link.expires_at or not link.person.is_active:
        raise NotFound("link", "")
    return link


def set_password(session: Session, token: str, password: str, *, secret_key: str, now: datetime) -> None:
    """Use a link: the password is set and every session ends; the second factor stays as it is."""
    link = open_link(session, token, secret_key=secret_key, now=now, lock=True)
    check_password(password, link.person.name, link.person.email)
    link.person.password_hash = hash_secret(password)
    others = update(AccountLink).where(AccountLink.person_id == link.person_id, AccountLink.used_at.is_(None))
    session.execute(others.values(used_at=now))
    end_sessions(session, link.person_id, now=now)


# -- the second factor ----------------------------------------------------------------------------------


def proposed_second_factor(session: Session, person_id: int, *, secret_key: str) -> str:
    """A secret to show, for an authenticator; counts only after ``confirm_second_factor``."""
    person = session.get_one(Person, person_id)
    if person.totp_since is not None:
        raise InvalidInput({"code": "has_second_factor"})
    return totp_secret(person.id, person.totp_salt, secret_key)


def confirm_second_factor(
    session: Session, person_id: int, code: str, *, secret_key: str, token: str, now: datetime
) -> list[str]:
    """The authenticator works: from now on log-ins ask for it, and every other session ends.

    Returns the recovery codes, shown this once.
    """
    person = session.get_one(Person, person_id, with_for_update=True)
    if person.totp_since is not None or not _takes_code(person, code, secret_key, now):
        raise InvalidInput({"code": "wrong_second_factor"})
    person.totp_since = now
    end_sessions(session, person_id, now=now, but=token)
    return new_recovery_codes(session, person_id)


def new_recovery_codes(session: Session, person_id: int) -> list[str]:
    """Fresh recovery codes; the earlier ones are dead."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(person_id=person_id, code_hash=_hash_of(code)) for code in codes)
    return codes


def end_second_factor(session: Session, person_id: int) -> None:
    """No second factor any more; the next one has a new secret."""
    person = session.get_one(Person, person_id, with_for_update=True)
    person.totp_since = person.totp_last_step = None
    person.totp_salt = new_token()
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))


def pass_second_factor(session: Session, token: str, code: str, *, secret_key: str, now: datetime) -> Entry | None:
    """A whole session in place of one that awaits the code, when the code is right; None when it is not.

    Takes a code of the authenticator or one of the recovery codes, each once.
    """
    waiting = session.get(LoginSession, token_hash(token), with_for_update=True)
    if waiting is None or waiting.ended_at is not None or now - waiting.created_at > LONGEST_BETWEEN_FACTORS:
        return None
    person = session.get_one(Person, waiting.person_id, with_for_update=True)
    if not _takes_code(person, code, secret_key, now) and not _takes_recovery_code(session, person, code, now):
        return None
    waiting.ended_at = now
    return _begin_session(session, person, now=now, awaits_code=False, seen=(waiting.browser, waiting.address))


def _takes_code(person: Person, code: str, secret_key: str, now: datetime) -> bool:
    """Whether the code is that of this half minute or of one beside it, and later than the last one taken."""
    totp = pyotp.TOTP(totp_secret(person.id, person.totp_salt, secret_key))
    typed = to_ascii_digits("".join(code.split())).encode()
    present = int(now.timestamp()) // TOTP_SECONDS
    for step in (present - 1, present, present + 1):
        is_fresh = person.totp_last_step is None or step > person.totp_last_step
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed) and is_fresh:
            person.totp_last_step = step
            return True
    return False


def _takes_recovery_code(session: Session, person: Person, code: str, now: datetime) -> bool:
    found = session.get(RecoveryCode, (person.id, _hash_of(code)), with_for_update=True)
    if found is None or found.used_at is not None:
        return False
    found.used_at = now
    return True


def _hash_of(recovery_code: str) -> str:
    return token_hash("".join(c for c in recovery_code.upper() if c.isalnum()))


def recovery_codes_left(session: Session, person_id: int) -> int:
    query = select(RecoveryCode.code_hash).where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    return len(session.scalars(query).all())


# -- posts ------------------------------------------------------------------------------------------------


def posts_of(session: Session, person_id: int, today: date, *, own_only: bool = False) -> Sequence[Post]:
    """The posts a person sits on or, unless ``own_only``, sits in for on a day."""
    query = (
        select(Post)
        .join(PostHolder, PostHolder.post_id == Post.id)
        .options(joinedload(Post.office))
        .where(
            PostHolder.person_id == person_id,
            PostHolder.held_from <= today,
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        )
        .order_by(Post.id)
    )
    if own_only:
        query = query.where(PostHolder.is_stand_in.is_(False))
    return list(dict.fromkeys(session.scalars(query)))


def desk_of(session: Session, person_id: int, *, now: datetime) -> Desk:
    """A person at work: his posts, those he sits in for, and the offices he supervises, on the day of an instant."""
    today = dhaka_date(now)
    posts, own = posts_of(session, person_id, today), posts_of(session, person_id, today, own_only=True)
    return Desk(
        person_id=person_id,
        post_ids=[post.id for post in posts],
        own_post_ids=[post.id for post in own],
        supervised_offices=offices_supervised_by(session, posts),
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


def offices_supervised_by(session: Session, posts: Sequence[Post]) -> set[int]:
    """The offices a person's supervisor posts reach, those below included."""
    return supervised_offices(session, {p.office_id for p in posts if p.role is PostRole.SUPERVISOR})


def appoint(
    session: Session, person_id: int, post: Post, *, held_from: date, held_to: date | None = None
) -> PostHolder:
    """Put a person on a post from a day, to a day (included) where one is given."""
    if held_to is not None and held_to < held_from:
        raise InvalidInput({"held_to": "before_the_start"})
    holder = PostHolder(post_id=post.id, person_id=person_id, held_from=held_from, held_to=held_to)
    session.add(holder)
    return holder
