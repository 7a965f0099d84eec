"""The SMS gateway over real HTTP: what it is sent, and that every answer but a good one is a failure."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest

from grs.notify.transports import FolderGateway, HttpGateway


class Gateway(HTTPServer):
    """A gateway on loopback that keeps what it gets and answers ``status``."""

    status = 202

    def __init__(self) -> None:
        self.got: list[tuple[str | None, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    server = Gateway()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_message_is_posted_with_its_reference(gateway: Gateway) -> None:
    HttpGateway(f"http://127.0.0.1:{gateway.server_port}/send", "token").send(
        key="1/2", number="01700000001", text="বাংলা"
    )
    assert gateway.got == [("Bearer token", {"to": "01700000001", "text": "বাংলা", "reference": "1/2"})]


def test_a_refusal_is_a_failure(gateway: Gateway) -> None:
    gateway.status = 500
    with pytest.raises(HTTPError) as refused:
        HttpGateway(f"http://127.0.0.1:{gateway.server_port}/", "token").send(key="k", number="0", text="x")
    refused.value.close()


def test_the_folder_keeps_number_and_text(tmp_path: Path) -> None:
    FolderGateway(tmp_path).send(key="1/2", number="01700000001", text="বাংলা")
    (file,) = tmp_path.iterdir()
    assert file.read_text() == "01700000001\nবাংলা\n"
