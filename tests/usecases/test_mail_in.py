"""What people answer by mail: a real SMTP server out, a real IMAP server in."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.complaints import Step
from grs.db.drafts import Attachment
from grs.db.messages import Message as Letter
from grs.db.messages import MessageState
from grs.db.received_mails import ReceivedMail
from grs.domain.replies import LINE, MOST_A_DAY, Fate
from grs.domain.workflow import StepKind
from grs.notify import mailbox
from grs.notify.mailbox import open_mailbox
from tests.conftest import Clock, MailSink, Template, body_of
from tests.mailboxes import PASSWORD, USER, Dovecot, running_dovecot, why_no_mailbox
from tests.stories import assert_all_holds, dispose, fetch, lodge
from workers import jobs

CITIZEN = "citizen@example.com"
pytestmark = pytest.mark.skipif(why_no_mailbox() is not None, reason=why_no_mailbox() or "")


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as found:
        yield found


@pytest.fixture
def answering(mailing_house: House, dovecot: Dovecot) -> House:
    return answering_house(mailing_house, dovecot)


def answering_house(mailing_house: House, dovecot: Dovecot) -> House:
    """A house whose letters can be answered."""
    settings = dataclasses.replace(
        mailing_house.settings, imap_host="127.0.0.1", imap_port=dovecot.port, imap_user=USER, imap_password=PASSWORD,
        imap_security="none", imap_judge="mx.office.example", reply_address="Reply@office.example",
    )  # fmt: skip
    return dataclasses.replace(mailing_house, settings=settings, mailbox=partial(open_mailbox, settings))


def letter_about(house: House, sink: MailSink, number: str) -> Message:
    """The receipt of a complaint, as it arrived."""
    jobs.run(house, "deliver")
    return next(one for one in sink.to(CITIZEN) if number[-4:] in body_of(one).translate(_ASCII))


_ASCII = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")


def answer(letter: Message, text: str, *, sender: str = f"নমুনা নাগরিক <{CITIZEN}>", **headers: str) -> EmailMessage:
    """An answer as a mail program writes it: to Reply-To, the letter quoted."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, str(letter["Reply-To"]), "Re: আপনার অভিযোগ"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    quoted = "\n".join(f"> {line}" for line in body_of(letter).splitlines())
    made.set_content(f"{text}\n\nOn Mon, 7 Apr 2025 at 10:00, {letter['From']} wrote:\n{quoted}\n")
    return made


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(out, "JPEG")
    return out.getvalue()


def said(house: House, number: str) -> list[str]:
    """What was added to a complaint."""
    steps: list[Step] = [one for one in fetch(house, number).steps if one.kind is StepKind.INFORMATION_ADDED]
    return [json.loads(one.details)["text"] for one in steps]


def fates(house: House) -> list[Fate]:
    with house.readers() as session:
        return list(session.scalars(select(ReceivedMail.fate)))


def told(house: House, sink: MailSink) -> list[str]:
    """The letters that answers were answered with."""
    with house.readers() as session:
        return list(session.scalars(select(Letter.letter).where(Letter.letter.like("mail_%")).order_by(Letter.id)))


def test_an_answer_with_a_picture_becomes_a_message_of_the_complaint(
    answering: House, sink: MailSink, dovecot: Dovecot
) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    assert body_of(receipt).startswith(LINE)
    mail = answer(receipt, "রসিদ পাঠালাম।\n\nনমুনা নাগরিক")
    mail.add_attachment(picture(), maintype="image", subtype="jpeg", filename="রসিদ.jpg")
    mail.add_attachment(b"PK", maintype="application", subtype="zip", filename="সব.zip")
    dovecot.put(mail.as_bytes())
    assert jobs.run(answering, "receive") == {"added": 1, "returned": 0, "not_taken": 0}
    assert said(answering, number) == ["রসিদ পাঠালাম।\n\nনমুনা নাগরিক"]
    with answering.readers() as session:
        assert session.scalars(select(Attachment.name)).all() == ["রসিদ.jpg"]
    assert dovecot.count() == 0
    assert jobs.run(answering, "receive")["added"] == 0
    sink.letters.clear()
    jobs.run(answering, "deliver")
    (thanks,) = sink.to(CITIZEN)
    assert "সব.zip" in body_of(thanks)
    assert "রসিদ পাঠালাম" not in body_of(thanks)
    assert_all_holds(answering)


def test_the_officer_is_told_as_of_what_is_added_on_the_page(
    answering: House, sink: MailSink, dovecot: Dovecot, database: Template
) -> None:
    number = lodge(answering).complaint.tracking_number
    dovecot.put(answer(letter_about(answering, sink, number), "আরও জানাই।").as_bytes())
    jobs.run(answering, "receive")
    sink.letters.clear()
    jobs.run(answering, "deliver")
    (letter,) = [one for one in sink.letters if "officer" in str(one["To"]) or ".invalid" in str(one["To"])]
    assert letter["Reply-To"] is None, "an officer acts with a log-in"
    assert LINE not in body_of(letter)


