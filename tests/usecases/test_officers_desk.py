"""What officers do, on both databases: tasks and their answers, leave, marks, notes, letters in office hours."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterable
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageState
from grs.db.offices import Person, Post, PostHolder
from grs.db.tasks import Task
from grs.domain.access import PostRole
from grs.domain.calendar import CalendarRow, RowKind
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause
from grs.domain.errors import ActionNotAllowed, AppealTooLate, ChangedMeanwhile, InvalidInput, NotFound, NotYours
from grs.domain.habitual import MarkState
from grs.domain.screening import Question
from grs.domain.tasks import TaskEnd, TaskKind
from grs.domain.tiers import About, Tier
from grs.domain.workflow import Stage, StepKind
from grs.usecases import agenda, answers, disposals, handling, marks, tasks
from grs.usecases.appeals import appeal_complaint
from grs.usecases.calendars import import_calendar
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import charter_in_force
from grs.usecases.identities import open_identity, openings_of
from grs.usecases.leaves import end_leave, leaves_of, take_leave
from grs.usecases.offices import find_office
from grs.usecases.people import responsible_post_of
from grs.usecases.recalculation import recalculate_due_dates
from grs.usecases.recipients import Recipients
from grs.usecases.standing import Desk
from grs.usecases.stories import story_for_complainant
from grs.usecases.workbench import open_workbench
from tests.conftest import SECRET, Clock, MailSink
from tests.stories import assert_all_holds, dhaka, fetch, lodge, pass_days
from workers import jobs

FIRST_DUE = date(2025, 5, 20)
"""30 working days from Sunday 6 April 2025."""


def at_work(house: House, post_ids: Iterable[int], *, person_id: int = 0, own: bool = True) -> Desk:
    """The holder of some posts, at work."""
    ids = list(post_ids)
    if not person_id:
        with house.readers() as session:
            query = select(PostHolder.person_id).where(PostHolder.post_id.in_(ids), PostHolder.is_stand_in.is_(False))
            person_id = session.scalars(query).first() or 1
    return Desk(person_id=person_id, post_ids=ids, own_post_ids=ids if own else [], now=house.clock())


def owner(house: House, number: str) -> Desk:
    """Who has the complaint now."""
    return at_work(house, [fetch(house, number).post_id])


def responsible(house: House, number: str) -> Desk:
    """Whose service the complaint is about."""
    with house.readers() as session:
        complaint = session.get_one(Complaint, fetch(house, number).id)
        post = responsible_post_of(session, complaint)
        assert post is not None
        return at_work(house, [post.id])


def accepted(house: House, **changes: object) -> str:
    """A complaint that its officer has accepted."""
    number = lodge(house, **changes).complaint.tracking_number
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=1)
    return number


def steps(house: House, number: str) -> int:
    return fetch(house, number).step_count


def ask(house: House, number: str, answer_by: date = date(2025, 4, 20)) -> int:
    with house.writers.begin() as session:
        task = tasks.ask_opinion(
            session, owner(house, number), number, seen_steps=steps(house, number), to_post=None,
            question="কেন দেরি?", answer_by=answer_by, shelf=house.shelf,
        )  # fmt: skip
        return task.id


def order(house: House, number: str, done_by: date = date(2025, 4, 20)) -> int:
    with house.writers.begin() as session:
        return tasks.order_service(
            session, owner(house, number), number, seen_steps=steps(house, number), to_post=None, text="সেবা দিন",
            done_by=done_by,
            shelf=house.shelf,
        ).id  # fmt: skip


def investigate(house: House, number: str, *people: int) -> int:
    with house.writers.begin() as session:
        return tasks.investigate(
            session, owner(house, number), number, seen_steps=steps(house, number),
            investigators=people or (holder_of(house, "doict-rangpur", PostRole.SUPERVISOR),), text="তদন্ত করুন",
            shelf=house.shelf,
        ).id  # fmt: skip


def call(house: House, number: str, on: date = date(2025, 4, 20), at: time = time(11)) -> int:
    with house.writers.begin() as session:
        return tasks.call_hearing(
            session, owner(house, number), number, seen_steps=steps(house, number), on=on, at=at, place="কক্ষ ২০৩",
            to_post=None, shelf=house.shelf,
        ).id  # fmt: skip


def holder_of(house: House, office: str, role: PostRole) -> int:
    with house.readers() as session:
        return session.scalars(
            select(PostHolder.person_id)
            .join(Post, Post.id == PostHolder.post_id)
            .where(Post.office_id == find_office(session, office).id, Post.role == role)
        ).one()


def task_of(house: House, task_id: int) -> Task:
    with house.readers() as session:
        return session.get_one(Task, task_id)


def letters(house: House, letter: str) -> list[Message]:
    with house.readers() as session:
        return list(session.scalars(select(Message).where(Message.letter == letter).order_by(Message.id)))


def seen_by_complainant(house: House, number: str) -> str:
    """All that the complainant's page can show, as text."""
    with house.readers() as session:
        story = story_for_complainant(session, number, shelf=house.shelf)
        return json.dumps([[line.kind, line.details] for line in story.lines], ensure_ascii=False, default=str)


