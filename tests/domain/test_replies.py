"""Which mails are a person's word, and which part of one is new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grs.domain.replies import LINE, Sort, is_refused_by_sender, new_text, one_sender, sort_of

ADDRESS, NAME, CITIZEN = "grs@office.example", "অভিযোগ প্রতিকার", "citizen@example.com"
LINE_WHOLE = f"{LINE} এই দাগের উপরে উত্তর লিখলে তা আপনার অভিযোগে যোগ হবে –##"


@pytest.mark.parametrize(
    ("headers", "sender", "content_type", "sort"),
    [
        ({}, "citizen@example.com", "text/plain", Sort.LETTER),
        ({"auto-submitted": ["no"]}, "citizen@example.com", "text/plain", Sort.LETTER),
        ({"auto-submitted": ["auto-replied; owner-email=x"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"auto-submitted": ["auto-generated"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"precedence": ["Bulk"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"precedence": ["auto_reply"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"x-auto-response-suppress": ["All"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"x-autoreply": ["yes"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"list-id": ["<news.example>"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({"return-path": ["<>"]}, "citizen@example.com", "text/plain", Sort.AUTOMATIC),
        ({}, "no-reply@shop.example", "text/plain", Sort.AUTOMATIC),
        ({}, "noreply+7@shop.example", "text/plain", Sort.AUTOMATIC),
        ({}, "norepliesever@example.com", "text/plain", Sort.LETTER),
        ({}, "mailer-daemon@mx.example", "multipart/report", Sort.BOUNCE),
        ({"return-path": ["<>"]}, "MAILER-DAEMON@mx.example", "text/plain", Sort.BOUNCE),
        ({"auto-submitted": ["auto-replied"]}, "citizen@example.com", "multipart/report", Sort.BOUNCE),
    ],
)
def test_robots_are_known_by_what_they_say_of_themselves(
    headers: dict[str, list[str]], sender: str, content_type: str, sort: Sort
) -> None:
    assert sort_of(headers, sender=sender, content_type=content_type) is sort


@pytest.mark.parametrize(
    ("told", "judge", "is_refused"),
    [
        (["mx.office.example; spf=fail; dmarc=fail (p=none) header.from=example.com"], "mx.office.example", True),
        (["mx.office.example; dmarc=pass header.from=example.com"], "mx.office.example", False),
        (["MX.office.example 1; DMARC = FAIL"], "mx.office.example", True),
        (["mx.office.example; dmarc=pass header.from=evil.example"], "mx.office.example", True),
        (["evil.example; dmarc=fail"], "mx.office.example", False),
        (["mx.office.example; dmarc=pass", "mx.office.example; dmarc=fail"], "mx.office.example", False),
        (["mx.office.example; dmarc=fail"], "", False),
        ([], "mx.office.example", False),
    ],
)
def test_only_our_own_servers_word_on_the_sender_counts(told: list[str], judge: str, is_refused: bool) -> None:
    headers = {"authentication-results": told} if told else {}
    assert is_refused_by_sender(headers, judge=judge, sender="citizen@example.com") is is_refused


@pytest.mark.parametrize(
    ("told", "sender"),
    [
        (["citizen@example.com"], CITIZEN),
        (["নমুনা <citizen@example.com>"], CITIZEN),
        (['"citizen@example.com" <Citizen@Example.com>'], CITIZEN),
        (["citizen@example.com <evil@x.example>"], ""),
        (["citizen@example.com, evil@x.example"], ""),
        (["citizen@example.com", "evil@x.example"], ""),
        (["evil@x.example"], ""),
        ([], ""),
    ],
)
def test_a_mail_is_from_one_address_or_from_nobody(told: list[str], sender: str) -> None:
    """Servers judge by one address of several, readers show another."""
    assert one_sender(told, CITIZEN) == sender


@pytest.mark.parametrize(
    ("mail", "new"),
    [
        ("রসিদটি পেয়েছি।\n\nধন্যবাদ\n", "রসিদটি পেয়েছি।\n\nধন্যবাদ"),
        (f"হ্যাঁ।\n\nOn Mon, 7 Apr 2025 at 10:00, {NAME} <{ADDRESS}> wrote:\n> {LINE_WHOLE}\n> আপনার", "হ্যাঁ।"),
        (f"হ্যাঁ।\n\nOn Mon, 7 Apr 2025 at 10:00, {NAME}\n<{ADDRESS}> wrote:\n\n> {LINE_WHOLE}\n", "হ্যাঁ।"),
        (f"হ্যাঁ।\n\n৭ এপ্রি, ২০২৫ তারিখে ১০:০০-এ {NAME} লিখেছেন:\n>> {LINE_WHOLE}\n", "হ্যাঁ।"),
        (f"হ্যাঁ।\r\n\r\n-----Original Message-----\r\nFrom: {NAME} <{ADDRESS}>\r\nSent: Monday\r\n{LINE_WHOLE}", "হ্যাঁ।"),
        (f"প্রথম।\n\nদ্বিতীয় {NAME} চাই।\n\n> {LINE_WHOLE}", f"প্রথম।\n\nদ্বিতীয় {NAME} চাই।"),
        (f"{NAME} চাই:\nরাস্তা ঠিক করুন\n{LINE_WHOLE}", f"{NAME} চাই:\nরাস্তা ঠিক করুন"),
        (f"লেখা\nOn Monday <{ADDRESS}> wrote:\n> {LINE_WHOLE}", "লেখা"),
        (f"লেখা\nOn Monday {ADDRESS} wrote:\n> {LINE_WHOLE}", f"লেখা\nOn Monday {ADDRESS} wrote:"),
        (f"> {LINE_WHOLE}\n> চিঠি\n\nনিচে লেখা", ""),
        (LINE_WHOLE, ""),
        # What people write of us is not what introduces a quotation.
        (f"Help.\nI wrote to {ADDRESS} on Monday.\nNobody came.\n\n> {LINE_WHOLE}", f"Help.\nI wrote to {ADDRESS} on Monday.\nNobody came."),  # noqa: E501
        (f"To {NAME}.\nThe clerk asked 500 taka.\nWitnesses are as follows:\n\n> {LINE_WHOLE}", f"To {NAME}.\nThe clerk asked 500 taka.\nWitnesses are as follows:"),  # noqa: E501
        (f"Salam\n\nPlease note\nI wrote to {ADDRESS}\n\n> {LINE_WHOLE}", f"Salam\n\nPlease note\nI wrote to {ADDRESS}"),  # noqa: E501
        (f"Address: {ADDRESS}\n\n> {LINE_WHOLE}", f"Address: {ADDRESS}"),
    ],
)  # fmt: skip
def test_what_is_new_stands_above_the_line(mail: str, new: str) -> None:
    assert new_text(mail, address=ADDRESS, name=NAME) == new


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.text())
def test_no_word_above_the_line_is_lost(written: str, quoted: str) -> None:
    """Whatever a person writes on one line, and whatever the letter below it says."""
    mail = f"{written}\n\n> {LINE_WHOLE}\n{quoted}"
    if LINE in written or ADDRESS in written.lower() or NAME in written or not written.strip(" \t\n>_-"):
        return
    if written.lstrip(" >").startswith(("--", "__")):  # a rule, as programs draw one before what they quote
        return
    assert new_text(mail, address=ADDRESS, name=NAME).split() == written.split()
