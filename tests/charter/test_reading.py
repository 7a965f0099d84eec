"""Charters as data: the five real documents, eight invented ones that differ as real ones do, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grs.charter import read_charter
from grs.charter.cells import merged_officers, read_day_limit, read_phones, read_time_limit
from grs.charter.model import TimeLimit
from grs.charter.text import decode
from grs.domain.errors import InvalidFile
from grs.domain.tiers import DayLimit, LimitUnit
from grs.settings import CONFIG
from tests.charter.scoring import f1, mistakes

HERE = Path(__file__).parent
REAL = sorted((HERE / "expected").glob("*.json"))
VARIANTS = sorted((HERE / "variants").glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    found = read_charter(decode(path.read_bytes()), source=path.name).as_json()
    whole: dict[str, Any] = json.loads(json.dumps(found))
    return whole


@pytest.mark.parametrize("expected", REAL, ids=lambda path: path.stem)
def test_real_charter_reads_as_a_person_reads_it(expected: Path) -> None:
    found, wanted = (
        read(CONFIG / "charters" / f"{expected.stem}.txt"),
        json.loads(expected.read_text("utf-8")),
    )
    assert mistakes(found, wanted) == []
    assert f1(found, wanted) == 1.0


@pytest.mark.parametrize("expected", VARIANTS, ids=lambda path: path.stem)
def test_invented_charter_reads_as_a_person_reads_it(expected: Path) -> None:
    assert mistakes(read(expected.with_suffix(".txt")), json.loads(expected.read_text("utf-8"))) == []


def test_there_are_five_and_eight() -> None:
    assert (len(REAL), len(VARIANTS)) == (5, 8)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refuse-bijoy.txt", "old font encoding"),
        ("refuse-no-table.txt", "no table"),
        ("refuse-latin1.txt", "UTF-8"),
        ("refuse-empty.txt", "empty"),
    ],
)
def test_what_cannot_be_read_is_refused_in_plain_words(name: str, words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        read(HERE / "variants" / name)


def test_a_changed_expectation_is_noticed() -> None:
    """The scoring itself can fail."""
    wanted = json.loads(REAL[0].read_text("utf-8"))
    found = read(CONFIG / "charters" / f"{REAL[0].stem}.txt")
    found["services"][0]["fee"] = "৫০০ টাকা"
    del found["services"][-1]
    assert f1(found, wanted) < 1.0
    assert any("fee" in mistake for mistake in mistakes(found, wanted))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("০৩ (তিন) কার্যদিবস (প্রযোজ্য ক্ষেত্রে)", TimeLimit(working_days_min=3, working_days_max=3)),
        ("তাৎক্ষণিক/ ৩ কার্যদিবস", TimeLimit(immediate=True, working_days_min=3, working_days_max=3)),
        ("৩-৭ কার্যদিবস", TimeLimit(working_days_min=3, working_days_max=7)),
        ("০৩ (তিন) থেকে ০৫ (পাঁচ) কার্যদিবস", TimeLimit(working_days_min=3, working_days_max=5)),
        ("তাৎক্ষনিক/কার্যদি বস (প্রযোজ্য ক্ষেত্রে)", TimeLimit(immediate=True)),
        ("৭ কার্যদিবস/ চাহিদা অনুযায়ী", TimeLimit(working_days_min=7, working_days_max=7, as_needed=True)),
        ("নির্দেশনা মোতাবেক", TimeLimit(as_directed=True)),
        ("(প্রযোজ্য ক্ষেত্রে)", TimeLimit()),
        ("১ মাস", TimeLimit()),
    ],
)
def test_time_cells(cell: str, expected: TimeLimit) -> None:
    assert read_time_limit(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("৩০ কার্যদিবস", DayLimit(30)),
        ("20 working days", DayLimit(20)),
        ("২ মাস", DayLimit(2, LimitUnit.MONTHS)),
        ("৬০ দিন", DayLimit(60, LimitUnit.CALENDAR_DAYS)),
        ("যথাসময়ে", None),
    ],
)
def test_grievance_limits(cell: str, expected: DayLimit | None) -> None:
    assert read_day_limit(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("উপজেলা কোড-৮৫৪২ ফোনঃ 02589978229", ("02589978229",)),
        ("ফোনঃ +৮৮০ ২৪১ ০২৪০৭১", ("880241024071",)),
        ("ফোন: +০২৫৮৮৮৭৩৪২৪ ০১৭২১১৩৩১২৩", ("02588873424", "01721133123")),
        ("ফোন: +৮৮ মোবাইল: ০১৯৩৬৪৪৭৯৫৫", ("01936447955",)),
        ("wahidul60@gmail.com", ()),
    ],
)
def test_phones(cell: str, expected: tuple[str, ...]) -> None:
    assert read_phones(cell) == expected


def test_merged_officer_cells_reach_down_and_are_put_together() -> None:
    officers = merged_officers(
        ["", "জনাব ক সহকারী প্রোগ্রামার ফোন: +৮৮", "মোবাইল: ০১৭০০০০০০০১", "", "জনাব খ উপজেলা আইসিটি অফিসার"]
    )
    assert [officer.name if officer else None for officer in officers] == ["ক", "ক", "ক", "ক", "খ"]
    assert officers[1] is not None
    assert officers[1].phones == ("01700000001",)


REAL_LINES = [
    line
    for path in sorted((CONFIG / "charters").glob("*.txt"))
    for line in path.read_text("utf-8").splitlines()
    if line.strip()
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(REAL_LINES), st.text(alphabet="কখ১২ \t()/@.", max_size=40)), max_size=40))
def test_any_shuffle_of_lines_is_read_or_refused_in_plain_words(lines: list[str]) -> None:
    try:
        read_charter("\n".join(lines), source="shuffled")
    except InvalidFile as refused:
        assert refused.reason


def test_a_large_file_is_read() -> None:
    """Patterns that explode would never come back from this."""
    text = "\n".join(REAL_LINES * 8)
    assert len(read_charter(text, source="large").services) > 400


def test_a_cell_that_no_charter_has_is_refused_by_its_line() -> None:
    with pytest.raises(InvalidFile, match="more than 5000 characters") as refused:
        read_charter("\n".join([*REAL_LINES[:5], "১\t" + "ক" * 5001 + "\tখ"]), source="long")
    assert refused.value.line == 6


def test_an_officers_column_is_not_taken_for_the_serial() -> None:
    text = "সেবার নাম\tসময়সীমা\tমূল্য\tকর্মকর্তা\nভাতা\t৩ কার্যদিবস\tবিনামূল্যে\tসমাজসেবা অফিসার\nঋণ\t৫ কার্যদিবস\tবিনামূল্যে\tমেডিকেল অফিসার"
    services = read_charter(text, source="no-serial").services
    assert [(s.name, s.officer and s.officer.designation) for s in services] == [
        ("ভাতা", "সমাজসেবা অফিসার"),
        ("ঋণ", "মেডিকেল অফিসার"),
    ]


def test_a_stand_in_row_is_no_tier_of_its_own() -> None:
    chain = (
        "ক্রমিক\tকখন যোগাযোগ করবেন\tকার সঙ্গে যোগাযোগ করবেন\tযোগাযোগের ঠিকানা\tনিষ্পত্তির সময়সীমা\n"
        "১\tব্যর্থ হলে\tঅভিযোগ নিষ্পত্তি কর্মকর্তা (অনিক)\tউপপরিচালক\t২৫ কার্যদিবস\n"
        "২\tতাঁর অনুপস্থিতিতে\tবিকল্প অভিযোগ নিষ্পত্তি কর্মকর্তা\tসহকারী পরিচালক\t\n"
    )
    head = "ক্রমিক\tসেবার নাম\tসময়সীমা\tসেবার মূল্য\n১\tভাতা\t৩ কার্যদিবস\tবিনামূল্যে\n"
    tiers = read_charter(head + chain, source="stand-in").grievance_tiers
    assert [(tier.tier, tier.limit) for tier in tiers] == [(1, DayLimit(25))]


def test_a_stand_in_is_neither_the_officer_nor_his_superior() -> None:
    head = "ক্রমিক\tসেবার নাম\tসময়সীমা\tসেবার মূল্য\tদায়িত্বপ্রাপ্ত কর্মকর্তা\tবিকল্প কর্মকর্তা\tঊর্ধ্বতন কর্মকর্তা"
    row = "১\tবয়স্ক ভাতা\t১৫ কার্যদিবস\tবিনামূল্যে\tজনাব ক আলী সমাজসেবা অফিসার\tজনাব খ খান সহকারী অফিসার\tউপপরিচালক"
    (service,) = read_charter(f"{head}\n{row}", source="stand-in").services
    assert service.officer is not None
    assert service.superior is not None
    assert (service.officer.name, service.superior.designation) == ("ক আলী", "উপপরিচালক")
