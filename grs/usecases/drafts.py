"""A complaint form that is filled in page by page: kept after each, lodged once, forgotten in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.access_links import AccessLink, OpenedComplaint
from grs.db.charters import Charter
from grs.db.complaints import Complaint
from grs.db.drafts import Attachment, AttachmentContent, Draft
from grs.db.messages import Message, MessageState, is_queued
from grs.db.offices import Office
from grs.db.received_mails import ReceivedMail
from grs.domain.attachments import MOST_FILES
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.errors import FileRefused, GrievanceError, InvalidInput, NotFound
from grs.domain.lodging import LONGEST, Assistance, ComplaintForm, printable
from grs.uploads import CleanFile, clean_upload
from grs.uploads.scanning import scan
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import SMS_SUFFIX, Ledger, Reach
from grs.usecases.lodging import Lodged, lodge_complaint
from grs.usecases.secrets import is_seal, new_token, sealed, sealed_number
from grs.usecases.sent_requests import forget_requests
from grs.usecases.visits import LONGEST_VISIT

DRAFT_DAYS = timedelta(days=30)
"""How long a form that nobody goes on with is kept (ours)."""
RECEIPT_AGAIN = timedelta(hours=1)
"""How long the form's address still opens the receipt, for who lost the connection at the last click."""
LONGEST_KEPT = 3 * max(LONGEST.values())
"""Characters of a field that are kept although they are too many: enough to shorten them in place."""
MOST_REMINDERS = 3
"""Reminders that may wait for one address: nobody's phone is filled by somebody else."""
REMINDER_HOUR = time(8, 30)
PURPOSE = "draft"
LETTERS_TO_FORGET = ("can_file_now", "my_complaints")
BATCH = 100


