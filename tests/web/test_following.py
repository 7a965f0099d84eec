"""After lodging: the receipt, following, adding, withdrawing, appealing, rating, dates explained, one's own list."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from email import message_from_bytes
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from grs.bootstrap import House
from grs.domain.calendar import CalendarRow, RowKind
from grs.domain.disposal import Outcome
from grs.domain.workflow import Stage
from grs.usecases.calendars import import_calendar
from grs.usecases.recalculation import recalculate_due_dates
from tests.conftest import Clock, Template, body_of, browser, log_in
from tests.stories import dhaka, fetch, lodge_on_the_web
from workers import jobs


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """Pages are drawn from use cases that other tests try on both databases."""
    return sqlite_only


def officer_of(house: House, database: Template) -> FlaskClient:
    return log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")


def dispose(house: House, database: Template, number: str) -> None:
    officer = officer_of(house, database)
    steps = fetch(house, number).step_count
    assert officer.post(f"/officer/complaints/{number}/accept", data={"seen_steps": steps}).status_code == 303
    typed = {"outcome": "service_given", "reasons": "দেওয়া হয়েছে", "root_cause": "equipment", "advice": "যন্ত্র কিনুন"}
    answer = officer.post(f"/officer/complaints/{number}/dispose", data=typed | {"seen_steps": steps + 1})
    assert answer.status_code == 303


def test_the_receipt_has_a_code_for_phones_that_holds_no_secret(house: House, citizen: FlaskClient) -> None:
    number, code = lodge_on_the_web(citizen, "doict-kaunia")
    page = citizen.get(f"/receipts/{number}").text
    assert "<svg" in page
    plain = code.replace(" ", "").translate(str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789"))
    assert not re.search(rf'(?:href|action|src)="[^"]*{plain}', page)
    jobs.run(house, "deliver")
    (letter,) = (p for p in house.settings.mail_folder.iterdir() if b"citizen@example.com" in p.read_bytes())
    assert code in body_of(message_from_bytes(letter.read_bytes())), "who lost the page has the letter"


def test_the_citizen_adds_and_the_officer_answers(house: House, citizen: FlaskClient, database: Template) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    page = citizen.post(f"/complaints/{number}/add", data={"text": ""})
    assert page.status_code == 422
    files = [(BytesIO(b"%PDF-1.4 x"), "রসিদ.pdf"), (BytesIO(b"junk"), "x.exe")]
    answer = citizen.post(f"/complaints/{number}/add", data={"text": "রসিদ দিলাম", "files": files})
    assert answer.status_code == 422, "the refused file is named"
    assert "x.exe" in answer.text
    files = [(BytesIO(b"%PDF-1.4 x"), "রসিদ.pdf")]
    again = citizen.post(f"/complaints/{number}/add", data={"text": "রসিদ দিলাম", "files": files})
    assert again.status_code == 303
    assert fetch(house, number).step_count == 2, "the same message twice is one"
    officer = officer_of(house, database)
    page = officer.get(f"/officer/complaints/{number}")
    assert "রসিদ দিলাম" in page.text
    assert "রসিদ.pdf" in page.text
    officer.post(f"/officer/complaints/{number}/write", data={"seen_steps": "2", "text": "ধন্যবাদ, দেখছি।"})
    assert "ধন্যবাদ, দেখছি।" in citizen.get(f"/complaints/{number}").text


def test_the_officer_asks_calls_and_replies(house: House, citizen: FlaskClient, database: Template) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    officer = officer_of(house, database)
    officer.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    acts = [
        ("ask_opinion", {"question": "কেন দেরি?", "answer_by": "২০/০৪/২০২৫"}),
        ("call_hearing", {"hearing_on": "২২/০৪/২০২৫", "hearing_at": "১১.৩০", "place": "কক্ষ ২০৩"}),
        ("reply", {"reason": "তদন্ত চলছে", "expected_on": "৩০/০৪/২০২৫"}),
    ]
    due_on = fetch(house, number).due_on
    for steps, (action, typed) in enumerate(acts, start=2):
        bad = officer.post(f"/officer/complaints/{number}/{action}", data={"seen_steps": steps})
        assert bad.status_code == 422, "a day and the rest are required"
        answer = officer.post(f"/officer/complaints/{number}/{action}", data=typed | {"seen_steps": str(steps)})
        assert answer.status_code == 303, answer.text
    page = citizen.get(f"/complaints/{number}").text
    for told in ("কেন দেরি?", "২২ এপ্রিল ২০২৫", "কক্ষ ২০৩", "তদন্ত চলছে", "৩০ এপ্রিল ২০২৫"):
        assert told in page
    assert fetch(house, number).due_on == due_on, "an interim reply does not move the date"
    late = {"reason": "x", "expected_on": "০১/০৪/২০২৫", "seen_steps": "5"}
    assert officer.post(f"/officer/complaints/{number}/reply", data=late).status_code == 422


def test_withdrawing_asks_twice_and_ends_the_complaint(house: House, citizen: FlaskClient, clock: Clock) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    assert citizen.post(f"/complaints/{number}/withdraw", data={"reason": "থাক"}).status_code == 422
    assert citizen.post(f"/complaints/{number}/withdraw", data={"sure": "yes"}).status_code == 303
    complaint = fetch(house, number)
    assert (complaint.stage, complaint.outcome) == (Stage.DISPOSED, Outcome.WITHDRAWN)
    again = citizen.post(f"/complaints/{number}/withdraw", data={"sure": "yes"})
    assert again.headers["Location"].endswith("?done=withdraw"), "a second tap says the same"
    page = citizen.get(f"/complaints/{number}").text
    assert "/appeal" not in page
    assert "/rate" not in page
    clock.forward(days=90)
    assert jobs.run(house, "escalate")["escalated"] == 0
    assert citizen.get(f"/complaints/{number}").status_code == 302, "the code is asked for again"


def test_rated_once_and_seen_by_the_officer(house: House, citizen: FlaskClient, database: Template) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    assert citizen.get(f"/complaints/{number}/rate").status_code == 302, "nothing to rate yet"
    dispose(house, database, number)
    assert citizen.post(f"/complaints/{number}/rate", data={"score": "9"}).status_code == 422
    assert citizen.post(f"/complaints/{number}/rate", data={"score": "৪", "comment": "ভালো"}).status_code == 303
    assert citizen.post(f"/complaints/{number}/rate", data={"score": "1"}).headers["Location"].endswith("?done=rate")
    assert fetch(house, number).step_count == 4
    assert "ভালো" in officer_of(house, database).get(f"/officer/complaints/{number}").text


def test_the_appeal_form_is_filled_in_and_shows_the_last_day(
    house: House, citizen: FlaskClient, database: Template
) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    dispose(house, database, number)
    page = citizen.get(f"/complaints/{number}/appeal").text
    for told in ("২২ জুন ২০২৫, রবিবার পর্যন্ত", "তথ্য পাওয়া যায়নি", "সেবা দেওয়া হয়েছে", "নমুনা নাগরিক"):
        assert told in page
    refused = citizen.post(f"/complaints/{number}/appeal", data={"grounds": " ", "appellant": "public"})
    assert refused.status_code == 422
    assert (
        citizen.post(f"/complaints/{number}/appeal", data={"grounds": "মানি না", "appellant": "public"}).status_code
        == 303
    )
    citizen.post(f"/complaints/{number}/rate", data={"score": "5"})
    assert fetch(house, number).step_count == 4, "an appealed complaint is not rated before it is decided again"


@pytest.mark.parametrize("act", ["add", "withdraw", "appeal", "rate"])
def test_a_stranger_does_nothing(house: House, citizen: FlaskClient, act: str) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    stranger = browser(house)
    assert stranger.get(f"/complaints/{number}/{act}").status_code == 302
    typed = {"text": "x", "sure": "yes", "grounds": "x", "score": "1"}
    assert stranger.post(f"/complaints/{number}/{act}", data=typed).status_code == 403
    assert fetch(house, number).step_count == 1


def test_a_copied_cookie_is_dead_once_its_owner_has_left(house: House, citizen: FlaskClient) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    cookie = citizen.get_cookie("grs")
    assert cookie is not None
    thief = browser(house)
    thief.set_cookie("grs", cookie.value)
    assert thief.get(f"/complaints/{number}").status_code == 200
    citizen.post("/track/close")
    assert thief.get(f"/complaints/{number}").status_code == 302
    assert thief.get(f"/receipts/{number}").status_code == 302


def test_the_receipt_stays_what_it_was(house: House, citizen: FlaskClient, database: Template) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    before = citizen.get(f"/receipts/{number}").text
    dispose(house, database, number)
    citizen.post(f"/complaints/{number}/appeal", data={"grounds": "মানি না"})
    assert citizen.get(f"/receipts/{number}").text == before


def test_leaving_a_shared_phone_forgets_the_complaint(citizen: FlaskClient) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    citizen.post("/track/close")
    for path in (f"/complaints/{number}", f"/receipts/{number}", f"/complaints/{number}/dates/1"):
        assert citizen.get(path).status_code == 302


# -- dates ---------------------------------------------------------------------------------------------


def test_a_date_is_explained_with_every_day_not_counted(citizen: FlaskClient) -> None:
    page = citizen.get("/dates/doict-kaunia/2025-04-06/30/working_days").text
    assert "২০ মে ২০২৫, মঙ্গলবার" in page
    for day, reason in (("১৪ এপ্রিল ২০২৫, সোমবার", "বাংলা নববর্ষ"), ("১ মে ২০২৫, বৃহস্পতিবার", "মে দিবস")):
        assert re.search(rf"{day}</th>\s*<td[^>]*>[^<]*{reason}", page), day
    assert "১৭ মে ২০২৫" not in page, "a Saturday declared working is counted"
    assert citizen.get("/dates/doict-kaunia/2025-04-06/0/working_days").status_code == 404
    assert citizen.get("/dates/doict-kaunia/2025-02-30/5/working_days").status_code == 404
    assert citizen.get("/dates/doict-kaunia/2025-04-06/100000/months").status_code == 404
    assert citizen.get("/dates/doict-kaunia/9999-12-30/30/working_days").status_code in (404, 422)


def test_a_changed_date_shows_old_new_and_why(house: House, citizen: FlaskClient) -> None:
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    row = CalendarRow(
        day=date(2025, 5, 12), kind=RowKind.HOLIDAY, name_bn="বিশেষ ছুটি", name_en="Special", reference="SRO 77"
    )
    with house.writers.begin() as session:
        import_calendar(session, [row], now=house.clock(), reference="SRO 77")
    recalculate_due_dates(house.writers, shelf=house.shelf, now=house.clock(), reference="SRO 77")
    page = citizen.get(f"/complaints/{number}/dates/1").text
    assert "২০ মে ২০২৫" in page
    assert "২১ মে ২০২৫" in page
    assert page.count("SRO 77") == 2, "why it changed, and the day itself"


# -- my complaints -----------------------------------------------------------------------------------------


def link_in(house: House, address: str) -> str | None:
    jobs.run(house, "deliver")
    for path in sorted(house.settings.mail_folder.iterdir()):
        found = re.search(r"/my-complaints/[\w-]+", body_of(message_from_bytes(path.read_bytes())))
        if found:
            return found[0]
    return None


def test_a_one_time_link_lists_ones_own_complaints(house: House, clock: Clock) -> None:
    number, _ = lodge_on_the_web(browser(house), "doict-kaunia")
    other, _ = lodge_on_the_web(browser(house), "doict-kaunia", email="other@example.com", mobile="01700000002")
    phone = browser(house)
    known = phone.post("/my-complaints", data={"address": "Citizen@example.com"}).text
    unknown = phone.post("/my-complaints", data={"address": "nobody@example.com"}).text
    assert known.replace("Citizen", "nobody") == unknown, "nobody learns who has complained"
    link = link_in(house, "citizen@example.com")
    assert link is not None
    assert browser(house).get(link).status_code == 200
    assert browser(house).get(link).status_code == 200, "looking does not use it up"
    assert phone.post(link).status_code == 303
    assert browser(house).post(link).status_code == 404, "it works once"
    page = phone.get("/my-complaints").text
    assert f"/complaints/{number}" in page
    assert other not in page
    assert phone.get(f"/complaints/{number}").status_code == 200
    assert phone.get(f"/complaints/{other}").status_code == 302
    clock.forward(minutes=31)
    assert phone.get(f"/complaints/{number}").status_code == 302, "and not for long"


def test_a_link_that_is_too_old_or_made_up_opens_nothing(house: House, clock: Clock) -> None:
    lodge_on_the_web(browser(house), "doict-kaunia")
    browser(house).post("/my-complaints", data={"address": "citizen@example.com"})
    link = link_in(house, "citizen@example.com")
    assert link is not None
    assert browser(house).post(link[:-1] + ("a" if link[-1] != "a" else "b")).status_code == 404
    clock.forward(minutes=31)
    assert browser(house).post(link).status_code == 404


def test_nobodys_mailbox_is_filled(house: House) -> None:
    lodge_on_the_web(browser(house), "doict-kaunia")
    for _ in range(6):
        browser(house).post("/my-complaints", data={"address": "01700000001"})
    jobs.run(house, "deliver")
    sent = [p for p in house.settings.sms_folder.iterdir() if "/my-complaints/" in p.read_text()]
    assert len(sent) == 3


def test_the_clock_of_the_house_dates_the_receipt(house: House, citizen: FlaskClient, clock: Clock) -> None:
    clock.now = datetime(2025, 4, 6, 18, 30, tzinfo=UTC)
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    complaint = fetch(house, number)
    assert complaint.filed_on == date(2025, 4, 7), "half past midnight in Dhaka"
    assert dhaka(complaint.filed_on) <= complaint.filed_at
