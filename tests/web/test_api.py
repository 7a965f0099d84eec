"""The programming interface: the same promises as the pages, told as data."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.domain.machines import Scope
from grs.web import create_app
from grs.web.api.room import PROBLEM
from tests.conftest import Clock, Template, browser
from tests.stories import lodge, pass_days
from tests.web.test_machines import token_for
from workers import jobs

OFFICE = "doict-kaunia"


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """What the interface calls is tried on both databases by the use cases' own tests."""
    return sqlite_only


@pytest.fixture
def program(house: House) -> FlaskClient:
    """A program somewhere; the tokens of forms are not asked of it, though they are switched on."""
    app = create_app(house, test_config={"RATELIMIT_ENABLED": False})
    return app.test_client()


def read(program: FlaskClient, path: str, **headers: str) -> Any:
    answer = program.get(f"/api/v1{path}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json


def send(program: FlaskClient, path: str, sent: object, *, key: str = "", **headers: str) -> TestResponse:
    return program.post(f"/api/v1{path}", json=sent, headers={"Idempotency-Key": key or str(uuid4())} | headers)


def a_form(**changes: object) -> dict[str, object]:
    who = {"name": "কল্পিত রহিমা", "mobile": "01700000001"}
    return {
        "office": OFFICE, "ground": "misconduct", "subject": "ঘুষ চাওয়া", "description": "দুইবার টাকা চেয়েছেন।",
        "complainant": who,
    } | changes  # fmt: skip


def test_offices_charters_and_services_are_read_page_by_page(program: FlaskClient) -> None:
    seen: list[str] = []
    path = "/offices?limit=2"
    while path:
        page = read(program, path)
        assert len(page["items"]) <= 2
        seen += [one["slug"] for one in page["items"]]
        path = (page["next"] or "").removeprefix("/api/v1")
    assert seen == sorted(set(seen))
    assert OFFICE in seen
    assert len(seen) == 5
    charter = read(program, f"/offices/{OFFICE}/charter")
    assert [desk["tier"] for desk in charter["chain"]] == [1, 2, 3]
    assert charter["services"][0]["name"]
    assert read(program, f"/offices/{OFFICE}/charter?version=1") == charter
    assert [one["version"] for one in read(program, f"/offices/{OFFICE}/charters")["items"]] == [1]
    numbers = [one["id"] for one in read(program, f"/services?office={OFFICE}&limit=200")["items"]]
    assert numbers == [one["id"] for one in charter["services"]]
    assert read(program, f"/services/{numbers[0]}")["office"]["slug"] == OFFICE


def test_a_due_date_is_explained(program: FlaskClient) -> None:
    told = read(program, "/working-days/due-date?received_on=2025-04-06&amount=30")
    assert told["due_on"] == "2025-05-20"
    assert told["is_provisional"] is False
    reasons = {one["day"]: one["kind"] for one in told["not_counted"]}
    assert reasons["2025-04-14"] == "holiday"
    assert all(not one["is_open"] for one in told["not_counted"])
    days = read(program, "/working-days?first=2025-04-11&days=4")["items"]
    assert [one["is_open"] for one in days] == [False, False, True, False]
    assert days[3]["name_bn"]


def test_a_complaint_is_filed_followed_and_taken_back(program: FlaskClient, house: House) -> None:
    key = str(uuid4())
    answer = send(program, "/complaints", a_form(), key=key)
    assert answer.status_code == 201, answer.text
    receipt = answer.json
    number, code = receipt["tracking_number"], {"Access-Code": receipt["access_code"]}
    assert [one["tier"] for one in receipt["expected"]] == [1, 2, 3]
    again = send(program, "/complaints", a_form(), key=key)
    assert (again.status_code, again.json) == (201, receipt), "sent twice, it is one complaint"
    with house.readers() as session:
        assert session.scalar(select(func.count()).select_from(Complaint)) == 1
    other = send(program, "/complaints", a_form(subject="অন্য কথা"), key=key)
    assert other.status_code == 422
    assert other.json["type"].endswith("#problem-key_used")

    found = read(program, f"/complaints/{number}", **code)
    assert (found["stage"], found["due_on"], found["desk"]["office"]["slug"]) == (
        "received", receipt["due_on"], "doict-rangpur",
    )  # fmt: skip
    assert [one["kind"] for one in found["steps"]] == ["lodged"]
    assert "01700000001" not in json.dumps(found), "who complained stands in no answer"

    added = send(program, f"/complaints/{number}/information", {"text": "তারিখটি ভুল ছিল।"}, **code)
    assert added.json["steps"][-1]["texts"] == ["তারিখটি ভুল ছিল।"]
    taken = send(program, f"/complaints/{number}/withdrawal", {"reason": "মিটে গেছে"}, **code)
    assert (taken.json["stage"], taken.json["outcome"]) == ("disposed", "withdrawn")
    late = send(program, f"/complaints/{number}/withdrawal", {}, **code)
    assert (late.status_code, late.json["type"].rpartition("#")[2]) == (409, "problem-action_not_allowed")


def test_an_act_sent_twice_under_one_key_is_one_step(program: FlaskClient) -> None:
    receipt = send(program, "/complaints", a_form()).json
    path, code = f"/complaints/{receipt['tracking_number']}/information", {"Access-Code": receipt["access_code"]}
    key = str(uuid4())
    first = send(program, path, {"text": "এক"}, key=key, **code)
    send(program, path, {"text": "দুই"}, **code)
    again = send(program, path, {"text": "এক"}, key=key, **code)
    assert first.status_code == again.status_code == 200
    assert [step["texts"] for step in again.json["steps"][1:]] == [["এক"], ["দুই"]]


def test_a_wrong_code_says_nothing_and_locks(house: House) -> None:
    program = browser(house, RATELIMIT_ENABLED=True)
    number = lodge(house).complaint.tracking_number
    answers = [program.get(f"/api/v1/complaints/{number}", headers={"Access-Code": "0" * 16}) for _ in range(6)]
    assert [one.status_code for one in answers] == [403] * 5 + [429]
    assert answers[0].mimetype == answers[5].mimetype == PROBLEM
    nowhere = program.get("/api/v1/complaints/267000999999", headers={"Access-Code": "0" * 16})
    assert nowhere.json | {"request_id": ""} == answers[0].json | {"request_id": ""}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"ground": "late", "service": 1}, {"applied_on"}),
        ({"applied_on": "2099-01-01"}, {"applied_on"}),
        ({"complainant": {"name": "ক", "mobile": "01700000001", "email": "no"}}, {"email"}),
        ({"subject": "  "}, {"json.subject"}),
        ({"complainant": {"name": "ক", "mobile": "12"}}, {"json.complainant.mobile"}),
        ({"wish": "x"}, {"json.wish"}),
        ({"ground": "revenge"}, {"json.ground"}),
    ],
)
def test_what_cannot_be_taken_is_named_field_by_field(
    program: FlaskClient, changes: dict[str, object], fields: set[str]
) -> None:
    answer = send(program, "/complaints", a_form(**changes))
    assert answer.status_code == 422
    assert answer.mimetype == PROBLEM
    assert {one["field"] for one in answer.json["errors"]} == fields
    assert answer.json["title"] == "Unprocessable Entity"


