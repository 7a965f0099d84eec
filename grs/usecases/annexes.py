"""Annex গ-১ and গ-২ of a month: counted while it runs, frozen when it ends, corrected beside it ever after."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer, joinedload, selectinload, sessionmaker

from grs.db.annexes import FrozenAnnex, FrozenCount, FrozenLine, FrozenMonth
from grs.db.base import Base
from grs.db.bulk import insert_rows
from grs.db.complaints import Assignment, Complaint, Step
from grs.db.offices import Office
from grs.db.queries.annexes import (
    COUNTED,
    DECIDING,
    LINE,
    Told,
    annexes_of,
    counted,
    frozen_counts,
    keyed_in_after,
    lines_of,
    no_counts,
    stays_of,
    stays_of_month,
)
from grs.db.sets import among
from grs.domain.annex import (
    CaseKey,
    Correction,
    Counts,
    Line,
    cases_of,
    corrections,
    count,
    line_of,
    month_end,
    together,
)
from grs.domain.calendar import DHAKA, ONE_DAY, dhaka_date
from grs.domain.deadlines import add_months
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
    """By office, how each case counts in a month as at the end of the day ``until``, counted from the stays.

    This is what a month is frozen from. ``month_report`` tells the same of a month that runs, from the cases as they
    are kept beside the stays.
    """
    stays = stays_of_month(session, office_ids, begins=_midnight(month), ends=_midnight(until + ONE_DAY))
    return _lines_from(stays, office_ids, month, until)


def _lines_from(told: Iterable[Told], office_ids: Collection[int] | None, month: date, until: date) -> dict[int, Lines]:
    found: dict[int, Lines] = {}
    for complaint_id, tracking_number, channel, stays in told:
        for case in cases_of(stays, channel):
            if office_ids is not None and case.office_id not in office_ids:
                continue
            line = line_of(case, month, until=until)
            if line is not None:
                found.setdefault(case.office_id, {})[CaseKey(complaint_id, tracking_number, case.sequence)] = line
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month of some offices: their tables of the complaints and of the appeals, together and one by one.

    ``until`` is its last day, or today while it runs; ``frozen`` stands once it ended.
    """

    month: date
    until: date
    office_ids: Collection[int]
    totals: Sequence[Counts]
    by_office: Mapping[int, Sequence[Counts]]
    frozen: FrozenMonth | None

    def counts(self, office_id: int | None = None) -> Sequence[Counts]:
        """The tables of the complaints and of the appeals; of one office, or of all together."""
        return self.totals if office_id is None else self.by_office.get(office_id, NOTHING)

    @property
    def lines(self) -> Select[Any]:
        """How each case counts, in the columns of ``LINE``."""
        return lines_of(self.month, self.until, self.office_ids, is_frozen=self.frozen is not None)


NOTHING = (no_counts(appeals=False), no_counts(appeals=True))


def month_report(session: Session, office_ids: Collection[int], month: date, *, today: date) -> MonthReport:
    """A month as it is reported, office by office: as frozen, else as it stands now."""
    frozen = session.get(FrozenMonth, month)
    until = min(month_end(month), today)
    if frozen is not None:
        by_office = frozen_counts(session, [month], office_ids, by_office=True).get(month, {})
    else:
        by_office = counted(session, lines_of(month, until, office_ids, is_frozen=False).subquery(), by_office=True)
    return MonthReport(
        month=month,
        until=month_end(month) if frozen else until,
        office_ids=office_ids,
        totals=[together([pair[which] for pair in by_office.values()], appeals=bool(which)) for which in (0, 1)],
        by_office=by_office,
        frozen=frozen,
    )


def month_totals(
    session: Session, office_ids: Collection[int], months: Sequence[date], *, today: date
) -> list[MonthReport]:
    """Some months of some offices together, without the offices one by one."""
    frozen = {one.month: one for one in session.scalars(select(FrozenMonth).where(FrozenMonth.month.in_(months)))}
    known = frozen_counts(session, frozen.keys(), office_ids, by_office=False)
    reports = []
    for month in months:
        until = month_end(month) if month in frozen else min(month_end(month), today)
        if month in frozen:
            totals = known.get(month, {})
        else:
            lines = lines_of(month, until, office_ids, is_frozen=False).subquery()
            totals = counted(session, lines, by_office=False)
        reports.append(
            MonthReport(
                month=month, until=until, office_ids=office_ids, totals=totals.get(0, NOTHING), by_office={},
                frozen=frozen.get(month),
            )
        )  # fmt: skip
    return reports