def test_an_answer_of_html_alone_is_read(answering: House, sink: MailSink, dovecot: Dovecot) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    mail = EmailMessage()
    mail["From"], mail["To"] = CITIZEN.upper(), str(receipt["Reply-To"]).upper()
    line = body_of(receipt).splitlines()[0]
    mail.set_content(
        "<html><head><style>p{color:red}</style></head><body><p>প্রথম&nbsp;সারি<br>দ্বিতীয়</p><script>x()</script>"
        f"<blockquote><p>{line}</p><p>চিঠি</p></blockquote></body></html>",
        subtype="html",
    )
    dovecot.put(mail.as_bytes())
    assert jobs.run(answering, "receive")["added"] == 1
    assert [text.split() for text in said(answering, number)] == [["প্রথম", "সারি", "দ্বিতীয়"]]


@pytest.mark.parametrize(
    ("changes", "fate", "letters"),
    [
        ({"sender": "other@example.com"}, Fate.OTHER_SENDER, ["mail_not_taken"]),
        ({"Authentication_Results": "mx.office.example; dmarc=fail"}, Fate.OTHER_SENDER, ["mail_not_taken"]),
        ({"Auto_Submitted": "auto-replied"}, Fate.AUTOMATIC, []),
        ({"Precedence": "bulk"}, Fate.AUTOMATIC, []),
        ({"sender": "MAILER-DAEMON@mx.example"}, Fate.AUTOMATIC, []),
        ({"text": "   "}, Fate.REFUSED, ["mail_not_taken"]),
        ({"text": "ক" * 5001}, Fate.REFUSED, ["mail_not_taken"]),
    ],
)
def test_what_is_not_a_word_of_who_complained_is_put_aside(
    answering: House, sink: MailSink, dovecot: Dovecot, changes: dict[str, Any], fate: Fate, letters: list[str]
) -> None:
    number = lodge(answering).complaint.tracking_number
    mail = answer(letter_about(answering, sink, number), **({"text": "আমি লিখি।"} | changes))
    dovecot.put(mail.as_bytes())
    assert jobs.run(answering, "receive") == {"added": 0, "returned": 0, "not_taken": 1}
    assert (fates(answering), told(answering, sink)) == ([fate], letters)
    assert said(answering, number) == []
    assert (dovecot.count(), dovecot.count(mailbox.NOT_TAKEN)) == (0, 1)
    sink.letters.clear()
    jobs.run(answering, "deliver")
    assert sink.to("other@example.com") == [], "whoever it says it is from is not written to"
    assert_all_holds(answering)


def test_a_mark_that_is_made_up_opens_nothing(answering: House, sink: MailSink, dovecot: Dovecot) -> None:
    number = lodge(answering).complaint.tracking_number
    other = lodge(answering, email="someone@example.com").complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    mark = parseaddr(str(receipt["Reply-To"]))[1]
    for made_up in (
        mark.replace(number, other),
        mark[:-20] + "a" * 4 + mark[-16:],
        "reply@office.example",
        mark.replace("+c", "+m"),
        mark.replace("office.example", "evil.example"),
    ):
        mail = answer(receipt, "আমি লিখি।")
        mail.replace_header("To", made_up)
        mail["Message-ID"] = f"<{hash(made_up)}@example.com>"
        dovecot.put(mail.as_bytes())
    assert jobs.run(answering, "receive") == {"added": 0, "returned": 0, "not_taken": 5}
    assert set(fates(answering)) == {Fate.STRAY}
    assert told(answering, sink) == []


def test_two_robots_that_do_not_say_so_end_their_talk(answering: House, sink: MailSink, dovecot: Dovecot) -> None:
    """Each of our letters is answered by a robot that hides: what it says is added for a while, then no more."""
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    written = 0
    for turn in range(MOST_A_DAY + 5):
        dovecot.put(answer(receipt, f"আমি ছুটিতে আছি ({turn})", Message_ID=f"<{turn}@robot.example>").as_bytes())
        jobs.run(answering, "receive")
        sink.letters.clear()
        jobs.run(answering, "deliver")
        written += len(sink.to(CITIZEN))
    assert written == 2, "one thanks a day, and one word that it is enough, whatever comes"
    assert len(said(answering, number)) == MOST_A_DAY
    assert fates(answering).count(Fate.TOO_MANY) == 5


