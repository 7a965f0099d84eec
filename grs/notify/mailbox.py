"""The mailbox into which people answer our letters: read over IMAP, put away one by one."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessage
from lxml import etree
from lxml import html as lxml_html

from grs.domain.replies import LARGEST_MAIL, Sort, is_refused_by_sender, sort_of
from grs.settings import Settings

TIMEOUT_SECONDS = 30
LONGEST_READ = 200_000
"""Signs of a text, quotations and all."""
NOT_TAKEN = "NotTaken"
"""The folder of mails that became nothing; kept for whoever asks, then deleted."""
_BLOCKS = {"address", "blockquote", "br", "div", "h1", "h2", "h3", "hr", "li", "ol", "p", "pre", "table", "tr", "ul"}
_IN_UTF8 = lxml_html.HTMLParser(encoding="utf-8")
_STATUS = re.compile(r"^Status:\s*([245]\.\d{1,3}\.\d{1,3})", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(r"^Action:\s*failed", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One mail as it came in. ``key`` names it: the same head, with its way and time, is the same mail.

    ``recipients`` are all addresses that it went to; ``refusal`` is the status with which a bounce says that a
    letter will never arrive. ``text`` and ``files`` are None where it was too large to be fetched.
    """

    key: str
    sort: Sort
    sender: str
    recipients: tuple[str, ...]
    is_forged: bool
    text: str | None
    files: tuple[tuple[str, bytes], ...]
    refusal: str


class Unreadable(Exception):
    """Not even who it is from can be told."""


class Box:
    """A mailbox that is open."""

    def __init__(self, box: BaseMailBox, judge: str) -> None:
        self._box, self._judge = box, judge

    def numbers(self) -> list[str]:
        """The mails that wait, oldest first."""
        return self._box.uids()

    def fetch(self, number: str) -> Incoming | None:
        """One mail, or None where another worker has put it away. Raises Unreadable.

        One that is too large is known by its head alone.
        """
        head = next(iter(self._box.fetch(AND(uid=number), mark_seen=False, headers_only=True)), None)
        if head is None:
            return None
        if head.size_rfc822 > LARGEST_MAIL:
            return read(head, judge=self._judge, is_whole=False)
        whole = next(iter(self._box.fetch(AND(uid=number), mark_seen=False)), None)
        return read(whole, judge=self._judge) if whole is not None else None

    def delete(self, number: str) -> None:
        """It is kept elsewhere now."""
        self._box.delete(number)

    def put_aside(self, number: str) -> None:
        """It became nothing; somebody may still want to look."""
        if not self._box.folder.exists(NOT_TAKEN):
            self._box.folder.create(NOT_TAKEN)
        self._box.move(number, NOT_TAKEN)

    def forget_aside(self, before: date) -> int:
        """Delete what was put aside before a day; returns how many."""
        if not self._box.folder.exists(NOT_TAKEN):
            return 0
        self._box.folder.set(NOT_TAKEN)
        old = self._box.uids(AND(date_lt=before))
        if old:
            self._box.delete(old)
        self._box.folder.set("INBOX")
        return len(old)


Mailbox = Callable[[], AbstractContextManager[Box]]
"""Opens the mailbox for one round."""


@contextmanager
def open_mailbox(settings: Settings) -> Iterator[Box]:
    """The mailbox of the settings, for one round."""
    host, port = settings.imap_host, settings.imap_port
    context = ssl.create_default_context()
    box: BaseMailBox
    if settings.imap_security == "tls":
        box = MailBox(host, port, timeout=TIMEOUT_SECONDS, ssl_context=context)
    elif settings.imap_security == "starttls":
        box = MailBoxStartTls(host, port, timeout=TIMEOUT_SECONDS, ssl_context=context)
    else:
        box = MailBoxUnencrypted(host, port, timeout=TIMEOUT_SECONDS)
    with box.login(settings.imap_user, settings.imap_password):
        yield Box(box, settings.imap_judge)


def read(mail: MailMessage, *, judge: str = "", is_whole: bool = True) -> Incoming:
    """What a mail says, whatever made it. Raises Unreadable."""
    try:
        headers = {name: tuple(str(one) for one in mail.headers[name]) for name in mail.headers}
        sender = mail.from_.strip().lower()
        known = (*mail.to, *mail.cc, *_addresses(headers, "delivered-to", "x-original-to", "envelope-to"))
        sort = sort_of(headers, sender=sender, content_type=mail.obj.get_content_type())
        is_letter = is_whole and sort is Sort.LETTER
        return Incoming(
            key=_key_of(mail),
            sort=sort,
            sender=sender,
            recipients=tuple(dict.fromkeys(one.strip().lower() for one in known)),
            is_forged=is_refused_by_sender(headers, judge=judge),
            text=(mail.text or _text_of(mail.html))[:LONGEST_READ] if is_letter else None,
            files=tuple((one.filename, one.payload) for one in mail.attachments if one.filename) if is_letter else (),
            refusal=_refusal(mail) if is_whole and sort is Sort.BOUNCE else "",
        )
    except Exception as error:  # whatever a mail does wrong, the others are read
        raise Unreadable(type(error).__name__) from error


def _key_of(mail: MailMessage) -> str:
    head = "\n".join(f"{name}: {value}" for name, value in mail.obj.raw_items())
    return hashlib.sha256(head.encode("utf-8", "surrogateescape")).hexdigest()


def _addresses(headers: dict[str, tuple[str, ...]], *names: str) -> list[str]:
    return [one.strip(" <>") for name in names for one in headers.get(name, ())]


def _text_of(html: str) -> str:
    """The text of a letter that has only HTML, a line for each block."""
    if not html.strip():
        return ""
    page = lxml_html.document_fromstring(html.encode("utf-8", "replace"), parser=_IN_UTF8)
    etree.strip_elements(page, "script", "style", "head", etree.Comment, with_tail=False)
    for one in page.iter():
        if one.tag in _BLOCKS:
            one.tail = f"\n{one.tail or ''}"
            one.text = f"\n{one.text or ''}" if one.tag not in ("br", "hr") else one.text
    text = "".join(str(part) for part in page.itertext())
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\xa0]+", " ", text))


def _refusal(mail: MailMessage) -> str:
    """The status of a delivery that has failed for good (RFC 3464), or nothing."""
    for part in mail.obj.walk():
        if part.get_content_type() == "message/delivery-status":
            told = "\n".join(str(one) for one in part.get_payload())
            status = _STATUS.search(told)
            if _ACTION.search(told) and status is not None and status[1].startswith("5"):
                return status[1]
    return ""
