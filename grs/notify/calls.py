"""How a program is called: over TLS, at an address that is nobody's inside, signed, and never for long."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from queue import Empty, Queue
from urllib.parse import urlsplit

from standardwebhooks import Webhook

LONGEST_SECONDS = 10
"""From the first look-up to the answer: who answers a sign a second keeps nobody waiting."""
MOST_ADDRESSES = 2
"""Of a name that are tried."""
Network = IPv4Network | IPv6Network


class NotCalled(OSError):
    """The program was not called, or did not thank; says why, without its address."""


class Caller:
    """Calls programs. ``networks`` are those inside that may be called too; without them only public addresses are."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def call(self, address: str, *, name: str, at: datetime, body: bytes, secret: str) -> None:
        """Post ``body`` as JSON with the headers of Standard Webhooks; ``secret`` signs. Raises unless thanked (2xx).

        What it answers is not read, where it points elsewhere nobody follows.
        """
        until = time.monotonic() + LONGEST_SECONDS
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
        connection = http.client.HTTPSConnection(host, port)
        plain = self._connect(host, port, until)
        spare = plain.dup()  # the same connection, to hang up by from another thread whatever TLS does
        watch = threading.Timer(max(until - time.monotonic(), 0.1), _hang_up, [spare])
        watch.start()
        try:
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            headers = {"Content-Type": "application/json", "User-Agent": "grs", **signed(name, at, body, secret)}
            connection.request("POST", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body, headers)
            status = connection.getresponse().status
        except http.client.HTTPException as error:
            raise NotCalled(type(error).__name__) from None
        finally:
            watch.cancel()
            for one in (connection, plain, spare):
                one.close()
        if not 200 <= status < 300:
            raise NotCalled(f"answered {status}")

    def _connect(self, host: str, port: int, until: float) -> socket.socket:
        """Connected to an address that was looked at, so that no name leads elsewhere a moment later."""
        found = [one for one in _looked_up(host, port, until) if self._may_be_called(one)]
        failure: OSError = NotCalled("not a public address")
        for one in found[:MOST_ADDRESSES]:
            try:
                line = socket.create_connection((one, port), timeout=_left(until))
                line.settimeout(LONGEST_SECONDS)
                return line
            except OSError as error:
                failure = error
        raise failure

    def _may_be_called(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        inner = getattr(found, "ipv4_mapped", None) or found
        if any(inner in network for network in self._networks if network.version == inner.version):
            return True
        if isinstance(inner, IPv6Address) and (inner not in _ASSIGNED or any(inner in one for one in _DISGUISES)):
            return False  # an IPv4 address in another form, which may be one inside
        return inner.is_global and not inner.is_multicast


_ASSIGNED = IPv6Network("2000::/3")
_DISGUISES = (IPv6Network("2001::/23"), IPv6Network("2002::/16"))
"""Protocol assignments, Teredo among them, and 6to4."""


def _left(until: float) -> float:
    """Seconds that are left; raises NotCalled where none are."""
    left = until - time.monotonic()
    if left <= 0:
        raise NotCalled("took too long")
    return left


def _looked_up(host: str, port: int, until: float) -> list[str]:
    """The addresses of a name; a look-up has no limit of its own, so it is waited for and then left alone."""
    found: Queue[list[str] | Exception] = Queue()

    def look_up() -> None:
        try:
            found.put([str(where[0]) for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = found.get(timeout=_left(until))
    except Empty:
        raise NotCalled("took too long") from None
    if isinstance(answer, Exception):
        raise NotCalled("there is no such host")
    return answer


def signed(name: str, at: datetime, body: bytes, secret: str) -> dict[str, str]:
    """The headers by which a program knows that we called, and when (Standard Webhooks 1.0)."""
    instant = at.astimezone(UTC)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(instant.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, instant, body.decode()),
    }


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
