"""The job that checks the others: overdue complaints nobody moved, and a calendar about to end."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.complaints import Assignment, Complaint
from grs.db.messages import Message
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.deadlines import add_months
from grs.domain.tiers import Tier
from grs.domain.workflow import OPEN_STAGES
from grs.usecases.bundles import leave_at_once
from grs.usecases.calendars import CalendarShelf, forecast_missing_years
from grs.usecases.desks import tell_vacancy
from grs.usecases.ledger import Ledger
from grs.usecases.recipients import Recipient, Recipients

log = logging.getLogger(__name__)

GRACE = timedelta(minutes=15)
"""Three rounds of the escalation job: what it has not moved by then it will not move by itself."""
CALENDAR_AHEAD_MONTHS = 13
OLDEST_UNSENT = timedelta(hours=6)


def watch(
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    operator_email: str,
    dry_run: bool = False,
) -> Counter[str]:
    """Look for what should not be; log it and write to the operator, once a day for each finding.

    Also forecasts the years that neither gazette nor forecast covers, so that due dates never
    fall into a year without holidays.
    """
    if not dry_run:
        with writers.begin() as session:
            forecast_missing_years(session, now=now)
    with writers.begin() as session:
        findings = _findings(session, shelf, now)
        for finding, facts in findings.items():
            log.error("watch: %s %s", finding, facts)
            if operator_email and not dry_run:
                _tell(session, finding, facts, now, operator_email)
    counts = Counter({finding: 1 for finding in findings})
    return counts if dry_run else counts + tell_vacant_posts(writers, now=now)


def tell_vacant_posts(writers: sessionmaker[Session], *, now: datetime) -> Counter[str]:
    """Tell of open complaints whose post has fallen vacant since they came to it, the same day."""
    counts: Counter[str] = Counter(vacancies_told=0)
    today = dhaka_date(now)
    with writers.begin() as session:
        people, ledger = Recipients(session, today), Ledger(now)
        busy = session.scalars(select(Complaint.post_id).where(Complaint.stage.in_(OPEN_STAGES)).distinct()).all()
        people.load(posts=busy)
        vacant = [post_id for post_id in busy if not people.on_post(post_id)]
        open_there = (Complaint.post_id.in_(vacant), Complaint.stage.in_(OPEN_STAGES))
        for complaint in session.scalars(select(Complaint).options(joinedload(Complaint.chain)).where(*open_there)):
            chain = complaint.chain.as_tier_chain()
            tell_vacancy(ledger, complaint, chain=chain, desk=chain.at(complaint.tier), people=people)
        ledger.write(session, skip_known=True)
        counts["vacancies_told"] = ledger.letters
    return counts


def _findings(session: Session, shelf: CalendarShelf, now: datetime) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    # What became overdue less than the grace ago still has its rounds to come.
    due_before = dhaka_date(now - GRACE)
    # Asked of the stays, not of the column that the escalation job itself goes by.
    overdue_stays = (
        select(func.count())
        .select_from(Complaint)
        .join(
            Assignment,
            (Assignment.complaint_id == Complaint.id) & (Assignment.sequence == Complaint.assignment_sequence),
        )
        .where(Assignment.ended_at.is_(None), Assignment.due_on < due_before, Assignment.tier < max(Tier))
    )
    stuck = session.scalar(overdue_stays) or 0
    if stuck:
        found["not_escalated"] = {"count": stuck}
    known = shelf.for_scopes(session).gazetted_years
    calendar_ends = date(max(known), 12, 31) if known else None
    if calendar_ends is None or calendar_ends < add_months(dhaka_date(now), CALENDAR_AHEAD_MONTHS):
        found["calendar_ends"] = {"last_day": calendar_ends}
    # Officers' letters wait for office hours, over holidays too.
    oldest = session.scalar(select(func.min(Message.queued_at)).where(*leave_at_once()))
    if oldest is not None and oldest < now - OLDEST_UNSENT:
        found["letters_wait"] = {"since": oldest.astimezone(DHAKA)}
    return found


def _tell(session: Session, finding: str, facts: dict[str, object], now: datetime, operator_email: str) -> None:
    key = f"alarm/{finding}/{dhaka_date(now)}"
    if session.scalar(select(Message.id).where(Message.key == key)) is None:
        ledger = Ledger(now)
        ledger.note(key, "alarm", Recipient(0, "", operator_email, "en"), facts | {"finding": finding})
        ledger.write(session)
