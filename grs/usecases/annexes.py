"""Annex গ-১ and গ-২ of a month: counted while it runs, frozen when it ends, corrected beside it ever after."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer, joinedload, selectinload, sessionmaker

from grs.db.annexes import FrozenAnnex, FrozenMonth
from grs.db.complaints import Assignment, Complaint, Step
from grs.db.offices import Office
from grs.db.queries.annexes import DECIDING, stays_of_month
from grs.domain.annex import (
    CaseKey,
    Correction,
    Counts,
    Intake,
    Line,
    Standing,
    cases_of,
    corrections,
    count,
    line_of,
    month_end,
)
from grs.domain.calendar import DHAKA, ONE_DAY, dhaka_date
from grs.domain.deadlines import add_months
from grs.domain.disposal import Outcome, RootCause
from grs.domain.history import canonical

log = logging.getLogger(__name__)

OFFICES_AT_ONCE = 200
CASES_AT_ONCE = 500
FREEZES_AFTER = time(0, 20)
"""On the first of the next month, when every transaction of the last day has long ended."""

Lines = dict[CaseKey, Line]


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), DHAKA)


# -- counting ------------------------------------------------------------------------------------------------------


def count_month(session: Session, office_ids: Collection[int] | None, month: date, *, until: date) -> dict[int, Lines]:
    """By office, how each case counts in a month as at the end of the day ``until``, counted from the stays."""
    found: dict[int, Lines] = {}
    stays = stays_of_month(session, office_ids, begins=_midnight(month), ends=_midnight(until + ONE_DAY))
    for tracking_number, channel, one in stays:
        for case in cases_of(one, channel):
            if office_ids is not None and case.office_id not in office_ids:
                continue
            line = line_of(case, month, until=until)
            if line is not None:
                found.setdefault(case.office_id, {})[f"{tracking_number}/{case.sequence}"] = line
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month of some offices. ``until`` is its last day, or today while it runs; ``frozen`` stands once it ended."""

    month: date
    until: date
    by_office: Mapping[int, Lines]
    frozen: FrozenMonth | None

    @property
    def lines(self) -> Iterable[Line]:
        return (line for lines in self.by_office.values() for line in lines.values())

    def counts(self, office_id: int | None = None) -> tuple[Counts, Counts]:
        """The tables of the complaints and of the appeals; of one office, or of all together."""
        lines = list(self.lines if office_id is None else self.by_office.get(office_id, {}).values())
        return count(lines, appeals=False), count(lines, appeals=True)


def month_report(session: Session, office_ids: Collection[int], month: date, *, today: date) -> MonthReport:
    """A month as it is reported: from what was frozen where it was, else counted now."""
    frozen = session.get(FrozenMonth, month)
    if frozen is not None:
        by_office = _thawed(session, office_ids, month)
        return MonthReport(month=month, until=month_end(month), by_office=by_office, frozen=frozen)
    until = min(month_end(month), today)
    by_office = count_month(session, office_ids, month, until=until)
    return MonthReport(month=month, until=until, by_office=by_office, frozen=None)


def corrections_of(
    session: Session, report: MonthReport, office_ids: Collection[int], *, without: ColumnElement[bool]
) -> list[Correction]:
    """What counts otherwise now than when the month was frozen, such as a paper form keyed in later.

    Cases the reader may not see are left out.
    """
    if report.frozen is None:
        return []
    now = count_month(session, office_ids, report.month, until=report.until)
    found: list[Correction] = []
    for office_id in sorted({*report.by_office, *now}):
        found += corrections(report.by_office.get(office_id, {}), now.get(office_id, {}))
    numbers = {one.case.split("/")[0] for one in found}
    unseen = set(
        session.scalars(select(Complaint.tracking_number).where(Complaint.tracking_number.in_(numbers), without))
    )
    return [one for one in found if one.case.split("/")[0] not in unseen]


# -- freezing ----------------------------------------------------------------------------------------------------


