"""How a stay ends by decision, and how it is taken up again."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.domain.appeals import last_day_to_appeal, next_appeal_reminder
from grs.domain.bangla import normalise_lines
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import clock_goes_on, due_date
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, check_disposal
from grs.domain.errors import ActionNotAllowed, AppealTooLate, InvalidInput
from grs.domain.tiers import ChainTier
from grs.domain.workflow import Action, Stage, StepKind
from grs.usecases.acting import begin, required
from grs.usecases.appeals import appeal_deadline
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import Ledger, arriving, leaving, officer, settle
from grs.usecases.marks import end_mark_overturned, mark_against
from grs.usecases.standing import Desk


def reject(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    ground: NotAdmissible,
    reason: str,
    shelf: CalendarShelf,
) -> Complaint:
    """File a complaint away as not admissible, with the reason in writing; it may be appealed."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.REJECT)
    if ground is NotAdmissible.HABITUAL and mark_against(session, complaint, today=desk.today) is None:
        raise InvalidInput({"ground": "no_mark"})
    details = {"ground": ground, "reasons": required(reason, "reasons"), "outcome": Outcome.NOT_ADMISSIBLE}
    return _close(session, desk, complaint, stage, Action.REJECT, Outcome.NOT_ADMISSIBLE, details, shelf)


def dispose(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, disposal: Disposal, shelf: CalendarShelf
) -> Complaint:
    """Decide a complaint: outcome, reasons, root cause, advice against repetition (G annex গ-২)."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.DISPOSE)
    check_disposal(disposal, complaint.tier, started_at=complaint.first_tier)
    details = {
        "outcome": disposal.outcome,
        "reasons": normalise_lines(disposal.reasons),
        "root_cause": disposal.root_cause,
        "advice": normalise_lines(disposal.advice),
    }
    return _close(session, desk, complaint, stage, Action.DISPOSE, disposal.outcome, details, shelf)


def reopen(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, reason: str, shelf: CalendarShelf
) -> Complaint:
    """Take one's own disposal back while it can still be appealed.

    Ours: the clock stood still meanwhile and goes on with the working days that were left, at least one;
    once at each tier, so that nobody keeps a complaint by it. Raises ActionNotAllowed, or AppealTooLate when
    the time for an appeal is over.
    """
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.REOPEN)
    reason = required(reason, "reason")
    last_day = appeal_deadline(session, complaint, shelf=shelf, today=desk.today)
    if not can_reopen(complaint):
        raise ActionNotAllowed(Action.REOPEN, complaint.stage)
    if last_day is None or desk.today > last_day:
        raise AppealTooLate(last_day or desk.today)
    assert complaint.disposed_on is not None  # it is disposed of
    calendar = shelf.for_office(session, complaint.office)
    limit = clock_goes_on(calendar, due_on=complaint.due_on, stopped_on=complaint.disposed_on)
    before = leaving(complaint)
    to = ChainTier(tier=complaint.tier, post_id=complaint.post_id, office_id=complaint.office_id, limit=limit)
    due = due_date(calendar, calendar.on_or_after(desk.today), limit)
    settle(complaint, stage=stage, chain=complaint.chain.as_tier_chain(), desk=to, due=due, calendar=calendar)
    complaint.outcome = complaint.root_cause = complaint.disposed_at = complaint.disposed_on = None
    ledger = Ledger(desk.now)
    ledger.start_stay(complaint, to, due)
    details = before | arriving(to, due) | {"reason": reason}
    step = ledger.step(complaint, StepKind.REOPENED, actor=officer(desk.person_id, complaint.post_id), details=details)
    ledger.to_complainant(complaint, step, "reopened", complaint.complainant, complaint.language)
    ledger.write(session)
    return complaint


def can_reopen(complaint: Complaint) -> bool:
    """Whether an officer decided it, for the first time at this tier."""
    decided = [stay for stay in complaint.assignments if stay.ended_by in (Action.DISPOSE, Action.REJECT)]
    here = [stay for stay in decided if stay.tier is complaint.tier]
    return complaint.assignments[-1] in here and len(here) == 1


def _close(
    session: Session,
    desk: Desk,
    complaint: Complaint,
    stage: Stage,
    action: Action,
    outcome: Outcome,
    details: dict[str, Any],
    shelf: CalendarShelf,
) -> Complaint:
    kind, letter = {
        Action.REJECT: (StepKind.REJECTED, "not_admissible"),
        Action.DISPOSE: (StepKind.DISPOSED, "disposed"),
    }[action]
    calendar = shelf.for_office(session, complaint.office)
    can_appeal = complaint.chain.as_tier_chain().above(complaint.tier) is not None
    last_day = last_day_to_appeal(calendar, told_on=dhaka_date(desk.now), due_on=complaint.due_on)
    details["appeal_until"] = last_day if can_appeal else None
    ledger = Ledger(desk.now)
    ledger.end_stay(complaint, action)
    complaint.root_cause = details.get("root_cause")
    complaint.stage, complaint.outcome, complaint.disposed_at = stage, outcome, desk.now
    complaint.disposed_on = dhaka_date(desk.now)
    complaint.escalates_after = None
    complaint.remind_on = next_appeal_reminder(last_day) if can_appeal else None
    actor = officer(desk.person_id, complaint.post_id)
    step = ledger.step(complaint, kind, actor=actor, details=leaving(complaint) | details)
    ledger.to_complainant(complaint, step, letter, complaint.complainant, complaint.language)
    end_mark_overturned(session, ledger, complaint, desk)
    ledger.write(session)
    return complaint
