"""P14. The line to the database is slow, is cut, is dead: no trace is shown, nothing leaks, nothing happens twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from grs.bootstrap import open_house
from grs.db.complaints import Complaint
from tests.conftest import Template, make_settings, new_postgres_database
from tests.promises.bench import long_only, running_site, seeded, status_of, tallied, within
from tests.promises.citizens import UNREACHABLE, Phone, filing, send
from tests.promises.proxies import line_to
from tests.stories import assert_all_holds

FAULTS = 1_000
LONGEST = 150
CONNECTIONS = 16
pytestmark = [
    long_only,
    pytest.mark.xdist_group("p14"),
    # the ends of lines that were cut
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_thousand_faults_of_the_line(postgres_template: Template, postgres_server: str, tmp_path: Path) -> None:
    chance = seeded()
    url = new_postgres_database(postgres_server, f"line_{tmp_path.name.lower()}"[:60], "template_grs")
    direct = open_house(make_settings(url, tmp_path))
    with line_to(make_url(url).port or 0, chance) as line, tallied("P14 lost connections") as tally:
        through = make_url(url).set(port=line.port).render_as_string(hide_password=False)
        with running_site(through, tmp_path, workers=2) as site:
            journal, stop, threads = filing(site.url, 6, with_code=False)
            statuses: list[int] = []

            def look() -> None:
                while not stop.is_set():
                    try:
                        statuses.append(Phone(site.url).open("/offices/doict-kaunia")[0])
                    except UNREACHABLE:
                        statuses.append(0)
                    time.sleep(0.02)

            looker = threading.Thread(target=look, daemon=True)
            looker.start()
            began = time.monotonic()
            while line.faults < FAULTS and time.monotonic() - began < LONGEST:
                line.mood = chance.choice(["cut", "cut", "cut", "cut", "slow", "dead", "good"])
                time.sleep(chance.uniform(0.3, 1.5))
            line.mood = "good"
            assert within(30, lambda: status_of(site.url + "/readyz") == 200), "it comes back by itself"
            time.sleep(2)
            stop.set()
            for thread in [looker, *threads]:
                thread.join(40)
            told = site.log.read_text()
            with direct.readers() as session:
                there = session.scalars(select(Complaint.tracking_number)).all()
                held = session.scalar(
                    text("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
                )
            yes = journal.answered("yes")
            doubled = 0
            for one in journal.answered("unknown")[:30]:
                # A session that lost its line keeps its locks until the server lets go of it.
                assert within(60, lambda a=one.address: send(Phone(site.url), a).answer == "yes")
                again = [send(Phone(site.url), one.address) for _ in range(2)]
                assert {each.answer for each in again} == {"yes"}, again
                doubled += again[0].number != again[1].number
        tally.rounds, tally.faults = len(yes), line.faults
        tally.lost = sum(one.number not in set(there) for one in yes)
        tally.doubled = doubled + len(there) - len(set(there))
        tally.more = {"unknown": len(journal.answered("unknown")), "connections": held, "answers": len(statuses)}
        assert 500 not in statuses, "503 says that it is away; 500 would say that we did not think of it"
        assert not [one for one in journal.filed if one.status == 500], told[-3000:]
        assert held is not None
        assert held <= 2 * CONNECTIONS
        assert_all_holds(direct)
    direct.close()


def test_control_a_site_that_thanks_although_the_line_was_cut_is_seen(
    postgres_template: Template, postgres_server: str, tmp_path: Path
) -> None:
    chance = seeded()
    url = new_postgres_database(postgres_server, f"line_{tmp_path.name.lower()}"[:60], "template_grs")
    direct = open_house(make_settings(url, tmp_path))
    with line_to(make_url(url).port or 0, chance) as line:
        through = make_url(url).set(port=line.port).render_as_string(hide_password=False)
        with running_site(through, tmp_path, workers=2, GRS_TEST_FAULT="thanks anyway") as site:
            journal, stop, threads = filing(site.url, 6, with_code=False)

            def lost() -> int:
                with direct.readers() as session:
                    there = set(session.scalars(select(Complaint.tracking_number)))
                return sum(one.number not in there for one in journal.answered("yes"))

            for mood in ["cut"] * 30:
                line.mood = mood
                time.sleep(2)
                line.mood = "good"
                time.sleep(0.5)
                if found := lost():
                    break
            stop.set()
            for thread in threads:
                thread.join(40)
    direct.close()
    assert found > 0
