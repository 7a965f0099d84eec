"""What people answer to our letters: added to their complaint, or told why not; robots are left alone."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from email.utils import parseaddr

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageState
from grs.db.queries.complaints import complaint_by_number
from grs.db.received_mails import ReceivedMail
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.errors import ActionNotAllowed, InvalidInput
from grs.domain.history import canonical
from grs.domain.replies import MOST_A_DAY, TOLD, Fate, Sort, new_text
from grs.notify.mailbox import AWAY, Box, Incoming, Mailbox, Unreadable
from grs.settings import Settings
from grs.uploads import CleanFile
from grs.usecases.correspondence import add_information
from grs.usecases.drafts import Refused, Upload, clean_uploads
from grs.usecases.ledger import Ledger
from grs.usecases.recipients import Recipient
from grs.usecases.reply_addresses import complaint_marked, is_of, letters_marked

log = logging.getLogger(__name__)
MOST_A_ROUND = 200
KEPT_ASIDE = timedelta(days=30)
"""How long a mail that became nothing is kept in the mailbox, and how long a mail is known for one that was read."""


@dataclass
class Found:
    """What one mail came to, and what its sender is told of it."""

    fate: Fate
    complaint: Complaint | None = None
    reasons: Collection[str] = ()
    files: Refused = field(default_factory=list)


def take_in_mail(
    writers: sessionmaker[Session],
    *,
    mailbox: Mailbox,
    settings: Settings,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Counter[str]:
    """Read the mails that wait. Each is one transaction and leaves the mailbox after it: killed between the two,
    the next round knows it by its key and only puts it away.
    """
    counts: Counter[str] = Counter(added=0, returned=0, not_taken=0)
    with mailbox() as box:
        waiting = box.numbers()
        if dry_run:
            counts["added"] = len(waiting)
            return counts
        for number in waiting[:MOST_A_ROUND]:
            if is_stopping():
                return counts
            try:
                fate = _take_in(writers, box, number, settings, clock())
            except (*AWAY, OperationalError, InterfaceError, PoolTimeout):
                raise
            except Exception:  # whatever one mail does wrong, the others are taken in
                log.exception("a mail cannot be taken in")
                fate = Fate.UNREADABLE
            if fate is None:
                continue
            counts[_COUNTED.get(fate, "not_taken")] += 1
            if fate in _COUNTED:
                box.delete(number)
            else:
                box.put_aside(number)
        box.forget_aside(dhaka_date(clock() - KEPT_ASIDE))
    return counts


_COUNTED = {Fate.ADDED: "added", Fate.BOUNCED: "returned"}


def _take_in(writers: sessionmaker[Session], box: Box, number: str, settings: Settings, now: datetime) -> Fate | None:
    """Judge one mail by its head; only what is from whom it should be is read. None: another worker has it."""
    try:
        head = box.head(number)
    except Unreadable:
        return Fate.UNREADABLE
    if head is None:
        return None
    with writers() as session:
        known = session.get(ReceivedMail, head.key)
        if known is not None:
            return known.fate
        is_expected = not head.is_too_large and _is_expected(session, head, settings)
    try:
        mail = box.whole(number, head) if is_expected else head
    except Unreadable:
        mail = replace(head, text=None)
    return _take(writers, mail, settings, now) if mail is not None else None


def _is_expected(session: Session, mail: Incoming, settings: Settings) -> bool:
    """Whether its body is worth reading: an answer of who complained, or a letter of ours that comes back."""
    if mail.sort is Sort.AUTOMATIC:
        return False
    if mail.sort is Sort.BOUNCE:
        return any(
            message is not None and is_of(message, seal, settings)
            for number, seal in letters_marked(mail.recipients, settings)
            for message in [session.get(Message, number)]
        )
    number = complaint_marked(mail.recipients, settings)
    complaint = complaint_by_number(session, number) if number is not None else None
    return complaint is not None and _is_from_complainant(mail, complaint)


def _is_from_complainant(mail: Incoming, complaint: Complaint) -> bool:
    who = complaint.complainant
    return who is not None and who.email != "" and not mail.is_forged and mail.sender == who.email.lower()


def _take(writers: sessionmaker[Session], mail: Incoming, settings: Settings, now: datetime) -> Fate:
    """Do what one mail asks, once."""
    files, refused = clean_uploads([Upload(*one) for one in mail.files], scanner=settings.scanner)
    try:
        with writers.begin() as session:
            known = session.get(ReceivedMail, mail.key)
            if known is not None:
                return known.fate
            if mail.sort is Sort.BOUNCE:
                found = _returned(session, mail, settings)
            else:
                found = _answer(session, mail, files, refused, settings, now)
            complaint_id = found.complaint.id if found.complaint is not None else None
            session.add(ReceivedMail(key=mail.key, received_at=now, fate=found.fate, complaint_id=complaint_id))
            _tell(session, found, now)
            return found.fate
    except IntegrityError:  # another worker took it at the same instant
        with writers() as session:
            return session.get_one(ReceivedMail, mail.key).fate


def _returned(session: Session, mail: Incoming, settings: Settings) -> Found:
    """A letter that will never arrive is given up: it stands among those that somebody must look at."""
    for number, seal in letters_marked(mail.recipients, settings):
        message = session.get(Message, number, with_for_update=True)
        if message is not None and is_of(message, seal, settings) and mail.refusal:
            if message.state is MessageState.SENT:
                message.state, message.last_error = MessageState.DEAD, f"returned: {mail.refusal}"
            return Found(Fate.BOUNCED)
    return Found(Fate.AUTOMATIC)


def _answer(
    session: Session, mail: Incoming, files: Sequence[CleanFile], refused: Refused, settings: Settings, now: datetime
) -> Found:
    """What a person wrote becomes a message of the complaint whose mark it has, if the person is who complained."""
    if mail.sort is Sort.AUTOMATIC:
        return Found(Fate.AUTOMATIC)
    number = complaint_marked(mail.recipients, settings)
    complaint = complaint_by_number(session, number, lock=True) if number is not None else None
    if complaint is None or complaint.complainant is None or not complaint.complainant.email:
        return Found(Fate.STRAY)
    if not _is_from_complainant(mail, complaint):
        return Found(Fate.OTHER_SENDER, complaint)
    if _of_today(session, complaint, now) >= MOST_A_DAY:
        return Found(Fate.TOO_MANY, complaint)
    if mail.text is None:
        return Found(Fate.TOO_LARGE if mail.is_too_large else Fate.UNREADABLE, complaint)
    name, address = parseaddr(settings.mail_from)
    text = new_text(mail.text, address=address.lower(), name=name or address)
    try:
        with session.begin_nested():
            left_out = add_information(session, complaint.tracking_number, text=text, files=files, now=now)
    except InvalidInput as error:
        # Where only files were sent and none was good, each file's own reason says more.
        reasons = [] if refused and not text else [str(problem) for problem in error.problems.values()]
        return Found(Fate.REFUSED, complaint, reasons, refused)
    except ActionNotAllowed:
        return Found(Fate.REFUSED, complaint, ["closed"])
    return Found(Fate.ADDED, complaint, files=[*refused, *left_out])


def _of_today(session: Session, complaint: Complaint, now: datetime) -> int:
    midnight = datetime.combine(dhaka_date(now), time(), DHAKA)
    query = select(func.count()).where(
        ReceivedMail.complaint_id == complaint.id,
        ReceivedMail.received_at >= midnight,
        ReceivedMail.fate != Fate.OTHER_SENDER,
    )  # fmt: skip
    return session.scalar(query) or 0


def _tell(session: Session, found: Found, now: datetime) -> None:
    """Say what became of it, at the address that was given with the complaint and at no other; the same once a day,
    so that no robot is answered again and again.
    """
    complaint = found.complaint
    if complaint is None or complaint.complainant is None or found.fate not in TOLD:
        return
    letter = "mail_taken" if found.fate is Fate.ADDED else "mail_not_taken"
    who = Recipient(0, complaint.complainant.name, complaint.complainant.email, complaint.language)
    why = [] if found.fate is Fate.ADDED else [found.fate] if found.fate is not Fate.REFUSED else list(found.reasons)
    facts = {"why": why, "left_out": [list(one) for one in found.files]}
    what = hashlib.sha256(canonical(facts).encode()).hexdigest()[:16]
    ledger = Ledger(now)
    ledger.note(f"{complaint.id}/{letter}/{dhaka_date(now)}/{what}", letter, who, facts, complaint_id=complaint.id)
    ledger.write(session, skip_known=True)
