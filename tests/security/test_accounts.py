"""Findings about accounts, sessions and limits: each was a real fault, and stays found."""

from __future__ import annotations

import re
import threading
from collections import Counter
from datetime import timedelta

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.administration import SecurityEvent, SecurityKind
from grs.db.offices import NO_PASSWORD, Person, PostHolder
from grs.domain.access import PostRole
from grs.usecases import secrets
from grs.web import create_app
from tests.conftest import SECRET, Clock, Template, browser, log_in
from tests.stories import lodge, lodge_on_the_web
from tests.web.test_access import client_of, person_on
from tests.web.test_account import enrol, last_link, password_of
from workers import jobs


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


@pytest.fixture
def officer(house: House, database: Template) -> FlaskClient:
    return log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")


def test_a_lost_telephone_gives_no_codes_for_the_next_second_factor(
    house: House, database: Template, officer: FlaskClient, clock: Clock
) -> None:
    email, password = password_of(database)
    lost, _ = enrol(officer, clock, password)
    person_on(house, "admin@example.invalid", ("doict-rangpur", PostRole.ADMINISTRATOR))
    with house.readers() as session:
        person_id = session.scalars(select(Person.id).where(Person.email == email)).one()
    admin = client_of(house, "admin@example.invalid")
    assert admin.post(f"/admin/people/{person_id}", data={"do": "second_factor"}).status_code == 303
    again = browser(house)
    again.post("/login", data={"email": email, "password": password})
    clock.forward(minutes=2)
    assert enrol(again, clock, password)[0].secret != lost.secret


def test_a_second_factor_is_not_set_up_without_the_password(officer: FlaskClient, clock: Clock) -> None:
    page = officer.get("/account/second-factor").text
    secret = re.search(r'<code class="address">([A-Z2-7 ]+)</code>', page)
    assert secret is not None
    code = pyotp.TOTP(secret[1].replace(" ", "")).at(clock.now)
    refused = officer.post("/account/second-factor", data={"code": code, "confirm": "not mine at all"})
    assert refused.status_code == 422


def test_a_cookie_copied_before_does_not_see_what_the_next_person_opens(house: House) -> None:
    """On a shared computer: who kept a copy of the cookie looks at nothing that was filed or opened after it."""
    shared = browser(house)
    lodge_on_the_web(shared, "doict-kaunia")
    copied = shared.get_cookie("grs")
    assert copied is not None
    number, code = lodge_on_the_web(shared, "doict-kaunia", mobile="01700000007")
    spy = browser(house)
    spy.set_cookie("grs", copied.value)
    assert spy.get(f"/complaints/{number}").status_code == 302
    assert spy.get(f"/receipts/{number}").status_code == 302
    assert shared.get(f"/complaints/{number}").status_code == 200
    shared.post("/track", data={"number": number, "code": code})
    assert shared.get(f"/complaints/{number}").status_code == 200


