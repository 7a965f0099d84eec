"""The overviews of those who supervise very many cases: counted by a job every ten minutes, shown with their age."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.annexes import KeptOverview, ReportedCase
from grs.db.offices import Office, Post, PostHolder
from grs.db.queries.annexes import COUNTED, counts_of
from grs.domain.access import PostRole
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import RootCause
from grs.domain.history import canonical
from grs.domain.tiers import Tier
from grs.usecases.annexes import MonthReport, first_of_month
from grs.usecases.calendars import CalendarShelf
from grs.usecases.scopes import SUPERVISING, is_cell, supervised_offices
from grs.usecases.supervision import SPANS, Heat, Overview, desk_figures, overview

MANY = 20_000
"""From so many cases on the figures of some offices are kept instead of counted for each page."""
OLDEST = timedelta(days=1)
"""Figures older than this are counted anew, however long it takes."""


def kept_overview(
    session: Session, office_ids: Collection[int], *, until: date, months: int, now: datetime
) -> Overview | None:
    """What the job counted last of just these offices and months; None where it keeps nothing."""
    kept = session.get(KeptOverview, (_scope(office_ids), first_of_month(until), months))
    if kept is None or now - kept.made_at > OLDEST:
        return None
    return _from_json(session, json.loads(kept.facts), office_ids, kept.made_at)


def keep_overviews(
    readers: sessionmaker[Session],
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    many: int = MANY,
    dry_run: bool = False,
) -> Counter[str]:
    """Count the figures of everybody who supervises ``many`` cases or more, each in its own transaction."""
    counts: Counter[str] = Counter(kept=0)
    today = dhaka_date(now)
    month = first_of_month(today)
    with readers() as session:
        scopes = _large_scopes(session, today, many)
    for office_ids in scopes:
        for months in SPANS:
            counts["kept"] += 1
            if dry_run:
                continue
            with readers() as session:
                found = overview(session, office_ids, until=month, months=months, today=today, shelf=shelf)
            with writers.begin() as session:
                session.merge(
                    KeptOverview(
                        scope=_scope(office_ids), until=month, months=months, made_at=now,
                        facts=canonical(_as_json(found)),
                    )
                )  # fmt: skip
    if not dry_run:
        with writers.begin() as session:
            session.execute(delete(KeptOverview).where(KeptOverview.made_at < now - OLDEST))
    return counts


def _large_scopes(session: Session, today: date, many: int) -> list[set[int]]:
    """The offices of each person who supervises so many cases, each set once.

    Who heads an office with none below it sees that office alone; such are not looked at one by one.
    """
    cases = {
        office_id: number
        for office_id, number in session.execute(
            select(ReportedCase.office_id, func.count()).group_by(ReportedCase.office_id)
        )
    }
    if sum(cases.values()) < many:
        return []
    parents = set(session.scalars(select(Office.parent_id).distinct()))
    holding = (
        select(PostHolder.person_id, Post)
        .join(Post, Post.id == PostHolder.post_id)
        .options(joinedload(Post.office))
        .where(
            Post.role.in_(SUPERVISING),
            PostHolder.held_from <= today,
            or_(PostHolder.held_to.is_(None), PostHolder.held_to >= today),
        )
    )
    posts: dict[int, list[Post]] = defaultdict(list)
    for person_id, post in session.execute(holding):
        posts[person_id].append(post)
    found = {}
    for own in posts.values():
        reaches_far = any(
            post.role is PostRole.COORDINATOR
            or is_cell(post)
            or post.office_id in parents
            or cases.get(post.office_id, 0) >= many
            for post in own
        )
        if reaches_far:
            office_ids = supervised_offices(session, own)
            if sum(cases.get(one, 0) for one in office_ids) >= many:
                found[_scope(office_ids)] = office_ids
    return list(found.values())


def _scope(office_ids: Collection[int]) -> str:
    return hashlib.sha256(",".join(map(str, sorted(office_ids))).encode()).hexdigest()


def _as_json(found: Overview) -> dict[str, Any]:
    return {
        "reports": [
            [one.month, one.until, *([counts.column(name) for name in COUNTED] for counts in one.totals)]
            for one in found.reports
        ],
        "complaints": [found.complaints.column(name) for name in COUNTED],
        "appeals": [found.appeals.column(name) for name in COUNTED],
        "desks": [[one.post.id, int(one.tier), one.open, one.overdue] for one in found.desks],
        "heat": [[one.service, one.by_cause, one.total] for one in found.heat],
        "causes": found.causes,
        **{name: getattr(found, name) for name in _PLAIN},
    }


_PLAIN = ("all_desks", "running", "overdue", "escalated", "median_days", "ninetieth_days")


def _from_json(session: Session, facts: dict[str, Any], office_ids: Collection[int], made_at: datetime) -> Overview:
    def table(numbers: list[int], *, appeals: bool) -> Any:
        return counts_of(dict(zip(COUNTED, numbers, strict=True)), appeals=appeals)

    reports = [
        MonthReport(
            month=date.fromisoformat(month), until=date.fromisoformat(until), office_ids=office_ids,
            totals=(table(complaints, appeals=False), table(appeals, appeals=True)), by_office={}, frozen=None,
        )
        for month, until, complaints, appeals in facts["reports"]
    ]  # fmt: skip
    rows = [(post_id, Tier(tier), opened, late) for post_id, tier, opened, late in facts["desks"]]
    return Overview(
        reports=reports,
        complaints=table(facts["complaints"], appeals=False),
        appeals=table(facts["appeals"], appeals=True),
        desks=desk_figures(session, rows),
        heat=[
            Heat(service, {RootCause(cause): number for cause, number in causes.items()}, total)
            for service, causes, total in facts["heat"]
        ],
        causes=[RootCause(cause) for cause in facts["causes"]],
        kept_at=made_at,
        **{name: facts[name] for name in _PLAIN},
    )
