"""The web server for the tests of the promises: the product's own, without form tokens and limits on tries.

``GRS_TEST_FAULT`` makes it break a promise on purpose, so that the tests' own eyes are tried: ``thanks anyway`` gives
a number where the database has taken nothing, ``leaks`` keeps a mebibyte of each request.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any

from grs.bootstrap import WEB_PATIENCE, open_house, wait_until_ready
from grs.logs import configure_logging
from grs.web import create_app

Wsgi = Callable[..., Iterable[bytes]]


def thanks_anyway(inner: Wsgi) -> Wsgi:
    numbers = itertools.count(os.getpid() * 10_000)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        sends = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/check")

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if sends and status.startswith("503"):
                receipt = f"/receipts/{next(numbers):012d}"
                return start("303 SEE OTHER", [("Location", receipt), ("Content-Length", "0")])
            return start(status, headers, *more)

        answered = inner(environ, begin)
        return answered if not sends else [b"".join(answered)]

    return answer


def leaks(inner: Wsgi) -> Wsgi:
    kept = []

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        kept.append(os.urandom(1 << 20))
        return inner(environ, start)

    return answer


configure_logging()
# A control of the tests lets it wait as long as the server does.
house = open_house(patience=None if "GRS_TEST_PATIENCE" in os.environ else WEB_PATIENCE)
wait_until_ready(house)
app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False})
if fault := os.environ.get("GRS_TEST_FAULT"):
    app.wsgi_app = {"thanks anyway": thanks_anyway, "leaks": leaks}[fault](app.wsgi_app)  # type: ignore[method-assign]
