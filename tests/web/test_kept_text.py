"""What somebody has written is never lost, whatever became of the complaint or the session meanwhile."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask.testing import FlaskClient

from grs.bootstrap import House
from grs.domain.tables import safe_cell
from tests.conftest import Clock, Template, browser, log_in
from tests.stories import dhaka, fetch, lodge, pass_days

TEXT = "একটি লম্বা সিদ্ধান্ত, যা লিখতে সময় লেগেছে"


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


def officer(house: House, database: Template) -> FlaskClient:
    return log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")


def test_when_the_session_has_ended(house: House, database: Template, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer(house, database)
    clock.forward(hours=2)
    page = client.post(
        f"/officer/complaints/{number}/write",
        data={"seen_steps": "1", "text": TEXT},
        headers={"Referer": f"http://localhost/officer/complaints/{number}"},
    )
    assert page.status_code == 401
    assert TEXT in page.text
    assert f"next=/officer/complaints/{number}" in page.text, "the page, not the act"
    evil = client.post(
        f"/officer/complaints/{number}/write", data={"text": TEXT}, headers={"Referer": "http://evil.example/x"}
    )
    assert "evil" not in evil.text


def test_when_the_complaint_was_escalated(house: House, database: Template, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    pass_days(house, clock, date(2025, 5, 21), names=["escalate"])
    clock.now = dhaka(date(2025, 5, 21), 10)
    page = officer(house, database).post(f"/officer/complaints/{number}/write", data={"seen_steps": "1", "text": TEXT})
    assert page.status_code == 403
    assert TEXT in page.text
    assert "এখন আপনার কাছে নেই" in page.text


def test_when_a_colleague_was_quicker(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    first, second = officer(house, database), officer(house, database)
    first.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    typed = {"outcome": "service_given", "reasons": "হয়েছে", "root_cause": "equipment", "advice": "কিনুন"}
    first.post(f"/officer/complaints/{number}/dispose", data=typed | {"seen_steps": "2"})
    page = second.post(f"/officer/complaints/{number}/dispose", data=typed | {"reasons": TEXT, "seen_steps": "2"})
    assert page.status_code == 409
    assert TEXT in page.text
    stranger = log_in(browser(house), database.logins, role="grievance_officer", office="doict-sylhet")
    refused = stranger.post(f"/officer/complaints/{number}/write", data={"seen_steps": "1", "text": TEXT})
    assert (refused.status_code, TEXT in refused.text) == (403, True)


def test_a_list_points_at_what_is_new(house: House, database: Template) -> None:
    from grs.usecases.correspondence import add_information

    quiet = lodge(house).complaint.tracking_number
    number = lodge(house, mobile="01700000002").complaint.tracking_number
    with house.writers.begin() as session:
        add_information(session, number, text="নতুন কাগজ দিলাম", files=[], now=house.clock())
    client = officer(house, database)
    assert "অভিযোগকারী তথ্য যোগ করেছেন" in client.get("/officer/").text
    news = client.get("/officer/?left=news").text
    assert number in news
    assert quiet not in news
    assert fetch(house, number).step_count == 2


def test_who_is_on_leave_and_who_sits_in_are_told_so(house: House, database: Template, clock: Clock) -> None:
    client = officer(house, database)
    form = client.get("/officer/leave").text
    stand_in = re.search(
        r'name="(stand_in_\d+)".*?<option value="(\d+)"[^>]*>নমুনা তত্ত্বাবধায়ক \(জেলা আইসিটি কার্যালয়, রংপুর', form, re.S
    )
    assert stand_in is not None
    client.post("/officer/leave", data={"starts_on": "০৬/০৪/২০২৫", "ends_on": "১০/০৪/২০২৫", stand_in[1]: stand_in[2]})
    assert "১০ এপ্রিল ২০২৫, বৃহস্পতিবার পর্যন্ত ছুটিতে" in client.get("/officer/").text
    other = log_in(browser(house), database.logins, role="supervisor", office="doict-rangpur")
    assert "১০ এপ্রিল ২০২৫, বৃহস্পতিবার পর্যন্ত দায়িত্বে" in other.get("/officer/").text


def test_a_code_in_bengali_digits_is_no_failure(house: House, database: Template) -> None:
    client = officer(house, database)
    client.get("/account/second-factor")
    assert client.post("/account/second-factor", data={"code": "১২৩৪৫৬"}).status_code == 422


def test_an_operator_who_has_to_enrol_is_no_operator_yet(database: Template, clock: Clock, tmp_path: object) -> None:
    import dataclasses

    from grs.bootstrap import open_house
    from tests.conftest import make_settings

    settings = dataclasses.replace(make_settings(database.url, tmp_path), second_factor="required")  # type: ignore[arg-type]
    strict = open_house(settings, clock=clock)
    client = log_in(browser(strict), database.logins, role="operator", office="doict-kaunia")
    page = client.post(
        "/offices/doict-kaunia/complain", data={"service": "", "ground": "standard_broken"}, follow_redirects=True
    )
    assert "channel" not in page.text
    strict.close()


def test_an_empty_cell_stays_empty() -> None:
    assert safe_cell("") == ""
    assert safe_cell("=1") == "'=1"
