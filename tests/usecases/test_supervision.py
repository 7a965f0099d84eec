"""How far supervisors see, and which letters they get."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date

import pytest
from sqlalchemy import select, update

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.messages import Message
from grs.db.offices import Office, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.tiers import About, OfficeLevel
from grs.usecases import escalation, escalation_lists
from grs.usecases.escalation import escalate_overdue
from grs.usecases.ledger import Head, Ledger
from grs.usecases.offices import find_office
from grs.usecases.posts import post_in
from grs.usecases.recipients import Recipients
from grs.usecases.scopes import supervised_offices
from grs.usecases.standing import Desk
from grs.usecases.supervision import Behind, cases_behind
from tests.conftest import Clock
from tests.stories import dhaka, lodge


def reach(house: House, slug: str, role: PostRole, **changes: object) -> set[str]:
    """The slugs of the offices that a post reaches."""
    with house.writers.begin() as session:
        office = find_office(session, slug)
        for name, value in changes.items():
            setattr(office, name, value)
        session.flush()
        found = supervised_offices(session, [post_in(session, office, role)])
        return set(session.scalars(select(Office.slug).where(Office.id.in_(found))))


def test_the_head_of_an_office_sees_it_and_what_is_below(house: House) -> None:
    assert reach(house, "doict-rangpur", PostRole.SUPERVISOR) == {"doict-rangpur", "doict-kaunia"}
    assert reach(house, "doict-kaunia", PostRole.SUPERVISOR) == {"doict-kaunia"}


def test_the_coordinator_of_a_district_sees_its_offices_whatever_tree_they_are_of(house: House) -> None:
    assert reach(house, "dc-rangpur", PostRole.COORDINATOR) == {"dc-rangpur", "doict-rangpur", "doict-kaunia"}


def test_the_coordinator_of_a_division_sees_its_districts(house: House) -> None:
    found = reach(house, "dc-rangpur", PostRole.COORDINATOR, level=OfficeLevel.DIVISION, district_en="Khulna")
    assert found == {"dc-rangpur", "doict-jessore", "doict-bagherpara"}, "Jessore in its old spelling too"


def test_the_cell_sees_all_and_a_directorate_in_dhaka_is_no_districts_office(house: House) -> None:
    with house.readers() as session:
        every = set(session.scalars(select(Office.slug)))
    assert reach(house, "cabinet-cell", PostRole.SUPERVISOR) == every
    assert reach(house, "dc-rangpur", PostRole.COORDINATOR, district_en="Dhaka") == {"dc-rangpur"}


# -- letters ---------------------------------------------------------------------------------------------------------


def lodge_many(house: House, count: int, office: str = "doict-kaunia") -> list[str]:
    return [lodge(house, office, mobile=f"0170000{number:04}").complaint.tracking_number for number in range(count)]


def letters(house: House, letter: str) -> list[Message]:
    with house.readers() as session:
        return list(session.scalars(select(Message).where(Message.letter == letter).order_by(Message.id)))


@pytest.mark.parametrize(("count", "singles", "lists"), [(5, 15, 0), (6, 0, 3)])
def test_more_than_five_escalations_of_an_office_in_a_run_come_as_one_list(
    house: House, clock: Clock, count: int, singles: int, lists: int
) -> None:
    numbers = lodge_many(house, count)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    assert escalate_overdue(house.writers, shelf=house.shelf, now=clock(), batch=4)["escalated"] == count
    assert len(letters(house, "escalated_supervisor")) == singles, "supervisors of both offices and the coordinator"
    found = letters(house, "escalated_list")
    assert len(found) == lists, "one for each reader, over two batches"
    for message in found:
        told = json.loads(message.facts or "")
        assert {line["tracking_number"] for line in told["lines"]} == set(numbers)
        assert len(told["lines"]) == count
    assert len(letters(house, "escalated")) == 2 * count, "each complainant is told, by mail and SMS"


def test_a_list_that_has_left_is_followed_by_another(house: House, clock: Clock) -> None:
    lodge_many(house, 8)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    sent = 0

    def send(done: int) -> None:
        nonlocal sent
        if done == 4:
            with house.writers.begin() as session:
                changed = session.execute(
                    update(Message).where(Message.letter == "escalated_list").values(state="sent", sent_at=clock())
                )
                sent = changed.rowcount  # type: ignore[attr-defined]

    escalate_overdue(house.writers, shelf=house.shelf, now=clock(), batch=4, after_batch=send)
    found = letters(house, "escalated_list")
    assert (sent, len(found)) == (3, 6)
    assert sum(len(json.loads(one.facts or "")["lines"]) for one in found) == 3 * 8


def test_a_list_ends_and_the_next_goes_on_with_the_rest(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalation_lists, "MOST_LINES", 5)
    numbers = lodge_many(house, 13)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    escalate_overdue(house.writers, shelf=house.shelf, now=clock(), batch=4)
    by_reader: dict[str, list[list[str]]] = {}
    for one in letters(house, "escalated_list"):
        told = [line["tracking_number"] for line in json.loads(one.facts or "")["lines"]]
        by_reader.setdefault(one.to_address, []).append(told)
    assert len(by_reader) == 3
    for lists in by_reader.values():
        assert [len(told) for told in lists] == [5, 5, 3]
        assert sorted(number for told in lists for number in told) == sorted(numbers), "each once"


def test_more_lines_of_one_batch_than_a_list_holds(house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalation_lists, "MOST_LINES", 5)
    numbers = lodge_many(house, 13)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    told = [json.loads(one.facts or "")["lines"] for one in letters(house, "escalated_list")]
    assert sorted(len(lines) for lines in told) == [3, 3, 3, 5, 5, 5, 5, 5, 5]
    assert sorted(line["tracking_number"] for lines in told for line in lines) == sorted(numbers * 3)


def test_lists_are_whole_where_one_complaint_of_the_batch_cannot_be_moved(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = lodge_many(house, 9)
    bad, move = numbers[4], escalation._escalate

    def fails_on_one(ledger: Ledger, lists: object, sweep: object, head: Head, *rest: object) -> None:
        move(ledger, lists, sweep, head, *rest)  # type: ignore[arg-type]
        if head.tracking_number == bad:
            raise RuntimeError("a bad row")

    monkeypatch.setattr(escalation, "_escalate", fails_on_one)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    counts = escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    assert (counts["escalated"], counts["failed"]) == (8, 1)
    told = [json.loads(one.facts or "")["lines"] for one in letters(house, "escalated_list")]
    by_number = Counter(line["tracking_number"] for lines in told for line in lines)
    assert by_number == dict.fromkeys(set(numbers) - {bad}, 3), "each once in each of three readers' lists"


def test_who_wants_the_digest_only_gets_no_letter_for_each(house: House, clock: Clock) -> None:
    with house.writers.begin() as session:
        session.execute(
            update(Person).where(Person.email == "supervisor@doict-rangpur.invalid").values(digest_only=True)
        )
    lodge(house)
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    told = {one.to_address for one in letters(house, "escalated_supervisor")}
    assert told == {"supervisor@doict.invalid", "coordinator@dc-rangpur.invalid"}


def test_a_head_who_is_complained_about_is_not_told_when_it_moves_up(house: House, clock: Clock) -> None:
    lodge(house, about=About.HEAD_OF_OFFICE)
    with house.writers.begin() as session:
        head = session.scalars(select(Person).where(Person.email == "supervisor@doict-kaunia.invalid")).one()
        above = session.scalars(
            select(Post).join(Office, Office.id == Post.office_id)
            .where(Office.slug == "doict", Post.role == PostRole.SUPERVISOR)
        ).one()  # fmt: skip
        session.add(PostHolder(post_id=above.id, person_id=head.id, held_from=date(2025, 1, 1)))
        assert head.email in {p.email for p in Recipients(session, date(2025, 5, 5)).supervising(above.office_id)}
    clock.now = dhaka(date(2025, 5, 21), 0, 5)
    escalate_overdue(house.writers, shelf=house.shelf, now=clock())
    told = {one.to_address for one in letters(house, "escalated_supervisor")}
    assert told
    assert "supervisor@doict-kaunia.invalid" not in told


def test_cases_about_the_reader_are_counted_and_not_shown(house: House, clock: Clock) -> None:
    about = lodge(house, about=About.HEAD_OF_OFFICE).complaint
    other = lodge(house, mobile="01700000009").complaint
    with house.readers() as session:
        offices = set(session.scalars(select(Office.id)))
        kaunia = find_office(session, "doict-kaunia")
        desk = Desk(person_id=1, post_ids=[], now=clock(), headed_offices={kaunia.id})
        found = cases_behind(session, offices, Behind(what="running", until=date(2025, 4, 1)), desk=desk)
        assert (found.total, found.hidden) == (2, 1)
        assert [one.id for one in found.complaints] == [other.id]
        assert about.id not in {one.id for one in found.complaints}
        everybody = Desk(person_id=1, post_ids=[], now=clock())
        whole = cases_behind(session, offices, Behind(what="running", until=date(2025, 4, 1)), desk=everybody)
        assert (whole.hidden, len(whole.complaints)) == (0, session.query(Complaint).count())
