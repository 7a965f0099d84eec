"""P4. The mail server is away for hours: afterwards each letter arrives, once, in the order of its case."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import func, select

from grs.bootstrap import House, open_house
from grs.db.messages import Message, MessageState
from grs.notify.mail import message_id
from grs.usecases.tries import name_of
from tests.conftest import Clock, MailSink, Template, make_settings
from tests.performance.seeding import seed_complaints
from tests.postgres import free_port
from tests.promises.bench import LONG, long_only, seeded, tallied, within
from tests.promises.sweepers import Crew, turn
from tests.stories import assert_all_holds
from workers import jobs

COMPLAINTS = 500
HOURS = 6
PLACE: dict[str, Any] = {
    "smtp_host": "127.0.0.1", "smtp_security": "none", "mail_from": "GRS <grs@office.example>",
}  # fmt: skip
MODES = ["refused", "hangs", "421 after MAIL", "451 per recipient", "no TLS", "no such host"]


class Moody(MailSink):
    """A mail server in a bad mood."""

    mood = ""

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.mood == "421 after MAIL":
            return "421 too busy"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.mood == "451 per recipient":
            return "451 try later"
        return await super().handle_RCPT(server, session, envelope, address, options)


@contextmanager
def bad_server(mode: str, port: int) -> Iterator[None]:
    """What stands at the mail server's place while it is away."""
    if mode == "hangs":
        listener = socket.create_server(("127.0.0.1", port))
        listener.settimeout(0.2)
        held: list[socket.socket] = []
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                with suppress(OSError):
                    held.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            for one in [*held, listener]:
                one.close()
        return
    if mode in ("421 after MAIL", "451 per recipient", "no TLS"):  # the last one is well, and offers no encryption
        sink = Moody(port=port)
        sink.mood = mode
        controller = Controller(sink, hostname="127.0.0.1", port=port)
        controller.start()
        try:
            yield
        finally:
            controller.stop()
        return
    yield  # nobody listens


def keys_of(letters: list[Mail]) -> Counter[str]:
    return Counter(str(letter["Message-ID"]) for letter in letters)


def expected_keys(house: House) -> dict[str, int]:
    """The Message-IDs that the outbox promises, each with its place."""
    with house.readers() as session:
        found = session.scalars(select(Message).where(Message.channel == "email").order_by(Message.id)).all()
    return {message_id(name_of(one), house.settings.mail_from): one.id for one in found}


