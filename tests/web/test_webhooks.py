"""A desk's program is told what happens there: signed, over TLS, tried again, and never what it may not read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.machines import Webhook
from grs.db.messages import Message, MessageState
from grs.domain.machines import Scope
from grs.domain.tiers import About
from grs.notify import calls
from grs.notify.calls import Caller, NotCalled
from grs.usecases.tries import LEASE, MOST_TRIES
from grs.web import create_app
from tests.certificates import certificate
from tests.conftest import Clock, Template, browser, log_in
from tests.stories import assert_all_holds, lodge
from tests.web.test_machines import API, do, holder_of, token_for
from workers import jobs

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def database(database: Template) -> Template:
    """What is told is found by a query and claimed under lock: on both databases."""
    return database


@dataclass
class Program:
    """A program that others wrote: it listens over TLS, remembers, and answers as it is told to."""

    address: str = ""
    status: int = 204
    sign_seconds: float = 0
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Its certificate is signed by an authority of its own, which this machine trusts."""
    trusted = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    found = Program()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if found.sign_seconds:
                for sign in b"HTTP/1.1 204 No Content\r\n" * 100:
                    time.sleep(found.sign_seconds)
                    self.wfile.write(bytes([sign]))
            self.send_response(found.status)
            self.send_header("Location", "https://localhost/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Who calls may hang up."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, tmp_path / "privkey.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    found.address = f"https://localhost:{server.server_port}/grs?of=desk"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_house(house: House) -> House:
    """A house that may call programs on this machine."""
    object.__setattr__(house, "programs", Caller(LOOPBACK))
    return house


@pytest.fixture
def program(open_house: House) -> FlaskClient:
    return create_app(open_house, test_config={"RATELIMIT_ENABLED": False}).test_client()


def subscribe(program: FlaskClient, token: dict[str, str], address: str) -> str:
    answer = program.put(f"{API}/webhook", json={"address": address}, headers=token)
    assert answer.status_code == 200, answer.text
    return str(answer.json["secret"])


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """As the standard has it: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    what = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, what, hashlib.sha256).digest()).decode()


def test_it_is_told_what_happens_at_its_desk(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock
) -> None:
    token = token_for(open_house, database, Scope.READ, Scope.ACT)
    secret = subscribe(program, token, listener.address)
    number = lodge(open_house, "doict-kaunia").complaint.tracking_number
    lodge(open_house, "doict-bagherpara")  # another desk's
    assert jobs.run(open_house, "call")["sent"] == 2
    assert jobs.run(open_house, "call")["sent"] == 0
    ping, lodged = listener.told
    assert (ping["type"], ping["data"]) == ("ping", {})
    assert lodged["type"] == "complaint.lodged"
    assert lodged["data"] == {"tracking_number": number, "step": 1, "is_here": True}
    for headers, body in listener.heard:
        assert headers["webhook-signature"] == signature(secret, headers, body)
        assert headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
    assert len({headers["webhook-id"] for headers, _ in listener.heard}) == 2
    read = program.get(f"{API}/queue/{number}", headers=token)
    assert (
        do(program, f"/queue/{number}/actions/accept", {}, token, **{"If-Match": read.headers["ETag"]}).status_code
        == 200
    )
    jobs.run(open_house, "call")
    assert [one["type"] for one in listener.told[2:]] == ["complaint.accepted"]
    whole = b"".join(body for _, body in listener.heard).decode()
    assert "citizen@example.com" not in whole and "তথ্য" not in whole
    assert_all_holds(open_house)


def test_the_desk_that_a_complaint_leaves_hears_that_it_has_left(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock
) -> None:
    clock.forward(days=80)
    token = token_for(open_house, database, Scope.READ)
    clock.forward(days=-80)
    subscribe(program, token, listener.address)
    number = lodge(open_house).complaint.tracking_number
    clock.forward(days=80)
    jobs.run(open_house, "escalate")
    jobs.run(open_house, "call")
    assert [one["type"] for one in listener.told] == ["ping", "complaint.lodged", "complaint.escalated"]
    assert listener.told[1]["data"] == {"tracking_number": number, "step": 1, "is_here": True}
    assert listener.told[2]["data"] == {"tracking_number": number, "step": 2, "is_here": False}


def test_what_is_about_its_person_it_is_not_told(
    program: FlaskClient, open_house: House, database: Template, listener: Program
) -> None:
    """It goes to the tier above; the program of the accused hears nothing of it."""
    subscribe(program, token_for(open_house, database, Scope.READ), listener.address)
    lodge(open_house, about=About.GRIEVANCE_OFFICER)
    jobs.run(open_house, "call")
    assert [one["type"] for one in listener.told] == ["ping"]


def test_when_the_token_has_ended_nothing_more_is_told(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock
) -> None:
    subscribe(program, token_for(open_house, database, Scope.READ), listener.address)
    lodge(open_house)  # told only later
    clock.forward(days=31)
    lodge(open_house)
    assert jobs.run(open_house, "call")["sent"] == 0
    assert listener.heard == []
    with open_house.readers() as session:
        assert session.scalars(select(Message).where(Message.letter == "event")).all() == []


def test_who_unsubscribes_hears_nothing_more(
    program: FlaskClient, open_house: House, database: Template, listener: Program
) -> None:
    token = token_for(open_house, database, Scope.READ)
    assert program.get(f"{API}/webhook", headers=token).status_code == 404
    subscribe(program, token, listener.address)
    assert program.get(f"{API}/webhook", headers=token).json["address"] == listener.address
    lodge(open_house)
    assert program.delete(f"{API}/webhook", headers=token).status_code == 204
    assert program.delete(f"{API}/webhook", headers=token).status_code == 204
    lodge(open_house)
    jobs.run(open_house, "call")
    assert listener.heard == []


def test_not_thanked_it_comes_again_under_the_same_name(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock
) -> None:
    subscribe(program, token_for(open_house, database, Scope.READ), listener.address)
    lodge(open_house)
    listener.status = 302  # nobody follows to where it points
    assert jobs.run(open_house, "call") == {"sent": 0, "failed": 1, "given_up": 0}
    assert len(listener.heard) == 1, "who does not thank is asked once a round"
    listener.status = 200
    clock.forward(minutes=1)
    assert jobs.run(open_house, "call")["sent"] == 2
    names = [headers["webhook-id"] for headers, _ in listener.heard]
    assert names[0] == names[1]
    with open_house.readers() as session:
        states = session.scalars(select(Message.state).where(Message.letter == "event")).all()
    assert set(states) == {MessageState.SENT}


def test_after_two_silent_days_the_address_is_given_up_and_the_page_says_so(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock
) -> None:
    token = token_for(open_house, database, Scope.READ)
    subscribe(program, token, listener.address)
    listener.status = 500
    with open_house.writers.begin() as session:
        session.scalars(select(Message).where(Message.letter == "event")).one().tries = MOST_TRIES - 1
    assert jobs.run(open_house, "call")["given_up"] == 1
    assert program.get(f"{API}/webhook", headers=token).json["stopped_at"] is not None
    lodge(open_house)
    with open_house.readers() as session:
        assert session.scalars(select(Message.state).where(Message.letter == "event")).all() == [MessageState.DEAD]
    page = log_in(browser(open_house), database.logins, role="grievance_officer", office="doict-rangpur")
    assert "দুই দিন কোনো উত্তর আসেনি" in page.get("/account/machines").text
    subscribe(program, token, listener.address)
    assert program.get(f"{API}/webhook", headers=token).json["stopped_at"] is None


def test_one_event_that_is_refused_ends_only_itself(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock
) -> None:
    token = token_for(open_house, database, Scope.READ)
    subscribe(program, token, listener.address)
    with open_house.writers.begin() as session:
        session.scalars(select(Message).where(Message.letter == "event")).one().tries = MOST_TRIES - 1
        session.scalars(select(Webhook)).one().thanked_at = clock.now
    listener.status = 500
    assert jobs.run(open_house, "call")["given_up"] == 1
    assert program.get(f"{API}/webhook", headers=token).json["stopped_at"] is None
    listener.status = 204
    lodge(open_house)
    assert jobs.run(open_house, "call")["sent"] == 1


def test_a_name_with_many_silent_addresses_takes_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LONGEST_SECONDS", 1)
    many = [(2, 1, 6, "", (f"127.0.0.{n}", 1)) for n in range(1, 9)]

    def silent(_where: object, timeout: float) -> Any:
        time.sleep(timeout)
        raise TimeoutError

    monkeypatch.setattr(calls.socket, "getaddrinfo", lambda *_, **__: many)
    monkeypatch.setattr(calls.socket, "create_connection", silent)
    began = time.monotonic()
    with pytest.raises(OSError):
        Caller(LOOPBACK).call("https://many.example/", name="x", at=_noon(), body=b"{}", secret=_SECRET)
    assert time.monotonic() - began < 5


def test_a_worker_killed_in_the_middle_tells_it_again(
    program: FlaskClient, open_house: House, database: Template, listener: Program, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    subscribe(program, token_for(open_house, database, Scope.READ), listener.address)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(open_house.programs, "call", killed)
        jobs.run(open_house, "call")
    assert jobs.run(open_house, "call")["sent"] == 0, "claimed"
    clock.now += LEASE
    assert jobs.run(open_house, "call")["sent"] == 1
    assert len(listener.heard) == 1


@pytest.mark.parametrize(
    "address",
    ["http://example.org/x", "https://user@example.org/", "https://example.org/#x", "https://", "ftp://example.org",
     "https://example.org:99999/", "https://" + "a" * 260 + ".example"],
)  # fmt: skip
def test_addresses_that_cannot_be_called_are_refused(
    program: FlaskClient, open_house: House, database: Template, address: str
) -> None:
    token = token_for(open_house, database, Scope.READ)
    answer = program.put(f"{API}/webhook", json={"address": address}, headers=token)
    assert answer.status_code == 422
    with open_house.readers() as session:
        assert session.scalars(select(Webhook)).all() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "192.168.0.1", "0.0.0.0"])
def test_nobody_is_called_inside(host: str) -> None:
    with pytest.raises(NotCalled, match="not a public address"):
        Caller().call(f"https://{host}:1/", name="x", at=_noon(), body=b"{}", secret=_SECRET)


def test_inside_ipv6_and_its_disguises_nobody_is_called() -> None:
    may = Caller(LOOPBACK)._may_be_called
    assert may("127.0.0.1") and may("::ffff:127.0.0.1") and may("1.1.1.1")
    assert not any(
        map(
            may,
            (
                "::1",
                "fe80::1%eth0",
                "::ffff:10.0.0.1",
                "fc00::1",
                "224.0.0.1",
                "100.64.0.1",
                "64:ff9b::7f00:1",
                "fec0::1",
                "2002:7f00:1::",
                "::127.0.0.1",
                "2001:0:1::1",
                "::ffff:0:7f00:1",
            ),
        )
    )


def test_who_answers_a_sign_at_a_time_holds_nobody_up(listener: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LONGEST_SECONDS", 1)
    listener.sign_seconds = 0.2
    began = time.monotonic()
    with pytest.raises(OSError):
        Caller(LOOPBACK).call(listener.address, name="x", at=_noon(), body=b"{}", secret=_SECRET)
    assert time.monotonic() - began < 10


def test_a_token_for_filing_hears_nothing(program: FlaskClient, open_house: House, database: Template) -> None:
    _, _, login = holder_of(open_house, database, "operator", "doict-kaunia")
    token = token_for(open_house, database, Scope.LODGE, role=login.role, office=login.office)
    assert program.put(f"{API}/webhook", json={"address": "https://example.org/"}, headers=token).status_code == 403


_SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def _noon() -> Any:
    from datetime import UTC, datetime

    return datetime(2025, 4, 6, 6, tzinfo=UTC)
