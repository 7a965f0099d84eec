"""Figures of some offices for their supervisors, grouped in the database, and the conditions behind each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, joinedload

from grs.db.charters import Charter, CharterEntry
from grs.db.complaints import Assignment, Complaint, is_open
from grs.db.offices import Post
from grs.domain.disposal import RootCause
from grs.domain.tiers import Tier
from grs.domain.workflow import Action

DECIDED = (Action.DISPOSE, Action.REJECT)
Span = tuple[datetime, datetime]
"""From an instant up to, not with, another."""


def lies_at(office_ids: Collection[int]) -> ColumnElement[bool]:
    """Open, and at a desk of these offices now."""
    return and_(Complaint.office_id.in_(office_ids), is_open())


def open_by_desk(
    session: Session, office_ids: Collection[int], *, today: date
) -> Sequence[tuple[Post, Tier, int, int]]:
    """Post, tier, open complaints, those of them past their due date; most overdue first."""
    overdue = func.count().filter(Complaint.due_on < today)
    counts = (
        select(Complaint.post_id, Complaint.tier, func.count().label("open"), overdue.label("overdue"))
        .where(lies_at(office_ids))
        .group_by(Complaint.post_id, Complaint.tier)
        .subquery()
    )
    query = (
        select(Post, counts.c.tier, counts.c.open, counts.c.overdue)
        .join(counts, counts.c.post_id == Post.id)
        .options(joinedload(Post.office))
        .order_by(counts.c.overdue.desc(), counts.c.open.desc(), Post.id)
    )
    return [(post, Tier(tier), opened, late) for post, tier, opened, late in session.execute(query)]


def left_by_escalation(office_ids: Collection[int], span: Span) -> ColumnElement[bool]:
    """A stay at these offices ended because its time ran out."""
    return exists().where(
        Assignment.complaint_id == Complaint.id,
        Assignment.office_id.in_(office_ids),
        Assignment.ended_by == Action.ESCALATE,
        Assignment.ended_at >= span[0],
        Assignment.ended_at < span[1],
    )


def decided_stays(
    session: Session, office_ids: Collection[int], span: Span
) -> Sequence[tuple[int, date, datetime, int]]:
    """Office, day received, instant decided, how many: what the days that decisions took are counted from."""
    query = (
        select(Assignment.office_id, Assignment.received_on, Assignment.ended_at, func.count())
        .where(
            Assignment.office_id.in_(office_ids),
            Assignment.ended_by.in_(DECIDED),
            Assignment.ended_at >= span[0],
            Assignment.ended_at < span[1],
        )
        .group_by(Assignment.office_id, Assignment.received_on, Assignment.ended_at)
    )
    return [(office, received, ended, n) for office, received, ended, n in session.execute(query) if ended is not None]


def about_services_of(office_ids: Collection[int], first: date, last: date) -> ColumnElement[bool]:
    """Disposed of between two days, and about a charter of these offices."""
    charters = select(Charter.id).where(Charter.office_id.in_(office_ids))
    return and_(Complaint.charter_id.in_(charters), Complaint.disposed_on.between(first, last))


def causes_by_service(
    session: Session, office_ids: Collection[int], first: date, last: date
) -> Sequence[tuple[str | None, RootCause, int]]:
    """Name of the service (None: another matter), root cause, how many; only where a cause was found."""
    query = (
        select(CharterEntry.name, Complaint.root_cause, func.count())
        .select_from(Complaint)
        .outerjoin(CharterEntry, CharterEntry.id == Complaint.charter_entry_id)
        .where(about_services_of(office_ids, first, last), Complaint.root_cause.is_not(None))
        .group_by(CharterEntry.name, Complaint.root_cause)
    )
    return [(name, cause, count) for name, cause, count in session.execute(query) if cause is not None]


def of_service(name: str | None) -> ColumnElement[bool]:
    """About a service of that name, in whichever version; None: about no service."""
    if name is None:
        return Complaint.charter_entry_id.is_(None)
    return Complaint.charter_entry_id.in_(select(CharterEntry.id).where(CharterEntry.name == name))


def found(session: Session, *where: ColumnElement[bool], after: int = 0, limit: int) -> Sequence[Complaint]:
    """One page of complaints by number of filing, from one on."""
    query: Any = (
        select(Complaint)
        .options(joinedload(Complaint.entry), joinedload(Complaint.office), joinedload(Complaint.post))
        .where(Complaint.id > after, *where)
        .order_by(Complaint.id)
        .limit(limit)
    )
    return list(session.scalars(query))