def test_killed_between_the_act_and_the_mailbox_it_is_added_once(
    answering: House, sink: MailSink, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = lodge(answering).complaint.tracking_number
    dovecot.put(answer(letter_about(answering, sink, number), "একবার।").as_bytes())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(mailbox.Box, "delete", killed)
        jobs.run(answering, "receive")
    assert dovecot.count() == 1
    jobs.run(answering, "receive")
    assert (dovecot.count(), said(answering, number)) == (0, ["একবার।"])


def test_too_large_a_mail_is_not_even_fetched(
    answering: House, sink: MailSink, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "LARGEST_MAIL", 20_000)
    number = lodge(answering).complaint.tracking_number
    mail = answer(letter_about(answering, sink, number), "ছবি")
    mail.add_attachment(b"x" * 30_000, maintype="image", subtype="jpeg", filename="a.jpg")
    dovecot.put(mail.as_bytes())
    jobs.run(answering, "receive")
    assert (fates(answering), told(answering, sink)) == ([Fate.TOO_LARGE], ["mail_not_taken"])


def test_to_a_closed_complaint_nothing_is_added_and_the_letter_says_why(
    answering: House, sink: MailSink, dovecot: Dovecot
) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    dispose(answering, number)
    dovecot.put(answer(receipt, "আরও কথা।").as_bytes())
    jobs.run(answering, "receive")
    sink.letters.clear()
    jobs.run(answering, "deliver")
    assert any("আপিল" in body_of(one) for one in sink.to(CITIZEN))
    assert fates(answering) == [Fate.REFUSED]


def bounce(to: str, *, status: str, action: str) -> bytes:
    """What a mail server sends back (RFC 3464)."""
    return (
        f"Return-Path: <>\r\nMessage-ID: <{status}.{len(to)}@mx.example>\r\n"
        f"From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\nTo: {to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; x@y.example\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
    ).encode()


def test_a_letter_that_comes_back_stands_among_those_given_up(
    answering: House, sink: MailSink, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server takes a letter and finds later that nobody has that address: that is no letter sent."""
    senders: list[str] = []
    kept = MailSink.handle_DATA

    async def noting(self: MailSink, server: Any, session: Any, envelope: Any) -> str:
        senders.append(envelope.mail_from)
        return await kept(self, server, session, envelope)

    monkeypatch.setattr(MailSink, "handle_DATA", noting)
    lodge(answering)
    jobs.run(answering, "deliver")
    dovecot.put(bounce(senders[0], status="4.4.1", action="delayed"))
    assert jobs.run(answering, "receive")["not_taken"] == 1
    dovecot.put(bounce(senders[0][:-30] + "x" + senders[0][-29:], status="5.1.1", action="failed"))
    assert jobs.run(answering, "receive")["not_taken"] == 1
    dovecot.put(bounce(senders[0], status="5.1.1", action="failed"))
    assert jobs.run(answering, "receive")["returned"] == 1
    with answering.readers() as session:
        (dead,) = session.scalars(select(Letter).where(Letter.state == MessageState.DEAD))
        assert dead.last_error == "returned: 5.1.1"
    assert_all_holds(answering)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff\xfe",
        b"From: \xff\xfe <a@b>\r\nTo: =?x?q?=ff?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff",
        b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n--x\r\n',
        b"From: a@b.example\r\nContent-Type: multipart/report\r\n\r\nno parts",
        b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n<?xml version='1.0' encoding='x'?><p" + b"<b>" * 3000,
        b"",
    ],
)
def test_a_broken_mail_stops_no_other(answering: House, sink: MailSink, dovecot: Dovecot, raw: bytes) -> None:
    number = lodge(answering).complaint.tracking_number
    good = answer(letter_about(answering, sink, number), "ভালো।").as_bytes()
    if raw:
        dovecot.put(raw)
    dovecot.put(good)
    assert jobs.run(answering, "receive")["added"] == 1
    assert dovecot.count() == 0


POISON = {
    "a number that no database has": b"From: <>\r\nTo: reply+m999999999999999999-" + b"a" * 26 + b"@office.example\r\n"
    b"Content-Type: multipart/report\r\n\r\nx",
    "nested": b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(1000)),
    "many parts": b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\n\n" * 100_000,
    "many headers": b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\nx",
}


@pytest.mark.parametrize("kind", POISON)
def test_what_is_made_to_take_time_or_to_break_is_put_aside_unread(
    answering: House, sink: MailSink, dovecot: Dovecot, kind: str
) -> None:
    number = lodge(answering).complaint.tracking_number
    good = answer(letter_about(answering, sink, number), "ভালো।").as_bytes()
    dovecot.put(POISON[kind])
    dovecot.put(good)
    assert jobs.run(answering, "receive") == {"added": 1, "returned": 0, "not_taken": 1}
    assert (dovecot.count(), dovecot.count(mailbox.NOT_TAKEN)) == (0, 1)


def test_a_body_of_the_right_sender_is_guarded_too_and_he_is_told(
    answering: House, sink: MailSink, dovecot: Dovecot
) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    head = f"From: {CITIZEN}\r\nTo: {receipt['Reply-To']}\r\n".encode()
    dovecot.put(head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\n\n" * 100_000)
    assert jobs.run(answering, "receive")["not_taken"] == 1
    assert (fates(answering), told(answering, sink)) == ([Fate.UNREADABLE], ["mail_not_taken"])
    slow = head + b"Content-Type: text/plain; charset=punycode\r\nX-Second: 1\r\n\r\n" + b"abc-" * 200_000
    dovecot.put(slow)
    assert jobs.run(answering, "receive")["not_taken"] == 1, "too long, and read at once"


def test_a_mark_that_is_known_to_strangers_uses_up_nobodys_day(
    answering: House, sink: MailSink, dovecot: Dovecot
) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    for turn in range(MOST_A_DAY + 1):
        dovecot.put(answer(receipt, "আমি", sender="x@example.com", Message_ID=f"<{turn}@x.example>").as_bytes())
    dovecot.put(answer(receipt, "আমার কথা।").as_bytes())
    assert jobs.run(answering, "receive")["added"] == 1
    assert said(answering, number) == ["আমার কথা।"]


def test_a_picture_without_a_name_and_a_text_beside_a_blank_one_are_taken(
    answering: House, sink: MailSink, dovecot: Dovecot
) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    mail = EmailMessage()
    mail["From"], mail["To"] = CITIZEN, str(receipt["Reply-To"])
    mail.set_content("   \n")
    mail.add_alternative("<p>ছবিটি দেখুন</p>", subtype="html")
    html = mail.get_payload()[1]
    assert isinstance(html, EmailMessage)
    html.add_related(picture(), maintype="image", subtype="jpeg", cid="<one@x>")
    dovecot.put(mail.as_bytes())
    assert jobs.run(answering, "receive")["added"] == 1
    assert said(answering, number) == ["ছবিটি দেখুন"]
    with answering.readers() as session:
        (name,) = session.scalars(select(Attachment.name)).all()
    assert name.startswith("picture-") and name.endswith(".jpg")


def test_each_file_that_is_left_out_is_told_the_same_day_too(
    answering: House, sink: MailSink, dovecot: Dovecot
) -> None:
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    for name in ("এক.zip", "দুই.zip", "দুই.zip"):
        mail = answer(receipt, f"ফাইল {name}")
        mail.add_attachment(b"PK", maintype="application", subtype="zip", filename=name)
        mail["Message-ID"] = f"<{len(said(answering, number))}@example.com>"
        dovecot.put(mail.as_bytes())
        jobs.run(answering, "receive")
    assert told(answering, sink) == ["mail_taken"] * 2


def test_folders_below_the_first_one(mailing_house: House, sink: MailSink, tmp_path: Path) -> None:
    """As many servers have them: a new folder outside INBOX is refused."""
    with running_dovecot(prefix="INBOX.") as dovecot:
        house = answering_house(mailing_house, dovecot)
        number = lodge(house).complaint.tracking_number
        good = answer(letter_about(house, sink, number), "ভালো।").as_bytes()
        dovecot.put(b"From: spam@x.example\r\nTo: reply@office.example\r\n\r\nbuy")
        dovecot.put(good)
        assert jobs.run(house, "receive") == {"added": 1, "returned": 0, "not_taken": 1}
        assert (dovecot.count(), dovecot.count(f"INBOX.{mailbox.NOT_TAKEN}")) == (0, 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_over_tls_the_servers_name_is_checked(
    answering: House, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure = dataclasses.replace(
        answering.settings, imap_host="localhost", imap_port=dovecot.tls_port, imap_security="tls"
    )
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"), open_mailbox(secure):
        pass
    gc.collect()  # imaplib leaves the socket of a failed start to the garbage collector, which says so
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    with open_mailbox(secure) as box:
        assert box.numbers() == []
    starttls = dataclasses.replace(secure, imap_port=dovecot.port, imap_security="starttls")
    with open_mailbox(starttls) as box:
        assert box.numbers() == []


def test_two_workers_read_one_mailbox(answering: House, sink: MailSink, dovecot: Dovecot, clock: Clock) -> None:
    """Both have the same list before either begins."""
    number = lodge(answering).complaint.tracking_number
    receipt = letter_about(answering, sink, number)
    for turn in range(3):
        dovecot.put(answer(receipt, f"কথা {turn}", Message_ID=f"<{turn}@example.com>").as_bytes())
    with open_mailbox(answering.settings) as other:
        waiting = other.numbers()
        assert jobs.run(answering, "receive")["added"] == 3
        assert [other.head(one) for one in waiting] == [None] * 3
    assert len(said(answering, number)) == 3
