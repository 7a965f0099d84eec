"""Faults that were found once and stay found: each was a real mistake of an earlier version."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from grs.bootstrap import House
from grs.db.calendars import CalendarChange, CalendarDay
from grs.db.complaints import Complaint
from grs.db.messages import Message
from grs.db.offices import PostHolder
from grs.domain.calendar import CalendarRow, Certainty, RowKind
from grs.domain.disposal import Disposal, Outcome, RootCause
from grs.domain.errors import InvalidInput, NotYours
from grs.domain.tiers import About, Tier
from grs.usecases import disposals, handling
from grs.usecases.appeals import appeal_complaint
from grs.usecases.calendars import CalendarShelf, import_calendar
from grs.usecases.recalculation import recalculate_due_dates
from grs.usecases.secrets import new_token
from grs.usecases.standing import Desk
from grs.usecases.workbench import readable
from tests.conftest import Clock, Template, browser
from tests.stories import a_gazette, assert_all_holds, dhaka, fetch, fill_in, lodge, pass_days
from workers import jobs


def holiday(day: date, kind: RowKind = RowKind.HOLIDAY, **more: object) -> CalendarRow:
    facts = {"name_bn": "বিশেষ", "name_en": f"Special {kind}", "reference": f"SRO {kind}"} | more
    return CalendarRow(day=day, kind=kind, **facts)  # type: ignore[arg-type]


def change(house: House, *rows: CalendarRow) -> None:
    with house.writers.begin() as session:
        import_calendar(session, rows, now=house.clock(), reference="SRO")


def count(house: House, *where: object) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count(Message.id)).where(*where)) or 0  # type: ignore[arg-type]


def desk_of(house: House, number: str) -> Desk:
    return Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=house.clock())


# -- reminders and the calendar -----------------------------------------------------------------


def test_a_holiday_declared_and_cancelled_does_not_stop_reminders(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    pass_days(house, clock, date(2025, 5, 14))
    assert count(house, Message.letter == "reminder") == 1
    for kind in (RowKind.HOLIDAY, RowKind.WORKING):
        change(house, holiday(date(2025, 5, 18), kind))
        recalculate_due_dates(house.writers, shelf=house.shelf, now=clock.now, reference="SRO")
        jobs.run(house, "remind")
    assert fetch(house, number).due_on == date(2025, 5, 20)
    pass_days(house, clock, date(2025, 5, 19))
    assert fetch(house, number).remind_on == date(2025, 5, 21), "the last reminder went out"


def test_a_due_date_that_only_becomes_certain_reminds_nobody_again(house: House, clock: Clock) -> None:
    clock.now = dhaka(date(2026, 11, 26), 10, 0)
    number = lodge(house).complaint.tracking_number
    due_on = fetch(house, number).due_on
    pass_days(house, clock, due_on - timedelta(days=4))
    reminded = count(house, Message.letter == "reminder")
    same_days = [row for row in a_gazette(2027) if row.day > due_on]
    january = [holiday(date(2027, 1, d)) for d in (1, 2)]  # a Friday and a Saturday
    change(house, *same_days, *january, *a_gazette(2027)[-5:])
    recalculate_due_dates(house.writers, shelf=house.shelf, now=clock.now, reference="SRO")
    jobs.run(house, "remind")
    assert count(house, Message.letter == "reminder") == reminded


def test_an_import_killed_before_the_counting_is_put_right_by_the_worker(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    change(house, holiday(date(2025, 5, 18)))  # and here the command is killed
    assert jobs.run(house, "recalculate")["moved"] == 1
    assert fetch(house, number).due_on == date(2025, 5, 21)
    clock.forward(minutes=5)
    assert jobs.run(house, "recalculate")["looked_at"] == 1, "once more, for who lodged while it ran"
    clock.forward(minutes=5)
    assert jobs.run(house, "recalculate")["looked_at"] == 0, "then it is applied"
    with house.readers() as session:
        assert session.scalar(select(func.count(CalendarChange.id)).where(CalendarChange.applied_at.is_(None))) == 0
    assert_all_holds(house)


def test_escalation_and_recalculation_at_once_lose_neither(house: House, clock: Clock) -> None:
    """A complaint that is escalated while due dates are counted again must not drop out of the counting."""
    numbers = [lodge(house).complaint.tracking_number for _ in range(12)]
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    change(house, holiday(date(2025, 6, 16)))
    together = threading.Barrier(2)
    failures: list[BaseException] = []

    def both(work: object) -> None:
        together.wait()
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=both, args=[lambda: jobs.run(house, "escalate")]),
        threading.Thread(target=both, args=[lambda: jobs.run(house, "recalculate")]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    clock.forward(minutes=5)  # what one of them held locked the other finds in its next round
    jobs.run(house, "escalate")
    jobs.run(house, "recalculate")
    assert {fetch(house, n).due_on for n in numbers} == {date(2025, 6, 26)}, "one working day later than 25 June"
    assert_all_holds(house)


def test_threads_share_one_shelf(house: House) -> None:
    """A calendar built from old rows must never pass for the new one."""
    shelf, day, stale = CalendarShelf(), date(2025, 6, 2), []

    def look() -> None:
        for _ in range(30):
            with house.readers() as session:
                kinds = session.scalars(
                    select(CalendarDay.kind).where(CalendarDay.day == day, CalendarDay.superseded_at.is_(None))
                ).all()
            with house.readers() as session:
                if RowKind.HOLIDAY in kinds and shelf.for_scopes(session).is_open(day):
                    stale.append(kinds)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    change(house, holiday(day))
    for thread in threads:
        thread.join()
    assert stale == []
    with house.readers() as session:
        assert not shelf.for_scopes(session).is_open(day)


# -- what a gazette says ---------------------------------------------------------------------------


def test_ten_days_of_eid_are_not_a_years_gazette(house: House) -> None:
    eid = [holiday(date(2027, 3, 8) + timedelta(days=n)) for n in range(12)]
    with house.writers.begin() as session:
        assert import_calendar(session, eid, now=house.clock()).newly_gazetted == ()
    with house.readers() as session:
        calendar = house.shelf.for_scopes(session)
    assert not calendar.is_open(date(2027, 12, 16)), "the forecast of Victory Day still stands"
    assert calendar.is_provisional(date(2027, 12, 1), date(2027, 12, 20))


def test_an_optional_holiday_does_not_open_a_public_one(house: House) -> None:
    change(house, holiday(date(2025, 5, 11), RowKind.OPTIONAL))
    with house.readers() as session:
        assert not house.shelf.for_scopes(session).is_open(date(2025, 5, 11))


def test_importing_an_older_file_again_revives_nothing(house: House) -> None:
    first, cancelled = holiday(date(2025, 5, 18)), holiday(date(2025, 5, 18), RowKind.WORKING)
    for row in (first, cancelled, first):
        change(house, row)
    with house.readers() as session:
        assert house.shelf.for_scopes(session).is_open(date(2025, 5, 18))


def test_the_later_announcement_wins_in_whichever_order_they_come(house: House) -> None:
    day = date(2025, 5, 18)
    change(house, holiday(day, RowKind.WORKING, announced_on=date(2025, 5, 10)))
    change(house, holiday(day, RowKind.HOLIDAY, announced_on=date(2025, 5, 2)))
    with house.readers() as session:
        assert house.shelf.for_scopes(session).is_open(day)


def test_a_forecast_never_contradicts_a_gazetted_day(house: House) -> None:
    day = date(2025, 5, 17)  # a Saturday declared working
    change(house, holiday(day, certainty=Certainty.FORECAST))
    with house.readers() as session:
        assert house.shelf.for_scopes(session).is_open(day)


# -- letters and moves -------------------------------------------------------------------------------


def dispose(house: House, number: str, outcome: Outcome = Outcome.SERVICE_GIVEN) -> None:
    desk = desk_of(house, number)
    disposal = Disposal(outcome=outcome, reasons="কারণ", root_cause=RootCause.NO_FAULT, advice="নেই")
    steps = fetch(house, number).step_count
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=steps)
    with house.writers.begin() as session:
        disposals.dispose(session, desk, number, seen_steps=steps + 1, disposal=disposal, shelf=house.shelf)


def test_an_appeal_tells_everyone_concerned(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    dispose(house, number)
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="একমত নই", shelf=house.shelf, now=clock.now)
    with house.readers() as session:
        told = session.scalars(
            select(Message.letter)
            .where(Message.step_sequence == 4, Message.channel == "email")
            .order_by(Message.letter)
        ).all()
    supervisors = ["appealed_supervisor"] * 3  # of both offices, and the coordinator of the district
    assert told == ["appeal_assigned", "appealed", "appealed_from_you", *supervisors]


def test_an_officer_cannot_close_a_case_against_appeal_by_calling_it_withdrawn(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    dispose(house, number, Outcome.WITHDRAWN)
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="আমি প্রত্যাহার করিনি", shelf=house.shelf, now=clock.now)
    assert fetch(house, number).tier is Tier.APPEAL_OFFICER


def test_the_cells_letter_promises_no_further_appeal(house: House) -> None:
    number = lodge(house, about=About.APPEAL_OFFICER).complaint.tracking_number
    dispose(house, number)
    details = fetch(house, number).steps[-1].details
    assert '"appeal_until":null' in details


def test_an_overdue_complaint_is_not_forwarded_and_none_to_the_same_desk(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    clock.now = dhaka(date(2025, 5, 21), 0, 1)
    with pytest.raises(InvalidInput) as refused, house.writers.begin() as session:
        handling.forward(
            session, desk_of(house, number), number, seen_steps=1, to_office="doict-jaintiapur", reason="x",
            shelf=house.shelf,
        )  # fmt: skip
    assert refused.value.problems == {"to_office": "overdue"}


def test_escalations_that_commit_during_the_digest_are_in_the_next_one(house: House, clock: Clock) -> None:
    lodge(house)
    clock.now = dhaka(date(2025, 5, 21), 9, 0)
    jobs.run(house, "digest")
    jobs.run(house, "escalate")  # read the same clock, committed later
    clock.now = dhaka(date(2025, 5, 22), 9, 0)
    jobs.run(house, "digest")
    with house.readers() as session:
        facts = session.scalars(
            select(Message.facts)
            .where(Message.letter == "digest", Message.to_address == "supervisor@doict-rangpur.invalid")
            .order_by(Message.id)
        ).all()
    assert '"escalated":[]' in (facts[0] or "")
    assert '"tier":1' in (facts[1] or "")


def test_no_digest_before_nine(house: House, clock: Clock) -> None:
    clock.now = dhaka(date(2025, 5, 21), 8, 59)
    assert jobs.run(house, "digest")["digests"] == 0


# -- who decides and who reads -------------------------------------------------------------------------


def test_who_sits_in_for_the_appeal_officer_does_not_get_a_complaint_about_himself(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        found = session.scalars(select(Complaint).where(Complaint.tracking_number == number)).one()
        desks = found.chain.desks
        holders = select(PostHolder).where(PostHolder.post_id == desks[0].post_id)
        accused = session.scalars(holders).one().person_id
        session.execute(
            update(PostHolder).where(PostHolder.post_id == desks[1].post_id).values(held_to=date(2025, 4, 5))
        )
        session.add(
            PostHolder(post_id=desks[1].post_id, person_id=accused, held_from=date(2025, 4, 6), is_stand_in=True)
        )
    assert lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tier is Tier.CELL_OFFICER


def test_a_head_of_office_does_not_read_a_complaint_about_himself(house: House) -> None:
    lodged = lodge(house, about=About.HEAD_OF_OFFICE).complaint
    with house.readers() as session:
        kaunia = session.get_one(Complaint, lodged.id).charter.office_id
        look = {"person_id": 1, "post_ids": [], "supervised_offices": {kaunia}, "now": house.clock()}
        with pytest.raises(NotYours):
            readable(session, Desk(headed_offices={kaunia}, **look), lodged.tracking_number)  # type: ignore[arg-type]
        readable(session, Desk(**look), lodged.tracking_number)  # type: ignore[arg-type]


def test_a_post_that_falls_vacant_later_is_told_once(house: House, clock: Clock) -> None:
    complaint = lodge(house).complaint
    clock.now = dhaka(date(2025, 4, 20), 10, 0)
    assert count(house, Message.letter == "vacant_post") == 0
    with house.writers.begin() as session:
        session.execute(
            update(PostHolder).where(PostHolder.post_id == complaint.post_id).values(held_to=date(2025, 4, 19))
        )
    for _ in range(3):
        jobs.run(house, "watch")
    assert count(house, Message.letter == "vacant_post") == 3, (
        "the tier above, the supervisor and the coordinator, once"
    )


# -- secrets and the web ----------------------------------------------------------------------------------


def test_the_database_alone_gives_no_access_code_away(house: House) -> None:
    key = new_token()
    lodged = lodge(house, form_key=key)
    stored = fetch(house, lodged.complaint.tracking_number)
    assert key not in (stored.form_identity, stored.access_code_hash)
    again = lodge(house, form_key=stored.form_identity)
    assert again.access_code != lodged.access_code


def test_an_edited_text_under_the_same_form_is_not_dropped(house: House) -> None:
    key = new_token()
    first, second = lodge(house, form_key=key), lodge(house, form_key=key, description="আরও কথা")
    assert first.complaint.tracking_number != second.complaint.tracking_number


def test_a_double_tap_makes_one_complaint_and_two_receipts(house: House) -> None:
    together, numbers = threading.Barrier(4), []
    application = browser(house).application
    address = fill_in(application.test_client(), "doict-kaunia")

    def tap() -> None:
        client = application.test_client()
        together.wait()
        numbers.append(client.post(f"/forms/{address}/check").headers["Location"])

    threads = [threading.Thread(target=tap) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 4
    assert len(set(numbers)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/?endpoint=x",
        "/?_method=POST",
        "/?_external=1&_scheme=x",
        "/login?next=//[",
        "/offices/%00",
        "/track?number=%00",
    ],
)
def test_odd_addresses_never_fail(house: House, path: str) -> None:
    assert browser(house).get(path).status_code in (200, 400, 404)


def test_odd_pages_of_the_list_never_fail(house: House, database: Template) -> None:
    from tests.conftest import log_in

    client = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    for after in ("2025-01-01~99999999999999999999", "x~y", "~", "2025-01-01~৫"):
        assert client.get("/officer/", query_string={"after": after}).status_code == 200


def test_a_database_that_is_away_gets_503_also_for_who_is_logged_in(house: House, database: Template) -> None:
    from sqlalchemy.exc import OperationalError

    from tests.conftest import log_in

    client = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")

    def away(*_: object) -> object:
        raise OperationalError("SELECT", {}, Exception("away"))

    object.__setattr__(house, "readers", away)
    for path in ("/", "/officer/", "/offices/doict-kaunia"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "একই ফরম আবার পাঠান" in answer.text