@long_only
@pytest.mark.parametrize("mode", MODES)
def test_after_six_hours_without_a_server_each_letter_arrives_once(
    sqlite_only: Template, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grs.notify.transports.TIMEOUT_SECONDS", 0.3)
    port = free_port()
    clock = Clock(datetime(2025, 4, 6, 4, 0, tzinfo=UTC))
    bad = {"smtp_security": "starttls"} if mode == "no TLS" else {}
    bad |= {"smtp_host": "mail.invalid"} if mode == "no such host" else {}
    place = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
        "mail_from": "GRS <grs@office.example>",
    }

    def house_with(**changes: Any) -> House:
        return open_house(make_settings(sqlite_only.url, tmp_path, **(place | changes)), clock=clock)

    away = house_with(**bad)
    seed_complaints(away, COMPLAINTS if mode == "refused" else COMPLAINTS // 5, due_on=date(2025, 5, 20))
    clock.now = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
    jobs.run(away, "escalate")
    with tallied(f"P4 {mode}") as tally:
        with bad_server(mode, port):
            for _ in range(HOURS * 12):
                jobs.run(away, "deliver")
                clock.forward(minutes=5)
        away.close()
        with away.readers() as session:
            assert session.scalar(select(func.count()).where(Message.state == MessageState.DEAD)) == 0
            assert (
                session.scalar(
                    select(func.count()).where(Message.state == MessageState.SENT, Message.channel == "email")
                )
                == 0
            )
        sink = MailSink(port=port)
        controller = Controller(sink, hostname="127.0.0.1", port=port)
        controller.start()
        back = house_with()
        for _ in range(24):
            clock.now = max(clock.now, datetime(2025, 5, 22, 4, 0, tzinfo=UTC))  # officers' letters keep office hours
            jobs.run(back, "deliver")
            clock.forward(minutes=5)
        controller.stop()
        expected, arrived = expected_keys(back), keys_of(sink.letters)
        with back.readers() as session:
            bundled = session.scalar(select(func.count()).where(Message.state == MessageState.BUNDLED)) or 0
        tally.rounds, tally.faults = len(expected), HOURS * 12
        tally.lost = len(expected) - bundled - sum(key in arrived for key in expected)
        tally.doubled = sum(times - 1 for times in arrived.values())
        assert_in_order(back, sink.letters)
        assert_all_holds(back)
        back.close()


def assert_in_order(house: House, letters: list[Mail]) -> None:
    """The letters of one case to one reader arrive in the order in which they were written."""
    with house.readers() as session:
        case_of = {
            message_id(name_of(one), house.settings.mail_from): (one.complaint_id, one.to_address, one.id)
            for one in session.scalars(select(Message).where(Message.complaint_id.is_not(None)))
        }
    last: dict[tuple[Any, str], int] = {}
    for letter in letters:
        found = case_of.get(str(letter["Message-ID"]))
        if found is not None:
            assert last.get(found[:2], 0) <= found[2]
            last[found[:2]] = found[2]


@pytest.mark.xdist_group("p01")
@long_only
def test_killed_while_sending_a_letter_goes_out_at_most_once_more_under_the_same_name(
    database: Template, tmp_path: Path, sink: MailSink
) -> None:
    chance = seeded()
    clock = Clock(datetime(2025, 4, 6, 4, 0, tzinfo=UTC))
    place = {
        "smtp_host": "127.0.0.1",
        "smtp_port": sink.port,
        "smtp_security": "none",
        "mail_from": "GRS <grs@office.example>",
    }
    house = open_house(make_settings(database.url, tmp_path, **place), clock=clock)
    seed_complaints(house, 150, due_on=date(2025, 5, 20))
    clock.now = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
    jobs.run(house, "escalate")
    file = tmp_path / "clock"
    turn(file, clock.now)
    with tallied(f"P4 kills, {house.engine.dialect.name}") as tally:
        crew = Crew(database.url, tmp_path, file, 2, chance, ("deliver",), dies=0.3, **place)
        try:
            for _ in range(40 if LONG else 5):
                time.sleep(chance.uniform(0.1, 0.4))
                crew.kill_one()
                clock.forward(minutes=16)  # past the lease of what the killed one had in hand
                if clock.now.astimezone(UTC).hour >= 10:
                    clock.now = clock.now.replace(hour=4) + timedelta(days=1)
                turn(file, clock.now)

            def is_done() -> bool:
                clock.forward(minutes=16)
                turn(file, clock.now)
                crew.replace()
                with house.readers() as session:
                    return not session.scalar(
                        select(func.count()).where(Message.state == MessageState.QUEUED, Message.channel == "email")
                    )

            assert within(90, is_done, every=0.5)
        finally:
            crew.stop()
        expected, arrived = expected_keys(house), keys_of(sink.letters)
        with house.readers() as session:
            bundled = session.scalar(select(func.count()).where(Message.state == MessageState.BUNDLED)) or 0
        extra = sum(times - 1 for times in arrived.values())
        tally.rounds, tally.faults = len(expected), crew.deaths
        tally.lost = max(len(expected) - bundled - sum(key in arrived for key in expected), 0)
        tally.more["sent_twice"] = extra
        assert extra <= crew.deaths, "at most one extra letter for each kill"
        contents: dict[str, set[bytes]] = {}
        for letter in sink.letters:
            contents.setdefault(str(letter["Message-ID"]), set()).add(letter.as_bytes())
        assert all(len(different) == 1 for different in contents.values()), "a repeat is the same letter"
        assert_all_holds(house)
    house.close()


def test_control_a_letter_taken_for_sent_that_was_not_is_seen(
    mailing_house: House, clock: Clock, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_complaints(mailing_house, 3, due_on=date(2025, 5, 20))
    clock.now = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
    jobs.run(mailing_house, "escalate")
    monkeypatch.setattr("grs.usecases.delivery._send", lambda *args: None)
    jobs.run(mailing_house, "deliver")
    expected, arrived = expected_keys(mailing_house), keys_of(sink.letters)
    assert sum(key not in arrived for key in expected) > 0
