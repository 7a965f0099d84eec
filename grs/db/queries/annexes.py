"""The stays behind the annex, and its lines: of a month that runs from the cases as they stand, of others as frozen."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from grs.db.annexes import FrozenAnnex, FrozenCount, FrozenLine, ReportedCase
from grs.db.base import Word
from grs.db.complaints import Assignment, AssistedFiling, Complaint, Step, is_open
from grs.db.sets import among
from grs.domain.annex import OVERTURNING, Counts, Intake, Standing, Stay, month_end
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import Outcome, RootCause
from grs.domain.lodging import Channel
from grs.domain.workflow import StepKind

DECIDING = (StepKind.DISPOSED, StepKind.REJECTED, StepKind.WITHDRAWN)
MOVING = (StepKind.DUE_DATE_CHANGED, StepKind.INVESTIGATION_OPENED)
BATCH = 2_000
ONE_BY_ONE = 500
"""So many offices are looked up one after the other; more are picked from all."""


_OF_STAY = (
    Assignment.complaint_id,
    Assignment.sequence,
    Assignment.office_id,
    Assignment.post_id,
    Assignment.tier,
    Assignment.started_at,
    Assignment.ended_at,
    Assignment.ended_by,
    Assignment.due_on,
)
Told = tuple[int, str, Channel, list[Stay]]
"""A complaint's id, number, channel, and all its stays."""


# -- stays ---------------------------------------------------------------------------------------------------------


def stays_of_month(
    session: Session, office_ids: Collection[int] | None, *, begins: datetime, ends: datetime
) -> Iterator[Told]:
    """The stays of each complaint that may count between two instants.

    The due dates are those that held just before ``ends``. ``office_ids`` None: every office.
    """
    last_day = dhaka_date(ends)  # exclusive
    began = Assignment.started_at < ends
    on_paper = select(AssistedFiling.complaint_id).where(AssistedFiling.paper_received_on < last_day)
    wanted = (
        select(Complaint.id)
        .where(
            or_(is_open(), Complaint.disposed_at >= begins),
            Complaint.id.in_(
                select(Assignment.complaint_id).where(
                    or_(began, and_(Assignment.sequence == 1, Assignment.complaint_id.in_(on_paper))),
                    *([] if office_ids is None else [among(Assignment.office_id, office_ids)]),
                )
            ),
        )
        .order_by(Complaint.id)
    )
    return stays_of(session, session.scalars(wanted).all(), ends=ends)


def stays_of(session: Session, complaint_ids: Sequence[int], *, ends: datetime | None = None) -> Iterator[Told]:
    """The stays of these complaints; ``ends``: with the due dates that held just before that instant."""
    for start in range(0, len(complaint_ids), BATCH):
        yield from _batch(session, complaint_ids[start : start + BATCH], ends)


