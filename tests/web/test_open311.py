"""Open311 GeoReport v2, asked by a client that others wrote, and by hand in both formats."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from lxml import etree
from sqlalchemy import func, select

from grs.bootstrap import House
from grs.db.complaints import Complainant, Complaint
from grs.db.machines import MachineToken
from grs.domain.machines import Scope
from grs.web import create_app, open311
from tests.conftest import Template, browser, serving
from tests.stories import lodge
from tests.web.test_machines import token_for

BASE = "/open311/v2"
OFFICE = {"jurisdiction_id": "doict-kaunia"}


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    """What it calls is tried on both databases by the use cases' own tests."""
    return sqlite_only


@pytest.fixture
def client(house: House) -> FlaskClient:
    return create_app(house, test_config={"RATELIMIT_ENABLED": False}).test_client()


@pytest.fixture
def server(house: House) -> Iterator[str]:
    app = create_app(house, test_config={"RATELIMIT_ENABLED": False})
    with serving(app) as address:
        yield f"{address}{BASE}/"


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sunlight's client as it was published; Python has since renamed what it filters with."""
    monkeypatch.setattr(itertools, "ifilter", filter, raising=False)
    return pytest.importorskip("three")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_client_that_others_wrote_lists_posts_and_reads(server: str, three: Any, house: House) -> None:
    city = three.Three(server, jurisdiction="doict-kaunia")
    assert city.discovery()["endpoints"][0]["specification"].endswith("GeoReport_v2")
    services = city.services()
    assert len(services) > 5
    code = services[0]["service_code"]
    assert {one["code"] for one in city.services(code)["attributes"]} >= {"ground", "applied_on"}
    (made,) = city.post(
        code, name="Kalpita Rahima", phone="01700000001", description="তিনবার গিয়েও তথ্য পাইনি।",
        address="কল্পিত গ্রাম", **{"attribute[ground]": "misconduct"},
    )  # fmt: skip
    assert city.post_response.status_code == 201
    number, code_of_access = made["service_request_id"], made["access_code"]
    (found,) = city.request(number, access_code=code_of_access)
    assert (found["status"], found["service_name"]) == ("open", services[0]["service_name"])
    assert found["expected_datetime"].startswith("2025-05-")
    assert found["description"] is None, "complaints are confidential"
    assert city.token(number, access_code=code_of_access)[0]["service_request_id"] == number
    with house.readers() as session:
        who = session.scalars(select(Complainant)).one()
        assert (who.name, who.mobile) == ("Kalpita Rahima", "01700000001")


def sent(client: FlaskClient, **changes: str) -> Any:
    form = OFFICE | {"service_code": "other", "description": "ঘুষ চেয়েছেন"} | changes
    return client.post(f"{BASE}/requests.json", data=form)


def test_the_same_words_of_two_people_are_two_complaints(client: FlaskClient, house: House) -> None:
    """They may share an address; neither may read the other's."""
    codes = {sent(client).json[0]["access_code"] for _ in range(2)}
    assert len(codes) == 2
    key = {"Idempotency-Key": "k" * 30}
    form = OFFICE | {"service_code": "other", "description": "ঘুষ চেয়েছেন"}
    again = [client.post(f"{BASE}/requests.json", data=form, headers=key).json for _ in range(2)]
    assert again[0] == again[1], "who sends it again with the same key sends the same one"
    with house.readers() as session:
        assert session.scalar(select(func.count()).select_from(Complaint)) == 3
        assert session.scalar(select(Complaint.is_anonymous)) is True


def test_what_xml_cannot_hold_is_dropped(client: FlaskClient) -> None:
    made = sent(client).json[0]
    number, code = made["service_request_id"], {"access_code": made["access_code"]}
    answer = client.get(f"{BASE}/tokens/{number}\ufffe.xml", query_string=code)
    assert etree.fromstring(answer.data).xpath("//token/text()") == [number]


