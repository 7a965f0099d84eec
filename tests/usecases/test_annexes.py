"""The monthly annex against a slow count of its own, made from the histories day by day."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, false, select, update

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.db.annexes import FrozenAnnex, FrozenCount, FrozenLine, FrozenMonth, ReportedCase
from grs.db.complaints import Complaint, Step
from grs.db.offices import Office
from grs.db.queries import annexes as annex_lines
from grs.domain.annex import APPEAL_COLUMNS, COMPLAINT_COLUMNS, Standing, count, month_end, over_months
from grs.domain.calendar import CalendarRow, RowKind, dhaka_date
from grs.domain.figures import percentile
from grs.domain.lodging import Assistance, Channel
from grs.usecases.annexes import (
    corrections_of,
    count_month,
    freeze_months,
    month_report,
    register,
    verify_frozen,
)
from grs.usecases.calendars import import_calendar
from grs.usecases.escalation import escalate_overdue
from grs.usecases.invariants import check_invariants
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.recalculation import recalculate_due_dates
from grs.usecases.reported_cases import cases_that_differ, count_all_again
from grs.usecases.standing import Desk
from grs.usecases.supervision import Behind, cases_behind, overview
from tests.conftest import SECRET, Clock, Template, make_settings
from tests.simulation import Simulation
from tests.stories import a_form, assert_all_holds, dhaka, dispose, lodge

YEAR_BEGINS, YEAR_ENDS = date(2025, 1, 6), date(2026, 1, 8)
MONTHS = [date(2025, number, 1) for number in range(1, 13)]


# -- the slow count ------------------------------------------------------------------------------------------------


@dataclass
class File:
    """A folder on an office's shelf, as a clerk with a pencil keeps it."""

    office: int
    post: int
    table: str
    way: str
    came: date
    due: date
    tier: int
    asked_for: bool
    closed: date | None = None
    in_time: bool = False
    outcome: str = ""
    closed_by: int = 0
    gone: bool = False


