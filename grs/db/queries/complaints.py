"""Complaints: one by its number, a desk's list, what is overdue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union
from sqlalchemy.orm import Session, defer, joinedload, selectinload

from grs.db.charters import Charter, CharterEntry
from grs.db.complaints import (
    Assignment,
    AssistedFiling,
    Complainant,
    Complaint,
    ComplaintText,
    Step,
    is_open,
)
from grs.db.desks import ComplaintTag, ComplaintWorker
from grs.db.offices import Post
from grs.domain.lodging import Ground
from grs.domain.tiers import Tier
from grs.domain.workflow import NEWS, Stage

PAGE = 25


def complaint_by_number(session: Session, tracking_number: str, *, lock: bool = False) -> Complaint | None:
    """The complaint of a tracking number; with ``lock`` nobody else changes it before the commit.

    Here and elsewhere a complaint is locked with ``key_share``: who adds a row that refers to it does not wait.
    """
    query = select(Complaint).where(Complaint.tracking_number == tracking_number)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalar(query)


def complaint_to_show(session: Session, tracking_number: str) -> Complaint | None:
    """The complaint of a tracking number with all that its page names: fetched at once, drawn after the session."""
    query = (
        select(Complaint)
        .where(Complaint.tracking_number == tracking_number)
        .options(
            joinedload(Complaint.entry),
            joinedload(Complaint.office),
            joinedload(Complaint.post).joinedload(Post.office),
            joinedload(Complaint.charter).joinedload(Charter.office),
            joinedload(Complaint.complainant),
            joinedload(Complaint.assisted),
            selectinload(Complaint.assignments).options(
                joinedload(Assignment.post).joinedload(Post.office), joinedload(Assignment.office)
            ),
        )
    )
    return session.scalar(query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which complaints of a list are shown. ``words`` are skeletons; ``services`` are the charter entries of one
    name in every version. ``is_open`` None shows both."""

    is_open: bool | None = True
    tier: Tier | None = None
    stage: Stage | None = None
    ground: Ground | None = None
    services: Collection[int] = ()
    tag: str = ""
    worker_id: int | None = None
    overdue_on: date | None = None
    soon_between: tuple[date, date] | None = None
    has_news: bool = False
    words: Collection[str] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter as the database takes it."""
        found: list[ColumnElement[bool]] = []
        if self.is_open is not None:
            found.append(is_open() if self.is_open else Complaint.stage == Stage.DISPOSED)
        for column, value in (
            (Complaint.tier, self.tier),
            (Complaint.stage, self.stage),
            (Complaint.ground, self.ground),
        ):
            if value is not None:
                found.append(column == value)
        if self.services:
            found.append(Complaint.charter_entry_id.in_(self.services))
        if self.tag:
            found.append(Complaint.id.in_(select(ComplaintTag.complaint_id).where(ComplaintTag.tag == self.tag)))
        if self.worker_id is not None:
            found.append(
                exists().where(
                    ComplaintWorker.person_id == self.worker_id,
                    ComplaintWorker.complaint_id == Complaint.id,
                    ComplaintWorker.assignment_sequence == Complaint.assignment_sequence,
                )
            )
        if self.overdue_on is not None:
            found.append(Complaint.due_on < self.overdue_on)
        if self.soon_between is not None:
            found.append(Complaint.due_on.between(*self.soon_between))
        if self.has_news:
            last = (Step.complaint_id == Complaint.id, Step.sequence == Complaint.step_count)
            found.append(exists().where(*last, Step.kind.in_(NEWS)))
        if self.words:
            texts = select(ComplaintText.complaint_id).where(
                *(ComplaintText.search_text.contains(word, autoescape=True) for word in self.words)
            )
            found.append(Complaint.id.in_(texts))
        return found


def listed(
    session: Session,
    scope: ColumnElement[bool],
    shown: Shown,
    *,
    after: tuple[date, int] | None = None,
    limit: int = PAGE,
) -> Sequence[Complaint]:
    """One page of a list from a key on: open ones soonest due first, disposed ones by the day they were due."""
    query = (
        select(Complaint)
        .options(
            joinedload(Complaint.entry), joinedload(Complaint.office), joinedload(Complaint.post),
            defer(Complaint.description), defer(Complaint.remedy),
        )
        .where(scope, *shown.conditions())
        .order_by(Complaint.due_on, Complaint.id)
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        due_on, complaint_id = after
        later = and_(Complaint.due_on == due_on, Complaint.id > complaint_id)
        query = query.where(Complaint.due_on >= due_on, or_(Complaint.due_on > due_on, later))
    return session.scalars(query).all()


EXPORTED_AT_ONCE = 500
EXPORTED = (
    Complaint.tracking_number, Complaint.filed_on, Complaint.due_on, Complaint.tier, Complaint.stage,
    Complaint.outcome, Complaint.ground, CharterEntry.name, Complaint.subject,
)  # fmt: skip


def exported(session: Session, scope: ColumnElement[bool], shown: Shown) -> Iterator[Any]:
    """All of a list in its order, the columns that leave in a file: as it is at one instant, some rows at a time."""
    query = (
        select(*EXPORTED)
        .join(Complaint.entry, isouter=True)
        .where(scope, *shown.conditions())
        .order_by(Complaint.due_on, Complaint.id)
        .execution_options(yield_per=EXPORTED_AT_ONCE)
    )
    yield from session.execute(query)


@dataclass(frozen=True, slots=True)
class Counts:
    """What lies at a desk: all open ones, those past their day, due soon, and not accepted yet."""

    open: int
    overdue: int
    soon: int
    received: int


def count_at(
    session: Session, scope: ColumnElement[bool], *, without: ColumnElement[bool], today: date, soon_until: date
) -> Counts:
    """The counts of a list less those ``without``: each from an index alone, what is left out counted apart."""

    def wanted(*where: ColumnElement[bool]) -> list[Select[int]]:
        still_open = (scope, is_open(), *where)
        return [
            select(func.count()).where(*still_open),
            select(func.count()).where(*still_open, Complaint.due_on < today),
            select(func.count()).where(*still_open, Complaint.due_on.between(today, soon_until)),
            select(func.count()).where(scope, Complaint.stage == Stage.RECEIVED, *where),
        ]

    *every, any_hidden = counted(session, *wanted(), select(func.count()).where(without))
    if not any_hidden:
        return Counts(*every)
    few = session.scalars(select(Complaint.id).where(without)).all()
    hidden = counted(session, *wanted(Complaint.id.in_(few)))
    return Counts(*(all_ - some for all_, some in zip(every, hidden, strict=True)))


def counted(session: Session, *queries: Select[int]) -> Sequence[int]:
    """Several counts, asked at once."""
    return tuple(session.execute(select(*(query.scalar_subquery() for query in queries))).one())


def at_posts(post_ids: Collection[int]) -> ColumnElement[bool]:
    """What lies at these desks."""
    return Complaint.post_id == next(iter(post_ids)) if len(post_ids) == 1 else Complaint.post_id.in_(post_ids)


def answered_at(post_ids: Collection[int]) -> ColumnElement[bool]:
    """What has lain at these desks and lies at others now."""
    been = select(Assignment.complaint_id).where(Assignment.post_id.in_(post_ids))
    return and_(Complaint.id.in_(been), Complaint.post_id.not_in(post_ids))


def passed_through(office_ids: Collection[int]) -> ColumnElement[bool]:
    """What has lain at these offices, lies at others now, and is not about them."""
    been = select(Assignment.complaint_id).where(Assignment.office_id.in_(office_ids))
    return and_(Complaint.id.in_(been), ~at_offices(office_ids))


def at_offices(office_ids: Collection[int]) -> ColumnElement[bool]:
    """What lies at these offices or is about them: the supervisor's list."""
    charters = select(Charter.id).where(Charter.office_id.in_(office_ids))
    return or_(Complaint.office_id.in_(office_ids), Complaint.charter_id.in_(charters))


