"""A mail server that takes everything and keeps nothing; prints its port."""

from __future__ import annotations

import time
from typing import Any

from aiosmtpd.controller import Controller

from tests.postgres import free_port


class Forgets:
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return "250 OK"


if __name__ == "__main__":
    port = free_port()
    Controller(Forgets(), hostname="127.0.0.1", port=port).start()
    print(port, flush=True)
    while True:
        time.sleep(60)
