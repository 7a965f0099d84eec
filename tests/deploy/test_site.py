"""Two web nodes behind nginx, as ``config/deploy/nginx.conf`` has it, over TLS; one of them dies."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path

import pytest

from tests.certificates import certificate
from tests.conftest import SECRET, Template, new_postgres_database
from tests.deploy.proxy import NGINX, configuration
from tests.postgres import free_port

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(NGINX is None or shutil.which("openssl") is None, reason="nginx or openssl is not installed"),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Site:
    """The proxy and its nodes."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.tls, self.plain = folder, free_port(), free_port()
        self.ports = [free_port(), free_port()]
        self.base = f"https://localhost:{self.tls}"
        trusted = certificate(folder, "localhost")
        settings = {
            "GRS_DATABASE_URL": database, "GRS_SECRET_KEY": SECRET, "GRS_BASE_URL": self.base,
            "GRS_BEHIND_PROXY": "true", "GRS_LOG_FORMAT": "json",
            "GRS_METRICS_TOKEN": "m" * 32, "GRS_SECOND_FACTOR": "optional",
        }  # fmt: skip
        grs = Path(sys.executable).with_name("grs")
        self.logs = [(folder / f"node{n}.log").open("w") for n in range(2)]
        self.nodes = [
            subprocess.Popen(
                [grs, "serve", "--workers", "1"], env=os.environ | settings | {"GRS_PORT": str(port)}, cwd=folder,
                stderr=log, stdout=log, start_new_session=True,
            )
            for port, log in zip(self.ports, self.logs, strict=True)
        ]  # fmt: skip
        conf = configuration(
            folder, nodes=[f"127.0.0.1:{port}" for port in self.ports], host="127.0.0.1", tls=self.tls, plain=self.plain
        )
        self.proxy = subprocess.Popen([str(NGINX), "-c", str(conf), "-g", "daemon off;"])
        self._opener = urllib.request.build_opener(
            NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=trusted))
        )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if all(self._is_up(port) for port in self.ports) and self._is_up(self.plain):
                return
            time.sleep(0.2)
        raise AssertionError((self.folder / "node0.log").read_text()[-2000:])

    def _is_up(self, port: int) -> bool:
        try:
            urllib.request.build_opener(NoRedirect).open(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False
        return True

    def ask(self, path: str, *, body: bytes | None = None, **headers: str) -> Answer:
        request = urllib.request.Request(f"{self.base}{path}", data=body, headers=headers)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def stop(self) -> None:
        self.proxy.terminate()
        for node in self.nodes:
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGTERM)
        for process in (self.proxy, *self.nodes):
            process.wait(30)
        for log in self.logs:
            log.close()


@pytest.fixture
def site(postgres_server: str, database: Template, tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path, database.url)
    yield found
    found.stop()


@pytest.fixture(params=["postgresql"])
def database(request: pytest.FixtureRequest, postgres_template: Template, postgres_server: str) -> Template:
    """Two machines share one database, which SQLite cannot be."""
    return Template(new_postgres_database(postgres_server, "behind_nginx", "template_grs"), postgres_template.logins)


def comes(is_there: Callable[[], bool]) -> bool:
    """Whether something is so within some seconds."""
    until = time.monotonic() + 10
    while not is_there():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_the_site_behind_its_proxy_and_without_one_of_its_nodes(site: Site, tmp_path: Path) -> None:
    first = site.ask("/")
    assert first.status == 200
    assert "অভিযোগ" in first.body.decode()
    assert "max-age" in first.headers["Strict-Transport-Security"]
    named = first.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", named), "the proxy's own name for the request"
    nodes = [tmp_path / f"node{n}.log" for n in range(2)]
    assert comes(lambda: any(f'"cause": "{named}"' in node.read_text() for node in nodes))
    assert comes(lambda: named in (tmp_path / "access.log").read_text()), "written after the answer"

    style = re.search(rb'href="(/static/site\.css\?v=\w+)"', first.body)
    assert style is not None
    served = site.ask(style[1].decode())
    assert (served.status, served.headers["Content-Type"]) == (200, "text/css")
    assert "public, immutable" in (served.headers.get_all("Cache-Control") or [])
    assert served.headers["X-Request-ID"] is None, "the proxy gives it itself"
    assert site.ask("/metrics", Authorization=f"Bearer {'m' * 32}").status == 404, "not from outside"
    assert site.ask("/api/v1/offices").status == 200
    with pytest.raises(urllib.error.HTTPError) as moved:
        urllib.request.build_opener(NoRedirect).open(f"http://127.0.0.1:{site.plain}/track?number=1")
    moved.value.close()
    assert (moved.value.code, moved.value.headers["Location"]) == (301, "https://127.0.0.1/track?number=1")
    assert site.ask("/forms/x/files", body=b"x" * (41 * 1024 * 1024)).status == 413
    assert "/track" not in (tmp_path / "access.log").read_text(), "addresses are not logged"

    os.killpg(site.nodes[0].pid, signal.SIGKILL)
    after = [site.ask("/offices?q=kaunia").status for _ in range(30)]
    assert after == [200] * 30, "the other node answers"

    os.killpg(site.nodes[1].pid, signal.SIGKILL)
    away = site.ask("/api/v1/offices?q=secret")
    assert (away.status, away.headers["Content-Type"]) == (503, "application/problem+json")
    page = site.ask("/account/links/secret")
    assert (page.status, page.headers["Retry-After"]) == (503, "10")
    assert "আবার পাঠান" in page.body.decode()
    told = (tmp_path / "error.log").read_text() + (tmp_path / "access.log").read_text()
    assert "secret" not in told, "nor are those that failed"
