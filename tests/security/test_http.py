"""What every answer carries, what no request can make the server do, and how much of one it reads."""

from __future__ import annotations

import dataclasses
import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.offices import LoginSession
from grs.web import create_app
from tests.conftest import Template, browser, log_in
from tests.promises.bench import running_site, status_of
from tests.stories import lodge_on_the_web

MIB = 1024 * 1024


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


def https_app(house: House) -> Flask:
    settings = dataclasses.replace(house.settings, base_url="https://grs.office.example")
    return create_app(dataclasses.replace(house, settings=settings))


def test_every_answer_of_an_https_site_keeps_browsers_there(house: House) -> None:
    client = https_app(house).test_client()
    for path in ("/", "/nowhere", "/login", "/officer/", "/static/site.css", "/readyz", "/offices?district=%ff"):
        answer = client.get(path)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains", path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "object-src 'none'" in answer.headers["Content-Security-Policy"], path
        assert "unsafe-" not in answer.headers["Content-Security-Policy"], path
        assert "charset" in answer.headers["Content-Type"].lower() or answer.mimetype in ("application/json",), path
        answer.close()
        strange = client.get(path, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in strange.headers
        strange.close()


def test_cookies_are_for_this_site_alone(house: House, database: Template) -> None:
    client = https_app(house).test_client()
    cookies = [
        cookie
        for path in ("/login", "/?lang=en")
        for cookie in client.get(path, base_url="https://grs.office.example").headers.getlist("Set-Cookie")
    ]
    assert any(one.startswith("__Host-grs=") for one in cookies)
    for cookie in cookies:
        for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert flag in cookie, cookie
        assert "Domain=" not in cookie


@pytest.mark.parametrize("token", ["", "made-up", "IjEyMyI.aaaa.bbbb"])
def test_a_made_up_or_foreign_token_changes_nothing(house: House, database: Template, token: str) -> None:
    client = browser(house, WTF_CSRF_ENABLED=True)
    login = database.logins[0]
    answer = client.post("/login", data={"email": login.email, "password": login.password, "csrf_token": token})
    assert answer.status_code == 400
    other = browser(house, WTF_CSRF_ENABLED=True)
    page = other.get("/login").text
    foreign = page.split('name="csrf_token" value="')[1].split('"')[0]
    answer = client.post("/login", data={"email": login.email, "password": login.password, "csrf_token": foreign})
    assert answer.status_code == 400
    with house.readers() as session:
        assert session.scalars(select(LoginSession)).all() == []


KNOWN = {"slug": "doict-kaunia", "_format": "json"}
"""What stands in addresses besides numbers."""


def test_looking_changes_nothing(house: House, database: Template) -> None:
    """GET and HEAD on every address that changes something: refused, and all is as before; log-out too."""
    number, _ = lodge_on_the_web(browser(house), "doict-kaunia")
    officer = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    app = create_app(house)
    with house.readers() as session:
        before = session.scalars(select(Complaint)).one().step_count
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and "GET" not in (rule.methods or ()):
            values = {name: KNOWN.get(name, number if name == "number" else "1") for name in rule.arguments}
            path = app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False)
            for method in ("GET", "HEAD"):
                assert officer.open(path, method=method).status_code < 500, path
    assert officer.get("/officer/").status_code == 200, "still logged in"
    with house.readers() as session:
        assert session.scalars(select(Complaint)).one().step_count == before


def test_neither_trace_nor_what_lies_beside_the_code_is_served(house: House) -> None:
    client = browser(house)
    assert client.open("/", method="TRACE").status_code == 405
    for path in ("/.git/config", "/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/console"):
        assert client.get(path).status_code in (308, 404), path


def test_what_is_encoded_twice_is_decoded_once(house: House) -> None:
    page = browser(house).get("/offices?q=%253Cscript%253E").text
    assert "%3Cscript%3E" in page
    assert "<script>" not in page.split("<main")[1]


# -- how much is read ----------------------------------------------------------------------------------------


@pytest.mark.xdist_group("processes")
def test_two_hundred_megabytes_are_refused_and_the_memory_stays_flat(database: Template, tmp_path: Path) -> None:
    with running_site(database.url, tmp_path) as site:
        place = urlsplit(site.url)
        assert status_of(site.url + "/") == 200
        before = memory_of(site.process.pid)
        for chunked in (False, True):
            for path in ("/track", "/forms/1-x/files", "/login"):
                answer = refused_after(place.port or 0, path, 200 * MIB, chunked=chunked)
                assert answer == (411 if chunked else 413), (path, chunked)
        assert memory_of(site.process.pid) < before + 48 * 1024, "KiB"
        for broken in (
            b"POST /track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
            b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\nabc",
            b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        ):
            assert raw(place.port or 0, broken).startswith((b"HTTP/1.1 400", b"HTTP/1.1 411")), broken
        forged = raw(
            place.port or 0,
            b"GET /?lang=en HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nSCRIPT_NAME: /evil\r\n"
            b"Connection: close\r\n\r\n",
        )
        assert b"Strict-Transport-Security" not in forged
        assert b'"/evil' not in forged
        assert "Traceback" not in site.log.read_text()


def refused_after(port: int, path: str, size: int, *, chunked: bool) -> int:
    """Send a body of a size until the server has had enough; its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    piece = b"a" * MIB
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(size))))
    connection.endheaders()
    try:
        for _ in range(size // MIB):
            connection.send(b"%x\r\n" % MIB + piece + b"\r\n" if chunked else piece)
    except OSError:
        pass  # it has answered already, and reads no more
    try:
        return connection.getresponse().status
    except (http.client.HTTPException, OSError):
        return 413  # closed in the face of who goes on sending; nothing was read
    finally:
        connection.close()


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        connection.settimeout(20)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
                if b"\r\n\r\n" in answer and not request.startswith(b"GET"):
                    break
        except OSError:
            pass
        return answer


def memory_of(master: int) -> int:
    """Resident KiB of the server's processes together."""
    import subprocess

    children = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True).stdout.split()
    total = 0
    for pid in (str(master), *children):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return total
