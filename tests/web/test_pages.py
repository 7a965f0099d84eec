"""Pages as people meet them: who may call what, forms that lose nothing, both languages."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.queries import offices
from grs.domain.bangla import search_words
from grs.settings import TEMPLATES
from grs.web import create_app
from grs.web.limits import network
from grs.web.protection import Callers, callers_of
from tests.conftest import Clock, Template, browser, log_in
from tests.stories import OFFICES, fetch, lodge, lodge_on_the_web


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """Pages are drawn from use cases that other tests try on both databases."""
    return sqlite_only


def officer_of(
    house: House, database: Template, office: str = "doict-rangpur", role: str = "grievance_officer"
) -> FlaskClient:
    return log_in(browser(house), database.logins, role=role, office=office)


# -- who may call what -----------------------------------------------------------------------


def routes(house: House) -> Iterator[tuple[str, str, Callers | None]]:
    app = create_app(house)
    for rule in app.url_map.iter_rules():
        path = re.sub(
            r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>",
            lambda m: {"slug": "doict-kaunia", "filename": "site.css"}.get(m[1], "1"),
            rule.rule,
        )
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, path, callers_of(app, rule.endpoint)


def test_every_route_declares_who_may_call_it(house: House) -> None:
    assert [path for _, path, callers in routes(house) if callers is None] == []


def test_a_stranger_gets_no_officers_page(house: House) -> None:
    closed = [(method, path) for method, path, callers in routes(house) if callers is Callers.LOGGED_IN]
    assert len(closed) >= 4
    for method, path in closed:
        answer = browser(house).open(path, method=method)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/login"), path


@pytest.mark.parametrize(
    ("role", "office", "status"),
    [
        ("grievance_officer", "doict-rangpur", 200),
        ("supervisor", "doict-rangpur", 200),
        ("supervisor", "doict", 200),
        ("supervisor", "doict-kaunia", 200),
        ("cell_officer", "cabinet-cell", 403),
        ("grievance_officer", "doict-sylhet", 403),
        ("supervisor", "doict-sylhet", 403),
    ],
)
def test_a_complaint_is_seen_by_who_answers_and_who_supervises(
    house: House, database: Template, role: str, office: str, status: int
) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer_of(house, database, office, role)
    assert client.get(f"/officer/complaints/{number}").status_code == status
    listed = number[:4] in re.sub(
        r"\s", "", client.get("/officer/").text.translate(str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789"))
    )
    assert listed == (status == 200)
    if role == "supervisor":
        assert client.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"}).status_code == 403


def test_log_out_kills_a_copied_cookie(house: House, database: Template) -> None:
    client = officer_of(house, database)
    cookie = client.get_cookie("grs")
    assert cookie is not None
    thief = browser(house)
    thief.set_cookie("grs", cookie.value)
    assert thief.get("/officer/").status_code == 200
    client.post("/logout")
    assert thief.get("/officer/").status_code == 302


def test_a_session_ends_when_it_is_not_used(house: House, database: Template, clock: Clock) -> None:
    client = officer_of(house, database)
    clock.forward(minutes=59)
    assert client.get("/officer/").status_code == 200
    clock.forward(minutes=61)
    assert client.get("/officer/").status_code == 302


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/%5cevil", "javascript:alert(1)"],
)
def test_log_in_never_leads_off_the_site(house: House, database: Template, wanted: str) -> None:
    login = database.logins[0]
    answer = browser(house).post("/login", data={"email": login.email, "password": login.password, "next": wanted})
    assert not re.match(r"^(?:https?:)?[/\\]{2}|^javascript", answer.headers["Location"])
    assert "evil.example" not in answer.headers["Location"]


def test_a_form_without_its_token_is_refused(house: House) -> None:
    client = browser(house, WTF_CSRF_ENABLED=True)
    for path in ("/login", "/track", "/offices/doict-kaunia/complain"):
        assert client.post(path, data={}).status_code == 400, path
    with house.readers() as session:
        assert session.scalar(select(func.count(Complaint.id))) == 0


def test_every_answer_carries_the_security_headers(house: House, citizen: FlaskClient) -> None:
    for path in ("/", "/track", "/login", "/nowhere", "/static/site.css"):
        with citizen.get(path) as answer:
            headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
    assert citizen.get("/track").headers["Cache-Control"] == "no-store"


def test_guessing_codes_is_stopped_without_telling_whether_the_number_exists(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    client = browser(house, RATELIMIT_ENABLED=True)
    absent = "250000000002"
    for tried in (number, absent):
        from grs.domain.tracking import check_digit

        tried = tried if tried == number else absent[:-1] + check_digit(absent[:-1])
        statuses = [client.post("/track", data={"number": tried, "code": "1" * 16}).status_code for _ in range(7)]
        assert statuses == [403] * 5 + [429] * 2


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix:", "unix:"),
    ],
)
def test_whom_a_limit_counts(house: House, address: str, counted_as: str) -> None:
    with browser(house).application.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
        assert network() == counted_as


def test_every_change_has_a_limit(house: House) -> None:
    client = browser(house, RATELIMIT_ENABLED=True)
    statuses = {client.post("/track/close").status_code for _ in range(2001)}
    assert statuses == {303, 429}


def test_log_in_is_slowed_down(house: House) -> None:
    client = browser(house, RATELIMIT_ENABLED=True)
    tries = [client.post("/login", data={"email": "a@b.example", "password": "x"}).status_code for _ in range(12)]
    assert tries == [401] * 10 + [429] * 2


# -- citizens ----------------------------------------------------------------------------------------


def test_the_five_offices_are_found_from_the_home_page(citizen: FlaskClient) -> None:
    assert 'href="/offices?district=Rangpur"' in citizen.get("/").text
    page = citizen.get("/offices").text
    for office in OFFICES:
        assert f'href="/offices/{office}"' in page


def test_the_charter_page_shows_promise_and_chain_with_its_source(citizen: FlaskClient) -> None:
    printed = citizen.get("/offices/doict-manikganj-sadar").text
    assert "৪৫ কার্যদিবস / প্রয়োজন অনুযায়ী" in printed
    assert "এই অফিসের সিটিজেন চার্টার" in printed
    assert "নির্দেশিকার সাধারণ নিয়ম থেকে আলাদা" in printed
    default = citizen.get("/offices/doict-jaintiapur").text
    assert "চার্টারে উল্লেখ নেই" in default


def test_the_receipt_shows_number_code_and_the_dates_of_all_tiers(house: House, citizen: FlaskClient) -> None:
    number, code = lodge_on_the_web(citizen, "doict-kaunia")
    assert len(re.sub(r"\s", "", code)) == 16
    page = citizen.get(f"/receipts/{number}").text
    for day in ("২০ মে ২০২৫, মঙ্গলবার", "২৫ জুন ২০২৫, বুধবার", "২২ সেপ্টেম্বর ২০২৫, সোমবার"):
        assert day in page
    assert "বাংলা নববর্ষ" in page, "the days not counted are named"
    assert code not in browser(house).get(f"/receipts/{number}").text, "another browser does not see it"


def test_tracking_needs_number_and_code(house: House) -> None:
    phone = browser(house)
    number, code = lodge_on_the_web(phone, "doict-kaunia")
    other = browser(house)
    assert other.get(f"/complaints/{number}").status_code == 302
    assert other.post(f"/complaints/{number}/appeal", data={"grounds": "x"}).status_code == 403
    typo = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert other.post("/track", data={"number": typo, "code": code}).status_code == 422
    assert other.post("/track", data={"number": number, "code": code}).status_code == 303
    assert "জেলা আইসিটি অফিসার" in other.get(f"/complaints/{number}").text


def test_twenty_people_at_once_are_all_served(house: House) -> None:
    statuses: list[int] = []
    application = browser(house).application

    def file() -> None:
        lodge_on_the_web(application.test_client(), "doict-kaunia")
        statuses.append(303)

    threads = [threading.Thread(target=file) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [303] * 20, "no one is told that the database is locked"


# -- officers ------------------------------------------------------------------------------------------


def test_the_list_is_soonest_due_first_in_pages(house: House, database: Template, clock: Clock) -> None:
    numbers = []
    for _ in range(27):
        numbers.append(lodge(house).complaint.tracking_number)
        clock.forward(days=1)
    client = officer_of(house, database)
    first = client.get("/officer/").text
    shown = re.findall(r"/officer/complaints/(\d+)", first)
    assert shown == numbers[:25]
    following = re.search(r'href="(/officer/\?[^"]*after=[^"]+)"', first)
    assert following is not None
    second = client.get(following[1].replace("&amp;", "&")).text
    assert re.findall(r"/officer/complaints/(\d+)", second) == numbers[25:]


def test_the_page_offers_what_the_workflow_allows(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer_of(house, database)

    def offered() -> set[str]:
        page = client.get(f"/officer/complaints/{number}").text
        return set(re.findall(rf'action="/officer/complaints/{number}/(\w+)"', page)) - {"identity"}

    assert offered() == {"accept", "forward", "reject", "write", "note", "tag"}
    client.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    assert offered() == {
        "dispose", "forward", "reject", "write", "reply", "ask_opinion", "call_hearing", "order_service",
        "investigate", "note", "tag",
    }  # fmt: skip


@pytest.fixture
def many_offices(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a country: more than a list holds."""
    monkeypatch.setattr(offices, "MOST_OFFERED", 2)


