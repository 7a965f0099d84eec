"""The administrators' and supervisors' pages as people use them."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from datetime import date

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.charters import Charter
from grs.db.job_runs import JobRun
from grs.db.messages import Message
from grs.db.offices import Person
from grs.domain.access import PostRole
from grs.settings import CONFIG
from grs.usecases.annexes import freeze_months
from grs.usecases.offices import find_office
from grs.usecases.posts import post_in
from grs.web import create_app
from grs.web.protection import callers_of
from tests.charter.writing import as_page, as_word
from tests.conftest import Clock, Template, browser, log_in
from tests.stories import dhaka, dispose, fetch, lodge
from tests.web.test_access import client_of, person_on
from workers import jobs

TEXT = (CONFIG / "charters" / "001_edc895d25ec3a382.txt").read_text("utf-8")


def administrator(house: House, *offices: str) -> FlaskClient:
    """Somebody who administers these offices."""
    slugs = offices or ("cabinet-cell",)
    with house.writers.begin() as session:
        for slug in slugs:
            post_in(session, find_office(session, slug), PostRole.ADMINISTRATOR)
    email = f"admin-{'-'.join(slugs)}@example.invalid"
    person_on(house, email, *((slug, PostRole.ADMINISTRATOR) for slug in slugs))
    return client_of(house, email)


@pytest.fixture
def admin(house: House) -> FlaskClient:
    return administrator(house)


def supervisor(house: House, database: Template, office: str = "doict-rangpur") -> FlaskClient:
    return log_in(browser(house), database.logins, role="supervisor", office=office)


# -- who may -------------------------------------------------------------------------------------------------------

SYSTEM_ONLY = ("/admin/rules", "/admin/letters", "/admin/jobs", "/admin/log", "/admin/letters/1")


def admin_pages(house: House) -> list[str]:
    app = create_app(house)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.")]
    assert all(callers_of(app, rule.endpoint) == "logged_in" for rule in rules)
    return [rule.rule for rule in rules if "GET" in (rule.methods or ()) and not rule.arguments]


def test_every_page_of_the_administration_is_closed_to_everybody_else(house: House, database: Template) -> None:
    pages = admin_pages(house)
    assert len(pages) > 10
    stranger = browser(house)
    for path in pages:
        assert stranger.get(path).status_code == 302, path
    for role in ("supervisor", "grievance_officer", "operator", "appeal_officer", "coordinator"):
        login = next(one for one in database.logins if one.role == role)
        client = log_in(browser(house), database.logins, role=role, office=login.office)
        for path in pages:
            assert client.get(path).status_code == 403, (role, path)


def test_who_administers_one_office_does_not_keep_the_system(house: House) -> None:
    local = administrator(house, "doict-kaunia")
    for path in SYSTEM_ONLY:
        assert local.get(path).status_code == 403, path
    for path in ("/admin/", "/admin/offices", "/admin/people", "/admin/charters", "/admin/calendar"):
        assert local.get(path).status_code == 200, path
    assert local.get("/admin/offices/doict-kaunia").status_code == 200
    for path in ("/admin/offices/doict-rangpur", "/admin/offices/doict-rangpur/chain"):
        assert local.get(path).status_code == 403, path
    assert local.post("/admin/offices", data={"slug": "x", "name_bn": "ক", "level": "union"}).status_code == 403
    assert local.post("/admin/rules", data={"name": "extra"}).status_code == 403


@pytest.mark.parametrize("path", ["/admin/", "/admin/offices", "/admin/offices/doict-kaunia", "/admin/people",
                                  "/admin/offices/doict-kaunia/chain", "/admin/charters", "/admin/calendar",
                                  "/admin/rules", "/admin/letters", "/admin/jobs?what=escalate", "/admin/log",
                                  "/supervision/annex", "/seals", "/admin/calendar?on=2025-03-01"])  # fmt: skip
@pytest.mark.parametrize("language", ["bn", "en"])
def test_the_pages_are_whole_in_both_languages(house: House, path: str, language: str) -> None:
    person_on(house, "both@example.invalid", ("cabinet-cell", PostRole.SUPERVISOR))
    with house.writers.begin() as session:
        post_in(session, find_office(session, "cabinet-cell"), PostRole.ADMINISTRATOR)
    person_on(house, "both2@example.invalid", ("cabinet-cell", PostRole.ADMINISTRATOR),
              ("cabinet-cell", PostRole.SUPERVISOR))  # fmt: skip
    lodge(house)
    jobs.run(house, "escalate")
    client = client_of(house, "both2@example.invalid")
    page = client.get(path, query_string={"lang": language} if "?" not in path else None)
    assert page.status_code == 200
    if language == "en" and "?" not in path:
        text = re.sub(r'<(\w+)[^>]*lang="bn"[^>]*>.*?</\1>', "", page.text, flags=re.S)
        main = text.split("<main")[1].split("</main>")[0]
        labels = re.findall(r"<(?:label|h1|h2|button)[^>]*>([^<]+)<", main)
        assert labels
        assert not [label for label in labels if re.search("[ক-হ]", label)], "labels are English"


# -- charters ------------------------------------------------------------------------------------------------------


def upload(client: FlaskClient, data: bytes, name: str, **more: str) -> str:
    answer = client.post("/admin/charters", data={"file": (io.BytesIO(data), name), **more})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


@pytest.mark.parametrize("kind", ["page", "word"])
def test_a_charter_goes_from_a_document_to_being_in_force(house: House, admin: FlaskClient, kind: str) -> None:
    changed = TEXT.replace("০৩ (তিন) কার্যদিবস", "০৯ (নয়) কার্যদিবস", 1)
    data = as_page(changed).encode() if kind == "page" else as_word(changed)
    address = upload(admin, data, f"charter.{kind}")
    page = admin.get(address).text
    assert "১৯ টি সেবা পড়া হয়েছে" in page
    assert page.count("উৎসের লাইন") >= 19, "each beside its source"
    with house.readers() as session:
        assert len(session.scalars(select(Charter)).all()) == 5, "nothing is stored"
    service = admin.get(f"{address}/services/0")
    assert service.status_code == 200
    bad = admin.post(f"{address}/services/0", data={"category": "citizen", "name": "", "fee": "আমার লেখা ফি"})
    assert bad.status_code == 422
    assert "আমার লেখা ফি" in bad.text, "what was typed is there again"
    good = {"category": "citizen", "name": "জন্ম নিবন্ধন", "time_limit_text": "৫ কার্যদিবস", "officer_name": ""}
    assert admin.post(f"{address}/services/1", data=good).status_code == 303
    assert admin.get(f"{address}/tiers/1").status_code == 200
    assert (
        admin.post(
            f"{address}/tiers/1", data={"designation": "জেলা আইসিটি অফিসার", "amount": "x", "unit": "months"}
        ).status_code
        == 422
    )
    confirm = admin.get(f"{address}/confirm").text
    assert "জন্ম নিবন্ধন" in confirm
    assert "০৯ (নয়) কার্যদিবস" in confirm
    refused = admin.post(f"{address}/confirm", data={"in_force_from": "০১/০১/২০২৫"})
    assert refused.status_code == 422
    done = admin.post(f"{address}/confirm", data={"in_force_from": "১০/০৪/২০২৫"})
    assert done.status_code == 303
    assert done.headers["Location"].startswith("/admin/offices/doict-kaunia")
    assert "সংস্করণ ২" in admin.get(done.headers["Location"]).text
    assert admin.get(address).status_code == 404, "the proposal is gone"


def test_pasted_text_is_read_and_a_refusal_keeps_it(admin: FlaskClient) -> None:
    answer = admin.post("/admin/charters", data={"text": TEXT})
    assert answer.status_code == 303
    refused = admin.post("/admin/charters", data={"text": "bvMwiK mb` cÖ`vb †mev " * 20, "office": "doict-kaunia"})
    assert refused.status_code == 422
    assert "পুরোনো ফন্টে" in refused.text
    assert "bvMwiK" in refused.text
    assert admin.post("/admin/charters", data={"text": " "}).status_code == 422
    unknown = admin.post("/admin/charters", data={"text": TEXT, "office": "nowhere"})
    assert (unknown.status_code, "তালিকা থেকে একটি অফিস" in unknown.text) == (422, True)


def test_a_proposal_of_somebody_else_is_not_there(house: House, admin: FlaskClient) -> None:
    address = upload(admin, TEXT.encode(), "charter.txt")
    other = administrator(house, "cabinet-cell", "doict")
    for path in ("", "/confirm", "/services/0", "/tiers/1"):
        assert other.get(address + path).status_code == 404, path
    assert other.post(f"{address}/drop").status_code == 404
    assert admin.post(f"{address}/drop").status_code == 303


# -- the calendar --------------------------------------------------------------------------------------------------

SATURDAY = {
    "day": "২৬/০৪/২০২৫", "kind": "working", "name_bn": "কর্মদিবস", "reference": "SRO 12", "scope": "",
}  # fmt: skip


def test_a_saturday_is_declared_working_previewed_and_applied(house: House, admin: FlaskClient) -> None:
    number = lodge(house).complaint.tracking_number
    answer = admin.post("/admin/calendar", data=SATURDAY)
    assert answer.status_code == 303
    preview = admin.get(answer.headers["Location"]).text
    assert "২০ মে ২০২৫" in preview
    assert "১৯ মে ২০২৫" in preview
    applied = admin.post(answer.headers["Location"])
    assert applied.status_code == 303
    assert 'http-equiv="refresh"' in admin.get(applied.headers["Location"]).text
    jobs.run(house, "recalculate")
    assert "১ টি চলমান অভিযোগ গোনা শেষ" in admin.get(applied.headers["Location"]).text
    assert fetch(house, number).due_on == date(2025, 5, 19)
    assert "কর্মদিবস ঘোষণা" in admin.get("/admin/calendar?year=2025").text
    assert "২৬ এপ্রিল ২০২৫" not in admin.get("/admin/calendar?year=2025&on=05/04/2025").text


def test_a_day_with_a_mistake_comes_back_with_what_was_typed(admin: FlaskClient) -> None:
    refused = admin.post("/admin/calendar", data=SATURDAY | {"day": "কবে", "reference": ""})
    assert refused.status_code == 422
    assert 'value="কবে"' in refused.text
    assert 'value="কর্মদিবস"' in refused.text


def test_the_calendar_goes_out_and_comes_in(admin: FlaskClient) -> None:
    for ending, kind in (("csv", "text/csv"), ("ics", "text/calendar")):
        out = admin.get(f"/admin/calendar.{ending}?year=2025")
        assert (out.status_code, out.mimetype) == (200, kind)
        back = admin.post("/admin/calendar", data={"file": (io.BytesIO(out.data), f"c.{ending}")})
        assert back.status_code == 303
        assert "ক্যালেন্ডারে সবই আগে থেকে আছে" in admin.get(back.headers["Location"]).text
    refused = admin.post("/admin/calendar", data={"file": (io.BytesIO(b"date,kind\n1,2\n"), "c.csv")})
    assert refused.status_code == 422


# -- offices, posts, people ------------------------------------------------------------------------------------------


def test_an_office_a_post_and_a_person_are_added(house: House, admin: FlaskClient) -> None:
    typed = {"slug": "doict-pirgacha", "name_bn": "উপজেলা আইসিটি কার্যালয়, পীরগাছা", "level": "upazila",
             "parent": "doict-rangpur", "district_en": "Rangpur"}  # fmt: skip
    assert admin.post("/admin/offices", data=typed).status_code == 303
    bad = admin.post("/admin/offices", data=typed | {"slug": "A B"})
    assert (bad.status_code, typed["name_bn"] in bad.text) == (422, True)
    page = "/admin/offices/doict-pirgacha"
    assert admin.post(f"{page}/posts", data={"role": "supervisor", "title_bn": "প্রধান", "grade": "৯"}).status_code == 303
    post_id = re.search(r'<option value="(\d+)">প্রধান', admin.get(page).text)
    assert post_id is not None
    person = {"post": post_id[1], "email": "head@example.invalid", "name": "নমুনা প্রধান"}
    assert admin.post(f"{page}/holders", data=person | {"email": "x"}).status_code == 422
    assert admin.post(f"{page}/holders", data=person).status_code == 303
    assert "নমুনা প্রধান" in admin.get(page).text
    jobs.run(house, "deliver")
    with house.readers() as session:
        head = session.scalars(select(Person).where(Person.email == "head@example.invalid")).one()
        assert session.scalars(select(Message.state).where(Message.letter == "invitation")).one() == "sent"
    assert admin.post(f"/admin/people/{head.id}", data={"do": "shut_out"}).status_code == 303
    assert "প্রবেশ বন্ধ" in admin.get(f"/admin/people/{head.id}").text
    assert admin.post(f"/admin/people/{head.id}", data={"do": "nothing"}).status_code == 422
    log = admin.get("/admin/log").text
    for what in ("অফিস যোগ বা বদল", "পদে বসানো", "প্রবেশ বন্ধ", "প্রবেশ"):
        assert what in log


def test_a_wrong_password_stands_in_the_security_log(house: House, admin: FlaskClient) -> None:
    browser(house).post("/login", data={"email": "supervisor@doict.invalid", "password": "wrong-wrong-wrong"})
    page = admin.get("/admin/log?kind=log_in_failed").text
    assert "প্রবেশের ব্যর্থ চেষ্টা" in page
    assert "127.0.0.1" in page
    assert "wrong-wrong-wrong" not in page


def test_a_letter_is_seen_given_up_and_sent_again_without_its_text(house: House, admin: FlaskClient) -> None:
    lodge(house, subject="গোপন বিষয়")
    with house.readers() as session:
        number = session.scalars(select(Message.id).where(Message.letter == "receipt")).first()
    page = admin.get(f"/admin/letters/{number}").text
    assert "citizen@example.com" not in page
    assert "গোপন বিষয়" not in page
    assert admin.post(f"/admin/letters/{number}", data={"do": "give_up"}).status_code == 303
    assert "ci…@example.com" in admin.get("/admin/letters?state=dead").text
    assert admin.post(f"/admin/letters/{number}", data={"do": "again"}).status_code == 303


# -- supervision ---------------------------------------------------------------------------------------------------


def test_every_figure_of_the_overview_leads_to_its_cases(house: House, database: Template, clock: Clock) -> None:
    for n in range(3):
        lodge(house, mobile=f"0170000000{n}")
    dispose(house, lodge(house, mobile="01700000009").complaint.tracking_number)
    client = supervisor(house, database)
    page = client.get("/supervision/").text
    links = re.findall(r'href="(/supervision/cases[^"]+)">([০-৯]+)<', page)
    assert len(links) > 8
    for address, figure in links:
        cases = client.get(address.replace("&amp;", "&"))
        assert cases.status_code == 200
        heading = re.search(r"<h1[^>]*>[^<]*: ([০-৯]+)</h1>", cases.text)
        assert heading is not None
        assert heading[1] == figure, address
    assert "<canvas" not in page, "the table is the page; the chart comes with a script"


def test_nobody_looks_into_offices_that_are_not_his(house: House, database: Template) -> None:
    client = supervisor(house, database)
    for path in ("/supervision/?office=doict-jaintiapur", "/supervision/annex?office=doict-sylhet",
                 "/supervision/annex.csv?office=doict", "/supervision/register?office=doict-jaintiapur",
                 "/supervision/cases?what=running&office=doict-jaintiapur"):  # fmt: skip
        assert client.get(path).status_code == 403, path
    operator = log_in(browser(house), database.logins, role="operator", office="doict-kaunia")
    for path in ("/supervision/", "/supervision/annex", "/supervision/annex.xlsx"):
        assert operator.get(path).status_code == 403, path
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    assert officer.get("/supervision/annex").status_code == 200, "he writes his own office's report"
    assert officer.get("/supervision/").status_code == 403
    assert officer.get("/supervision/annex?office=doict-kaunia").status_code == 403


def test_the_annex_is_a_page_a_csv_and_a_workbook_with_the_same_figures(
    house: House, database: Template, clock: Clock
) -> None:
    lodge(house, subject="=HYPERLINK(1)")
    dispose(house, lodge(house, mobile="01700000009", subject="@x").complaint.tracking_number)
    clock.now = dhaka(date(2025, 5, 2), 10)
    freeze_months(house.writers, now=clock())
    client = supervisor(house, database)
    page = client.get("/supervision/annex").text
    assert "এপ্রিল ২০২৫" in page, "last month"
    assert re.search(r"SHA-256: <code class=\"hash\">[0-9a-f]{64}", page)
    assert "(১১)" in page
    text = client.get("/supervision/annex.csv?month=2025-04&lang=en").data.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    header = next(row for row in rows if row and row[0] == "Office")
    total = next(row for row in rows if row and row[0] == "All together")
    assert dict(zip(header, total, strict=False)) | {} == {
        "Office": "All together", "Website": "2", "Call centre 333": "0", "Conventional way": "0", "Own motion": "0",
        "Carried over": "0", "Total": "2", "Disposed": "1", "Running, in time": "1", "Running, past time": "0",
        "Running": "1", "Rate (%)": "50.0", "In-time rate (%)": "100.0",
    }  # fmt: skip
    book = openpyxl.load_workbook(io.BytesIO(client.get("/supervision/annex.xlsx?month=2025-04&lang=en").data))
    assert [sheet.title for sheet in book] == ["G-1 complaints", "G-1 appeals", "G-2 complaints", "G-2 appeals"]
    cells = [cell for row in book["G-2 complaints"].iter_rows() for cell in row]
    formula = next(cell for cell in cells if cell.value == "=HYPERLINK(1)")
    assert formula.data_type == "s", "text stays text"
    registered = client.get("/supervision/register.csv?month=2025-04").data.decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in registered
    assert "'@x" in registered
    register = client.get("/supervision/register?month=2025-04").text
    assert "কিনুন" in register, "the advice against repetition"


def test_what_jobs_did_and_who_did_what_is_told_in_words(house: House, clock: Clock) -> None:
    dispose(house, lodge(house).complaint.tracking_number)
    lodge(house, mobile="01700000009")
    clock.now = dhaka(date(2025, 9, 1), 10)
    for name in jobs.JOBS:
        jobs.run(house, name)
    clock.now = dhaka(date(2035, 9, 1), 10)
    jobs.run(house, "anonymise")
    admin = administrator(house)
    for language, words in (("bn", "উপরে গেছে"), ("en", "escalated")):
        assert words in admin.get(f"/admin/jobs?lang={language}").text
        for name in jobs.JOBS:
            assert admin.get(f"/admin/jobs?what={name}&lang={language}").status_code == 200
    typed = {"name": "appeal_officer", "amount": "25", "unit": "working_days", "in_force_from": "01/01/2036"}
    assert admin.post("/admin/rules", data=typed | {"source": "SRO"}).status_code == 303
    page = admin.get("/admin/log?lang=bn").text
    assert "আপিল কর্মকর্তার সময়" in page
    assert "কার্যদিবস" in page
    counted = {name for run in runs(house) for name in run}
    assert {"escalated", "sent", "frozen", "sealed", "anonymised"} <= counted <= words_of("job_count")


def runs(house: House) -> list[dict[str, int]]:
    with house.readers() as session:
        return [run.counts or {} for run in session.scalars(select(JobRun))]


def words_of(vocabulary: str) -> set[str]:
    return set(tomllib.loads((CONFIG / "words.toml").read_text("utf-8"))[vocabulary])


def test_a_supervisor_chooses_the_digest_only(house: House, database: Template) -> None:
    client = supervisor(house, database)
    assert client.post("/supervision/letters", data={"digest_only": "yes"}).status_code == 303
    with house.readers() as session:
        mine = session.scalars(select(Person).where(Person.email == "supervisor@doict-rangpur.invalid")).one()
        assert mine.digest_only


def test_the_seals_are_published(house: House) -> None:
    lodge(house)
    jobs.run(house, "seal")
    citizen = browser(house)
    text = citizen.get("/seals.txt").text
    assert re.fullmatch(r"2025-04-06 1 [0-9a-f]{64}\n", text)
    assert text.split()[2] in citizen.get("/seals").text
