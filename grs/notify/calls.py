"""How a program is called: over TLS, at an address that is nobody's inside, signed, and never for long."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from standardwebhooks import Webhook

LONGEST_SECONDS = 10
"""From the first look-up to the answer: who answers a sign a second keeps nobody waiting."""
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
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
        connection = http.client.HTTPSConnection(host, port, timeout=LONGEST_SECONDS)
        plain = self._connect(host, port)
        spare = plain.dup()  # the same connection, to hang up by from another thread whatever TLS does
        watch = threading.Timer(LONGEST_SECONDS, _hang_up, [spare])
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

    def _connect(self, host: str, port: int) -> socket.socket:
        """Connected to an address that was looked at, so that no name leads elsewhere a moment later."""
        failure: OSError = NotCalled("there is no such host")
        for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            if not self._may_be_called(str(where[0])):
                failure = NotCalled("not a public address")
                continue
            try:
                return socket.create_connection((str(where[0]), port), timeout=LONGEST_SECONDS)
            except OSError as error:
                failure = error
        raise failure

    def _may_be_called(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        inner = getattr(found, "ipv4_mapped", None) or found
        if any(inner in network for network in self._networks if network.version == inner.version):
            return True
        return inner.is_global and not inner.is_multicast


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
