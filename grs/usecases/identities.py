"""Who complained is shielded: shown on demand, each opening written down where the complainant reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complaint
from grs.db.offices import Post
from grs.db.queries.complaints import complaint_by_number
from grs.db.tasks import IdentityOpening
from grs.domain.access import Deed
from grs.domain.errors import NotFound
from grs.domain.tracking import read_digits
from grs.usecases.standing import Desk, check

IDENTITY_SHOWN = timedelta(minutes=15)
"""How long after it was opened the identity stays on the page of who opened it."""


def open_identity(session: Session, desk: Desk, tracking_number: str) -> None:
    """Show who complained to this person for a while; raises NotFound or NotYours."""
    complaint = complaint_by_number(session, read_digits(tracking_number))
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    check(session, complaint, desk, Deed.OPEN_IDENTITY)
    note_opening(session, desk, complaint)


def note_opening(session: Session, desk: Desk, complaint: Complaint) -> None:
    """Write down that this person sees who complained; again within the while is the same opening."""
    if complaint.complainant is None or session.scalar(select(is_opened(complaint, desk))):
        return
    held = session.scalars(select(Post.id).where(Post.id.in_(desk.post_ids)).order_by(Post.id)).all()
    post_id = complaint.post_id if complaint.post_id in held else next(iter(held), None)
    session.add(
        IdentityOpening(complaint_id=complaint.id, person_id=desk.person_id, post_id=post_id, opened_at=desk.now)
    )


def is_opened(complaint: Complaint, desk: Desk) -> ColumnElement[bool]:
    """Whether this person has opened it a short while ago."""
    return exists().where(
        IdentityOpening.complaint_id == complaint.id,
        IdentityOpening.person_id == desk.person_id,
        IdentityOpening.opened_at > desk.now - IDENTITY_SHOWN,
    )


def openings_of(session: Session, complaint: Complaint, *, limit: int = 100) -> Sequence[IdentityOpening]:
    """Who has looked at the complainant's identity, newest first: for the complainant."""
    query = (
        select(IdentityOpening)
        .options(joinedload(IdentityOpening.post).joinedload(Post.office))
        .where(IdentityOpening.complaint_id == complaint.id)
        .order_by(IdentityOpening.id.desc())
        .limit(limit)
    )
    return session.scalars(query).all()
