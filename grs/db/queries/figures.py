"""Counts by office and month, grouped in the database; no complaint is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, exists, extract, func, or_, select
from sqlalchemy.orm import Session

from grs.db.charters import Charter
from grs.db.complaints import Assignment, Complaint
from grs.domain.disposal import RootCause
from grs.domain.workflow import OPEN_STAGES, Action

Count = tuple[int, int, int]
"""Office, month (``year * 12 + month - 1``), how many."""


def _month(day: Any) -> ColumnElement[int]:
    return cast(extract("year", day), Integer) * 12 + cast(extract("month", day), Integer) - 1


def _ran_out() -> ColumnElement[bool]:
    """A stay of the complaint ended because its time was over."""
    return exists().where(Assignment.complaint_id == Complaint.id, Assignment.ended_by == Action.ESCALATE)


def received_by_month(session: Session, *, since: date) -> Sequence[Count]:
    """Complaints by the office complained about and the month of filing."""
    return _counts(session, Complaint.filed_on, since)


def disposed_by_month(session: Session, *, since: date) -> Sequence[Count]:
    """Complaints by the month in which they were disposed of."""
    return _counts(session, Complaint.disposed_on, since)


def disposed_in_time_by_month(session: Session, *, since: date) -> Sequence[Count]:
    """Those of them that were disposed of by their due date and at the first desk that had to."""
    return _counts(session, Complaint.disposed_on, since, Complaint.disposed_on <= Complaint.due_on, ~_ran_out())


def overdue_by_office(session: Session, *, today: date) -> dict[int, int]:
    """Open complaints whose time has run out, at their present desk or at an earlier one."""
    query = (
        select(Charter.office_id, func.count())
        .select_from(Complaint)
        .join(Charter, Charter.id == Complaint.charter_id)
        .where(Complaint.stage.in_(OPEN_STAGES), or_(Complaint.due_on < today, _ran_out()))
        .group_by(Charter.office_id)
    )
    return {office: count for office, count in session.execute(query)}


def days_taken(session: Session, *, since: date) -> Sequence[tuple[int, int, int]]:
    """Office, calendar days from filing to disposal, how many."""
    if session.get_bind().dialect.name == "sqlite":
        days: Any = cast(func.julianday(Complaint.disposed_on) - func.julianday(Complaint.filed_on), Integer)
    else:
        days = cast(Complaint.disposed_on - Complaint.filed_on, Integer)
    query = (
        select(Charter.office_id, days, func.count())
        .select_from(Complaint)
        .join(Charter, Charter.id == Complaint.charter_id)
        .where(Complaint.disposed_on >= since)
        .group_by(Charter.office_id, days)
    )
    return [(office, taken, count) for office, taken, count in session.execute(query)]


def root_causes(session: Session, *, since: date) -> Sequence[tuple[int, RootCause | None, int]]:
    """Office, root cause, how many; None for disposals that name none."""
    query = (
        select(Charter.office_id, Complaint.root_cause, func.count())
        .select_from(Complaint)
        .join(Charter, Charter.id == Complaint.charter_id)
        .where(Complaint.disposed_on >= since)
        .group_by(Charter.office_id, Complaint.root_cause)
    )
    return [(office, cause, count) for office, cause, count in session.execute(query)]


def _counts(session: Session, day: Any, since: date, *where: ColumnElement[bool]) -> Sequence[Count]:
    month = _month(day)
    query = (
        select(Charter.office_id, month, func.count())
        .select_from(Complaint)
        .join(Charter, Charter.id == Complaint.charter_id)
        .where(day >= since, *where)
        .group_by(Charter.office_id, month)
    )
    return [(office, at, count) for office, at, count in session.execute(query)]
