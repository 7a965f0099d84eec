"""A change of the calendar: previewed, applied, and what was believed before it stays answerable."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from grs.bootstrap import House
from grs.db.calendars import CalendarChange, CalendarDay
from grs.db.complaints import Step
from grs.domain.calendar import NATIONAL, CalendarRow, Certainty, RowKind
from grs.domain.disposal import NotAdmissible
from grs.domain.errors import InvalidFile, InvalidInput, NotFound, NotYours
from grs.gazette import read_calendar_file, read_icalendar, write_calendar_file, write_icalendar
from grs.usecases import disposals, recalculation
from grs.usecases.administration import Administrator
from grs.usecases.calendar_preview import preview_calendar_change
from grs.usecases.calendar_proposals import apply_proposal, propose_file, propose_row, proposed_rows
from grs.usecases.calendars import import_calendar, rows_on, shipped_rows
from grs.usecases.escalation import escalate_overdue
from grs.usecases.explanations import believed_on
from grs.usecases.offices import find_office
from grs.usecases.recalculation import recalculate_due_dates
from grs.usecases.standing import Desk
from tests.conftest import Clock
from tests.stories import assert_all_holds, dhaka, fetch, lodge
from workers import jobs

SATURDAY = date(2025, 4, 26)
TYPED = {
    "day": "26/04/2025", "kind": "working", "scope": "", "name_bn": "কর্মদিবস ঘোষণা", "name_en": "",
    "reference": "SRO 12", "announced_on": "",
}  # fmt: skip


def admin(house: House, **changes: object) -> Administrator:
    return Administrator(**({"person_id": 1, "office_ids": (), "is_system": True, "now": house.clock()} | changes))  # type: ignore[arg-type]


def working(day: date = SATURDAY) -> CalendarRow:
    return CalendarRow(day=day, kind=RowKind.WORKING, name_bn="কর্মদিবস", reference="SRO 12")


def holiday(day: date) -> CalendarRow:
    return CalendarRow(day=day, kind=RowKind.HOLIDAY, name_bn="ছুটি", reference="SRO 13")


# -- applied ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved_at_once", [1, 2, 500])
def test_however_many_move_in_a_transaction_all_do(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch, moved_at_once: int
) -> None:
    monkeypatch.setattr(recalculation, "MOST_MOVED", moved_at_once)
    numbers = [lodge(house, mobile=f"0170000000{n}").complaint.tracking_number for n in range(5)]
    with house.writers.begin() as session:
        import_calendar(session, [holiday(date(2025, 4, 27))], now=clock())
    done: list[int] = []
    counts = recalculate_due_dates(
        house.writers, shelf=house.shelf, now=clock(), reference="SRO 13", after_batch=done.append
    )
    assert (counts["looked_at"], counts["moved"], counts["later"]) == (5, 5, 5)
    assert len(done) == -(-5 // moved_at_once)
    assert {fetch(house, number).step_count for number in numbers} == {2}
    assert_all_holds(house)


def test_what_was_decided_between_the_look_and_the_lock_is_left_alone(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if house.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer")
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        import_calendar(session, [holiday(date(2025, 4, 27))], now=clock())
    look, looks = recalculation._Round._moving, []

    def look_and_be_late(self: object, *args: object) -> object:
        found = look(self, *args)  # type: ignore[arg-type]
        if not looks:
            with house.writers.begin() as session:
                desk = Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=clock())
                disposals.reject(
                    session,
                    desk,
                    number,
                    seen_steps=1,
                    ground=NotAdmissible.OWN_REVIEW,
                    reason="নথি",
                    shelf=house.shelf,
                )
        looks.append(found)
        return found

    monkeypatch.setattr(recalculation._Round, "_moving", look_and_be_late)
    counts = recalculate_due_dates(house.writers, shelf=house.shelf, now=clock(), reference="SRO 13")
    assert (len(looks), len(looks[0]), counts["moved"]) == (2, 1, 0)
    assert fetch(house, number).step_count == 2, "its rejection is its last step"


# -- preview -----------------------------------------------------------------------------------------------------------


def test_a_preview_counts_both_ways_and_changes_nothing(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    before = fetch(house, number)
    found = preview_calendar_change(house.readers, house.writers, [working()], now=clock())
    assert (found.counts["moved"], found.counts["earlier"], found.counts["later"]) == (1, 1, 0)
    (move,) = found.moves
    assert (move.tracking_number, move.was, move.becomes) == (number, date(2025, 5, 20), date(2025, 5, 19))
    found = preview_calendar_change(house.readers, house.writers, [holiday(date(2025, 4, 27))], now=clock())
    assert (found.counts["earlier"], found.counts["later"]) == (0, 1)
    after = fetch(house, number)
    assert (after.due_on, after.step_count) == (before.due_on, before.step_count)
    with house.readers() as session:
        assert session.scalar(select(func.count(CalendarChange.id)).where(CalendarChange.reference == "")) is not None
        assert session.scalar(select(CalendarDay.id).where(CalendarDay.reference == "SRO 12")) is None


def test_a_preview_names_what_becomes_overdue_and_what_no_longer_is(house: House, clock: Clock) -> None:
    lodge(house)
    clock.now = dhaka(date(2025, 5, 20), 10)  # its last day
    newly = preview_calendar_change(house.readers, house.writers, [working()], now=clock())
    assert newly.counts["newly_overdue"] == 1
    clock.now = dhaka(date(2025, 5, 21), 10)
    saved = preview_calendar_change(house.readers, house.writers, [holiday(date(2025, 5, 19))], now=clock())
    assert (saved.counts["no_longer_overdue"], saved.counts["newly_overdue"]) == (1, 0)


def test_a_preview_names_escalations_that_would_not_have_happened_and_they_stay(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    found = preview_calendar_change(house.readers, house.writers, [holiday(date(2025, 5, 19))], now=clock())
    assert (found.counts["needless"], found.needless[0].tracking_number) == (1, number)
    with house.writers.begin() as session:
        import_calendar(session, [holiday(date(2025, 5, 19))], now=clock())
    recalculate_due_dates(house.writers, shelf=house.shelf, now=clock(), reference="SRO 13")
    assert fetch(house, number).tier == 2


def test_an_office_of_its_own_moves_alone(house: House, clock: Clock) -> None:
    here = lodge(house, "doict-kaunia").complaint.tracking_number
    lodge(house, "doict-jaintiapur", mobile="01700000009")
    local = CalendarRow(day=date(2025, 4, 15), kind=RowKind.HOLIDAY, scope="office:doict-rangpur", name_bn="বন্যা")
    found = preview_calendar_change(house.readers, house.writers, [local], now=clock())
    assert [move.tracking_number for move in found.moves] == [here]


# -- propose, apply -----------------------------------------------------------------------------------------------


def test_a_saturday_is_declared_working_and_the_worker_counts_again(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        proposal = propose_row(session, admin(house), TYPED).id
    with house.readers() as session:
        rows, reference = proposed_rows(session, admin(house), proposal)
        assert (rows[0].day, rows[0].scope, reference) == (SATURDAY, NATIONAL, "SRO 12")
    assert fetch(house, number).due_on == date(2025, 5, 20), "nothing counts before it is applied"
    with house.writers.begin() as session:
        done, change = apply_proposal(session, admin(house), proposal)
        assert (done.added, change is not None) == (1, True)
    jobs.run(house, "recalculate")
    moved = fetch(house, number)
    assert moved.due_on == date(2025, 5, 19)
    assert moved.steps[-1].kind == "due_date_changed"
    assert "SRO 12" in moved.steps[-1].details
    with house.readers() as session:
        progress = session.scalars(select(CalendarChange).where(CalendarChange.reference == "SRO 12")).one()
        assert (progress.total, progress.looked_at, progress.moved, progress.earlier) == (1, 1, 1, 1)
        with pytest.raises(NotFound):
            proposed_rows(session, admin(house), proposal)
    clock.forward(minutes=5)
    jobs.run(house, "recalculate")
    with house.readers() as session:
        assert session.scalar(select(func.count(Step.sequence)).where(Step.kind == "due_date_changed")) == 1
        progress = session.scalars(select(CalendarChange).where(CalendarChange.reference == "SRO 12")).one()
        assert progress.applied_at is not None
    assert_all_holds(house)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"day": ""}, ("day", "required")),
        ({"day": "31/02/2025"}, ("day", "not_a_date")),
        ({"kind": "x"}, ("kind", "choose_one")),
        ({"name_bn": ""}, ("name_bn", "required")),
        ({"reference": ""}, ("reference", "required")),
        ({"scope": "district:Atlantis"}, ("scope", "no_such_district")),
        ({"scope": "office:nowhere"}, ("scope", "no_such_office")),
        ({"scope": "planet:mars"}, ("scope", "not_a_scope")),
    ],
)
def test_a_day_that_cannot_be_taken_names_the_field(
    house: House, changes: dict[str, str], problem: tuple[str, str]
) -> None:
    with house.writers() as session, pytest.raises(InvalidInput) as refused:
        propose_row(session, admin(house), TYPED | changes)
    assert problem in refused.value.problems.items()


def test_who_keeps_one_office_closes_that_office_only(house: House) -> None:
    with house.writers() as session:
        kaunia = find_office(session, "doict-kaunia").id
        local = admin(house, office_ids={kaunia}, is_system=False)
        propose_row(session, local, TYPED | {"scope": "office:doict-kaunia", "kind": "holiday"})
        for scope in ("", "district:Rangpur", "office:doict-rangpur"):
            with pytest.raises(NotYours):
                propose_row(session, local, TYPED | {"scope": scope})


def test_nobody_applies_what_somebody_else_proposed(house: House) -> None:
    with house.writers.begin() as session:
        proposal = propose_row(session, admin(house), TYPED).id
    with house.writers() as session, pytest.raises(NotFound):
        apply_proposal(session, admin(house, person_id=2), proposal)


# -- what was believed ---------------------------------------------------------------------------------------------


def test_which_due_date_was_believed_on_a_day_is_answered_by_the_history(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    clock.now = dhaka(date(2025, 4, 16), 10)
    with house.writers.begin() as session:
        import_calendar(session, [working()], now=clock())
    recalculate_due_dates(house.writers, shelf=house.shelf, now=clock(), reference="SRO 12")
    clock.now = dhaka(date(2025, 5, 20), 0, 5)
    escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    with house.readers() as session:
        believed = {
            day: (found.due_on if (found := believed_on(session, number, day)) else None)
            for day in (date(2025, 4, 5), date(2025, 4, 6), date(2025, 4, 15), date(2025, 4, 16), date(2025, 5, 20))
        }
        before = {row.day for row in rows_on(session, dhaka(date(2025, 4, 16), 9), year=2025)}
        after = {row.day for row in rows_on(session, clock(), year=2025)}
    assert list(believed.values())[:4] == [None, date(2025, 5, 20), date(2025, 5, 20), date(2025, 5, 19)]
    assert believed[date(2025, 5, 20)] == fetch(house, number).due_on
    assert after - before == {SATURDAY}, "and so is the calendar of that day"


# -- files -----------------------------------------------------------------------------------------------------------

names = st.text(alphabet="কখগ abc,;\"'\\ঃ।", max_size=12).map(lambda text: " ".join(text.split()))
ROWS = st.lists(
    st.builds(
        CalendarRow,
        day=st.dates(date(2024, 1, 1), date(2026, 12, 31)),
        kind=st.sampled_from(RowKind),
        scope=st.sampled_from([NATIONAL, "district:Rangpur", "office:doict-kaunia"]),
        name_bn=names.filter(bool),
        name_en=names.filter(bool),
        reference=names,
        certainty=st.sampled_from([Certainty.VERIFIED, Certainty.UNVERIFIED]),
        announced_on=st.none() | st.dates(date(2023, 1, 1), date(2026, 1, 1)),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: (row.day, row.scope),
)


@given(ROWS)
def test_what_is_exported_comes_back_the_same(rows: list[CalendarRow]) -> None:
    assert read_calendar_file(write_calendar_file(rows).encode()) == rows
    assert read_icalendar(write_icalendar(rows, made_at=datetime(2026, 1, 1, tzinfo=UTC))) == rows


def test_the_whole_gazette_goes_through_both_kinds_of_file(house: House) -> None:
    rows = shipped_rows()
    assert read_icalendar(write_icalendar(rows, made_at=datetime(2026, 1, 1, tzinfo=UTC))) == rows
    with house.writers() as session:
        done = import_calendar(session, read_calendar_file(write_calendar_file(rows).encode()), now=house.clock())
    assert (done.added, done.unchanged) == (0, len(rows))


EVENT = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nSUMMARY:ঈদুল ফিতর\n{}\nEND:VEVENT\nEND:VCALENDAR\n"


def test_a_calendar_of_another_program_is_taken_day_by_day() -> None:
    data = EVENT.format("DTSTART;VALUE=DATE:20270310\nDTEND;VALUE=DATE:20270313").replace("\n", "\r\n").encode()
    rows = read_icalendar(data)
    assert [row.day for row in rows] == [date(2027, 3, 10), date(2027, 3, 11), date(2027, 3, 12)]
    assert {(row.kind, row.certainty, row.name_bn) for row in rows} == {("holiday", "unverified", "ঈদুল ফিতর")}


@pytest.mark.parametrize(
    "lines",
    [
        "DTSTART;VALUE=DATE:20270310\nRRULE:FREQ=YEARLY",
        "DTSTART:20270310T090000Z\nDTEND:20270310T100000Z",
        "DTSTART;VALUE=DATE:20270101\nDTEND;VALUE=DATE:20280101",
        "DTSTART;VALUE=DATE:20270310\nX-GRS-KIND:feast",
        "X-GRS-KIND:holiday",
        "DTSTART;VALUE=DATE:20270310\nDTSTART;VALUE=DATE:20270311",
        "DTSTART;VALUE=DATE:20279999",
        "DTSTART;VALUE=DATE:20270310\nSUMMARY:two names",
    ],
)
def test_an_event_that_is_no_day_is_refused(lines: str) -> None:
    with pytest.raises(InvalidFile):
        read_icalendar(EVENT.format(lines).replace("\n", "\r\n").encode())


def test_a_file_cannot_call_a_day_both_a_holiday_and_working(house: House) -> None:
    text = "date,kind,name_bn,name_en\n2026-01-05,holiday,ক,A\n2026-01-05,working,খ,B\n"
    with pytest.raises(InvalidFile) as refused:
        read_calendar_file(text.encode())
    assert refused.value.line == 3
    with house.writers() as session, pytest.raises(InvalidFile):
        propose_file(session, admin(house), b"BEGIN:VCALENDAR\r\nnothing", name="x.ics")
