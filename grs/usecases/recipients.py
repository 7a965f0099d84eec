"""Who gets a letter that is meant for a post or for an office's supervisors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, joinedload

from grs.db.offices import Leave, Office, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.districts import district_names, districts_of_division
from grs.domain.tiers import BELOW_DISTRICT, OfficeLevel


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person as a letter needs them; ``digest_only`` supervisors want no letter for each escalation."""

    person_id: int
    name: str
    email: str
    language: str
    digest_only: bool = False


class Recipients:
    """The people on posts on one day, looked up for many posts and offices at once."""

    def __init__(self, session: Session, today: date) -> None:
        self._session, self._today = session, today
        self._on_post: dict[int, list[Recipient]] = {}
        self._holding: dict[int, list[Recipient]] = {}
        self._supervising: dict[int, list[Recipient]] = {}
        self._coordinators: list[tuple[Office, Recipient]] | None = None

    def again(self, session: Session) -> Recipients:
        """What is known already, with another transaction to ask for the rest."""
        self._session = session
        return self

    def load(self, *, posts: Iterable[int] = (), offices: Iterable[int] = ()) -> None:
        """Fetch what is not known yet, in at most a few queries."""
        new_posts = set(posts) - self._on_post.keys()
        new_offices = set(offices) - self._supervising.keys()
        if new_posts:
            self._load_posts(new_posts)
        if new_offices:
            self._load_offices(new_offices)

    def on_post(self, post_id: int) -> list[Recipient]:
        """The holder; the stand-in where there is none or he is on leave; nobody when the post is vacant."""
        if post_id not in self._on_post:
            self._load_posts({post_id})
        return self._on_post[post_id]

    def holding(self, post_id: int) -> list[Recipient]:
        """Whose post it is, also while they are away; never who sits in for them."""
        if post_id not in self._holding:
            self._load_posts({post_id})
        return self._holding[post_id]

    def supervising(self, office_id: int) -> list[Recipient]:
        """The office's supervisors, or those of the nearest office above that has any; and its coordinators."""
        if office_id not in self._supervising:
            self._load_offices({office_id})
        return self._supervising[office_id]

    def heading(self, office_id: int) -> list[Recipient]:
        """The holders of the office's own supervisor posts."""
        posts = self._session.scalars(
            select(Post.id).where(Post.office_id == office_id, Post.role == PostRole.SUPERVISOR)
        ).all()
        self.load(posts=posts)
        return [person for post_id in posts for person in self._holding[post_id]]

    def _load_posts(self, post_ids: set[int]) -> None:
        rows = self._session.execute(
            select(PostHolder.post_id, PostHolder.is_stand_in, is_away(self._today).label("is_away"), *_RECIPIENT)
            .join(Person, Person.id == PostHolder.person_id)
            .where(PostHolder.post_id.in_(post_ids), *held_on(self._today))
            .order_by(PostHolder.post_id, PostHolder.id)
        ).all()
        there: dict[int, list[Any]] = {post_id: [] for post_id in post_ids}
        for row in rows:
            there[row.post_id].append(row)
        for post_id, found in there.items():
            self._holding[post_id] = [_recipient(row) for row in found if not row.is_stand_in]
            present = [row for row in found if not row.is_away]
            holders = [row for row in present if not row.is_stand_in]
            self._on_post[post_id] = [_recipient(row) for row in holders or present]

    def _load_offices(self, office_ids: set[int]) -> None:
        asked = {office_id: office_id for office_id in office_ids}
        while asked:
            rows = self._session.execute(
                select(Post.office_id, *_RECIPIENT)
                .join(PostHolder, PostHolder.post_id == Post.id)
                .join(Person, Person.id == PostHolder.person_id)
                .where(
                    Post.role == PostRole.SUPERVISOR,
                    Post.office_id.in_(set(asked.values())),
                    *held_on(self._today),
                )
                .order_by(Post.office_id, PostHolder.id)
            ).all()
            found: dict[int, list[Recipient]] = {}
            for row in rows:
                found.setdefault(row.office_id, []).append(_recipient(row))
            up = select(Office.id, Office.parent_id).where(Office.id.in_(set(asked.values())))
            parents = {office_id: parent_id for office_id, parent_id in self._session.execute(up)}
            above: dict[int, int] = {}
            for office_id, at in asked.items():
                parent = parents.get(at)
                if at in found or parent is None:
                    self._supervising[office_id] = found.get(at, [])
                else:
                    above[office_id] = parent
            asked = above
        for office in self._session.scalars(select(Office).where(Office.id.in_(office_ids))):
            coordinators = self._coordinating(office)
            known = self._supervising[office.id]
            self._supervising[office.id] = [*known, *(one for one in coordinators if one not in known)]

    def _coordinating(self, office: Office) -> list[Recipient]:
        """The coordinators of the office's district and division (G 5.4)."""
        if self._coordinators is None:
            rows = self._session.execute(
                select(Post, *_RECIPIENT)
                .join(PostHolder, PostHolder.post_id == Post.id)
                .join(Person, Person.id == PostHolder.person_id)
                .where(Post.role == PostRole.COORDINATOR, *held_on(self._today))
                .options(joinedload(Post.office))
                .order_by(Post.id, PostHolder.id)
            ).all()
            self._coordinators = [(row.Post.office, _recipient(row)) for row in rows]
        return [person for at, person in self._coordinators if coordinates(at, office)]


COORDINATED = (*BELOW_DISTRICT, OfficeLevel.DISTRICT)
"""The levels that a coordinator looks after; directorates and ministries only happen to sit in a district."""


def coordinated_area(at: Office) -> tuple[list[str], tuple[OfficeLevel, ...]]:
    """The districts and levels of offices that a coordinator at this office looks after."""
    if at.level is OfficeLevel.DIVISION:
        return districts_of_division(at.district_en), (*COORDINATED, OfficeLevel.DIVISION)
    return district_names(at.district_en), COORDINATED


def coordinates(at: Office, office: Office) -> bool:
    """Whether a coordinator at one office looks after another."""
    names, levels = coordinated_area(at)
    return office.district_en in names and office.level in levels


def is_away(today: date) -> ColumnElement[bool]:
    """The person is on leave."""
    return exists().where(Leave.person_id == Person.id, Leave.starts_on <= today, Leave.ends_on >= today)


def held_on(today: date) -> tuple[ColumnElement[bool], ...]:
    """The post is held, by somebody who can log in."""
    return (
        PostHolder.held_from <= today,
        or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        Person.is_active.is_(True),
    )


_RECIPIENT = (Person.id, Person.name, Person.email, Person.language, Person.digest_only)


def _recipient(row: Any) -> Recipient:
    return Recipient(row.id, row.name, row.email, row.language, row.digest_only)