class DraftLodged(GrievanceError):
    """The form was sent already; says which complaint it became."""

    code = "draft_lodged"

    def __init__(self, tracking_number: str) -> None:
        self.tracking_number = tracking_number
        super().__init__(f"this form is complaint {tracking_number}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in."""

    name: str
    data: bytes


def begin_draft(
    session: Session,
    office: Office,
    typed: Mapping[str, str],
    *,
    now: datetime,
    secret_key: str,
    operator_id: int | None = None,
) -> str:
    """Keep what was typed on the first page; returns the draft's address."""
    draft = Draft(
        salt=new_token(),
        form_key=new_token(),
        office_id=office.id,
        operator_id=operator_id,
        typed=_kept(typed),
        created_at=now,
        keep_until=dhaka_date(now) + DRAFT_DAYS,
        may_be_reminded=False,
    )
    session.add(draft)
    session.flush()
    return sealed(PURPOSE, draft.id, draft.salt, secret_key)


def open_draft(session: Session, address: str, *, secret_key: str, lock: bool = False) -> Draft:
    """The draft of an address with its office; raises NotFound for a wrong address or a draft that is forgotten."""
    number = sealed_number(address)
    query = select(Draft).where(Draft.id == number).options(joinedload(Draft.office, innerjoin=True))
    if lock:
        query = query.with_for_update(of=Draft).execution_options(populate_existing=True)
    draft = session.scalar(query) if number is not None else None
    if draft is None or not is_seal(address, PURPOSE, draft.id, draft.salt, secret_key):
        raise NotFound("draft", "")
    return draft


def keep_typed(session: Session, draft: Draft, typed: Mapping[str, str], *, now: datetime) -> None:
    """Keep the fields of one page, right or wrong; raises DraftLodged when the form is sent."""
    _refuse_if_lodged(session, draft)
    draft.typed = {**draft.typed, **_kept(typed)}
    draft.keep_until = max(draft.keep_until, dhaka_date(now) + DRAFT_DAYS)


def _kept(typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed, right or wrong, as far as anybody could have meant it: a draft is no store for files."""
    return {field: printable(text)[:LONGEST_KEPT] for field, text in typed.items()}


def _refuse_if_lodged(session: Session, draft: Draft) -> None:
    if draft.complaint_id is not None:
        number = session.scalar(select(Complaint.tracking_number).where(Complaint.id == draft.complaint_id))
        raise DraftLodged(str(number))


# -- files -------------------------------------------------------------------------


def files_of_draft(session: Session, draft: Draft) -> Sequence[Attachment]:
    """The draft's files in the order in which they were added."""
    return session.scalars(select(Attachment).where(Attachment.draft_id == draft.id).order_by(Attachment.id)).all()


Refused = list[tuple[str, str]]
"""Files that were not taken: name and reason."""


def clean_uploads(uploads: Iterable[Upload], *, scanner: str) -> tuple[list[CleanFile], Refused]:
    """Clean what one request brought; the good files, and the others with why. ``scanner`` as in the settings.

    Done before a transaction is opened: drawing a picture anew takes its time, and others write
    meanwhile. No more than five are looked at.
    """
    clean: list[CleanFile] = []
    refused: Refused = []
    for number, upload in enumerate(uploads, start=1):
        if number > MOST_FILES:
            refused.append((upload.name, "too_many"))
            continue
        try:
            file = clean_upload(upload.name, upload.data)
            scan(file.content, scanner)
            clean.append(file)
        except FileRefused as error:
            refused.append((upload.name, error.reason))
    return clean, refused


def keep_files(
    session: Session, files: Iterable[CleanFile], *, known: Collection[str], room: int, now: datetime
) -> tuple[list[Attachment], Refused]:
    """Keep cleaned files while there is room; one whose hash is ``known`` is there already."""
    kept: list[Attachment] = []
    refused: Refused = []
    seen = set(known)
    for file in files:
        if file.sha256 in seen:
            refused.append((file.name, "there_already"))
            continue
        if len(kept) >= room:
            refused.append((file.name, "too_many"))
            continue
        seen.add(file.sha256)
        kept.append(
            Attachment(
                name=file.name,
                media_type=file.media_type,
                size=len(file.content),
                sha256=file.sha256,
                added_at=now,
                content=AttachmentContent(content=file.content),
            )
        )
    session.add_all(kept)
    return kept, refused


def add_files(session: Session, draft: Draft, files: Iterable[CleanFile], *, now: datetime) -> Refused:
    """Add cleaned files to a draft; returns what did not fit."""
    _refuse_if_lodged(session, draft)
    there = files_of_draft(session, draft)
    known = {file.sha256 for file in there}
    kept, refused = keep_files(session, files, known=known, room=MOST_FILES - len(there), now=now)
    for file in kept:
        file.draft_id = draft.id
    return refused


def remove_file(session: Session, draft: Draft, file_id: int) -> None:
    """Take a file out of a draft; one that is gone already is no error."""
    _refuse_if_lodged(session, draft)
    file = session.get(Attachment, file_id)
    if file is not None and file.draft_id == draft.id:
        session.delete(file)


def discard_draft(session: Session, draft: Draft) -> None:
    """Delete a draft with its files because its writer wishes it; one that was sent stays."""
    _refuse_if_lodged(session, draft)
    if draft.may_be_reminded:
        _take_back_reminder(session, draft)
    for file in files_of_draft(session, draft):
        session.delete(file)
    session.flush()
    session.delete(draft)


# -- lodging -----------------------------------------------------------------------


def lodge_draft(
    session: Session,
    draft: Draft,
    form: ComplaintForm,
    assistance: Assistance | None = None,
    *,
    office: Office,
    entry_id: int | None,
    shelf: CalendarShelf,
    now: datetime,
    secret_key: str,
    cutoff: time | None,
    charter: Charter | None = None,
) -> Lodged:
    """Make the draft a complaint, once; raises DraftLodged when it is one already.

    The caller holds the draft's lock. What was typed is wiped from the draft.
    """
    _refuse_if_lodged(session, draft)
    lodged = lodge_complaint(
        session,
        form,
        office=office,
        entry_id=entry_id,
        shelf=shelf,
        now=now,
        secret_key=secret_key,
        cutoff=cutoff,
        files=files_of_draft(session, draft),
        assistance=assistance,
        charter=charter,
    )
    session.flush()
    draft.complaint_id, draft.lodged_at, draft.typed = lodged.complaint.id, now, {}
    draft.keep_until = dhaka_date(now) + timedelta(days=1)  # the way to the receipt is needed no longer
    if draft.may_be_reminded:
        _take_back_reminder(session, draft)
    return lodged


def complaint_of(session: Session, draft: Draft) -> Complaint:
    """What a draft that was lodged has become."""
    return session.get_one(Complaint, draft.complaint_id)


def shows_receipt_again(draft: Draft, now: datetime) -> bool:
    return draft.lodged_at is not None and now - draft.lodged_at <= RECEIPT_AGAIN


# -- lateness that cannot be complained about yet ------------------------------------


def remind_when_ready(
    session: Session, draft: Draft, *, first_day: date, reach: Reach, language: str, now: datetime
) -> None:
    """Queue the letter that says, on the first day, that the complaint can be filed now (G 6.1(ঙ))."""
    _refuse_if_lodged(session, draft)
    waiting = select(func.count()).where(
        Message.letter == "can_file_now",
        is_queued(),
        Message.to_address.in_([reach.email, reach.mobile]),
        Message.key.not_like(_reminder_key(draft) + "%"),
    )
    if (session.scalar(waiting) or 0) >= MOST_REMINDERS:
        raise InvalidInput({"remind_to": "too_many_reminders"})
    draft.keep_until = max(draft.keep_until, first_day + DRAFT_DAYS)
    _take_back_reminder(session, draft)  # also one that a process of an older release has queued
    draft.may_be_reminded = True
    ledger = Ledger(now)
    at = datetime.combine(first_day, REMINDER_HOUR, DHAKA)
    facts = {"draft": draft.id, "salt": draft.salt, "first_day": first_day}
    ledger.later(_reminder_key(draft), "can_file_now", reach, language, facts, at)
    ledger.write(session, skip_known=True)


def _take_back_reminder(session: Session, draft: Draft) -> None:
    key = _reminder_key(draft)
    session.execute(delete(Message).where(Message.key.in_([key, key + SMS_SUFFIX]), is_queued()))


def _reminder_key(draft: Draft) -> str:
    return f"draft/{draft.id}/can_file_now"


# -- forgetting --------------------------------------------------------------------


def forget_drafts(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """Delete the drafts that nobody goes on with, their files, one-time links that are over, old requests' keys."""
    today = dhaka_date(now)
    counts: Counter[str] = Counter(drafts=0, links=0, requests=0)
    old_links = AccessLink.created_at < now - DRAFT_DAYS
    if dry_run:
        with writers() as session:
            query = select(func.count()).select_from(Draft).where(Draft.keep_until < today)
            counts["drafts"] = session.scalar(query) or 0
            counts["links"] = session.scalar(select(func.count()).select_from(AccessLink).where(old_links)) or 0
        return counts
    while True:
        with writers.begin() as session:
            old = select(Draft.id).where(Draft.keep_until < today).limit(BATCH).with_for_update(skip_locked=True)
            ids = session.scalars(old).all()
            files = select(Attachment.id).where(Attachment.draft_id.in_(ids))
            for statement in (
                delete(AttachmentContent).where(AttachmentContent.attachment_id.in_(files)),
                delete(Attachment).where(Attachment.draft_id.in_(ids)),
                delete(Draft).where(Draft.id.in_(ids)),
            ):
                session.execute(statement.execution_options(synchronize_session=False))
            counts["drafts"] += len(ids)
        if len(ids) < BATCH:
            break
    with writers.begin() as session:
        gone = session.execute(delete(AccessLink).where(old_links).returning(AccessLink.id)).all()
        counts["links"] = len(gone)
        counts["requests"] = forget_requests(session, now=now)
        session.execute(delete(ReceivedMail).where(ReceivedMail.received_at < now - DRAFT_DAYS))
        session.execute(delete(OpenedComplaint).where(OpenedComplaint.opened_at < now - LONGEST_VISIT))
        # Addresses of people who did not complain, or not by name, are no longer needed either.
        session.execute(
            delete(Message).where(
                Message.complaint_id.is_(None),
                Message.letter.in_(LETTERS_TO_FORGET),
                Message.state != MessageState.QUEUED,
                Message.queued_at < now - DRAFT_DAYS,
            )
        )
    return counts
