"""My complaints: a one-time link to an address of mine lists what I have open; no password."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from grs.db.access_links import AccessLink
from grs.db.complaints import Complainant, Complaint
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import is_email, read_mobile
from grs.usecases.ledger import Ledger, Reach
from grs.usecases.secrets import is_seal, new_token, sealed_number

GOOD_FOR = timedelta(minutes=30)
MOST_LINKS = 3
"""Links an address may ask for while one is good: nobody's mailbox is filled by somebody else."""
MOST_LISTED = 50
PURPOSE = "access_link"


def read_address(text: str) -> str:
    """An e-mail address in lower case or a mobile number; raises InvalidInput."""
    text = text.strip()
    found = read_mobile(text)
    if found is not None:
        return found
    if not text:
        raise InvalidInput({"address": "required"})
    if not is_email(text):
        raise InvalidInput({"address": "not_an_address"})
    return text.lower()


def ask_for_link(session: Session, address: str, *, language: str, now: datetime) -> None:
    """Send a link to an address that some complaint gave; for any other do nothing, and tell nobody which."""
    is_known = session.scalar(select(Complainant.complaint_id).where(_gave(address)).limit(1)) is not None
    recent = select(func.count()).where(AccessLink.address == address, AccessLink.created_at > now - GOOD_FOR)
    if (session.scalar(recent) or 0) >= MOST_LINKS:
        return
    link = AccessLink(salt=new_token(), address=address, created_at=now)
    session.add(link)
    session.flush()
    if not is_known:
        return  # the row is written all the same: the answer takes as long
    until = (now + GOOD_FOR).astimezone(DHAKA)
    facts = {
        "access_link": link.id,
        "salt": link.salt,
        "good_until": dhaka_date(until),
        "good_until_time": f"{until:%H:%M}",
    }
    is_mail = "@" in address
    reach = Reach(name="", email=address if is_mail else "", mobile="" if is_mail else address)
    ledger = Ledger(now)
    ledger.later(f"link/{link.id}", "my_complaints", reach, language, facts, now)
    ledger.write(session)


def open_link(session: Session, token: str, *, secret_key: str, now: datetime, use: bool) -> AccessLink:
    """The link of a token while it is good; with ``use`` it is over from now on. Raises NotFound."""
    number = sealed_number(token)
    link = session.get(AccessLink, number, with_for_update=use) if number is not None else None
    if (
        link is None
        or not is_seal(token, PURPOSE, link.id, link.salt, secret_key)
        or link.used_at is not None
        or now - link.created_at > GOOD_FOR
    ):
        raise NotFound("link", "")
    if use:
        link.used_at = now
    return link


def is_open(session: Session, link_id: int, *, now: datetime) -> bool:
    """Whether the list that a used link opened may still be looked at."""
    link = session.get(AccessLink, link_id)
    return link is not None and link.used_at is not None and link.ended_at is None and now - link.used_at <= GOOD_FOR


def end_link(session: Session, link_id: int, *, now: datetime) -> None:
    """The list is closed, in every copy of the cookie."""
    link = session.get(AccessLink, link_id)
    if link is not None:
        link.ended_at = now


def complaints_of(session: Session, link_id: int) -> Sequence[Complaint]:
    """The complaints that gave the link's address, newest first, the open ones before the others."""
    link = session.get_one(AccessLink, link_id)
    query = (
        select(Complaint)
        .join(Complainant, Complainant.complaint_id == Complaint.id)
        .options(joinedload(Complaint.entry), joinedload(Complaint.post), joinedload(Complaint.office))
        .where(_gave(link.address))
        .order_by(Complaint.outcome.is_not(None), Complaint.id.desc())
        .limit(MOST_LISTED)
    )
    return session.scalars(query).all()


def owns(session: Session, link_id: int, tracking_number: str) -> bool:
    """Whether a complaint gave the link's address."""
    link = session.get(AccessLink, link_id)
    if link is None:
        return False
    query = select(Complaint.id).join(Complainant, Complainant.complaint_id == Complaint.id)
    return session.scalar(query.where(_gave(link.address), Complaint.tracking_number == tracking_number)) is not None


def _gave(address: str) -> ColumnElement[bool]:
    return Complainant.email == address if "@" in address else Complainant.mobile == address
