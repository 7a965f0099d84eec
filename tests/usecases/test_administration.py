"""What administrators keep: offices, chains with dates, numbers, posts and people, letters, jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from grs.bootstrap import House
from grs.db.administration import Proposal, SecurityEvent
from grs.db.charters import Charter
from grs.db.messages import Message, MessageState
from grs.db.offices import LoginSession, Office, Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.errors import InvalidFile, InvalidInput, NotFound, NotYours
from grs.domain.rule_values import RuleName
from grs.domain.tiers import ChainSource, DayLimit, LimitUnit, Tier
from grs.settings import CONFIG, shown_settings
from grs.usecases import appointments, outbox
from grs.usecases import charter_proposals as proposals
from grs.usecases.accounts import log_in, person_by_email
from grs.usecases.administration import Administrator, administered_office, administrator
from grs.usecases.chains import chain_in_force, order_desk, posts_for_tier
from grs.usecases.charters import charter_in_force, import_charter
from grs.usecases.job_runs import LONGEST_BETWEEN, job_health
from grs.usecases.offices import find_office, import_offices, keep_office, read_offices
from grs.usecases.posts import post_in
from grs.usecases.rule_values import rules_on, set_value
from grs.usecases.security_log import events
from tests.conftest import Clock, Template
from tests.stories import assert_all_holds, dhaka, fetch, lodge
from workers import jobs
from workers.scheduler import TIMETABLE

TODAY, LATER = date(2025, 4, 6), date(2025, 6, 1)
TEXT = (CONFIG / "charters" / "001_edc895d25ec3a382.txt").read_bytes()


def system(house: House) -> Administrator:
    return Administrator(person_id=1, office_ids=(), is_system=True, now=house.clock())


def of_office(house: House, *slugs: str) -> Administrator:
    with house.readers() as session:
        ids = {find_office(session, slug).id for slug in slugs}
    return Administrator(person_id=1, office_ids=ids, is_system=False, now=house.clock())


# -- offices ---------------------------------------------------------------------------------------------------------


def csv_of(*lines: str) -> bytes:
    return "\n".join(["slug,name_bn,name_en,level,district_en,parent", *lines]).encode()


def test_ten_thousand_offices_come_in_whatever_their_order(house: House) -> None:
    lines = [f"u-{n},ইউনিয়ন {n},Union {n},union,Rangpur,z-{n % 100}" for n in range(9_900)]
    lines += [f"z-{n},উপজেলা {n},Upazila {n},upazila,Rangpur,doict-rangpur" for n in range(100)]
    seen: list[int] = []
    rows = read_offices(csv_of(*lines))
    with house.writers.begin() as session:
        counts = import_offices(session, rows, after_batch=seen.append)
    assert (counts["added"], seen[-1], len(seen)) == (10_000, 10_000, 21), "progress is told batch by batch"
    with house.writers.begin() as session:
        assert import_offices(session, rows)["known"] == 10_000, "a file can be imported twice"
        child = find_office(session, "u-5")
        assert child.parent is not None
        assert (child.parent.slug, child.parent.parent_id) == ("z-5", find_office(session, "doict-rangpur").id)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("Bad Slug,ক,,union,,",), "not_a_slug"),
        (("a,,,union,,",), "name_bn: required"),
        (("a,ক,,planet,,",), "level: choose_one"),
        (("a,ক,,union,Atlantis,",), "no_such_district"),
        (("a,ক,,union,,", "a,খ,,union,,"), "stands in line 2"),
    ],
)
def test_a_file_with_a_mistake_is_refused_whole_and_the_line_named(lines: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        read_offices(csv_of(*lines))


def test_parents_that_are_nowhere_or_in_a_circle_are_refused(house: House) -> None:
    for lines in (("a,ক,,union,,nowhere",), ("a,ক,,union,,b", "b,খ,,union,,a")):
        with house.writers() as session, pytest.raises(InvalidFile):
            import_offices(session, read_offices(csv_of(*lines)))


def test_an_office_cannot_hang_below_itself(house: House) -> None:
    typed = {"slug": "doict-rangpur", "name_bn": "ক", "level": "district", "parent": "doict-kaunia"}
    with house.writers() as session, pytest.raises(InvalidInput) as refused:
        keep_office(session, typed, person_id=1, now=house.clock())
    assert refused.value.problems == {"parent": "below_itself"}


# -- chains ----------------------------------------------------------------------------------------------------------


def desk(house: House, slug: str, day: date, tier: Tier) -> tuple[DayLimit, ChainSource, ChainSource, bool]:
    with house.readers() as session:
        chain = chain_in_force(session, find_office(session, slug), day)
        one = next(one for one in chain.desks if one.tier is tier)
        return DayLimit(one.limit_amount, one.limit_unit), one.post_source, one.limit_source, chain.deviates


def order(house: House, slug: str, tier: Tier, **changes: Any) -> None:
    with house.writers.begin() as session:
        facts: dict[str, Any] = {"post": None, "limit": DayLimit(15), "in_force_from": LATER, "reference": "আদেশ ৭"}
        order_desk(
            session, find_office(session, slug), tier, **facts | changes,
            limits_on=lambda day: rules_on(session, day).of_tier, person_id=1, now=house.clock(),
        )  # fmt: skip


def test_a_chain_says_on_whose_word_each_desk_and_each_limit_is(house: House) -> None:
    assert desk(house, "doict-kaunia", TODAY, Tier(1))[1:3] == (ChainSource.CHARTER, ChainSource.CHARTER)
    assert desk(house, "doict-jaintiapur", TODAY, Tier(1))[1:] == (ChainSource.GUIDELINE, ChainSource.GUIDELINE, False)


def test_an_order_counts_from_its_day_and_running_complaints_keep_their_chain(house: House, clock: Clock) -> None:
    before = lodge(house).complaint.tracking_number
    order(house, "doict-kaunia", Tier(1))
    assert desk(house, "doict-kaunia", LATER - timedelta(days=1), Tier(1))[0] == DayLimit(30)
    assert desk(house, "doict-kaunia", LATER, Tier(1)) == (DayLimit(15), ChainSource.CHARTER, ChainSource.ORDER, True)
    clock.now = dhaka(LATER, 10)
    after = lodge(house, mobile="01700000009").complaint.tracking_number
    limits = {one.assignments[0].limit_amount for one in (fetch(house, before), fetch(house, after))}
    assert limits == {30, 15}


def test_an_order_stands_when_a_later_charter_says_nothing_of_it(house: House, clock: Clock) -> None:
    order(house, "doict-jaintiapur", Tier(2))
    clock.now = dhaka(date(2025, 6, 2), 10)
    data = (CONFIG / "charters" / "004_de807a22b227fe61.txt").read_bytes()
    with house.writers.begin() as session:
        import_charter(
            session, data, source="again.txt", office=None, in_force_from=date(2025, 7, 1), now=house.clock()
        )
    assert desk(house, "doict-jaintiapur", date(2025, 7, 1), Tier(2))[:3] == (
        DayLimit(15), ChainSource.GUIDELINE, ChainSource.ORDER,
    )  # fmt: skip


def test_orders_of_different_days_and_a_charter_between_them_stand_each_from_its_day(
    house: House, clock: Clock
) -> None:
    order(house, "doict-jaintiapur", Tier(2), limit=DayLimit(12), in_force_from=date(2025, 8, 1))
    order(house, "doict-jaintiapur", Tier(1), limit=DayLimit(10), in_force_from=date(2025, 6, 15))
    assert desk(house, "doict-jaintiapur", date(2025, 8, 1), Tier(1))[0] == DayLimit(10), "reaches what begins later"
    data = (CONFIG / "charters" / "004_de807a22b227fe61.txt").read_bytes()
    with house.writers.begin() as session:
        import_charter(session, data, source="x.txt", office=None, in_force_from=date(2025, 7, 1), now=house.clock())
        charter = charter_in_force(session, find_office(session, "doict-jaintiapur"), date(2025, 8, 1))
        for day in (date(2025, 7, 1), date(2025, 8, 1)):
            assert chain_in_force(session, find_office(session, "doict-jaintiapur"), day).charter_id == charter.id
    for day, limit in ((date(2025, 7, 1), DayLimit(20)), (date(2025, 8, 1), DayLimit(12))):
        assert desk(house, "doict-jaintiapur", day, Tier(1))[0] == DayLimit(10)
        assert desk(house, "doict-jaintiapur", day, Tier(2))[0] == limit


def test_an_order_that_begins_after_a_charter_stands_over_what_it_prints(house: House) -> None:
    order(house, "doict-kaunia", Tier(1), limit=DayLimit(12), in_force_from=date(2025, 8, 1))
    with house.readers() as session:
        source = charter_in_force(session, find_office(session, "doict-kaunia"), TODAY).source_name
    data = (CONFIG / "charters" / source).read_bytes()
    with house.writers.begin() as session:
        import_charter(
            session, data, source="x.txt", office="doict-kaunia", in_force_from=date(2025, 7, 1), now=house.clock()
        )
    assert desk(house, "doict-kaunia", date(2025, 7, 1), Tier(1))[0] == DayLimit(30)
    assert desk(house, "doict-kaunia", date(2025, 8, 1), Tier(1))[0] == DayLimit(12)


def test_an_office_orders_only_its_own_desks(house: House) -> None:
    with house.readers() as session:
        upazila = {find_office(session, "doict-kaunia").id}
        district = upazila | {find_office(session, "doict-rangpur").id}
    for tier, within in ((Tier(1), upazila), (Tier(2), district), (Tier(3), district)):
        with pytest.raises(NotYours):
            order(house, "doict-kaunia", tier, within=within)
    order(house, "doict-kaunia", Tier(1), within=district)
    assert desk(house, "doict-kaunia", LATER, Tier(1))[0] == DayLimit(15)


def test_an_order_names_a_post_of_the_tier_only(house: House) -> None:
    with house.readers() as session:
        posts = posts_for_tier(session, find_office(session, "doict-kaunia"))
        wrong = next(post for post in posts if post.role is PostRole.APPEAL_OFFICER)
    with pytest.raises(InvalidInput) as refused:
        order(house, "doict-kaunia", Tier(1), post=wrong, reference="", in_force_from=date(2025, 1, 1))
    assert refused.value.problems == {
        "reference": "required", "in_force_from": "in_the_past", "post": "wrong_role",
    }  # fmt: skip


def test_the_accused_is_whoever_answered_on_the_day_of_filing(house: House, clock: Clock) -> None:
    complaint = lodge(house).complaint
    order(house, "doict-kaunia", Tier(1), in_force_from=TODAY)
    later = lodge(house, mobile="01700000009").complaint
    assert complaint.filed_chain_id != later.filed_chain_id
    assert complaint.filed_chain_id == complaint.chain_id


# -- numbers ---------------------------------------------------------------------------------------------------------


def set_limit(house: House, amount: int, day: date = LATER) -> int:
    with house.writers.begin() as session:
        return set_value(
            session, name=RuleName.APPEAL_OFFICER, amount=amount, unit=LimitUnit.WORKING_DAYS, in_force_from=day,
            source="SRO 40", person_id=1, now=house.clock(),
        )  # fmt: skip


def test_a_new_limit_of_the_guideline_reaches_the_chains_that_follow_it_from_its_day_on(house: House) -> None:
    assert set_limit(house, 25) > 0
    for slug in ("doict-jaintiapur", "doict-natore-sadar"):
        assert desk(house, slug, LATER - timedelta(days=1), Tier(2))[0] == DayLimit(20)
        assert desk(house, slug, LATER, Tier(2)) == (DayLimit(25), ChainSource.GUIDELINE, ChainSource.GUIDELINE, False)
    assert desk(house, "doict-kaunia", LATER, Tier(2))[0] == DayLimit(20), "its charter prints its own"
    with house.readers() as session:
        assert rules_on(session, TODAY).of_tier(Tier(2)) == DayLimit(20)
        assert rules_on(session, LATER).of_tier(Tier(2)) == DayLimit(25)


def test_a_charter_that_begins_before_a_set_limit_follows_it_too(house: House) -> None:
    set_limit(house, 25)
    data = (CONFIG / "charters" / "004_de807a22b227fe61.txt").read_bytes()
    with house.writers.begin() as session:
        import_charter(session, data, source="x.txt", office=None, in_force_from=date(2025, 5, 1), now=house.clock())
    assert desk(house, "doict-jaintiapur", date(2025, 5, 1), Tier(2))[0] == DayLimit(20)
    assert desk(house, "doict-jaintiapur", LATER, Tier(2))[0] == DayLimit(25)


def test_limits_set_in_any_order_count_each_from_its_day(house: House) -> None:
    set_limit(house, 25, date(2025, 6, 16))
    set_limit(house, 28, date(2025, 6, 11))
    days = {date(2025, 6, 10): 20, date(2025, 6, 11): 28, date(2025, 6, 15): 28, date(2025, 6, 16): 25}
    assert {day: desk(house, "doict-jaintiapur", day, Tier(2))[0].amount for day in days} == days


@pytest.mark.parametrize(("amount", "day"), [(0, LATER), (601, LATER), (None, LATER), (5, date(2025, 4, 5)), (5, None)])
def test_a_number_that_cannot_be_set_is_refused(house: House, amount: int | None, day: date | None) -> None:
    with house.writers() as session, pytest.raises(InvalidInput):
        set_value(
            session, name=RuleName.REPORT, amount=amount, unit=LimitUnit.WORKING_DAYS, in_force_from=day, source="x",
            person_id=1, now=house.clock(),
        )  # fmt: skip


# -- charters looked over -----------------------------------------------------------------------------------------


def propose(house: House, data: bytes = TEXT, office: str = "", admin: Administrator | None = None) -> int:
    with house.writers.begin() as session:
        return proposals.propose_charter(session, admin or system(house), data, name="charter.txt", office=office).id


def test_nothing_of_a_charter_counts_before_it_is_confirmed(house: House) -> None:
    number = propose(house)
    with house.readers() as session:
        found = proposals.open_proposal(session, system(house), number)
        assert found.office is not None
        assert (found.office.slug, len(found.document.services)) == ("doict-kaunia", 19)
        for service in found.document.services:
            assert service.name.split()[0] in found.lines[service.line], "each beside its source line"
        assert session.scalar(select(Charter.version).where(Charter.source_name == "charter.txt")) is None
        nothing = proposals.difference(session, found, day=TODAY)
        assert (nothing.changes, nothing.running) == ([], 0), "the same document changes nothing"


def test_every_proposal_can_be_corrected_and_the_difference_says_what_changes(house: House) -> None:
    with house.readers() as session:
        old = charter_in_force(session, find_office(session, "doict-kaunia"), TODAY).entries[0]
    with house.writers.begin() as session:
        from grs.usecases.lodging import lodge_complaint
        from tests.conftest import SECRET
        from tests.stories import a_form

        lodge_complaint(
            session, a_form(), office=find_office(session, "doict-kaunia"), entry_id=old.id, shelf=house.shelf,
            now=house.clock(), secret_key=SECRET,
        )  # fmt: skip
    number, admin = propose(house), system(house)
    typed = {
        "category": "citizen", "name": old.name, "time_limit_text": "৭ কার্যদিবস", "fee": "বিনামূল্যে",
        "officer_designation": "উপজেলা আইসিটি অফিসার", "officer_reach": "০১৭০০০০০০০০, x@example.com",
    }  # fmt: skip
    with house.writers.begin() as session:
        proposals.correct_service(session, admin, number, 0, typed)
        proposals.drop_service(session, admin, number, 1)
        proposals.correct_service(session, admin, number, 18, typed | {"name": "নতুন সেবা"})
        stated = {"designation": "জেলা আইসিটি অফিসার", "amount": "২৫", "unit": "working_days"}
        proposals.correct_tier(session, admin, number, 1, stated)
        proposals.correct_tier(session, admin, number, 2, {"designation": "", "amount": ""})
    with house.readers() as session:
        found = proposals.open_proposal(session, admin, number)
        first = found.document.services[0]
        assert first.officer is not None
        assert (first.time_limit.working_days_max, first.officer.phones) == (7, ("01700000000",))
        difference = proposals.difference(session, found, day=TODAY)
        kinds = {(c.before is not None, c.after is not None): c for c in difference.changes}
        assert kinds[True, True].name == old.name
        assert "time_limit_text" in kinds[True, True].changed
        assert kinds[True, True].running == difference.running == 1
        assert kinds[False, True].name == "নতুন সেবা"
        assert (True, False) in kinds
        assert difference.chain[Tier(1)].limit == DayLimit(25)
        assert difference.chain[Tier(2)].post_source is ChainSource.GUIDELINE, "not stated: the default, visibly"
        assert difference.deviates
    with house.writers.begin() as session:
        charter = proposals.confirm(session, admin, number, in_force_from=LATER)
        assert (charter.version, len(charter.entries)) == (2, 19)
        session.flush()
        assert session.scalar(select(Proposal.id).where(Proposal.id == number)) is None
    with house.readers() as session:
        office = find_office(session, "doict-kaunia")
        assert charter_in_force(session, office, LATER - timedelta(days=1)).version == 1
        assert charter_in_force(session, office, LATER).version == 2


def test_an_administrator_of_one_office_imports_for_it_alone(house: House) -> None:
    local = of_office(house, "doict-jaintiapur")
    number = propose(house, admin=local)
    with house.writers() as session:
        found = proposals.open_proposal(session, local, number)
        assert (found.office, found.doubts_at("office")[0]) == (None, "office_unknown"), "Kaunia is not his"
        with pytest.raises(NotYours):
            proposals.correct_head(session, local, number, {"office": "doict-kaunia"})
        proposals.correct_head(session, local, number, {"office": "doict-jaintiapur"})
        assert "other_office" in proposals.open_proposal(session, local, number).doubts_at("office")
    another = Administrator(person_id=2, office_ids=(), is_system=True, now=house.clock())
    with house.writers() as session, pytest.raises(NotFound):
        proposals.open_proposal(session, another, number)


# -- posts and people -----------------------------------------------------------------------------------------------


def typed_holder(house: House, slug: str, role: PostRole, **changes: str) -> dict[str, str]:
    with house.writers.begin() as session:
        post = post_in(session, find_office(session, slug), role)
        return {"post": str(post.id), "email": "new@example.invalid", "name": "নমুনা নতুন"} | changes


def test_somebody_new_is_appointed_and_invited(house: House, clock: Clock) -> None:
    typed = typed_holder(house, "doict-kaunia", PostRole.OPERATOR)
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        holder = appointments.appoint_person(session, system(house), office, typed)
        assert (holder.held_from, holder.held_to) == (TODAY, None)
    jobs.run(house, "deliver")
    with house.readers() as session:
        (letter,) = session.scalars(select(Message).where(Message.letter == "invitation"))
        assert (letter.to_address, letter.state) == ("new@example.invalid", MessageState.SENT)
        assert [one.kind for one in events(session)][:2] == ["appointed", "invited"]
    clock.forward(days=3)
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        appointments.end_appointment(session, system(house), office, holder.id)
        assert session.get_one(PostHolder, holder.id).held_to == date(2025, 4, 8)


def test_an_office_administrator_widens_nobodys_reach(house: House, database: Template) -> None:
    local = of_office(house, "doict-kaunia")
    for role in (PostRole.ADMINISTRATOR, PostRole.COORDINATOR):
        typed = typed_holder(house, "doict-kaunia", role)
        with house.writers() as session, pytest.raises(NotYours):
            appointments.appoint_person(session, local, find_office(session, "doict-kaunia"), typed)
        with house.writers() as session, pytest.raises(NotYours):
            appointments.keep_post(session, local, find_office(session, "doict-kaunia"), {"role": role})
    with house.writers() as session:
        with pytest.raises(NotYours):
            administered_office(session, local, "doict-rangpur")
        elsewhere = person_by_email(session, "supervisor@doict-rangpur.invalid")
        assert elsewhere is not None
        for act in (appointments.shut_out, appointments.remove_second_factor, appointments.end_all_sessions):
            with pytest.raises(NotYours):
                act(session, local, elsewhere.id)
        assert {p.email.split("@")[1] for p in appointments.people_of(session, local)} == {"doict-kaunia.invalid"}


def test_an_office_administrator_appoints_not_himself_and_leaves_higher_ones_alone(house: House) -> None:
    local, admin = of_office(house, "doict-kaunia"), system(house)
    office_slug = "doict-kaunia"
    typed = typed_holder(house, office_slug, PostRole.OPERATOR)
    with house.writers.begin() as session:
        person = appointments.appoint_person(session, admin, find_office(session, office_slug), typed).person
    mine = replace(local, person_id=person.id)
    typed = typed_holder(house, office_slug, PostRole.SUPERVISOR, email=person.email)
    with house.writers() as session, pytest.raises(InvalidInput) as refused:
        appointments.appoint_person(session, mine, find_office(session, office_slug), typed)
    assert refused.value.problems == {"email": "yourself"}
    with house.writers() as session:
        assert appointments.administered_person(session, local, person.id).id == person.id
    typed = typed_holder(house, office_slug, PostRole.ADMINISTRATOR, email=person.email)
    with house.writers.begin() as session:
        appointments.appoint_person(session, admin, find_office(session, office_slug), typed)
    for act in (appointments.shut_out, appointments.remove_second_factor, appointments.invite_again):
        with house.writers() as session, pytest.raises(NotYours):
            act(session, local, person.id)


def test_nobody_is_an_administrator_without_the_post(house: House) -> None:
    with house.readers() as session:
        posts = session.scalars(select(Post).where(Post.role != PostRole.ADMINISTRATOR)).all()
        with pytest.raises(NotYours):
            administrator(session, 1, posts, now=house.clock())


def test_who_is_shut_out_is_out_at_once(house: House, database: Template) -> None:
    login = next(one for one in database.logins if one.office == "doict-kaunia" and one.role == "supervisor")
    with house.writers.begin() as session:
        assert log_in(session, login.email, login.password, now=house.clock()) is not None
        person = person_by_email(session, login.email)
        assert person is not None
        appointments.shut_out(session, system(house), person.id)
        assert session.scalars(select(LoginSession).where(LoginSession.ended_at.is_(None))).all() == []
        assert log_in(session, login.email, login.password, now=house.clock()) is None
        appointments.let_in(session, system(house), person.id)
        assert log_in(session, login.email, login.password, now=house.clock()) is not None
        with pytest.raises(InvalidInput):
            appointments.shut_out(session, Administrator(
                person_id=person.id, office_ids=(), is_system=True, now=house.clock()), person.id)  # fmt: skip


def test_a_lost_telephone_ends_the_second_factor_and_every_session(house: House) -> None:
    with house.writers.begin() as session:
        person = person_by_email(session, "supervisor@doict-kaunia.invalid")
        assert person is not None
        person.totp_since = house.clock()
        appointments.remove_second_factor(session, system(house), person.id)
        assert session.get_one(Person, person.id).totp_since is None


# -- letters, jobs, settings -----------------------------------------------------------------------------------------


def test_letters_given_up_are_sent_again_and_waiting_ones_given_up(house: House) -> None:
    lodge(house)
    admin = system(house)
    with house.writers.begin() as session:
        first = session.scalars(select(Message).order_by(Message.id)).first()
        assert first is not None
        outbox.give_up(session, admin, first.id)
        assert outbox.outbox_counts(session).by_state[MessageState.DEAD] == 1
        outbox.send_again(session, admin, first.id)
        assert first.state is MessageState.QUEUED
        session.execute(update(Message).where(Message.id == first.id).values(state=MessageState.SENT))
        session.expire_all()
        for act in (outbox.give_up, outbox.send_again):
            with pytest.raises(NotFound):
                act(session, admin, first.id)
        assert [one.kind for one in events(session)][:2] == ["letter_retried", "letter_given_up"]


@pytest.mark.parametrize(
    ("address", "shown"), [("rahima@example.com", "ra…@example.com"), ("01711111111", "01711…11"), ("", "")]
)
def test_an_address_is_shown_in_part(address: str, shown: str) -> None:
    assert outbox.masked(address) == shown


def test_a_job_that_has_not_run_for_some_rounds_is_late(house: House, clock: Clock) -> None:
    assert set(LONGEST_BETWEEN) == set(TIMETABLE) == set(jobs.JOBS)
    jobs.run(house, "escalate")
    with house.readers() as session:
        health = {one.job: one for one in job_health(session, LONGEST_BETWEEN, now=clock())}
        assert (health["escalate"].is_late, health["digest"].is_late) == (False, True)
        later = {one.job: one for one in job_health(session, LONGEST_BETWEEN, now=clock() + timedelta(minutes=16))}
        assert later["escalate"].is_late


def test_no_secret_stands_among_the_settings_shown(house: House) -> None:
    shown = shown_settings(house.settings)
    assert "base_url" in shown
    for value in (house.settings.secret_key, house.settings.database_url):
        assert value not in str(shown)


def test_the_security_log_holds_who_and_whom(house: House) -> None:
    with house.writers.begin() as session:
        office = find_office(session, "doict-kaunia")
        keep_office(session, {"slug": office.slug, "name_bn": "নতুন নাম", "level": "upazila", "parent": "doict-rangpur"},
                    person_id=1, now=house.clock())  # fmt: skip
        assert session.scalars(select(Office.name_bn).where(Office.slug == "doict-kaunia")).one() == "নতুন নাম"
        (event,) = session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "office_kept"))
        assert (event.kind, event.person_id, event.details) == ("office_kept", 1, '{"office":"doict-kaunia"}')
    assert_all_holds(house)
