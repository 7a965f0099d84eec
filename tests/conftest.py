"""What every test can ask for: a house on either database, a clock to turn, a mail sink, browsers of each kind."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from aiosmtpd.smtp import Session as SmtpSession
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from werkzeug.serving import make_server

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.settings import Settings, read_settings
from grs.usecases.demo import Login, fill_posts, prepare_rules
from grs.web import create_app
from tests.machines import why_no_machines
from tests.mailboxes import why_no_mailbox
from tests.postgres import free_port, running_postgres, why_missing

BEFORE_ALL = datetime(2025, 1, 5, 4, 0, tzinfo=UTC)
"""A Sunday morning in Dhaka in a gazetted year: when every test's house was set up."""

SECRET = "only-for-tests-only-for-tests-only"


class Clock:
    """The time of a test; stands still until it is turned."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: int) -> None:
        self.now += timedelta(**span)


@dataclass
class MailSink:
    """A real SMTP server that keeps what it gets; ``refuse`` names addresses it answers with 550, ``too_large`` with
    552 after the letter."""

    letters: list[Mail] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    too_large: set[str] = field(default_factory=set)
    port: int = 0

    async def handle_RCPT(
        self, server: Any, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: SmtpSession, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        if self.too_large & set(envelope.rcpt_tos):
            return "552 message is too large"
        self.letters.append(message_from_bytes(content))
        return "250 OK"

    def to(self, address: str) -> list[Mail]:
        return [letter for letter in self.letters if address in str(letter["To"])]

    def subjects(self, address: str) -> list[str]:
        return [subject_of(letter) for letter in self.to(address)]


def subject_of(letter: Mail) -> str:
    """The subject as a mail program shows it."""
    return str(make_header(decode_header(str(letter["Subject"]))))


def body_of(letter: Mail) -> str:
    """The text of a letter as a mail program without HTML shows it."""
    (plain,) = [part for part in letter.walk() if part.get_content_type() == "text/plain"]
    payload = plain.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server on loopback."""
    found = MailSink(port=free_port())
    controller = Controller(found, hostname="127.0.0.1", port=found.port)
    controller.start()
    yield found
    controller.stop()


# -- databases ----------------------------------------------------------------------


@dataclass(frozen=True)
class Template:
    """A database that is set up once and copied for each test."""

    url: str
    logins: list[Login]


def make_settings(url: str, folder: Path, **changes: Any) -> Settings:
    settings = read_settings({"GRS_DATABASE_URL": "sqlite:////nowhere", "GRS_SECRET_KEY": SECRET})
    return dataclasses.replace(
        settings,
        database_url=url,
        mail_folder=folder / "mail",
        sms_folder=folder / "sms",
        lodging_per_hour=10_000,
        second_factor="optional",
        **changes,
    )


