"""A complaint form that is filled in page by page: kept after each, lodged once, forgotten in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from grs.db.access_links import AccessLink
from grs.db.complaints import Complaint
from grs.db.drafts import AddedBy, Attachment, AttachmentContent, Draft
from grs.db.messages import Message, MessageState
from grs.db.offices import Office
from grs.domain.attachments import MOST_FILES
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.errors import FileRefused, GrievanceError, NotFound
from grs.domain.lodging import Assistance, ComplaintForm, printable
from grs.uploads import clean_upload
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import SMS_SUFFIX, Ledger, Reach
from grs.usecases.lodging import Lodged, lodge_complaint
from grs.usecases.secrets import access_code_of, is_seal, new_token, sealed, sealed_number
from grs.usecases.stories import Story

DRAFT_DAYS = timedelta(days=30)
"""How long a form that nobody goes on with is kept (ours)."""
RECEIPT_AGAIN = timedelta(hours=1)
"""How long the form's address still opens the receipt, for who lost the connection at the last click."""
REMINDER_HOUR = time(8, 30)
PURPOSE = "draft"
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
        typed={field: printable(text) for field, text in typed.items()},
        created_at=now,
        keep_until=dhaka_date(now) + DRAFT_DAYS,
    )
    session.add(draft)
    session.flush()
    return sealed(PURPOSE, draft.id, draft.salt, secret_key)


def open_draft(session: Session, address: str, *, secret_key: str, lock: bool = False) -> Draft:
    """The draft of an address; raises NotFound for a wrong address or a draft that is forgotten."""
    number = sealed_number(address)
    draft = session.get(Draft, number, with_for_update=lock) if number is not None else None
    if draft is None or not is_seal(address, PURPOSE, draft.id, draft.salt, secret_key):
        raise NotFound("draft", "")
    return draft


def keep_typed(session: Session, draft: Draft, typed: Mapping[str, str], *, now: datetime) -> None:
    """Keep the fields of one page, right or wrong; raises DraftLodged when the form is sent."""
    _refuse_if_lodged(session, draft)
    draft.typed = {**draft.typed, **{field: printable(text) for field, text in typed.items()}}
    draft.keep_until = max(draft.keep_until, dhaka_date(now) + DRAFT_DAYS)


def _refuse_if_lodged(session: Session, draft: Draft) -> None:
    if draft.complaint_id is not None:
        number = session.scalar(select(Complaint.tracking_number).where(Complaint.id == draft.complaint_id))
        raise DraftLodged(str(number))


# -- files -------------------------------------------------------------------------


def files_of_draft(session: Session, draft: Draft) -> Sequence[Attachment]:
    """The draft's files in the order in which they were added."""
    return session.scalars(select(Attachment).where(Attachment.draft_id == draft.id).order_by(Attachment.id)).all()


def take_files(
    session: Session,
    uploads: Iterable[Upload],
    *,
    already: int,
    now: datetime,
    added_by: AddedBy = AddedBy.COMPLAINANT,
) -> tuple[list[Attachment], list[tuple[str, str]]]:
    """Clean each file and keep the good ones; the others come back as name and reason.

    ``already`` files count against the limit. A file that is sent twice in one form is kept once.
    """
    kept: list[Attachment] = []
    refused: list[tuple[str, str]] = []
    for upload in uploads:
        try:
            if already + len(kept) >= MOST_FILES:
                raise FileRefused("too_many")
            clean = clean_upload(upload.name, upload.data)
        except FileRefused as error:
            refused.append((upload.name, error.reason))
            continue
        if clean.sha256 in {file.sha256 for file in kept}:
            continue
        kept.append(
            Attachment(
                added_by=added_by,
                name=clean.name,
                media_type=clean.media_type,
                size=len(clean.content),
                sha256=clean.sha256,
                added_at=now,
                content=AttachmentContent(content=clean.content),
            )
        )
    session.add_all(kept)
    return kept, refused


def add_files(session: Session, draft: Draft, uploads: Iterable[Upload], *, now: datetime) -> list[tuple[str, str]]:
    """Add files to a draft; returns what was refused and why."""
    _refuse_if_lodged(session, draft)
    there = files_of_draft(session, draft)
    kept, refused = take_files(session, uploads, already=len(there), now=now)
    known = {file.sha256 for file in there}
    for file in kept:
        if file.sha256 in known:
            session.expunge(file)  # the same picture chosen again
        else:
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
    )
    session.flush()
    draft.complaint_id, draft.lodged_at, draft.typed = lodged.complaint.id, now, {}
    draft.keep_until = dhaka_date(now) + DRAFT_DAYS
    _take_back_reminder(session, draft)
    return lodged


def lodged_by(session: Session, draft: Draft, *, secret_key: str) -> Lodged:
    """The receipt's facts of a draft that was lodged."""
    complaint = session.get_one(Complaint, draft.complaint_id)
    return Lodged(complaint, code_of(complaint, secret_key=secret_key), is_new=False)


def code_of(complaint: Complaint, *, secret_key: str) -> str:
    """The access code of a complaint, for the receipt of who filed it."""
    return access_code_of(complaint.form_identity, secret_key)


def expected_of(session: Session, story: Story) -> list[dict[str, Any]]:
    """By when each tier answers, as the receipt promised, with the offices by their short names."""
    expected: list[dict[str, Any]] = story.lines[0].details["expected"]
    wanted = {one["office"] for one in expected if "office" in one}
    slugs = {office.id: office.slug for office in session.scalars(select(Office).where(Office.id.in_(wanted)))}
    return [one | {"slug": slugs.get(one.get("office", 0))} for one in expected]


def shows_receipt_again(draft: Draft, now: datetime) -> bool:
    return draft.lodged_at is not None and now - draft.lodged_at <= RECEIPT_AGAIN


# -- lateness that cannot be complained about yet ------------------------------------


def remind_when_ready(
    session: Session, draft: Draft, *, first_day: date, reach: Reach, language: str, now: datetime
) -> None:
    """Queue the letter that says, on the first day, that the complaint can be filed now (G 6.1(ঙ))."""
    _refuse_if_lodged(session, draft)
    draft.keep_until = max(draft.keep_until, first_day + DRAFT_DAYS)
    _take_back_reminder(session, draft)
    ledger = Ledger(now)
    at = datetime.combine(first_day, REMINDER_HOUR, DHAKA)
    facts = {"draft": draft.id, "salt": draft.salt, "first_day": first_day}
    ledger.later(_reminder_key(draft), "can_file_now", reach, language, facts, at)
    ledger.write(session, skip_known=True)


def _take_back_reminder(session: Session, draft: Draft) -> None:
    key = _reminder_key(draft)
    session.execute(
        delete(Message).where(Message.key.in_([key, key + SMS_SUFFIX]), Message.state == MessageState.QUEUED)
    )


def _reminder_key(draft: Draft) -> str:
    return f"draft/{draft.id}/can_file_now"


# -- forgetting --------------------------------------------------------------------


def forget_drafts(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """Delete the drafts that nobody goes on with, their files, and one-time links that are over."""
    today = dhaka_date(now)
    counts: Counter[str] = Counter(drafts=0, links=0)
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
    return counts
