"""Accounts as officers meet them: second factor, sessions, passwords, links by e-mail, the calendar's feed."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import re
from datetime import UTC, date, datetime
from email import message_from_bytes

import pyotp
import pytest
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy import select

from grs.bootstrap import House, open_house
from grs.db.offices import AccountLink, Person
from grs.domain.errors import InvalidInput
from grs.usecases.account_links import invite_person, link_address
from grs.usecases.accounts import check_password
from tests.conftest import Clock, Template, body_of, browser, log_in, make_settings
from tests.stories import lodge, lodge_on_the_web
from workers import jobs

OFFICE, ROLE = "doict-rangpur", "grievance_officer"
GOOD = "চারটি শব্দ পাশাপাশি নদী"


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


def officer(house: House, database: Template) -> FlaskClient:
    return log_in(browser(house), database.logins, role=ROLE, office=OFFICE)


def password_of(database: Template) -> tuple[str, str]:
    login = next(one for one in database.logins if one.role == ROLE and one.office == OFFICE)
    return login.email, login.password


def enrol(client: FlaskClient, clock: Clock, password: str) -> tuple[pyotp.TOTP, list[str]]:
    """Set up an authenticator as a person does: read the secret off the page, type the first code."""
    page = client.get("/account/second-factor").text
    secret = re.search(r"<code class=\"address\">([A-Z2-7 ]+)</code>", page)
    assert secret is not None
    totp = pyotp.TOTP(secret[1].replace(" ", ""))
    done = client.post("/account/second-factor", data={"code": totp.at(clock.now), "confirm": password})
    assert done.status_code == 200, done.text
    codes = re.findall(r"<code>([A-Z2-7-]{29})</code>", done.text)
    assert len(codes) == 10
    clock.forward(seconds=60)
    return totp, codes


# -- the second factor ------------------------------------------------------------------------------


def test_with_a_second_factor_the_password_alone_opens_nothing(house: House, database: Template, clock: Clock) -> None:
    client = officer(house, database)
    totp, _ = enrol(client, clock, password_of(database)[1])
    email, password = password_of(database)
    fresh = browser(house)
    asked = fresh.post("/login", data={"email": email, "password": password, "next": "/officer/leave"})
    assert asked.headers["Location"].startswith("/login/code")
    assert fresh.get("/officer/").headers["Location"].startswith("/login"), "still a stranger"
    assert fresh.post("/login/code", data={"code": "000000"}).status_code == 401
    code = totp.at(clock.now)
    answer = fresh.post("/login/code", data={"code": f"{code[:3]} {code[3:]}", "next": "/officer/leave"})
    assert answer.headers["Location"] == "/officer/leave"
    assert fresh.get("/officer/").status_code == 200
    again = browser(house)
    again.post("/login", data={"email": email, "password": password})
    assert again.post("/login/code", data={"code": code}).status_code == 401, "no code counts twice"
    clock.forward(seconds=30)
    assert again.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 303


def test_a_session_between_the_factors_lives_for_minutes_and_gives_no_other(
    house: House, database: Template, clock: Clock
) -> None:
    totp, _ = enrol(officer(house, database), clock, password_of(database)[1])
    email, password = password_of(database)
    waiting = browser(house)
    waiting.post("/login", data={"email": email, "password": password})
    clock.forward(minutes=11)
    assert waiting.post("/login/code", data={"code": totp.at(clock.now)}).headers["Location"].startswith("/login")
    assert waiting.get("/account").status_code == 302


def test_each_recovery_code_lets_in_once(house: House, database: Template, clock: Clock) -> None:
    _, codes = enrol(officer(house, database), clock, password_of(database)[1])
    email, password = password_of(database)
    for code, status in ((codes[0].lower(), 303), (codes[0], 401), (codes[1].replace("-", " "), 303)):
        client = browser(house)
        client.post("/login", data={"email": email, "password": password})
        assert client.post("/login/code", data={"code": code}).status_code == status
    assert "অব্যবহৃত উদ্ধার কোড: ৮" in client.get("/account").text
    assert client.post("/account/second-factor/renew", data={"what": "codes", "confirm": "x"}).status_code == 422
    new = client.post("/account/second-factor/renew", data={"what": "codes", "confirm": password}).text
    assert len(re.findall(r"<code>[A-Z2-7-]{29}</code>", new)) == 10
    late = browser(house)
    late.post("/login", data={"email": email, "password": password})
    assert late.post("/login/code", data={"code": codes[2]}).status_code == 401, "the earlier ones are dead"


def test_where_it_is_required_nothing_else_opens_before_it(database: Template, clock: Clock, tmp_path: object) -> None:
    settings = dataclasses.replace(make_settings(database.url, tmp_path), second_factor="required")  # type: ignore[arg-type]
    strict = open_house(settings, clock=clock)
    client = officer(strict, database)
    for path in ("/officer/", "/account", "/officer/complaints/1", "/assist/"):
        assert client.get(path).headers["Location"] == "/account/second-factor", path
    enrol(client, clock, password_of(database)[1])
    assert client.get("/officer/").status_code == 200
    strict.close()


def test_guessing_the_second_factor_is_stopped_whoever_begins_anew(
    house: House, database: Template, clock: Clock
) -> None:
    enrol(officer(house, database), clock, password_of(database)[1])
    email, password = password_of(database)
    client = browser(house, RATELIMIT_ENABLED=True)
    statuses = []
    for _ in range(7):
        client.post("/login", data={"email": email, "password": password})
        statuses.append(client.post("/login/code", data={"code": "123456"}).status_code)
    assert statuses == [401] * 5 + [429] * 2


# -- sessions and passwords ----------------------------------------------------------------------------


def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once(house: House, database: Template) -> None:
    mine, phone, library = (officer(house, database) for _ in range(3))
    page = mine.get("/account").text
    ends = re.findall(r'action="(/account/sessions/[0-9a-f]{64}/end)"', page)
    assert len(ends) == 2, "this one is ended by logging out"
    mine.post(ends[0])
    assert sorted([phone.get("/officer/").status_code, library.get("/officer/").status_code]) == [200, 302]
    mine.post("/account/sessions/end")
    assert [c.get("/officer/").status_code for c in (mine, phone, library)] == [200, 302, 302]


def test_nobody_ends_the_session_of_somebody_else(house: House, database: Template) -> None:
    mine = officer(house, database)
    other = log_in(browser(house), database.logins, role="supervisor", office=OFFICE)
    mine.get("/account")
    theirs = re.findall(r"/account/sessions/([0-9a-f]{64})/end", officer(house, database).get("/account").text)
    for hashed in theirs:
        other.post(f"/account/sessions/{hashed}/end")
    assert mine.get("/officer/").status_code == 200


def test_a_new_password_asks_for_the_old_one_and_ends_the_other_sessions(house: House, database: Template) -> None:
    _, password = password_of(database)
    mine, other = officer(house, database), officer(house, database)
    typed = {"old": password, "password": GOOD, "again": GOOD}
    for wrong, field in (
        ({"old": "x"}, "old"), ({"again": "y"}, "again"), ({"password": "short", "again": "short"}, "password"),
        ({"password": "password123456", "again": "password123456"}, "password"),
    ):  # fmt: skip
        answer = mine.post("/account/password", data=typed | wrong)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
    assert mine.post("/account/password", data=typed).status_code == 303
    assert [c.get("/officer/").status_code for c in (mine, other)] == [200, 302]
    email, _ = password_of(database)
    assert browser(house).post("/login", data={"email": email, "password": GOOD}).status_code == 303


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("a" * 11, "short_password"),
        ("x" * 201, "long_password"),
        ("qwertyuiop12", "common_password"),
        ("rahimrahim12", "common_password"),
        ("111111111111111111", "common_password"),
        ("correct horse battery staple", None),
        ("অনেক লম্বা একটা বাক্য", None),
    ],
)
def test_which_passwords_are_taken(password: str, problem: str | None) -> None:
    if problem is None:
        check_password(password, "Rahim", "rahim@example.com")
        return
    with pytest.raises(InvalidInput, match=problem):
        check_password(password, "Rahim", "rahim@example.com")


# -- links by e-mail ---------------------------------------------------------------------------------------


def last_link(house: House, address: str) -> str:
    """The path of the newest link that was mailed to an address."""
    letters = [
        message_from_bytes(path.read_bytes())
        for path in sorted(house.settings.mail_folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)
    ]
    body = next(body_of(letter) for letter in reversed(letters) if address in str(letter["To"]))
    found = re.search(r"(/account/links/\S+)", body)
    assert found is not None
    return found[1]


def test_a_reset_link_works_once_for_an_hour_and_keeps_the_second_factor(
    house: House, database: Template, clock: Clock
) -> None:
    inside = officer(house, database)
    totp, _ = enrol(inside, clock, password_of(database)[1])
    email, _ = password_of(database)
    visitor = browser(house)
    pages = [visitor.post("/login/forgot", data={"email": who}).text for who in (email, "nobody@example.com")]
    assert re.sub(r'value="[^"]*"', "", pages[0]) == re.sub(r'value="[^"]*"', "", pages[1]), "tells nothing"
    jobs.run(house, "deliver")
    link = last_link(house, email)
    assert visitor.get(link).status_code == 200
    assert visitor.post(link, data={"password": GOOD, "again": "other"}).status_code == 422
    assert visitor.post(link, data={"password": GOOD, "again": GOOD}).headers["Location"].startswith("/login")
    assert inside.get("/officer/").status_code == 302, "every session ended"
    assert "আর কাজ করে না" in visitor.get(link).text
    assert visitor.post("/login", data={"email": email, "password": GOOD}).headers["Location"].startswith("/login/code")
    assert visitor.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 303


def test_a_reset_link_ends_after_an_hour_and_five_a_day_are_sent(
    house: House, database: Template, clock: Clock
) -> None:
    email, _ = password_of(database)
    for _ in range(7):
        browser(house).post("/login/forgot", data={"email": email})
    with house.readers() as session:
        assert len(session.scalars(select(AccountLink.id)).all()) == 5
    jobs.run(house, "deliver")
    link = last_link(house, email)
    clock.forward(minutes=61)
    assert "আর কাজ করে না" in browser(house).get(link).text
    made_up = link[:-3] + "abc"
    assert "আর কাজ করে না" in browser(house).get(made_up).text


def test_an_invitation_makes_an_account_that_had_no_password(house: House, clock: Clock) -> None:
    with house.writers.begin() as session:
        link = invite_person(session, email="New@office.example", name="নতুন জন", now=clock.now)
        address = link_address(link, house.settings).removeprefix(house.settings.base_url)
    client = browser(house)
    assert client.post("/login", data={"email": "new@office.example", "password": "-"}).status_code == 401
    assert client.post(address, data={"password": GOOD, "again": GOOD}).status_code == 303
    assert client.post("/login", data={"email": "new@office.example", "password": GOOD}).status_code == 303
    with pytest.raises(InvalidInput, match="has_account"), house.writers.begin() as session:
        invite_person(session, email="new@office.example", name="x", now=clock.now)


def test_who_is_shut_out_is_out_at_the_next_request(house: House, database: Template) -> None:
    client = officer(house, database)
    email, _ = password_of(database)
    with house.writers.begin() as session:
        session.scalars(select(Person).where(Person.email == email)).one().is_active = False
    assert client.get("/officer/").status_code == 302


# -- the calendar's feed -------------------------------------------------------------------------------------


def test_the_feed_is_a_calendar_that_needs_no_log_in_and_ends_when_renewed(
    house: House, database: Template, clock: Clock
) -> None:
    number = lodge(house, subject="গোপন বিষয়").complaint.tracking_number
    client = officer(house, database)
    assert ".ics" not in client.get("/officer/calendar").text
    page = client.post("/officer/calendar/feed", follow_redirects=True).text
    feed = re.search(r"(/calendar/[^<\s]+\.ics)", html.unescape(page))
    assert feed is not None
    answer = browser(house).get(feed[1])
    assert answer.mimetype == "text/calendar"
    (event,) = [part for part in Calendar.from_ical(answer.data).walk("VEVENT")]
    assert event["DTSTART"].dt == date(2025, 5, 20)
    assert str(event["URL"]).endswith(f"/officer/complaints/{number}")
    assert "গোপন বিষয়" not in answer.text
    assert "নমুনা নাগরিক" not in answer.text
    client.post("/officer/calendar/feed", data={"renew": "yes"})
    assert browser(house).get(feed[1]).status_code == 404


# -- the list -------------------------------------------------------------------------------------------------


def listed(page: str) -> list[str]:
    return re.findall(r'href="/officer/complaints/(\d+)"', page)


def test_the_list_is_filtered_searched_saved_and_exported(house: House, database: Template, clock: Clock) -> None:
    clock.now = datetime(2025, 4, 6, 4, tzinfo=UTC)
    late = lodge(house, subject="রাস্তার বাতি").complaint.tracking_number
    clock.forward(days=20)
    new = lodge(house, subject="=cmd নিস্পত্তি হয়নি", ground="misconduct").complaint.tracking_number
    client = officer(house, database)
    assert listed(client.get("/officer/").text) == [late, new], "fewest days left first"
    assert listed(client.get("/officer/?q=নিষ্পত্তি").text) == [new], "however it is spelt"
    assert listed(client.get(f"/officer/?q={late}").text) == [late]
    assert listed(client.get("/officer/?q=নমুনা নাগরিক").text) == [], "who complained is not searched"
    assert listed(client.get("/officer/?q=%25").text) == []
    assert listed(client.get("/officer/?ground=misconduct").text) == [new]
    assert listed(client.get("/officer/?tier=2").text) == []
    client.post(f"/officer/complaints/{late}/tag", data={"tags": "বাতি"})
    assert listed(client.get("/officer/?tag=বাতি").text) == [late]
    client.post(f"/officer/complaints/{late}/accept", data={"seen_steps": "2"})
    assert listed(client.get("/officer/?stage=received").text) == [new]
    assert listed(client.get("/officer/?mine=yes").text) == []
    saved = client.post("/officer/filters", data={"name": "বাতি", "tag": "বাতি"})
    assert saved.status_code == 303
    page = client.get("/officer/").text
    address = re.search(r'href="(/officer/\?tag=[^"]+)">বাতি', page)
    assert address is not None
    assert listed(client.get(html.unescape(address[1])).text) == [late]
    table = client.get("/officer/list.csv?ground=misconduct").text
    assert "'=cmd" in table
    assert late not in table
    clock.forward(days=19)
    client = officer(house, database)  # nobody stays logged in for days
    assert listed(client.get("/officer/?left=overdue").text) == []
    assert listed(client.get("/officer/?left=soon").text) == [late]


def test_a_file_of_any_length_leaves_in_pieces(
    house: House, database: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grs.web.downloads.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("grs.db.queries.complaints.EXPORTED_AT_ONCE", 2)
    numbers = [lodge(house, mobile=f"0170000000{n}").complaint.tracking_number for n in range(5)]
    client = officer(house, database)
    with client.get("/officer/list.csv", buffered=False) as answer:
        pieces = [bytes(piece).decode("utf-8-sig") for piece in answer.iter_encoded()]
    assert [len(list(csv.reader(io.StringIO(piece)))) for piece in pieces] == [2, 2, 2], "a heading and five lines"
    assert [row[0] for row in csv.reader(io.StringIO("".join(pieces)))][1:] == numbers
    with client.get("/officer/list.csv", buffered=False):
        assert house.streams_engine.pool.checkedout() == 1  # type: ignore[attr-defined]
    assert house.streams_engine.pool.checkedout() == 0, "who takes only the beginning holds no connection"  # type: ignore[attr-defined]


def test_many_are_acknowledged_and_printed_at_once(house: House, database: Template) -> None:
    numbers = [lodge(house, mobile=f"0170000000{n}").complaint.tracking_number for n in range(3)]
    client = officer(house, database)
    client.post(f"/officer/complaints/{numbers[0]}/accept", data={"seen_steps": "1"})
    assert "আগে তালিকা থেকে" in client.post("/officer/batch", data={"do": "accept"}, follow_redirects=True).text
    page = client.post("/officer/batch", data={"do": "accept", "number": numbers}, follow_redirects=True).text
    assert "গ্রহণ করেছেন: ২" in page
    assert "এই কাজ করা যায় না" in page, "the one that was accepted already"
    printed = client.post("/officer/batch", data={"do": "print", "number": numbers}, follow_redirects=True).text
    assert printed.count("পরিশিষ্ট ক-১") == 3
    assert "নমুনা নাগরিক" not in printed


def test_somebody_with_two_posts_switches_between_desks(house: House, database: Template) -> None:
    from grs.db.offices import Post, PostHolder
    from grs.usecases.offices import find_office

    rangpur, sylhet = lodge(house), lodge(house, office="doict-jaintiapur")
    email, _ = password_of(database)
    with house.writers.begin() as session:
        person = session.scalars(select(Person).where(Person.email == email)).one()
        post = session.scalars(
            select(Post).where(Post.office_id == find_office(session, "doict-sylhet").id, Post.role == ROLE)
        ).first()
        assert post is not None
        session.add(PostHolder(post_id=post.id, person_id=person.id, held_from=date(2025, 1, 1)))
        post_id = post.id
    client = officer(house, database)
    assert listed(client.get("/officer/").text) == [rangpur.complaint.tracking_number]
    assert listed(client.get(f"/officer/?desk={post_id}").text) == [sylhet.complaint.tracking_number]
    assert client.get("/officer/?desk=9999").status_code == 403


# -- ready texts, forms that lose nothing -------------------------------------------------------------------------


def test_a_ready_text_goes_below_what_was_typed(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    client = officer(house, database)
    client.post("/officer/texts", data={"action": "write", "title": "ধন্যবাদ", "body": "ধন্যবাদ, দেখছি।",
                                        "office": office_of(client)})  # fmt: skip
    page = client.get(f"/officer/complaints/{number}").text
    key = re.search(r'<option value="(\d+)"[^>]*>ধন্যবাদ</option>', page)
    assert key is not None
    filled = client.post(
        f"/officer/complaints/{number}/write",
        data={"seen_steps": "1", "text": "আগে যা লিখেছি", "ready": key[1], "insert": "yes"},
    ).text
    assert re.search(r"আগে যা লিখেছি\nধন্যবাদ, দেখছি।</textarea>", filled)
    other = log_in(browser(house), database.logins, role=ROLE, office="doict-sylhet")
    assert other.post(f"/officer/texts/{key[1]}/delete").status_code == 404
    assert client.post(f"/officer/texts/{key[1]}/delete").status_code == 303


def office_of(client: FlaskClient) -> str:
    found = re.search(r'name="office" value="(\d+)"', client.get("/officer/texts").text)
    assert found is not None
    return found[1]


def test_of_two_officers_one_wins_and_the_other_keeps_the_text(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    first, second = officer(house, database), officer(house, database)
    first.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    late = second.post(f"/officer/complaints/{number}/write", data={"seen_steps": "1", "text": "আমার লম্বা লেখা"})
    assert late.status_code == 409
    assert "আমার লম্বা লেখা" in late.text
    assert 'name="seen_steps" value="2"' in late.text


def test_an_answer_comes_with_files_that_only_officers_see(house: House, database: Template, clock: Clock) -> None:
    citizen = browser(house)
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    client = officer(house, database)
    client.post(f"/officer/complaints/{number}/accept", data={"seen_steps": "1"})
    asked = client.post(
        f"/officer/complaints/{number}/ask_opinion",
        data={"seen_steps": "2", "to_post": "", "question": "কেন?", "answer_by": "২০/০৪/২০২৫"},
    )
    assert asked.status_code == 303
    responsible = log_in(browser(house), database.logins, role="responsible_officer", office="doict-kaunia")
    task = re.search(r'href="(/officer/tasks/\d+)"', responsible.get("/officer/", follow_redirects=True).text)
    assert task is not None
    bad = responsible.post(task[1], data={"text": "উত্তর", "files": [(io.BytesIO(b"MZ"), "x.exe")]})
    assert bad.status_code == 422
    assert "উত্তর</textarea>" in bad.text
    done = responsible.post(task[1], data={"text": "উত্তর", "files": [(io.BytesIO(b"%PDF-1.4 x"), "নথি.pdf")]})
    assert done.status_code == 303
    assert "নথি.pdf" in client.get(f"/officer/complaints/{number}").text
    assert "নথি.pdf" not in citizen.get(f"/complaints/{number}").text
    file = re.search(rf"/officer/complaints/{number}/files/(\d+)", client.get(f"/officer/complaints/{number}").text)
    assert file is not None
    assert citizen.get(f"/complaints/{number}/files/{file[1]}").status_code == 404


def test_leave_is_written_down_and_taken_back(house: House, database: Template, clock: Clock) -> None:
    client = officer(house, database)
    page = client.post("/officer/leave", data={"starts_on": "৩১/০২/২০২৫", "ends_on": "১০/০৪/২০২৫"})
    assert page.status_code == 422
    assert "৩১/০২/২০২৫" in page.text
    stand_in = re.search(r'name="(stand_in_\d+)".*?<option value="(\d+)"', client.get("/officer/leave").text, re.S)
    assert stand_in is not None
    typed = {"starts_on": "০৮/০৪/২০২৫", "ends_on": "১০/০৪/২০২৫", stand_in[1]: stand_in[2]}
    assert client.post("/officer/leave", data=typed).status_code == 303
    page = client.get("/officer/leave").text
    assert "৮ এপ্রিল ২০২৫" in page
    end = re.search(r'action="(/officer/leave/\d+/end)"', page)
    assert end is not None
    assert client.post("/officer/leave", data=typed).status_code == 422, "another leave on these days"
    client.post(end[1])
    assert "৮ এপ্রিল ২০২৫" not in client.get("/officer/leave").text