def _set_up(url: str, folder: Path) -> Template:
    house = open_house(make_settings(url, folder), clock=Clock(BEFORE_ALL))
    schema.upgrade(house.engine)
    with house.writers.begin() as session:
        prepare_rules(session, now=BEFORE_ALL)
        logins = fill_posts(session, now=BEFORE_ALL)
    with house.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    house.close()
    return Template(url, logins)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("sqlite")
    return _set_up(f"sqlite:///{folder / 'template.db'}", folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    reason = why_missing()
    if reason:
        pytest.skip(reason)
    with running_postgres(fsync="off") as url:  # what a power cut leaves is PostgreSQL's to promise
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Template:
    url = new_postgres_database(postgres_server, "template_grs")
    return _set_up(url, tmp_path_factory.mktemp("postgres"))


def new_postgres_database(server: str, name: str, template: str = "template0") -> str:
    """Make a database, as a copy of another, and give its URL."""
    # By files, not through the log as by default since PostgreSQL 15: four times as fast for so small a one.
    _tell(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"', since_15=" STRATEGY file_copy")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_postgres_database(server: str, name: str) -> None:
    """Take it away again: a thousand of them would be written to the disk for nothing."""
    _tell(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _tell(server: str, command: str, *, since_15: str = "") -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        is_new = (connection.dialect.server_version_info or (0,)) >= (15,)
        connection.execute(text(command + (since_15 if is_new else "")))
    engine.dispose()


_numbers = iter(range(1, 1_000_000))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Template]:
    """A set-up database of this test's own, on each of the two kinds in turn."""
    if request.param == "sqlite":
        template: Template = request.getfixturevalue("sqlite_template")
        copy = tmp_path / "grs.db"
        shutil.copy(template.url.removeprefix("sqlite:///"), copy)
        yield Template(f"sqlite:///{copy}", template.logins)
        return
    template = request.getfixturevalue("postgres_template")
    server = request.getfixturevalue("postgres_server")
    name = f"test_{next(_numbers)}"
    yield Template(new_postgres_database(server, name, "template_grs"), template.logins)
    drop_postgres_database(server, name)


@pytest.fixture
def sqlite_only(sqlite_template: Template, tmp_path: Path) -> Template:
    """A set-up SQLite database, where the kind of database makes no difference."""
    copy = tmp_path / "grs.db"
    shutil.copy(sqlite_template.url.removeprefix("sqlite:///"), copy)
    return Template(f"sqlite:///{copy}", sqlite_template.logins)


@pytest.fixture
def clock() -> Clock:
    """Sunday 6 April 2025, 10:00 in Dhaka: the first working day after Eid-ul-Fitr."""
    return Clock(datetime(2025, 4, 6, 4, 0, tzinfo=UTC))


@pytest.fixture
def house(database: Template, clock: Clock, tmp_path: Path) -> Iterator[House]:
    """The whole product on each database, with letters going to a folder."""
    found = open_house(make_settings(database.url, tmp_path), clock=clock)
    yield found
    found.close()


@pytest.fixture
def mailing_house(database: Template, clock: Clock, tmp_path: Path, sink: MailSink) -> Iterator[House]:
    """The whole product on each database, with letters going to a real SMTP server."""
    settings = make_settings(
        database.url,
        tmp_path,
        smtp_host="127.0.0.1",
        smtp_port=sink.port,
        smtp_security="none",
        mail_from="অভিযোগ প্রতিকার <grs@office.example>",
    )
    found = open_house(settings, clock=clock)
    yield found
    found.close()


# -- browsers ------------------------------------------------------------------------


_app: tuple[House, Flask] | None = None


def browser(house: House, **config: Any) -> FlaskClient:
    """A web client with its own cookies; form tokens are tested on their own. One application serves all of a test."""
    global _app
    plain = {"TESTING": False, "WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False}
    if config:
        _app = None  # limits are switched for all applications at once
        return create_app(house, test_config=plain | config).test_client()
    if _app is None or _app[0] is not house:
        _app = house, create_app(house, test_config=plain)
    return _app[1].test_client()


@contextmanager
def serving(app: Flask, *, port: int = 0) -> Iterator[str]:
    """The application on a port of its own, as long as somebody asks; gives its address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def citizen(house: House) -> FlaskClient:
    """A citizen's phone."""
    return browser(house)


def log_in(client: FlaskClient, logins: list[Login], *, role: str, office: str) -> FlaskClient:
    """The client, logged in as the invented holder of a post."""
    login = next(one for one in logins if one.role == role and one.office == office)
    answer = client.post("/login", data={"email": login.email, "password": login.password})
    assert answer.status_code == 303, answer.text
    return client


def chromium() -> str | None:
    """Where the browser is that draws the pages in tests."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in plain words what could not be tried on this machine."""
    reason = why_missing()
    if reason:
        terminalreporter.write_line(f"NOT RUN here: everything on PostgreSQL, because {reason}")
    for what, reason in (("mail that comes in", why_no_mailbox()), ("the loss of each machine", why_no_machines())):
        if reason:
            terminalreporter.write_line(f"NOT RUN here: {what}, because {reason}")
    if chromium() is None:
        terminalreporter.write_line("NOT RUN here: everything in a browser, because there is no Chromium")
