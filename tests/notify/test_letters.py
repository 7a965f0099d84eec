"""Letters as they arrive: subjects whole, headers safe, every letter complete in both languages."""

from __future__ import annotations

import html
import os
import random
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path

import pytest

from grs.domain.disposal import NotAdmissible, Outcome
from grs.notify.mail import Mail, as_bytes, message_id
from grs.notify.render import has_sms, render_html, render_letter, render_sms, sms_parts
from grs.notify.transports import FolderTransport
from grs.settings import TEMPLATES
from tests.conftest import body_of, subject_of

LETTERS = sorted(path.name for path in (TEMPLATES / "messages").iterdir() if path.is_dir())
KEPT = Path(__file__).parent / "letters"
"""Every letter as it was last read and approved; `REWRITE_LETTERS=1 make test` writes them anew."""
FACTS = {
    "tracking_number": "264839205176",
    "to_name": "নমুনা নাগরিক",
    "office": "উপজেলা আইসিটি কার্যালয়, কাউনিয়া, রংপুর",
    "service": "তথ্য প্রদান",
    "from_post": "জেলা আইসিটি অফিসার",
    "from_office": "জেলা আইসিটি কার্যালয়, রংপুর",
    "to_post": "উপ-পরিচালক (প্রশাসন)",
    "to_office": "তথ্য ও যোগাযোগ প্রযুক্তি অধিদপ্তর",
    "tier": 2,
    "due_on": "2025-06-25",
    "was_due_on": "2025-05-20",
    "provisional": True,
    "was_provisional": True,
    "late_by": 3,
    "expected": [{"tier": 1, "due_on": "2025-05-20", "provisional": False}],
    "outcome": Outcome.SERVICE_GIVEN,
    "ground": NotAdmissible.BEFORE_COURT,
    "reason": "অন্য অফিসের বিষয়",
    "reasons": "তথ্য দেওয়া হয়েছে",
    "reference": "SRO 99",
    "days_left": 5,
    "day_of": "2025-05-21",
    "new": 3,
    "undeliverable": 0,
    "overdue": [{"post_bn": "ক", "post_en": "k", "office_bn": "খ", "office_en": "kh", "count": 2}],
    "due_soon": [{"tracking_number": "264839205176", "due_on": "2025-05-22"}],
    "escalated": [{"tracking_number": "264839205176", "tier": 1}],
    "due_soon_more": 11,
    "escalated_more": 0,
    "appeal_until": "2025-06-22",
    "finding": "not_escalated",
    "count": 4,
    "last_day": "2026-12-31",
    "since": "now",
    "base_url": "https://grs.example",
    "access_code": "1234567890123456",
    "link": "https://grs.example/forms/42-invented",
    "first_day": "2025-05-21",
    "good_until": "2025-05-21",
    "good_until_time": "10:30",
    "answer_by": "2025-05-12",
    "question": "আবেদনটি কোথায় আটকে আছে?",
    "hearing_on": "2025-05-14",
    "hearing_at": "11:00",
    "place": "অফিস কক্ষ ২০৩",
    "expected_on": "2025-05-18",
    "text": "আবেদনের রসিদ পাঠান।",
    "files": ["a", "b"],
    "why": ["other_sender"],
    "left_out": [["রসিদ.docx", "wrong_kind"]],
    "answer_until": "2025-05-15",
    "asked_post": "উপজেলা আইসিটি অফিসার",
    "asked_office": "উপজেলা আইসিটি কার্যালয়, কাউনিয়া, রংপুর",
    "done_by": "2025-05-15",
    "report_by": "2025-05-19",
    "extra_days": 10,
    "review_on": "2025-08-20",
    "ends_on": "2025-11-20",
    "starts_on": "2025-05-21",
    "task": 7,
    "task_kind": "opinion",
    "was_until": "2025-05-12",
    "lines": [{"letter": "reminder", "tracking_number": "264839205176", "tier": 1, "was_due_on": "2025-05-20"}],
    "seals": [{"day": "2025-05-20", "root": "3f" * 32}],
    "office_bn": "জেলা আইসিটি কার্যালয়, রংপুর",
    "office_en": "District ICT Office, Rangpur",
}


def a_mail(**changes: object) -> Mail:
    facts: dict[str, object] = {
        "key": "1/2/escalated/complainant",
        "sender": "অভিযোগ প্রতিকার <grs@office.example>",
        "to_name": "নমুনা নাগরিক",
        "to_address": "citizen@example.com",
        "subject": "সময়সীমা পার হওয়া অভিযোগ আপনার কাছে এসেছে, দয়া করে দেখুন",
        "body": "বিস্তারিত\n",
        "html": "<p>বিস্তারিত</p>\n",
        "queued_at": datetime(2025, 5, 21, 4, 0, tzinfo=UTC),
    }
    return Mail(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["bn", "en"])
@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_is_whole_in_both_languages(letter: str, language: str) -> None:
    subject, body = render_letter(letter, language, FACTS)
    assert subject
    assert "\n" not in subject
    assert body.strip()
    assert "{" not in subject + body
    if language == "bn":
        assert not set("0123456789") & set(subject), "Bengali digits in Bangla"
    if has_sms(letter):
        text = render_sms(letter, language, FACTS)
        assert sms_parts(text) <= 3


