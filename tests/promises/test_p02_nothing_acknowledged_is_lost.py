"""P2. No acknowledged complaint is lost when the primary is killed; the site comes back by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.db.complaints import Complaint
from grs.usecases.demo import fill_posts, prepare_rules
from tests.conftest import BEFORE_ALL, make_settings
from tests.postgres import why_missing
from tests.promises.bench import LONG, Site, long_only, running_site, seeded, status_of, tallied, within
from tests.promises.citizens import Journal, Phone, filing, fill_in_over_http, send
from tests.promises.servers import Pair, running_pair
from tests.stories import assert_all_holds

pytestmark = [
    long_only,
    pytest.mark.xdist_group("p02"),
    pytest.mark.skipif(why_missing() is not None, reason=why_missing() or ""),
]
ROUNDS = 10 if LONG else 1
BACK_WITHIN = 15


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_pair() as found:
        yield found


def set_up(pair: Pair, folder: Path) -> House:
    house = open_house(make_settings(pair.url(), folder))
    schema.upgrade(house.engine)
    with house.writers.begin() as session:
        prepare_rules(session, now=BEFORE_ALL)
        fill_posts(session, now=BEFORE_ALL)
    return house


def count(house: House) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count(Complaint.id))) or 0


def missing_of(house: House, journal: Journal) -> int:
    """How many complaints whose receipt somebody saw are not there."""
    with house.readers() as session:
        there = set(session.scalars(select(Complaint.tracking_number)))
    return sum(one.number not in there for one in journal.answered("yes"))


def test_the_primary_is_killed_and_nothing_that_was_thanked_for_is_lost(pair: Pair, tmp_path: Path) -> None:
    chance = seeded()
    house = set_up(pair, tmp_path)
    slowest_return = 0.0
    with running_site(pair.url(), tmp_path, workers=2) as site, tallied("P2 primary killed") as tally:
        for _ in range(ROUNDS):
            journal, stop, threads = filing(site.url, 8)
            time.sleep(chance.uniform(4, 10))
            pair.primary.kill()
            killed_at = time.monotonic()
            pair.standby.promote()
            before = len(journal.answered("yes"))
            back = within(60, lambda j=journal, n=before: len(j.answered("yes")) > n, every=0.02)
            slowest_return = max(slowest_return, time.monotonic() - killed_at)
            assert back, "the site did not come back by itself"
            time.sleep(1)
            # The old primary comes back, first in the list: the site must not write to it.
            pair.primary.start()
            before = int(pair.primary.ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
            time.sleep(2)
            stop.set()
            for thread in threads:
                thread.join(30)
            tally.lost += missing_of(house, journal)
            tally.doubled += send_unknown_again(site, house, journal)
            assert _complaints_of(pair.primary) <= _complaints_of(pair.standby), "nobody wrote to the old primary"
            tally.rounds += len(journal.answered("yes"))
            tally.faults += 1
            tally.more["unknown"] = tally.more.get("unknown", 0) + len(journal.answered("unknown"))
            tally.more["back_after"] = round(slowest_return, 2)
            pair.primary.stop()
            pair.change_places()
            pair.follow()
            assert within(30, lambda: status_of(site.url + "/readyz") == 200)
        assert_all_holds(house)
        assert slowest_return < BACK_WITHIN
    house.close()


def _complaints_of(server: object) -> int:
    import psycopg

    from tests.promises.servers import Server

    assert isinstance(server, Server)
    with psycopg.connect(server.url.replace("dbname=postgres", "dbname=grs"), autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM complaint").fetchone()
        assert row is not None
        return int(row[0])


def send_unknown_again(site: Site, house: House, journal: Journal) -> int:
    """Send each form again whose fate is unknown: it becomes one complaint, never two. Returns how many doubled."""
    doubled = 0
    for one in journal.answered("unknown")[:20]:
        before = count(house)
        answers = [send(Phone(site.url), one.address) for _ in range(2)]
        assert {answer.answer for answer in answers} == {"yes"}, answers
        assert answers[0].number == answers[1].number
        doubled += max(count(house) - before - 1, 0)
    return doubled


def test_control_without_a_confirming_standby_what_was_thanked_for_is_lost(pair: Pair, tmp_path: Path) -> None:
    """The standby does not get it, the primary does not wait for it, and dies: the oracle must see the loss."""
    house = set_up(pair, tmp_path)
    pair.primary.do("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
    with running_site(pair.url(), tmp_path) as site:
        sender = int(pair.primary.ask("SELECT pid FROM pg_stat_replication"))
        os.kill(sender, signal.SIGSTOP)
        journal = Journal()
        for _ in range(3):
            phone = Phone(site.url)
            journal.note(send(phone, fill_in_over_http(phone)), phone.slowest)
        assert len(journal.answered("yes")) == 3
        pair.primary.kill()
        pair.standby.promote()
        assert missing_of(house, journal) == 3
    house.close()
