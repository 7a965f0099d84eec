"""The complaint form: page by page, nothing lost, one complaint; for oneself and for others."""

from __future__ import annotations

import re
from datetime import date
from email import message_from_bytes
from html.parser import HTMLParser
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from flask.testing import FlaskClient
from openpyxl import Workbook, load_workbook
from PIL import Image
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.drafts import Attachment, Draft
from grs.db.messages import Message
from grs.domain.errors import InvalidFile
from grs.domain.lodging import Channel
from grs.usecases.paper_forms import read_forms
from tests.conftest import Clock, Template, body_of, browser, log_in
from tests.stories import dhaka, fetch, fill_in, lodge_on_the_web, pass_days


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """Pages are drawn from use cases that other tests try on both databases."""
    return sqlite_only


def a_photo(kind: str = "JPEG") -> bytes:
    """A small picture that says where it was taken."""
    out, exif = BytesIO(), Image.Exif()
    exif[0x8825] = {1: "N", 2: (23.0, 42.0, 0.0)}
    Image.new("RGB", (40, 30), "green").save(out, kind, exif=exif)
    return out.getvalue()


def begin(client: FlaskClient, **typed: str) -> str:
    answer = client.post("/offices/doict-kaunia/complain", data={"service": "", "ground": "other"} | typed)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].split("/")[2]


