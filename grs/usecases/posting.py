"""Letters on paper for complainants without e-mail and mobile: printed and posted by the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageState, Posting
from grs.db.offices import Office, Post
from grs.domain.deadlines import is_overdue, post_by
from grs.domain.errors import NotFound, NotYours
from grs.notify.render import render_letter
from grs.settings import Settings
from grs.usecases.calendars import CalendarShelf
from grs.usecases.identities import note_opening
from grs.usecases.letters import facts_of, with_secrets
from grs.usecases.standing import Desk, is_about

PAGE = 25


@dataclass(frozen=True, slots=True)
class LetterToPost:
    """A line of the list: which letter, about which complaint, and until when it must leave."""

    posting: Posting
    tracking_number: str
    post_by: date
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class PaperLetter:
    """A letter ready to be printed: to whom, and what it says."""

    posting: Posting
    tracking_number: str
    address: str
    office: Office
    subject: str
    body: str


def letters_to_post(session: Session, desk: Desk, *, shelf: CalendarShelf, page: int = 1) -> Sequence[LetterToPost]:
    """The letters that these desks have not posted yet, oldest first; none about the person at work."""
    rows = session.execute(
        select(Posting, Complaint.tracking_number, Office)
        .join(Message, Message.id == Posting.message_id)
        .join(Complaint, Complaint.id == Message.complaint_id)
        .join(Post, Post.id == Posting.post_id)
        .join(Office, Office.id == Post.office_id)
        .options(joinedload(Posting.message))
        .where(Posting.post_id.in_(desk.post_ids), Posting.posted_on.is_(None), ~is_about(desk))
        .order_by(Posting.written_on, Posting.message_id)
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    ).all()
    found = []
    for posting, number, office in rows:
        last_day = post_by(shelf.for_office(session, office), posting.written_on)
        found.append(LetterToPost(posting, number, last_day, is_overdue(last_day, desk.today)))
    return found


def letters_to_count(desk: Desk) -> Select[int]:
    """How many letters wait to be posted at this person's desks."""
    return (
        select(func.count())
        .select_from(Posting)
        .join(Message, Message.id == Posting.message_id)
        .join(Complaint, Complaint.id == Message.complaint_id)
        .where(Posting.post_id.in_(desk.post_ids), Posting.posted_on.is_(None), ~is_about(desk))
    )


def paper_letter(session: Session, desk: Desk, message_id: int, *, settings: Settings) -> PaperLetter:
    """One letter as it is printed; who complained and where they live stand on it, so its opening is written
    down for them. Raises NotFound or NotYours.
    """
    posting = _posting(session, message_id, desk)
    message = posting.message
    (facts,) = facts_of(session, [message])
    subject, body = render_letter(message.letter, message.language, with_secrets(facts, settings))
    complaint = session.get_one(Complaint, message.complaint_id)
    note_opening(session, desk, complaint)
    address = complaint.complainant.present_address if complaint.complainant else ""
    office = session.get_one(Office, session.get_one(Post, posting.post_id).office_id)
    return PaperLetter(posting, complaint.tracking_number, address, office, subject, body)


def mark_posted(session: Session, desk: Desk, message_id: int) -> None:
    """The letter has left: it counts as sent from now on. Marked twice is marked once."""
    posting = _posting(session, message_id, desk)
    if posting.posted_on is None:
        posting.posted_on = desk.today
        posting.message.state, posting.message.sent_at = MessageState.SENT, desk.now


def _posting(session: Session, message_id: int, desk: Desk) -> Posting:
    query = select(Posting).options(joinedload(Posting.message)).where(Posting.message_id == message_id)
    posting = session.scalar(query.with_for_update(of=Posting))
    if posting is None:
        raise NotFound("letter", message_id)
    about = select(Complaint.id).where(Complaint.id == posting.message.complaint_id, is_about(desk))
    if posting.post_id not in desk.post_ids or session.scalar(about) is not None:
        raise NotYours("post")
    return posting
