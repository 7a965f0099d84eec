"""Programs that work for an officer: a token of their own, one desk, in his name, ended at any time."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.administration import SecurityEvent, SecurityKind
from grs.db.complaints import Step
from grs.db.machines import MachineToken
from grs.db.offices import Person, PostHolder
from grs.db.tasks import Task, TaskMember
from grs.domain.access import PostRole
from grs.domain.machines import Scope
from grs.domain.tasks import TaskKind
from grs.domain.tiers import About
from grs.usecases.machines import make_token
from grs.usecases.offices import find_office
from grs.usecases.posts import post_in
from grs.usecases.secrets import token_hash
from grs.web import create_app
from grs.web.protection import Callers, callers_of
from tests.conftest import Clock, Template, browser, log_in
from tests.stories import fetch, lodge
from tests.web.test_access import client_of, person_on

API = "/api/v1"


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """What a token opens is decided by use cases that other tests try on both databases."""
    return sqlite_only


def holder_of(house: House, database: Template, role: str = "grievance_officer", office: str = "doict-rangpur") -> Any:
    login = next(one for one in database.logins if (one.role, one.office) == (role, office))
    with house.readers() as session:
        person = session.scalars(select(Person).where(Person.email == login.email)).one()
        posts = session.scalars(select(PostHolder).where(PostHolder.person_id == person.id)).all()
        held = next(one for one in posts if one.post.role == role and one.post.office.slug == office)
        return person.id, held.post_id, login


def token_for(
    house: House, database: Template, *scopes: Scope, role: str = "grievance_officer", office: str = "doict-rangpur"
) -> dict[str, str]:
    person_id, post_id, _ = holder_of(house, database, role, office)
    with house.writers.begin() as session:
        token = make_token(
            session, person_id, post_id=post_id, name="নথি", scopes=scopes, days=30, now=house.clock()
        )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def program(house: House) -> FlaskClient:
    return create_app(house, test_config={"RATELIMIT_ENABLED": False}).test_client()


def do(program: FlaskClient, path: str, typed: dict[str, str], token: dict[str, str], **headers: str) -> Any:
    key = {"Idempotency-Key": str(uuid4())}
    return program.post(f"{API}{path}", json={"fields": typed}, headers=key | token | headers)


def test_a_program_works_its_desk_in_its_officers_name(program: FlaskClient, house: House, database: Template) -> None:
    number, elsewhere = lodge(house).complaint.tracking_number, "267000000018"
    token = token_for(house, database, Scope.READ, Scope.ACT)
    queue = program.get(f"{API}/queue", headers=token).json
    assert [one["tracking_number"] for one in queue["items"]] == [number]
    read = program.get(f"{API}/queue/{number}", headers=token)
    seen = read.headers["ETag"]
    assert "01700000001" not in read.text
    allowed = program.get(f"{API}/queue/{number}/actions", headers=token).json
    assert "accept" in allowed["actions"]

    key = str(uuid4())
    accepted = do(program, f"/queue/{number}/actions/accept", {}, token, **{"If-Match": seen, "Idempotency-Key": key})
    assert (accepted.status_code, accepted.json["stage"]) == (200, "accepted")
    again = do(program, f"/queue/{number}/actions/accept", {}, token, **{"If-Match": seen, "Idempotency-Key": key})
    assert (again.status_code, again.headers["ETag"]) == (200, accepted.headers["ETag"]), "sent twice, done once"
    stale = do(program, f"/queue/{number}/actions/reply", {"reason": "x"}, token, **{"If-Match": seen})
    assert (stale.status_code, stale.json["type"].rpartition("#")[2]) == (412, "problem-changed_meanwhile")
    now = {"If-Match": accepted.headers["ETag"]}
    wrong = do(program, f"/queue/{number}/actions/dispose", {"outcome": "?"}, token, **now)
    assert wrong.status_code == 422
    assert {one["field"] for one in wrong.json["errors"]} >= {"outcome", "reasons", "advice", "root_cause"}
    assert program.get(f"{API}/queue/{elsewhere}", headers=token).status_code == 404
    person_id, post_id, _ = holder_of(house, database)
    with house.readers() as session:
        actors = session.scalars(select(Step.actor).order_by(Step.sequence)).all()
    assert actors[1:] == [f"person:{person_id}/post:{post_id}"]


def test_a_token_opens_one_desk_and_what_its_scopes_say(program: FlaskClient, house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    other = token_for(house, database, Scope.READ, role="cell_officer", office="cabinet-cell")
    assert program.get(f"{API}/queue/{number}", headers=other).status_code == 403
    assert program.get(f"{API}/queue", headers=other).json["items"] == []
    reader = token_for(house, database, Scope.READ)
    refused = do(program, f"/queue/{number}/actions/note", {"text": "x"}, reader, **{"If-Match": "x"})
    assert (refused.status_code, refused.json["type"].rpartition("#")[2]) == (403, "problem-not_in_scope")


def test_a_program_sees_nothing_about_its_own_officer(program: FlaskClient, house: House, database: Template) -> None:
    about = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    token = token_for(house, database, Scope.READ)
    assert program.get(f"{API}/queue/{about}", headers=token).status_code == 403
    assert program.get(f"{API}/queue", headers=token).json["items"] == []


def test_a_token_does_not_read_what_its_person_investigates_elsewhere(
    program: FlaskClient, house: House, database: Template
) -> None:
    number = lodge(house).complaint.tracking_number
    token = token_for(house, database, Scope.READ, role="cell_officer", office="cabinet-cell")
    person_id, _, _ = holder_of(house, database, "cell_officer", "cabinet-cell")
    task = Task(
        complaint_id=fetch(house, number).id, kind=TaskKind.INVESTIGATION, assignment_sequence=1, step_sequence=1,
        asked_by_post_id=fetch(house, number).post_id, asked_at=house.clock(), due_on=date(2025, 5, 1),
        members=[TaskMember(person_id=person_id, place=1)],
    )  # fmt: skip
    with house.writers.begin() as session:
        session.add(task)
    assert program.get(f"{API}/queue/{number}", headers=token).status_code == 403


def test_what_was_read_in_one_language_is_not_the_other_and_is_seen_all_the_same(
    program: FlaskClient, house: House, database: Template
) -> None:
    number = lodge(house).complaint.tracking_number
    token = token_for(house, database, Scope.READ, Scope.ACT)
    path = f"{API}/queue/{number}"
    bangla = program.get(path, headers=token | {"Accept-Language": "bn"}).headers["ETag"]
    english = program.get(path, headers=token | {"Accept-Language": "en", "If-None-Match": bangla})
    assert english.status_code == 200
    packed = "W/" + english.headers["ETag"]
    assert do(program, f"/queue/{number}/actions/accept", {}, token, **{"If-Match": packed}).status_code == 200
    anyway = do(program, f"/queue/{number}/actions/note", {"text": "x"}, token, **{"If-Match": "*"})
    assert anyway.status_code == 200
    headers = token | {"If-Match": "*", "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    odd = program.post(f"{path}/actions/note", data='{"fields": {"\\ud800": "x"}}', headers=headers)
    assert odd.status_code == 422


@pytest.mark.parametrize("ending", ["ended", "expired", "left the post", "shut out", "unknown"])
def test_a_token_that_has_ended_opens_nothing(
    program: FlaskClient, house: House, database: Template, clock: Clock, ending: str
) -> None:
    token = token_for(house, database, Scope.READ)
    assert program.get(f"{API}/queue", headers=token).status_code == 200
    person_id, post_id, _ = holder_of(house, database)
    with house.writers.begin() as session:
        if ending == "ended":
            session.scalars(select(MachineToken)).one().ended_at = house.clock()
        elif ending == "left the post":
            held = session.scalars(select(PostHolder).where(PostHolder.post_id == post_id)).one()
            held.held_to = date(2020, 1, 1)
        elif ending == "shut out":
            session.get_one(Person, person_id).is_active = False
    if ending == "expired":
        clock.forward(days=31)
    if ending == "unknown":
        token = {"Authorization": "Bearer grs_nothing"}
    answer = program.get(f"{API}/queue", headers=token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["type"].endswith("#problem-no_token")


def test_every_route_for_programs_refuses_a_stranger_and_a_cookie(house: House, database: Template) -> None:
    app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False})
    officer = log_in(app.test_client(), database.logins, role="grievance_officer", office="doict-rangpur")
    rules = [rule for rule in app.url_map.iter_rules() if callers_of(app, rule.endpoint) is Callers.TOKEN]
    rules = [rule for rule in rules if rule.endpoint != "health.metrics"]  # not there without a token of its own
    assert len(rules) >= 5
    for rule in rules:
        path = app.url_map.bind("localhost").build(rule.endpoint, {name: "1" for name in rule.arguments})
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert app.test_client().open(path, method=method).status_code == 401, path
            assert officer.open(path, method=method).status_code == 401, path


def test_an_operators_program_files_for_somebody(program: FlaskClient, house: House, database: Template) -> None:
    office = next(one.office for one in database.logins if one.role == "operator")
    token = token_for(house, database, Scope.LODGE, role="operator", office=office)
    sent = {
        "office": "doict-kaunia", "ground": "misconduct", "subject": "ঘুষ", "description": "টাকা চেয়েছেন।",
        "complainant": {"name": "কল্পিত করিম", "present_address": "কল্পিত গ্রাম"}, "form_number": "৭",
        "channel": "call_centre", "consent": True,
    }  # fmt: skip
    made = [
        program.post(f"{API}/assisted-complaints", json=sent, headers=token | {"Idempotency-Key": str(uuid4())})
        for _ in range(2)
    ]
    assert [one.status_code for one in made] == [201, 201], made[0].text
    assert made[0].json == made[1].json, "a paper form is one complaint, whatever key it comes under"
    refused = program.post(
        f"{API}/assisted-complaints", json=sent | {"consent": False, "form_number": "8"},
        headers=token | {"Idempotency-Key": str(uuid4())},
    )  # fmt: skip
    assert refused.json["errors"][0]["field"] == "consent"


# -- the pages ------------------------------------------------------------------------------------------


def test_an_officer_makes_a_token_sees_it_once_and_ends_it(house: House, database: Template) -> None:
    _, post_id, login = holder_of(house, database)
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    typed = {"post": str(post_id), "name": "নথি ব্যবস্থা", "scopes": ["read"], "days": "৩০", "confirm": "wrong"}
    refused = officer.post("/account/machines", data=typed)
    assert refused.status_code == 422
    assert "নথি ব্যবস্থা" in refused.text
    made = officer.post("/account/machines", data=typed | {"confirm": login.password})
    token = made.text.split('<code class="text">')[1].split("<")[0]
    assert token.startswith("grs_")
    with house.readers() as session:
        kept = session.scalars(select(MachineToken)).one()
        assert (kept.token_hash, kept.scopes) == (token_hash(token), "read")
        assert token not in str(kept.__dict__)
    listed = officer.get("/account/machines").text
    assert "নথি ব্যবস্থা" in listed
    assert token not in listed
    bearer = {"Authorization": f"Bearer {token}"}
    assert browser(house).get(f"{API}/queue", headers=bearer).status_code == 200
    assert officer.post(f"/account/machines/{kept.id}/end").status_code == 303
    assert browser(house).get(f"{API}/queue", headers=bearer).status_code == 401
    with house.readers() as session:
        kinds = session.scalars(select(SecurityEvent.kind).order_by(SecurityEvent.id)).all()
    assert [kind for kind in kinds if "token" in kind] == [SecurityKind.TOKEN_MADE, SecurityKind.TOKEN_ENDED]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"days": "0"}, "৩৬৫"), ({"days": "366"}, "৩৬৫"), ({"scopes": []}, "একটি বেছে নিন"),
        ({"scopes": ["lodge"]}, "একটি বেছে নিন"), ({"name": " "}, "পূরণ করুন"), ({"post": "1"}, "একটি বেছে নিন"),
    ],
)  # fmt: skip
def test_what_a_token_may_not_be_is_said(
    house: House, database: Template, changes: dict[str, object], problem: str
) -> None:
    _, post_id, login = holder_of(house, database)
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    typed = {"post": str(post_id), "name": "নথি", "scopes": ["read"], "days": "30", "confirm": login.password}
    answer = officer.post("/account/machines", data=typed | changes)
    assert answer.status_code == 422
    assert problem in answer.text
    with house.readers() as session:
        assert session.scalars(select(MachineToken)).all() == []


def test_nobody_ends_anothers_token_but_an_administrator(house: House, database: Template) -> None:
    token_for(house, database, Scope.READ)
    with house.readers() as session:
        number = session.scalars(select(MachineToken.id)).one()
    other = log_in(browser(house), database.logins, role="cell_officer", office="cabinet-cell")
    assert other.post(f"/account/machines/{number}/end").status_code == 404
    assert other.post(f"/admin/machines/{number}/end").status_code == 403
    with house.writers.begin() as session:
        post_in(session, find_office(session, "cabinet-cell"), PostRole.ADMINISTRATOR)
    person_on(house, "admin@example.invalid", ("cabinet-cell", PostRole.ADMINISTRATOR))
    administrator = client_of(house, "admin@example.invalid")
    assert "নথি" in administrator.get("/admin/machines").text
    assert administrator.post(f"/admin/machines/{number}/end").status_code == 303
    with house.readers() as session:
        assert session.get_one(MachineToken, number).ended_at is not None
