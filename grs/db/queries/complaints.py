"""Complaints: one by its number, a desk's list, what is overdue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from grs.db.charters import Charter
from grs.db.complaints import AssistedFiling, Complaint
from grs.domain.tiers import About
from grs.domain.workflow import OPEN_STAGES

PAGE = 25


def complaint_by_number(session: Session, tracking_number: str, *, lock: bool = False) -> Complaint | None:
    """The complaint of a tracking number; with ``lock`` nobody else changes it before the commit."""
    query = select(Complaint).where(Complaint.tracking_number == tracking_number)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def desk_list(
    session: Session,
    post_ids: Collection[int],
    *,
    after: tuple[date, int] | None = None,
    limit: int = PAGE,
    is_open: bool = True,
) -> Sequence[Complaint]:
    """The complaints that lie at these desks, soonest due first, one page from a key on."""
    return session.scalars(_page(Complaint.post_id.in_(post_ids), after, limit, is_open)).all()


def office_list(
    session: Session,
    office_ids: Collection[int],
    headed_office_ids: Collection[int] = (),
    *,
    after: tuple[date, int] | None = None,
    limit: int = PAGE,
    is_open: bool = True,
) -> Sequence[Complaint]:
    """The complaints that lie at these offices or are about them, soonest due first: the supervisor's list.

    Complaints about the head of one of ``headed_office_ids`` are left out: he does not read them.
    """
    charters = select(Charter.id).where(Charter.office_id.in_(office_ids))
    own_charters = select(Charter.id).where(Charter.office_id.in_(headed_office_ids))
    about_me = and_(Complaint.about == About.HEAD_OF_OFFICE, Complaint.charter_id.in_(own_charters))
    mine = and_(or_(Complaint.office_id.in_(office_ids), Complaint.charter_id.in_(charters)), ~about_me)
    return session.scalars(_page(mine, after, limit, is_open)).all()


def filed_by(
    session: Session, operator_id: int, *, before: int | None = None, limit: int = PAGE
) -> Sequence[Complaint]:
    """What an operator has keyed in, newest first, one page from a complaint on."""
    query = (
        select(Complaint)
        .join(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .options(joinedload(Complaint.charter).joinedload(Charter.office), joinedload(Complaint.assisted))
        .where(AssistedFiling.operator_id == operator_id)
        .order_by(AssistedFiling.complaint_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(AssistedFiling.complaint_id < before)
    return session.scalars(query).all()


def count_open(session: Session, post_ids: Collection[int]) -> int:
    query = select(func.count()).where(Complaint.post_id.in_(post_ids), Complaint.stage.in_(OPEN_STAGES))
    return session.scalar(query) or 0


def _page(where: ColumnElement[bool], after: tuple[date, int] | None, limit: int, is_open: bool) -> Select[Complaint]:
    stage = Complaint.stage.in_(OPEN_STAGES) if is_open else Complaint.stage.not_in(OPEN_STAGES)
    query = (
        select(Complaint)
        .options(joinedload(Complaint.entry), joinedload(Complaint.office), joinedload(Complaint.post))
        .where(where, stage)
        .order_by(Complaint.due_on, Complaint.id)
        .limit(limit)
    )
    if after is not None:
        due_on, complaint_id = after
        later = and_(Complaint.due_on == due_on, Complaint.id > complaint_id)
        query = query.where(or_(Complaint.due_on > due_on, later))
    return query