DISPOSAL = Disposal(
    outcome=Outcome.ACCUSATION_NOT_PROVED, reasons="প্রমাণ নেই", root_cause=RootCause.NO_FAULT, advice="নেই"
)


def dispose(house: House, number: str, disposal: Disposal = DISPOSAL) -> None:
    with house.writers.begin() as session:
        disposals.dispose(
            session, owner(house, number), number, seen_steps=steps(house, number), disposal=disposal,
            shelf=house.shelf,
        )  # fmt: skip


# -- screening -------------------------------------------------------------------------------------


def test_accepting_records_the_nine_answers_and_who_gave_them(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    answers = dict.fromkeys(Question, False) | {Question.OWN_OFFICE: True}
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=1, screening=answers)
    told = json.loads(fetch(house, number).steps[-1].details)
    assert told["screening"] == {str(q): q is Question.OWN_OFFICE for q in Question}
    assert told["as_proposed"] is False
    assert "screening" not in seen_by_complainant(house, number), "what officers think of it is theirs"


# -- opinions --------------------------------------------------------------------------------------


def test_an_opinion_is_asked_of_the_responsible_officer_and_comes_back(house: House, clock: Clock) -> None:
    number = accepted(house)
    task_id = ask(house, number)
    (asked,) = letters(house, "task_asked")
    assert asked.to_address == "responsible-officer@doict-kaunia.invalid"
    with house.writers.begin() as session:
        answers.answer(session, responsible(house, number), task_id, text="যন্ত্র নষ্ট ছিল")
    assert fetch(house, number).steps[-1].kind is StepKind.ANSWERED
    assert task_of(house, task_id).ended_by is TaskEnd.ANSWERED
    (answered,) = letters(house, "task_answered")
    assert answered.to_address == "grievance-officer@doict-rangpur.invalid"
    assert "যন্ত্র নষ্ট ছিল" not in seen_by_complainant(house, number), "that an answer came, not what it says"
    assert "answered" in seen_by_complainant(house, number)
    with pytest.raises(NotFound), house.writers.begin() as session:
        answers.answer(session, responsible(house, number), task_id, text="আবার")
    assert_all_holds(house)


def test_nobody_else_answers(house: House) -> None:
    number = accepted(house)
    task_id = ask(house, number)
    for stranger in (owner(house, number), at_work(house, [9999], person_id=1)):
        with pytest.raises(NotFound), house.writers.begin() as session:
            answers.answer(session, stranger, task_id, text="আমি বলি")


def test_without_an_answer_the_officer_goes_on(house: House, clock: Clock) -> None:
    number = accepted(house)
    task_id = ask(house, number, date(2025, 4, 20))
    clock.now = dhaka(date(2025, 4, 20), 23, 59)
    assert jobs.run(house, "lapse").get("lapsed", 0) == 0, "in time until the end of the day"
    clock.now = dhaka(date(2025, 4, 21), 0, 4)
    assert jobs.run(house, "lapse")["lapsed"] == 1
    assert jobs.run(house, "lapse").get("lapsed", 0) == 0, "once"
    assert fetch(house, number).steps[-1].kind is StepKind.LAPSED
    assert task_of(house, task_id).ended_by is TaskEnd.LAPSED
    assert [m.to_address for m in letters(house, "task_lapsed")] == ["grievance-officer@doict-rangpur.invalid"]
    with pytest.raises(NotFound), house.writers.begin() as session:
        answers.answer(session, responsible(house, number), task_id, text="দেরিতে")
    dispose(house, number)
    assert_all_holds(house)


@pytest.mark.parametrize("day", [date(2025, 4, 5), date(2025, 5, 21), None])
def test_an_answer_is_asked_between_today_and_the_due_date(house: House, day: date | None) -> None:
    number = accepted(house)
    with pytest.raises(InvalidInput), house.writers.begin() as session:
        tasks.ask_opinion(
            session,
            owner(house, number),
            number,
            seen_steps=2,
            to_post=None,
            question="?",
            answer_by=day,
            shelf=house.shelf,
        )


def test_a_post_on_which_nobody_sits_cannot_be_asked(house: House) -> None:
    number = accepted(house)
    post_id = next(iter(responsible(house, number).post_ids))
    with house.writers.begin() as session:
        for holder in session.scalars(select(PostHolder).where(PostHolder.post_id == post_id)):
            holder.held_to = date(2025, 4, 1)
    with pytest.raises(InvalidInput, match="vacant"):
        ask(house, number)


# -- service orders ---------------------------------------------------------------------------------


def test_an_order_is_no_disposal_and_comes_back_when_not_obeyed(house: House, clock: Clock) -> None:
    number = accepted(house)
    order(house, number, date(2025, 4, 20))
    complaint = fetch(house, number)
    assert (complaint.stage, complaint.due_on) == (Stage.ACCEPTED, FIRST_DUE), "the clock runs on"
    assert letters(house, "service_ordered")[0].to_address == "citizen@example.com"
    clock.now = dhaka(date(2025, 4, 21), 0, 4)
    jobs.run(house, "lapse")
    told = json.loads(fetch(house, number).steps[-1].details)
    assert told["task_kind"] == TaskKind.SERVICE_ORDER
    pass_days(house, clock, date(2025, 5, 21))
    assert fetch(house, number).tier is Tier.APPEAL_OFFICER, "an order does not stop the escalation"


