"""Whole complaints over simulated months: from the web form to the Cabinet cell, and the ways that end earlier."""

from __future__ import annotations

from datetime import date

import pytest

from grs.bootstrap import House
from grs.domain.calendar import CalendarRow, RowKind
from grs.domain.disposal import Outcome
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, Stage, StepKind
from grs.usecases.calendars import import_calendar
from grs.usecases.recalculation import recalculate_due_dates
from tests.conftest import Clock, MailSink, Template, body_of, browser, log_in
from tests.stories import assert_all_holds, dhaka, fetch, lodge_on_the_web, pass_days

# Lodged on Sunday 6 April 2025 at 10:00. Counted by hand on the gazette calendar:
# 30 working days skip Bangla New Year, May Day, Buddha Purnima and use the working Saturday of 17 May;
# the 20 of the appeal officer begin on Wednesday 21 May, use the working Saturday of 24 May and skip
# the ten days of Eid-ul-Azha; the 60 of the cell begin on Thursday 26 June and skip Ashura, 5 August
# (Janmashtami and Eid-e-Miladunnabi of that year fall on Saturdays).
FIRST_DUE = date(2025, 5, 20)
SECOND_DUE = date(2025, 6, 25)
THIRD_DUE = date(2025, 9, 22)

# (office, grievance officer, appeal officer): printed by two charters, by the guideline for three.
CHAINS = [
    ("doict-bagherpara", "grievance-officer@doict-jessore.invalid", "appeal-officer@doict.invalid"),
    ("doict-kaunia", "grievance-officer@doict-rangpur.invalid", None),
    *(
        pytest.param(*chain, marks=pytest.mark.thorough)
        for chain in (
            ("doict-natore-sadar", "grievance-officer@doict-natore.invalid", "appeal-officer@doict.invalid"),
            (
                "doict-manikganj-sadar",
                "grievance-officer@doict-manikganj-sadar.invalid",
                "appeal-officer@doict-manikganj.invalid",
            ),
            ("doict-jaintiapur", "grievance-officer@doict-sylhet.invalid", "appeal-officer@doict.invalid"),
        )
    ),
]


@pytest.mark.parametrize(("office", "first_officer", "appeal_officer"), CHAINS)
def test_unanswered_complaint_reaches_the_cell(
    mailing_house: House,
    clock: Clock,
    sink: MailSink,
    office: str,
    first_officer: str,
    appeal_officer: str | None,
) -> None:
    number, _ = lodge_on_the_web(browser(mailing_house), office)
    complaint = fetch(mailing_house, number)
    assert (complaint.tier, complaint.due_on) == (Tier.GRIEVANCE_OFFICER, FIRST_DUE)

    pass_days(mailing_house, clock, FIRST_DUE)
    assert fetch(mailing_house, number).tier is Tier.GRIEVANCE_OFFICER, "in time until the end of the due date"

    pass_days(mailing_house, clock, date(2025, 5, 21))
    complaint = fetch(mailing_house, number)
    assert (complaint.tier, complaint.due_on) == (Tier.APPEAL_OFFICER, SECOND_DUE)

    pass_days(mailing_house, clock, date(2025, 6, 26))
    complaint = fetch(mailing_house, number)
    assert (complaint.tier, complaint.due_on) == (Tier.CELL_OFFICER, THIRD_DUE)

    pass_days(mailing_house, clock, date(2025, 10, 15))
    complaint = fetch(mailing_house, number)
    assert complaint.tier is Tier.CELL_OFFICER, "there is nowhere to go from the cell"
    assert [stay.ended_by for stay in complaint.assignments] == [Action.ESCALATE, Action.ESCALATE, None]
    assert [step.kind for step in complaint.steps] == [
        StepKind.LODGED,
        StepKind.ESCALATED,
        StepKind.ESCALATED,
    ]
    assert_all_holds(mailing_house)

    told = sink.subjects("citizen@example.com")
    assert [subject.split(":")[0] for subject in told] == [
        "আপনার অভিযোগ জমা হয়েছে",
        "আপনার অভিযোগ উপরের কর্মকর্তার কাছে গেছে",
        "আপনার অভিযোগ উপরের কর্মকর্তার কাছে গেছে",
    ]
    assert [subject.split(":")[0] for subject in sink.subjects(first_officer)] == [
        "নতুন অভিযোগ আপনার কাছে",
        "আর ৫ কার্যদিবস",
        "আর ১ কার্যদিবস",
        "সময় পার হওয়ায় অভিযোগ আপনার কাছ থেকে গেছে",
    ]
    appeal_letters = [
        subject
        for login_mail in ([appeal_officer] if appeal_officer else [_holder_of_second_desk(mailing_house, number)])
        for subject in sink.subjects(login_mail)
    ]
    assert [subject.split(":")[0] for subject in appeal_letters] == [
        "সময় পার হওয়া অভিযোগ আপনার কাছে",
        "আর ৫ কার্যদিবস",
        "আর ১ কার্যদিবস",
        "সময় পার হওয়ায় অভিযোগ আপনার কাছ থেকে গেছে",
    ]
    assert [subject.split(":")[0] for subject in sink.subjects("cell-officer@cabinet-cell.invalid")] == [
        "সময় পার হওয়া অভিযোগ আপনার কাছে",
        "আর ৫ কার্যদিবস",
        "আর ১ কার্যদিবস",
        "সময় পার হয়েছে",
    ]
    cell_supervisor = sink.to("supervisor@cabinet-cell.invalid")
    assert len(cell_supervisor) == 1, "told once, when the complaint reached the cell"
    assert "২২ সেপ্টেম্বর ২০২৫" in body_of(cell_supervisor[0])


