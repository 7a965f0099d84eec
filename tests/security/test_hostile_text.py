"""Every field with text that breaks other systems: nothing fails, nothing computes, and it comes back as text."""

from __future__ import annotations

import re
from contextlib import suppress

import lxml.html
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.exceptions import HTTPException

from grs.bootstrap import House
from grs.db.complaints import Complainant, Complaint
from grs.db.drafts import Draft
from grs.web import create_app
from grs.web.citizen.form import FIELDS
from tests.conftest import Template, browser, log_in
from tests.stories import TYPED, assert_all_holds, fill_in, lodge, lodge_on_the_web
from workers import jobs

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "template": "{{1337*7331}} {% for x in ().__class__.__mro__ %}{{x}}{% endfor %} ${7*7} #{7*7}",
    "sql": "'; DROP TABLE complaint; -- \" OR 1=1 /*",
    "like": "100% _ ( * [ \\",
    "header": "নাম\r\nBcc: victim@example.com\r\n\r\nbody",
    "line separators": "ক\u2028খ\u2029গ\x85ঘ\x0bঙ",
    "right to left": "\u202egnp.exe\u202c \u2067রহিম\u2069 \u200fশেষ",
    "joiners": "ক্\u200dষ র‌্যাব \u200b\ufeff",
    "NUL": "আগে\x00পরে",
    "surrogates": "ক\ud800খ\udfff",
    "marks": "ক" + "\u0301\u0316" * 500,
    "formula": '=HYPERLINK("http://evil.example","x")',
    "double encoded": "%253Cscript%253E &amp;lt;b&amp;gt;",
    "javascript": "javascript:alert(1) data:text/html,<b>x</b>",
    "long": "অ" * 300_000,
}
TEXT_FIELDS = sorted(
    {field for fields in FIELDS.values() for field in fields} & {
        "subject", "description", "remedy", "name", "identity_number", "present_address", "permanent_address",
        "mobile", "email", "on_behalf_of", "relation", "service_reference", "applied_on", "kind", "ground", "about",
        "is_anonymous", "for_whom", "language", "service",
    }
)  # fmt: skip
BOX = {"subject", "description", "remedy", "name", "present_address"}


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


def page_of(field: str) -> str:
    return next(page for page, fields in FIELDS.items() if field in fields)


def as_typed(text: str) -> bytes:
    """A form field's value as a browser of bad will could send it."""
    return text.encode("utf-8", "surrogatepass")


def sent(client: FlaskClient, path: str, fields: dict[str, str]) -> int:
    from urllib.parse import quote_from_bytes

    body = "&".join(f"{name}={quote_from_bytes(as_typed(text))}" for name, text in fields.items())
    answer = client.post(path, data=body, content_type="application/x-www-form-urlencoded")
    assert "9801547" not in answer.text, "nothing computes"
    assert "<script>alert" not in answer.text
    assert 'onmouseover="alert' not in answer.text
    return answer.status_code


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_field_of_the_form_takes_or_refuses_it(house: House, kind: str) -> None:
    client, text = browser(house), HOSTILE[kind]
    service = re.search(r'<option value="(\d+)"', client.get("/offices/doict-kaunia/complain").text)
    assert service is not None
    good = TYPED | {"service": service[1], "applied_on": "2025-01-05", "service_reference": "১২"}
    address = fill_in(client, "doict-kaunia", **good)
    for field in TEXT_FIELDS:
        page = page_of(field)
        path = "/offices/doict-kaunia/complain" if page == "service" else f"/forms/{address}/{page}"
        whole = {one: good.get(one, "") for one in FIELDS[page]} | {field: text, "continue": "yes"}
        assert sent(client, path, whole) in (200, 303, 400, 413, 422), (kind, field)
        if page == "service":
            continue
        shown = client.get(f"/forms/{address}/{page}")
        assert shown.status_code in (200, 302), (kind, field, shown.text[:500])
        assert "9801547" not in shown.text
        sent(client, path, {one: good.get(one, "") for one in FIELDS[page]} | {"continue": "yes"})
    with house.readers() as session:
        assert session.scalars(select(Draft)).all()


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind not in ("long", "marks")])
def test_what_was_lodged_is_text_wherever_it_is_shown(house: House, database: Template, kind: str) -> None:
    """Pages, print view, register, letters and their headers, exports: the same words, and only words."""
    client, text = browser(house), HOSTILE[kind]
    if kind in ("NUL", "surrogates"):
        text = text.encode("utf-8", "replace").decode().replace("\x00", "")
    number, _ = lodge_on_the_web(client, "doict-kaunia", subject=text, description=text, name=f"ক {text}"[:200])
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    page = f"/officer/complaints/{number}"
    officer.post(f"{page}/identity")
    officer.post(f"{page}/accept", data={"seen_steps": "1"})
    officer.post(f"{page}/write", data={"seen_steps": "2", "text": text})
    officer.post(f"{page}/note", data={"text": text})
    officer.post(f"{page}/tag", data={"tags": text[:30]})
    for path in (page, f"{page}/print", f"/officer/?q={number}", "/officer/list.csv", "/officer/calendar"):
        shown = officer.get(path)
        assert shown.status_code == 200, path
        if shown.mimetype == "text/html":
            assert "<script>alert" not in shown.text, path
            assert 'onmouseover="alert' not in shown.text, path
        assert "9801547" not in shown.text, path
        assert 'href="javascript:' not in shown.text
        assert not any(cell.startswith(("=", "+", "@")) for cell in shown.text.replace("\r", "").split(",")), path
    assert client.get(f"/complaints/{number}").status_code == 200
    assert officer.get("/officer/", query_string={"q": text}).status_code in (200, 400)
    jobs.run(house, "deliver")
    letters = list(house.settings.mail_folder.iterdir())
    assert letters
    for letter in letters:
        head, _, _ = letter.read_bytes().partition(b"\r\n\r\n")
        assert b"\nBcc:" not in head
        assert b"victim@example.com" not in head.replace(b"To: ", b"")
    assert_all_holds(house)
    with house.readers() as session:
        assert session.scalars(select(Complaint)).one().tracking_number == number
        assert session.scalars(select(Complainant)).one().email == TYPED["email"]


