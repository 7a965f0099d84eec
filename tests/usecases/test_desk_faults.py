"""What a trial user and an attacker of the officers' desk found, each kept from coming back."""

from __future__ import annotations

import dataclasses
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select, update

from grs.bootstrap import House
from grs.db import schema
from grs.db.complaints import Complainant
from grs.db.messages import Message, MessageState, Posting
from grs.db.offices import Leave, Post, PostHolder
from grs.db.queries.complaints import Shown, at_offices, listed, passed_through
from grs.domain.access import PostRole
from grs.domain.disposal import NotAdmissible, Outcome
from grs.domain.errors import ActionNotAllowed, InvalidInput, NotYours
from grs.domain.habitual import MarkState
from grs.domain.tiers import About, Tier
from grs.domain.workflow import StepKind
from grs.usecases import disposals, handling, marks, tasks
from grs.usecases.accounts import desk_of
from grs.usecases.appeals import appeal_complaint
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import charter_in_force
from grs.usecases.explanations import explain_stay
from grs.usecases.identities import openings_of
from grs.usecases.leaves import possible_stand_ins
from grs.usecases.offices import find_office
from grs.usecases.posting import letters_to_post, mark_posted, paper_letter
from grs.usecases.standing import Desk
from grs.usecases.stories import story_for_complainant
from tests.conftest import Clock, MailSink
from tests.stories import assert_all_holds, dhaka, fetch, lodge, pass_days
from tests.usecases.test_officers_desk import (
    DISPOSAL,
    accepted,
    ask,
    at_work,
    call,
    dispose,
    holder_of,
    investigate,
    letters,
    marked,
    owner,
    steps,
)
from workers import jobs


def desk_of_chain(house: House, tier: Tier, office: str = "doict-kaunia") -> int:
    """The post that answers at a tier of an office's chain."""
    with house.readers() as session:
        charter = charter_in_force(session, find_office(session, office), date(2025, 4, 6))
        return chain_in_force(session, charter.office, date(2025, 4, 6)).as_tier_chain().at(tier).post_id


def seat(house: House, person_id: int, post_id: int, *, is_stand_in: bool = False) -> None:
    with house.writers.begin() as session:
        session.add(
            PostHolder(post_id=post_id, person_id=person_id, held_from=date(2025, 1, 1), is_stand_in=is_stand_in)
        )


def away(house: House, person_id: int, first: date, last: date) -> None:
    with house.writers.begin() as session:
        session.add(Leave(person_id=person_id, starts_on=first, ends_on=last, recorded_at=house.clock()))


def at_work_now(house: House, person_id: int) -> Desk:
    with house.readers() as session:
        return desk_of(session, person_id, now=house.clock())


# -- letters on paper -----------------------------------------------------------------------------------


def test_the_accused_does_not_read_letters_on_paper(house: House) -> None:
    number = lodge(house, about=About.GRIEVANCE_OFFICER).complaint
    with house.writers.begin() as session:
        session.execute(update(Complainant).values(mobile="", email=""))
    rangpur = holder_of(house, "doict-rangpur", PostRole.GRIEVANCE_OFFICER)
    appeal_post = fetch(house, number.tracking_number).post_id
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number.tracking_number), number.tracking_number, seen_steps=1)
    seat(house, rangpur, appeal_post, is_stand_in=True)
    accused, rightful = at_work_now(house, rangpur), owner(house, number.tracking_number)
    with house.writers.begin() as session:
        (line,) = letters_to_post(session, rightful, shelf=house.shelf)
        assert letters_to_post(session, accused, shelf=house.shelf) == []
        for act in (
            lambda: paper_letter(session, accused, line.posting.message_id, settings=house.settings),
            lambda: mark_posted(session, accused, line.posting.message_id),
        ):
            with pytest.raises(NotYours):
                act()


