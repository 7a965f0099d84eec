"""The mailbox into which people answer our letters: read over IMAP, head first, put away one by one."""

from __future__ import annotations

import hashlib
import imaplib
import logging
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from email.message import Message
from typing import Any

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessage
from imap_tools.errors import UnexpectedCommandStatusError
from lxml import etree
from lxml import html as lxml_html

from grs.domain.attachments import clean_name
from grs.domain.replies import LARGEST_MAIL, Sort, is_refused_by_sender, one_sender, sort_of
from grs.settings import Settings

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 30
AWAY = (OSError, imaplib.IMAP4.error)
"""What is raised when the server does not answer, or not as it should: no fault of any one mail."""
LONGEST_READ = 200_000
"""Signs of a text, quotations and all."""
LONGEST_PART = 2_000_000
"""Bytes of a text that are decoded."""
MOST_HEAD_LINES, MOST_BOUNDARIES, MOST_PARTS = 2_000, 30, 400
"""A mail of more is made to take somebody's time; the largest of people's mails have a tenth."""
NOT_TAKEN = "NotTaken"
"""The folder of mails that became nothing; kept for whoever asks, then deleted."""
CHARSETS = re.compile(
    r"^(us-ascii|utf-?(8|16|32).*|iso-(8859|2022)-.+|windows-\d+|cp\d+|koi8-.+|gb\w+|big5|shift_jis)$"
)
"""In which texts are written. Others exist that take a minute to read a page."""
PICTURES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_BLOCKS = {"address", "blockquote", "br", "div", "h1", "h2", "h3", "hr", "li", "ol", "p", "pre", "table", "tr", "ul"}
_IN_UTF8 = lxml_html.HTMLParser(encoding="utf-8")
_STATUS = re.compile(r"^Status:\s*([245]\.\d{1,3}\.\d{1,3})", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(r"^Action:\s*failed", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One mail as it came in. ``key`` names it: the same head, with its way and time, is the same mail.

    ``sender`` is empty where more than one could be meant; ``recipients`` are all addresses that it went to.
    ``text``, ``files`` and ``refusal``, the status with which a bounce says that a letter will never arrive, are what
    its body says; ``text`` is None before it was fetched.
    """

    key: str
    sort: Sort
    sender: str
    recipients: tuple[str, ...]
    is_forged: bool
    is_too_large: bool
    text: str | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    refusal: str = ""


class Unreadable(Exception):
    """What it is made of cannot be told, or would take too long to tell."""


class _Guarded(MailMessage):
    """A mail that is looked at before it is taken apart."""

    def __init__(self, fetch_data: list[Any]) -> None:
        raw = self._get_message_data_parts(fetch_data)[0]
        head = raw.partition(b"\r\n\r\n")[0]
        if (
            head.count(b"\n") > MOST_HEAD_LINES
            or raw.lower().count(b"boundary=") > MOST_BOUNDARIES
            or raw.count(b"\n--") > MOST_PARTS
        ):
            raise Unreadable("too many parts")
        try:
            super().__init__(fetch_data)
        except Exception as error:  # whatever a mail does wrong, the others are read
            raise Unreadable(type(error).__name__) from error


class Box:
    """A mailbox that is open."""

    def __init__(self, box: BaseMailBox, judge: str) -> None:
        self._box, self._judge = box, judge
        self._aside: str | None = None

    def numbers(self) -> list[str]:
        """The mails that wait, oldest first."""
        return self._box.uids()

    def head(self, number: str) -> Incoming | None:
        """What a mail's head says, or None where another worker has put it away. Raises Unreadable."""
        found = next(iter(self._box.fetch(AND(uid=number), mark_seen=False, headers_only=True)), None)
        if found is None:
            return None
        if not found.headers:  # some servers give what has just gone as a mail without a word
            self._box.client.noop()
            if not self._box.uids(AND(uid=number)):
                return None
            raise Unreadable("no head")
        return read_head(found, judge=self._judge)

    def whole(self, number: str, head: Incoming) -> Incoming | None:
        """The same mail with what its body says. Raises Unreadable."""
        found = next(iter(self._box.fetch(AND(uid=number), mark_seen=False)), None)
        return read_body(found, head) if found is not None else None

    def delete(self, number: str) -> None:
        """It is kept elsewhere now."""
        self._box.delete(number)

    def put_aside(self, number: str) -> None:
        """It became nothing; somebody may still want to look. Where there is no room for it, it stays."""
        try:
            self._box.move(number, self._folder_aside())
        except UnexpectedCommandStatusError as error:
            log.error("a mail cannot be put aside: %s", type(error).__name__)

    def forget_aside(self, before: date) -> int:
        """Delete what was put aside before a day; returns how many."""
        try:
            self._box.folder.set(self._folder_aside())
            old = self._box.uids(AND(date_lt=before))
            self._box.delete(old)
            self._box.folder.set("INBOX")
        except UnexpectedCommandStatusError as error:
            log.error("mails that were put aside cannot be deleted: %s", type(error).__name__)
            return 0
        return len(old)

    def _folder_aside(self) -> str:
        """The folder, made where it is missing; many servers want all folders below the first."""
        if self._aside is None:
            mark = next((one.delim for one in self._box.folder.list()), "/") or "/"
            names = (NOT_TAKEN, f"INBOX{mark}{NOT_TAKEN}")
            self._aside = next((name for name in names if self._box.folder.exists(name)), None) or self._made(names)
        return self._aside

    def _made(self, names: Sequence[str]) -> str:
        for name in names[:-1]:
            try:
                self._box.folder.create(name)
                return name
            except UnexpectedCommandStatusError:
                continue
        self._box.folder.create(names[-1])
        return names[-1]


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
    box.email_message_class = _Guarded
    with box.login(settings.imap_user, settings.imap_password):
        yield Box(box, settings.imap_judge)


# -- reading ------------------------------------------------------------------------------------------------


def read_head(mail: MailMessage, *, judge: str) -> Incoming:
    """Who it is from, to whom, and of which sort; nothing of its body is looked at. Raises Unreadable."""
    try:
        headers = {name: tuple(str(one) for one in mail.headers[name]) for name in mail.headers}
        sender = one_sender(headers.get("from", ()), mail.from_.strip().lower())
        known = (*mail.to, *mail.cc, *_addresses(headers, "delivered-to", "x-original-to", "envelope-to"))
        return Incoming(
            key=_key_of(mail),
            sort=sort_of(headers, sender=sender, content_type=mail.obj.get_content_type()),
            sender=sender,
            recipients=tuple(dict.fromkeys(one.strip().lower() for one in known)),
            is_forged=is_refused_by_sender(headers, judge=judge, sender=sender),
            is_too_large=mail.size_rfc822 > LARGEST_MAIL,
        )
    except Exception as error:  # whatever a mail does wrong, the others are read
        raise Unreadable(type(error).__name__) from error


def read_body(mail: MailMessage, head: Incoming) -> Incoming:
    """The same with text and files, or with what a bounce says. Raises Unreadable."""
    try:
        if head.sort is Sort.BOUNCE:
            return replace(head, text="", refusal=_refusal(mail))
        return replace(head, text=_text_of(mail.obj)[:LONGEST_READ], files=tuple(_files_of(mail)))
    except Exception as error:  # the same
        raise Unreadable(type(error).__name__) from error


def _key_of(mail: MailMessage) -> str:
    head = "\n".join(f"{name}: {value}" for name, value in mail.obj.raw_items())
    return hashlib.sha256(head.encode("utf-8", "surrogateescape")).hexdigest()


def _addresses(headers: dict[str, tuple[str, ...]], *names: str) -> list[str]:
    return [one.strip(" <>") for name in names for one in headers.get(name, ())]


def _text_of(part: Message) -> str:
    """What a part says. Of several ways to say the same the plain one, if it says anything; of several things all."""
    if part.get_content_maintype() == "multipart":
        inner = [one for one in part.get_payload() if isinstance(one, Message)]
        if part.get_content_type() == "multipart/alternative":
            plain = [one for one in inner if one.get_content_type() == "text/plain"]
            said = next((text for one in (*plain, *inner) if (text := _text_of(one)).strip()), "")
            return said
        return "\n".join(text for one in inner if (text := _text_of(one)).strip())
    if part.get_content_maintype() != "text" or part.get_filename() or part.get_content_disposition() == "attachment":
        return ""
    payload = part.get_payload(decode=True)
    charset = (part.get_content_charset() or "utf-8").lower()
    data = payload[:LONGEST_PART] if isinstance(payload, bytes) else b""
    try:
        text = data.decode(charset if CHARSETS.match(charset) else "utf-8", "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return _text_of_html(text) if part.get_content_type() == "text/html" else text


def _text_of_html(html: str) -> str:
    """The text of HTML, a line for each block."""
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


def _files_of(mail: MailMessage) -> Iterator[tuple[str, bytes]]:
    """Every file, and pictures that stand in the text without a name of their own."""
    for number, one in enumerate(mail.attachments, start=1):
        ending = PICTURES.get(one.content_type)
        name = one.filename or (f"picture-{number}.{ending}" if ending else "")
        if name:
            yield clean_name(name), one.payload


def _refusal(mail: MailMessage) -> str:
    """The status of a delivery that has failed for good (RFC 3464), or nothing."""
    for part in mail.obj.walk():
        if part.get_content_type() == "message/delivery-status":
            told = "\n".join(str(one) for one in part.get_payload())
            status = _STATUS.search(told)
            if _ACTION.search(told) and status is not None and status[1].startswith("5"):
                return status[1]
    return ""