def of_same_person(complaint: Complaint) -> Any:
    """The complaints of whoever gave the same mobile, e-mail or identity number; None where none was given.

    A look at one index for each, not a condition on three columns at once.
    """
    who = complaint.complainant
    given = [
        select(Complainant.complaint_id).where(column == value)
        for column, value in (
            (Complainant.mobile, who.mobile if who else ""),
            (Complainant.email, who.email if who else ""),
            (Complainant.identity_number, who.identity_number if who else ""),
        )
        if value
    ]
    return union(*given) if given else None


def earlier_of_same_person(session: Session, complaint: Complaint, *, limit: int = 10) -> Sequence[Complaint]:
    """Earlier complaints about the same service of the same office by the same person."""
    same = of_same_person(complaint)
    if same is None:
        return []
    name = complaint.entry.name if complaint.entry else None
    same_service = (
        Complaint.charter_entry_id.is_(None)
        if name is None
        else Complaint.charter_entry_id.in_(select(CharterEntry.id).where(CharterEntry.name == name))
    )
    query = (
        select(Complaint)
        .options(defer(Complaint.description), defer(Complaint.remedy))
        .join(Charter, Charter.id == Complaint.charter_id)
        .where(
            Complaint.id.in_(same),
            same_service,
            Charter.office_id == complaint.charter.office_id,
            Complaint.id < complaint.id,
        )
        .order_by(Complaint.id.desc())
        .limit(limit)
    )
    return session.scalars(query).all()


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