def test_opening_a_letter_on_paper_is_an_opening_of_the_identity(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        session.execute(update(Complainant).values(mobile="", email=""))
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=1)
    with house.writers.begin() as session:
        posting = session.scalars(select(Posting)).one()
        paper_letter(session, owner(house, number), posting.message_id, settings=house.settings)
    with house.readers() as session:
        assert len(openings_of(session, fetch(house, number))) == 1


def test_a_letter_that_names_what_is_gone_fails_alone(mailing_house: House, sink: MailSink) -> None:
    lodge(mailing_house)
    with mailing_house.writers.begin() as session:
        session.execute(
            update(Message).where(Message.letter == "assigned").values(facts='{"to_post":987654}', step_sequence=None)
        )
    counts = jobs.run(mailing_house, "deliver")
    assert counts["failed"] == 1
    assert len(sink.to("citizen@example.com")) == 1


def test_there_is_no_way_back_once_the_desk_was_used(house: House) -> None:
    number = accepted(house)
    ask(house, number)
    with pytest.raises(RuntimeError, match="no way back"):
        schema.downgrade(house.engine, "0002")
    assert schema.current_revision(house.engine) == schema.newest_revision()


# -- time that cannot be stretched ----------------------------------------------------------------------------


def reopen(house: House, number: str) -> None:
    with house.writers.begin() as session:
        disposals.reopen(
            session, owner(house, number), number, seen_steps=steps(house, number), reason="আবার", shelf=house.shelf
        )


def test_ten_days_are_added_once_and_a_complaint_is_reopened_once(house: House, clock: Clock) -> None:
    number = accepted(house)
    investigate(house, number)
    dispose(house, number)
    reopen(house, number)
    before = fetch(house, number).due_on
    investigate(house, number)
    assert fetch(house, number).due_on == before, "the ten days were given already"
    dispose(house, number)
    with pytest.raises(ActionNotAllowed):
        reopen(house, number)
    assert_all_holds(house)


def test_filing_away_again_and_again_does_not_keep_a_complaint(house: House) -> None:
    number = accepted(house)
    with house.writers.begin() as session:
        disposals.reject(
            session, owner(house, number), number, seen_steps=2, ground=NotAdmissible.BEFORE_COURT, reason="x",
            shelf=house.shelf,
        )  # fmt: skip
    reopen(house, number)
    dispose(house, number)
    with pytest.raises(ActionNotAllowed):
        reopen(house, number)


def test_an_interim_reply_comes_before_the_limit(house: House, clock: Clock) -> None:
    number = accepted(house)
    clock.now = dhaka(date(2025, 5, 21), 0, 1)  # its time is over, the escalation still to come
    with pytest.raises(InvalidInput, match="limit_is_over"), house.writers.begin() as session:
        handling.reply(session, owner(house, number), number, seen_steps=2, reason="x", expected_on=date(2025, 6, 1))


def test_who_is_replaced_is_told(house: House) -> None:
    number = accepted(house)
    first = holder_of(house, "doict-rangpur", PostRole.SUPERVISOR)
    investigate(house, number, first)
    investigate(house, number, holder_of(house, "doict", PostRole.SUPERVISOR))
    assert [m.to_address for m in letters(house, "task_over")] == ["supervisor@doict-rangpur.invalid"]
    investigate(house, number, holder_of(house, "doict", PostRole.SUPERVISOR))
    assert len(letters(house, "task_over")) == 1, "who is asked again is only asked"


def test_a_complaint_that_starts_higher_is_forwarded_by_its_first_reader(house: House) -> None:
    number = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    with house.writers.begin() as session:
        handling.forward(
            session, owner(house, number), number, seen_steps=1, to_office="doict-jaintiapur", reason="সিলেটের বিষয়",
            shelf=house.shelf,
        )  # fmt: skip
    complaint = fetch(house, number)
    assert (complaint.tier, complaint.first_tier) == (Tier.GRIEVANCE_OFFICER, Tier.GRIEVANCE_OFFICER)
    assert complaint.office.slug == "doict-sylhet"