def test_an_order_is_answered_with_yes_or_no(house: House) -> None:
    number = accepted(house)
    task_id = order(house, number)
    with pytest.raises(InvalidInput, match="is_done"), house.writers.begin() as session:
        answers.answer(session, responsible(house, number), task_id, text="দিয়েছি")
    with house.writers.begin() as session:
        answers.answer(session, responsible(house, number), task_id, text="দিয়েছি", is_done=True)
    assert fetch(house, number).stage is Stage.ACCEPTED, "the officer still decides"


def test_a_second_order_replaces_the_first(house: House) -> None:
    number = accepted(house)
    first, second = order(house, number), order(house, number, date(2025, 4, 27))
    assert task_of(house, first).ended_by is TaskEnd.REPLACED
    assert task_of(house, second).ended_at is None


# -- investigations ---------------------------------------------------------------------------------


def test_the_first_investigation_adds_ten_working_days_once(house: House) -> None:
    number = accepted(house)
    task_id = investigate(house, number)
    complaint = fetch(house, number)
    assert complaint.due_on == date(2025, 6, 2), "40 working days from Sunday 6 April"
    assert complaint.escalates_after == complaint.due_on
    assert complaint.assignments[-1].due_on == complaint.due_on
    assert task_of(house, task_id).due_on == date(2025, 5, 6), "the report: 20 working days"
    assert json.loads(fetch(house, number).steps[-1].details)["was_due_on"] == str(FIRST_DUE)
    investigate(house, number)
    assert fetch(house, number).due_on == date(2025, 6, 2), "once"
    assert_all_holds(house)


def test_a_later_tier_gets_no_days_more_and_the_report_comes_in_time(house: House, clock: Clock) -> None:
    number = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=1)
    before = fetch(house, number).due_on
    task_id = investigate(house, number, holder_of(house, "doict", PostRole.SUPERVISOR))
    assert fetch(house, number).due_on == before
    assert task_of(house, task_id).due_on == before, "20 working days of a tier that has 20"


def test_nobody_junior_or_accused_investigates(house: House) -> None:
    number = accepted(house)
    accused = holder_of(house, "doict-kaunia", PostRole.RESPONSIBLE_OFFICER)
    with pytest.raises(InvalidInput, match="is_accused"):
        investigate(house, number, accused)
    junior = holder_of(house, "doict-kaunia", PostRole.SUPERVISOR)
    with house.writers.begin() as session:
        for holder in session.scalars(select(PostHolder).where(PostHolder.person_id == junior)):
            session.get_one(Post, holder.post_id).grade = 12
    with pytest.raises(InvalidInput, match="junior"):
        investigate(house, number, junior)
    with pytest.raises(InvalidInput, match="choose_investigators"):
        investigate(house, number, holder_of(house, "doict-sylhet", PostRole.SUPERVISOR))


def test_an_investigator_reads_reports_and_then_reads_no_more(house: House) -> None:
    number = accepted(house)
    person = holder_of(house, "doict", PostRole.SUPERVISOR)
    task_id = investigate(house, number, person)
    investigator = Desk(person_id=person, post_ids=[], now=house.clock())
    with house.writers.begin() as session:
        handling.note(session, owner(house, number), number, text="গোপন নোট")
    with house.readers() as session:
        bench = open_workbench(session, investigator, number, shelf=house.shelf)
    assert StepKind.NOTED not in {line.kind for line in bench.story.lines}, "notes are the desk's"
    assert bench.actions == []
    with house.writers.begin() as session:
        answers.answer(session, investigator, task_id, text="প্রতিবেদন")
    with pytest.raises(NotYours), house.readers() as session:
        open_workbench(session, investigator, number, shelf=house.shelf)


def test_a_calendar_change_moves_the_report_and_keeps_the_extra_days(house: House, clock: Clock) -> None:
    number = accepted(house)
    task_id = investigate(house, number)
    day = CalendarRow(day=date(2025, 4, 20), kind=RowKind.HOLIDAY, name_bn="ছুটি", name_en="Holiday", reference="SRO 1")
    with house.writers.begin() as session:
        import_calendar(session, [day], now=clock.now)
    recalculate_due_dates(house.writers, shelf=house.shelf, now=clock.now, reference="SRO 1")
    assert fetch(house, number).due_on == date(2025, 6, 3)
    assert task_of(house, task_id).due_on == date(2025, 5, 7)


# -- hearings -----------------------------------------------------------------------------------------


