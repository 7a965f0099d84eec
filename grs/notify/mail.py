"""An e-mail as bytes: Bangla subjects whole, one Message-ID for one cause, safe for any relay."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import format_datetime, formataddr, parseaddr

from grs.domain.lodging import is_email


class _FoldedAlready(Compat32):
    """Headers are written as they stand: each was folded when it was made."""

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}\n".replace("\n", "\r\n").encode("ascii")


_POLICY = _FoldedAlready(linesep="\r\n")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One letter ready to be sent. ``key`` names its cause: the same key gives the same Message-ID.

    ``invitation`` is an iCalendar event that mail programs offer to take over. ``answers_to`` is where the reader's
    answer goes, ``returns_to`` where servers say that it cannot arrive; without them to the sender.
    """

    key: str
    sender: str
    to_name: str
    to_address: str
    subject: str
    body: str
    html: str
    invitation: bytes | None = None
    answers_to: str = ""
    returns_to: str = ""
    queued_at: datetime


def message_id(key: str, sender: str) -> str:
    """The same for every attempt to send the same letter, so that a repeat can be recognised."""
    domain = parseaddr(sender)[1].partition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def as_bytes(mail: Mail) -> bytes:
    """The letter as it goes over the wire, in 7 bits: 8bit bodies are broken by relays that do not offer 8BITMIME.

    Made by the older of Python's two ways: the newer loses blanks where it folds a Bangla subject (cpython gh-92081),
    and takes three times as long. The boundary is the letter's own: drawn at random it would make another letter.
    """
    letter = MIMEMultipart("alternative", boundary=hashlib.sha256(mail.key.encode()).hexdigest()[:24])
    letter["From"] = _address("From", *parseaddr(mail.sender))
    letter["To"] = _address("To", mail.to_name, mail.to_address)
    letter["Subject"] = Header(one_line(mail.subject), "utf-8", header_name="Subject").encode()
    letter["Date"] = format_datetime(mail.queued_at)
    letter["Message-ID"] = message_id(mail.key, mail.sender)
    letter["Auto-Submitted"] = "auto-generated"
    if mail.answers_to:
        letter["Reply-To"] = mail.answers_to
    letter.attach(MIMEText(sendable(mail.body), "plain", "utf-8"))
    letter.attach(MIMEText(sendable(mail.html), "html", "utf-8"))
    if mail.invitation is not None:
        text = mail.invitation.decode("utf-8")
        event = MIMEText(text, "calendar", "utf-8")
        event.set_param("method", "CANCEL" if "METHOD:CANCEL" in text else "REQUEST")
        letter.attach(event)
    return letter.as_bytes(policy=_POLICY)


def _address(header: str, name: str, address: str) -> str:
    address = one_line(address)
    is_good = "@" in address if header == "From" else is_email(address)  # our own name may be grs@localhost
    if not is_good or not address.isascii() or parseaddr(address)[1] != address:
        raise ValueError("not an address that mail can be sent to")
    name = one_line(name)
    # formataddr makes one encoded word of any length, which relays may refuse (RFC 2047 allows 75 characters).
    return (
        formataddr((name, address))
        if name.isascii()
        else f"{Header(name, 'utf-8', header_name=header).encode()}\n <{address}>"
    )


def one_line(text: str) -> str:
    """The text without line breaks of any kind: nothing typed can make a header of its own."""
    return " ".join(sendable(text).split())


def sendable(text: str) -> str:
    """The text as it can be written in UTF-8: half a letter becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