def _holder_of_second_desk(house: House, number: str) -> str:
    from grs.usecases.recipients import Recipients

    with house.readers() as session:
        post_id = fetch(house, number).assignments[1].post_id
        return Recipients(session, date(2025, 6, 1)).on_post(post_id)[0].email


def test_letters_name_the_dates_and_officers(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    lodge_on_the_web(browser(mailing_house), "doict-kaunia")
    pass_days(mailing_house, clock, date(2025, 5, 21))
    letter = body_of(sink.to("citizen@example.com")[1])
    assert "জেলা আইসিটি অফিসার, জেলা আইসিটি কার্যালয়, রংপুর ২০ মে ২০২৫, মঙ্গলবার-এর মধ্যে" in letter
    assert "এখন যাঁর কাছে: উপ-পরিচালক (প্রশাসন), তথ্য ও যোগাযোগ প্রযুক্তি অধিদপ্তর" in letter
    assert "নিষ্পত্তির নতুন শেষ দিন: ২৫ জুন ২০২৫, বুধবার" in letter
    supervisors = [*sink.to("supervisor@doict-rangpur.invalid"), *sink.to("supervisor@doict.invalid")]
    assert len(supervisors) == 2, "the supervisors of both offices"
    assert all(letter["Auto-Submitted"] == "auto-generated" for letter in sink.letters)
    assert len({letter["Message-ID"] for letter in sink.letters}) == len(sink.letters)


def test_disposed_in_time_and_not_escalated(
    mailing_house: House, clock: Clock, sink: MailSink, database: Template
) -> None:
    number, _ = lodge_on_the_web(browser(mailing_house), "doict-kaunia")
    clock.now = dhaka(date(2025, 5, 20), 16, 0)
    officer = log_in(browser(mailing_house), database.logins, role="grievance_officer", office="doict-rangpur")
    _act(officer, number, "accept", seen_steps=1)
    _act(
        officer, number, "dispose", seen_steps=2, outcome="service_given", reasons="তথ্য দেওয়া হয়েছে।",
        root_cause="process_delay", advice="তথ্য ওয়েবসাইটে দিন।",
    )  # fmt: skip
    pass_days(mailing_house, clock, date(2025, 7, 1))
    complaint = fetch(mailing_house, number)
    assert (complaint.stage, complaint.outcome) == (Stage.DISPOSED, Outcome.SERVICE_GIVEN)
    assert complaint.tier is Tier.GRIEVANCE_OFFICER
    assert [subject.split(":")[0] for subject in sink.subjects("citizen@example.com")] == [
        "আপনার অভিযোগ জমা হয়েছে",
        "আপনার অভিযোগের কাজ শুরু হয়েছে",
        "আপনার অভিযোগ নিষ্পত্তি হয়েছে",
        "আপিলের সময় আর ৭ দিন",
        "আপিলের সময় আর ১ দিন",
    ]
    assert_all_holds(mailing_house)


def test_appealed_by_the_complainant_with_number_and_code(
    mailing_house: House, clock: Clock, sink: MailSink, database: Template
) -> None:
    number, code = lodge_on_the_web(browser(mailing_house), "doict-manikganj-sadar")
    officer = log_in(browser(mailing_house), database.logins, role="grievance_officer", office="doict-manikganj-sadar")
    _act(officer, number, "accept", seen_steps=1)
    _act(
        officer, number, "dispose", seen_steps=2, outcome="accusation_not_proved", reasons="প্রমাণ নেই।",
        root_cause="no_fault", advice="নেই",
    )  # fmt: skip
    pass_days(mailing_house, clock, date(2025, 5, 5))

    phone = browser(mailing_house)
    assert phone.post("/track", data={"number": number, "code": code}).status_code == 303
    page = phone.get(f"/complaints/{number}").text
    # The limit ran to 20 May, later than the letter of the result; one month on is 20 June, a Friday.
    assert "২২ জুন ২০২৫, রবিবার পর্যন্ত আপিল করতে পারেন" in page
    assert phone.post(f"/complaints/{number}/appeal", data={"grounds": "প্রমাণ দেখা হয়নি।"}).status_code == 303

    complaint = fetch(mailing_house, number)
    assert (complaint.tier, complaint.stage) == (Tier.APPEAL_OFFICER, Stage.RECEIVED)
    assert complaint.due_on == date(2025, 6, 1), "20 working days from Monday 5 May, two Saturdays among them"
    pass_days(mailing_house, clock, date(2025, 5, 6))
    assert any("নতুন আপিল" in s for s in sink.subjects("appeal-officer@doict-manikganj.invalid"))
    assert_all_holds(mailing_house)


def test_forwarded_to_the_office_it_concerns(
    mailing_house: House, clock: Clock, sink: MailSink, database: Template
) -> None:
    number, _ = lodge_on_the_web(browser(mailing_house), "doict-kaunia")
    clock.now = dhaka(date(2025, 4, 20), 11, 0)
    officer = log_in(browser(mailing_house), database.logins, role="grievance_officer", office="doict-rangpur")
    _act(officer, number, "forward", seen_steps=1, to_office="doict-jaintiapur", reason="সিলেটের বিষয়।")
    complaint = fetch(mailing_house, number)
    assert [stay.office.slug for stay in complaint.assignments] == ["doict-rangpur", "doict-sylhet"], "both stays"
    assert complaint.due_on == date(2025, 6, 1), "the clock restarts on Sunday 20 April"
    pass_days(mailing_house, clock, date(2025, 6, 2))
    assert fetch(mailing_house, number).tier is Tier.APPEAL_OFFICER
    assert sink.subjects("grievance-officer@doict-sylhet.invalid")[0].startswith("নতুন অভিযোগ আপনার কাছে")
    assert_all_holds(mailing_house)


def test_calendar_changes_on_the_way(mailing_house: House, clock: Clock, sink: MailSink) -> None:
    number, _ = lodge_on_the_web(browser(mailing_house), "doict-natore-sadar")
    pass_days(mailing_house, clock, date(2025, 5, 6))
    new_holiday = CalendarRow(
        day=date(2025, 5, 18),
        kind=RowKind.HOLIDAY,
        name_bn="বিশেষ ছুটি",
        name_en="Special holiday",
        reference="SRO 99",
    )
    with mailing_house.writers.begin() as session:
        import_calendar(session, [new_holiday], now=clock.now)
    moved = recalculate_due_dates(mailing_house.writers, shelf=mailing_house.shelf, now=clock.now, reference="SRO 99")
    assert (moved["moved"], moved["later"]) == (1, 1)
    complaint = fetch(mailing_house, number)
    assert complaint.due_on == date(2025, 5, 21)
    assert complaint.steps[-1].kind is StepKind.DUE_DATE_CHANGED
    pass_days(mailing_house, clock, date(2025, 5, 21))
    assert fetch(mailing_house, number).tier is Tier.GRIEVANCE_OFFICER, "not escalated on the old date"
    pass_days(mailing_house, clock, date(2025, 5, 22))
    assert fetch(mailing_house, number).tier is Tier.APPEAL_OFFICER
    changed = [s for s in sink.subjects("citizen@example.com") if s.startswith("নিষ্পত্তির তারিখ বদলেছে")]
    assert len(changed) == 1
    assert_all_holds(mailing_house)


def _act(officer: object, number: str, action: str, **typed: object) -> None:
    answer = officer.post(f"/officer/complaints/{number}/{action}", data=typed)  # type: ignore[attr-defined]
    assert answer.status_code == 303, answer.text