def test_both_sides_are_called_and_the_record_is_kept(house: House, clock: Clock) -> None:
    number = accepted(house)
    task_id = call(house, number)
    assert letters(house, "hearing_called")[0].to_address == "citizen@example.com"
    assert letters(house, "hearing_notice")[0].to_address == "responsible-officer@doict-kaunia.invalid"
    record = {"complainant_came": True, "officer_came": False, "minutes": "অপর পক্ষ আসেননি"}
    with pytest.raises(InvalidInput, match="no_hearing"), house.writers.begin() as session:
        tasks.record_hearing(session, owner(house, number), number, seen_steps=3, **record)  # type: ignore[arg-type]
    clock.now = dhaka(date(2025, 4, 20), 12)
    with house.writers.begin() as session:
        tasks.record_hearing(session, owner(house, number), number, seen_steps=3, **record)  # type: ignore[arg-type]
    assert task_of(house, task_id).ended_by is TaskEnd.ANSWERED
    assert "অপর পক্ষ আসেননি" not in seen_by_complainant(house, number)
    assert '"officer_came": false' in seen_by_complainant(house, number)


@pytest.mark.parametrize(
    ("on", "at", "problem"),
    [
        (date(2025, 4, 11), time(11), "closed_day"),  # a Friday
        (date(2025, 4, 6), time(9), "in_the_past"),  # it is ten already
        (date(2025, 5, 21), time(11), "after_due_date"),
    ],
)
def test_a_hearing_is_on_a_coming_day_on_which_the_office_is_open(
    house: House, on: date, at: time, problem: str
) -> None:
    number = accepted(house)
    with pytest.raises(InvalidInput, match=problem):
        call(house, number, on, at)


def test_the_invitation_replaces_the_earlier_one_in_calendars(
    mailing_house: House, clock: Clock, sink: MailSink
) -> None:
    number = accepted(mailing_house)
    call(mailing_house, number)
    call(mailing_house, number, date(2025, 4, 21), time(14, 30))
    jobs.run(mailing_house, "deliver")
    parts = [
        part.get_payload(decode=True).decode()
        for letter in sink.letters
        for part in letter.walk()
        if part.get_content_type() == "text/calendar"
    ]
    assert len(parts) == 4, "both sides, twice"
    uids = {line for part in parts for line in part.splitlines() if line.startswith("UID:")}
    assert len(uids) == 1
    assert {line for part in parts for line in part.splitlines() if line.startswith("SEQUENCE:")} == {
        "SEQUENCE:0",
        "SEQUENCE:1",
    }
    assert all("METHOD:REQUEST" in part for part in parts)
    assert any("DTSTART:20250421T083000Z" in part or "20250421T143000" in part for part in parts)


# -- tasks of complaints that moved on -----------------------------------------------------------------


def test_what_was_asked_ends_with_the_stay_and_who_was_asked_is_told(house: House, clock: Clock) -> None:
    number = accepted(house)
    task_id = ask(house, number)
    dispose(house, number)
    with pytest.raises(NotFound), house.writers.begin() as session:
        answers.answer(session, responsible(house, number), task_id, text="দেরিতে")
    assert jobs.run(house, "lapse")["moved"] == 1
    assert task_of(house, task_id).ended_by is TaskEnd.COMPLAINT_MOVED
    assert [m.to_address for m in letters(house, "task_over")] == ["responsible-officer@doict-kaunia.invalid"]
    assert jobs.run(house, "lapse").get("moved", 0) == 0


@pytest.mark.parametrize("round_", range(5))
def test_an_answer_at_midnight_is_either_taken_or_too_late(house: House, clock: Clock, round_: int) -> None:
    """The officer's answer and the job that ends the task at the same moment: one of them wins, whole."""
    number = accepted(house)
    task_id = ask(house, number, date(2025, 4, 20))
    asked = responsible(house, number)
    clock.now = dhaka(date(2025, 4, 21), 0, 4)
    taken: list[bool] = []

    def reply() -> None:
        try:
            with house.writers.begin() as session:
                answers.answer(session, dataclasses.replace(asked, now=clock.now), task_id, text="এইমাত্র")
            taken.append(True)
        except NotFound:
            taken.append(False)

    threads = [threading.Thread(target=reply)] + [
        threading.Thread(target=jobs.run, args=(house, "lapse")) for _ in range(2)
    ]
    for thread in threads[:: -1 if round_ % 2 else 1]:
        thread.start()
    for thread in threads:
        thread.join()
    last = [step.kind for step in fetch(house, number).steps][3:]
    assert last == ([StepKind.ANSWERED] if taken == [True] else [StepKind.LAPSED])
    assert_all_holds(house)


# -- reopening -----------------------------------------------------------------------------------------


def test_a_reopened_complaint_goes_on_with_the_days_that_were_left(house: House, clock: Clock) -> None:
    number = accepted(house)
    clock.now = dhaka(date(2025, 5, 15), 11)
    dispose(house, number)  # Saturday 17, Sunday 18, Monday 19 and Tuesday 20 May were left
    clock.now = dhaka(date(2025, 6, 1), 11)
    with house.writers.begin() as session:
        disposals.reopen(session, owner(house, number), number, seen_steps=3, reason="নতুন কাগজ", shelf=house.shelf)
    complaint = fetch(house, number)
    assert (complaint.stage, complaint.outcome, complaint.disposed_on) == (Stage.ACCEPTED, None, None)
    assert complaint.due_on == house.shelf.for_office(house.readers(), complaint.office).add_working_days(
        date(2025, 6, 1), 4
    )
    assert letters(house, "reopened")
    dispose(house, number)
    assert_all_holds(house)