def told(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(step.details)
    return found


WAYS = {"web": "website", "digital_centre": "website", "call_centre": "call_centre", "post": "conventional",
        "front_desk": "conventional", "own_motion": "own_motion"}  # fmt: skip


def slow_count(house: House, month: date) -> dict[int, dict[str, dict[str, Any]]]:
    """By office and table, the form's columns: every history read from its beginning, entry by entry."""
    last = month_end(month)
    books: dict[int, dict[str, dict[str, Any]]] = defaultdict(lambda: {"complaints": _blank(), "appeals": _blank()})
    with house.readers() as session:
        for complaint in session.scalars(select(Complaint)):
            shelf: list[File] = []
            was_open: set[int] = set()
            for step in complaint.steps:
                day = dhaka_date(step.happened_at)
                facts = told(step)
                if day > last and not (step.kind == "lodged" and _paper_day(facts, day) <= last):
                    break
                if day >= month and not was_open:
                    was_open = {id(f) for f in shelf if f.closed is None and not f.gone} | {-1}
                if step.kind == "lodged":
                    way = WAYS[complaint.channel]
                    shelf.append(File(facts["to_office"], facts["to_post"], "complaints", way, _paper_day(facts, day),
                                      date.fromisoformat(facts["due_on"]), facts["to_tier"], False))  # fmt: skip
                elif step.kind == "forwarded":
                    shelf[-1].gone = True
                    shelf.append(File(facts["to_office"], facts["to_post"], "complaints", WAYS[complaint.channel], day,
                                      date.fromisoformat(facts["due_on"]), facts["to_tier"], False))  # fmt: skip
                elif step.kind in ("escalated", "appealed"):
                    way = "own_motion" if step.kind == "escalated" else "website"
                    shelf.append(File(facts["to_office"], facts["to_post"], "appeals", way, day,
                                      date.fromisoformat(facts["due_on"]), facts["to_tier"],
                                      step.kind == "appealed"))  # fmt: skip
                elif step.kind == "due_date_changed":
                    one = [f for f in shelf if f.post == facts["from_post"]][-1]
                    one.due = date.fromisoformat(facts["due_on"])
                elif step.kind in ("disposed", "rejected", "withdrawn"):
                    for one in shelf:
                        if one.closed is None and not one.gone:
                            one.closed, one.in_time, one.outcome = day, day <= one.due, facts["outcome"]
                            one.closed_by = step.sequence
                elif step.kind == "reopened":
                    one = [f for f in shelf if f.post == facts["to_post"]][-1]
                    for other in shelf:
                        if other.closed is not None and other.closed_by == one.closed_by:
                            other.closed = None
                    one.due = date.fromisoformat(facts["due_on"])
            if not was_open:
                was_open = {id(f) for f in shelf if f.closed is None and not f.gone}
            for one in shelf:
                if one.gone:
                    continue
                fresh = one.came >= month
                if not fresh and one.closed is not None and one.closed < month:
                    continue
                book = books[one.office][one.table]
                book[one.way if fresh else "carried_over"] += 1
                if one.closed is not None:
                    book["disposed"] += 1
                    book["disposed_in_time"] += one.in_time
                    if one.asked_for:
                        book["decided"] += 1
                        book["overturned"] += one.outcome in (
                            "order_to_comply", "decision_corrected", "discipline_recommended", "service_given",
                            "accusation_proved",
                        )  # fmt: skip
                else:
                    book["past_time" if one.due < last else "in_time"] += 1
    for tables in books.values():
        for table, book in tables.items():
            book["total"] = sum(
                book[w] for w in ("website", "call_centre", "conventional", "own_motion", "carried_over")
            )
            book["running"] = book["in_time"] + book["past_time"]
            book["rate"] = _share(book["disposed"], book["total"])
            assert table in ("complaints", "appeals")
    return books


def _paper_day(facts: dict[str, Any], day: date) -> date:
    return min(date.fromisoformat(facts.get("paper_received_on", day.isoformat())), day)


def _blank() -> dict[str, Any]:
    return defaultdict(int)


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(100 * part / whole + 1e-9).quantize(Decimal("0.01")) if whole else None


@pytest.fixture(scope="session")
def year(sqlite_template: Template, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A whole year, frozen month by month as it passed."""
    import shutil

    folder = tmp_path_factory.mktemp("year")
    copy = folder / "grs.db"
    shutil.copy(sqlite_template.url.removeprefix("sqlite:///"), copy)
    clock = Clock(dhaka(YEAR_BEGINS, 10))
    house = open_house(make_settings(f"sqlite:///{copy}", folder), clock=clock)
    simulation = Simulation(house, clock, seed=20251122)
    simulation.run(date(2025, 7, 1))
    days = [CalendarRow(day=date(2025, 7, n), kind=RowKind.HOLIDAY, reference="SRO 7") for n in (7, 8, 14, 21, 28)]
    with house.writers.begin() as session:
        import_calendar(session, days, now=clock())
    recalculate_due_dates(house.writers, shelf=house.shelf, now=clock(), reference="SRO 7")
    simulation.run(YEAR_ENDS)
    return house


@pytest.mark.xdist_group("year")
def test_the_year_has_something_of_everything(year: House) -> None:
    with year.readers() as session:
        kinds = {kind for (kind,) in session.execute(select(Step.kind).distinct())}
        usual = {"lodged", "forwarded", "escalated", "appealed", "disposed", "rejected", "withdrawn"}
        assert usual | {"reopened", "due_date_changed"} <= kinds
        assert len(session.scalars(select(Complaint.id)).all()) > 150


@pytest.mark.xdist_group("year")
@pytest.mark.parametrize("month", MONTHS, ids=str)
def test_each_month_of_the_year_equals_the_slow_count(year: House, month: date) -> None:
    slow = slow_count(year, month)
    with year.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        fast = count_month(session, ids, month, until=month_end(month))
        assert set(slow) == set(fast)
        for office_id, lines in fast.items():
            for table, columns in (("complaints", COMPLAINT_COLUMNS), ("appeals", APPEAL_COLUMNS)):
                counts, book = count(lines.values(), appeals=table == "appeals"), slow[office_id][table]
                assert {c: counts.column(c) for c in columns} == {c: book[c] for c in columns}, (office_id, table)
                assert counts.disposed_in_time == book["disposed_in_time"]
                assert (counts.filed_appeals_decided, counts.overturned) == (book["decided"], book["overturned"])
                assert counts.total == counts.disposed + counts.running


@pytest.mark.xdist_group("year")
def test_the_cases_kept_beside_the_stays_count_as_the_stays_do(year: House) -> None:
    """The month that runs, office by office and line by line, and what is frozen of those that ended."""
    with year.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        for month in (date(2026, 1, 1), *MONTHS):
            report = month_report(session, ids, month, today=YEAR_ENDS)
            assert (report.frozen is None) == (month == date(2026, 1, 1))
            from_stays = count_month(session, ids, month, until=report.until)
            if report.frozen is not None:
                late = {one.case for one in corrections_of(session, report, without=false())}
                from_stays = {
                    office: {key: line for key, line in lines.items() if key not in late}
                    for office, lines in from_stays.items()
                }
            tables = {
                office: [count(lines.values(), appeals=appeals) for appeals in (False, True)]
                for office, lines in from_stays.items() if lines
            }  # fmt: skip
            assert report.by_office == tables
            told = {(one.complaint_id, one.sequence): one for one in session.execute(report.lines)}
            lines = [(key, line) for one in from_stays.values() for key, line in one.items()]
            assert len(told) == len(lines) > 0
            for key, line in lines:
                row = told[key.complaint_id, key.sequence]
                assert all(getattr(row, one.name) == getattr(line, one.name) for one in fields(line)), key


def test_many_offices_are_counted_as_few_are(house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for n, office in enumerate(("doict-kaunia", "doict-kaunia", "doict-bagherpara")):
        lodge(house, office, mobile=f"0170000000{n}")
    today = dhaka_date(clock())
    with house.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        few = month_report(session, ids, today.replace(day=1), today=today).by_office
        monkeypatch.setattr(annex_lines, "ONE_BY_ONE", 0)
        many = month_report(session, ids, today.replace(day=1), today=today).by_office
        none = month_report(session, {max(ids) + 1}, today.replace(day=1), today=today).by_office
    assert sorted(tables[0].total for tables in few.values()) == [1, 2]
    assert (many, none) == (few, {})


@pytest.mark.xdist_group("year")
def test_the_cases_can_be_counted_again(year: House) -> None:
    with year.writers() as session:
        ids = session.scalars(select(Complaint.id)).all()
        assert cases_that_differ(session, ids) == set()
        session.execute(update(ReportedCase).where(ReportedCase.complaint_id == ids[0]).values(due_stay=9))
        session.execute(delete(ReportedCase).where(ReportedCase.complaint_id == ids[1]))
        assert cases_that_differ(session, ids) == {ids[0], ids[1]}
        count_all_again(session)
        assert cases_that_differ(session, ids) == set()


@pytest.mark.xdist_group("year")
def test_a_frozen_month_differs_from_a_new_count_only_by_forms_keyed_in_later(year: House) -> None:
    with year.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        frozen = session.scalars(select(FrozenMonth.month).order_by(FrozenMonth.month)).all()
        assert list(frozen) == MONTHS, "every month that ended, and none that runs"
        seen = 0
        for month in MONTHS:
            report = month_report(session, ids, month, today=YEAR_ENDS)
            assert report.frozen is not None
            for one in corrections_of(session, report, without=false()):
                late = session.get_one(Complaint, one.case.complaint_id)
                assert late.assisted is not None
                assert late.assisted.paper_received_on is not None
                assert late.filed_on > month_end(late.assisted.paper_received_on.replace(day=1))
                seen += 1
        assert seen > 0
        assert verify_frozen(session) == []


@pytest.mark.xdist_group("year")
def test_the_overview_adds_up_and_each_figure_leads_to_its_cases(year: House) -> None:
    with year.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        desk = nobody(year)
        found = overview(session, ids, until=date(2025, 12, 1), months=12, today=YEAR_ENDS, shelf=year.shelf)
        filed = session.scalars(select(Complaint.id).where(Complaint.filed_on < date(2026, 1, 1))).all()
        went_up = select(Step.complaint_id).where(Step.kind == "escalated", Step.happened_at < dhaka(date(2026, 1, 1)))
        assert found.escalated == len(set(session.scalars(went_up))) > 50
        assert found.complaints.received >= len(filed), "forwarded in a later month: received by both offices"
        for both in zip(*(report.totals for report in found.reports), strict=True):
            assert over_months(both).received == sum(month.received for month in both)
            assert all(month.total == month.disposed + month.running for month in both)
        until = date(2025, 12, 1)
        for behind, figure in (
            (Behind(what="received", until=until, months=12), found.complaints.received),
            (Behind(what="running", until=until), found.running),
            (Behind(what="overdue", until=until), found.overdue),
            (Behind(what="escalated", until=until, months=12), found.escalated),
        ):
            assert cases_behind(session, ids, behind, desk=desk).total == figure, behind.what
        for line in found.heat:
            for cause, number in line.by_cause.items():
                behind = Behind(what="cause", until=until, months=12, cause=cause, service=line.service)
                assert cases_behind(session, ids, behind, desk=desk).total == number
        for column in ("disposed", "carried_over", "past_time", "in_time", "total", "website"):
            figure = found.reports[-1].totals[False].column(column)
            behind = Behind(what="annex", until=until, column=column)
            assert cases_behind(session, ids, behind, desk=desk).total == figure, column
        assert found.median_days is not None
        assert found.ninetieth_days is not None
        assert found.ninetieth_days >= found.median_days


def nobody(house: House) -> Desk:
    """Somebody who supervises and is accused of nothing."""
    return Desk(person_id=0, post_ids=[], now=house.clock())


# -- freezing and correcting -----------------------------------------------------------------------------------------


def test_a_month_is_frozen_once_after_it_ended(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    clock.now = dhaka(date(2025, 5, 1), 0, 10)
    assert freeze_months(house.writers, now=clock())["frozen"] == 0, "not in the first minutes"
    clock.now = dhaka(date(2025, 5, 1), 0, 30)
    assert freeze_months(house.writers, now=clock(), dry_run=True)["frozen"] == 1
    assert freeze_months(house.writers, now=clock())["frozen"] == 1
    assert freeze_months(house.writers, now=clock())["frozen"] == 0
    dispose(house, number)
    with house.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        report = month_report(session, ids, date(2025, 4, 1), today=date(2025, 5, 1))
        assert report.counts()[0].running == 1, "what was disposed in May was running in April"
        assert corrections_of(session, report, without=false()) == []
        may = month_report(session, ids, date(2025, 5, 1), today=date(2025, 5, 1))
        assert (may.counts()[0].column("carried_over"), may.counts()[0].disposed) == (1, 1)


def test_a_paper_form_keyed_in_later_is_a_correction(house: House, clock: Clock) -> None:
    lodge(house)
    clock.now = dhaka(date(2025, 5, 4), 10)
    freeze_months(house.writers, now=clock())
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        how = Assistance(operator_id=1, office_id=office.id, channel=Channel.POST, paper_received_on=date(2025, 4, 28))
        late = lodge_complaint(
            session, a_form(), office=office, entry_id=None, shelf=house.shelf, now=clock(), secret_key=SECRET,
            assistance=how,
        ).complaint.tracking_number  # fmt: skip
    with house.readers() as session:
        ids = set(session.scalars(select(Office.id)))
        report = month_report(session, ids, date(2025, 4, 1), today=dhaka_date(clock()))
        assert report.counts()[0].total == 1, "the frozen form stays as it was"
        (one,) = corrections_of(session, report, without=false())
        assert (one.case.tracking_number, one.case.sequence, one.then) == (late, 1, None)
        assert one.now is not None
        assert one.now.intake == "conventional"


def test_changed_frozen_figures_are_found_out(house: House, clock: Clock) -> None:
    lodge(house)
    clock.now = dhaka(date(2025, 5, 1), 0, 30)
    freeze_months(house.writers, now=clock())
    with house.writers.begin() as session:
        assert verify_frozen(session) == []
    for change in (
        update(FrozenAnnex).values(sha256="0" * 64),
        update(FrozenLine).values(standing=Standing.DISPOSED),
        delete(FrozenLine),
        update(FrozenCount).values(website=2),
    ):
        with house.writers() as session:
            session.execute(change)
            assert verify_frozen(session) == [date(2025, 4, 1)], str(change)


def test_months_frozen_before_the_cases_were_kept_stay_as_they_were(house: House, clock: Clock) -> None:
    """A database of the release before, brought up: the frozen figures keep their hash, the cases are counted."""
    numbers = [lodge(house, mobile=f"0170000000{n}").complaint.tracking_number for n in range(3)]
    dispose(house, numbers[0])
    clock.now = dhaka(date(2025, 5, 21), 0, 30)
    freeze_months(house.writers, now=clock())
    escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    with house.readers() as session:
        hashes = [one.sha256 for one in session.scalars(select(FrozenAnnex).order_by(FrozenAnnex.office_id))]
    house.engine.dispose()
    schema.downgrade(house.engine, "0006")
    schema.upgrade(house.engine)
    with house.readers() as session:
        assert verify_frozen(session) == []
        assert hashes == [one.sha256 for one in session.scalars(select(FrozenAnnex).order_by(FrozenAnnex.office_id))]
        assert hashes
    assert_all_holds(house)
    with house.writers() as session:
        session.execute(delete(ReportedCase))
        found = check_invariants(session, shelf=house.shelf)
        assert {problem for _, problem in found} == {"its cases are not counted as its stays are"}


def test_the_register_tells_what_was_decided(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    dispose(house, number)
    with house.reports() as session:
        ids = set(session.scalars(select(Office.id)))
        report = month_report(session, ids, date(2025, 4, 1), today=dhaka_date(clock()))
        (row,) = register(session, report, appeals=False, without=Complaint.id == 0)
        assert (row.complaint.tracking_number, row.decided_on) == (number, date(2025, 4, 6))
        assert (row.line.outcome, row.line.root_cause, row.advice) == ("service_given", "equipment", "কিনুন")


@pytest.mark.parametrize(
    ("histogram", "median", "ninetieth"),
    [
        ({}, None, None),
        ({7: 1}, 7, 7),
        ({1: 1, 2: 1}, 1.5, 2),
        ({n: 1 for n in range(1, 11)}, 5.5, 9),
        ({3: 9, 50: 1}, 3, 3),
    ],
)
def test_median_and_ninetieth_percentile(
    histogram: dict[int, int], median: float | None, ninetieth: float | None
) -> None:
    assert (percentile(histogram, 50), percentile(histogram, 90)) == (median, ninetieth)