def upload(client: FlaskClient, path: str, fields: dict[str, object]) -> TestResponse:
    """Send files as a browser does, without the test client's own temporary files."""
    parts = MultiDict(fields)
    files = [FileStorage(stream, filename=name) for stream, name in parts.poplist("files")]
    parts.setlist("files", files)
    boundary, body = encode_multipart(parts)
    return client.post(path, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def count(house: House, table: type) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# -- nothing is lost -----------------------------------------------------------------------------


def test_a_refused_page_keeps_what_was_typed_and_ties_errors_to_fields(citizen: FlaskClient) -> None:
    address = begin(citizen)
    typed = {"name": "", "mobile": "123", "email": "x", "present_address": "<b>হারানো</b> যাবে না"}
    citizen.post(f"/forms/{address}/person", data={"is_anonymous": "no", "for_whom": "self", "kind": "public"})
    page = citizen.post(f"/forms/{address}/contact", data=typed)
    assert page.status_code == 422
    assert "&lt;b&gt;হারানো&lt;/b&gt; যাবে না" in page.text
    assert "<title>ত্রুটি: " in page.text
    fields = _Fields()
    fields.feed(page.text)
    for name in ("name", "mobile", "email"):
        field = fields.found[name]
        assert field["aria-invalid"] == "true", name
        assert f'id="{field["aria-describedby"].split()[-1]}"' in page.text, name
        assert f'href="#{name}"' in page.text, "the summary leads to the field"
    later = browser_like(citizen).get(f"/forms/{address}/contact").text
    assert "&lt;b&gt;হারানো&lt;/b&gt; যাবে না" in later, "another phone goes on where this one stopped"


def browser_like(client: FlaskClient) -> FlaskClient:
    """Another phone on the same site."""
    return client.application.test_client()


class _Fields(HTMLParser):
    """The input fields of a page by name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag in ("input", "textarea", "select") and "name" in found:
            self.found.setdefault(found["name"], found)


def test_the_resume_link_goes_on_at_the_first_page_that_lacks_something(citizen: FlaskClient) -> None:
    address = begin(citizen)
    events = {"subject": "বিষয়", "description": "বিবরণ", "about": "nobody"}
    citizen.post(f"/forms/{address}/events", data=events)
    other = browser_like(citizen).get(f"/forms/{address}")
    assert other.headers["Location"].endswith("/person")
    assert (
        browser_like(citizen).get(f"/forms/{address[:-1]}{'y' if address.endswith('x') else 'x'}").status_code == 404
    ), "a guessed address opens nothing"
    number, _, seal = address.partition("-")
    assert browser_like(citizen).get(f"/forms/{int(number) + 1}-{seal}").status_code == 404


def test_a_page_that_was_open_too_long_comes_back_with_its_text(house: House) -> None:
    address = begin(browser(house))
    client = browser(house, WTF_CSRF_ENABLED=True)
    page = client.post(f"/forms/{address}/events", data={"description": "অনেক কথা"})
    assert page.status_code == 400
    assert "অনেক কথা" in page.text
    assert "আবার পাঠান" in page.text
    assert "অনেক কথা" not in client.get(f"/forms/{address}/events").text, "a forged form changes nothing"


def test_the_check_page_leads_to_what_is_missing(citizen: FlaskClient) -> None:
    address = begin(citizen)
    page = citizen.post(f"/forms/{address}/check")
    assert page.status_code == 422
    assert f'href="/forms/{address}/events?return=check#description"' in page.text


def test_changing_one_answer_returns_to_the_check_page(citizen: FlaskClient) -> None:
    address = fill_in(citizen, "doict-kaunia")
    events = {"subject": "নতুন বিষয়", "description": "বিবরণ", "about": "nobody", "return": "check"}
    answer = citizen.post(f"/forms/{address}/events", data=events)
    assert answer.headers["Location"] == f"/forms/{address}/check"
    assert "নতুন বিষয়" in citizen.get(answer.headers["Location"]).text


def test_sent_again_it_is_the_same_receipt(house: House, citizen: FlaskClient, clock: Clock) -> None:
    address = fill_in(citizen, "doict-kaunia")
    first = citizen.post(f"/forms/{address}/check").headers["Location"]
    assert citizen.post(f"/forms/{address}/check").headers["Location"] == first
    lost = browser_like(citizen)
    assert lost.get(f"/forms/{address}").headers["Location"] == first, "the answer was lost on the way"
    assert lost.get(first).status_code == 200
    assert citizen.post(f"/forms/{address}/events", data={"subject": "x"}).headers["Location"].endswith(address)
    clock.forward(hours=2)
    late = browser_like(citizen).get(f"/forms/{address}").headers["Location"]
    assert late.startswith("/track"), "later the address shows nothing any more"
    assert count(house, Complaint) == 1
    with house.readers() as session:
        assert session.scalars(select(Draft)).one().typed == {}


def test_a_form_can_be_deleted_at_once(house: House, citizen: FlaskClient) -> None:
    address = begin(citizen)
    upload(citizen, f"/forms/{address}/files", {"files": [(BytesIO(a_photo()), "a.jpg")]})
    assert citizen.post(f"/forms/{address}/discard").status_code == 303
    assert (count(house, Draft), count(house, Attachment)) == (0, 0)


# -- files -----------------------------------------------------------------------------------------


def test_good_files_are_kept_and_bad_ones_named(house: House, citizen: FlaskClient) -> None:
    address = begin(citizen)
    files = [
        (BytesIO(a_photo()), "রসিদ.jpg"),
        (BytesIO(b"%PDF-1.4 x"), "আবেদন.pdf"),
        (BytesIO(b"MZ junk"), "virus.exe"),
        (BytesIO(a_photo()[:60]), "broken.jpg"),
        (BytesIO(b"%PDF-1.4" + b"x" * (5 * 1024 * 1024)), "large.pdf"),
    ]
    page = upload(citizen, f"/forms/{address}/files", {"files": files, "add": "yes"})
    assert page.status_code == 422
    for name, reason in (("virus.exe", "JPEG, PNG"), ("broken.jpg", "নষ্ট"), ("large.pdf", "৫ MB")):
        assert re.search(rf"{name}</span>: [^<]*{reason}", page.text), name
    assert "রসিদ.jpg" in page.text
    assert "আবেদন.pdf" in page.text
    assert count(house, Attachment) == 2
    removed = re.search(r'name="remove" value="(\d+)"', page.text)
    assert removed is not None
    citizen.post(f"/forms/{address}/files", data={"remove": removed[1]})
    assert count(house, Attachment) == 1


def test_at_most_five_files(house: House, citizen: FlaskClient) -> None:
    address = begin(citizen)
    files = [(BytesIO(b"%PDF-1.4 " + bytes([n])), f"{n}.pdf") for n in range(7)]
    page = upload(citizen, f"/forms/{address}/files", {"files": files})
    assert page.text.count("৫টির বেশি") == 2
    assert count(house, Attachment) == 5


def test_a_file_goes_with_the_complaint_and_leaves_as_a_download(
    house: House, citizen: FlaskClient, database: Template
) -> None:
    address = fill_in(citizen, "doict-kaunia")
    upload(citizen, f"/forms/{address}/files", {"files": [(BytesIO(a_photo()), "রসিদ.jpg")]})
    number = citizen.post(f"/forms/{address}/check").headers["Location"].rsplit("/", 1)[1]
    link = re.search(rf"/complaints/{number}/files/\d+", citizen.get(f"/complaints/{number}").text)
    assert link is not None
    answer = citizen.get(link[0])
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with Image.open(BytesIO(answer.data)) as picture:
        assert dict(picture.getexif()) == {}, "no place, no camera"
    assert browser(house).get(link[0]).status_code == 302, "a stranger gets nothing"
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    assert officer.get(f"/officer{link[0]}").data == answer.data
    other = log_in(browser(house), database.logins, role="grievance_officer", office="doict-sylhet")
    assert other.get(f"/officer{link[0]}").status_code == 403


# -- lateness too early -------------------------------------------------------------------------------


def test_too_early_lateness_names_the_day_and_offers_to_remind(
    house: House, citizen: FlaskClient, clock: Clock
) -> None:
    page = citizen.get("/offices/doict-kaunia/complain").text
    service = re.search(r'<option value="(\d+)"[^>]*>আইসিটি অধিদপ্তর সংক্রান্ত', page)
    assert service is not None
    address = begin(citizen, service=service[1], ground="late")
    answer = citizen.post(f"/forms/{address}/application", data={"applied_on": "০৬/০৪/২০২৫"})
    assert answer.status_code == 422
    assert "১০ এপ্রিল ২০২৫" in answer.text
    bad = citizen.post(f"/forms/{address}/remind", data={"remind_to": "যা তা"})
    assert bad.status_code == 422
    assert "যা তা" in bad.text
    citizen.post(f"/forms/{address}/remind", data={"remind_to": "citizen@example.com"})
    citizen.post(f"/forms/{address}/remind", data={"remind_to": "citizen@example.com"})
    pass_days(house, clock, date(2025, 4, 10), names=["deliver"])
    assert not house.settings.mail_folder.exists(), "not before the day"
    clock.now = dhaka(date(2025, 4, 10), 9, 0)
    pass_days(house, clock, date(2025, 4, 11), names=["deliver"])
    (letter,) = house.settings.mail_folder.iterdir()
    assert f"/forms/{address}" in body_of(message_from_bytes(letter.read_bytes()))
    assert citizen.post(f"/forms/{address}/application", data={"applied_on": "০৬/০৪/২০২৫"}).status_code == 303


def test_who_files_before_the_day_is_not_reminded(house: House, citizen: FlaskClient, clock: Clock) -> None:
    page = citizen.get("/offices/doict-kaunia/complain").text
    service = re.search(r'<option value="(\d+)"[^>]*>আইসিটি অধিদপ্তর সংক্রান্ত', page)
    assert service is not None
    address = fill_in(citizen, "doict-kaunia", service=service[1], applied_on="০৬/০৪/২০২৫")
    citizen.post(f"/forms/{address}/service", data={"service": service[1], "ground": "late"})
    citizen.post(f"/forms/{address}/remind", data={"remind_to": "01700000009"})
    citizen.post(f"/forms/{address}/service", data={"service": service[1], "ground": "misconduct"})
    assert citizen.post(f"/forms/{address}/check").status_code == 303
    with house.readers() as session:
        assert session.scalars(select(Message.letter).where(Message.letter == "can_file_now")).all() == []


# -- for others ------------------------------------------------------------------------------------------


def operator(house: House, database: Template, office: str = "doict-kaunia") -> FlaskClient:
    return log_in(browser(house), database.logins, role="operator", office=office)


ASSISTANCE = {"channel": "post", "paper_received_on": "০২/০৪/২০২৫", "form_number": "ডাক-১২", "consent": "yes"}


def test_paper_counts_from_the_day_it_was_received(house: House, database: Template) -> None:
    client = operator(house, database)
    number, _ = lodge_on_the_web(client, "doict-kaunia", **ASSISTANCE)
    complaint = fetch(house, number)
    assert complaint.channel is Channel.POST
    assert complaint.assignments[0].received_on == date(2025, 4, 6), "2 April was a holiday; the next open day counts"
    assert client.get(f"/complaints/{number}").status_code == 302, "an operator files and does not follow"
    assert "ডাক-১২" in client.get("/assist/").text
    assert "ডাক-১২" not in operator(house, database, "doict-natore-sadar").get("/assist/").text


def test_without_consent_nothing_is_filed(house: House, database: Template) -> None:
    client = operator(house, database)
    address = fill_in(client, "doict-kaunia", **ASSISTANCE)
    page = client.post(f"/forms/{address}/assistance", data=ASSISTANCE | {"consent": ""})
    assert page.status_code == 422
    assert client.post(f"/forms/{address}/check").status_code == 422
    stranger = browser(house).get(f"/forms/{address}/check")
    assert stranger.headers["Location"] == f"/login?next=/forms/{address}", "the form is the operator's alone"
    other = operator(house, database, "doict-natore-sadar")
    assert other.get(f"/forms/{address}/check").status_code == 404


def test_a_paper_form_without_contact_needs_an_address(house: House, database: Template) -> None:
    client = operator(house, database)
    number, _ = lodge_on_the_web(
        client, "doict-kaunia", mobile="", email="", present_address="গ্রাম নমুনা, কাউনিয়া", **ASSISTANCE
    )
    complaint = fetch(house, number)
    assert complaint.complainant is not None
    assert complaint.complainant.present_address == "গ্রাম নমুনা, কাউনিয়া"
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    page = officer.get("/officer/letters").text
    assert "১৬ এপ্রিল ২০২৫" in page, "7 working days after Sunday 6 April, the New Year's Monday not counted"
    letter = re.search(r"/officer/letters/\d+", page)
    assert letter is not None
    printed = officer.post(letter[0]).text
    assert "গ্রাম নমুনা, কাউনিয়া" in printed
    assert "গোপন কোড:" not in printed, "who prints it is not the complainant"
    other = log_in(browser(house), database.logins, role="grievance_officer", office="doict-sylhet")
    assert other.post(letter[0]).status_code == 403
    assert officer.post(f"{letter[0]}/posted").status_code == 303
    assert letter[0] not in officer.get("/officer/letters").text


def a_sheet(*rows: dict[str, object]) -> BytesIO:
    """A filled-in sheet of paper forms."""
    heading = ["form_number", "office", "subject", "description", "name", "mobile", "ground", "channel", "consent",
               "paper_received_on", "language"]  # fmt: skip
    usual = {"office": "doict-kaunia", "subject": "বিষয়", "description": "বিবরণ", "name": "নমুনা", "language": "bn",
             "mobile": "01700000001", "ground": "অন্য বিষয়", "channel": "ডাক", "consent": "হ্যাঁ"}  # fmt: skip
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(heading)
    for row in rows:
        sheet.append([(usual | row).get(name, "") for name in heading])
    out = BytesIO()
    book.save(out)
    out.seek(0)
    return out


def test_a_sheet_of_paper_forms_is_filed_row_by_row_and_once(house: House, database: Template) -> None:
    client = operator(house, database)
    sheet = a_sheet(
        {"form_number": 101, "paper_received_on": date(2025, 4, 3)},
        {"form_number": 102, "mobile": "123"},
        {"form_number": 103, "office": "nowhere"},
        {"form_number": 101},
        {"form_number": 104, "consent": ""},
    ).getvalue()
    page = client.post("/assist/forms", data={"sheet": (BytesIO(sheet), "a.xlsx")}).text
    assert "দাখিল হয়েছে ১, আগে থেকেই ছিল ১, ভুল আছে ৩" in page
    assert "<code>mobile</code>: ১১ সংখ্যার" in page
    assert "<code>office</code>" in page
    again = client.post("/assist/forms", data={"sheet": (BytesIO(sheet), "a.xlsx")}).text
    assert "দাখিল হয়েছে ০, আগে থেকেই ছিল ২" in again
    assert count(house, Complaint) == 1
    other = operator(house, database, "doict-natore-sadar")
    theirs = a_sheet({"form_number": 101}).getvalue()
    other.post("/assist/forms", data={"sheet": (BytesIO(theirs), "a.xlsx")})
    assert count(house, Complaint) == 2, "another office has its own numbers"


@pytest.mark.parametrize(
    ("data", "told"), [(b"", "বেছে নিন"), (b"PK junk", "XLSX ফাইল নয়"), (b"\x00" * 100, "XLSX ফাইল নয়")]
)
def test_what_is_no_sheet_is_refused(house: House, database: Template, data: bytes, told: str) -> None:
    answer = operator(house, database).post("/assist/forms", data={"sheet": (BytesIO(data), "a.xlsx")})
    assert answer.status_code == 422
    assert told in answer.text


def test_a_sheet_that_unpacks_to_gigabytes_or_breaks_half_way_is_refused(house: House, database: Template) -> None:
    client, sheet = operator(house, database), a_sheet({"form_number": 1})
    bomb, broken = BytesIO(), BytesIO()
    with ZipFile(sheet) as good, ZipFile(bomb, "w", ZIP_DEFLATED) as big, ZipFile(broken, "w", ZIP_DEFLATED) as half:
        for name in good.namelist():
            data = good.read(name)
            big.writestr(name, data + (b" " * 60_000_000 if name.endswith("sheet1.xml") else b""))
            half.writestr(name, data[:-200] if name.endswith("sheet1.xml") else data)
    for stream, told in ((bomb, "৫ MB"), (broken, "XLSX ফাইল নয়")):
        stream.seek(0)
        answer = client.post("/assist/forms", data={"sheet": (stream, "a.xlsx")})
        assert (answer.status_code, told in answer.text) == (422, True)
    assert count(house, Complaint) == 0


def test_a_sheet_as_wide_as_a_street_is_looked_at_in_part() -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["form_number", "office", "subject", "description", *[""] * 16_000, "x"])
    out = BytesIO()
    book.save(out)
    with pytest.raises(InvalidFile) as refused:
        read_forms(out.getvalue())
    assert refused.value.reason == "no_rows"


def test_an_operator_prints_a_receipt_again_for_some_days(house: House, database: Template, clock: Clock) -> None:
    client = operator(house, database)
    number, code = lodge_on_the_web(client, "doict-kaunia", **ASSISTANCE)
    assert code in client.get(f"/assist/receipts/{number}").text
    assert code in client.get("/assist/receipts").text
    other = operator(house, database, "doict-natore-sadar")
    assert other.get(f"/assist/receipts/{number}").status_code == 404
    client.post("/logout")
    assert code not in client.get(f"/receipts/{number}", follow_redirects=True).text, "the next person at the computer"
    clock.forward(days=4)
    assert operator(house, database).get(f"/assist/receipts/{number}").status_code == 404


def test_the_empty_sheet_can_be_filled_in(house: House, database: Template) -> None:
    book = load_workbook(BytesIO(operator(house, database).get("/assist/forms.xlsx").data))
    assert next(cell.value for cell in book["forms"][1]) == "form_number"


def test_only_operators_file_for_others(house: House, database: Template) -> None:
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    assert officer.get("/assist/").status_code == 403
    assert browser(house).get("/assist/").status_code == 302
    number, _ = lodge_on_the_web(officer, "doict-kaunia")
    assert fetch(house, number).channel is Channel.WEB