def test_an_invited_account_takes_as_long_to_refuse_as_any(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    person_on(house, "invited@example.invalid", ("doict-kaunia", PostRole.OPERATOR))
    with house.writers.begin() as session:
        invited = session.scalars(select(Person).where(Person.email == "invited@example.invalid")).one()
        invited.password_hash = NO_PASSWORD
    checked: list[str | None] = []
    honest = secrets.is_password

    def spy(typed: str, hashed: str | None) -> bool:
        checked.append(hashed)
        return honest(typed, hashed)

    monkeypatch.setattr("grs.usecases.accounts.is_password", spy)
    for email in ("invited@example.invalid", "nobody@example.invalid"):
        assert browser(house).post("/login", data={"email": email, "password": "x" * 12}).status_code == 401
    assert checked == [None, None], "both are held against the same hash, which takes its time"


def test_a_reset_link_ends_when_the_password_is_changed(house: House, database: Template, officer: FlaskClient) -> None:
    email, password = password_of(database)
    browser(house).post("/login/forgot", data={"email": email})
    jobs.run(house, "deliver")
    link = last_link(house, email)
    new = "a quite new password 7"
    done = officer.post("/account/password", data={"old": password, "password": new, "again": new})
    assert done.status_code == 303
    theirs = "another password 8 of theirs"
    browser(house).post(link, data={"password": theirs, "again": theirs})
    assert browser(house).post("/login", data={"email": email, "password": theirs}).status_code == 401


def test_tries_at_the_same_instant_are_all_counted(house: House, database: Template) -> None:
    """Twenty at once: no more than the limit is looked at, however they interleave."""
    email, _ = password_of(database)
    number = lodge(house).complaint.tracking_number
    app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": True})
    answers: Counter[tuple[str, int]] = Counter()
    together = threading.Barrier(20)

    def attempt(path: str, data: dict[str, str]) -> None:
        together.wait()
        answers[path, app.test_client().post(path, data=data).status_code] += 1

    for path, data in (
        ("/login", {"email": email, "password": "wrong wrong wrong"}),
        ("/track", {"number": number, "code": "1" * 16}),
    ):
        threads = [threading.Thread(target=attempt, args=[path, data]) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers["/login", 401] <= 10
    assert answers["/track", 403] <= 10
    assert answers["/login", 429] >= 10
    assert answers["/track", 429] >= 10


def test_a_code_typed_with_a_blank_is_no_recovery_code(
    house: House, database: Template, officer: FlaskClient, clock: Clock
) -> None:
    email, password = password_of(database)
    totp, _ = enrol(officer, clock, password)
    clock.forward(minutes=2)
    again = browser(house)
    again.post("/login", data={"email": email, "password": password})
    code = totp.at(clock.now)
    assert again.post("/login/code", data={"code": f"{code[:3]} {code[3:]}"}).status_code == 303
    done = again.post("/account/second-factor/renew", data={"what": "codes", "confirm": password})
    assert done.status_code == 200
    with house.readers() as session:
        kinds = set(session.scalars(select(SecurityEvent.kind)))
    assert SecurityKind.RECOVERY_CODE_USED not in kinds
    assert SecurityKind.RECOVERY_CODES_MADE in kinds


def test_an_office_does_not_see_who_has_left_it(house: House, clock: Clock) -> None:
    moved = person_on(house, "moved@example.invalid", ("doict-rangpur", PostRole.SUPERVISOR))
    person_on(house, "admin@example.invalid", ("doict-rangpur", PostRole.ADMINISTRATOR))
    client_of(house, "moved@example.invalid").get("/officer/")
    admin = client_of(house, "admin@example.invalid")
    assert "moved@example.invalid" in admin.get("/admin/people").text
    with house.writers.begin() as session:
        for holder in session.scalars(select(PostHolder).where(PostHolder.person_id == moved)):
            holder.held_to = (clock.now - timedelta(days=1)).date()
    assert "moved@example.invalid" not in admin.get("/admin/people").text


def test_looking_at_a_letter_on_paper_is_no_get(house: House, officer: FlaskClient) -> None:
    """It is written down for who complained; a link followed by accident must not."""
    assert officer.get("/officer/letters/1").status_code == 405


def test_refusals_stand_in_the_log_without_words(
    house: House, officer: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    number = lodge(house, office="doict-jaintiapur").complaint.tracking_number
    assert officer.get(f"/officer/complaints/{number}").status_code == 403
    with_token = browser(house, WTF_CSRF_ENABLED=True)
    with_token.post("/track", data={"number": number, "code": "1" * 16})
    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert any("not theirs" in line and "person" in line and "127.0.0.1" in line for line in told)
    assert any("form token" in line for line in told)
    assert not any("নমুনা" in line or SECRET in line for line in told)


def test_where_there_is_no_hash_as_much_is_worked_as_where_there_is_one() -> None:
    """What is compared with then is written out in the code; its work must stay that of the real ones."""
    assert not secrets._HASHER.check_needs_rehash(secrets._NOBODY)
    assert not secrets._CODE_HASHER.check_needs_rehash(secrets._NO_CODE)
    assert not secrets.is_password("nobody", None)
    assert not secrets.is_code("nobody", None)