def test_a_search_takes_signs_for_signs(house: House, database: Template) -> None:
    lodge_on_the_web(browser(house), "doict-kaunia")
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    for sign in ("%", "_", "(", "*", "\\", "'", '"', "%25"):
        assert officer.get("/officer/", query_string={"q": f"x{sign}y"}).status_code == 200


def test_fields_sent_twice_or_in_the_address_slip_past_no_check(house: House, database: Template) -> None:
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    number, _ = lodge_on_the_web(browser(house), "doict-kaunia")
    page = f"/officer/complaints/{number}"
    stale = officer.post(f"{page}/accept?seen_steps=1", data={"seen_steps": ["7", "1"]})
    assert stale.status_code == 409, "the first one counts, the address does not"
    more = {"complaint_id": "9", "stage": "disposed", "tier": "3"}
    officer.post(f"{page}/note?text=x", data={"text": ["এক", "দুই"]} | more)
    with house.readers() as session:
        found = session.scalars(select(Complaint)).one()
    assert (found.stage, found.tier) == ("received", 1)


IN_ONE = " ".join(text for kind, text in HOSTILE.items() if kind not in ("long", "surrogates", "marks"))
LEAVES = ("/logout", "/account/sessions")
"""Forms that end the visit itself."""
FOR_WORDS = ("text", "search", "email", "tel", "date", "number")


@pytest.mark.parametrize(
    "text",
    [IN_ONE, HOSTILE["surrogates"], pytest.param(HOSTILE["long"], marks=pytest.mark.thorough)],
    ids=["all", "surrogates", "long"],
)
@pytest.mark.parametrize(
    ("role", "office"),
    [("grievance_officer", "doict-rangpur"), ("administrator", "cabinet-cell"), ("supervisor", "doict"),
     ("operator", "doict-kaunia")],
)  # fmt: skip
def test_every_form_of_those_who_log_in_takes_or_refuses_it(
    house: House, database: Template, role: str, office: str, text: str
) -> None:
    """All forms of the role's pages, of one page behind each kind of link on them, of a complaint at its stages."""
    app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False})
    client = log_in(app.test_client(), database.logins, role=role, office=office)
    pages = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.methods and "GET" in rule.methods and not rule.arguments and rule.endpoint != "static"
    ]
    if role == "grievance_officer":
        for mobile in ("01700000011", "01700000012"):
            number = lodge(house, mobile=mobile).complaint.tracking_number
            pages.append(f"/officer/complaints/{number}")
        client.post(pages[-1] + "/accept", data={"seen_steps": "1"})
    pages += linked_from(app, client, pages)
    tried = 0
    for path in pages:
        for action, fields in forms_on(client, path, text):
            assert sent(client, action, fields) < 500, (path, action)
            tried += 1
        shown = client.get(path)
        assert shown.status_code < 500, path
        if shown.mimetype == "text/html":
            assert "<script>alert" not in shown.text, path
            assert 'onmouseover="alert' not in shown.text, path
            assert "9801547" not in shown.text, path
    assert tried > {"supervisor": 4, "operator": 4}.get(role, 15), tried
    assert_all_holds(house)


def linked_from(app: Flask, client: FlaskClient, pages: list[str]) -> list[str]:
    """One address for each kind of page that these lead to."""
    routes = app.url_map.bind("localhost")
    found: dict[str, str] = {}
    for path in pages:
        page = client.get(path)
        for link in re.findall(r'href="(/[^"?#]*)', page.text) if page.mimetype == "text/html" else ():
            with suppress(HTTPException):
                endpoint, arguments = routes.match(link, method="GET")
                if arguments and endpoint != "static":
                    found.setdefault(endpoint, link)
        page.close()
    return list(found.values())


def forms_on(client: FlaskClient, path: str, text: str) -> list[tuple[str, dict[str, str]]]:
    """Each form that a page posts: where to, and what its fields say, those for words the text."""
    page = client.get(path)
    if page.status_code != 200 or page.mimetype != "text/html":
        return []
    found = []
    for form in lxml.html.fromstring(page.data).forms:
        action = form.get("action") or path
        if form.method != "POST" or action.startswith(LEAVES):
            continue
        fields = {name: value or "" for name, value in form.fields.items()}
        for one in form.inputs:
            is_for_words = one.tag == "textarea" or one.get("type", "text") in FOR_WORDS
            if one.get("name") and is_for_words:
                fields[one.get("name")] = text
        found.append((action, fields))
    return found
