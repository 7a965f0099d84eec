"""Rules of the front desk: files, search, public figures, paper letters, what people type."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from datetime import date
from fractions import Fraction
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grs.domain.attachments import LARGEST_FILE, LONGEST_NAME, MediaType, check_size, clean_name, promised_type
from grs.domain.bangla import one_form, search_text, search_words
from grs.domain.deadlines import post_by
from grs.domain.districts import district_in_bangla, district_spellings
from grs.domain.errors import FileRefused, InvalidInput
from grs.domain.figures import SMALLEST_SHOWN, in_time_rate, median_days, protect
from grs.domain.lodging import read_assistance, read_complaint_form
from grs.domain.typed import read_day, read_number
from tests.domain.test_calendar import GAZETTE
from tests.stories import TYPED

TODAY = date(2025, 4, 6)


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("রসিদ ১.jpg", "রসিদ ১.jpg"),
        ("C:\\fakepath\\ছবি.png", "ছবি.png"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("．．／x.jpg", "x.jpg"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\r\nX: y.pdf", "aX y.pdf"),
        ('q"<b>.webp', "qb.webp"),
        ("", "file"),
        ("....", "file"),
    ],
)
def test_a_name_is_only_a_name(name: str, kept: str) -> None:
    assert clean_name(name) == kept


def test_a_long_name_keeps_its_ending() -> None:
    assert clean_name("ক" * 500 + ".pdf").endswith(".pdf")
    assert len(clean_name("ক" * 500 + ".pdf")) == LONGEST_NAME


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.exe", "a.heic", "a", ".jpg.gif", "a.pdf."])
def test_kinds_that_are_not_taken(name: str) -> None:
    if name == "a.pdf.":
        assert promised_type(name) is MediaType.PDF, "a trailing point is no ending"
        return
    with pytest.raises(FileRefused) as refused:
        promised_type(name)
    assert refused.value.reason == "wrong_kind"


@pytest.mark.parametrize(("size", "reason"), [(0, "empty"), (LARGEST_FILE + 1, "too_large"), (LARGEST_FILE, None)])
def test_sizes(size: int, reason: str | None) -> None:
    if reason is None:
        check_size(size)
        return
    with pytest.raises(FileRefused) as refused:
        check_size(size)
    assert refused.value.reason == reason


# -- search ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("অভিযোগ নিষ্পত্তি", "নিস্পত্তি"),
        ("জেলা আইসিটি কার্যালয়", "কার্যাল\u09af\u09bc"),
        ("জেলা আইসিটি কার্যালয়", "কার্যাল\u09df"),
        ("প্রশিক্ষণ প্রদান", "প্রশিক্ষন"),
        ("কক্ষ ২০৩", "203"),
        ("Room 203", "২০৩"),
        ("Upazila ICT Office, Kaunia", "KAUNIA"),
        ("জন্ম\u200dনিবন্ধন", "জন্মনিবন্ধন"),
        ("বাঘারপাড়া", "বাঘারপাডা়"),
        ("বাঘারপাড়া", "বাঘারপারা"),
        ("মানিকগঞ্জ", "মানিকগন্জ"),
    ],
)
def test_spelling_variants_find_the_same(written: str, typed: str) -> None:
    assert all(word in search_text(written) for word in search_words(typed))


def test_a_district_is_found_by_old_and_new_name_in_either_language() -> None:
    found = search_text(*district_spellings("Jessore"))
    assert all(word in found for name in ("Jashore", "Jessore", "যশোর") for word in search_words(name))
    assert district_in_bangla("Chittagong") == district_in_bangla("Chattogram") == "চট্টগ্রাম"


def test_a_query_of_signs_finds_everything_and_breaks_nothing() -> None:
    assert search_words("  ") == []
    assert all(word for word in search_words("% _ ( *"))


# -- public figures -----------------------------------------------------------------------------------


TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 12), min_size=width, max_size=width), max_size=5).map(
        lambda rows: (width, rows)
    )
)


def worked_out(shown: list[list[int | None]]) -> set[tuple[int, int]]:
    """The hidden cells that the sums determine, by elimination as a patient reader would do it."""
    last, right = len(shown) - 1, len(shown[0]) - 1
    unknown = [(y, x) for y, row in enumerate(shown) for x, n in enumerate(row) if n is None]
    sums = [{(y, x): Fraction(1 if x < right else -1) for x in range(right + 1)} for y in range(last + 1)]
    sums += [{(y, x): Fraction(1 if y < last else -1) for y in range(last + 1)} for x in range(right + 1)]
    rows = [[one.get(cell, Fraction(0)) for cell in unknown] for one in sums]
    solved: list[list[Fraction]] = []
    for column in range(len(unknown)):
        found = next((row for row in rows if row[column]), None)
        if found is None:
            continue
        rows.remove(found)
        found = [value / found[column] for value in found]
        rows = [[a - row[column] * b for a, b in zip(row, found, strict=True)] for row in rows]
        solved = [[a - row[column] * b for a, b in zip(row, found, strict=True)] for row in solved] + [found]
    return {unknown[row.index(1)] for row in solved if sum(value != 0 for value in row) == 1}


@settings(max_examples=200, deadline=None)
@given(TABLES)
def test_no_small_count_is_shown_or_can_be_worked_out(table: tuple[int, list[list[int]]]) -> None:
    width, rows = table
    shown = protect(rows, width=width)
    assert not any(n is not None and 0 < n < SMALLEST_SHOWN for row in shown for n in row)
    assert worked_out(shown) == set()


def test_what_two_hidden_cells_a_line_would_still_give_away() -> None:
    rows = [
        [2, 19, 0, 0, 50, 0, 32, 0, 23, 0, 0, 13],
        [24, 51, 31, 40, 0, 22, 1, 33, 27, 0, 38, 21],
        [1, 0, 60, 0, 0, 15, 60, 0, 46, 4, 10, 23],
    ]
    assert worked_out(protect(rows, width=12)) == set()


@given(TABLES)
def test_what_is_shown_is_true(table: tuple[int, list[list[int]]]) -> None:
    width, rows = table
    shown = protect(rows, width=width)
    for row, out in zip(rows, shown, strict=False):
        assert all(n in (None, given) for n, given in zip(out, [*row, sum(row)], strict=True))


def test_large_counts_are_all_shown() -> None:
    assert protect([[5, 9], [7, 0]], width=2) == [[5, 9, 14], [7, 0, 7], [12, 9, 21]]
    assert protect([], width=2) == [[0, 0, 0]]


@given(st.lists(st.integers(0, 90), min_size=SMALLEST_SHOWN))
def test_the_median_is_the_median(days: list[int]) -> None:
    assert median_days(Counter(days)) == median(days)


def test_the_median_of_few_is_not_told() -> None:
    assert median_days({3: 4}) is None


def test_the_rate_is_hidden_with_its_parts() -> None:
    assert in_time_rate(in_time=15, disposed=18, overdue=2) == 75
    assert in_time_rate(in_time=None, disposed=18, overdue=0) is None
    assert in_time_rate(in_time=0, disposed=0, overdue=0) is None


# -- letters on paper, and what people type ----------------------------------------------------------------


def test_a_letter_leaves_by_the_seventh_working_day() -> None:
    assert post_by(GAZETTE, date(2025, 4, 6)) == date(2025, 4, 16), "Friday, Saturday and the New Year's Monday"


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("১৫/০৬/২০২৫", date(2025, 6, 15)),
        ("15-6-2025", date(2025, 6, 15)),
        ("15 6 2025", date(2025, 6, 15)),
        ("2025-06-15", date(2025, 6, 15)),
        ("15.06.2025", date(2025, 6, 15)),
        ("", None),
    ],
)
def test_days_as_people_write_them(typed: str, day: date | None) -> None:
    problems: dict[str, str] = {}
    assert read_day({"on": typed}, "on", problems) == day
    assert problems == {}


@pytest.mark.parametrize("typed", ["৩১/০২/২০২৫", "কাল", "15/06", "15/06/25", "1/1/99999", "--", "15/06/0001"])
def test_days_that_are_none(typed: str) -> None:
    problems: dict[str, str] = {}
    assert read_day({"on": typed}, "on", problems) is None
    assert problems == {"on": "not_a_date"}


def test_numbers_in_either_digits() -> None:
    assert (read_number("১২"), read_number(" 12 "), read_number("1२"), read_number("-1"), read_number(None)) == (
        12, 12, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, {}),
        ({"is_anonymous": ""}, {"is_anonymous": "choose_one"}),
        ({"for_whom": ""}, {"for_whom": "choose_one"}),
        ({"for_whom": "other"}, {"on_behalf_of": "required", "relation": "required"}),
        ({"for_whom": "other", "on_behalf_of": "ক", "relation": "মা"}, {}),
        ({"is_anonymous": "yes", "for_whom": "", "name": "", "mobile": "", "email": ""}, {}),
        ({"mobile": "", "present_address": "গ্রাম"}, {"mobile": "required"}),
        ({"email": "a@b"}, {"email": "not_an_email"}),
    ],
)
def test_who_complains(changes: dict[str, str], problems: dict[str, str]) -> None:
    typed = TYPED | {"form_key": "x" * 30} | changes
    found: dict[str, str] = {}
    try:
        read_complaint_form(typed, language="bn", today=TODAY)
    except InvalidInput as error:
        found = error.problems
    assert found == problems


def test_who_is_helped_may_leave_an_address_instead_of_a_number() -> None:
    typed = TYPED | {"form_key": "x" * 30, "mobile": "", "email": "", "present_address": "গ্রাম নমুনা"}
    form = read_complaint_form(typed, language="bn", today=TODAY, is_assisted=True)
    assert (form.mobile, form.present_address) == ("", "গ্রাম নমুনা")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"channel": "web"}, {"channel": "choose_one"}),
        ({"channel": ""}, {"channel": "choose_one"}),
        ({"consent": ""}, {"consent": "consent_needed"}),
        ({"paper_received_on": "07/04/2025"}, {"paper_received_on": "in_the_future"}),
        ({"paper_received_on": "05/04/2024"}, {"paper_received_on": "too_long_ago"}),
        ({"form_number": "1" * 61}, {"form_number": "too_long"}),
    ],
)
def test_what_an_operator_must_say(changes: dict[str, str], problem: dict[str, str]) -> None:
    typed = {"channel": "post", "paper_received_on": "06/04/2025", "form_number": "১২", "consent": "yes"}
    read = read_assistance(typed, operator_id=1, office_id=1, today=TODAY)
    assert read.form_number == "১২"
    with pytest.raises(InvalidInput) as refused:
        read_assistance(typed | changes, operator_id=1, office_id=1, today=TODAY)
    assert refused.value.problems == problem


def test_of_the_signs_on_one_letter_twenty_stay() -> None:
    marks = "\u0301\u0316"
    assert len(one_form("ক" + marks * 500 + "খ" + marks * 5)) == 1 + 20 + 1 + 10
    assert one_form("ক" + "-" * 50 + "।") == "ক" + "-" * 50 + "।"


def test_no_such_sign_is_a_letter_a_digit_or_a_blank() -> None:
    """By that, texts without long runs of signs are not looked through sign by sign."""
    every = map(chr, range(sys.maxunicode + 1))
    assert [c for c in every if unicodedata.combining(c) and re.match(r"[\w\s]", c)] == []