def test_after_the_time_to_appeal_nothing_is_reopened(house: House, clock: Clock) -> None:
    number = accepted(house)
    dispose(house, number)
    jobs.run(house, "deliver")
    clock.now = dhaka(date(2025, 6, 24), 11)
    with pytest.raises(AppealTooLate), house.writers.begin() as session:
        disposals.reopen(session, owner(house, number), number, seen_steps=3, reason="x", shelf=house.shelf)


# -- appeal and cell -------------------------------------------------------------------------------------


def test_the_appeal_officer_corrects_and_the_cell_recommends(house: House, clock: Clock) -> None:
    number = accepted(house)
    dispose(house, number)
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="প্রমাণ দেখা হয়নি", shelf=house.shelf, now=clock.now)
    for outcome in (Outcome.UPHELD, Outcome.ORDER_TO_COMPLY, Outcome.DISCIPLINE_RECOMMENDED):
        with house.writers() as session:  # each is possible; only the last one stays
            handling.accept(session, owner(house, number), number, seen_steps=4)
            disposals.dispose(
                session, owner(house, number), number, seen_steps=5,
                disposal=dataclasses.replace(DISPOSAL, outcome=outcome), shelf=house.shelf,
            )  # fmt: skip
            session.rollback()
    with house.writers.begin() as session:
        handling.accept(session, owner(house, number), number, seen_steps=4)
    dispose(house, number, dataclasses.replace(DISPOSAL, outcome=Outcome.DECISION_CORRECTED))
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="তবু না", shelf=house.shelf, now=clock.now)
        handling.accept(session, at_work(house, [session.get_one(Complaint, fetch(house, number).id).post_id]), number,
                        seen_steps=7)  # fmt: skip
    with house.writers.begin() as session:
        task = tasks.recommend(
            session, owner(house, number), number, seen_steps=8, to_office="doict", text="নিয়ম বদলান",
            shelf=house.shelf,
        )  # fmt: skip
        assert task.due_on == date(2025, 5, 6), "20 working days from Sunday 6 April"
    head = at_work(house, [], person_id=holder_of(house, "doict", PostRole.SUPERVISOR))
    with house.readers() as session:
        post_id = session.get_one(Task, task.id).to_post_id
    with house.writers.begin() as session:
        answers.answer(session, dataclasses.replace(head, post_ids=[post_id]), task.id, text="বদলানো হবে")
    assert fetch(house, number).steps[-1].kind is StepKind.ANSWERED
    assert_all_holds(house)


# -- notes, tags, who works on it -----------------------------------------------------------------------


def test_notes_and_tags_are_the_offices_own_and_in_the_history(house: House) -> None:
    number = accepted(house)
    with house.writers.begin() as session:
        handling.note(session, owner(house, number), number, text="ফোনে কথা হয়েছে")
        handling.tag(session, owner(house, number), number, tags=handling.read_tags("জরুরি, ইন্টারনেট, জরুরি"))
    assert [step.kind for step in fetch(house, number).steps][-2:] == [StepKind.NOTED, StepKind.TAGGED]
    assert "ফোনে কথা" not in seen_by_complainant(house, number)
    assert "ইন্টারনেট" not in seen_by_complainant(house, number)
    with house.writers.begin() as session:
        handling.tag(session, owner(house, number), number, tags=["ইন্টারনেট", "জরুরি"])
    assert steps(house, number) == 4, "the same tags again are no step"
    with pytest.raises(InvalidInput, match="too_many_tags"):
        handling.read_tags(",".join(str(n) for n in range(11)))
    assert_all_holds(house)


def test_the_work_is_given_to_somebody_at_the_desk_and_ends_with_the_stay(house: House, clock: Clock) -> None:
    number = accepted(house)
    post_id = fetch(house, number).post_id
    other = holder_of(house, "doict-rangpur", PostRole.SUPERVISOR)
    with pytest.raises(InvalidInput, match="choose_one"), house.writers.begin() as session:
        handling.give_work(session, owner(house, number), number, seen_steps=2, person_id=other)
    with house.writers.begin() as session:
        session.add(PostHolder(post_id=post_id, person_id=other, held_from=date(2025, 1, 1)))
    with house.writers.begin() as session:
        handling.give_work(session, owner(house, number), number, seen_steps=2, person_id=other)
    assert letters(house, "work_given")[0].to_address == "supervisor@doict-rangpur.invalid"
    with house.readers() as session:
        assert open_workbench(session, owner(house, number), number, shelf=house.shelf).worker is not None
    pass_days(house, clock, date(2025, 5, 21), names=["escalate"])
    with house.readers() as session:
        assert open_workbench(session, owner(house, number), number, shelf=house.shelf).worker is None


