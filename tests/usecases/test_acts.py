"""What people do: lodging, handling, appealing; one transaction each, on both databases."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update

from grs.bootstrap import House
from grs.db.complaints import Complainant, Complaint, Step
from grs.db.messages import Message
from grs.db.offices import PostHolder
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause
from grs.domain.errors import (
    ActionNotAllowed,
    AppealTooLate,
    ChangedMeanwhile,
    InvalidInput,
    NotYours,
    TooEarly,
)
from grs.domain.lodging import Ground
from grs.domain.tiers import About, Tier
from grs.domain.workflow import Stage
from grs.usecases import disposals, handling, histories
from grs.usecases.appeals import appeal_complaint
from grs.usecases.charters import charter_in_force, import_charter
from grs.usecases.histories import verify_all, verify_histories
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.secrets import is_code, new_token
from grs.usecases.standing import Desk
from tests.conftest import SECRET, Clock
from tests.stories import a_form, a_gazette, assert_all_holds, break_in, dhaka, fetch, lodge, pass_days
from workers import jobs

DISPOSAL = Disposal(
    outcome=Outcome.SERVICE_GIVEN,
    reasons="দেওয়া হয়েছে",
    root_cause=RootCause.PROCESS_DELAY,
    advice="ওয়েবসাইটে দিন",
)


def desk_of(house: House, number: str) -> Desk:
    """Whoever the complaint lies with now."""
    return Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=house.clock())


def letters(house: House, number: str) -> list[str]:
    with house.readers() as session:
        query = (
            select(Message.letter)
            .join(Complaint, Complaint.id == Message.complaint_id)
            .where(Complaint.tracking_number == number, Message.channel == "email")
            .order_by(Message.id)
        )
        return list(session.scalars(query))


# -- lodging --------------------------------------------------------------------------------


def test_the_same_form_sent_twice_makes_one_complaint_and_one_receipt(house: House) -> None:
    key = new_token()
    first, second = lodge(house, form_key=key), lodge(house, form_key=key)
    assert first.complaint.tracking_number == second.complaint.tracking_number
    assert first.access_code == second.access_code
    with house.readers() as session:
        assert session.scalar(select(func.count(Complaint.id))) == 1


def test_the_access_code_is_kept_only_as_a_hash(house: House) -> None:
    lodged = lodge(house)
    stored = fetch(house, lodged.complaint.tracking_number).access_code_hash
    assert lodged.access_code not in stored
    assert stored.startswith("$argon2id$")
    assert is_code(lodged.access_code, stored)
    assert not is_code("0000000000000000", stored)


def test_a_refused_form_leaves_nothing(house: House) -> None:
    with pytest.raises(InvalidInput):
        lodge(house, subject="")
    with house.readers() as session:
        assert session.scalar(select(func.count(Complaint.id))) == 0
        assert session.scalar(select(func.count(Message.id))) == 0


def test_a_complaint_about_the_grievance_officer_starts_above_him(house: House) -> None:
    complaint = fetch(house, lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number)
    assert (complaint.tier, complaint.office.slug) == (Tier.APPEAL_OFFICER, "doict")
    assert complaint.due_on == date(2025, 5, 6), "20 working days"
    assert lodge(house, about=About.APPEAL_OFFICER).complaint.tier is Tier.CELL_OFFICER


def test_lateness_before_the_charters_time_is_told_from_when(house: House, clock: Clock) -> None:
    with house.readers() as session:
        office = find_office(session, "doict-kaunia")
        entry = charter_in_force(session, office, date(2025, 4, 6)).entries[0]
    assert entry.working_days_max == 3

    def attempt() -> None:
        with house.writers.begin() as session:
            lodge_complaint(
                session,
                a_form(ground=Ground.LATE, applied_on=date(2025, 4, 6)),
                office=find_office(session, "doict-kaunia"),
                entry_id=entry.id,
                shelf=house.shelf,
                now=clock.now,
                secret_key=SECRET,
            )

    with pytest.raises(TooEarly) as refused:
        attempt()
    assert refused.value.first_day == date(2025, 4, 10)
    clock.now = dhaka(date(2025, 4, 10), 0, 0)
    attempt()


def test_an_anonymous_complaint_keeps_no_contact_and_is_still_worked(house: House) -> None:
    number = lodge(house, is_anonymous=True).complaint.tracking_number
    with house.readers() as session:
        assert session.scalar(select(func.count(Complainant.complaint_id))) == 0
    assert letters(house, number) == ["assigned"]


def test_a_vacant_post_is_told_upwards_the_same_day(house: House) -> None:
    with house.readers() as session:
        office = find_office(session, "doict-kaunia")
        from grs.usecases.chains import chain_in_force

        first = chain_in_force(session, office, date(2025, 4, 6)).desks[0]
    with house.writers.begin() as session:
        session.execute(update(PostHolder).where(PostHolder.post_id == first.post_id).values(held_to=date(2025, 4, 5)))
    number = lodge(house).complaint.tracking_number
    with house.readers() as session:
        told = set(session.scalars(select(Message.to_address).where(Message.letter == "vacant_post")))
    assert "supervisor@doict-rangpur.invalid" in told
    assert len(told) == 3, "the tier above, the supervisor and the coordinator of the district"
    assert letters(house, number).count("assigned") == 0


# -- handling -----------------------------------------------------------------------------------


def test_accept_then_dispose(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
    with house.writers.begin() as session:
        disposals.dispose(session, desk, number, seen_steps=2, disposal=DISPOSAL, shelf=house.shelf)
    complaint = fetch(house, number)
    assert (complaint.stage, complaint.escalates_after) == (Stage.DISPOSED, None)
    assert letters(house, number) == ["receipt", "assigned", "accepted", "disposed"]
    assert_all_holds(house)


def test_not_admissible_needs_a_reason_and_can_be_appealed(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    with pytest.raises(InvalidInput), house.writers.begin() as session:
        disposals.reject(
            session, desk, number, seen_steps=1, ground=NotAdmissible.BEFORE_COURT, reason="", shelf=house.shelf
        )
    with house.writers.begin() as session:
        disposals.reject(
            session, desk, number, seen_steps=1, ground=NotAdmissible.BEFORE_COURT, reason="মামলা চলছে", shelf=house.shelf
        )
    assert fetch(house, number).outcome is Outcome.NOT_ADMISSIBLE
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="মামলা নেই", shelf=house.shelf, now=clock.now)
    assert fetch(house, number).tier is Tier.APPEAL_OFFICER


def test_an_appeal_after_its_month_is_refused_with_the_last_day(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    with house.writers.begin() as session:
        disposals.reject(
            session, desk, number, seen_steps=1, ground=NotAdmissible.OWN_REVIEW, reason="পৃথক বিধান", shelf=house.shelf
        )
    jobs.run(house, "deliver")
    clock.now = dhaka(date(2025, 6, 23), 9, 0)
    with pytest.raises(AppealTooLate) as refused, house.writers.begin() as session:
        appeal_complaint(session, number, grounds="একমত নই", shelf=house.shelf, now=clock.now)
    assert refused.value.last_day == date(2025, 6, 22)


def test_another_desk_may_not_act(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    stranger = Desk(person_id=2, post_ids=[9999], now=house.clock())
    with pytest.raises(NotYours), house.writers.begin() as session:
        handling.accept(session, stranger, number, seen_steps=1)


def test_who_saw_an_older_state_loses(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
    with pytest.raises(ChangedMeanwhile), house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
    with pytest.raises(ActionNotAllowed), house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=2)


def test_two_officers_at_once_one_wins(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    results: list[str] = []
    together = threading.Barrier(6)

    def click() -> None:
        together.wait()
        try:
            with house.writers.begin() as session:
                handling.accept(session, desk, number, seen_steps=1)
            results.append("won")
        except ChangedMeanwhile:
            results.append("lost")

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["lost"] * 5 + ["won"]
    assert_all_holds(house)


def test_forwarding_to_the_same_desk_or_nowhere_is_refused(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    for office, reason in (
        ("doict-kaunia", "same_office"),
        ("nowhere", "no_such_office"),
        ("doict", "no_such_office"),
    ):
        with pytest.raises(InvalidInput) as refused, house.writers.begin() as session:
            handling.forward(session, desk, number, seen_steps=1, to_office=office, reason="ভুল অফিস", shelf=house.shelf)
        assert refused.value.problems == {"to_office": reason}


# -- charters in versions ------------------------------------------------------------------------


def test_a_complaint_keeps_the_version_it_was_filed_under(house: House, clock: Clock) -> None:
    from grs.settings import CONFIG

    number = lodge(house, "doict-manikganj-sadar").complaint.tracking_number
    path = CONFIG / "charters" / "003_7e4a147de4b4eaf6.txt"
    longer = path.read_text("utf-8").replace("৩০ কার্যদিবস", "২৫ কার্যদিবস")
    with house.writers.begin() as session:
        new = import_charter(
            session,
            longer.encode(),
            source="new.txt",
            office=None,
            in_force_from=date(2025, 4, 7),
            now=clock.now,
        )
        assert new.version == 2
    clock.now = dhaka(date(2025, 4, 7), 10, 0)
    assert fetch(house, number).charter_id != new.id
    later = lodge(house, "doict-manikganj-sadar").complaint
    assert later.charter_id == new.id
    assert later.due_on == date(2025, 5, 15), "25 working days by the new version"
    assert fetch(house, number).due_on == date(2025, 5, 20), "30 by the old"
    with pytest.raises(InvalidInput), house.writers.begin() as session:
        import_charter(
            session,
            longer.encode(),
            source="old.txt",
            office=None,
            in_force_from=date(2025, 4, 1),
            now=clock.now,
        )


def test_the_chain_says_where_it_comes_from(house: House) -> None:
    from grs.usecases.chains import chain_in_force

    with house.readers() as session:
        found = {}
        for slug in ("doict-kaunia", "doict-manikganj-sadar", "doict-jaintiapur"):
            chain = chain_in_force(session, find_office(session, slug), date(2025, 4, 6))
            found[slug] = (chain.source, chain.deviates, [desk.post.office.slug for desk in chain.desks])
    assert found == {
        "doict-kaunia": ("charter", False, ["doict-rangpur", "doict", "cabinet-cell"]),
        "doict-manikganj-sadar": (
            "charter",
            True,
            ["doict-manikganj-sadar", "doict-manikganj", "cabinet-cell"],
        ),
        "doict-jaintiapur": ("guideline", False, ["doict-sylhet", "doict", "cabinet-cell"]),
    }


# -- the history is noticed when edited --------------------------------------------------------------


def test_an_edit_by_sql_is_named(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
        break_in(session)
        session.execute(update(Step).where(Step.sequence == 1).values(actor="somebody"))
    with house.readers() as session:
        assert verify_histories(session).broken == [(number, "step 1 does not follow from what is before it")]


def test_all_histories_are_checked_by_many_processes_as_by_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "PART", 2)
    numbers = [lodge(house, mobile=f"0170000000{n}").complaint.tracking_number for n in range(5)]
    with house.writers.begin() as session:
        break_in(session)
        last = fetch(house, numbers[4]).id
        session.execute(update(Step).where(Step.complaint_id == last).values(actor="somebody"))
    with house.readers() as session:
        by_one = verify_histories(session)
    told: list[int] = []
    by_many = verify_all(house.settings.database_url, processes=2, progress=told.append)
    assert (by_many.complaints, by_many.steps, by_many.broken) == (5, 5, by_one.broken)
    assert told == [2, 2, 1]
    assert [number for number, _ in by_many.broken] == numbers[4:]
    assert verify_all(house.settings.database_url, processes=1) == by_many


def test_a_step_made_while_histories_are_checked_is_no_broken_history(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = lodge(house).complaint.tracking_number
    desk, check = desk_of(house, number), histories._verify

    def check_later(*args: Any) -> None:
        """The complaint's end is read already, its steps are not."""
        with house.writers.begin() as session:
            handling.accept(session, desk, number, seen_steps=1)
        check(*args)

    monkeypatch.setattr(histories, "_verify", check_later)
    found = verify_all(house.settings.database_url)
    assert (found.steps, found.broken) == (1, [])
    assert fetch(house, number).step_count == 2


