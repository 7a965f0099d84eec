"""Findings about files and texts that come in: whatever they hold, they are read or refused, and soon."""

from __future__ import annotations

import io
import random
import signal
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest
from PIL import Image

from grs.charter import read_document
from grs.domain.bangla import normalise, normalise_lines, search_text, skeleton
from grs.domain.errors import FileRefused, GrievanceError, InvalidFile
from grs.gazette import read_calendar_file
from grs.gazette.icalendars import read_icalendar
from grs.notify.mail import Mail, as_bytes
from grs.settings import CONFIG
from grs.uploads import clean_upload
from grs.usecases.offices import read_offices
from grs.usecases.paper_forms import read_forms
from tests.charter.writing import as_excel, as_markdown, as_page, as_word

HANG = 12
"""Seconds: on a machine with nothing else to do each of these takes under two."""
HEADING = "ক্রম\tসেবার নাম\tসেবা প্রদান পদ্ধতি\tকাগজপত্র\tসেবার মূল্য\tসময়সীমা\tদায়িত্বপ্রাপ্ত কর্মকর্তা\n"
SERVICE = "১\tজন্ম নিবন্ধন\tআবেদন\tকাগজ\tবিনামূল্যে\t৭ কার্যদিবস\tজনাব আলী, উপজেলা অফিসার\n"
GOOD = "নাগরিক সেবা\n" + HEADING + SERVICE
PAGE = "<!doctype html><html><body><table>" + "".join(
    "<tr>" + "".join(f"<td>{cell}</td>" for cell in line.split("\t")) + "</tr>" for line in (HEADING, SERVICE)
)
CHARTERS = sorted((CONFIG / "charters").glob("*.txt"))


@contextmanager
def no_hang(seconds: int = HANG) -> Iterator[None]:
    """Fail where the body takes longer than anybody waits."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"still reading after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_or_refused(read: Callable[[], object]) -> None:
    with no_hang(), suppress(GrievanceError):
        read()


HOSTILE_TEXTS = {
    "a row of 300 cells": GOOD + "\t".join(["ক"] * 300) + "\n",
    "rows of 60 cells": GOOD + ("\t".join(["ক"] * 60) + "\n") * 300,
    "a heading of 60 columns": "ক্রম\tসেবার নাম\tসেবার মূল্য\tসময়সীমা" + "\tক" * 56 + "\nক\tখ\n" * 200,
    "one cell with many blanks": HEADING + "১\t" + "  ক" * 1600,
    "one cell with many amounts": HEADING + "১\t" + " ১ টাকা " * 600,
    "a cell like an address": HEADING + "১\tজন্ম\tখ\tগ\tঘ\t৭ কার্যদিবস\t" + "1-" * 2400,
    "many such cells": HEADING + "".join(f"{n}\tজন্ম\tখ\tগ\tঘ\t৭ কার্যদিবস\t{n}" + "1-" * 1000 + "\n" for n in range(60)),
    "brackets that never close": HEADING + ("১\tজন্ম\tখ\tগ\tঘ\t" + "এক (" * 1200 + "\tচ\n") * 20,
    "rows that go on for ever": HEADING + "১\tজন্ম\tখ\tগ\tঘ\t৭ কার্যদিবস\tচ\n" + "\tকককক\tককক\t\t\t\t\n" * 19_990,
    "a line of pipes": "|" + "ক" * 20 + "|-" * 490_000,
    "a quarter of a million short rows": "a\tb\n" * 250_000,
    "marks on one letter": GOOD + "ক" + "\u0316\u0301" * 200_000,
    "one megabyte in one line": "ক" * 330_000,
    "digits": "1" * 1_000_000,
    "joiners": "\u200d" * 330_000,
    "NUL": GOOD + "\x00",
    "elements without end": PAGE + "<a>" * 20_000,
    "cells without end": PAGE + "<td>" * 50_000,
    "paragraphs without end": PAGE + "<p>" * 300_000,
    "a span of the whole world": PAGE + '<tr><td rowspan="99999" colspan="99999">ক</td></tr>' * 50,
}


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_no_text_hangs_or_breaks_the_charter_reader(name: str) -> None:
    read_or_refused(lambda: read_document(HOSTILE_TEXTS[name].encode(), name="x"))


def packed_with(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """A package with its members changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed:
        for member in package.namelist():
            changed.writestr(member, change(member, package.read(member)))
    return out.getvalue()


def a_charter() -> str:
    return CHARTERS[0].read_text("utf-8")


EVERYTHING = b'</sheetData><mergeCells><mergeCell ref="$A$1:$XFD$1048576"/></mergeCells>'


def merged(_name: str, data: bytes) -> bytes:
    return data.replace(
        b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="$A$1:$XFD$1048576"/></mergeCells>', 1
    )


def styled(name: str, data: bytes) -> bytes:
    return data.replace(b"</cellXfs>", b"<xf/>" * 1_000_000 + b"</cellXfs>") if name == "xl/styles.xml" else data


def emptied(name: str, data: bytes) -> bytes:
    return data.replace(b"<w:body>", b"<w:body>" + b"<w:p/>" * 1_500_000) if name == "word/document.xml" else data


def test_an_area_merged_over_a_whole_sheet_is_refused() -> None:
    data = packed_with(as_excel(a_charter()), merged)
    with no_hang(), pytest.raises(InvalidFile):
        read_document(data, name="x.xlsx")


def test_a_million_styles_are_refused_by_both_readers() -> None:
    data = packed_with(as_excel(a_charter()), styled)
    for read in (lambda: read_document(data, name="x.xlsx"), lambda: read_forms(data)):
        with no_hang(), pytest.raises(InvalidFile):
            read()