def test_a_note_does_not_hold_up_a_colleague_but_an_act_does(house: House) -> None:
    number = accepted(house)
    with house.writers.begin() as session:
        handling.note(session, owner(house, number), number, text="প্রথম")
        handling.note(session, owner(house, number), number, text="দ্বিতীয়")
    with pytest.raises(ChangedMeanwhile), house.writers.begin() as session:
        handling.write(session, owner(house, number), number, seen_steps=2, text="পুরোনো পাতা থেকে")


# -- habitual false complaints ----------------------------------------------------------------------------


def marked(house: House) -> tuple[str, Desk]:
    """A false complaint whose complainant is proposed to be marked, and the appeal officer who decides."""
    number = accepted(house)
    dispose(house, number)
    with house.writers.begin() as session:
        mark = marks.propose_mark(
            session, owner(house, number), number, seen_steps=steps(house, number), reasons="পাঁচবার মিথ্যা"
        )
        post_id = mark.post_id
    return number, at_work(house, [post_id])


def test_the_grievance_officer_proposes_and_the_appeal_officer_decides(house: House, clock: Clock) -> None:
    number, decider = marked(house)
    assert "পাঁচবার মিথ্যা" not in seen_by_complainant(house, number)
    with house.readers() as session:
        (told,) = Recipients(session, date(2025, 4, 6)).on_post(next(iter(decider.post_ids)))
    assert letters(house, "mark_proposed")[0].to_address == told.email
    with pytest.raises(NotYours), house.writers.begin() as session:
        marks.decide_mark(session, owner(house, number), number, decision="refuse", reasons="x")
    again = lodge(house, email="", name="অন্য নাম").complaint.tracking_number
    with house.readers() as session:
        complaint = session.get_one(Complaint, fetch(house, again).id)
        assert marks.mark_against(session, complaint, today=date(2025, 4, 6)) is None, "only proposed"
    with pytest.raises(InvalidInput, match="no_mark"):
        file_away(house, again)
    with house.writers.begin() as session:
        marks.decide_mark(
            session, decider, number, decision="mark", reasons="বারবার", review_on=date(2025, 7, 1),
            ends_on=date(2025, 10, 1),
        )  # fmt: skip
    assert letters(house, "mark_set")[0].to_address == "citizen@example.com"
    with house.readers() as session:
        assert marks.marks_to_decide(session, decider.post_ids, today=date(2025, 6, 30)) == []
        assert len(marks.marks_to_decide(session, decider.post_ids, today=date(2025, 7, 1))) == 1, "its review"
    file_away(house, again)  # known by the same mobile number
    with house.writers.begin() as session:
        mark = marks.decide_mark(session, decider, number, decision="end", reasons="ক্ষমা")
        assert mark.state is MarkState.ENDED
    assert letters(house, "mark_ended")
    assert_all_holds(house)


def file_away(house: House, number: str) -> None:
    with house.writers.begin() as session:
        disposals.reject(
            session, owner(house, number), number, seen_steps=1, ground=NotAdmissible.HABITUAL, reason="চিহ্নিত",
            shelf=house.shelf,
        )  # fmt: skip


def test_a_refused_proposal_is_never_told(house: House) -> None:
    number, decider = marked(house)
    sent = len(letters(house, "mark_set"))
    with house.writers.begin() as session:
        marks.decide_mark(session, decider, number, decision="refuse", reasons="যথেষ্ট নয়")
    assert "যথেষ্ট নয়" not in seen_by_complainant(house, number)
    assert len(letters(house, "mark_set")) == sent
    with pytest.raises(NotYours), house.writers.begin() as session:
        marks.decide_mark(session, decider, number, decision="end", reasons="x")


def test_only_a_false_complaint_with_a_name_is_proposed_and_once(house: House) -> None:
    number, _ = marked(house)
    with pytest.raises(ActionNotAllowed), house.writers.begin() as session:
        marks.propose_mark(session, owner(house, number), number, seen_steps=steps(house, number), reasons="আবার")
    nameless = accepted(house, is_anonymous=True)
    dispose(house, nameless)
    with pytest.raises(ActionNotAllowed), house.writers.begin() as session:
        marks.propose_mark(session, owner(house, nameless), nameless, seen_steps=3, reasons="x")


# -- identity -----------------------------------------------------------------------------------------------


def test_who_complained_is_shown_on_demand_and_the_complainant_sees_by_whom(house: House, clock: Clock) -> None:
    number = accepted(house)
    desk = owner(house, number)
    with house.readers() as session:
        assert open_workbench(session, desk, number, shelf=house.shelf).who is None
    with house.writers.begin() as session:
        open_identity(session, desk, number)
        open_identity(session, desk, number)
    with house.readers() as session:
        who = open_workbench(session, desk, number, shelf=house.shelf).who
        assert who is not None
        assert who.name == "নমুনা নাগরিক"
        (opening,) = openings_of(session, session.get_one(Complaint, fetch(house, number).id))
        assert opening.post is not None
        assert opening.post.title_bn == "জেলা আইসিটি অফিসার"
    clock.forward(minutes=16)
    with house.readers() as session:
        assert open_workbench(session, owner(house, number), number, shelf=house.shelf).who is None, "for a while"


