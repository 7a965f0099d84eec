"""Lodging a complaint: from the form to the receipt, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from grs.charter import read_day_limit
from grs.db.charters import Charter, CharterEntry
from grs.db.complaints import AssistedFiling, Complainant, Complaint, ComplaintText
from grs.db.drafts import Attachment
from grs.db.offices import Office
from grs.domain.bangla import search_text, to_ascii_digits
from grs.domain.calendar import dhaka_date
from grs.domain.deadlines import due_date, earliest_filing, expected_dates, paper_due_date, received_on
from grs.domain.errors import InvalidInput, NotFound, TooEarly
from grs.domain.history import GENESIS
from grs.domain.lodging import Assistance, Channel, ComplaintForm, Ground, check_form, tidy
from grs.domain.tiers import DayLimit, first_tier
from grs.domain.tracking import new_tracking_number
from grs.domain.workflow import Stage, StepKind
from grs.usecases.calendars import CalendarShelf
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import charter_in_force
from grs.usecases.desks import accused_people, announce_arrival, desk_clear_of
from grs.usecases.ledger import COMPLAINANT, Ledger, arriving, settle
from grs.usecases.recipients import Recipients
from grs.usecases.secrets import access_code_of, hash_code, random_below


@dataclass(frozen=True, slots=True)
class Lodged:
    """What the receipt needs beside the complaint: the secret. ``is_new`` is false for a form sent again."""

    complaint: Complaint
    access_code: str
    is_new: bool


def lodge_complaint(
    session: Session,
    form: ComplaintForm,
    *,
    office: Office,
    entry_id: int | None,
    shelf: CalendarShelf,
    now: datetime,
    secret_key: str,
    cutoff: time | None = None,
    files: Sequence[Attachment] = (),
    assistance: Assistance | None = None,
    charter: Charter | None = None,
) -> Lodged:
    """Take a complaint against an office's charter and put it on the first desk.

    ``entry_id`` is the promise complained about, None for another matter; ``assistance`` says who keyed it in;
    ``charter`` is the one in force today where the caller has just looked it up. The same form sent again gives
    the same complaint. Raises InvalidInput, NotFound, or TooEarly for lateness before the charter's time has
    run out.
    """
    form = tidy(form)
    identity = _identity_of(form, office, entry_id, assistance)
    access_code = access_code_of(identity, secret_key)
    today = dhaka_date(now)
    existing, tracking_number = _existing_or_free_number(session, identity, today)
    if existing is not None:
        if assistance is not None and not _is_same_paper(existing, form, assistance, office, entry_id):
            raise InvalidInput({"form_number": "already_keyed"})
        return Lodged(existing, access_code, is_new=False)
    check_form(form, today=today, is_assisted=assistance is not None)
    charter = charter or charter_in_force(session, office, today)
    entry = _entry_of(session, charter.id, entry_id)
    paper_day = assistance.paper_received_on if assistance else None
    if form.ground is Ground.LATE and entry is not None:
        check_not_early(session, office, entry, form.applied_on, shelf=shelf, on=paper_day or today)
    chain = chain_in_force(session, office, today)
    desks = chain.as_tier_chain()
    people = Recipients(session, today)
    accused = accused_people(people, desks, form.about, office.id)
    desk = desk_clear_of(accused, desks, desks.at(first_tier(form.about)), people)
    calendars = shelf.for_desks(session, desks)
    calendar = calendars[desk.tier]
    if paper_day is not None:
        due = paper_due_date(calendar, paper_day, desk.limit, keyed_on=today)
    else:
        due = due_date(calendar, received_on(calendar, now, cutoff=cutoff), desk.limit)
    complaint = Complaint(
        tracking_number=tracking_number,
        access_code_hash=hash_code(access_code),
        form_identity=identity,
        kind=form.kind,
        ground=form.ground,
        about=form.about,
        channel=assistance.channel if assistance else Channel.WEB,
        language=form.language,
        is_anonymous=form.is_anonymous,
        charter_id=charter.id,
        charter_entry_id=entry.id if entry else None,
        applied_on=form.applied_on,
        service_reference=form.service_reference,
        subject=form.subject,
        description=form.description,
        remedy=form.remedy,
        filed_at=now,
        filed_on=today,
        first_tier=desk.tier,
        filed_chain_id=chain.id,
        chain_id=chain.id,
        assignment_sequence=0,
        step_count=0,
        head_hash=GENESIS,
    )
    settle(complaint, stage=Stage.RECEIVED, chain=desks, desk=desk, due=due, calendar=calendar)
    if not form.is_anonymous:
        complaint.complainant = Complainant(
            name=form.name,
            identity_number=form.identity_number,
            present_address=form.present_address,
            permanent_address=form.permanent_address,
            mobile=form.mobile,
            email=form.email,
            on_behalf_of=form.on_behalf_of,
            relation=form.relation,
        )
    if assistance is not None:
        complaint.assisted = AssistedFiling(
            operator_id=assistance.operator_id,
            paper_received_on=paper_day,
            form_number=assistance.form_number,
        )
    ledger = Ledger(now)
    ledger.start_stay(complaint, desk, due)
    step = ledger.step(
        complaint,
        StepKind.LODGED,
        actor=f"person:{assistance.operator_id}" if assistance else COMPLAINANT,
        details={
            "office": office.id,
            "charter_version": charter.version,
            "service": entry.id if entry else None,
            "ground": form.ground,
            "about": form.about,
            "text": _digest_of(form),
            "files": [file.sha256 for file in files],
            "channel": complaint.channel,
            **_told_of(assistance),
            **arriving(desk, due),
            "expected": [
                {
                    "tier": int(e.tier),
                    "office": desks.at(e.tier).office_id,
                    "received_on": e.due.received_on,
                    "amount": desks.at(e.tier).limit.amount,
                    "unit": desks.at(e.tier).limit.unit,
                    "due_on": e.due.due_on,
                    "provisional": e.due.is_provisional,
                }
                for e in expected_dates(calendars, due.received_on, desks, first=desk.tier)
            ],
        },
    )
    session.add(complaint)
    session.flush()
    ledger.adopt(complaint, paper_day=paper_day)
    texts = {"complaint_id": complaint.id, "search_text": searched_text(complaint)}
    session.execute(insert(ComplaintText), texts)
    for file in files:
        file.draft_id, file.complaint_id, file.step_sequence = None, complaint.id, step
    ledger.to_complainant(complaint, step, "receipt", complaint.complainant, complaint.language)
    announce_arrival(ledger, complaint, step, letter="assigned", chain=desks, desk=desk, people=people, accused=accused)
    ledger.write(session)
    return Lodged(complaint, access_code, is_new=True)


def searched_text(complaint: Complaint) -> str:
    """What a search at a desk finds a complaint by; never who complained."""
    texts = (complaint.subject, complaint.description, complaint.remedy, complaint.service_reference)
    return search_text(complaint.tracking_number, *texts)


def _told_of(assistance: Assistance | None) -> dict[str, object]:
    """What the history keeps of an assisted filing: it was agreed to, and since when it counts."""
    if assistance is None:
        return {}
    paper = {"paper_received_on": assistance.paper_received_on} if assistance.paper_received_on else {}
    return {"consent": True, **paper}


def check_not_early(
    session: Session, office: Office, entry: CharterEntry, applied_on: date | None, *, shelf: CalendarShelf, on: date
) -> None:
    """Raise TooEarly when the service's time has not run out by this day (G 6.1(ঙ))."""
    first_day = earliest_day(session, office, entry, applied_on or on, shelf=shelf)
    if first_day is not None and on < first_day:
        raise TooEarly(first_day)


