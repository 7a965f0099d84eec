"""What an officer does with a complaint at his desk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.queries.complaints import complaint_by_number
from grs.domain.access import can_decide
from grs.domain.appeals import last_day_to_appeal, next_appeal_reminder
from grs.domain.bangla import normalise_lines
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import due_date, is_overdue
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, check_disposal
from grs.domain.errors import ChangedMeanwhile, InvalidInput, NotFound, NotYours
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, Stage, StepKind, next_stage
from grs.usecases.calendars import CalendarShelf
from grs.usecases.charters import chain_of, charter_in_force, find_office
from grs.usecases.desks import announce_arrival
from grs.usecases.ledger import Ledger, arriving, leaving, officer, settle
from grs.usecases.recipients import Recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The officer at work: who, on which posts, at which instant."""

    person_id: int
    post_ids: Collection[int]
    now: datetime


def accept(session: Session, desk: Desk, tracking_number: str, *, seen_steps: int) -> Complaint:
    """Take a received complaint in hand."""
    return _record(session, desk, tracking_number, seen_steps, Action.ACCEPT, {})


def forward(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    to_office: str,
    reason: str,
    shelf: CalendarShelf,
) -> Complaint:
    """Send another office's matter to that office's first desk; the clock restarts there (G 7.1(ক)i).

    Raises InvalidInput when the office is the same or publishes no charter, or when the complaint is overdue.
    """
    complaint, stage = _begin(session, desk, tracking_number, seen_steps, Action.FORWARD)
    reason = _required(reason, "reason")
    today = dhaka_date(desk.now)
    if is_overdue(complaint.due_on, today):
        raise InvalidInput({"to_office": "overdue"})  # its time is over here; it goes up, not sideways
    try:
        office = find_office(session, to_office)
        chain = chain_of(session, charter_in_force(session, office, today))
    except NotFound:
        raise InvalidInput({"to_office": "no_such_office"}) from None
    desks = chain.as_tier_chain()
    to = desks.at(Tier.GRIEVANCE_OFFICER)
    if to.post_id == complaint.post_id:
        raise InvalidInput({"to_office": "same_office"})
    before, actor = leaving(complaint), _actor(desk, complaint)
    calendar = shelf.for_office(session, office)
    due = due_date(calendar, calendar.on_or_after(today), to.limit)
    ledger = Ledger(desk.now)
    ledger.end_stay(complaint, Action.FORWARD)
    complaint.chain_id = chain.id
    settle(complaint, stage=stage, chain=desks, desk=to, due=due, calendar=calendar)
    ledger.start_stay(complaint, to, due)
    step = ledger.step(
        complaint, StepKind.FORWARDED, actor=actor, details=before | arriving(to, due) | {"reason": reason}
    )
    people = Recipients(session, today)
    ledger.to_complainant(complaint, step, "forwarded", complaint.complainant, complaint.language)
    announce_arrival(ledger, complaint, step, letter="assigned", chain=desks, desk=to, people=people)
    ledger.write(session)
    return complaint


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
    complaint, stage = _begin(session, desk, tracking_number, seen_steps, Action.REJECT)
    details = {"ground": ground, "reasons": _required(reason, "reasons"), "outcome": Outcome.NOT_ADMISSIBLE}
    return _close(session, desk, complaint, stage, Action.REJECT, Outcome.NOT_ADMISSIBLE, details, shelf)


def dispose(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, disposal: Disposal, shelf: CalendarShelf
) -> Complaint:
    """Decide a complaint: outcome, reasons, root cause, advice against repetition (G annex গ-২)."""
    complaint, stage = _begin(session, desk, tracking_number, seen_steps, Action.DISPOSE)
    check_disposal(disposal, complaint.tier, started_at=complaint.first_tier)
    details = {
        "outcome": disposal.outcome,
        "reasons": normalise_lines(disposal.reasons),
        "root_cause": disposal.root_cause,
        "advice": normalise_lines(disposal.advice),
    }
    return _close(session, desk, complaint, stage, Action.DISPOSE, disposal.outcome, details, shelf)


