"""P15. Of many who act on one case at the same instant one wins, the others are told; the history is a legal path."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint, Step
from grs.domain.disposal import Disposal, Outcome, RootCause
from grs.domain.errors import GrievanceError
from grs.domain.workflow import StepKind
from grs.usecases import disposals, handling
from grs.usecases.correspondence import withdraw
from grs.usecases.invariants import check_invariants
from grs.usecases.standing import Desk
from tests.conftest import Clock, Template, make_settings, new_postgres_database
from tests.promises.bench import LONG, running_site, tallied
from tests.promises.citizens import Filed, Phone, fill_in_over_http, send
from tests.stories import assert_all_holds, fetch, lodge
from workers import jobs

ROUNDS = 200 if LONG else 12
OVERDUE_AT = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)


def at_once(deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all at the same instant; what each returned or raised, in their order."""
    together = threading.Barrier(len(deeds))
    results: list[Any] = [None] * len(deeds)

    def act(place: int) -> None:
        together.wait()
        try:
            results[place] = deeds[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=act, args=[place]) for place in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def closing(house: House, number: str, desk: Desk, seen: int) -> Callable[[], None]:
    disposal = Disposal(outcome=Outcome.SERVICE_GIVEN, reasons="কারণ", root_cause=RootCause.EQUIPMENT, advice="কিনুন")

    def close() -> None:
        with house.writers.begin() as session:
            disposals.dispose(session, desk, number, seen_steps=seen, disposal=disposal, shelf=house.shelf)

    return close


def accepted(house: House) -> tuple[str, Desk]:
    number = lodge(house).complaint.tracking_number
    desk = Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=house.clock())
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
    return number, desk


def decisions(house: House, number: str) -> int:
    with house.readers() as session:
        query = select(func.count()).join(Complaint).where(
            Complaint.tracking_number == number, Step.kind.in_([StepKind.DISPOSED, StepKind.WITHDRAWN])
        )  # fmt: skip
        return session.scalar(query.select_from(Step)) or 0


def test_two_officers_decide_the_same_case_and_one_decision_stands(house: House) -> None:
    with tallied(f"P15 two officers, {house.engine.dialect.name}") as tally:
        for _ in range(ROUNDS):
            number, desk = accepted(house)
            results = at_once([closing(house, number, desk, 2)] * 2)
            refused = [one for one in results if isinstance(one, GrievanceError)]
            assert [one for one in results if one is None] == [None], results
            assert len(refused) == 1, results
            tally.doubled += decisions(house, number) - 1
            tally.rounds += 1
            tally.faults += 1
        assert_all_holds(house)


def test_escalation_disposal_and_withdrawal_at_once_leave_one_outcome(house: House, clock: Clock) -> None:
    began = clock.now
    with tallied(f"P15 escalation and acts, {house.engine.dialect.name}") as tally:
        for _ in range(ROUNDS):
            clock.now = began
            number, _ = accepted(house)
            clock.now = OVERDUE_AT
            desk = Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=clock.now)

            def take_back(number: str = number) -> None:
                with house.writers.begin() as session:
                    withdraw(session, number, reason="প্রত্যাহার", now=clock.now)

            results = at_once(
                [lambda: jobs.run(house, "escalate"), closing(house, number, desk, 2), take_back]
            )  # fmt: skip
            failures = [one for one in results if isinstance(one, Exception) and not isinstance(one, GrievanceError)]
            assert failures == [], failures
            tally.doubled += max(decisions(house, number) - 1, 0)
            tally.rounds += 1
            tally.faults += 1
        jobs.run(house, "escalate")
        assert_all_holds(house)


@pytest.mark.xdist_group("processes")
def test_one_form_sent_eight_times_and_twenty_forms_at_once(database: Template, tmp_path: Path) -> None:
    """Over HTTP: the same form is one complaint; on SQLite too nobody reads that a database is locked."""
    kind = "PostgreSQL" if database.url.startswith("postgresql") else "SQLite"
    with (
        running_site(database.url, tmp_path, workers=1, threads=8) as site,
        tallied(f"P15 at once over HTTP, {kind}") as tally,
    ):
        for _ in range(10 if LONG else 1):
            phones = [Phone(site.url) for _ in range(8)]
            address = fill_in_over_http(phones[0])
            same = at_once([lambda p=phone, a=address: send(p, a) for phone in phones])
            assert all(isinstance(one, Filed) and one.answer == "yes" for one in same), same
            tally.doubled += len({one.number for one in same}) - 1
            forms = [(phone := Phone(site.url), fill_in_over_http(phone)) for _ in range(20)]
            sent = at_once([lambda p=phone, a=address: send(p, a) for phone, address in forms])
            assert Counter(one.answer for one in sent) == {"yes": 20}, sent
            tally.lost += 20 - len({one.number for one in sent})
            tally.rounds += 28
        assert "locked" not in site.log.read_text()


def test_control_without_lock_and_keys_two_decisions_stand_and_are_seen(
    postgres_template: Template, postgres_server: str, tmp_path: Path, clock: Clock
) -> None:
    url = new_postgres_database(postgres_server, f"many_{tmp_path.name.lower()}"[:60], "template_grs")
    house = open_house(make_settings(url, tmp_path), clock=clock)
    number, desk = accepted(house)
    with house.engine.begin() as connection:
        for table, key in (("step", "pk_step"), ("message", "uq_message_key")):
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {key} CASCADE"))

    def unlocked(_c: object, _cursor: object, sql: str, parameters: Any, *_: object) -> tuple[str, Any]:
        if sql.startswith("UPDATE"):
            time.sleep(0.5)  # both have read before either writes
        return sql.replace("FOR NO KEY UPDATE", ""), parameters

    event.listen(house.engine, "before_cursor_execute", unlocked, retval=True)
    results = at_once([closing(house, number, desk, 2)] * 2)
    assert decisions(house, number) == 2, results
    with house.reports() as session:
        assert check_invariants(session, shelf=house.shelf) != []
    house.close()
