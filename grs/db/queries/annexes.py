"""The stays behind a month's annex, as they stood at the end of a day."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from grs.db.complaints import Assignment, AssistedFiling, Complaint, Step, is_open
from grs.domain.annex import Stay
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import Outcome, RootCause
from grs.domain.lodging import Channel
from grs.domain.workflow import StepKind

DECIDING = (StepKind.DISPOSED, StepKind.REJECTED, StepKind.WITHDRAWN)
MOVING = (StepKind.DUE_DATE_CHANGED, StepKind.INVESTIGATION_OPENED)
BATCH = 2_000


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


def stays_of_month(
    session: Session, office_ids: Collection[int] | None, *, begins: datetime, ends: datetime
) -> Iterator[tuple[str, Channel, list[Stay]]]:
    """Of each complaint that may count between two instants: its number, channel, and all its stays.

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
                    *([] if office_ids is None else [Assignment.office_id.in_(office_ids)]),
                )
            ),
        )
        .order_by(Complaint.id)
    )
    ids = session.scalars(wanted).all()
    for start in range(0, len(ids), BATCH):
        yield from _batch(session, ids[start : start + BATCH], ends)


def _batch(session: Session, ids: Sequence[int], ends: datetime) -> Iterator[tuple[str, Channel, list[Stay]]]:
    decided: dict[tuple[int, datetime | None], dict[str, Any]] = {}
    moved: dict[int, list[tuple[datetime, dict[str, Any]]]] = defaultdict(list)
    steps = (
        select(Step.complaint_id, Step.kind, Step.happened_at, Step.details)
        .where(Step.complaint_id.in_(ids), Step.kind.in_((*DECIDING, *MOVING)))
        .order_by(Step.complaint_id, Step.sequence)
    )
    for number, kind, at, details in session.execute(steps):
        if kind in DECIDING:
            decided[number, at] = json.loads(details)
        elif at >= ends:
            moved[number].append((at, json.loads(details)))
    rows = session.execute(
        select(Complaint.tracking_number, Complaint.channel, AssistedFiling.paper_received_on, *_OF_STAY)
        .join(Assignment, Assignment.complaint_id == Complaint.id)
        .outerjoin(AssistedFiling, AssistedFiling.complaint_id == Complaint.id)
        .where(Complaint.id.in_(ids))
        .order_by(Complaint.id, Assignment.sequence)
    )
    current: tuple[str, Channel, list[Stay]] | None = None
    for row in rows:
        if current is None or current[0] != row.tracking_number:
            if current is not None:
                yield current
            current = (row.tracking_number, row.channel, [])
        decision = decided.get((row.complaint_id, row.ended_at), {})
        current[2].append(_stay(row, row.paper_received_on, decision, moved.get(row.complaint_id, ())))
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