def ask_opinion(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, question: str, answer_by: date | None
) -> Complaint:
    """Ask the responsible officer for his opinion until a day; the case goes on without it (G 7.1(খ), (ঘ))."""
    details = {"question": _required(question, "question"), "answer_by": _coming(desk, answer_by, "answer_by")}
    return _record(session, desk, tracking_number, seen_steps, Action.ASK_OPINION, details)


def call_hearing(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    on: date | None,
    at: str,
    place: str,
) -> Complaint:
    """Call both sides to a hearing: day, time of day and place are told to the complainant."""
    details = {
        "hearing_on": _coming(desk, on, "hearing_on"),
        "hearing_at": _required(at, "hearing_at"),
        "place": _required(place, "place"),
    }
    return _record(session, desk, tracking_number, seen_steps, Action.CALL_HEARING, details)


def reply(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, reason: str, expected_on: date | None
) -> Complaint:
    """Tell the complainant before the limit why it takes longer; the due date does not move (ours)."""
    details = {"reason": _required(reason, "reason"), "expected_on": _coming(desk, expected_on, "expected_on")}
    return _record(session, desk, tracking_number, seen_steps, Action.REPLY, details)


def write(session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, text: str) -> Complaint:
    """Write to the complainant, who can answer on the tracking page."""
    return _record(session, desk, tracking_number, seen_steps, Action.WRITE, {"text": _required(text, "text")})


_RECORDED = {
    Action.ACCEPT: (StepKind.ACCEPTED, "accepted"),
    Action.ASK_OPINION: (StepKind.OPINION_ASKED, "opinion_asked"),
    Action.CALL_HEARING: (StepKind.HEARING_CALLED, "hearing_called"),
    Action.REPLY: (StepKind.INTERIM_REPLY, "interim_reply"),
    Action.WRITE: (StepKind.OFFICER_WROTE, "officer_wrote"),
}
"""Actions that leave the complaint at its desk: the step they write and the complainant's letter."""


def _record(
    session: Session, desk: Desk, tracking_number: str, seen_steps: int, action: Action, details: dict[str, Any]
) -> Complaint:
    complaint, stage = _begin(session, desk, tracking_number, seen_steps, action)
    kind, letter = _RECORDED[action]
    ledger = Ledger(desk.now)
    complaint.stage = stage
    step = ledger.step(complaint, kind, actor=_actor(desk, complaint), details=leaving(complaint) | details)
    ledger.to_complainant(complaint, step, letter, complaint.complainant, complaint.language)
    ledger.write(session)
    return complaint


def _begin(
    session: Session, desk: Desk, tracking_number: str, seen_steps: int, action: Action
) -> tuple[Complaint, Stage]:
    """Lock the complaint and judge the click: is it his, unchanged since he looked, and allowed."""
    complaint = complaint_by_number(session, tracking_number, lock=True)
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    if complaint.step_count != seen_steps:
        raise ChangedMeanwhile(tracking_number)
    if not can_decide(desk.post_ids, post_id=complaint.post_id):
        raise NotYours(action)
    return complaint, next_stage(complaint.stage, action, tier=complaint.tier)


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
    step = ledger.step(complaint, kind, actor=_actor(desk, complaint), details=leaving(complaint) | details)
    ledger.to_complainant(complaint, step, letter, complaint.complainant, complaint.language)
    ledger.write(session)
    return complaint


def _required(text: str, field: str) -> str:
    text = normalise_lines(text)
    if not text:
        raise InvalidInput({field: "required"})
    return text


def _coming(desk: Desk, day: date | None, field: str) -> date:
    if day is None:
        raise InvalidInput({field: "required"})
    if day < dhaka_date(desk.now):
        raise InvalidInput({field: "in_the_past"})
    return day


def _actor(desk: Desk, complaint: Complaint) -> str:
    return officer(desk.person_id, complaint.post_id)
