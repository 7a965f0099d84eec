"""The figures of those who supervise very many cases are counted by a job, and say when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import select

from grs.bootstrap import House
from grs.db.annexes import KeptOverview
from grs.db.offices import Office
from grs.domain.calendar import dhaka_date
from grs.usecases.kept_overviews import OLDEST, keep_overviews, kept_overview
from grs.usecases.scopes import with_those_below
from grs.usecases.supervision import overview
from tests.conftest import Clock, Template, browser, log_in
from tests.stories import dispose, lodge
from workers import jobs

APRIL = date(2025, 4, 1)


def test_what_the_job_keeps_is_what_would_be_counted(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    lodge(house, mobile="01700000009")
    dispose(house, number)
    counts = keep_overviews(house.readers, house.writers, shelf=house.shelf, now=clock(), many=2)
    assert counts["kept"] == 4 * len({one.scope for one in kept(house)}) > 0
    with house.readers() as session:
        everywhere = set(session.scalars(select(Office.id)))
        below = with_those_below(session, set(session.scalars(select(Office.id).where(Office.slug == "doict"))))
        for office_ids in (everywhere, below):
            now = overview(session, office_ids, until=APRIL, months=3, today=dhaka_date(clock()), shelf=house.shelf)
            found = kept_overview(session, office_ids, until=APRIL, months=3, now=clock())
            assert found is not None
            assert found.complaints.received == 2
            assert replace(found, kept_at=None, reports=()) == replace(now, reports=())
            assert [(one.month, one.until, one.totals) for one in found.reports] == [
                (one.month, one.until, tuple(one.totals)) for one in now.reports
            ]
        assert kept_overview(session, {1}, until=APRIL, months=3, now=clock()) is None
        later = clock() + OLDEST + timedelta(minutes=1)
        assert kept_overview(session, everywhere, until=APRIL, months=3, now=later) is None, "too old to be shown"


def test_few_cases_are_counted_for_each_page_and_old_figures_are_forgotten(house: House, clock: Clock) -> None:
    lodge(house)
    assert jobs.run(house, "count") == {"kept": 0}
    assert (
        keep_overviews(house.readers, house.writers, shelf=house.shelf, now=clock(), many=1, dry_run=True)["kept"] > 0
    )
    assert kept(house) == []
    keep_overviews(house.readers, house.writers, shelf=house.shelf, now=clock(), many=1)
    assert kept(house)
    clock.now += OLDEST + timedelta(minutes=1)
    jobs.run(house, "count")
    assert kept(house) == []


def test_the_page_says_as_of_when_its_figures_are(house: House, clock: Clock, database: Template) -> None:
    lodge(house)
    client = log_in(browser(house), database.logins, role="supervisor", office="cabinet-cell")
    assert "প্রতি দশ মিনিটে" not in client.get("/supervision/").text
    keep_overviews(house.readers, house.writers, shelf=house.shelf, now=clock(), many=1)
    clock.now += timedelta(minutes=7)
    lodge(house, mobile="01700000009")
    shown = client.get("/supervision/").text
    assert "প্রতি দশ মিনিটে" in shown
    assert ">১</a>" in shown


def kept(house: House) -> list[KeptOverview]:
    with house.readers() as session:
        return list(session.scalars(select(KeptOverview)))
