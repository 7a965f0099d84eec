"""Charters in every kind of document that offices keep them in, read by one interpreter."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grs.charter import read_charter, read_document
from grs.charter.cells import merged_officers, read_officer
from grs.charter.doubts import doubts_of
from grs.charter.html import read_html
from grs.charter.model import as_kept, from_kept
from grs.domain.errors import InvalidFile
from grs.domain.tiers import DayLimit, LimitUnit
from grs.settings import CONFIG
from tests.charter.scoring import f1, mistakes
from tests.charter.writing import as_excel, as_markdown, as_page, as_word

CHARTERS = sorted((CONFIG / "charters").glob("*.txt"))
LOST_TAB = "004_de807a22b227fe61"  # one row of it has lost a tab, which no table of equal rows can show
KINDS = {
    "markdown": lambda text: as_markdown(text).encode(),
    "page": lambda text: as_page(text).encode(),
    "word": as_word,
    "excel": as_excel,
}


def plain(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(document.as_json()))
    return found


@pytest.mark.parametrize("path", CHARTERS, ids=lambda path: path.stem[:3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_charter_says_the_same_in_every_kind_of_document(path: Path, kind: str) -> None:
    text = path.read_text("utf-8")
    found, wanted = plain(read_document(KINDS[kind](text), name=path.name)), plain(read_charter(text, source=path.name))
    if path.stem == LOST_TAB:
        assert f1(found, wanted) > 0.99
    else:
        assert mistakes(found, wanted) == []


# -- a page as portals have them -------------------------------------------------------------------------------------

PORTAL = """<!DOCTYPE html><html><head><title>সিটিজেন চার্টার | উপজেলা আইসিটি কার্যালয়, কাউনিয়া, রংপুর</title>
<link rel="canonical" href="https://doict.kaunia.rangpur.gov.bd/bn/site/page/charter"></head>
<body><header><a href="/">জাতীয় তথ্য বাতায়ন</a></header>
<table width="100%"><tr><td class="menu-cell"><ul class="mainmenu"><li><a href="/a">সেবার তালিকা</a></li></ul></td>
<td><div class="content"><h2>২.১ নাগরিক সেবা</h2>
<table border="1"><thead>
<tr><th rowspan="2">ক্রমিক</th><th rowspan="2">সেবার নাম</th><th rowspan="2">প্রয়োজনীয় কাগজপত্র</th>
<th rowspan="2">সেবার মূল্য</th><th rowspan="2">সময়সীমা</th><th colspan="2">দায়িত্বপ্রাপ্ত কর্মকর্তা</th></tr>
<tr><th>পদবি</th><th>ফোন ও ই-মেইল</th></tr></thead><tbody>
<tr><td colspan="7"><b>সাধারণ সেবা</b></td></tr>
<tr><td>১</td><td>জন্ম নিবন্ধন সনদ প্রদান</td><td><p>আবেদনপত্র</p><p>ছবি ২ কপি</p></td>
<td rowspan="2">বিনামূল্যে</td>
<td rowspan="2">৩ কার্যদিবস</td><td rowspan="3">উপজেলা আইসিটি অফিসার</td>
<td rowspan="3">ফোন: ০৫২১-৬২৩৪৫<br>ict@kaunia.gov.bd</td></tr>
<tr><td>২</td><td>প্রত্যয়নপত্র প্রদান</td><td>আবেদনপত্র</td></tr>
<tr><td>৩</td><td>পরামর্শ প্রদান</td><td>প্রয়োজন নেই</td><td>২০ টাকা</td>
<td>তাৎক্ষণিক</td></tr>
</tbody></table>
<h2>অভিযোগ প্রতিকার ব্যবস্থাপনা</h2>
<table><tr><td>ক্রমিক</td><td>কখন যোগাযোগ করবেন</td><td>কার সঙ্গে যোগাযোগ করবেন</td>
<td>যোগাযোগের ঠিকানা</td><td>নিষ্পত্তির সময়সীমা</td></tr>
<tr><td>১</td><td>সমাধান দিতে ব্যর্থ হলে</td><td>অভিযোগ নিষ্পত্তি কর্মকর্তা (অনিক)</td>
<td>জেলা আইসিটি অফিসার, ফোন: ০৫২১-৬৬৬৬৬৬</td><td>২৫ কার্যদিবস</td></tr>
<tr><td>২</td><td>সমাধান দিতে ব্যর্থ হলে</td><td>আপিল কর্মকর্তা</td>
<td>উপ-পরিচালক (প্রশাসন)</td><td>দুই মাস</td></tr>
<tr><td>৩</td><td>সমাধান দিতে ব্যর্থ হলে</td>
<td>মন্ত্রিপরিষদ বিভাগের অভিযোগ ব্যবস্থাপনা সেল</td><td>www.grs.gov.bd</td>
<td></td></tr></table>
</div></td><td class="sidebar"><table><tr><td>ই-সেবা</td>
<td><a href="/e">খবর</a></td></tr></table></td></tr></table>
<div class="footer"><p>পরিকল্পনা ও বাস্তবায়ন: নমুনা</p></div></body></html>"""


def test_a_portal_page_with_merged_cells_and_navigation_around_it() -> None:
    found = read_document(PORTAL.encode(), name="portal")
    assert [service.name for service in found.services] == [
        "জন্ম নিবন্ধন সনদ প্রদান", "প্রত্যয়নপত্র প্রদান", "পরামর্শ প্রদান",
    ]  # fmt: skip
    first, second, third = found.services
    assert first.documents == "আবেদনপত্র ছবি ২ কপি", "several paragraphs of a cell"
    assert (second.fee, second.time_limit.working_days_max) == ("বিনামূল্যে", 3), "merged values count for both"
    assert (third.fee, third.time_limit.immediate) == ("২০ টাকা", True)
    for service in found.services:
        assert service.officer is not None
        assert service.officer.designation == "উপজেলা আইসিটি অফিসার"
        assert service.officer.emails == ("ict@kaunia.gov.bd",), "two columns under one heading are one"
    assert found.office.website == "www.doict.kaunia.rangpur.gov.bd"
    assert [tier.limit for tier in found.grievance_tiers] == [
        DayLimit(25), DayLimit(2, LimitUnit.MONTHS), None,
    ]  # fmt: skip
    lines = PORTAL.splitlines()
    assert "জন্ম নিবন্ধন" in lines[first.line - 1], "the line is the page's own"
    assert "(অনিক)" in lines[found.grievance_tiers[0].line - 1]


def test_doubts_name_what_should_be_looked_at() -> None:
    found = read_document(PORTAL.encode(), name="portal")
    doubts = {(doubt.place, doubt.number, doubt.code) for doubt in doubts_of(found)}
    assert ("tier", 3, "limit_not_stated") in doubts
    assert ("office", 0, "no_date") in doubts
    assert not any(place == "service" for place, _, _ in doubts)
    without = read_document(PORTAL.replace("তাৎক্ষণিক", "যথাসময়ে").replace("২০ টাকা", "").encode(), name="portal")
    assert ("service", 2, "time_not_understood") in {(d.place, d.number, d.code) for d in doubts_of(without)}


CELLS = "| {} | সেবা {} | পদ্ধতি | কাগজ | বিনামূল্যে | {} | {} |"


@pytest.mark.parametrize(
    ("serial", "time", "officer", "code"),
    [
        ("২", "৭-৩ কার্যদিবস", "সহকারী প্রোগ্রামার ০১৭০০০০০০০১", "range_reversed"),
        ("২", "৪০০ কার্যদিবস", "সহকারী প্রোগ্রামার ০১৭০০০০০০০১", "very_long"),
        ("২", "৩ কার্যদিবস", "", "officer_from_above"),
        ("২", "৩ কার্যদিবস", "সহকারী প্রোগ্রামার ০১৭০০০০০০০১২৩৪৫", "odd_phone"),
        ("১", "৩ কার্যদিবস", "সহকারী প্রোগ্রামার ০১৭০০০০০০০১", "serial_twice"),
        ("২", "৩ কার্যদিবস", "প্রোগ্রামার ০১৭০০০০০০০২", None),
    ],
)
def test_a_doubtful_cell_is_marked(serial: str, time: str, officer: str, code: str | None) -> None:
    text = "\n".join(
        (
            "উপজেলা কার্যালয়, নমুনা। ২.১) নাগরিক সেবা",
            "| ক্রমিক | সেবার নাম | সেবা প্রদান পদ্ধতি | প্রয়োজনীয় কাগজপত্র | সেবার মূল্য | সেবা প্রদানের সময়সীমা | দায়িত্বপ্রাপ্ত কর্মকর্তা |",
            "|---|---|---|---|---|---|---|",
            CELLS.format("১", "ক", "৩ কার্যদিবস", "সহকারী প্রোগ্রামার ০১৭০০০০০০০১"),
            CELLS.format(serial, "খ", time, officer),
        )
    )
    found = read_document(text.encode(), name="x")
    assert len(found.services) == 2
    codes = {doubt.code for doubt in doubts_of(found) if (doubt.place, doubt.number) == ("service", 1)}
    assert codes == ({code} if code else set())


def test_an_officer_repeated_on_every_row_of_a_merged_cell_is_named_once() -> None:
    cell = "রফিক উদ্দিন সহকারী প্রোগ্রামার ফোন: ০১৭০০০০০০০১"
    assert merged_officers([cell, cell, "", cell]) == [read_officer(cell)] * 4


def test_what_was_read_is_kept_whole_until_it_is_confirmed() -> None:
    for document in (read_document(PORTAL.encode(), name="portal"), read_charter(CHARTERS[1].read_text(), source="x")):
        assert from_kept(json.loads(json.dumps(as_kept(document)))) == document


# -- refusals --------------------------------------------------------------------------------------------------------


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in members.items():
            package.writestr(name, data)
    return out.getvalue()


def sutonny_word() -> bytes:
    document = docx.Document()
    document.add_paragraph("সিটিজেন চার্টার: উপজেলা কার্যালয়, নমুনা, যেখানে শিরোনাম ইউনিকোডে")
    table = document.add_table(rows=3, cols=4)
    for row in table.rows:
        for cell in row.cells:
            run = cell.paragraphs[0].add_run("bvMwiK mb` cÖ`vb")
            run.font.name = "SutonnyMJ"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def wide_excel() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.cell(1, 16_000, "ক" * 30)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rewritten(data: bytes, member: str, old: bytes, new: bytes) -> bytes:
    """The same package with something else in one of its files."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return zipped(
            {name: package.read(name).replace(old, new) if name == member else package.read(name)
             for name in package.namelist()}
        )  # fmt: skip