def test_a_cut_tail_is_named(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    desk = desk_of(house, number)
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
    with house.writers.begin() as session:
        break_in(session)
        session.delete(session.get_one(Step, (fetch(house, number).id, 2)))
    with house.readers() as session:
        assert verify_histories(session).broken[0][1].startswith("step 2")


# -- reminders and digests -------------------------------------------------------------------------------


def test_after_an_outage_one_reminder_says_how_many_days_are_left(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    clock.now = dhaka(date(2025, 5, 18), 9, 0)  # both the outage and the first reminder's day are over
    pass_days(house, clock, date(2025, 5, 20), names=["remind"])
    with house.readers() as session:
        facts = list(session.scalars(select(Message.facts).where(Message.letter == "reminder")))
    assert len(facts) == 1
    assert '"days_left":1' in (facts[0] or "")
    assert fetch(house, number).remind_on == date(2025, 5, 21), "only that it is overdue is still to be told"


def test_digest_once_a_working_day_for_each_supervisor(house: House, clock: Clock) -> None:
    from grs.usecases.digests import send_digests

    lodge(house)
    clock.now = dhaka(date(2025, 5, 21), 9, 0)
    first = send_digests(house.writers, shelf=house.shelf, now=clock.now)["digests"]
    assert first > 0
    assert send_digests(house.writers, shelf=house.shelf, now=clock.now)["digests"] == 0
    friday = dhaka(date(2025, 5, 23), 9, 0)
    assert send_digests(house.writers, shelf=house.shelf, now=friday)["digests"] == 0
    with house.readers() as session:
        facts = session.scalars(
            select(Message.facts).where(
                Message.to_address == "supervisor@doict-rangpur.invalid", Message.letter == "digest"
            )
        ).one()
    assert '"new":1' in (facts or "")
    assert '"count":1' in (facts or ""), "one overdue, by officer"


# -- the calendar ------------------------------------------------------------------------------------------


def test_a_new_gazette_replaces_the_forecast_and_moves_open_cases(house: House, clock: Clock) -> None:
    from grs.db.calendars import CalendarDay
    from grs.usecases.calendar_preview import preview_calendar_change
    from grs.usecases.calendars import import_calendar
    from grs.usecases.recalculation import recalculate_due_dates

    clock.now = dhaka(date(2026, 11, 22), 10, 0)
    number = lodge(house).complaint.tracking_number
    before = fetch(house, number)
    assert (before.due_on, before.is_provisional) == (date(2027, 1, 4), True)
    gazette = a_gazette(2027)
    preview = preview_calendar_change(house.readers, house.writers, gazette, now=clock.now)
    assert (preview.counts["moved"], preview.counts["later"]) == (1, 1)
    assert fetch(house, number).due_on == date(2027, 1, 4), "a preview changes nothing"
    with house.writers.begin() as session:
        done = import_calendar(session, gazette, now=clock.now)
    assert done.newly_gazetted == (2027,)
    moved = recalculate_due_dates(house.writers, shelf=house.shelf, now=clock.now, reference="SRO 1")
    assert moved["moved"] == 1
    after = fetch(house, number)
    assert (after.due_on, after.is_provisional) == (date(2027, 1, 5), False)
    with house.readers() as session:
        left = session.scalar(
            select(func.count(CalendarDay.id)).where(
                CalendarDay.certainty == "forecast",
                CalendarDay.superseded_at.is_(None),
                CalendarDay.day.between(date(2027, 1, 1), date(2027, 12, 31)),
            )
        )
    assert left == 0
    with house.writers.begin() as session:
        again = import_calendar(session, gazette, now=clock.now)
    assert (again.added, again.unchanged) == (0, len(gazette))
    assert recalculate_due_dates(house.writers, shelf=house.shelf, now=clock.now, reference="SRO 1")["moved"] == 0
    assert_all_holds(house)


def test_a_contradicting_row_supersedes_and_deletes_nothing(house: House, clock: Clock) -> None:
    from grs.db.calendars import CalendarDay
    from grs.domain.calendar import CalendarRow, RowKind
    from grs.usecases.calendars import import_calendar

    day = date(2025, 4, 14)
    with house.writers.begin() as session:
        before = session.scalar(select(func.count(CalendarDay.id))) or 0
        done = import_calendar(session, [CalendarRow(day=day, kind=RowKind.WORKING, name_bn="বাতিল")], now=clock.now)
        assert (done.added, done.superseded) == (1, 1)
        assert session.scalar(select(func.count(CalendarDay.id))) == before + 1
    with house.readers() as session:
        assert house.shelf.for_scopes(session).is_open(day), "the shelf notices the change"


# -- the watch -----------------------------------------------------------------------------------------------


def test_the_watch_finds_what_nobody_moved_and_a_short_calendar(house: House, clock: Clock) -> None:
    from grs.usecases.watch import watch

    def findings() -> set[str]:
        found = watch(house.writers, shelf=house.shelf, now=clock.now, operator_email="operator@example.com")
        return set(found)

    lodge(house)
    assert findings() == set(), "April 2025, gazetted until the end of 2026"
    clock.now = dhaka(date(2025, 5, 21), 0, 10)
    jobs.run(house, "deliver")
    assert findings() == set(), "the escalation job still has its rounds"
    clock.now = dhaka(date(2025, 5, 21), 0, 20)
    assert findings() == {"not_escalated"}
    assert findings() == {"not_escalated"}
    with house.readers() as session:
        assert session.scalar(select(func.count(Message.id)).where(Message.letter == "alarm")) == 1, "once a day"
    clock.now = dhaka(date(2025, 12, 2), 9, 0)
    assert "calendar_ends" in findings()
