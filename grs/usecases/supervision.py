"""What a supervisor sees of his offices: figures over some months, and the cases behind every one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, union_all
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complaint
from grs.db.offices import Office, Post
from grs.db.queries import supervision as queries
from grs.db.queries.annexes import is_counted
from grs.domain.annex import Counts, month_end, over_months
from grs.domain.calendar import DHAKA, ONE_DAY
from grs.domain.deadlines import add_months
from grs.domain.disposal import RootCause
from grs.domain.figures import percentile
from grs.domain.tiers import Tier
from grs.usecases.annexes import MonthReport, first_of_month, month_totals
from grs.usecases.calendars import CalendarShelf
from grs.usecases.standing import Desk, is_about, is_out_of_sight

MONTHS = 12
SPANS = (1, 3, 6, MONTHS)
"""Over how many months figures may be asked for."""
MOST_SERVICES = 20
MOST_DESKS = 50
PAGE = 25


class DeskFigures(NamedTuple):
    """What lies at one desk now."""

    post: Post
    tier: Tier
    open: int
    overdue: int


class Heat(NamedTuple):
    """How often a promise was broken, by root cause; ``service`` None: complaints about no service."""

    service: str | None
    by_cause: dict[RootCause, int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The figures of some offices together. Days are working days of the office that decided.

    ``complaints`` and ``appeals`` are the months of ``reports`` added up. ``desks`` are those with most overdue of
    ``all_desks``; ``running`` and ``overdue`` are of all of them. ``kept_at``: counted by a job then; None: just now.
    """

    reports: Sequence[MonthReport]
    complaints: Counts
    appeals: Counts
    desks: Sequence[DeskFigures]
    all_desks: int
    running: int
    overdue: int
    escalated: int
    median_days: float | None
    ninetieth_days: float | None
    heat: Sequence[Heat]
    causes: Sequence[RootCause]
    kept_at: datetime | None = None

    @property
    def first(self) -> date:
        return self.reports[0].month

    @property
    def last(self) -> date:
        return self.reports[-1].until


def months_until(month: date, number: int = MONTHS) -> list[date]:
    """So many months, the last one this."""
    return [add_months(month, -back) for back in reversed(range(number))]


def overview(
    session: Session, office_ids: Collection[int], *, until: date, months: int, today: date, shelf: CalendarShelf
) -> Overview:
    """The figures of some offices over the months up to and with that of ``until``."""
    reports = month_totals(session, office_ids, months_until(first_of_month(until), months), today=today)
    complaints, appeals = (over_months([report.totals[which] for report in reports]) for which in (0, 1))
    first, last = reports[0].month, reports[-1].until
    days = _days_taken(session, office_ids, _span(first, last), shelf)
    desks = queries.open_by_desk(session, office_ids, today=today)
    heat = _heat(session, office_ids, first, last)
    shown = {cause for line in heat for cause in line.by_cause}
    return Overview(
        reports=reports,
        complaints=complaints,
        appeals=appeals,
        desks=desk_figures(session, desks[:MOST_DESKS]),
        all_desks=len(desks),
        running=sum(opened for _, _, opened, _ in desks),
        overdue=sum(late for _, _, _, late in desks),
        escalated=queries.count_escalated(session, office_ids, first, last),
        median_days=percentile(days, 50),
        ninetieth_days=percentile(days, 90),
        heat=heat,
        causes=[cause for cause in RootCause if cause in shown],
    )


def desk_figures(session: Session, rows: Sequence[tuple[int, Tier, int, int]]) -> list[DeskFigures]:
    """Post, tier, open, overdue: with the posts themselves."""
    wanted = select(Post).options(joinedload(Post.office)).where(Post.id.in_({row[0] for row in rows}))
    posts = {post.id: post for post in session.scalars(wanted)}
    return [DeskFigures(posts[post_id], tier, opened, late) for post_id, tier, opened, late in rows]


def _span(first: date, last: date) -> queries.Span:
    start, end = (datetime.combine(day, time(), DHAKA) for day in (first, last + ONE_DAY))
    return start, end


def _days_taken(
    session: Session, office_ids: Collection[int], span: queries.Span, shelf: CalendarShelf
) -> Counter[int]:
    """How many decisions took how many working days, from the day received."""
    rows = queries.decided_stays(session, office_ids, span)
    offices = {o.id: o for o in session.scalars(select(Office).where(Office.id.in_({row[0] for row in rows})))}
    calendars = shelf.for_offices(session, offices.values())
    days: Counter[int] = Counter()
    for office_id, received_on, decided_on, number in rows:
        taken = calendars[office_id].count_working_days(received_on, decided_on)
        days[max(taken, 0)] += number
    return days


