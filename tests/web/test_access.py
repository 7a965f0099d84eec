"""The matrix of `docs/access.md`, cell by cell over HTTP: by number, by id, lists, search, counts, files, exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from grs.bootstrap import House
from grs.db.complaints import Complainant
from grs.db.drafts import Attachment
from grs.db.messages import Posting
from grs.db.offices import Person, Post, PostHolder
from grs.domain.access import LEFT_TO_THE_ACCUSED, MAY, Deed, PostRole, Relation
from grs.domain.tiers import About
from grs.usecases import handling, tasks
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import charter_in_force
from grs.usecases.offices import find_office
from grs.usecases.posts import post_in
from grs.usecases.secrets import hash_password
from grs.usecases.standing import Desk
from grs.web import create_app
from grs.web.protection import Callers, callers_of
from tests.conftest import BEFORE_ALL, Clock, Template, browser, log_in
from tests.stories import dhaka, fetch, lodge, lodge_on_the_web, pass_days
from tests.web.test_pages import routes

PASSWORD = "only-in-tests-0123456789"


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """Who may what is decided in use cases that other tests try on both databases."""
    return sqlite_only


@dataclass
class Scene:
    """A complaint escalated once, with a file and a note, an open opinion and an open investigation."""

    number: str
    file_id: int
    opinion: int
    investigation: int
    clients: dict[str, FlaskClient]


NOTE = "গোপন নোট ৭৭৭"
NAME = "নমুনা নাগরিক"


def person_on(house: House, email: str, *posts: tuple[str, PostRole]) -> int:
    """An invented person on some posts."""
    with house.writers.begin() as session:
        person = Person(name=email, email=email, password_hash=hash_password(PASSWORD), created_at=BEFORE_ALL)
        session.add(person)
        session.flush()
        for office, role in posts:
            post = session.scalars(
                select(Post).where(Post.office_id == find_office(session, office).id, Post.role == role)
            ).first()
            assert post is not None, (office, role)
            session.add(PostHolder(post_id=post.id, person_id=person.id, held_from=date(2025, 1, 1)))
        return person.id


def client_of(house: House, email: str) -> FlaskClient:
    client = browser(house)
    assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303
    return client


@pytest.fixture
def scene(house: House, database: Template, clock: Clock) -> Scene:
    citizen = browser(house)
    number, _ = lodge_on_the_web(citizen, "doict-kaunia")
    png = b"\x89PNG\r\n\x1a\n"
    from PIL import Image

    picture = BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    assert picture.getvalue().startswith(png)
    answer = citizen.post(
        f"/complaints/{number}/add", data={"text": "ছবি", "files": [(BytesIO(picture.getvalue()), "রসিদ.png")]}
    )
    assert answer.status_code == 303
    first_post = fetch(house, number).post_id
    with house.writers.begin() as session:
        officer = Desk(person_id=1, post_ids=[first_post], now=clock.now)
        handling.note(session, officer, number, text=NOTE)
    pass_days(house, clock, date(2025, 5, 21), names=["escalate"])
    clock.now = dhaka(date(2025, 5, 21), 10)
    complaint = fetch(house, number)
    investigator = person_on(house, "investigator@example.invalid", ("doict", PostRole.SUPERVISOR))
    with house.writers.begin() as session:
        for holder in session.scalars(select(PostHolder).where(PostHolder.person_id == investigator)):
            holder.held_to = date(2025, 6, 30)
        desk = Desk(person_id=1, post_ids=[complaint.post_id], now=clock.now)
        handling.accept(session, desk, number, seen_steps=complaint.step_count)
        opinion = tasks.ask_opinion(
            session, desk, number, seen_steps=complaint.step_count + 1, to_post=None, question="কেন?",
            answer_by=date(2025, 5, 28), shelf=house.shelf,
        )  # fmt: skip
        investigation = tasks.investigate(
            session, desk, number, seen_steps=complaint.step_count + 2, investigators=[investigator], text="দেখুন",
            shelf=house.shelf,
        )  # fmt: skip
        opinion_id, investigation_id = opinion.id, investigation.id
        # An investigator with no other standing: the post that made him eligible is left again.
        for holder in session.scalars(select(PostHolder).where(PostHolder.person_id == investigator)):
            holder.held_to = date(2025, 5, 20)
        file_id = session.scalars(select(Attachment.id)).one()
    second = next(one for one in database.logins if one.office == "doict" and one.email.startswith("appeal"))
    with house.readers() as session:
        holder = session.scalars(select(PostHolder).where(PostHolder.post_id == complaint.post_id)).first()
        assert holder is not None
        email = session.get_one(Person, holder.person_id).email
    second = next(one for one in database.logins if one.email == email)
    at_second = browser(house)
    assert at_second.post("/login", data={"email": second.email, "password": second.password}).status_code == 303
    clients = {
        "answers": at_second,
        "answered": log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur"),
        "supervises": log_in(browser(house), database.logins, role="supervisor", office="doict-kaunia"),
        "asked": log_in(browser(house), database.logins, role="responsible_officer", office="doict-kaunia"),
        "investigates": client_of(house, "investigator@example.invalid"),
        "stranger": log_in(browser(house), database.logins, role="grievance_officer", office="doict-sylhet"),
        "operator": log_in(browser(house), database.logins, role="operator", office="doict-kaunia"),
    }
    return Scene(number, file_id, opinion_id, investigation_id, clients)


WHO = ["answers", "answered", "supervises", "asked", "investigates", "stranger", "operator"]


def may(who: str, deed: Deed) -> bool:
    return who in list(Relation) and deed in MAY[Relation(who)]


def is_listed(page: str, number: str) -> bool:
    """Whether a list or an export names the complaint; the search field only repeats what was asked."""
    return f'/officer/complaints/{number}"' in page or f"\n{number}," in page.replace("\r", "")


@pytest.mark.parametrize("who", WHO)
def test_every_cell_of_the_matrix(scene: Scene, who: str) -> None:
    client, number = scene.clients[who], scene.number
    page = client.get(f"/officer/complaints/{number}")
    assert (page.status_code == 200) == may(who, Deed.READ)
    assert (NOTE in page.text) == may(who, Deed.READ_NOTES)
    for path in (f"files/{scene.file_id}", f"files/{scene.file_id}/picture"):
        file = client.get(f"/officer/complaints/{number}/{path}")
        assert (file.status_code == 200) == may(who, Deed.READ_FILES), path
    for path in (f"/officer/complaints/{number}/print", f"/officer/print?number={number}"):
        printed = client.get(path)
        assert (printed.status_code == 200) == may(who, Deed.PRINT)
        assert NAME not in printed.text, "the identity is not opened yet"

    assert NAME not in page.text, "shielded from everybody until it is opened"
    opened = client.post(f"/officer/complaints/{number}/identity")
    assert (opened.status_code == 303) == may(who, Deed.OPEN_IDENTITY)
    assert (NAME in client.get(f"/officer/complaints/{number}").text) == may(who, Deed.OPEN_IDENTITY)

    for path in ("/officer/", f"/officer/?q={number}", "/officer/list.csv", "/officer/?show=earlier", "/officer/?tag="):
        listed = is_listed(client.get(path).text, number)
        if path == "/officer/?show=earlier":
            assert listed == (who == "answered"), path
        elif who != "answered":
            assert listed == may(who, Deed.LIST), path
    if who != "asked":
        counts = re.search(r"চলমান অভিযোগ: ([০-৯]+)", client.get("/officer/").text)
        expected = "১" if who in ("answers", "supervises") else "০"
        assert counts is None or counts[1] == expected

    opinion = client.get(f"/officer/tasks/{scene.opinion}")
    assert (opinion.status_code == 200) == (who == "asked")
    assert NAME not in opinion.text
    report = client.get(f"/officer/tasks/{scene.investigation}")
    assert (report.status_code == 200) == (who == "investigates")

    acts = client.post(f"/officer/complaints/{number}/note", data={"text": "x"})
    assert (acts.status_code == 303) == may(who, Deed.ACT)
    mark = client.post(f"/officer/complaints/{number}/decide_mark", data={"decision": "mark", "reasons": "x"})
    assert mark.status_code in (403, 404, 409)
    answered = client.post(f"/officer/tasks/{scene.opinion}", data={"text": "উত্তর"})
    assert answered.status_code == (303 if who == "asked" else 409)
    reported = client.post(f"/officer/tasks/{scene.investigation}", data={"text": "প্রতিবেদন"})
    assert reported.status_code == (303 if who == "investigates" else 409)
    assert who == "investigates" or "তিনবার গিয়েও" not in reported.text


def test_the_hearing_notice_and_the_agenda_of_another_desk_show_nothing(scene: Scene, house: House) -> None:
    for who in ("stranger", "operator", "asked"):
        client = scene.clients[who]
        assert client.get(f"/officer/complaints/{scene.number}/hearings/1").status_code in (403, 404)
        if who != "asked":
            assert scene.number not in client.get("/officer/calendar").text


def test_an_earlier_complaint_is_named_only_to_who_may_read_it(scene: Scene, house: House) -> None:
    later = lodge(house).complaint.tracking_number
    page = f"/officer/complaints/{later}"
    for client in (scene.clients["stranger"], scene.clients["answered"]):
        assert scene.number not in client.get(page).text
    assert "আগেও ১ বার" in scene.clients["answered"].get(page).text
    scene.clients["answered"].post(f"{page}/identity")
    assert scene.number in scene.clients["answered"].get(page).text, "once it is written down that he looked"


@pytest.mark.parametrize("who", ["stranger", "operator"])
def test_no_route_opens_what_is_somebody_elses(scene: Scene, house: House, who: str) -> None:
    """Every route, with the numbers of a complaint, a file, a task and a letter that are really there."""
    with house.writers.begin() as session:
        session.execute(update(Complainant).values(mobile="", email=""))
    with house.writers.begin() as session:
        post_id = fetch(house, scene.number).post_id
        desk = Desk(person_id=1, post_ids=[post_id], now=house.clock())
        handling.write(session, desk, scene.number, seen_steps=fetch(house, scene.number).step_count, text="চিঠি")
    with house.readers() as session:
        letter = session.scalars(select(Posting.message_id)).one()
    real = {"number": scene.number, "file_id": scene.file_id, "task_id": scene.opinion, "message_id": letter,
            "action": "note", "hashed": "0" * 64}  # fmt: skip
    app = create_app(house)
    opened = []
    for rule in app.url_map.iter_rules():
        if callers_of(app, rule.endpoint) is not Callers.LOGGED_IN or rule.endpoint in OWN_PAGES:
            continue
        values = {name: real.get(name, 1) for name in rule.arguments}
        path = app.url_map.bind("localhost").build(rule.endpoint, values)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = scene.clients[who].open(path, method=method, data={"text": "x", "number": scene.number})
            told = answer.data.decode(errors="replace")
            if NAME in told or "তিনবার গিয়েও" in told or NOTE in told:
                opened.append((method, path))
            if rule.arguments & real.keys() - {"hashed"} and answer.status_code < 400:
                opened.append((method, path))
    assert opened == []


OWN_PAGES = {"account.leave", "account.end_session"}


def test_the_decider_of_a_mark_reads_and_decides_and_nothing_else(house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    page = f"/officer/complaints/{number}"
    officer.post(f"{page}/accept", data={"seen_steps": "1"})
    typed = {"outcome": "accusation_not_proved", "reasons": "না", "root_cause": "no_fault", "advice": "নেই"}
    officer.post(f"{page}/dispose", data=typed | {"seen_steps": "2"})
    with house.readers() as session:
        charter = charter_in_force(session, find_office(session, "doict-kaunia"), date(2025, 4, 6))
        appeal = chain_in_force(session, charter.office, date(2025, 4, 6)).as_tier_chain().tiers[1].post_id
        holder = session.scalars(select(PostHolder).where(PostHolder.post_id == appeal)).first()
        assert holder is not None
        email = session.get_one(Person, holder.person_id).email
    login = next(one for one in database.logins if one.email == email)
    decider = browser(house)
    decider.post("/login", data={"email": login.email, "password": login.password})
    assert decider.get(page).status_code == 403, "before the proposal"
    assert officer.post(f"{page}/propose_mark", data={"seen_steps": "3", "reasons": "বারবার"}).status_code == 303
    assert decider.get(page).status_code == 200
    assert number in decider.get("/officer/").text
    for path in ("identity", "note", "reopen"):
        assert decider.post(f"{page}/{path}", data={"seen_steps": "4", "text": "x", "reason": "x"}).status_code == 403
    assert decider.get(f"{page}/print").status_code == 403
    refused = decider.post(f"{page}/decide_mark", data={"decision": "mark", "reasons": "কারণ", "ends_on": "x"})
    assert refused.status_code == 422
    assert "কারণ</textarea>" in refused.text
    done = decider.post(f"{page}/decide_mark", data={"decision": "refuse", "reasons": "যথেষ্ট নয়"})
    assert done.status_code == 303
    assert decider.get(page).status_code == 403, "and no more after the decision"


# -- the person complained about ----------------------------------------------------------------------------


def test_who_is_complained_about_sees_it_nowhere_and_gives_an_opinion_only_when_asked(
    house: House, clock: Clock
) -> None:
    """One person is the grievance officer complained about, the supervisor, and sits at the appeal desk."""
    with house.readers() as session:
        charter = charter_in_force(session, find_office(session, "doict-kaunia"), date(2025, 4, 6))
        appeal = chain_in_force(session, charter.office, date(2025, 4, 6)).as_tier_chain().tiers[1].post_id
    person = person_on(
        house, "all@example.invalid", ("doict-rangpur", PostRole.GRIEVANCE_OFFICER),
        ("doict-rangpur", PostRole.SUPERVISOR),
    )  # fmt: skip
    about = lodge(house, about=About.GRIEVANCE_OFFICER, subject="কর্মকর্তার বিরুদ্ধে").complaint.tracking_number
    other = lodge(house, mobile="01700000009").complaint.tracking_number
    with house.writers.begin() as session:
        session.add(PostHolder(post_id=appeal, person_id=person, held_from=date(2025, 1, 1)))
    client = client_of(house, "all@example.invalid")
    assert client.get(f"/officer/complaints/{other}").status_code == 200
    for path in ("", "/print", "/files/1"):
        assert client.get(f"/officer/complaints/{about}{path}").status_code == 403, path
    for desk in ("", f"desk={appeal}", "desk=offices"):
        for rest in ("", f"&q={about}", "&show=earlier"):
            assert not is_listed(client.get(f"/officer/?{desk}{rest}").text, about), (desk, rest)
        assert not is_listed(client.get(f"/officer/list.csv?{desk}").text, about)
        counted = re.search(r"চলমান অভিযোগ: ([০-৯]+)", client.get(f"/officer/?{desk}").text)
        assert counted is not None
        shown = client.get(f"/officer/?{desk}").text
        assert re.search(r'<ul class="govuk-list desks">.*?: ১.*?</ul>', shown, re.S) is not None
        assert re.search(r"উপ-পরিচালক[^<]*</a>: ০", shown) is not None, "no count beside the desk gives it away"
        assert counted[1] == ("০" if desk == f"desk={appeal}" else "১"), desk
    for action in ("accept", "note", "identity"):
        answer = client.post(f"/officer/complaints/{about}/{action}", data={"seen_steps": "1", "text": "x"})
        assert answer.status_code == 403, action
    assert about not in client.get("/officer/calendar").text
    assert {Deed.ANSWER} == LEFT_TO_THE_ACCUSED


# -- every route ----------------------------------------------------------------------------------------------


ROLES = sorted(PostRole)


def walk(house: House, client: FlaskClient) -> Iterator[tuple[str, str, int]]:
    for method, path, callers in routes(house):
        if callers is Callers.LOGGED_IN and path != "/logout":
            yield method, path, client.open(path, method=method).status_code


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_without_failing(house: House, database: Template, role: str) -> None:
    if role == PostRole.ADMINISTRATOR:
        with house.writers.begin() as session:
            post_in(session, find_office(session, "doict"), PostRole.ADMINISTRATOR)
        person_on(house, "admin@example.invalid", ("doict", PostRole.ADMINISTRATOR))
        client = client_of(house, "admin@example.invalid")
    else:
        login = next(one for one in database.logins if one.role == role)
        client = log_in(browser(house), database.logins, role=role, office=login.office)
    walked = list(walk(house, client))
    assert len(walked) > 35
    assert [one for one in walked if one[2] >= 500] == []
    for method, path, status in walked:
        if "/complaints/1" in path:
            assert status in (403, 404), (method, path, "there is no such complaint")
        if path.startswith("/assist/"):
            assert (status == 403) == (role != "operator"), (method, path)
