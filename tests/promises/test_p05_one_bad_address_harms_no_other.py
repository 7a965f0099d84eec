"""P5. A letter that cannot be delivered fails alone, is shown to staff, and its case moves on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from email.message import Message as Mail

import pytest
from sqlalchemy import func, select, update

from grs.bootstrap import House
from grs.db.messages import Message, MessageState
from grs.notify import transports
from grs.usecases.delivery import dead_letters
from grs.usecases.tries import MOST_TRIES
from tests.conftest import Clock, MailSink
from tests.performance.seeding import seed_complaints
from tests.promises.bench import tallied
from tests.stories import assert_all_holds, dispose_of
from workers import jobs

LETTERS = 100
REFUSED, UNWRITABLE, HUGE = "refused@example.com", "নাগরিক@example.com", "huge@example.com"


@pytest.fixture
def bad(mailing_house: House, clock: Clock, sink: MailSink) -> list[int]:
    """A hundred cases escalated; three of their letters go to addresses that cannot work. Returns those letters."""
    seed_complaints(mailing_house, LETTERS, due_on=date(2025, 5, 20))
    clock.now = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
    jobs.run(mailing_house, "escalate")
    with mailing_house.writers.begin() as session:
        letters = select(Message.id).where(Message.letter == "escalated", Message.channel == "email")
        found = list(session.scalars(letters.order_by(Message.id).limit(3)))
        for number, address in zip(found, (REFUSED, UNWRITABLE, HUGE), strict=True):
            session.execute(update(Message).where(Message.id == number).values(to_address=address))
    sink.refuse.add(REFUSED)
    sink.too_large.add(HUGE)
    return found


def waiting_to_citizens(house: House) -> int:
    with house.readers() as session:
        query = select(func.count(Message.id)).where(
            Message.letter == "escalated", Message.state == MessageState.QUEUED, Message.channel == "email"
        )
        return session.scalar(query) or 0


def test_the_others_arrive_at_once_and_the_bad_ones_are_given_up_loudly(
    mailing_house: House, clock: Clock, sink: MailSink, bad: list[int]
) -> None:
    house = mailing_house
    with tallied(f"P5 {house.engine.dialect.name}") as tally:
        jobs.run(house, "deliver")
        clock.forward(minutes=2)
        jobs.run(house, "deliver")
        assert waiting_to_citizens(house) == len(bad), "in two rounds all others have left"
        for _ in range(MOST_TRIES):
            clock.forward(minutes=61)
            jobs.run(house, "deliver")
        with house.readers() as session:
            assert [letter.id for letter in dead_letters(session) if letter.id in bad] == bad
        got = [one for one in sink.letters if one["Auto-Submitted"]]
        tally.rounds, tally.faults = LETTERS, len(bad)
        tally.lost = LETTERS - len(bad) - len({_to(one) for one in got if "citizen" in _to(one)})
        tally.doubled = len(got) - len({str(one["Message-ID"]) for one in got})
        with house.writers.begin() as session:
            for number in bad:
                restored = f"citizen{session.get_one(Message, number).complaint_id}@example.com"
                session.execute(update(Message).where(Message.id == number).values(to_address=restored))
    with house.readers() as session:
        ids = session.scalars(select(Message.complaint_id).where(Message.id.in_(bad))).all()
    for complaint_id in ids:
        assert complaint_id is not None
        dispose_of(house, complaint_id)
    assert_all_holds(house)


def _to(letter: Mail) -> str:
    return str(letter["To"])


def test_control_where_the_first_failure_ends_the_round_the_others_wait(
    mailing_house: House, clock: Clock, bad: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grs.usecases.delivery._is_away", lambda error: True)
    assert transports  # the transports stay as they are; only the judgement of a failure is wrong
    jobs.run(mailing_house, "deliver")
    assert waiting_to_citizens(mailing_house) > len(bad)