def test_supervisors_find_what_passed_through_their_office(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        handling.forward(
            session, owner(house, number), number, seen_steps=1, to_office="doict-jaintiapur", reason="সিলেটের বিষয়",
            shelf=house.shelf,
        )  # fmt: skip
    pass_days(house, clock, date(2025, 5, 21), names=["escalate"])
    with house.readers() as session:
        sylhet = find_office(session, "doict-sylhet").id
        scope = passed_through([sylhet])
        assert [c.tracking_number for c in listed(session, scope, Shown(is_open=None))] == [number]
        assert listed(session, at_offices([sylhet]), Shown(is_open=None)) == []


def test_letters_to_supervisors_and_stand_ins_keep_office_hours(
    mailing_house: House, clock: Clock, sink: MailSink
) -> None:
    number = accepted(mailing_house)
    dispose(mailing_house, number)
    clock.now = dhaka(date(2025, 4, 11), 23)  # a Friday night
    with mailing_house.writers.begin() as session:
        appeal_complaint(session, number, grounds="x", shelf=mailing_house.shelf, now=clock.now)
    jobs.run(mailing_house, "deliver")
    assert {str(letter["To"]).rsplit("<")[-1].strip(">") for letter in sink.letters} == {"citizen@example.com"}


def test_the_added_days_are_explained(house: House) -> None:
    number = accepted(house)
    investigate(house, number)
    with house.readers() as session:
        story = story_for_complainant(session, number, shelf=house.shelf)
        explained, changes = explain_stay(session, story, story.stay, shelf=house.shelf)
    assert (explained.limit.amount, explained.extra_days, explained.due.due_on) == (30, 10, date(2025, 6, 2))
    assert [line.kind for line in changes] == [StepKind.INVESTIGATION_OPENED]


# -- who is accused, also while away ------------------------------------------------------------------------------


def test_the_accused_on_leave_is_still_the_accused(house: House) -> None:
    rangpur = holder_of(house, "doict-rangpur", PostRole.GRIEVANCE_OFFICER)
    seat(house, rangpur, desk_of_chain(house, Tier.APPEAL_OFFICER))
    away(house, rangpur, date(2025, 4, 6), date(2025, 4, 6))
    number = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    assert fetch(house, number).tier is Tier.CELL_OFFICER, "tomorrow he is back at the appeal desk"


def test_the_accused_on_leave_and_the_decider_do_not_investigate(house: House) -> None:
    rangpur = holder_of(house, "doict-rangpur", PostRole.GRIEVANCE_OFFICER)
    number = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=1)
    away(house, rangpur, date(2025, 4, 1), date(2025, 4, 30))
    with pytest.raises(InvalidInput, match="is_accused"):
        investigate(house, number, rangpur)
    other = accepted(house, mobile="01700000005")
    with pytest.raises(InvalidInput, match="is_decider"):
        investigate(house, other, owner(house, other).person_id)


def test_nobody_who_hears_the_appeal_sits_in_below_it(house: House) -> None:
    rangpur = desk_of_chain(house, Tier.GRIEVANCE_OFFICER)
    with house.readers() as session:
        post = session.get_one(Post, rangpur)
        possible = {c.person_id for c in possible_stand_ins(session, post, at_work(house, [rangpur]))}
        appeal = session.scalars(
            select(PostHolder.person_id).where(PostHolder.post_id == desk_of_chain(house, Tier.APPEAL_OFFICER))
        ).one()
    assert possible
    assert appeal not in possible


# -- marks ---------------------------------------------------------------------------------------------------------


def test_whoever_proposed_a_mark_does_not_decide_it(house: House) -> None:
    number, decider = marked(house)
    proposer = owner(house, number).person_id
    seat(house, proposer, next(iter(decider.post_ids)), is_stand_in=True)
    with pytest.raises(NotYours), house.writers.begin() as session:
        marks.decide_mark(session, at_work_now(house, proposer), number, decision="refuse", reasons="নিজেই")


