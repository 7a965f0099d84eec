"""How far a supervisor sees: down an office's tree, over a district or division, or everywhere (G 5.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.offices import Office, Post
from grs.domain.access import PostRole
from grs.domain.tiers import OfficeLevel
from grs.usecases.recipients import coordinated_area

SUPERVISING = (PostRole.SUPERVISOR, PostRole.COORDINATOR)


def supervised_offices(session: Session, posts: Iterable[Post]) -> set[int]:
    """The offices that the supervising ones among these posts reach."""
    heads = {post.office_id for post in posts if post.role is PostRole.SUPERVISOR and not is_cell(post)}
    if any(post.role in SUPERVISING and is_cell(post) for post in posts):
        return set(session.scalars(select(Office.id)))
    found = with_those_below(session, heads)
    for post in posts:
        if post.role is PostRole.COORDINATOR:
            found |= _coordinated(session, post.office)
    return found


def is_cell(post: Post) -> bool:
    """The Cabinet Division's cell coordinates all offices."""
    return post.office.level is OfficeLevel.CELL


def _coordinated(session: Session, office: Office) -> set[int]:
    """The coordinator of a district: every office in it; of a division: those of its districts."""
    names, levels = coordinated_area(office)
    return set(session.scalars(select(Office.id).where(Office.district_en.in_(names), Office.level.in_(levels))))


def with_those_below(session: Session, office_ids: Collection[int]) -> set[int]:
    """The offices and every office below them."""
    found: set[int] = set()
    layer = set(office_ids)
    while layer:
        found |= layer
        layer = set(session.scalars(select(Office.id).where(Office.parent_id.in_(layer)))) - found
    return found
