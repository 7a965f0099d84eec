"""Officers of a simulated year go on leave, and somebody sits in; one leave is under way when the year ends."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.offices import Post, PostHolder
from grs.domain.access import DESK_ROLES, PostRole
from grs.domain.calendar import ONE_DAY
from grs.domain.machines import Scope
from grs.usecases.accounts import desk_of
from grs.usecases.leaves import possible_stand_ins, take_leave
from grs.usecases.machines import make_token

EVERY_DAYS = 24
"""Between two leaves in all offices."""
PROGRAM = "কল্পিত নথি ব্যবস্থা"


def go_on_leave(session: Session, chance: random.Random, now: datetime, *, until: date | None = None) -> bool:
    """Somebody who sits at a desk takes some days off from today, or up to a day; returns whether anybody could."""
    holders = list(
        session.scalars(
            select(PostHolder)
            .join(PostHolder.post)
            .where(PostHolder.held_to.is_(None), Post.role.in_(DESK_ROLES))
            .order_by(PostHolder.id)
        )
    )
    chance.shuffle(holders)
    for holder in holders:
        desk = desk_of(session, holder.person_id, now=now)
        sitting_in = possible_stand_ins(session, holder.post, desk)
        if not sitting_in or holder.post.role is PostRole.CELL_OFFICER:
            continue
        last = until or desk.today + ONE_DAY * chance.randint(3, 12)
        take_leave(
            session, desk, starts_on=desk.today, ends_on=last,
            stand_ins={holder.post_id: chance.choice(sitting_in).person_id},
        )  # fmt: skip
        return True
    return False


def connect_a_program(session: Session, now: datetime) -> None:
    """One desk has a program of its own, so that the pages of tokens have a line. Nobody knows the token."""
    holder = session.scalars(
        select(PostHolder).join(PostHolder.post).where(Post.role == PostRole.GRIEVANCE_OFFICER).order_by(PostHolder.id)
    ).first()
    if holder is not None:
        scopes = (Scope.READ, Scope.ACT)
        make_token(session, holder.person_id, post_id=holder.post_id, name=PROGRAM, scopes=scopes, days=90, now=now)


def last_day_of_leave(until: datetime) -> date:
    """The leave that is under way at the end goes on for a week."""
    return (until + timedelta(days=7)).date()
