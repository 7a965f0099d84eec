"""Who administers what: the offices of one's tree, or from the Cabinet Division's cell the whole installation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from grs.db.offices import Office, Post
from grs.domain.access import PostRole
from grs.domain.calendar import dhaka_date
from grs.domain.errors import NotYours
from grs.domain.tiers import OfficeLevel
from grs.usecases.offices import find_office
from grs.usecases.scopes import with_those_below


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """A person at work on some offices; ``is_system`` keeps what all offices share too."""

    person_id: int
    office_ids: Collection[int]
    is_system: bool
    now: datetime
    address: str = ""

    @property
    def today(self) -> date:
        return dhaka_date(self.now)

    def may(self, office: Office) -> bool:
        return self.is_system or office.id in self.office_ids


def administrator(
    session: Session, person_id: int, posts: Sequence[Post], *, now: datetime, address: str = ""
) -> Administrator:
    """The administrator that these posts make of a person; raises NotYours when they make none."""
    mine = [post.office for post in posts if post.role is PostRole.ADMINISTRATOR]
    if not mine:
        raise NotYours("administration")
    return Administrator(
        person_id=person_id,
        office_ids=with_those_below(session, {office.id for office in mine}),
        is_system=any(office.level is OfficeLevel.CELL for office in mine),
        now=now,
        address=address,
    )


def administered_office(session: Session, admin: Administrator, slug: str) -> Office:
    """An office that this person administers; raises NotFound or NotYours."""
    office = find_office(session, slug)
    if not admin.may(office):
        raise NotYours("administration")
    return office


def check_system(admin: Administrator) -> None:
    """Raise NotYours unless the person keeps what all offices share."""
    if not admin.is_system:
        raise NotYours("administration")