def test_only_a_complaint_that_stands_as_false_is_marked(house: House) -> None:
    number, decider = marked(house)
    reopen(house, number)
    term = {"review_on": date(2025, 7, 1), "ends_on": date(2025, 10, 1)}
    with pytest.raises(InvalidInput, match="not_false_any_more"), house.writers.begin() as session:
        marks.decide_mark(session, decider, number, decision="mark", reasons="x", **term)  # type: ignore[arg-type]


def test_a_mark_ends_when_the_appeal_overturns_the_decision(house: House, clock: Clock) -> None:
    number, decider = marked(house)
    term = {"review_on": date(2025, 7, 1), "ends_on": date(2025, 10, 1)}
    with house.writers.begin() as session:
        marks.decide_mark(session, decider, number, decision="mark", reasons="x", **term)  # type: ignore[arg-type]
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="মানি না", shelf=house.shelf, now=clock.now)
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=steps(house, number))
    dispose(house, number, dataclasses.replace(DISPOSAL, outcome=Outcome.DECISION_CORRECTED))
    with house.readers() as session:
        mark = marks.mark_of(session, fetch(house, number))
        assert mark is not None
        assert mark.state is MarkState.ENDED
    assert letters(house, "mark_ended")
    assert_all_holds(house)


# -- hearings that are off --------------------------------------------------------------------------------------------


def test_a_hearing_that_is_off_is_taken_back_from_both_calendars(
    mailing_house: House, clock: Clock, sink: MailSink
) -> None:
    number = accepted(mailing_house)
    call(mailing_house, number, date(2025, 4, 20), time(11))
    dispose(mailing_house, number)
    jobs.run(mailing_house, "lapse")
    jobs.run(mailing_house, "deliver")
    cancelled = [
        str(letter["To"])
        for letter in sink.letters
        for part in letter.walk()
        if part.get_content_type() == "text/calendar" and b"METHOD:CANCEL" in (part.get_payload(decode=True) or b"")  # type: ignore[operator]
    ]
    assert len(cancelled) == 2
    assert any("citizen@example.com" in to for to in cancelled)


def test_a_recommendation_goes_to_offices_above_only(house: House) -> None:
    number = lodge(house, about=About.APPEAL_OFFICER).complaint.tracking_number
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=1)
    for office in ("doict-kaunia", "doict-rangpur", "doict-sylhet", "nowhere"):
        with pytest.raises(InvalidInput, match="no_such_office"), house.writers.begin() as session:
            tasks.recommend(
                session, owner(house, number), number, seen_steps=2, to_office=office, text="x", shelf=house.shelf
            )


def test_a_number_in_bengali_digits_is_the_same_number(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    bengali = number.translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), bengali, seen_steps=1)


def test_dates_far_ahead_are_a_slip_of_the_hand(house: House) -> None:
    number = accepted(house)
    with pytest.raises(InvalidInput, match="within_a_year"), house.writers.begin() as session:
        handling.reply(session, owner(house, number), number, seen_steps=2, reason="x", expected_on=date(2030, 1, 1))
    with pytest.raises(InvalidInput, match="closed_day"):
        ask(house, number, date(2025, 4, 11))  # a Friday


def test_a_letter_told_in_one_with_others_keeps_its_state(house: House, clock: Clock) -> None:
    for n in range(6):
        lodge(house, mobile=f"0170000000{n}")
    clock.now = dhaka(date(2025, 4, 6), 10) + timedelta(minutes=1)
    jobs.run(house, "deliver")
    jobs.run(house, "deliver")
    with house.readers() as session:
        states = session.scalars(select(Message.state).where(Message.letter.in_(("assigned", "officer_digest")))).all()
    assert sorted(states) == [MessageState.BUNDLED] * 6 + [MessageState.SENT]