def merged_excel() -> bytes:
    """A small file whose one merged cell would be millions of cells in memory."""
    book = openpyxl.Workbook()
    out = io.BytesIO()
    book.save(out)
    merged = b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD900"/></mergeCells>'
    return rewritten(out.getvalue(), "xl/worksheets/sheet1.xml", b"</sheetData>", merged)


SHORT = as_word(CHARTERS[0].read_text())
BEFORE = b'<w:tr><w:trPr><w:gridBefore w:val="x"/></w:trPr>'

REFUSED = {
    "a Word file with a broken number": (rewritten(SHORT, "word/document.xml", b"<w:tr>", BEFORE), "damaged"),
    "a Word file with no body": (rewritten(SHORT, "word/document.xml", b"w:body", b"w:nobody"), "damaged"),
    "a sheet merged to the edge": (merged_excel(), ""),
    "a page of comments only": ("<!--" + "-->  <!--" * 40 + "ক" * 40, "no_table"),
    "old fonts in Word": (sutonny_word(), "old_font"),
    "old fonts in a page": (
        f"<html><body><p>{'বাংলা শিরোনাম ' * 9}</p><table><tr><td style='font-family: SutonnyMJ'>"
        "bvMwiK mb` cÖ`vb Kiv nq Ges Av‡e`b</td><td>x</td></tr></table></body></html>",
        "old_font",
    ),
    "a Word file cut short": (as_word(CHARTERS[0].read_text())[:4000], "damaged"),
    "a zip of something else": (zipped({"a": b"1"}), "damaged"),
    "a zip bomb": (zipped({"word/document.xml": b"", "big": b"0" * 70_000_000}), "too_large_file"),
    "an old Word file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old_office"),
    "a page without a table": ("<html><body><p>" + "বাংলা লেখা " * 20 + "</p></body></html>", "no_table"),
    "a page with another table": (
        "<html><body><table><tr><td>" + "বাংলা লেখা " * 20 + "</td><td>২</td></tr></table></body></html>",
        "no_services",
    ),
    "a sheet as wide as Excel allows": (wide_excel(), ""),
    "no PDF": (b"%PDF-1.7\nnothing", "damaged"),
    "nothing": (b" ", "empty_file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(name: str) -> None:
    data, why = REFUSED[name]
    if name == "no PDF" and shutil.which("pdftotext") is None:
        why = "pdf_missing"
    with pytest.raises(InvalidFile) as refused:
        read_document(data.encode() if isinstance(data, str) else data, name="x")
    assert refused.value.why == why


def test_spans_larger_than_any_table_cost_nothing() -> None:
    page = PORTAL.replace('colspan="7"', 'colspan="99999"').replace('rowspan="3"', 'rowspan="65535"')
    assert len(read_document(page.encode(), name="x").services) == 3
    with pytest.raises(InvalidFile):
        read_document(f"<html><body>{'<div>' * 5_000}x".encode(), name="x")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>/tabletrtdh =\"'০১২কখ rowspancolspan\n", max_size=400))
def test_no_page_breaks_the_reader(text: str) -> None:
    with suppress(InvalidFile):
        read_html(f"<html><body>{text}</body></html>")


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"%PDF-1.4\n", b"PK\x03\x04", b"<html>", b"\xff\xfe"]))
def test_no_bytes_break_the_reader(data: bytes, head: bytes) -> None:
    with suppress(InvalidFile):
        read_document(head + data, name="x")
