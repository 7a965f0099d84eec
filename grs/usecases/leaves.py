"""Leave: the days on which somebody is away from all posts, and who sits in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from grs.db.charters import ChainDesk
from grs.db.offices import Leave, Person, Post, PostHolder
from grs.domain.errors import InvalidInput, NotFound
from grs.usecases.accounts import posts_of
from grs.usecases.acting import coming
from grs.usecases.ledger import Ledger
from grs.usecases.people import Colleague, colleagues
from grs.usecases.recipients import Recipient
from grs.usecases.standing import Desk

LONGEST = timedelta(days=366)


def take_leave(
    session: Session,
    desk: Desk,
    *,
    starts_on: date | None,
    ends_on: date | None,
    stand_ins: Mapping[int, int | None],
) -> Leave:
    """Write down one's own leave. ``stand_ins`` names, by post, who sits in; a post without one is vacant
    meanwhile: the tier above and the supervisor are told of every complaint on it the same day.

    Raises InvalidInput.
    """
    first = coming(desk, starts_on, "starts_on")
    if ends_on is None:
        raise InvalidInput({"ends_on": "required"})
    if not first <= ends_on <= first + LONGEST:
        raise InvalidInput({"ends_on": "before_the_start" if ends_on < first else "within_a_year"})
    session.get_one(Person, desk.person_id, with_for_update=True)  # two taps on the button are one leave
    overlap = select(Leave.id).where(
        Leave.person_id == desk.person_id, Leave.starts_on <= ends_on, Leave.ends_on >= first
    )
    if session.scalar(overlap) is not None:
        raise InvalidInput({"starts_on": "on_leave_already"})
    posts = posts_of(session, desk.person_id, first, own_only=True)
    possible = _possible(session, desk, posts)
    leave = Leave(person_id=desk.person_id, starts_on=first, ends_on=ends_on, recorded_at=desk.now)
    session.add(leave)
    session.flush()
    ledger = Ledger(desk.now)
    for post in posts:
        person_id = stand_ins.get(post.id)
        if person_id is None:
            continue
        if person_id not in possible[post.id]:
            raise InvalidInput({f"stand_in_{post.id}": "choose_one"})
        if _is_away(session, person_id, first, ends_on):
            raise InvalidInput({f"stand_in_{post.id}": "also_away"})
        session.add(
            PostHolder(
                post_id=post.id, person_id=person_id, held_from=first, held_to=ends_on, is_stand_in=True,
                leave_id=leave.id,
            )
        )  # fmt: skip
        person = session.get_one(Person, person_id)
        to = Recipient(person.id, person.name, person.email, person.language)
        facts = {"to_post": post.id, "starts_on": first, "ends_on": ends_on}
        ledger.note(f"stand-in/{leave.id}/{post.id}", "stand_in", to, facts)
    ledger.write(session)
    return leave


def _possible(session: Session, desk: Desk, posts: Sequence[Post]) -> dict[int, set[int]]:
    return {post.id: {c.person_id for c in possible_stand_ins(session, post, desk)} for post in posts}


def possible_stand_ins(session: Session, post: Post, desk: Desk) -> list[Colleague]:
    """Who may sit in on a post: colleagues near it, but nobody who answers at another tier of its chains.

    Who decides a complaint does not hear the appeal against it.
    """
    chains = select(ChainDesk.chain_id).where(ChainDesk.post_id == post.id)
    others = select(ChainDesk.post_id).where(ChainDesk.chain_id.in_(chains), ChainDesk.post_id != post.id)
    from_today_on = or_(PostHolder.held_to.is_(None), PostHolder.held_to >= desk.today)
    barred = set(session.scalars(select(PostHolder.person_id).where(PostHolder.post_id.in_(others), from_today_on)))
    found = colleagues(session, offices_near(post), desk.today, without=desk.person_id)
    return [one for one in found if one.person_id not in barred]


def held_on_day(day: date) -> tuple[ColumnElement[bool], ...]:
    return PostHolder.held_from <= day, or_(PostHolder.held_to.is_(None), PostHolder.held_to >= day)


def offices_near(post: Post) -> list[int]:
    """Where a stand-in comes from: the post's own office, or the one above it."""
    return [post.office_id, *([post.office.parent_id] if post.office.parent_id else [])]


def _is_away(session: Session, person_id: int, first: date, last: date) -> bool:
    query = select(Leave.id).where(Leave.person_id == person_id, Leave.starts_on <= last, Leave.ends_on >= first)
    return session.scalar(query) is not None


def end_leave(session: Session, desk: Desk, leave_id: int) -> None:
    """Come back early, or not go at all: from today on the person sits on the posts again."""
    leave = session.get(Leave, leave_id, with_for_update=True)
    if leave is None or leave.person_id != desk.person_id:
        raise NotFound("leave", leave_id)
    stand_ins = PostHolder.leave_id == leave.id
    if leave.starts_on >= desk.today:
        session.execute(delete(PostHolder).where(stand_ins))
        session.delete(leave)
        return
    if leave.ends_on >= desk.today:
        leave.ends_on = desk.today - timedelta(days=1)
        session.execute(update(PostHolder).where(stand_ins).values(held_to=leave.ends_on))


def sitting_in(session: Session, person_id: int, *, today: date) -> Sequence[PostHolder]:
    """The posts that a person sits in for on a day, and until when."""
    query = select(PostHolder).where(
        PostHolder.person_id == person_id, PostHolder.is_stand_in.is_(True), *held_on_day(today)
    )
    return session.scalars(query).all()


def leaves_of(session: Session, person_id: int, *, today: date) -> Sequence[tuple[Leave, Sequence[PostHolder]]]:
    """A person's leave now and to come, each with who sits in."""
    leaves = session.scalars(
        select(Leave).where(Leave.person_id == person_id, Leave.ends_on >= today).order_by(Leave.starts_on)
    ).all()
    found = []
    for leave in leaves:
        holders = session.scalars(select(PostHolder).where(PostHolder.leave_id == leave.id)).all()
        _ = [(holder.person, holder.post.office) for holder in holders]  # drawn after the session has ended
        found.append((leave, holders))
    return found
