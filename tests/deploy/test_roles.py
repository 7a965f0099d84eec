"""The roles of PostgreSQL: the site's own cannot change what has happened, and can do all its work."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.settings import ROOT
from tests.conftest import Clock, Template, browser, make_settings, new_postgres_database
from tests.postgres import find_binaries
from tests.stories import assert_all_holds, lodge, lodge_on_the_web, pass_days
from workers import jobs

NUMBERS = count()
ROLES = ROOT / "config" / "deploy" / "roles.sql"


@pytest.fixture
def guarded(postgres_server: str, postgres_template: Template) -> str:
    """The address of a set-up database after the roles were made, without a user."""
    url = new_postgres_database(postgres_server, f"guarded_{next(NUMBERS)}", "template_grs")
    for _ in range(2):  # run again after an upgrade it changes nothing
        psql = [f"{find_binaries()}/psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", str(ROLES)]
        made = subprocess.run(psql, capture_output=True, text=True, check=False)
        assert (made.returncode, made.stderr) == (0, "")
    return url


def house_as(role: str, url: str, clock: Clock, folder: Path) -> House:
    address = make_url(url).set(username=role).render_as_string(hide_password=False)
    return open_house(make_settings(address, folder), clock=clock)


@pytest.fixture
def web(guarded: str, clock: Clock, tmp_path: Path) -> Iterator[House]:
    found = house_as("grs_web", guarded, clock, tmp_path)
    yield found
    found.close()


@pytest.fixture
def worker(guarded: str, clock: Clock, tmp_path: Path) -> Iterator[House]:
    found = house_as("grs_worker", guarded, clock, tmp_path)
    yield found
    found.close()


def refused(connection: Connection, statement: str) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(text(statement))
    except ProgrammingError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    return False


def test_the_site_does_all_its_work_and_cannot_change_the_history(web: House, worker: House, clock: Clock) -> None:
    lodge_on_the_web(browser(web), "doict-kaunia")
    lodge(web, mobile="01700000009")
    pass_days(worker, clock, clock.now.date() + timedelta(days=70), tuple(jobs.JOBS))
    assert_all_holds(worker)
    for house in (web, worker):
        with house.engine.begin() as connection:
            for statement in (
                "UPDATE step SET kind = 'disposed'", "DELETE FROM step", "TRUNCATE step CASCADE",
                "UPDATE seal SET root = ''", "DELETE FROM security_event", "DELETE FROM alembic_version",
                "ALTER TABLE step DISABLE TRIGGER ALL", "DROP TABLE step CASCADE", "CREATE TABLE x ()",
            ):  # fmt: skip
                assert refused(connection, statement), (house.engine.url.username, statement)
    with web.engine.begin() as connection:
        assert refused(connection, "UPDATE step SET details = '{}'"), "nor erase words: that is the jobs' work"
        assert refused(connection, "INSERT INTO seal (day) VALUES (now())")


def test_the_owner_migrates_and_the_site_goes_on(guarded: str, web: House, clock: Clock, tmp_path: Path) -> None:
    owner = house_as("grs_owner", guarded, clock, tmp_path)
    schema.downgrade(owner.engine, "0007")
    schema.upgrade(owner.engine)
    owner.close()
    lodge(web)