def corrections_of(session: Session, report: MonthReport, *, without: ColumnElement[bool]) -> list[Correction]:
    """What counts otherwise now than when the month was frozen: paper forms of that time that were keyed in later.

    Nothing else can: how a case stood on a day that is over does not change any more. Cases the reader may not see
    are left out.
    """
    if report.frozen is None:
        return []
    late = keyed_in_after(session, report.month)
    if not late:
        return []
    unseen = set(session.scalars(select(Complaint.id).where(among(Complaint.id, late), without)))
    late = [one for one in late if one not in unseen]
    stays = stays_of(session, late, ends=_midnight(report.until + ONE_DAY))
    now = _lines_from(stays, report.office_ids, report.month, report.until)
    then = _frozen_lines(session, report.month, report.office_ids, among(FrozenLine.complaint_id, late))
    return [
        one
        for office_id in sorted({*then, *now})
        for one in corrections(then.get(office_id, {}), now.get(office_id, {}))
    ]


def _line(row: Any) -> Line:
    return Line(**{one.name: getattr(row, one.name) for one in fields(Line)})


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
            frozen = FrozenMonth(month=month, frozen_at=now, sha256="")
            session.add(frozen)
            session.flush()
            hashes = []
            ids = session.execute(select(Office.id, Office.slug).order_by(Office.id)).all()
            for start in range(0, len(ids), OFFICES_AT_ONCE):
                some = {number: slug for number, slug in ids[start : start + OFFICES_AT_ONCE]}
                by_office = count_month(session, some.keys(), month, until=month_end(month))
                sha256 = {office_id: _hash_of(lines) for office_id, lines in by_office.items()}
                _write_month(session, month, by_office, sha256)
                hashes += [f"{some[office_id]}\x1f{own}" for office_id, own in sha256.items()]
            frozen.sha256 = _hash_over(month, hashes)
    except IntegrityError:
        log.info("month %s was frozen by another worker", month)


def _write_month(session: Session, month: date, by_office: Mapping[int, Lines], sha256: Mapping[int, str]) -> None:
    """The lines of some offices, their sums, and the hash over each office's."""
    annexes = [{"office_id": office_id, "month": month, "sha256": own} for office_id, own in sha256.items()]
    lines = [
        {"month": month, "office_id": office_id, "complaint_id": key.complaint_id}
        | {one.name: getattr(line, one.name) for one in fields(Line)}
        for office_id, found in by_office.items()
        for key, line in found.items()
    ]
    sums = [
        {"month": month, "office_id": office_id, "is_appeals": appeals}
        | {name: count(found.values(), appeals=appeals).column(name) for name in COUNTED}
        for office_id, found in by_office.items()
        for appeals in (False, True)
    ]
    for table, rows in ((FrozenAnnex, annexes), (FrozenLine, lines), (FrozenCount, sums)):
        insert_rows(session, Base.metadata.tables[table.__tablename__], rows)


def _hash_of(lines: Lines) -> str:
    facts = canonical({f"{key.tracking_number}/{key.sequence}": _as_json(line) for key, line in lines.items()})
    return hashlib.sha256(facts.encode()).hexdigest()


def _hash_over(month: date, hashes: Collection[str]) -> str:
    return hashlib.sha256("\x1e".join([month.isoformat(), *sorted(hashes)]).encode()).hexdigest()


def verify_frozen(session: Session) -> list[date]:
    """The frozen months whose lines do not give their hash any more, or whose sums are not those of their lines."""
    slugs = {number: slug for number, slug in session.execute(select(Office.id, Office.slug))}
    return [
        frozen.month
        for frozen in session.scalars(select(FrozenMonth).order_by(FrozenMonth.month))
        if not _is_as_frozen(session, frozen, slugs)
    ]