def test_a_word_file_of_empty_paragraphs_is_refused() -> None:
    data = packed_with(as_word(a_charter()), emptied)
    with no_hang(), pytest.raises(InvalidFile):
        read_document(data, name="x.docx")


@pytest.mark.parametrize("write", [as_page, as_markdown, as_word, as_excel], ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", range(4))
def test_a_charter_with_bytes_changed_is_read_or_refused(write: Callable[..., bytes | str], seed: int) -> None:
    chance = random.Random(seed)
    whole = write(a_charter())
    data = bytearray(whole.encode() if isinstance(whole, str) else whole)
    for _ in range(12):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 3, 40))):
            at = chance.randrange(len(changed))
            what = chance.randrange(4)
            if what == 0:
                changed[at] = chance.randrange(256)
            elif what == 1:
                del changed[at : at + chance.randrange(1, 200)]
            elif what == 2:
                changed[at:at] = changed[at : at + chance.randrange(1, 400)] * chance.randrange(1, 20)
            else:
                changed[at:at] = chance.choice((b"\t", b"|", b"\n", b"<td>", b"</table>", b"\xff\xfe", b"(", b"\xe0"))
        read_or_refused(lambda changed=bytes(changed): read_document(changed, name="x"))  # type: ignore[misc]


# -- texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tidy", [normalise, normalise_lines, skeleton, search_text], ids=lambda one: one.__name__)
@pytest.mark.parametrize("text", ["ক" + "\u0316\u0301" * 250_000, "\u09bc\u09cd" * 250_000, " \t" * 500_000])
def test_no_text_takes_long_to_bring_into_one_spelling(tidy: Callable[[str], str], text: str) -> None:
    with no_hang():
        tidy(text)


def test_ordinary_text_keeps_its_spelling() -> None:
    text = "নিষ্পত্তি, য়, é, ক্ষ্ম্য এবং á̱"
    assert normalise(text) == unicodedata.normalize("NFC", text)


# -- tables and calendars --------------------------------------------------------------------------------------

BROKEN_TABLES = [b'"a', b'"a"b,c\n', b"date\rkind\r\n", b"a" * 200_000, b"a," * 400, b"\xff\xfe", b""]


@pytest.mark.parametrize("data", BROKEN_TABLES, ids=range(len(BROKEN_TABLES)))
@pytest.mark.parametrize("read", [read_calendar_file, read_offices, read_forms, read_icalendar])
def test_a_broken_table_is_refused_in_words(read: Callable[[bytes], object], data: bytes) -> None:
    with no_hang(), pytest.raises(InvalidFile):
        read(data)


def test_a_calendar_longer_than_any_is_refused() -> None:
    event = "BEGIN:VEVENT\r\nSUMMARY:Eid\r\nDTSTART;VALUE=DATE:20250101\r\nDTEND;VALUE=DATE:20250209\r\nEND:VEVENT\r\n"
    with no_hang(), pytest.raises(InvalidFile):
        read_icalendar(("BEGIN:VCALENDAR\r\n" + event * 9_000 + "END:VCALENDAR\r\n").encode())
    with no_hang(), pytest.raises(InvalidFile):
        read_calendar_file(b"date,kind,name_bn,name_en," + b",".join(b"c%d" % n for n in range(30_000)))


# -- pictures --------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def a_picture(size: tuple[int, int], kind: str, mode: str = "RGBA", **more: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **more)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_picture_without_its_colours_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 30, 30, 8, 3, 0, 0, 0)
    body = chunk(b"tRNS", b"\0") + chunk(b"IDAT", zlib.compress(b"\0" * 31 * 30)) + chunk(b"IEND", b"")
    with pytest.raises(FileRefused):
        clean_upload("a.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body)


@pytest.mark.parametrize(
    ("name", "size"), [("a.png", (1, 15_000_000)), ("a.png", (6_000, 6_000)), ("a.webp", (6_000, 6_000))]
)
def test_a_small_file_with_a_vast_picture_is_refused_before_it_is_drawn(name: str, size: tuple[int, int]) -> None:
    data = a_picture(size, "PNG" if name.endswith("png") else "WEBP", mode="RGB")
    with pytest.raises(FileRefused) as refused:
        clean_upload(name, data)
    assert refused.value.reason == "too_many_pixels"


def test_a_moving_picture_is_refused() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(FileRefused) as refused:
        clean_upload("a.webp", out.getvalue())
    assert refused.value.reason == "moving_picture"


# -- letters ---------------------------------------------------------------------------------------------------


def a_mail(**changes: object) -> Mail:
    from datetime import UTC, datetime

    facts: dict[str, object] = {
        "key": "k", "sender": "GRS <grs@office.example>", "to_name": "নাম", "to_address": "a@example.com",
        "subject": "বিষয়", "body": "কথা", "html": "<p>কথা</p>", "queued_at": datetime(2025, 4, 6, tzinfo=UTC),
    }  # fmt: skip
    return Mail(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["to_name", "subject", "body", "html"])
def test_half_a_letter_of_the_alphabet_stops_no_letter(field: str) -> None:
    assert b"a@example.com" in as_bytes(a_mail(**{field: "ক\ud800খ"}))


@pytest.mark.parametrize("address", ["@b.c", "a@b.c\x00", "a b@c.d", "a@b.c\r\nBcc: x@y.z", "a@b.c,x@y.z", "ক@b.cd"])
def test_what_is_no_address_gets_no_letter(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        as_bytes(a_mail(to_address=address))