def test_both_formats_tell_the_same(client: FlaskClient) -> None:
    told = client.get(f"{BASE}/services.json", query_string=OFFICE).json
    root = etree.fromstring(client.get(f"{BASE}/services.xml", query_string=OFFICE).data)
    assert root.tag == "services"
    in_xml = [{field.tag: field.text or "" for field in service} for service in root]
    assert in_xml == [{key: "true" if value is True else value for key, value in one.items()} for one in told]
    definition = etree.fromstring(client.get(f"{BASE}/services/other.xml", query_string=OFFICE).data)
    assert definition.tag == "service_definition"
    grounds = definition.xpath("attributes/attribute[code='ground']/values/value/key/text()")
    assert "late" in grounds


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"jurisdiction_id": ""}, "jurisdiction_id"),
        ({"service_code": ""}, "service_code"),
        ({"description": ""}, "description"),
        ({"first_name": "ক"}, "mobile"),
        ({"phone": "12", "first_name": "ক"}, "mobile"),
        ({"attribute[ground]": "revenge"}, "ground"),
    ],
)
def test_what_a_request_lacks_is_said(client: FlaskClient, changes: dict[str, str], told: str) -> None:
    answer = sent(client, **changes)
    assert answer.status_code == 400
    assert answer.json[0]["code"] == 400
    assert told in answer.json[0]["description"]
    as_xml = client.post(f"{BASE}/requests.xml", data=OFFICE)
    assert etree.fromstring(as_xml.data).xpath("/errors/error/code/text()") == ["400"]


def test_nothing_is_shown_to_who_has_neither_code_nor_key(house: House, database: Template) -> None:
    client = browser(house, RATELIMIT_ENABLED=True)
    number = lodge(house).complaint.tracking_number
    tries = [client.get(f"{BASE}/requests/{number}.json", query_string={"access_code": "1"}) for _ in range(6)]
    assert [one.status_code for one in tries] == [404] * 5 + [429], "as for a number that is not there, and counted"
    assert client.get(f"{BASE}/requests.json").status_code == 401


def test_a_long_list_comes_in_parts(
    client: FlaskClient, house: House, database: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open311, "MOST_LISTED", 2)
    numbers = {lodge(house).complaint.tracking_number for _ in range(5)}
    key = {"api_key": token_for(house, database, Scope.READ)["Authorization"].removeprefix("Bearer ")}
    seen: list[str] = []
    path = f"{BASE}/requests.xml?status=open"
    while path:
        answer = client.get(urlsplit(path).path, query_string=key | dict(parse_qsl(urlsplit(path).query)))
        seen += etree.fromstring(answer.data).xpath("//service_request_id/text()")
        found = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = urlsplit(found[1])._replace(scheme="", netloc="").geturl() if found else ""
        assert key["api_key"] not in path
    assert (len(seen), set(seen)) == (5, numbers)


def test_a_program_lists_its_desk(client: FlaskClient, house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    key = {"api_key": token_for(house, database, Scope.READ)["Authorization"].removeprefix("Bearer ")}
    listed = client.get(f"{BASE}/requests.json", query_string=key).json
    assert [one["service_request_id"] for one in listed] == [number]
    assert client.get(f"{BASE}/requests.json", query_string=key | {"status": "closed"}).json == []
    span = {"start_date": "2025-01-01T00:00:00Z", "end_date": "2025-02-01T00:00:00Z"}
    assert client.get(f"{BASE}/requests.json", query_string=key | span).json == []
    assert len(client.get(f"{BASE}/requests.json", query_string=key | {"service_request_id": number}).json) == 1
    for odd in ("x", "0001-01-01", "9999-12-31T23:59:59-12:00"):
        assert client.get(f"{BASE}/requests.json", query_string=key | {"end_date": odd}).status_code == 400, odd
    with house.readers() as session:
        assert session.scalars(select(MachineToken)).one().last_used_at is not None