def forwarding(client: FlaskClient, number: str, **typed: str) -> TestResponse:
    typed = {"seen_steps": "1", "reason": "কারণ"} | typed
    return client.post(f"/officer/complaints/{number}/forward", data=typed)


def offered(page: str) -> set[str]:
    (choice,) = re.findall(r'<select[^>]*name="to_office".*?</select>', page, re.DOTALL)
    return set(re.findall(r'value="([^"]+)"', choice))


@pytest.mark.usefixtures("many_offices")
def test_where_there_are_many_offices_one_is_found_by_its_name(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer_of(house, database)
    assert "doict-jaintiapur" not in offered(client.get(f"/officer/complaints/{number}").text), "of another district"
    found = forwarding(client, number, find_office="জৈন্তাপুর", find="yes").text
    assert offered(found) == {"doict-jaintiapur"}
    assert '<input type="hidden" name="found_by" value="জৈন্তাপুর">' in found
    assert "\nকারণ</textarea>" in found, "nothing typed is lost"
    assert "১টি অফিস পাওয়া গেছে" in found
    assert "এই নামে কোনো অফিস পাওয়া যায়নি" in forwarding(client, number, find_office="নাইবা", find="yes").text
    assert fetch(house, number).step_count == 1, "nothing has happened yet"
    again = {"find_office": "জৈন্তাপুর", "found_by": "জৈন্তাপুর"}
    missing = forwarding(client, number, **again)
    assert (missing.status_code, "তালিকা থেকে একটি অফিস বেছে নিন" in missing.text) == (422, True), (
        "not taken for a search"
    )
    without_reason = forwarding(client, number, to_office="doict-jaintiapur", reason="", **again).text
    assert re.search(r'value="doict-jaintiapur" selected', without_reason), "the choice is kept"
    assert forwarding(client, number, to_office="doict-jaintiapur", **again).status_code == 303
    assert fetch(house, number).step_count == 2


@pytest.mark.usefixtures("many_offices")
def test_the_enter_key_in_the_search_for_an_office_forwards_to_none(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer_of(house, database)
    page = forwarding(client, number, to_office="doict-bagherpara", find_office="jaintia").text
    assert offered(page) == {"doict-jaintiapur"}
    assert "selected" not in page.partition('name="to_office"')[2].partition("</select>")[0], (
        "nor is the first choice left"
    )
    assert fetch(house, number).step_count == 1


@pytest.mark.usefixtures("many_offices")
@pytest.mark.parametrize(
    "words", ["", "  ", "—", "অ" * 20_000, "ক " * 20_000], ids=["none", "blank", "sign", "long", "many"]
)
def test_whatever_is_searched_for_nothing_is_lost(house: House, database: Template, words: str) -> None:
    number = lodge(house).complaint.tracking_number
    answer = forwarding(officer_of(house, database), number, find_office=words, find="yes")
    assert answer.status_code == (200 if search_words(words) else 422)
    assert "\nকারণ</textarea>" in answer.text
    if answer.status_code == 422:
        assert "এই ঘরটি পূরণ করুন" in answer.text


@pytest.mark.usefixtures("many_offices")
def test_who_looks_for_an_office_for_what_is_not_his_any_more_keeps_his_text(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    stranger = officer_of(house, database, office="doict-jessore")
    for more in ({"find_office": "jaintia", "find": "yes"}, {"insert": "yes"}):
        answer = forwarding(stranger, number, reason="একটি লম্বা কারণ, যা হারালে আবার লিখতে হয়", **more)
        assert (answer.status_code, "যা হারালে আবার লিখতে হয়" in answer.text) == (403, True)


def test_the_second_officer_gets_409_and_keeps_his_text(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer_of(house, database)
    client.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    answer = client.post(
        f"/officer/complaints/{number}/forward",
        data={"seen_steps": "1", "to_office": "doict-jaintiapur", "reason": "অনেক কথা লিখেছি"},
    )
    assert answer.status_code == 409
    assert "অনেক কথা লিখেছি" in answer.text
    assert "অন্য কেউ অভিযোগটিতে কাজ করেছেন" in answer.text


def test_a_disposal_without_reasons_is_sent_back_with_the_rest_kept(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer_of(house, database)
    client.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    typed = {
        "seen_steps": "2",
        "outcome": "service_given",
        "root_cause": "equipment",
        "reasons": "",
        "advice": "যন্ত্র কিনুন",
    }
    answer = client.post(f"/officer/complaints/{number}/dispose", data=typed)
    assert answer.status_code == 422
    assert "যন্ত্র কিনুন" in answer.text
    assert fetch(house, number).step_count == 2


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "{{ 7*7 }}", "\u202e\u200d\x00ক", "'; DROP TABLE complaint; --"]
)
def test_hostile_text_is_only_text(house: House, database: Template, hostile: str) -> None:
    number, _ = lodge_on_the_web(browser(house), "doict-kaunia", subject=hostile, description=hostile, name=hostile)
    page = officer_of(house, database).get(f"/officer/complaints/{number}").text
    assert "<script" not in page
    assert "49" not in page.split("<dl")[1].split("</dl>")[0] or "7*7" in page
    assert "\x00" not in page


# -- both languages ---------------------------------------------------------------------------------------


def test_english_is_complete() -> None:
    folder = TEMPLATES / "translations"
    with (folder / "en" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    with (folder / "messages.pot").open("rb") as file:
        wanted = {message.id for message in read_po(file) if message.id}
    translated = {message.id for message in catalogue if message.id and message.string and not message.fuzzy}
    assert wanted - translated == set()
    used = {
        text for path in TEMPLATES.glob("**/*.html") for text in re.findall(r"_\('([^']+)'", path.read_text("utf-8"))
    }
    assert used - wanted == set(), "run `make translations`"


def test_the_compiled_catalogue_is_the_written_one() -> None:
    import gettext

    folder = TEMPLATES / "translations"
    compiled = gettext.translation("messages", folder, ["en"])
    with (folder / "en" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        for message in read_po(file):
            if message.id:
                assert compiled.gettext(str(message.id)) == message.string


@pytest.mark.parametrize("path", ["/", "/track", "/login", "/offices/doict-kaunia", "/offices/doict-kaunia/complain"])
def test_pages_in_english_say_so_and_hold_no_bangla_of_ours(citizen: FlaskClient, path: str) -> None:
    page = citizen.get(f"{path}?lang=en").text
    assert '<html lang="en"' in page
    own = re.sub(r'<(\w+)[^>]* lang="bn"[^>]*>.*?</\1>', "", page, flags=re.DOTALL)
    own = re.sub(r"<select.*?</select>", "", own, flags=re.DOTALL)
    assert not re.search(r"[\u0985-\u09b9]", own), re.findall(r".{20}[\u0985-\u09b9].{20}", own)[:3]
    assert '<html lang="en"' in citizen.get("/").text, "remembered"


def test_no_citizens_page_loads_a_script(citizen: FlaskClient) -> None:
    for path in ("/", "/track", "/offices/doict-kaunia", "/offices/doict-kaunia/complain"):
        assert "<script" not in citizen.get(path).text