def _heat(session: Session, office_ids: Collection[int], first: date, last: date) -> list[Heat]:
    """Services most often found at fault first."""
    by_service: dict[str | None, dict[RootCause, int]] = {}
    for service, cause, number in queries.causes_by_service(session, office_ids, first, last):
        by_service.setdefault(service, {})[cause] = number
    lines = [Heat(service, causes, sum(causes.values())) for service, causes in by_service.items()]
    return sorted(lines, key=lambda line: (-line.total, line.service or ""))[:MOST_SERVICES]


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(Complaint.id)).where(*where)) or 0


# -- the cases behind a figure -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """Which figure was clicked: a column of the annex over some months, or one of the others.

    ``what`` is ``annex``, ``received``, ``running``, ``overdue``, ``escalated`` or ``cause``.
    """

    what: str
    until: date
    months: int = 1
    column: str = ""
    is_appeals: bool = False
    post_id: int | None = None
    tier: Tier | None = None
    cause: RootCause | None = None
    service: str | None = None


WHATS = ("annex", "received", "running", "overdue", "escalated", "cause")


@dataclass(frozen=True, slots=True)
class Cases:
    """One page of cases; ``hidden`` complaints are about the reader, or were never at his desks, and not shown.

    A complaint that went up twice counts as two appeals in ``total`` and stands in the list once: ``distinct``.
    """

    complaints: Sequence[Complaint]
    total: int
    distinct: int
    hidden: int
    next_after: int | None


def cases_behind(session: Session, office_ids: Collection[int], behind: Behind, *, desk: Desk, after: int = 0) -> Cases:
    """The cases that make up a figure, a page from a complaint on. Who is complained about does not see his own."""
    if behind.what in ("annex", "received"):
        return _cases_of_annex(session, office_ids, behind, desk=desk, after=after)
    where = _conditions(session, office_ids, behind, desk.today)
    total = _count(session, *where)
    hidden = _count(session, *where, is_about(desk))
    found = queries.found(session, *where, ~is_about(desk), after=after, limit=PAGE + 1)
    return Cases(found[:PAGE], total, total, hidden, found[PAGE - 1].id if len(found) > PAGE else None)


def _cases_of_annex(session: Session, office_ids: Collection[int], behind: Behind, *, desk: Desk, after: int) -> Cases:
    """The complaints whose lines a figure counts, over all its months."""
    months = months_until(first_of_month(behind.until), behind.months)
    column = behind.column if behind.what == "annex" else "received"
    numbers = [
        select(lines.c.complaint_id).where(lines.c.is_appeal == behind.is_appeals, is_counted(lines, column))
        for lines in (report.lines.subquery() for report in month_totals(session, office_ids, months, today=desk.today))
    ]
    counted = union_all(*numbers).subquery()
    number = counted.c.complaint_id
    unseen = is_out_of_sight(desk, office_ids)
    hidden = number.in_(select(Complaint.id).where(unseen))
    total, distinct, kept_back = session.execute(
        select(func.count(), func.count(number.distinct()), func.count(number.distinct()).filter(hidden))
        .select_from(counted)
    ).one()  # fmt: skip
    page = select(number).distinct().where(number > after, ~hidden).order_by(number).limit(PAGE + 1)
    ids = session.scalars(page).all()
    found = queries.found(session, Complaint.id.in_(ids[:PAGE]), limit=PAGE)
    return Cases(found, total, distinct, kept_back, ids[PAGE - 1] if len(ids) > PAGE else None)


def _conditions(
    session: Session, office_ids: Collection[int], behind: Behind, today: date
) -> list[ColumnElement[bool]]:
    months = months_until(first_of_month(behind.until), behind.months)
    first, last = months[0], min(month_end(months[-1]), today)
    if behind.what == "escalated":
        return [queries.left_by_escalation(office_ids, first, last)]
    if behind.what == "cause":
        is_cause = Complaint.root_cause == behind.cause if behind.cause else Complaint.root_cause.is_not(None)
        return [queries.about_services_of(office_ids, first, last), queries.of_service(behind.service), is_cause]
    if behind.what in ("running", "overdue"):
        where: list[ColumnElement[bool]] = [queries.lies_at(office_ids)]
        where += [Complaint.due_on < today] if behind.what == "overdue" else []
        where += [Complaint.post_id == behind.post_id] if behind.post_id is not None else []
        where += [Complaint.tier == behind.tier] if behind.tier is not None else []
        return where
    raise ValueError(behind.what)