# -- the person complained about ---------------------------------------------------------------------------


def test_a_complaint_goes_past_the_desk_of_whom_it_is_about_at_every_step(house: House, clock: Clock) -> None:
    """The appeal officer's post is held by the very grievance officer complained about."""
    with house.writers.begin() as session:
        rangpur = holder_of(house, "doict-rangpur", PostRole.GRIEVANCE_OFFICER)
        kaunia = charter_in_force(session, find_office(session, "doict-kaunia"), date(2025, 4, 6))
        appeal_post = (
            chain_in_force(session, kaunia.office, date(2025, 4, 6)).as_tier_chain().at(Tier.APPEAL_OFFICER).post_id
        )
        for holder in session.scalars(select(PostHolder).where(PostHolder.post_id == appeal_post)):
            holder.held_to = date(2025, 4, 10)
        session.add(PostHolder(post_id=appeal_post, person_id=rangpur, held_from=date(2025, 4, 11)))
    about = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    clock.now = dhaka(date(2025, 4, 13), 10)
    later = lodge(house, about=About.GRIEVANCE_OFFICER).complaint.tracking_number
    assert fetch(house, about).tier is Tier.APPEAL_OFFICER, "on 6 April another person sat there"
    assert fetch(house, later).tier is Tier.CELL_OFFICER
    accused = at_work(house, [fetch(house, about).post_id], person_id=rangpur, own=False)
    with house.readers() as session:
        posts = [p for p in session.scalars(select(PostHolder.post_id).where(PostHolder.person_id == rangpur))]
    accused = dataclasses.replace(accused, post_ids=posts, own_post_ids=posts)
    with pytest.raises(NotYours), house.readers() as session:
        open_workbench(session, accused, about, shelf=house.shelf)
    with pytest.raises(NotYours), house.writers.begin() as session:
        handling.accept(session, accused, about, seen_steps=1)


def test_escalation_skips_the_accused(house: House, clock: Clock) -> None:
    number = lodge(house, about=About.HEAD_OF_OFFICE, office="doict-manikganj-sadar").complaint.tracking_number
    assert fetch(house, number).tier is Tier.APPEAL_OFFICER
    with house.writers.begin() as session:
        head = holder_of(house, "doict-manikganj-sadar", PostRole.SUPERVISOR)
        cell = session.scalars(select(Post.id).where(Post.role == "cell_officer")).first()
        session.add(PostHolder(post_id=cell, person_id=head, held_from=date(2025, 1, 1)))
    pass_days(house, clock, fetch(house, number).due_on + timedelta(days=1), names=["escalate"])
    assert fetch(house, number).tier is Tier.CELL_OFFICER, "at the top there is nowhere else to go"
    told = {m.to_address for m in letters(house, "escalated_to_you")}
    assert told == {"cell-officer@cabinet-cell.invalid"}, "but the accused at the cell is not told"
    with house.readers() as session:
        posts = session.scalars(select(PostHolder.post_id).where(PostHolder.person_id == head)).all()
        office = find_office(session, "doict-manikganj-sadar").id
    accused = Desk(
        person_id=head, post_ids=posts, own_post_ids=posts, headed_offices=[office], supervised_offices=[office],
        now=clock.now,
    )  # fmt: skip
    with pytest.raises(NotYours), house.writers.begin() as session:
        handling.accept(session, accused, number, seen_steps=2)


# -- leave ----------------------------------------------------------------------------------------------------


def on_post(house: House, post_id: int, day: date) -> list[str]:
    with house.readers() as session:
        return [person.email for person in Recipients(session, day).on_post(post_id)]


def test_while_somebody_is_on_leave_the_stand_in_gets_the_letters(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    desk = owner(house, number)
    (post_id,) = desk.post_ids
    stand_in = holder_of(house, "doict-rangpur", PostRole.SUPERVISOR)
    with house.writers.begin() as session:
        leave = take_leave(
            session, desk, starts_on=date(2025, 4, 8), ends_on=date(2025, 4, 10), stand_ins={post_id: stand_in}
        )
        leave_id = leave.id
    officer, other = "grievance-officer@doict-rangpur.invalid", "supervisor@doict-rangpur.invalid"
    assert [on_post(house, post_id, date(2025, 4, day)) for day in (7, 8, 10, 11)] == [
        [officer], [other], [other], [officer],
    ]  # fmt: skip
    assert letters(house, "stand_in")[0].to_address == other
    clock.now = dhaka(date(2025, 4, 9), 10)
    with house.writers.begin() as session:
        end_leave(session, dataclasses.replace(desk, now=clock.now), leave_id)
    assert on_post(house, post_id, date(2025, 4, 9)) == [officer], "back early"
    with house.readers() as session:
        assert leaves_of(session, desk.person_id, today=date(2025, 4, 9)) == []


def test_leave_without_a_stand_in_leaves_a_vacant_post_that_parks_nothing(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        take_leave(session, owner(house, number), starts_on=date(2025, 4, 6), ends_on=date(2025, 4, 9), stand_ins={})
    assert jobs.run(house, "watch")["vacancies_told"] >= 2, "the tier above and the supervisor, the same day"
    assert {m.to_address for m in letters(house, "vacant_post")} >= {
        "appeal-officer-6@doict.invalid",
        "supervisor@doict-rangpur.invalid",
    }


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "problem"),
    [
        (date(2025, 4, 5), date(2025, 4, 8), "in_the_past"),
        (date(2025, 4, 8), date(2025, 4, 7), "before_the_start"),
        (date(2025, 4, 8), date(2026, 4, 10), "within_a_year"),
        (date(2025, 4, 8), None, "required"),
    ],
)
def test_what_is_no_leave(house: House, starts_on: date, ends_on: date | None, problem: str) -> None:
    number = lodge(house).complaint.tracking_number
    with pytest.raises(InvalidInput, match=problem), house.writers.begin() as session:
        take_leave(session, owner(house, number), starts_on=starts_on, ends_on=ends_on, stand_ins={})


