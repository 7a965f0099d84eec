"""Which complaints a citizen's browser has opened; ended on the server, so that a copied cookie ends too."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from grs.db.access_links import OpenedComplaint
from grs.db.complaints import Complaint
from grs.usecases.secrets import token_hash

LONGEST_VISIT = timedelta(hours=12)
"""How long a browser may look without giving the code again."""


def open_for_visit(
    session: Session,
    token: str,
    complaint: Complaint,
    *,
    now: datetime,
    can_act: bool = True,
    receipt: bool = False,
    is_new: bool = False,
) -> None:
    """Note that this browser gave the code, or filed the complaint (``is_new``: just now) and gets its receipt."""
    key = (token_hash(token), complaint.id)
    known = None if is_new else session.get(OpenedComplaint, key)
    if known is None:
        known = OpenedComplaint(visit_hash=key[0], complaint_id=key[1], can_act=False, shows_receipt=False)
        session.add(known)
    known.opened_at = now
    known.can_act = known.can_act or can_act
    known.shows_receipt = known.shows_receipt or receipt


def opened(session: Session, token: str, tracking_number: str, *, now: datetime) -> OpenedComplaint | None:
    """What this browser may do with a complaint, or None when it never opened it or too long ago."""
    return session.scalar(
        select(OpenedComplaint)
        .join(Complaint, Complaint.id == OpenedComplaint.complaint_id)
        .where(
            OpenedComplaint.visit_hash == token_hash(token),
            OpenedComplaint.opened_at > now - LONGEST_VISIT,
            Complaint.tracking_number == tracking_number,
        )
    )


def move_visit(session: Session, token: str, to: str) -> None:
    """Go on under another token: who copied the earlier one sees nothing of what is opened from now on."""
    moved = update(OpenedComplaint).where(OpenedComplaint.visit_hash == token_hash(token))
    session.execute(moved.values(visit_hash=token_hash(to)))


def close_visit(session: Session, token: str) -> None:
    """Forget everything that this browser has opened."""
    session.execute(delete(OpenedComplaint).where(OpenedComplaint.visit_hash == token_hash(token)))