def freeze_months(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """Freeze every month that has ended and is not frozen yet, oldest first, each in one transaction."""
    counts: Counter[str] = Counter(frozen=0)
    local = now.astimezone(DHAKA)
    this_month = first_of_month(local.date())
    if local.date() == this_month and local.time() < FREEZES_AFTER:
        return counts
    for month in _waiting_months(writers, this_month):
        counts["frozen"] += 1
        if not dry_run:
            _freeze(writers, month, now)
    return counts


def _waiting_months(writers: sessionmaker[Session], this_month: date) -> list[date]:
    with writers() as session:
        last = session.scalar(select(func.max(FrozenMonth.month)))
        if last is None:
            first_filing = session.scalar(select(func.min(Complaint.filed_on)))
            if first_filing is None:
                return []
            month = first_of_month(first_filing)
        else:
            month = add_months(last, 1)
    months = []
    while month < this_month:
        months.append(month)
        month = add_months(month, 1)
    return months


def _freeze(writers: sessionmaker[Session], month: date, now: datetime) -> None:
    try:
        with writers.begin() as session:
            if session.get(FrozenMonth, month) is not None:
                return
            rows, hashes = [], []
            ids = session.execute(select(Office.id, Office.slug).order_by(Office.id)).all()
            for start in range(0, len(ids), OFFICES_AT_ONCE):
                some = {number: slug for number, slug in ids[start : start + OFFICES_AT_ONCE]}
                counted = count_month(session, some.keys(), month, until=month_end(month))
                for office_id, lines in sorted(counted.items()):
                    facts = canonical({key: _as_json(line) for key, line in lines.items()})
                    sha256 = hashlib.sha256(facts.encode()).hexdigest()
                    rows.append(FrozenAnnex(office_id=office_id, month=month, facts=facts, sha256=sha256))
                    hashes.append(f"{some[office_id]}\x1f{sha256}")
            whole = hashlib.sha256("\x1e".join([month.isoformat(), *sorted(hashes)]).encode()).hexdigest()
            session.add(FrozenMonth(month=month, frozen_at=now, sha256=whole))
            session.flush()
            session.add_all(rows)
    except IntegrityError:
        log.info("month %s was frozen by another worker", month)


def verify_frozen(session: Session) -> list[date]:
    """The frozen months whose stored figures do not give their hash any more."""
    broken = []
    slugs = {number: slug for number, slug in session.execute(select(Office.id, Office.slug))}
    for month in session.scalars(select(FrozenMonth).order_by(FrozenMonth.month)):
        rows = session.scalars(select(FrozenAnnex).where(FrozenAnnex.month == month.month)).all()
        hashes = [f"{slugs[row.office_id]}\x1f{hashlib.sha256(row.facts.encode()).hexdigest()}" for row in rows]
        whole = hashlib.sha256("\x1e".join([month.month.isoformat(), *sorted(hashes)]).encode()).hexdigest()
        if whole != month.sha256:
            broken.append(month.month)
    return broken


def _thawed(session: Session, office_ids: Collection[int], month: date) -> dict[int, Lines]:
    rows = session.scalars(select(FrozenAnnex).where(FrozenAnnex.month == month, FrozenAnnex.office_id.in_(office_ids)))
    return {row.office_id: {key: _from_json(one) for key, one in json.loads(row.facts).items()} for row in rows}


def _as_json(line: Line) -> list[Any]:
    return [
        line.sequence, line.is_appeal, line.is_filed_appeal, line.intake, line.standing, line.is_disposed_in_time,
        line.decided_in, line.outcome, line.root_cause,
    ]  # fmt: skip


def _from_json(row: Sequence[Any]) -> Line:
    sequence, is_appeal, is_filed_appeal, intake, standing, in_time, decided_in, outcome, root_cause = row
    return Line(
        sequence=sequence,
        is_appeal=is_appeal,
        is_filed_appeal=is_filed_appeal,
        intake=Intake(intake),
        standing=Standing(standing),
        is_disposed_in_time=in_time,
        decided_in=decided_in,
        outcome=Outcome(outcome) if outcome else None,
        root_cause=RootCause(root_cause) if root_cause else None,
    )


# -- the registers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRow:
    """One case of register গ-২: the form's facts, with what was decided and the advice against repetition."""

    line: Line
    complaint: Complaint
    office: Office
    received_on: date
    decided_on: date | None
    reasons: str
    advice: str


def register(
    session: Session, lines: Mapping[CaseKey, Line], *, appeals: bool, without: ColumnElement[bool]
) -> list[RegisterRow]:
    """The register of the complaints or of the appeals, oldest first, one row a case; some are left out."""
    wanted = [(key.split("/")[0], line) for key, line in sorted(lines.items()) if line.is_appeal is appeals]
    rows = []
    for start in range(0, len(wanted), CASES_AT_ONCE):
        rows += _register_rows(session, wanted[start : start + CASES_AT_ONCE], without)
    return sorted(rows, key=lambda row: (row.received_on, row.complaint.id))


def _register_rows(
    session: Session, wanted: Sequence[tuple[str, Line]], without: ColumnElement[bool]
) -> list[RegisterRow]:
    query = (
        select(Complaint)
        .options(
            joinedload(Complaint.entry),
            joinedload(Complaint.assisted),
            selectinload(Complaint.assignments).joinedload(Assignment.office),
            defer(Complaint.description),
            defer(Complaint.remedy),
        )
        .where(Complaint.tracking_number.in_({number for number, _ in wanted}), ~without)
    )
    complaints = {complaint.tracking_number: complaint for complaint in session.scalars(query)}
    ids = [complaint.id for complaint in complaints.values()]
    decisions: dict[tuple[int, datetime], dict[str, Any]] = {}
    for step in session.scalars(select(Step).where(Step.complaint_id.in_(ids), Step.kind.in_(DECIDING))):
        decisions[step.complaint_id, step.happened_at] = json.loads(step.details)
    return [_register_row(line, complaints[number], decisions) for number, line in wanted if number in complaints]


def _register_row(
    line: Line, complaint: Complaint, decisions: Mapping[tuple[int, datetime], Mapping[str, Any]]
) -> RegisterRow:
    stays = {stay.sequence: stay for stay in complaint.assignments}
    began = dhaka_date(stays[line.sequence].started_at)
    paper = complaint.assisted.paper_received_on if complaint.assisted and line.sequence == 1 else None
    ended_at = stays[line.decided_in].ended_at if line.decided_in else None
    told = decisions.get((complaint.id, ended_at), {}) if ended_at else {}
    return RegisterRow(
        line=line,
        complaint=complaint,
        office=stays[line.sequence].office,
        received_on=min(paper, began) if paper else began,
        decided_on=dhaka_date(ended_at) if ended_at else None,
        reasons=told.get("reasons", ""),
        advice=told.get("advice", ""),
    )
