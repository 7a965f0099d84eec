"""Links by e-mail to set a password: invitations and resets, each once and for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.offices import NO_PASSWORD, AccountLink, LinkPurpose, Person
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import is_email
from grs.settings import Settings
from grs.usecases.accounts import check_password, end_links, end_sessions, person_by_email
from grs.usecases.ledger import Ledger
from grs.usecases.letters import SEALED_PATHS
from grs.usecases.recipients import Recipient
from grs.usecases.secrets import (
    hash_password,
    is_seal,
    new_token,
    sealed,
    sealed_number,
)

MOST_RESETS_A_DAY = 5

LINK_LIVES = {LinkPurpose.INVITATION: timedelta(days=3), LinkPurpose.RESET: timedelta(hours=1)}


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


def set_password(session: Session, token: str, password: str, *, secret_key: str, now: datetime) -> int:
    """Use a link: the password is set and every session ends; the second factor stays as it is. Returns whose."""
    link = open_link(session, token, secret_key=secret_key, now=now, lock=True)
    check_password(password, link.person.name, link.person.email)
    link.person.password_hash = hash_password(password)
    end_links(session, link.person_id, now=now)
    end_sessions(session, link.person_id, now=now)
    return link.person_id
