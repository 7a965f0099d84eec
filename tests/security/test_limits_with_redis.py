"""The limits on tries where several web servers count together, and while what they count in is away."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from grs.bootstrap import open_house
from tests.conftest import Template, browser, make_settings
from tests.postgres import free_port
from tests.promises.bench import kill_group, started, within

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server here")


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


@contextmanager
def redis_at(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    log = folder / "redis.log"
    with started(command, {}, log) as process:
        assert within(10, lambda: "eady to accept connections" in log.read_text())
        yield process


def tries_until_refused(client: FlaskClient, most: int = 12) -> int:
    """How many wrong passwords are judged before the limit answers."""
    for count in range(most):
        if client.post("/login", data={"email": "nobody@office.example", "password": "wrong"}).status_code == 429:
            return count
    return most


def test_two_servers_count_together_and_each_for_itself_while_redis_is_away(database: Template, tmp_path: Path) -> None:
    port = free_port()
    settings = make_settings(database.url, tmp_path, rate_limit_storage=f"redis://127.0.0.1:{port}")
    house = open_house(settings)
    with redis_at(port, tmp_path) as redis:
        assert tries_until_refused(browser(house, RATELIMIT_ENABLED=True)) == 10
        second = browser(house, RATELIMIT_ENABLED=True)
        assert tries_until_refused(second) == 0, "another server knows what the first one counted"
        assert second.get("/readyz").get_json()["limits"] == "ok"
        kill_group(redis)
        away = second.get("/readyz")
        assert (away.status_code, away.get_json()["limits"]) == (200, "away")
        assert tries_until_refused(second) == 10, "it counts by itself: never without a limit"
        assert second.get("/").status_code == 200
    house.close()