def test_signs_that_no_database_keeps_are_dropped(program: FlaskClient) -> None:
    receipt = send(program, "/complaints", a_form(description="এক\x00দুই")).json
    found = read(program, f"/complaints/{receipt['tracking_number']}", **{"Access-Code": receipt["access_code"]})
    assert found["description"] == "একদুই"


def test_lateness_too_early_names_the_first_day(program: FlaskClient, house: House, clock: Clock) -> None:
    charter = read(program, f"/offices/{OFFICE}/charter")
    slow = next(one for one in charter["services"] if (one["working_days_max"] or 0) > 3)
    sent = a_form(ground="late", service=slow["id"], applied_on=clock.now.date().isoformat())
    answer = send(program, "/complaints", sent)
    assert answer.json["type"].endswith("#problem-too_early")
    assert answer.json["earliest_on"] > sent["applied_on"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "body", ['{"\\ud800": 1}', '{"service": ' + "1" * 5000 + "}", "[" * 100_000, '{"a":' * 100_000]
)
def test_what_no_reader_can_read_is_refused_and_fails_nothing(program: FlaskClient, body: str) -> None:
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    answer = program.post("/api/v1/complaints", data=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.mimetype == PROBLEM


def test_days_at_the_edge_of_time_are_counted_or_refused(program: FlaskClient) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        for unit in ("working_days", "calendar_days", "months"):
            answer = program.get(f"/api/v1/working-days/due-date?received_on={day}&amount=30&unit={unit}")
            assert answer.status_code in (200, 422), (day, unit)
        assert program.get(f"/api/v1/working-days?first={day}&days=400").status_code == 200
    sent = a_form(ground="late", service=1, applied_on="0001-01-01")
    assert send(program, "/complaints", sent).json["errors"][0]["field"] == "applied_on"


def test_a_key_leads_to_nobody_elses_receipt(program: FlaskClient, clock: Clock, house: House) -> None:
    key = str(uuid4())
    first = send(program, "/complaints", a_form(), key=key).json
    clock.forward(days=8)
    jobs.run(house, "forget")
    other = {"name": "কল্পিত করিম", "mobile": "01700000002"}
    second = send(program, "/complaints", a_form(complainant=other), key=key)
    assert second.status_code == 201
    assert second.json["tracking_number"] != first["tracking_number"]


def test_one_address_files_so_many_by_whichever_door(house: House) -> None:
    client = browser(house, RATELIMIT_ENABLED=True, LODGING_PER_HOUR=1)
    assert send(client, "/complaints", a_form()).status_code == 201
    assert send(client, "/complaints", a_form()).status_code == 429
    form = {"jurisdiction_id": OFFICE, "service_code": "other", "description": "x"}
    assert client.post("/open311/v2/requests.json", data=form).status_code == 429


def test_problems_speak_the_language_that_is_asked_for(program: FlaskClient) -> None:
    for language, told in (("bn", "এটি পাওয়া যায়নি।"), ("en", "It was not found.")):
        answer = program.get("/api/v1/offices/nowhere", headers={"Accept-Language": language})
        assert (answer.status_code, answer.json["detail"]) == (404, told)
    for path in ("/api/v1/nothing", "/api/v1/offices?wrong=1", "/api/v1/offices?limit=0"):
        assert program.get(path).mimetype == PROBLEM
    assert program.post("/api/v1/offices").status_code == 405


def test_a_reader_asks_again_with_the_etag(program: FlaskClient) -> None:
    first = program.get(f"/api/v1/offices/{OFFICE}/charter")
    assert first.headers["Cache-Control"] == "no-cache"
    again = program.get(f"/api/v1/offices/{OFFICE}/charter", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    zipped = program.get(f"/api/v1/offices/{OFFICE}/charter", headers={"Accept-Encoding": "br"})
    held = {"If-None-Match": zipped.headers["ETag"], "Accept-Encoding": "br"}
    assert program.get(f"/api/v1/offices/{OFFICE}/charter", headers=held).status_code == 304


def test_a_cookie_opens_nothing(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    citizen = browser(house)
    assert citizen.get(f"/api/v1/complaints/{number}").status_code == 422, "the code is asked for each time"


def test_an_appeal_goes_to_the_next_tier(program: FlaskClient, house: House, clock: Clock) -> None:
    receipt = send(program, "/complaints", a_form()).json
    number, code = receipt["tracking_number"], {"Access-Code": receipt["access_code"]}
    early = send(program, f"/complaints/{number}/appeal", {"grounds": "না"}, **code)
    assert early.json["type"].endswith("#problem-appeal_not_possible")
    pass_days(house, clock, clock.now.date() + timedelta(days=60))
    found = read(program, f"/complaints/{number}", **code)
    assert (found["tier"], [step["kind"] for step in found["steps"]].count("escalated")) == (2, 1)


def a_picture(shade: int = 90) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (shade, 90, 60)).save(out, "JPEG")
    return out.getvalue()


def test_files_are_sent_and_read_with_the_code_all_or_none(
    program: FlaskClient, house: House, database: Template
) -> None:
    receipt = send(program, "/complaints", a_form()).json
    number, code = receipt["tracking_number"], {"Access-Code": receipt["access_code"]}
    path = f"/api/v1/complaints/{number}/files"

    def post(*files: tuple[str, bytes], key: str = "", **headers: str) -> TestResponse:
        data = {"files": [(io.BytesIO(content), name) for name, content in files]}
        return program.post(path, data=data, headers={"Idempotency-Key": key or str(uuid4())} | headers)

    mixed = post(("রসিদ.jpg", a_picture()), ("সব.zip", b"PK"), **code)
    assert mixed.status_code == 422
    assert [(one["field"], one["code"]) for one in mixed.json["errors"]] == [("files.সব.zip", "wrong_kind")]
    assert read(program, f"/complaints/{number}", **code)["steps"][-1]["kind"] == "lodged"
    assert post(("রসিদ.jpg", a_picture()), **{"Access-Code": "0" * 16}).status_code == 403
    assert post(**code).status_code == 422

    key = str(uuid4())
    told = [post(("রসিদ.jpg", a_picture()), ("২.jpg", a_picture(200)), key=key, **code) for _ in range(2)]
    assert [one.status_code for one in told] == [200, 200]
    assert told[0].json == told[1].json, "sent twice, added once"
    assert post(("৩.jpg", a_picture(10)), key=key, **code).status_code == 422, "the key is another request's"
    (step,) = [one for one in told[0].json["steps"] if one["kind"] == "information_added"]
    assert [one["name"] for one in step["files"]] == ["রসিদ.jpg", "২.jpg"]
    file = step["files"][0]
    got = program.get(f"{path}/{file['id']}", headers=code)
    assert (got.status_code, got.mimetype, len(got.data)) == (200, "image/jpeg", file["size"])
    assert hashlib.sha256(got.data).hexdigest() == file["sha256"]
    assert "attachment" in got.headers["Content-Disposition"]
    other = send(program, "/complaints", a_form(subject="অন্য")).json
    wrong = program.get(
        f"/api/v1/complaints/{other['tracking_number']}/files/{file['id']}",
        headers={"Access-Code": other["access_code"]},
    )
    assert wrong.status_code == 404, "another complaint's"
    desk = token_for(house, database, Scope.READ)
    assert program.get(f"/api/v1/queue/{number}/files/{file['id']}", headers=desk).data == got.data
    elsewhere = token_for(house, database, Scope.READ, office="doict-jessore")
    assert program.get(f"/api/v1/queue/{number}/files/{file['id']}", headers=elsewhere).status_code == 403


def test_the_figures_hide_what_is_small(program: FlaskClient, house: House) -> None:
    lodge(house)
    told = read(program, "/statistics")
    assert told["figures"]["months"][-1]["received"] is None
    assert read(program, f"/statistics/offices/{OFFICE}")["office"] == OFFICE
    assert [one["office"] for one in read(program, "/statistics/offices")["items"]] == [OFFICE]


def test_a_month_is_a_file_of_its_own_and_tells_no_more_than_the_whole(program: FlaskClient, house: House) -> None:
    for office, n in (("doict-kaunia", 9), ("doict-natore-sadar", 7), ("doict-bagherpara", 6), ("doict-jaintiapur", 2)):
        for _ in range(n):
            lodge(house, office)
    found = read(program, "/statistics/months/2025-04")
    by_office = {one["office"]: one["received"] for one in found["offices"]}
    whole = program.get("/statistics.json").json
    assert by_office == {one["office"]: one["months"][-1]["received"] for one in whole["offices"]}
    assert by_office["doict-jaintiapur"] is None
    assert found["all"]["received"] == whole["all"]["months"][-1]["received"]
    assert program.get("/statistics/months/2025-04.json").json["offices"] == found["offices"]
    rows = list(csv.DictReader(io.StringIO(program.get("/statistics/months/2025-04.csv").text)))
    assert [row["office"] for row in rows] == ["all", *by_office]
    assert {row["office"]: row["received"] for row in rows[1:]} == {
        office: "hidden" if n is None else str(n) for office, n in by_office.items()
    }
    page = program.get("/statistics").text
    assert all(f"/statistics/months/2025-04.{ending}" in page for ending in ("csv", "json"))
    for wrong in ("2024-04", "2025-05", "2025-4", "x"):
        assert program.get(f"/api/v1/statistics/months/{wrong}").status_code == 404
        assert program.get(f"/statistics/months/{wrong}.csv").status_code == 404


def test_the_description_is_whole_and_its_page_needs_nobody_else(program: FlaskClient) -> None:
    spec = read(program, "/openapi.json")
    assert spec["openapi"] == "3.1.0"
    page = unescape(program.get("/api/v1/").text)
    for path, methods in spec["paths"].items():
        for method, one in methods.items():
            if isinstance(one, dict) and "summary" in one:
                assert one["summary"] in page, path
                assert f"{method.upper()} {path}" in page
    assert "http://" not in page.replace("http://localhost", "").replace("http://127.0.0.1", "")
    assert "<script" not in page