# -- letters in office hours ------------------------------------------------------------------------------------


def test_officers_letters_wait_for_office_hours_and_citizens_do_not(
    mailing_house: House, clock: Clock, sink: MailSink
) -> None:
    clock.now = dhaka(date(2025, 4, 10), 17, 0)  # Thursday, closing time
    lodge(mailing_house)
    jobs.run(mailing_house, "deliver")
    assert [len(sink.to(a)) for a in ("citizen@example.com", "grievance-officer@doict-rangpur.invalid")] == [1, 0]
    clock.now = dhaka(date(2025, 4, 11), 11)  # Friday
    jobs.run(mailing_house, "deliver")
    assert sink.to("grievance-officer@doict-rangpur.invalid") == []
    clock.now = dhaka(date(2025, 4, 13), 9)
    jobs.run(mailing_house, "deliver")
    assert len(sink.to("grievance-officer@doict-rangpur.invalid")) == 1


def test_more_than_five_in_a_day_come_as_one_letter(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    officer = "grievance-officer@doict-rangpur.invalid"
    clock.now = dhaka(date(2025, 4, 6), 8)
    for n in range(7):
        lodge(mailing_house, mobile=f"0170000000{n}")
    clock.now = dhaka(date(2025, 4, 6), 9)
    jobs.run(mailing_house, "deliver")
    (one,) = sink.subjects(officer)
    assert one.startswith("আপনার ডেস্কের ৭টি খবর")
    with mailing_house.readers() as session:
        states = session.scalars(select(Message.state).where(Message.letter == "assigned")).all()
    assert set(states) == {MessageState.BUNDLED}
    lodge(mailing_house, mobile="01700000010")
    lodge(mailing_house, mobile="01700000011")
    clock.now = dhaka(date(2025, 4, 6), 12)
    jobs.run(mailing_house, "deliver")
    assert len(sink.to(officer)) == 1, "what comes after it waits"
    clock.now = dhaka(date(2025, 4, 6), 16)
    jobs.run(mailing_house, "deliver")
    assert sink.subjects(officer)[1:] == [s for s in sink.subjects(officer)[1:] if s.startswith("আপনার ডেস্কের ২টি")]
    assert len(sink.to(officer)) == 2
    clock.now = dhaka(date(2025, 4, 7), 9)
    lodge(mailing_house, mobile="01700000012")
    jobs.run(mailing_house, "deliver")
    assert len(sink.to(officer)) == 3, "a new day begins anew"


def test_an_escalation_leaves_at_midnight(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    lodge(mailing_house)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    jobs.run(mailing_house, "escalate")
    jobs.run(mailing_house, "deliver")
    assert len(sink.to("supervisor@doict-rangpur.invalid")) == 1


# -- the calendar ------------------------------------------------------------------------------------------------


def test_the_calendar_shows_hearings_answers_and_due_dates_and_its_address_can_be_renewed(
    house: House, clock: Clock
) -> None:
    number = accepted(house)
    ask(house, number, date(2025, 4, 15))
    call(house, number, date(2025, 4, 16))
    desk = owner(house, number)
    with house.readers() as session:
        mine = agenda.agenda(session, desk)
        asked = responsible(house, number)
        theirs = agenda.agenda(session, asked)
    assert [one.kind for one in mine] == ["answer_due", "hearing", "due"]
    assert [one.kind for one in theirs] == ["my_answer", "hearing"]
    with house.writers.begin() as session:
        token = agenda.feed_token(session, desk.person_id, secret_key=SECRET)
        assert agenda.feed_token(session, desk.person_id, secret_key=SECRET) == token
        new = agenda.feed_token(session, desk.person_id, secret_key=SECRET, renew=True)
    with house.readers() as session:
        assert len(agenda.agenda_of_feed(session, new, secret_key=SECRET, now=clock.now)[1]) == 3
        for dead in (token, new[:-1], "1-x", "nonsense"):
            with pytest.raises(NotFound):
                agenda.agenda_of_feed(session, dead, secret_key=SECRET, now=clock.now)
        session.get_one(Person, desk.person_id).is_active = False
        with pytest.raises(NotFound):
            agenda.agenda_of_feed(session, new, secret_key=SECRET, now=clock.now)
