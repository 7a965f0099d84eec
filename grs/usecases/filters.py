"""What the list of a desk can be filtered by: its services and tags, who works on what, and saved filters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from grs.db.charters import Chain, ChainDesk, Charter, CharterEntry
from grs.db.complaints import Complaint, Step, is_open
from grs.db.desks import ComplaintTag, ComplaintWorker, SavedFilter
from grs.db.offices import Person
from grs.db.sets import among
from grs.domain.bangla import normalise
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import printable
from grs.domain.workflow import NEWS, StepKind

MOST_SAVED = 20
MOST_CHOICES = 200
MOST_ENTRIES = 4 * MOST_CHOICES
"""Entries looked at for them: a service is in several versions of a charter, and in several charters."""
LONGEST_NAME = 60
LONGEST_QUERY = 1000


def services_of(
    session: Session, post_ids: Collection[int] | None, office_ids: Collection[int]
) -> Sequence[tuple[int, str]]:
    """The services that come to these desks, or of these offices: one entry's number for each name.

    None where they are too many to choose from.
    """
    if post_ids is not None:
        charters = (
            select(Chain.charter_id)
            .join(ChainDesk, ChainDesk.chain_id == Chain.id)
            .where(ChainDesk.post_id.in_(post_ids))
        )
    else:
        charters = select(Charter.id).where(among(Charter.office_id, office_ids))
    some = (
        select(CharterEntry.id, CharterEntry.name)
        .where(CharterEntry.charter_id.in_(charters))
        .limit(MOST_ENTRIES)
        .cte("some")
    )
    are_all = select(func.count()).select_from(some).scalar_subquery() < MOST_ENTRIES
    named = select(some.c.name, func.max(some.c.id)).where(are_all).group_by(some.c.name).limit(MOST_CHOICES + 1)
    names = sorted((name, number) for name, number in session.execute(named))
    return [(number, name) for name, number in names] if len(names) <= MOST_CHOICES else []


def entries_like(session: Session, entry_id: int) -> Sequence[int]:
    """The entries of the same name in every office and version; a number that matches nothing where there is none."""
    same = aliased(CharterEntry)
    query = select(same.id).join(CharterEntry, CharterEntry.name == same.name).where(CharterEntry.id == entry_id)
    return session.scalars(query).all() or [0]


def tags_at(session: Session, scope: ColumnElement[bool]) -> Sequence[str]:
    """The tags on a list's complaints."""
    query = (
        select(ComplaintTag.tag)
        .where(exists().where(Complaint.id == ComplaintTag.complaint_id, scope))
        .distinct()
        .order_by(ComplaintTag.tag)
        .limit(MOST_CHOICES)
    )
    return session.scalars(query).all()


def tags_by_complaint(session: Session, complaint_ids: Collection[int]) -> dict[int, list[str]]:
    """The tags of some complaints."""
    found: dict[int, list[str]] = {}
    query = select(ComplaintTag).where(ComplaintTag.complaint_id.in_(complaint_ids)).order_by(ComplaintTag.tag)
    for one in session.scalars(query):
        found.setdefault(one.complaint_id, []).append(one.tag)
    return found


@dataclass(frozen=True, slots=True)
class BesideLine:
    """Who works on a complaint, where somebody was named; what happened last, where its officer has to read it."""

    worker: str | None
    news: StepKind | None


def beside_lines(session: Session, complaint_ids: Collection[int]) -> dict[int, BesideLine]:
    """What a list says beside some complaints."""
    last = (Step.complaint_id == Complaint.id, Step.sequence == Complaint.step_count, Step.kind.in_(NEWS))
    given = (
        ComplaintWorker.complaint_id == Complaint.id,
        ComplaintWorker.assignment_sequence == Complaint.assignment_sequence,
    )
    query = (
        select(Complaint.id, Person.name, Step.kind)
        .join(ComplaintWorker, and_(*given), isouter=True)
        .join(Person, Person.id == ComplaintWorker.person_id, isouter=True)
        .join(Step, and_(*last), isouter=True)
        .where(Complaint.id.in_(complaint_ids))
    )
    return {number: BesideLine(worker, news) for number, worker, news in session.execute(query)}


def open_at_posts(session: Session, post_ids: Collection[int], *, without: ColumnElement[bool]) -> dict[int, int]:
    """How many open complaints lie at each desk, for who has several."""
    if len(post_ids) < 2:
        return {}
    query = (
        select(Complaint.post_id, func.count())
        .where(Complaint.post_id.in_(post_ids), is_open())
        .group_by(Complaint.post_id)
    )
    every = {post_id: count for post_id, count in session.execute(query)}
    hidden = {post_id: count for post_id, count in session.execute(query.where(without))}
    return {post_id: count - hidden.get(post_id, 0) for post_id, count in every.items()}


def saved_filters(session: Session, person_id: int) -> Sequence[SavedFilter]:
    """A person's saved filters by name."""
    query = select(SavedFilter).where(SavedFilter.person_id == person_id).order_by(SavedFilter.name)
    return session.scalars(query).all()


def save_filter(session: Session, person_id: int, *, name: str, query: str) -> SavedFilter:
    """Keep a filter; one of the same name is replaced. Raises InvalidInput."""
    name = normalise(printable(name))
    if not name:
        raise InvalidInput({"name": "required"})
    if len(name) > LONGEST_NAME or len(query) > LONGEST_QUERY:
        raise InvalidInput({"name": "too_long"})
    there = {one.name: one for one in saved_filters(session, person_id)}
    if name in there:
        there[name].query = query
        return there[name]
    if len(there) >= MOST_SAVED:
        raise InvalidInput({"name": "too_many_filters"})
    saved = SavedFilter(person_id=person_id, name=name, query=query)
    session.add(saved)
    return saved


def drop_filter(session: Session, person_id: int, filter_id: int) -> None:
    """Forget one of one's own filters; raises NotFound for any other."""
    saved = session.get(SavedFilter, filter_id)
    if saved is None or saved.person_id != person_id:
        raise NotFound("filter", filter_id)
    session.delete(saved)
