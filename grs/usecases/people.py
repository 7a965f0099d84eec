"""Who sits where, as an officer needs it to choose: responsible officers, investigators, colleagues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complaint
from grs.db.offices import Office, Person, Post, PostHolder
from grs.domain.access import MAY_INVESTIGATE, PostRole
from grs.domain.errors import NotFound
from grs.domain.tasks import Investigator
from grs.domain.tiers import About, Tier
from grs.usecases.recipients import held_on


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person on a post, as a list to choose from shows them."""

    person_id: int
    name: str
    email: str
    post: Post

    def as_investigator(self) -> Investigator:
        return Investigator(person_id=self.person_id, grade=self.post.grade)


def responsible_posts(session: Session, office: Office) -> Sequence[Post]:
    """The posts that an office's charter names as responsible for its services."""
    query = select(Post).options(joinedload(Post.office)).order_by(Post.id)
    return session.scalars(query.where(Post.office_id == office.id, Post.role == PostRole.RESPONSIBLE_OFFICER)).all()


def responsible_post_of(session: Session, complaint: Complaint, posts: Sequence[Post] | None = None) -> Post | None:
    """The post responsible for the service complained about; the office's only one where none is named.

    ``posts`` are the office's responsible ones where they are known already.
    """
    posts = responsible_posts(session, complaint.charter.office) if posts is None else posts
    officer = complaint.entry.officer if complaint.entry else None
    named = str((officer or {}).get("designation") or "")[: Post.title_bn.type.length]
    return next((post for post in posts if post.title_bn == named), posts[0] if len(posts) == 1 else None)


def accused_posts(session: Session, complaint: Complaint) -> Sequence[Post]:
    """The posts that a complaint names; none where it is about nobody in particular."""
    office_id = complaint.charter.office_id
    if complaint.about is About.HEAD_OF_OFFICE:
        return session.scalars(select(Post).where(Post.office_id == office_id, Post.role == PostRole.SUPERVISOR)).all()
    if complaint.about is About.NOBODY:
        return []
    tier = Tier.GRIEVANCE_OFFICER if complaint.about is About.GRIEVANCE_OFFICER else Tier.APPEAL_OFFICER
    return [session.get_one(Post, complaint.filed_chain.as_tier_chain().at(tier).post_id)]


def investigator_posts(session: Session, complaint: Complaint, today: date) -> list[Colleague]:
    """Who may be chosen to investigate: everybody on a post of the offices complained about, answering, and above.

    Of several posts the one with the highest grade counts.
    """
    offices: list[int] = []
    for start in (complaint.charter.office, complaint.office):
        at: Office | None = start
        while at is not None and at.id not in offices:
            offices.append(at.id)
            at = at.parent
    found: dict[int, Colleague] = {}
    for one in _on_posts(session, today, Post.office_id.in_(offices), Post.role.in_(MAY_INVESTIGATE)):
        known = found.get(one.person_id)
        if known is None or (one.post.grade or 99) < (known.post.grade or 99):
            found[one.person_id] = one
    return sorted(found.values(), key=lambda one: (offices.index(one.post.office_id), one.post.grade or 99, one.name))


def colleagues(session: Session, office_ids: Sequence[int], today: date, *, without: int) -> list[Colleague]:
    """Who can sit in for somebody: the others on posts of the same offices, each once."""
    at_work = (Post.office_id.in_(office_ids), Post.role.in_(MAY_INVESTIGATE), Person.id != without)
    found = _on_posts(session, today, *at_work)
    return list({one.person_id: one for one in found}.values())


def supervisor_post(session: Session, office: Office) -> Post:
    """The post of an office's head; raises NotFound."""
    post = session.scalar(
        select(Post).where(Post.office_id == office.id, Post.role == PostRole.SUPERVISOR).order_by(Post.id).limit(1)
    )
    if post is None:
        raise NotFound("supervisor of", office.slug)
    return post


def everybody_on_posts(session: Session, today: date, *, office_id: int | None = None) -> list[Colleague]:
    """Everybody who sits on a post of an office, or of all."""
    return _on_posts(session, today, *([Post.office_id == office_id] if office_id is not None else []))


def _on_posts(session: Session, today: date, *where: ColumnElement[bool]) -> list[Colleague]:
    rows = session.execute(
        select(PostHolder, Post, Person)
        .join(Post, Post.id == PostHolder.post_id)
        .join(Person, Person.id == PostHolder.person_id)
        .options(joinedload(Post.office))
        .where(PostHolder.is_stand_in.is_(False), *held_on(today), *where)
        .order_by(Post.office_id, Post.id, PostHolder.id)
    ).all()
    return [Colleague(person.id, person.name, person.email, post) for _, post, person in rows]
