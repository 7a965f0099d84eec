"""The cases that offices report, as they stand now: written in the transaction that changes their stays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from grs.db.annexes import ReportedCase
from grs.db.bulk import insert_rows, update_rows
from grs.db.complaints import Complaint
from grs.db.queries.annexes import stays_of
from grs.db.sets import among
from grs.domain.annex import Case, Stay, case_begun, cases_of
from grs.domain.lodging import Channel
from grs.domain.workflow import Action

Row = dict[str, Any]
AT_ONCE = 2_000
TABLE: Table = ReportedCase.__table__  # type: ignore[assignment]  # SQLAlchemy types it more widely


def row_of(complaint_id: int, case: Case) -> Row:
    """A case as its row."""
    decision = case.decision
    return {
        "complaint_id": complaint_id,
        "sequence": case.sequence,
        "office_id": case.office_id,
        "is_appeal": case.is_appeal,
        "is_filed_appeal": case.is_filed_appeal,
        "intake": case.intake,
        "began_on": case.began_on,
        "forwarded_on": case.forwarded_on,
        "due_stay": case.last_stay,
        "due_on": case.dues[-1][1],
        "decided_on": decision.decided_on if decision else None,
        "decided_in": decision.sequence if decision else None,
        "is_in_time": decision.in_time if decision else False,
        "outcome": decision.outcome if decision else None,
        "root_cause": decision.root_cause if decision else None,
    }


def begun(complaint_id: int, stay: Stay, channel: Channel, *, after: Action | None) -> Row:
    """The row of the case that begins with a stay, where no other case changes: at a filing, or when time ran out."""
    return row_of(complaint_id, case_begun(stay, channel, after=after))


def rows_of(session: Session, complaint_ids: Sequence[int]) -> Iterator[Row]:
    """The rows that follow from the stays of these complaints."""
    for number, _, channel, stays in stays_of(session, complaint_ids):
        yield from (row_of(number, case) for case in cases_of(stays, channel))


def count_again(session: Session, complaint_ids: Collection[int]) -> None:
    """Write the cases of these complaints from their stays, whatever stood there."""
    session.execute(delete(ReportedCase).where(among(ReportedCase.complaint_id, complaint_ids)))
    insert_rows(session, TABLE, list(rows_of(session, sorted(complaint_ids))))


def cases_that_differ(session: Session, complaint_ids: Sequence[int]) -> set[int]:
    """The complaints whose rows are not those that follow from their stays."""
    columns = [getattr(ReportedCase, column.name) for column in TABLE.columns]
    stored: dict[int, list[Row]] = {}
    query = select(*columns).where(among(ReportedCase.complaint_id, complaint_ids))
    for row in session.execute(query.order_by(ReportedCase.complaint_id, ReportedCase.sequence)):
        stored.setdefault(row.complaint_id, []).append(dict(row._mapping))
    right: dict[int, list[Row]] = {}
    for one in rows_of(session, complaint_ids):
        right.setdefault(one["complaint_id"], []).append(one)
    return {number for number in complaint_ids if stored.get(number) != right.get(number)}


def move_due_dates(session: Session, moved: Sequence[Mapping[str, Any]]) -> None:
    """The due dates of stays have moved: of the cases measured by them too."""
    rows = [
        {"complaint_id": one["complaint_id"], "due_stay": one["sequence"], "due_on": one["due_on"]} for one in moved
    ]
    update_rows(session, TABLE, key=("complaint_id", "due_stay"), rows=rows)


def count_all_again(session: Session, *, progress: Callable[[int], None] = lambda complaints: None) -> None:
    """Write all cases anew: after a restoration, or where older processes wrote on during an upgrade."""
    last = 0
    while ids := session.scalars(
        select(Complaint.id).where(Complaint.id > last).order_by(Complaint.id).limit(AT_ONCE)
    ).all():
        count_again(session, ids)
        last = ids[-1]
        progress(len(ids))
