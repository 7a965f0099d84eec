"""The outbox against a real SMTP server: once each, one bad address holds up nobody, giving up is loud."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from grs.bootstrap import House
from grs.db.messages import Message, MessageState
from grs.domain.errors import NotFound
from grs.usecases.delivery import dead_letters, deliver_messages, retry_letter
from grs.usecases.tries import LEASE, MOST_TRIES, wait_after
from tests.conftest import Clock, MailSink
from tests.stories import lodge
from workers import jobs


def messages(house: House) -> list[Message]:
    with house.readers() as session:
        return list(session.scalars(select(Message).where(Message.channel == "email").order_by(Message.id)))


def test_each_letter_goes_out_once(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    lodge(mailing_house)
    assert jobs.run(mailing_house, "deliver")["sent"] == 3, "receipt, its SMS, and the officer's letter"
    clock.forward(hours=2)
    assert jobs.run(mailing_house, "deliver")["sent"] == 0
    assert len(sink.letters) == 2
    assert all(m.state is MessageState.SENT and m.sent_at for m in messages(mailing_house))


def test_one_bad_address_holds_up_nobody(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    sink.refuse.add("gone@example.com")
    lodge(mailing_house, email="gone@example.com")
    lodge(mailing_house, email="citizen@example.com")
    counts = jobs.run(mailing_house, "deliver")
    assert counts["failed"] == 1
    assert len(sink.letters) == 3
    bad = next(m for m in messages(mailing_house) if m.to_address == "gone@example.com")
    assert bad.last_error is not None
    assert "550" in bad.last_error
    assert bad.next_try_at == clock.now + wait_after(1)


def test_a_letter_that_cannot_be_made_fails_alone(mailing_house: House, sink: MailSink) -> None:
    lodge(mailing_house)
    with mailing_house.writers.begin() as session:
        session.execute(
            update(Message)
            .where(Message.letter == "receipt", Message.channel == "email")
            .values(to_address="ক@example.com")
        )
    counts = jobs.run(mailing_house, "deliver")
    assert (counts["failed"], len(sink.letters)) == (1, 1)


def test_given_up_after_the_last_try_and_never_before(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    sink.refuse.add("gone@example.com")
    lodge(mailing_house, email="gone@example.com")
    given_up = tries = 0
    while not given_up:
        given_up = jobs.run(mailing_house, "deliver")["given_up"]
        tries += 1
        clock.forward(minutes=61)
    assert tries == MOST_TRIES == 48
    bad = next(m for m in messages(mailing_house) if m.to_address == "gone@example.com")
    assert bad.state is MessageState.DEAD
    assert jobs.run(mailing_house, "deliver")["failed"] == 0, "a dead letter is not tried again"

    sink.refuse.clear()
    with mailing_house.writers.begin() as session:
        (dead,) = dead_letters(session)
        retry_letter(session, dead.id, now=clock.now)
    jobs.run(mailing_house, "deliver")
    assert len(sink.to("gone@example.com")) == 1, "queued again by hand"
    with pytest.raises(NotFound), mailing_house.writers.begin() as session:
        retry_letter(session, dead.id, now=clock.now)


def test_nothing_is_lost_while_the_server_is_away(
    mailing_house: House, clock: Clock, sink: MailSink, tmp_path: Any
) -> None:
    import dataclasses

    from grs.notify.transports import SmtpTransport
    from tests.postgres import free_port

    lodge(mailing_house)
    away = SmtpTransport(dataclasses.replace(mailing_house.settings, smtp_port=free_port()))
    for _ in range(6):
        deliver_messages(
            mailing_house.writers,
            mail=away,
            sms=mailing_house.sms,
            settings=mailing_house.settings,
            shelf=mailing_house.shelf,
            clock=clock,
        )
        clock.forward(hours=1)
    assert sink.letters == []
    jobs.run(mailing_house, "deliver")
    assert len(sink.letters) == 2


def test_a_worker_killed_after_the_servers_thanks_repeats_that_letter_only(
    mailing_house: House, clock: Clock, sink: MailSink
) -> None:
    """The honest limit: at most one extra a kill, under the same Message-ID."""
    lodge(mailing_house)

    class Killed(BaseException):
        pass

    class DiesAfterSending:
        def send(self, mail: Any) -> None:
            mailing_house.mail.send(mail)
            raise Killed

        def close(self) -> None:
            mailing_house.mail.close()

    with pytest.raises(Killed):
        deliver_messages(
            mailing_house.writers,
            mail=DiesAfterSending(),
            sms=mailing_house.sms,
            settings=mailing_house.settings,
            shelf=mailing_house.shelf,
            clock=clock,
        )
    assert len(sink.letters) == 1
    jobs.run(mailing_house, "deliver")
    assert len(sink.letters) == 1, "the dead worker's batch is left alone while its lease runs"
    clock.forward(minutes=LEASE.seconds // 60 + 1)
    jobs.run(mailing_house, "deliver")
    assert len(sink.letters) == 3
    assert len({letter["Message-ID"] for letter in sink.letters}) == 2


def test_what_a_slow_server_leaves_of_a_batch_is_given_back_in_time(
    mailing_house: House, clock: Clock, sink: MailSink
) -> None:
    """Else another worker would send beside this one what it has claimed too long ago."""
    for n in range(4):
        lodge(mailing_house, mobile=f"0170000000{n}", email=f"citizen{n}@example.com")
    waiting_after: list[int] = []

    class Slow:
        def send(self, mail: Any) -> None:
            mailing_house.mail.send(mail)
            clock.forward(minutes=LEASE.seconds // 60 // 3)
            with mailing_house.readers() as session:
                claimed = select(Message.id).where(Message.state == "queued", Message.next_try_at > clock.now)
                waiting_after.append(len(session.execute(claimed).all()))

        def close(self) -> None:
            mailing_house.mail.close()

    counts = deliver_messages(
        mailing_house.writers, mail=Slow(), sms=mailing_house.sms, settings=mailing_house.settings,
        shelf=mailing_house.shelf, clock=clock,
    )  # fmt: skip
    assert counts["sent"] == 12
    assert len(sink.letters) == 8, "each once"
    assert {m.tries for m in messages(mailing_house)} == {1}, "given back is no try"
    assert all(waiting_after[:-1]), "each was sent while the claim on the rest still held"


def test_waits_grow_to_an_hour() -> None:
    assert [wait_after(n) for n in (1, 2, 3, 7, 48)] == [timedelta(minutes=m) for m in (1, 2, 4, 60, 60)]
    assert sum((wait_after(n) for n in range(1, MOST_TRIES)), timedelta()) > timedelta(hours=40)
