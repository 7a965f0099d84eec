"""Figures of some offices for their supervisors, grouped in the database, and the conditions behind each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, cast, func, select, text, type_coerce
from sqlalchemy.orm import Session, aliased, joinedload

from grs.db.annexes import ReportedCase, is_own_motion
from grs.db.charters import Charter, CharterEntry
from grs.db.complaints import Assignment, Complaint, is_open
from grs.db.sets import among
from grs.domain.disposal import RootCause
from grs.domain.tiers import Tier
from grs.domain.workflow import Action

DECIDED = (Action.DISPOSE, Action.REJECT)
Span = tuple[datetime, datetime]
"""From an instant up to, not with, another."""


def lies_at(office_ids: Collection[int]) -> ColumnElement[bool]:
    """Open, and at a desk of these offices now."""
    return and_(among(Complaint.office_id, office_ids), is_open())


def open_by_desk(session: Session, office_ids: Collection[int], *, today: date) -> Sequence[tuple[int, Tier, int, int]]:
    """Post, tier, open complaints, those of them past their due date; most overdue first."""
    overdue = func.count().filter(Complaint.due_on < today).label("overdue")
    query = (
        select(Complaint.post_id, Complaint.tier, func.count().label("open"), overdue)
        .where(lies_at(office_ids))
        .group_by(Complaint.post_id, Complaint.tier)
        .order_by(overdue.desc(), text("open DESC"), Complaint.post_id)
    )
    return [(post_id, Tier(tier), opened, late) for post_id, tier, opened, late in session.execute(query)]


def left_by_escalation(office_ids: Collection[int], first: date, last: date) -> ColumnElement[bool]:
    """A stay at these offices ended between two days because its time ran out."""
    return Complaint.id.in_(escalated(office_ids, first, last))


def escalated(office_ids: Collection[int], first: date, last: date) -> Select[int]:
    """The complaint of each case that went up from these offices between two days: there began one on own motion."""
    below = aliased(ReportedCase)
    return (
        select(below.complaint_id)
        .join(
            ReportedCase,
            and_(ReportedCase.complaint_id == below.complaint_id, ReportedCase.sequence == below.due_stay + 1),
        )
        .where(is_own_motion(), ReportedCase.began_on.between(first, last), among(below.office_id, office_ids))
    )


def count_escalated(session: Session, office_ids: Collection[int], first: date, last: date) -> int:
    """How many complaints went up from these offices between two days."""
    found = escalated(office_ids, first, last).distinct().subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def decided_stays(session: Session, office_ids: Collection[int], span: Span) -> Sequence[tuple[int, date, date, int]]:
    """Office, day received, day decided, how many: what the days that decisions took are counted from."""
    if session.get_bind().dialect.name == "sqlite":
        decided_on: Any = type_coerce(func.date(Assignment.ended_at, "+6 hours"), Date)
    else:
        decided_on = cast(func.timezone("Asia/Dhaka", Assignment.ended_at), Date)
    query = (
        select(Assignment.office_id, Assignment.received_on, decided_on.label("decided_on"), func.count())
        .where(
            among(Assignment.office_id, office_ids),
            Assignment.ended_by.in_(DECIDED),
            Assignment.ended_at >= span[0],
            Assignment.ended_at < span[1],
        )
        .group_by(Assignment.office_id, Assignment.received_on, text("decided_on"))
    )
    return [(office, received, decided, n) for office, received, decided, n in session.execute(query)]


def about_services_of(office_ids: Collection[int], first: date, last: date) -> ColumnElement[bool]:
    """Disposed of between two days, and about a charter of these offices."""
    charters = select(Charter.id).where(among(Charter.office_id, office_ids))
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