def _is_as_frozen(session: Session, frozen: FrozenMonth, slugs: Mapping[int, str]) -> bool:
    month, ids = frozen.month, sorted(slugs)
    sealed = {one.office_id: one.sha256 for one in annexes_of(session, month)}
    whole = _hash_over(month, [f"{slugs[office_id]}\x1f{own}" for office_id, own in sealed.items()])
    found: dict[int, str] = {}
    for start in range(0, len(ids), OFFICES_AT_ONCE):
        some = ids[start : start + OFFICES_AT_ONCE]
        by_office = _frozen_lines(session, month, some)
        found |= {office_id: _hash_of(lines) for office_id, lines in by_office.items()}
        sums = frozen_counts(session, [month], some, by_office=True).get(month, {})
        counted_now = {
            office_id: [count(lines.values(), appeals=appeals) for appeals in (False, True)]
            for office_id, lines in by_office.items()
        }
        if sums != counted_now:
            return False
    return (found, whole) == (sealed, frozen.sha256)


def _frozen_lines(
    session: Session, month: date, office_ids: Collection[int], *where: ColumnElement[bool]
) -> dict[int, Lines]:
    """By office, the lines of a frozen month."""
    columns = (getattr(FrozenLine, name) for name in LINE)
    query = (
        select(Complaint.tracking_number, *columns)
        .join(Complaint, Complaint.id == FrozenLine.complaint_id)
        .where(FrozenLine.month == month, among(FrozenLine.office_id, office_ids), *where)
    )
    found: dict[int, Lines] = {}
    for row in session.execute(query):
        key = CaseKey(row.complaint_id, row.tracking_number, row.sequence)
        found.setdefault(row.office_id, {})[key] = _line(row)
    return found


def _as_json(line: Line) -> list[Any]:
    return [
        line.sequence, line.is_appeal, line.is_filed_appeal, line.intake, line.standing, line.is_disposed_in_time,
        line.decided_in, line.outcome, line.root_cause,
    ]  # fmt: skip


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
    session: Session,
    report: MonthReport,
    *,
    appeals: bool,
    without: ColumnElement[bool],
    first: int = 0,
    limit: int | None = None,
) -> Iterator[RegisterRow]:
    """The register of the complaints or of the appeals, in the order in which they came; some are left out.

    A page of it, or all of it: however long it is, a few hundred rows are in memory at once.
    """
    lines = report.lines.subquery()
    query = (
        select(lines)
        .join(Complaint, Complaint.id == lines.c.complaint_id)
        .join(
            Assignment,
            and_(Assignment.complaint_id == lines.c.complaint_id, Assignment.sequence == lines.c.sequence),
        )
        .where(lines.c.is_appeal == appeals, ~without)
        .order_by(Assignment.started_at, lines.c.complaint_id, lines.c.sequence)
        .offset(first or None)
        .limit(limit)
        .execution_options(yield_per=CASES_AT_ONCE)
    )
    for rows in session.execute(query).partitions():
        yield from _register_rows(session, rows)


def count_hidden(session: Session, report: MonthReport, *, appeals: bool, without: ColumnElement[bool]) -> int:
    """How many rows of the register are left out."""
    lines = report.lines.subquery()
    hidden = select(func.count()).where(
        lines.c.is_appeal == appeals, lines.c.complaint_id.in_(select(Complaint.id).where(without))
    )
    return session.scalar(hidden) or 0


def _register_rows(session: Session, rows: Sequence[Any]) -> Iterator[RegisterRow]:
    ids = {row.complaint_id for row in rows}
    query = (
        select(Complaint)
        .options(
            joinedload(Complaint.entry),
            joinedload(Complaint.assisted),
            selectinload(Complaint.assignments).joinedload(Assignment.office),
            defer(Complaint.description),
            defer(Complaint.remedy),
        )
        .where(among(Complaint.id, ids))
    )
    complaints = {complaint.id: complaint for complaint in session.scalars(query)}
    decisions: dict[tuple[int, datetime], dict[str, Any]] = {}
    for step in session.scalars(select(Step).where(among(Step.complaint_id, ids), Step.kind.in_(DECIDING))):
        decisions[step.complaint_id, step.happened_at] = json.loads(step.details)
    yield from (_register_row(_line(row), complaints[row.complaint_id], decisions) for row in rows)


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
