"""The front desk on both databases: drafts, letters on paper, withdrawals, figures, forgetting."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import date

import pytest
from sqlalchemy import func, select

from grs.bootstrap import House
from grs.db.complaints import Complaint, Rating
from grs.db.drafts import Attachment, AttachmentContent, Draft
from grs.db.messages import Message, MessageChannel, MessageState
from grs.domain.disposal import Outcome, RootCause
from grs.domain.errors import ActionNotAllowed, GrievanceError, InvalidInput, NotFound, TooEarly
from grs.domain.lodging import Assistance, Channel, Ground
from grs.domain.workflow import Stage
from grs.uploads import CleanFile, clean_upload
from grs.usecases import drafts
from grs.usecases.appeals import appeal_deadline
from grs.usecases.charters import charter_in_force
from grs.usecases.correspondence import add_information, can_rate, rate, withdraw
from grs.usecases.drafts import Upload
from grs.usecases.figures import ALL, public_figures
from grs.usecases.ledger import Reach
from grs.usecases.lodging import Lodged, check_not_early, lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.own_complaints import ask_for_link
from grs.usecases.posting import letters_to_count, letters_to_post, mark_posted
from grs.usecases.recalculation import recalculate_due_dates
from grs.usecases.standing import Desk
from tests.conftest import SECRET, Clock
from tests.stories import a_form, assert_all_holds, dhaka, dispose, fetch, lodge, pass_days
from workers import jobs

PDF = b"%PDF-1.4 x"
FILES = [clean_upload("a.pdf", PDF)]


def begin(house: House) -> str:
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        return drafts.begin_draft(session, office, {"ground": "other"}, now=house.clock(), secret_key=SECRET)


def with_draft(house: House, address: str, do: Callable[..., object]) -> object:
    with house.writers.begin() as session:
        return do(session, drafts.open_draft(session, address, secret_key=SECRET, lock=True))


def add(house: House, address: str, files: list[CleanFile]) -> object:
    return with_draft(house, address, lambda s, d: drafts.add_files(s, d, files, now=house.clock()))


def send(house: House, address: str) -> Lodged:
    with house.writers.begin() as session:
        draft = drafts.open_draft(session, address, secret_key=SECRET, lock=True)
        return drafts.lodge_draft(
            session, draft, a_form(form_key=draft.form_key), office=find_office(session, "doict-kaunia"),
            entry_id=None, shelf=house.shelf, now=house.clock(), secret_key=SECRET, cutoff=None,
        )  # fmt: skip


def count(house: House, table: type) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_draft_is_kept_and_becomes_one_complaint_with_its_files(house: House) -> None:
    address = begin(house)
    with_draft(house, address, lambda s, d: drafts.keep_typed(s, d, {"subject": "ক\x00খ"}, now=house.clock()))
    uploads = [Upload("a.pdf", PDF), Upload("again.pdf", PDF), Upload("b.exe", b"MZ")]
    files, refused = drafts.clean_uploads(uploads, scanner="")
    assert refused == [("b.exe", "wrong_kind")]
    assert add(house, address, files) == [("again.pdf", "there_already")]
    assert count(house, Attachment) == 1, "the same file is kept once"
    lodged = send(house, address)
    with pytest.raises(drafts.DraftLodged):
        send(house, address)
    with house.readers() as session:
        (file,) = session.scalars(select(Attachment))
        assert (file.draft_id, file.complaint_id, file.step_sequence) == (None, lodged.complaint.id, 1)
        assert file.sha256 in fetch(house, lodged.complaint.tracking_number).steps[0].details
    assert_all_holds(house)


def test_sending_and_deleting_at_once_leaves_one_of_both(house: House) -> None:
    address, together = begin(house), threading.Barrier(2)

    def race(do: Callable[[], object]) -> None:
        together.wait()
        with suppress(GrievanceError):
            do()

    threads = [
        threading.Thread(target=race, args=[lambda: send(house, address)]),
        threading.Thread(target=race, args=[lambda: with_draft(house, address, drafts.discard_draft)]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (count(house, Complaint), count(house, Draft)) in ((1, 1), (0, 0))


def test_forgotten_drafts_go_with_their_files_and_complaints_stay(house: House, clock: Clock) -> None:
    old, sent = begin(house), begin(house)
    for address in (old, sent):
        add(house, address, FILES)
    send(house, sent)
    clock.forward(days=31)
    young = begin(house)
    assert jobs.run(house, "forget", dry_run=True)["drafts"] == 2
    assert jobs.run(house, "forget")["drafts"] == 2
    assert jobs.run(house, "forget")["drafts"] == 0
    assert (count(house, Draft), count(house, Attachment), count(house, AttachmentContent)) == (1, 1, 1)
    with house.readers() as session:
        drafts.open_draft(session, young, secret_key=SECRET)
        with pytest.raises(NotFound):
            drafts.open_draft(session, old, secret_key=SECRET)


def test_a_reminder_keeps_its_draft_until_after_the_day(house: House, clock: Clock) -> None:
    address = begin(house)
    first_day = date(2025, 7, 1)
    reach = Reach(name="", email="citizen@example.com", mobile="")
    with_draft(
        house, address,
        lambda s, d: drafts.remind_when_ready(s, d, first_day=first_day, reach=reach, language="bn", now=house.clock()),
    )  # fmt: skip
    pass_days(house, clock, first_day, names=["forget", "deliver", "watch"])
    clock.now = dhaka(first_day, 9)
    assert jobs.run(house, "deliver")["sent"] == 1
    assert count(house, Draft) == 1


# -- the complainant acts ---------------------------------------------------------------------------------


def test_what_is_added_reaches_the_officer_once(house: House) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        assert add_information(session, number, text="আরও", files=FILES, now=house.clock()) == []
    with pytest.raises(InvalidInput), house.writers.begin() as session:
        add_information(session, number, text=" ", files=[], now=house.clock())
    with house.readers() as session:
        letters = session.scalars(select(Message).where(Message.letter == "information_added")).all()
    assert len(letters) == 1
    assert_all_holds(house)


def test_withdrawn_is_over_for_everybody(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        withdraw(session, number, reason="", now=house.clock())
    complaint = fetch(house, number)
    assert (complaint.stage, complaint.outcome, complaint.escalates_after) == (
        Stage.DISPOSED, Outcome.WITHDRAWN, None,
    )  # fmt: skip
    with pytest.raises(ActionNotAllowed), house.writers.begin() as session:
        withdraw(session, number, reason="", now=house.clock())
    pass_days(house, clock, date(2025, 9, 1))
    assert fetch(house, number).step_count == 2
    assert_all_holds(house)


def test_two_ratings_at_once_are_one(house: House) -> None:
    number, together = lodge(house).complaint.tracking_number, threading.Barrier(2)
    dispose(house, number)

    def click(score: int) -> None:
        together.wait()
        with suppress(ActionNotAllowed), house.writers.begin() as session:
            rate(session, number, score=score, comment="", now=house.clock())

    threads = [threading.Thread(target=click, args=[score]) for score in (1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(house, Rating) == 1
    assert fetch(house, number).step_count == 4
    with house.readers() as session:
        assert not can_rate(session, fetch(house, number))


# -- on paper ----------------------------------------------------------------------------------------------


def a_paper_complaint(house: House, form_number: str = "১", **changes: object) -> Lodged:
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        assistance = Assistance(
            operator_id=1, office_id=office.id, channel=Channel.POST, form_number=form_number,
            paper_received_on=date(2025, 4, 2),
        )  # fmt: skip
        form = a_form(**({"mobile": "", "email": "", "present_address": "গ্রাম নমুনা"} | changes))
        return lodge_complaint(
            session, form, office=office, entry_id=None, shelf=house.shelf, now=house.clock(), secret_key=SECRET,
            assistance=assistance,
        )  # fmt: skip


def test_who_has_neither_mail_nor_phone_gets_letters_on_paper(house: House, clock: Clock) -> None:
    number = a_paper_complaint(house).complaint.tracking_number
    dispose(house, number)
    desk = Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=dhaka(date(2025, 4, 17), 10))
    with house.readers() as session:
        found = letters_to_post(session, desk, shelf=house.shelf)
        assert [(one.posting.message.letter, one.post_by, one.is_overdue) for one in found] == [
            ("receipt", date(2025, 4, 16), True),
            ("accepted", date(2025, 4, 16), True),
            ("disposed", date(2025, 4, 16), True),
        ]
        before = appeal_deadline(session, fetch(house, number), shelf=house.shelf, today=date(2025, 8, 1))
    assert before == date(2025, 9, 1), "while the letter lies there the month has not begun"
    assert jobs.run(house, "deliver")["sent"] > 0, "the officer's letters went; paper waits"
    clock.now = dhaka(date(2025, 6, 2), 10)
    desk = dataclasses.replace(desk, now=clock.now)
    with house.writers.begin() as session:
        for one in found:
            mark_posted(session, desk, one.posting.message_id)
    with house.readers() as session:
        assert session.scalar(letters_to_count(desk)) == 0
        paper = select(Message.state).where(Message.channel == MessageChannel.PAPER)
        assert set(session.scalars(paper)) == {MessageState.SENT}
        after = appeal_deadline(session, fetch(house, number), shelf=house.shelf, today=date(2025, 8, 1))
    assert after == date(2025, 7, 2), "a month from the day the result was posted"


def test_paper_keyed_in_after_its_time_is_not_overdue_on_arrival(house: House, clock: Clock) -> None:
    clock.now = dhaka(date(2025, 8, 3), 10)
    number = a_paper_complaint(house).complaint.tracking_number
    stay = fetch(house, number).assignments[0]
    assert stay.received_on == date(2025, 8, 3), "its own 30 days were over in May"
    recalculate_due_dates(house.writers, shelf=house.shelf, now=house.clock(), reference="SRO 1")
    assert fetch(house, number).assignments[0].due_on == stay.due_on
    assert jobs.run(house, "escalate")["escalated"] == 0


def test_rating_does_not_shorten_the_time_to_appeal(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    dispose(house, number)
    clock.now = dhaka(date(2025, 6, 20), 10)
    jobs.run(house, "deliver")
    with house.writers.begin() as session:
        before = appeal_deadline(session, fetch(house, number), shelf=house.shelf, today=date(2025, 6, 20))
        rate(session, number, score=1, comment="", now=house.clock())
    with house.readers() as session:
        after = appeal_deadline(session, fetch(house, number), shelf=house.shelf, today=date(2025, 7, 1))
    assert before == after == date(2025, 7, 20)


def test_a_calendar_change_counts_paper_from_its_own_day(house: House) -> None:
    number = a_paper_complaint(house).complaint.tracking_number
    first = fetch(house, number).assignments[0]
    recalculate_due_dates(house.writers, shelf=house.shelf, now=house.clock(), reference="SRO 1")
    again = fetch(house, number).assignments[0]
    assert (again.received_on, again.due_on) == (first.received_on, first.due_on)


def test_a_form_number_is_one_complaint_whoever_keys_it_in(house: House) -> None:
    first = a_paper_complaint(house)
    assert a_paper_complaint(house).complaint.id == first.complaint.id
    assert not a_paper_complaint(house).is_new
    for change in ({"description": "অন্য মানুষের কথা"}, {"present_address": "অন্য গ্রাম"}, {"remedy": "অন্য প্রতিকার"}):
        with pytest.raises(InvalidInput):
            a_paper_complaint(house, **change)
    with pytest.raises(InvalidInput) as refused:
        a_paper_complaint(house, ground=Ground.MISCONDUCT)
    assert refused.value.problems == {"form_number": "already_keyed"}, "a slip of the hand loses no complaint"
    with pytest.raises(InvalidInput) as refused, house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        other = Assistance(operator_id=2, office_id=office.id, channel=Channel.POST, form_number="১")
        lodge_complaint(
            session, a_form(), office=office, entry_id=None, shelf=house.shelf, now=house.clock(),
            secret_key=SECRET, assistance=other,
        )  # fmt: skip
    assert refused.value.problems == {"form_number": "already_keyed"}, "another operator learns no access code"


# -- figures -------------------------------------------------------------------------------------------------


def test_the_figures_count_what_happened(house: House, clock: Clock) -> None:
    numbers = [lodge(house, office="doict-kaunia").complaint.tracking_number for _ in range(12)]
    for _ in range(6):
        lodge(house, office="doict-natore-sadar")
    for number in numbers[:10]:
        dispose(house, number)
    lodge(house, office="doict-jaintiapur")
    clock.now = dhaka(date(2025, 8, 1), 9)
    jobs.run(house, "escalate")
    with house.readers() as session:
        figures = public_figures(session, now=house.clock())
        kaunia = figures.of(find_office(session, "doict-kaunia"))
        quiet = figures.of(find_office(session, "doict-bagherpara"))
    assert (kaunia.received, kaunia.disposed, kaunia.in_time, kaunia.median_days) == (12, 10, 10, 0)
    assert kaunia.overdue is None, "two are overdue: too few to show"
    assert kaunia.causes == [(RootCause.EQUIPMENT, 10)], "the row of causes adds up to what was disposed of"
    assert (quiet.received, quiet.median_days) == (0, None)
    april = next(month for month in kaunia.months if month.month == date(2025, 4, 1))
    assert (april.received, april.disposed, april.in_time) == (12, 10, 10)
    assert len(kaunia.months) == 12
    assert figures.by_office[ALL].disposed == 10


def test_figures_hide_what_subtraction_would_give_away(house: House) -> None:
    for office, n in (("doict-kaunia", 9), ("doict-natore-sadar", 7), ("doict-jaintiapur", 2)):
        for _ in range(n):
            lodge(house, office=office)
    with house.readers() as session:
        figures = public_figures(session, now=house.clock())
        shown = {one.office.slug: one.received for one in figures.offices if one.office}
    assert shown["doict-jaintiapur"] is None
    hidden = [slug for slug, received in shown.items() if received is None]
    assert len(hidden) >= 2 or figures.by_office[ALL].received is None


# -- my complaints -------------------------------------------------------------------------------------------


def test_a_link_leaves_at_once_and_only_to_known_addresses(house: House) -> None:
    lodge(house)
    with house.writers.begin() as session:
        ask_for_link(session, "citizen@example.com", language="bn", now=house.clock())
        ask_for_link(session, "stranger@example.com", language="bn", now=house.clock())
    with house.readers() as session:
        found = session.scalars(select(Message).where(Message.letter == "my_complaints")).all()
    assert [message.to_address for message in found] == ["citizen@example.com"]
    assert SECRET not in (found[0].facts or "")


def test_the_appeal_reminder_follows_a_letter_that_left_late(house: House, clock: Clock) -> None:
    number = lodge(house).complaint.tracking_number
    clock.now = dhaka(date(2025, 5, 20), 10)
    dispose(house, number)
    clock.now = dhaka(date(2025, 6, 14), 10)
    assert jobs.run(house, "remind")["appeal_reminded"] == 0
    jobs.run(house, "deliver")
    clock.now = dhaka(date(2025, 6, 15), 10)
    assert jobs.run(house, "remind")["appeal_reminded"] == 0, "the result left on 14 June: the window is longer"
    clock.now = dhaka(date(2025, 7, 8), 10)
    assert jobs.run(house, "remind")["appeal_reminded"] == 1
    assert jobs.run(house, "remind")["appeal_reminded"] == 0


def test_lateness_under_a_promise_in_calendar_days_waits_for_them(house: House) -> None:
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        entry = charter_in_force(session, office, date(2025, 4, 6)).entries[0]
        entry.time_limit_text, entry.working_days_max = "১৫ (পনের) দিন", None
        with pytest.raises(TooEarly) as refused:
            check_not_early(session, office, entry, date(2025, 4, 6), shelf=house.shelf, on=date(2025, 4, 21))
        assert refused.value.first_day == date(2025, 4, 22)
        entry.time_limit_text = "নির্দেশনা অনুযায়ী"
        check_not_early(session, office, entry, date(2025, 4, 6), shelf=house.shelf, on=date(2025, 4, 6))
