"""The complainant asks the next tier to decide (G 6.2)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageState
from grs.db.queries.complaints import complaint_by_number
from grs.domain.appeals import check_appeal, last_day_to_appeal
from grs.domain.bangla import normalise_lines
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import due_date
from grs.domain.errors import AppealNotPossible, InvalidInput, NotFound
from grs.domain.lodging import Kind
from grs.domain.workflow import Action, Stage, StepKind, next_stage
from grs.usecases.calendars import CalendarShelf
from grs.usecases.desks import announce_arrival, desk_clear_of
from grs.usecases.ledger import COMPLAINANT, Ledger, arriving, leaving, settle
from grs.usecases.recipients import Recipients
from grs.usecases.standing import accused_of

LONGEST_GROUNDS = 20_000
RESULT_LETTERS = ("disposed", "not_admissible")


def appeal_complaint(
    session: Session,
    tracking_number: str,
    *,
    grounds: str,
    shelf: CalendarShelf,
    now: datetime,
    appellant: Kind | None = None,
) -> Complaint:
    """Move a disposed complaint to the next tier because its complainant asks.

    ``appellant`` is in which capacity he asks (annex ক-২). The caller has checked the access code.
    Raises InvalidInput without grounds, AppealNotPossible or AppealTooLate.
    """
    complaint = complaint_by_number(session, tracking_number, lock=True)
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    today = dhaka_date(now)
    check_complaint_appeal(session, complaint, shelf=shelf, today=today)
    grounds = normalise_lines(grounds)
    if not grounds:
        raise InvalidInput({"grounds": "required"})
    if len(grounds) > LONGEST_GROUNDS:
        raise InvalidInput({"grounds": "too_long"})
    stage = next_stage(complaint.stage, Action.APPEAL, tier=complaint.tier)
    chain = complaint.chain.as_tier_chain()
    above = chain.above(complaint.tier)
    assert above is not None  # check_appeal has seen to it
    people = Recipients(session, today)
    accused = accused_of(session, complaint, people)
    desk = desk_clear_of(accused, chain, above, people)
    calendar = shelf.for_desks(session, chain)[desk.tier]
    due = due_date(calendar, calendar.on_or_after(today), desk.limit)
    before = leaving(complaint)
    settle(complaint, stage=stage, chain=chain, desk=desk, due=due, calendar=calendar)
    complaint.outcome = complaint.root_cause = complaint.disposed_at = complaint.disposed_on = None
    ledger = Ledger(now)
    ledger.start_stay(complaint, desk, due)
    step = ledger.step(
        complaint,
        StepKind.APPEALED,
        actor=COMPLAINANT,
        details=before | arriving(desk, due) | {"grounds": grounds, "appellant": appellant or complaint.kind},
    )
    ledger.to_complainant(complaint, step, "appealed", complaint.complainant, complaint.language)
    announce_arrival(
        ledger, complaint, step, letter="appeal_assigned", chain=chain, desk=desk, people=people, accused=accused
    )
    ledger.to_people(complaint, step, "appealed_from_you", people.on_post(before["from_post"]))
    supervisors = [*people.supervising(before["from_office"]), *people.supervising(desk.office_id)]
    ledger.to_people(complaint, step, "appealed_supervisor", [one for one in supervisors if not one.digest_only])
    ledger.write(session)
    return complaint


def appeal_deadline(session: Session, complaint: Complaint, *, shelf: CalendarShelf, today: date) -> date | None:
    """The last day to appeal, or None while nothing is decided.

    The month begins when the result was sent; while its letter waits it has not begun.
    """
    if complaint.stage is not Stage.DISPOSED or complaint.disposed_at is None:
        return None
    letters = session.execute(
        select(Message.state, Message.sent_at).where(
            Message.complaint_id == complaint.id,
            Message.letter.in_(RESULT_LETTERS),
            Message.queued_at >= complaint.disposed_at,
        )
    ).all()
    sent = [at for state, at in letters if state is MessageState.SENT and at is not None]
    told_on = today if letters and not sent else dhaka_date(max([complaint.disposed_at, *sent]))
    calendar = shelf.for_office(session, complaint.office)
    return last_day_to_appeal(calendar, told_on=told_on, due_on=complaint.due_on)


def check_complaint_appeal(session: Session, complaint: Complaint, *, shelf: CalendarShelf, today: date) -> date:
    """The last day to appeal; raises AppealNotPossible or AppealTooLate when it cannot be done."""
    last_day = appeal_deadline(session, complaint, shelf=shelf, today=today)
    if last_day is None:
        raise AppealNotPossible("not_disposed")
    check_appeal(
        complaint.chain.as_tier_chain(),
        stage=complaint.stage,
        tier=complaint.tier,
        ended_by=complaint.assignments[-1].ended_by,
        last_day=last_day,
        today=today,
    )
    return last_day
