"""The supervisors' morning letter: new, due soon, overdue by officer, escalated, undeliverable."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, sessionmaker

from grs.db.complaints import Assignment, Complaint
from grs.db.messages import Message, MessageChannel, is_given_up
from grs.db.offices import Office, Person, Post, PostHolder
from grs.domain.calendar import DHAKA, ONE_DAY, dhaka_date
from grs.domain.workflow import OPEN_STAGES, Action
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import Ledger
from grs.usecases.recipients import Recipient
from grs.usecases.scopes import SUPERVISING, supervised_offices
from grs.usecases.seals import seals

Span = tuple[datetime, datetime]
DUE_SOON_WORKING_DAYS = 5
MOST_LINES = 50
MOST_SEALS = 14
BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
NOT_BEFORE = time(9, 0)
SETTLED = timedelta(minutes=5)
"""After this long every transaction that began then has ended."""


def send_digests(
    writers: sessionmaker[Session], *, shelf: CalendarShelf, now: datetime, dry_run: bool = False
) -> Counter[str]:
    """Queue each supervisor's digest of the day, once; none before nine or on a day the offices are closed.

    What happened is counted up to a few minutes ago, so that nothing still being written falls between
    two digests; the next one begins where this one ended.
    """
    counts: Counter[str] = Counter(digests=0)
    today = dhaka_date(now)
    if now.astimezone(DHAKA).time() < NOT_BEFORE:
        return counts
    with writers.begin() as session:
        calendar = shelf.for_scopes(session)
        if not calendar.is_open(today):
            return counts
        soon = calendar.add_working_days(today, DUE_SOON_WORKING_DAYS)
        for person, offices in _supervisors(session, today):
            key = _key(person.id, today)
            if session.scalar(select(Message.id).where(Message.key == key)) is not None:
                continue
            counts["digests"] += 1
            if dry_run:
                continue
            span = (_last_digest(session, person.id, today) or BEFORE_ALL, now - SETTLED)
            facts = _facts(session, offices, span=span, today=today, soon=soon)
            fresh = seals(session, since=dhaka_date(span[0]), limit=MOST_SEALS)
            facts["seals"] = [{"day": one.day, "root": one.root} for one in fresh]
            ledger = Ledger(now)
            to = Recipient(person.id, person.name, person.email, person.language)
            ledger.note(key, "digest", to, facts)
            ledger.write(session)
    return counts


def _supervisors(session: Session, today: Any) -> list[tuple[Person, set[int]]]:
    rows = session.execute(
        select(Person, Post)
        .join(PostHolder, PostHolder.person_id == Person.id)
        .join(Post, Post.id == PostHolder.post_id)
        .where(
            Post.role.in_(SUPERVISING),
            Person.is_active,
            PostHolder.held_from <= today,
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        )
        .order_by(Person.id)
    ).all()
    by_person: dict[int, tuple[Person, list[Post]]] = {}
    for person, post in rows:
        by_person.setdefault(person.id, (person, []))[1].append(post)
    return [(person, supervised_offices(session, posts)) for person, posts in by_person.values()]


def _key(person_id: int, day: date) -> str:
    return f"digest/{day}/{person_id}"


def _last_digest(session: Session, person_id: int, today: date) -> datetime | None:
    """Up to when the last digest of a year told; asked by their keys, among millions of letters."""
    keys = [_key(person_id, today - ONE_DAY * back) for back in range(1, 366)]
    last = session.scalar(select(func.max(Message.queued_at)).where(Message.key.in_(keys)))
    return last - SETTLED if last else None


def _facts(session: Session, offices: set[int], *, span: Span, today: Any, soon: Any) -> dict[str, Any]:
    mine = Complaint.office_id.in_(offices)
    is_open = Complaint.stage.in_(OPEN_STAGES)
    overdue = session.execute(
        select(Post.title_bn, Post.title_en, Office.name_bn, Office.name_en, func.count())
        .join(Complaint, Complaint.post_id == Post.id)
        .join(Office, Office.id == Post.office_id)
        .where(mine, is_open, Complaint.due_on < today)
        .group_by(Post.id, Post.title_bn, Post.title_en, Office.name_bn, Office.name_en)
        .order_by(func.count().desc(), Post.id)
        .limit(MOST_LINES)
    ).all()
    is_due_soon = (mine, is_open, Complaint.due_on.between(today, soon))
    due_soon = session.execute(
        select(Complaint.tracking_number, Complaint.due_on)
        .where(*is_due_soon)
        .order_by(Complaint.due_on, Complaint.id)
        .limit(MOST_LINES)
    ).all()
    came = (Assignment.office_id.in_(offices), Assignment.started_at > span[0], Assignment.started_at <= span[1])
    left = (
        Assignment.office_id.in_(offices),
        Assignment.ended_by == Action.ESCALATE,
        Assignment.ended_at > span[0],
        Assignment.ended_at <= span[1],
    )
    return {
        "day_of": today,
        "new": _count(session, Assignment.complaint_id, *came),
        "due_soon": [{"tracking_number": number, "due_on": due_on} for number, due_on in due_soon],
        "due_soon_more": _count(session, Complaint.id, *is_due_soon) - len(due_soon),
        "overdue": [
            {"post_bn": pb, "post_en": pe, "office_bn": ob, "office_en": oe, "count": count}
            for pb, pe, ob, oe, count in overdue
        ],
        "escalated": (escalated := _escalated(session, left)),
        "escalated_more": _count(session, Assignment.complaint_id, *left) - len(escalated),
        "undeliverable": _count(
            session,
            Message.id,
            is_given_up(),
            Message.channel != MessageChannel.EVENT,
            Message.complaint_id.in_(select(Complaint.id).where(mine)),
        ),
    }


def _escalated(session: Session, left: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The escalations out of these offices since the last digest."""
    rows = session.execute(
        select(Complaint.tracking_number, Assignment.tier)
        .join(Assignment, Assignment.complaint_id == Complaint.id)
        .where(*left)
        .order_by(Assignment.ended_at, Complaint.id)
        .limit(MOST_LINES)
    ).all()
    return [{"tracking_number": number, "tier": int(tier)} for number, tier in rows]


def _count(session: Session, column: Any, *where: Any) -> int:
    return session.scalar(select(func.count(column)).where(*where)) or 0