@pytest.mark.parametrize("language", ["bn", "en"])
@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_reads_as_it_was_approved(letter: str, language: str) -> None:
    """The kept files are for people to read: subject, letter, and the SMS with what it costs."""
    subject, body = render_letter(letter, language, FACTS)
    told = f"{subject}\n\n{body}"
    if has_sms(letter):
        text = render_sms(letter, language, FACTS)
        told += f"\nSMS, {sms_parts(text)} part(s):\n{text}\n"
    kept = KEPT / f"{letter}.{language}.txt"
    if os.environ.get("REWRITE_LETTERS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(told, encoding="utf-8")
    assert told == kept.read_text("utf-8")


@pytest.mark.parametrize("language", ["bn", "en"])
@pytest.mark.parametrize("letter", ["receipt", "disposed", "escalated"])
def test_the_html_part_looks_as_it_was_approved(letter: str, language: str) -> None:
    subject, body = render_letter(letter, language, FACTS)
    page = render_html(subject, body, language, base_url="https://grs.example")
    kept = KEPT / f"{letter}.{language}.html"
    if os.environ.get("REWRITE_LETTERS"):
        kept.write_text(page, encoding="utf-8")
    assert page == kept.read_text("utf-8")


def test_the_html_part_says_the_same_and_links_only_to_us() -> None:
    subject, body = render_letter("officer_wrote", "bn", FACTS | {"text": "<b>দেখুন</b> https://evil.example/x"})
    page = render_html(subject, body, "bn", base_url="https://grs.example")
    assert re.findall(r'href="([^"]+)"', page) == ["https://grs.example/track"]
    assert "&lt;b&gt;দেখুন&lt;/b&gt;" in page
    plain = html.unescape(re.sub(r"<[^>]+>", " ", page.split("</h1>")[1]))
    assert plain.split() == body.split()


def test_a_receipt_on_paper_has_no_code() -> None:
    _, body = render_letter("receipt", "bn", FACTS | {"access_code": ""})
    assert "গোপন কোড" not in body


@pytest.mark.parametrize("language", ["bn", "en"])
@pytest.mark.parametrize("letter", LETTERS)
def test_each_fact_has_a_line_of_its_own(letter: str, language: str) -> None:
    _, body = render_letter(letter, language, FACTS)
    lines = body.splitlines()
    for mark in (
        "সেবা: ",
        "নিষ্পত্তির শেষ দিন: ",
        "ট্র্যাকিং নম্বর: ",
        "খুলুন: ",
        "Service: ",
        "Last day",
        "Tracking number: ",
        "Open: ",
    ):
        assert all(line.startswith(mark) or mark not in line for line in lines), (mark, body)


def test_bangla_subjects_keep_their_blanks() -> None:
    words = [
        "সময়সীমা",
        "পার",
        "অভিযোগ",
        "নিষ্পত্তি",
        "কর্মকর্তা",
        "আপিল",
        "মন্ত্রিপরিষদ",
        "বিভাগের",
        "সেল",
        "২০২৫",
        "তারিখ",
        "দপ্তর",
    ]
    chance = random.Random(2)
    for _ in range(300):
        subject = " ".join(chance.choices(words, k=chance.randint(1, 18)))
        assert subject_of(message_from_bytes(as_bytes(a_mail(subject=subject)))) == subject


def test_the_letter_on_the_wire() -> None:
    data = as_bytes(a_mail())
    letter = message_from_bytes(data)
    assert data.isascii(), "no relay needs to understand 8 bits"
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert letter["Auto-Submitted"] == "auto-generated"
    assert body_of(letter).strip() == "বিস্তারিত"
    assert letter["Message-ID"] == message_id("1/2/escalated/complainant", "x <grs@office.example>")
    assert as_bytes(a_mail()) == data, "the same cause is the same letter"


def test_long_bangla_names_keep_the_address_readable() -> None:
    name = "নমুনা অভিযোগ নিষ্পত্তি কর্মকর্তা (উপজেলা আইসিটি কার্যালয়, মানিকগঞ্জ সদর, মানিকগঞ্জ)"
    data = as_bytes(a_mail(to_name=name, sender=f"{name} <grs@office.example>"))
    letter = message_from_bytes(data)
    for header, address in (("To", "citizen@example.com"), ("From", "grs@office.example")):
        shown, found = parseaddr(str(make_header(decode_header(str(letter[header])))))
        assert (found, shown.split(" (")[0]) == (address, name.split(" (")[0])
    lines = data.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert all(0 < len(line.strip()) <= 78 for line in lines), "no empty and no endless header line"
    assert not any(line.rstrip().endswith(b":") for line in lines)


@pytest.mark.parametrize("text", ["ক\r\nBcc: x@y.example", "ক\nX: 1", "ক\u2028Bcc: x@y.example"])
def test_what_was_typed_never_makes_a_header(text: str) -> None:
    letter = message_from_bytes(as_bytes(a_mail(subject=text, to_name=text)))
    assert letter["Bcc"] is None
    assert letter["X"] is None
    assert len(letter.get_all("To") or []) == 1


@pytest.mark.parametrize("address", ["ক@example.com", "a@b.example, c@d.example", "nobody", ""])
def test_an_address_that_cannot_work_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        as_bytes(a_mail(to_address=address))


def test_the_folder_holds_one_file_for_one_cause(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path)
    transport.send(a_mail())
    transport.send(a_mail())
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".eml"
    assert subject_of(message_from_bytes(file.read_bytes())) == a_mail().subject


def test_sms_parts_count_as_the_network_does() -> None:
    """70 signs of Bangla alone, 67 a part when joined; 160 and 153 of plain Latin."""
    assert [sms_parts("ক" * n) for n in (70, 71, 134, 135)] == [1, 2, 2, 3]
    assert [sms_parts("a" * n) for n in (160, 161, 306, 307)] == [1, 2, 2, 3]
    assert [sms_parts("€" * n) for n in (80, 81)] == [1, 2], "an escaped sign takes two places"
    assert sms_parts("a" * 69 + "😀") == 2, "one sign outside makes the whole text UCS-2"