def earliest_day(
    session: Session, office: Office, entry: CharterEntry, applied_on: date, *, shelf: CalendarShelf
) -> date | None:
    """From which day lateness of a service may be complained about, or None for at once."""
    if entry.working_days_max:
        limit: DayLimit | None = DayLimit(entry.working_days_max)
    else:
        limit = read_day_limit(entry.time_limit_text or "")  # a charter may promise days or months of the calendar
    return earliest_filing(shelf.for_office(session, office), applied_on, limit)


def _entry_of(session: Session, charter_id: int, entry_id: int | None) -> CharterEntry | None:
    if entry_id is None:
        return None
    entry = session.get(CharterEntry, entry_id)
    if entry is None or entry.charter_id != charter_id:
        raise NotFound("service", entry_id)
    return entry


def _existing_or_free_number(session: Session, identity: str, today: date) -> tuple[Complaint | None, str]:
    """What the form has become already, if anything, and a tracking number that nobody has: asked at once."""
    while True:
        number = new_tracking_number(today.year, random_below)
        is_either = or_(Complaint.form_identity == identity, Complaint.tracking_number == number)
        found = session.scalars(select(Complaint).where(is_either)).all()
        existing = next((one for one in found if one.form_identity == identity), None)
        if existing is not None or not found:
            return existing, number


def _identity_of(form: ComplaintForm, office: Office, entry_id: int | None, assistance: Assistance | None) -> str:
    """What makes two sendings the same form: its random name, where it goes, and what it says.

    Kept instead of the name itself: who reads the database cannot send the form again. A paper form
    is known by its number in the office that received it, whatever was keyed in from it.
    """
    if assistance is not None and assistance.form_number:
        paper = f"paper\x1f{assistance.office_id}\x1f{to_ascii_digits(assistance.form_number)}"
        return hashlib.sha256(paper.encode()).hexdigest()
    parts = (form.form_key, office.slug, str(entry_id), _digest_of(form))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


_SAME_ON_PAPER = (
    "kind", "ground", "about", "is_anonymous", "applied_on", "service_reference", "subject", "description", "remedy",
)  # fmt: skip
_SAME_PERSON = (
    "name", "identity_number", "present_address", "permanent_address", "mobile", "email", "on_behalf_of", "relation",
)  # fmt: skip


def _is_same_paper(
    existing: Complaint, form: ComplaintForm, assistance: Assistance, office: Office, entry_id: int | None
) -> bool:
    """Whether a form number comes again with the very same form: anything else is a slip of the hand.

    Only who keyed it in may see its receipt again.
    """
    who = existing.complainant
    mine = existing.assisted is not None and existing.assisted.operator_id == assistance.operator_id
    same_place = (existing.charter.office_id, existing.charter_entry_id) == (office.id, entry_id)
    same_text = all(getattr(existing, field) == getattr(form, field) for field in _SAME_ON_PAPER)
    same_person = all((getattr(who, field) if who else "") == getattr(form, field) for field in _SAME_PERSON)
    return mine and same_place and same_text and same_person


def _digest_of(form: ComplaintForm) -> str:
    """The history vouches for the text without holding it."""
    text = "\x1f".join((form.subject, form.description, form.remedy))
    return hashlib.sha256(text.encode()).hexdigest()
