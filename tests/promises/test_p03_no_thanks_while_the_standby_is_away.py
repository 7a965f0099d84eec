"""P3. While the standby is away nobody is thanked for what it has not confirmed, and the reason is told."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.postgres import why_missing
from tests.promises.bench import LONG, long_only, read_json, running_site, status_of, tallied, within
from tests.promises.citizens import Phone, fill_in_over_http, send
from tests.promises.servers import Pair
from tests.promises.test_p02_nothing_acknowledged_is_lost import count, pair, set_up
from tests.stories import assert_all_holds

pytestmark = [
    long_only,
    pytest.mark.xdist_group("p02"),
    pytest.mark.skipif(why_missing() is not None, reason=why_missing() or ""),
]
__all__ = ["pair"]


def test_while_the_standby_is_away_nobody_is_thanked(pair: Pair, tmp_path: Path) -> None:
    """The standby hangs: 503 within the limit, the reason at /readyz, reading works; later one complaint."""
    house = set_up(pair, tmp_path)
    with running_site(pair.url(), tmp_path, workers=1, threads=8) as site, tallied("P3 standby away") as tally:
        phone = Phone(site.url)
        for _ in range(5 if LONG else 1):
            addresses = [fill_in_over_http(Phone(site.url)) for _ in range(4)]
            before = count(house)
            pair.standby.signal_all(signal.SIGSTOP)
            first = send(phone, addresses[0])
            assert first.status == 503, first
            assert first.took < 20, "within the limit, not for ever"
            others = [send(phone, address) for address in addresses[1:]]
            assert all(one.status == 503 and one.took < 5 for one in others), "and soon for everybody after"
            assert status_of(site.url + "/") == 200, "who only reads is served"
            told = read_json(site.url + "/readyz")
            assert (told["ready"], told["standby"]) == (False, "away")
            pair.standby.signal_all(signal.SIGCONT)
            assert within(20, lambda: status_of(site.url + "/readyz") == 200)
            again = [send(phone, address) for address in [*addresses, *addresses]]
            assert all(one.answer == "yes" for one in again), again
            tally.lost += before + len(addresses) - count(house)
            tally.rounds += len(addresses)
            tally.faults += 1
        assert tally.lost == 0
    assert_all_holds(house)
    house.close()


def test_control_without_patience_the_sender_waits_for_ever(pair: Pair, tmp_path: Path) -> None:
    """A site that waits as long as the server does gives no answer at all within the limit."""
    house = set_up(pair, tmp_path)
    with running_site(pair.url(), tmp_path, workers=1, threads=8, GRS_TEST_PATIENCE="none") as site:
        phone = Phone(site.url, timeout=15)
        address = fill_in_over_http(phone)
        pair.standby.signal_all(signal.SIGSTOP)
        unanswered = send(phone, address)
        pair.standby.signal_all(signal.SIGCONT)
        assert (unanswered.answer, unanswered.status) == ("unknown", 0)
    house.close()
