"""What an officer does with a complaint at his desk, short of deciding it or asking others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.desks import ComplaintTag, ComplaintWorker
from grs.domain.bangla import normalise
from grs.domain.deadlines import due_date, is_overdue
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import printable
from grs.domain.screening import Screening, proposed_screening
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, StepKind
from grs.usecases.acting import begin, coming, record, required
from grs.usecases.calendars import CalendarShelf
from grs.usecases.chains import chain_in_force
from grs.usecases.desks import announce_arrival
from grs.usecases.ledger import Ledger, arriving, leaving, officer, settle
from grs.usecases.offices import find_office
from grs.usecases.recipients import Recipient, Recipients
from grs.usecases.standing import Desk

LONGEST_TAG = 40
MOST_TAGS = 10


def accept(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int | None, screening: Screening | None = None
) -> Complaint:
    """Take a received complaint in hand.

    ``screening`` holds the officer's answers to the nine questions (G 7.1.1(ক)); without it the answers that
    the form itself gives are recorded, and the history says so.
    """
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.ACCEPT)
    answers = screening if screening is not None else screening_of(complaint)
    details = {"screening": {str(q): answer for q, answer in answers.items()}, "as_proposed": screening is None}
    record(session, desk, complaint, stage, StepKind.ACCEPTED, details, letter="accepted")
    return complaint


def screening_of(complaint: Complaint) -> Screening:
    """What the complaint's own form answers of the nine questions."""
    who = complaint.complainant
    return proposed_screening(
        ground=complaint.ground,
        has_contact=who is not None and bool(who.mobile or who.email) and bool(who.present_address),
        has_remedy=bool(complaint.remedy),
        is_anonymous=complaint.is_anonymous,
    )


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
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.FORWARD)
    reason = required(reason, "reason")
    if is_overdue(complaint.due_on, desk.today):
        raise InvalidInput({"to_office": "overdue"})  # its time is over here; it goes up, not sideways
    try:
        office = find_office(session, to_office)
        chain = chain_in_force(session, office, desk.today)
    except NotFound:
        raise InvalidInput({"to_office": "no_such_office"}) from None
    desks = chain.as_tier_chain()
    to = desks.at(Tier.GRIEVANCE_OFFICER)
    if to.post_id == complaint.post_id:
        raise InvalidInput({"to_office": "same_office"})
    before, actor = leaving(complaint), officer(desk.person_id, complaint.post_id)
    calendar = shelf.for_office(session, office)
    due = due_date(calendar, calendar.on_or_after(desk.today), to.limit)
    ledger = Ledger(desk.now)
    ledger.end_stay(complaint, Action.FORWARD)
    complaint.chain_id, complaint.first_tier = chain.id, to.tier
    settle(complaint, stage=stage, chain=desks, desk=to, due=due, calendar=calendar)
    ledger.start_stay(complaint, to, due)
    step = ledger.step(
        complaint, StepKind.FORWARDED, actor=actor, details=before | arriving(to, due) | {"reason": reason}
    )
    people = Recipients(session, desk.today)
    ledger.to_complainant(complaint, step, "forwarded", complaint.complainant, complaint.language)
    announce_arrival(ledger, complaint, step, letter="assigned", chain=desks, desk=to, people=people)
    ledger.write(session)
    return complaint


def reply(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, reason: str, expected_on: date | None
) -> Complaint:
    """Tell the complainant before the limit why it takes longer; the due date does not move (ours)."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.REPLY)
    if is_overdue(complaint.due_on, desk.today) and complaint.escalates_after is not None:
        raise InvalidInput({"reason": "limit_is_over"})  # it goes up at the next round; at the last tier it stays
    details = {"reason": required(reason, "reason"), "expected_on": coming(desk, expected_on, "expected_on")}
    record(session, desk, complaint, stage, StepKind.INTERIM_REPLY, details, letter="interim_reply")
    return complaint


def write(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    text: str,
    answer_until: date | None = None,
) -> Complaint:
    """Write to the complainant or ask for information, until a day if one is given; the answer is written on
    the tracking page."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.WRITE)
    until = None if answer_until is None else coming(desk, answer_until, "answer_until")
    details = {"text": required(text, "text"), "answer_until": until}
    record(session, desk, complaint, stage, StepKind.OFFICER_WROTE, details, letter="officer_wrote")
    return complaint


# -- what the office keeps for itself -----------------------------------------------------------


def note(session: Session, desk: Desk, tracking_number: str, *, text: str) -> Complaint:
    """Write an internal note: part of the history, not shown to the complainant."""
    complaint, stage = begin(session, desk, tracking_number, None, Action.NOTE)
    record(session, desk, complaint, stage, StepKind.NOTED, {"text": required(text, "text")})
    return complaint


def give_work(
    session: Session, desk: Desk, tracking_number: str, *, seen_steps: int | None, person_id: int | None
) -> Complaint:
    """Give the work on a complaint to one of those who share the desk; the desk stays answerable."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.GIVE_WORK)
    people = [one for one in Recipients(session, desk.today).on_post(complaint.post_id) if one.person_id == person_id]
    if not people:
        raise InvalidInput({"person": "choose_one"})
    session.merge(
        ComplaintWorker(
            complaint_id=complaint.id,
            assignment_sequence=complaint.assignment_sequence,
            person_id=people[0].person_id,
        )
    )
    told: list[Recipient] = [one for one in people if one.person_id != desk.person_id]
    details = {"person": person_id, "person_name": people[0].name}
    record(session, desk, complaint, stage, StepKind.WORK_GIVEN, details, to={"work_given": told})
    return complaint


def read_tags(text: str) -> list[str]:
    """The tags that were typed between commas, each once; raises InvalidInput for too many or too long ones."""
    words = (normalise(printable(word)).strip("#").lower() for word in re.split(r"[,;\n،]", text))
    tags = list(dict.fromkeys(word for word in words if word))
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in tags):
        raise InvalidInput({"tags": "too_many_tags"})
    return tags


def tag(session: Session, desk: Desk, tracking_number: str, *, tags: Iterable[str]) -> Complaint:
    """Put these tags on a complaint, and no others."""
    complaint, stage = begin(session, desk, tracking_number, None, Action.TAG)
    wanted = list(tags)
    there = session.scalars(select(ComplaintTag.tag).where(ComplaintTag.complaint_id == complaint.id)).all()
    if set(wanted) != set(there):
        session.execute(delete(ComplaintTag).where(ComplaintTag.complaint_id == complaint.id))
        session.add_all(ComplaintTag(complaint_id=complaint.id, tag=one) for one in wanted)
        record(session, desk, complaint, stage, StepKind.TAGGED, {"tags": wanted})
    return complaint
