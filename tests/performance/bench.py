"""`make bench`: our figures beside a floor measured in the same run, as ratios (machines are noisy, ratios less).

Each figure is the median of several rounds. Nothing here passes or fails.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.db.complaints import Complaint
from grs.db.offices import Office, Person, PostHolder
from grs.domain.calendar import NATIONAL, ONE_DAY, CalendarRow, Certainty, RowKind
from grs.usecases.annexes import month_report
from grs.usecases.calendar_preview import preview_calendar_change
from grs.usecases.calendars import import_calendar, shipped_rows
from grs.usecases.demo import fill_posts, prepare_rules
from grs.usecases.escalation import escalate_overdue
from grs.usecases.figures import public_figures
from grs.usecases.recalculation import apply_calendar_changes
from grs.usecases.secrets import hash_password
from grs.usecases.supervision import overview
from tests.conftest import Clock, browser, make_settings, new_postgres_database
from tests.performance import floors
from tests.performance.seeding import seed_complaints
from tests.postgres import running_postgres, why_missing

START = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)
OVERDUE_ON = date(2025, 5, 20)
AFTERWARDS = datetime(2025, 5, 21, 4, 0, tzinfo=UTC)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
ESCALATIONS = int(os.environ.get("BENCH_ESCALATIONS", "5000"))
OPEN_CASES = (10_000, 100_000)


def main() -> None:
    """Run everything and print a table, then one JSON line a figure."""
    logging.disable(logging.WARNING)
    figures: list[dict[str, object]] = [*calendar_figures()]
    with tempfile.TemporaryDirectory(prefix="grs-bench-") as folder:
        if why_missing():
            print(f"PostgreSQL left out: {why_missing()}")
        else:
            with running_postgres() as server:
                numbers = iter(range(1, 1_000))
                figures += database_figures(
                    "postgresql",
                    lambda: new_postgres_database(server, f"bench_{next(numbers)}"),
                    Path(folder),
                )
        files = iter(range(1, 1_000))
        figures += database_figures("sqlite", lambda: f"sqlite:///{folder}/bench_{next(files)}.db", Path(folder))
    print(f"\n{'figure':<58}{'ours':>14}{'floor':>14}{'ratio':>9}")
    for one in figures:
        print(f"{one['figure']!s:<58}{one['ours']!s:>14}{one['floor']!s:>14}{one['ratio']!s:>9}")
    for one in figures:
        print(json.dumps(one))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def figure(name: str, ours: str, floor: str, ratio: float | None) -> dict[str, object]:
    return {"figure": name, "ours": ours, "floor": floor, "ratio": f"{ratio:.2f}" if ratio else "-"}


# -- working days ---------------------------------------------------------------------


def calendar_figures() -> Iterator[dict[str, object]]:
    """add_working_days beside one bare bisection of the same sorted list."""
    from grs.domain.calendar import WorkingCalendar

    calendar = WorkingCalendar(shipped_rows())
    starts = [date(2024, 2, 1) + ONE_DAY * (n * 7 % 700) for n in range(2000)]
    days = [d for n in range(1096) if calendar.is_open(d := date(2024, 1, 1) + ONE_DAY * n)]

    def bare() -> None:
        for start in starts:
            days[bisect_right(days, start) + 29]

    def ours() -> None:
        for start in starts:
            calendar.add_working_days(start, 30)

    pairs = [(timed(ours), timed(bare)) for _ in range(max(ROUNDS, 5) * 5)]
    mine, floor = (statistics.median(side) / len(starts) * 1e9 for side in zip(*pairs, strict=True))
    yield figure("add 30 working days, against a bare bisect", f"{mine:.0f} ns", f"{floor:.0f} ns", mine / floor)


# -- databases ---------------------------------------------------------------------------


@contextmanager
def fresh_house(url: str, folder: Path) -> Iterator[House]:
    house = open_house(make_settings(url, folder), clock=Clock(START))
    schema.upgrade(house.engine)
    with house.writers.begin() as session:
        prepare_rules(session, now=START)
        fill_posts(session, now=START)
    yield house
    house.close()


def database_figures(kind: str, new_database: Callable[[], str], folder: Path) -> Iterator[dict[str, object]]:
    yield from escalation_figures(kind, new_database, folder)
    for open_cases in OPEN_CASES:
        with fresh_house(new_database(), folder) as house:
            seed_complaints(house, open_cases, due_on=date(2025, 8, 1), spread_days=60)
            yield idle_sweep(kind, house, open_cases)
            if open_cases == OPEN_CASES[0]:
                yield from supervisors_pages(kind, house, open_cases)
                yield from calendar_change(kind, house, open_cases)
    for open_cases in OPEN_CASES:
        with fresh_house(new_database(), folder) as house:
            seed_complaints(house, open_cases, due_on=date(2025, 8, 1), spread_days=60, office="doict-kaunia")
            yield from officers_list(kind, house, open_cases)
    with fresh_house(new_database(), folder) as house:
        seed_complaints(house, OPEN_CASES[-1], due_on=date(2025, 8, 1), spread_days=60)
        yield public_page(kind, house, OPEN_CASES[-1])


def escalation_figures(kind: str, new_database: Callable[[], str], folder: Path) -> Iterator[dict[str, object]]:
    """Escalations a second with step, stay and five letters each, beside bare SQL that writes the same rows."""
    mine, bare, letters = [], [], 0
    for _ in range(ROUNDS):
        with fresh_house(new_database(), folder) as house:
            seed_complaints(house, ESCALATIONS, due_on=OVERDUE_ON)
            started = time.perf_counter()
            counts = escalate_overdue(house.writers, shelf=house.shelf, now=AFTERWARDS)
            mine.append(time.perf_counter() - started)
            assert counts["escalated"] == ESCALATIONS
            letters = counts["letters"] // ESCALATIONS
        with fresh_house(new_database(), folder) as house:
            seed_complaints(house, ESCALATIONS, due_on=OVERDUE_ON)
            bare.append(timed(lambda house=house: floors.escalate_bare(house, AFTERWARDS)))  # type: ignore[misc]
    ours, floor = statistics.median(mine), statistics.median(bare)
    yield figure(
        f"{kind}: {ESCALATIONS} escalations with {letters} letters each",
        f"{ESCALATIONS / ours:.0f}/s",
        f"{ESCALATIONS / floor:.0f}/s",
        ours / floor,
    )


def idle_sweep(kind: str, house: House, open_cases: int) -> dict[str, object]:
    """One round of the escalation job inside a running worker when nothing is due."""
    now = START + timedelta(days=1)
    mine, bare = [], []
    escalate_overdue(house.writers, shelf=house.shelf, now=now)

    def select_one() -> None:
        with house.writers.begin() as session:
            session.execute(text("SELECT 1")).all()

    for _ in range(max(ROUNDS, 5) * 4):
        mine.append(timed(lambda: escalate_overdue(house.writers, shelf=house.shelf, now=now)))
        bare.append(timed(select_one))
    ours, floor = statistics.median(mine), statistics.median(bare)
    return figure(
        f"{kind}: sweep with nothing due, {open_cases} open",
        f"{ours * 1000:.2f} ms",
        f"{floor * 1000:.2f} ms",
        ours / floor,
    )


def officers_list(kind: str, house: House, complaints: int) -> Iterator[dict[str, object]]:
    """The list of one desk over HTTP, its counts and filters drawn, beside one bare page of it by the same index."""
    with house.writers.begin() as session:
        post_id = session.scalar(select(Complaint.post_id).limit(1))
        holder = session.scalars(select(PostHolder).where(PostHolder.post_id == post_id)).first()
        assert holder is not None
        person = session.get_one(Person, holder.person_id)
        person.password_hash = hash_password("only-for-the-bench")
        email = person.email
    client = browser(house)
    assert client.post("/login", data={"email": email, "password": "only-for-the-bench"}).status_code == 303
    deep = f"after=2025-09-20~{complaints // 2}"

    def bare() -> None:
        with house.readers() as session:
            query = "SELECT * FROM complaint WHERE post_id = :post AND stage <> 'disposed' ORDER BY due_on, id LIMIT 26"
            session.execute(text(query), {"post": post_id}).all()

    for name, address in (
        ("first page", ""),
        ("page deep inside", deep),
        ("search", "q=বাতি"),
        ("overdue", "left=overdue"),
    ):

        def ours(address: str = address) -> None:
            assert client.get(f"/officer/?{address}").status_code == 200

        ours()
        mine = [timed(ours) for _ in range(ROUNDS * 4)]
        floor = statistics.median([timed(bare) for _ in range(ROUNDS * 4)])
        middle, worst = statistics.median(mine), sorted(mine)[int(len(mine) * 0.95) - 1]
        yield figure(
            f"{kind}: officer's list of {complaints}, {name} (p95 {worst * 1000:.0f} ms)",
            f"{middle * 1000:.1f} ms",
            f"{floor * 1000:.2f} ms",
            middle / floor,
        )


def public_page(kind: str, house: House, complaints: int) -> dict[str, object]:
    """The figures of all offices, counted anew, beside one grouped count of the same rows."""
    mine, bare = [], []

    def count_once() -> None:
        with house.readers() as session:
            session.execute(text("SELECT office_id, count(*) FROM complaint GROUP BY office_id")).all()

    def count_all() -> None:
        with house.readers() as session:
            public_figures(session, now=START + timedelta(days=1))

    for _ in range(ROUNDS):
        mine.append(timed(count_all))
        bare.append(timed(count_once))
    ours, floor = statistics.median(mine), statistics.median(bare)
    return figure(
        f"{kind}: public figures of {complaints} complaints",
        f"{ours * 1000:.0f} ms",
        f"{floor * 1000:.0f} ms",
        ours / floor,
    )


def supervisors_pages(kind: str, house: House, complaints: int) -> Iterator[dict[str, object]]:
    """What the cell's own pages count, over everything, beside one grouped count of the same rows."""
    today = AFTERWARDS.date()
    with house.readers() as session:
        offices = set(session.scalars(select(Office.id)))

    def bare() -> None:
        with house.readers() as session:
            session.execute(text("SELECT office_id, count(*) FROM assignment GROUP BY office_id")).all()

    def annex() -> None:
        with house.readers() as session:
            month_report(session, offices, START.date().replace(day=1), today=today)

    def figures(months: int) -> None:
        with house.readers() as session:
            overview(session, offices, until=today, months=months, today=today, shelf=house.shelf)

    for name, work in (
        ("annex of a month", annex),
        ("supervisor's page, a month", lambda: figures(1)),
        ("supervisor's page, a year", lambda: figures(12)),
    ):
        ours = statistics.median([timed(work) for _ in range(max(ROUNDS // 2, 1))])
        floor = statistics.median([timed(bare) for _ in range(ROUNDS)])
        yield figure(f"{kind}: {name}, {complaints} complaints", f"{ours:.2f} s", f"{floor:.3f} s", ours / floor)


def calendar_change(kind: str, house: House, complaints: int) -> Iterator[dict[str, object]]:
    """A holiday that moves every open case: seen before it counts, then applied with steps and letters."""
    rows = [
        CalendarRow(
            day=date(2025, 7, 28), kind=RowKind.HOLIDAY, scope=NATIONAL, name_bn="ছুটি", name_en="holiday",
            reference="bench", certainty=Certainty.VERIFIED,
        )
    ]  # fmt: skip
    now = START + timedelta(days=1)
    seen = timed(lambda: preview_calendar_change(house.readers, house.writers, rows, now=now))
    with house.writers.begin() as session:
        import_calendar(session, rows, now=now)
    later = now + timedelta(minutes=10)
    applied = timed(lambda: apply_calendar_changes(house.writers, shelf=house.shelf, now=later))
    yield figure(f"{kind}: a calendar change over {complaints} open, previewed", f"{seen:.1f} s", "-", None)
    yield figure(f"{kind}: the same applied, with steps and letters", f"{applied:.1f} s", "-", None)


if __name__ == "__main__":
    main()