def keyed_in_after(session: Session, month: date) -> Sequence[int]:
    """Complaints on paper that belong to a month, and were keyed in when it had ended."""
    last = month_end(month)
    query = (
        select(Complaint.id)
        .join(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(AssistedFiling.paper_received_on <= last, Complaint.filed_on > last)
        .order_by(Complaint.id)
    )
    return session.scalars(query).all()


def _batch(session: Session, ids: Sequence[int], ends: datetime | None) -> Iterator[Told]:
    decided: dict[tuple[int, datetime | None], dict[str, Any]] = {}
    moved: dict[int, list[tuple[datetime, dict[str, Any]]]] = defaultdict(list)
    kinds = DECIDING if ends is None else (*DECIDING, *MOVING)
    steps = (
        select(Step.complaint_id, Step.kind, Step.happened_at, Step.details)
        .where(Step.complaint_id.in_(ids), Step.kind.in_(kinds))
        .order_by(Step.complaint_id, Step.sequence)
    )
    for number, kind, at, details in session.execute(steps):
        if kind in DECIDING:
            decided[number, at] = json.loads(details)
        elif ends is not None and at >= ends:
            moved[number].append((at, json.loads(details)))
    rows = session.execute(
        select(Complaint.tracking_number, Complaint.channel, AssistedFiling.paper_received_on, *_OF_STAY)
        .join(Assignment, Assignment.complaint_id == Complaint.id)
        .outerjoin(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(Complaint.id.in_(ids))
        .order_by(Complaint.id, Assignment.sequence)
    )
    current: Told | None = None
    for row in rows:
        if current is None or current[0] != row.complaint_id:
            if current is not None:
                yield current
            current = (row.complaint_id, row.tracking_number, row.channel, [])
        decision = decided.get((row.complaint_id, row.ended_at), {})
        current[-1].append(_stay(row, row.paper_received_on, decision, moved.get(row.complaint_id, ())))
    if current is not None:
        yield current


def _stay(
    row: Any,
    paper_day: date | None,
    decision: dict[str, Any],
    moved: Sequence[tuple[datetime, dict[str, Any]]],
) -> Stay:
    began_on = dhaka_date(row.started_at)
    if row.sequence == 1 and paper_day is not None:
        began_on = min(paper_day, began_on)
    stay = Stay(
        sequence=row.sequence,
        office_id=row.office_id,
        post_id=row.post_id,
        tier=row.tier,
        began_on=began_on,
        due_on=row.due_on,
        ended_on=dhaka_date(row.ended_at) if row.ended_at else None,
        ended_by=row.ended_by,
        outcome=Outcome(decision["outcome"]) if decision.get("outcome") else None,
        root_cause=RootCause(decision["root_cause"]) if decision.get("root_cause") else None,
    )
    for at, details in moved:  # what moved the date later had not happened yet
        if at >= row.started_at and (row.ended_at is None or at <= row.ended_at):
            return replace(stay, due_on=date.fromisoformat(details["was_due_on"]))
    return stay


# -- lines ---------------------------------------------------------------------------------------------------------

LINE = (
    "complaint_id", "sequence", "office_id", "is_appeal", "is_filed_appeal", "intake", "standing",
    "is_disposed_in_time", "decided_in", "outcome", "root_cause",
)  # fmt: skip
"""The columns of a line, whichever table it comes from."""


def lines_of(month: date, until: date, office_ids: Collection[int], *, is_frozen: bool) -> Select[Any]:
    """The lines of a month and some offices, in the columns of ``LINE``.

    Of a month that runs, or is not frozen yet, they are what ``grs.domain.annex.line_of`` says of the cases as they
    stand now; a decision of a later day counts as none.
    """
    if is_frozen:
        frozen = (getattr(FrozenLine, name) for name in LINE)
        return select(*frozen).where(FrozenLine.month == month, among(FrozenLine.office_id, office_ids))
    one = ReportedCase
    is_disposed = and_(one.decided_on.is_not(None), one.decided_on <= until)
    standing = case(
        (is_disposed, Standing.DISPOSED.value),
        (one.due_on < until, Standing.PAST_TIME.value),
        else_=Standing.IN_TIME.value,
    )

    def once_disposed(value: Any) -> ColumnElement[Any]:
        return case((is_disposed, value), else_=null())

    # For many offices it is what is open or was decided since, whoever has it: their index would be asked for each.
    at_offices = among(one.office_id if len(office_ids) <= ONE_BY_ONE else one.office_id + 0, office_ids)
    return select(
        one.complaint_id,
        one.sequence,
        one.office_id,
        one.is_appeal,
        one.is_filed_appeal,
        case((one.began_on < month, literal(Intake.CARRIED_OVER, Word(Intake))), else_=one.intake).label("intake"),
        func.coalesce(standing, "", type_=Word(Standing)).label("standing"),
        and_(is_disposed, one.is_in_time).label("is_disposed_in_time"),
        once_disposed(one.decided_in).label("decided_in"),
        once_disposed(one.outcome).label("outcome"),
        once_disposed(one.root_cause).label("root_cause"),
    ).where(
        at_offices,
        one.began_on <= until,
        or_(one.forwarded_on.is_(None), one.forwarded_on > until),
        or_(one.decided_on.is_(None), one.decided_on >= month),
    )


def is_counted(lines: Subquery, column: str) -> ColumnElement[bool]:
    """Whether a line is one of the cases behind a figure of the form or beside it."""
    at = lines.c
    is_disposed = at.standing == Standing.DISPOSED
    is_decided_appeal = and_(at.is_filed_appeal, is_disposed)
    if column in set(Intake):
        return at.intake == column
    return {
        "total": true(),
        "received": at.intake != Intake.CARRIED_OVER,
        "running": not_(is_disposed),
        "disposed_in_time": at.is_disposed_in_time,
        "filed_appeals_decided": is_decided_appeal,
        "overturned": and_(is_decided_appeal, at.outcome.in_(sorted(OVERTURNING))),
    }.get(column, at.standing == column)


_BESIDE = ("disposed", "in_time", "past_time", "disposed_in_time", "filed_appeals_decided", "overturned")
COUNTED = (*Intake, *_BESIDE)


def counted(session: Session, lines: Subquery, *, by_office: bool) -> dict[int, list[Counts]]:
    """By office, or under 0 for all together: the tables of the complaints and of the appeals, counted line by line."""
    columns = [func.count().filter(is_counted(lines, name)).label(name) for name in COUNTED]
    office = lines.c.office_id if by_office else literal(0).label("office_id")
    keys = (lines.c.office_id, lines.c.is_appeal) if by_office else (lines.c.is_appeal,)
    query = select(office, lines.c.is_appeal, *columns).group_by(*keys)
    return _tables(session.execute(query))


def frozen_counts(
    session: Session, months: Collection[date], office_ids: Collection[int], *, by_office: bool
) -> dict[date, dict[int, list[Counts]]]:
    """By month, as ``counted``: from what was summed up when each was frozen."""
    columns = [func.sum(getattr(FrozenCount, name)).label(name) for name in COUNTED]
    office = FrozenCount.office_id if by_office else literal(0).label("office_id")
    keys = [FrozenCount.month, FrozenCount.is_appeals, *([FrozenCount.office_id] if by_office else [])]
    query = (
        select(FrozenCount.month, office, FrozenCount.is_appeals, *columns)
        .where(FrozenCount.month.in_(months), among(FrozenCount.office_id, office_ids))
        .group_by(*keys)
    )
    by_month: dict[date, list[Any]] = defaultdict(list)
    for month, *row in session.execute(query):
        by_month[month].append(row)
    return {month: _tables(rows) for month, rows in by_month.items()}


def _tables(rows: Iterable[Any]) -> dict[int, list[Counts]]:
    found: dict[int, list[Counts]] = {}
    nothing = [no_counts(appeals=False), no_counts(appeals=True)]
    for office, is_appeals, *numbers in rows:
        pair = found.setdefault(office, list(nothing))
        pair[bool(is_appeals)] = counts_of(dict(zip(COUNTED, map(int, numbers), strict=True)), appeals=bool(is_appeals))
    return found


def counts_of(numbers: Mapping[str, int], *, appeals: bool) -> Counts:
    """The table of these numbers, by the names of ``COUNTED``."""
    rest = {name: numbers[name] for name in _BESIDE}
    return Counts(is_appeals=appeals, intakes={way: numbers[way] for way in _WAYS}, **rest)


_WAYS = tuple(Intake)


def no_counts(*, appeals: bool) -> Counts:
    """A table of nothing."""
    return counts_of(dict.fromkeys(COUNTED, 0), appeals=appeals)


def annexes_of(session: Session, month: date) -> Sequence[FrozenAnnex]:
    """The annexes of a frozen month."""
    return session.scalars(select(FrozenAnnex).where(FrozenAnnex.month == month)).all()
