"""A line between the site and its database that can be slow, cut, or dead while it looks alive."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.postgres import free_port


@dataclass
class Line:
    """``mood``: good, slow (300 ms a piece), cut (after some bytes), dead (nothing passes any more)."""

    port: int
    to: int
    chance: random.Random
    mood: str = "good"
    faults: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.close()
            return
        left = [self.chance.randrange(200, 60_000)]

        async def pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(4096):
                if self.mood == "dead":
                    self.faults += 1
                    await asyncio.sleep(3600)
                if self.mood == "slow":
                    await asyncio.sleep(0.3)
                left[0] -= len(data)
                if self.mood == "cut" and left[0] <= 0:
                    self.faults += 1
                    break
                target.write(data)
                await target.drain()

        both = [asyncio.ensure_future(pipe(reader, far_writer)), asyncio.ensure_future(pipe(far_reader, writer))]
        self._tasks.update(both)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, far_writer):
            with suppress(OSError):
                end.close()


@contextmanager
def line_to(port: int, chance: random.Random) -> Iterator[Line]:
    """A line to a port of this machine, at a port of its own."""
    line = Line(free_port(), port, chance)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def run() -> None:
        server = await asyncio.start_server(line.serve, "127.0.0.1", line.port)
        ready.set()
        async with server:
            await server.serve_forever()

    def main() -> None:
        asyncio.set_event_loop(loop)
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(running)

    running = loop.create_task(run())
    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield line
    finally:
        for task in [running, *line._tasks]:
            loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        with suppress(RuntimeError):
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
