"""What invented people do in a simulated year, how likely, and when: each act calls the use case of its page."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.offices import Office, Post
from grs.db.tasks import Task
from grs.domain.access import PostRole
from grs.domain.calendar import ONE_DAY, dhaka_date
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause, possible_outcomes
from grs.domain.lodging import PROPOSED_KIND, Assistance, Channel, ComplaintForm, Ground
from grs.domain.tasks import TaskKind
from grs.domain.tiers import About
from grs.domain.workflow import Stage
from grs.usecases import disposals, handling, marks, tasks
from grs.usecases.accounts import desk_of
from grs.usecases.answers import answer
from grs.usecases.appeals import appeal_complaint
from grs.usecases.charters import charter_in_force
from grs.usecases.correspondence import add_information, rate, withdraw
from grs.usecases.identities import open_identity
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.people import investigator_posts, responsible_post_of
from grs.usecases.recipients import Recipients
from grs.usecases.secrets import new_token
from grs.usecases.standing import Desk

if TYPE_CHECKING:
    from grs.simulation.days import Simulation

Act = Callable[[Session, "Simulation", str, Complaint, Desk], None]
"""One thing that somebody does: with which complaint, and at whose desk it lies."""
STORIES: Sequence[tuple[Ground, str, str, str]] = (
    (Ground.STANDARD_BROKEN, "সেবা পাইনি", "তিনবার গিয়েও সেবাটি পাইনি; প্রতিবার পরে আসতে বলা হয়েছে।", "সেবাটি দেওয়া হোক।"),
    (Ground.STANDARD_BROKEN, "ফি বেশি নেওয়া", "চার্টারে লেখা ফির চেয়ে বেশি নেওয়া হয়েছে, রসিদ দেওয়া হয়নি।", "বাড়তি টাকা ফেরত চাই।"),
    (Ground.MISCONDUCT, "খারাপ ব্যবহার", "কাউন্টারে অপমান করে কথা বলা হয়েছে, কাগজ ছুড়ে দেওয়া হয়েছে।", "ব্যবস্থা নেওয়া হোক।"),
    (Ground.MISCONDUCT, "টাকা চাওয়া", "কাজ এগিয়ে দিতে আলাদা টাকা চাওয়া হয়েছে।", "তদন্ত চাই।"),
    (Ground.DECISION, "আবেদন বাতিল", "কারণ না জানিয়ে আবেদন বাতিল করা হয়েছে।", "আবার বিবেচনা করা হোক।"),
    (Ground.OTHER, "অফিস বন্ধ", "খোলার সময়ে গিয়ে অফিস বন্ধ পেয়েছি, কোনো নোটিশ ছিল না।", "নিয়মিত খোলা থাকুক।"),
)
NAMES = ("রহিমা", "করিম", "সালমা", "জামাল", "নাসরিন", "হাসান", "মিতা", "রফিক", "শিউলি", "আনোয়ার")
REASONS = "নথি ও উভয় পক্ষের কথা শুনে সিদ্ধান্ত হয়েছে।"


def file_complaint(session: Session, all_: Simulation, _number: str, _found: Complaint, _desk: Desk) -> None:
    """Somebody complains."""
    chance, now = all_.chance, all_.clock.now
    office = find_office(session, chance.choices(list(all_.offices), list(all_.offices.values()))[0])
    entries = charter_in_force(session, office, dhaka_date(now)).entries
    entry = chance.choice(entries) if chance.random() < 0.85 else None
    ground, subject, description, remedy = chance.choice(STORIES)
    is_anonymous, person = chance.random() < 0.1, chance.randrange(400)
    form = ComplaintForm(
        form_key=new_token(),
        kind=PROPOSED_KIND[entry.category] if entry else next(iter(PROPOSED_KIND.values())),
        ground=ground,
        about=chance.choice(list(About)) if chance.random() < 0.03 else About.NOBODY,
        subject=subject,
        description=description,
        remedy=remedy,
        is_anonymous=is_anonymous,
        name=f"কল্পিত {NAMES[person % len(NAMES)]} {person}",
        mobile=f"01700{person:06d}",
        email=f"person{person}@example.invalid" if person % 3 else "",
        present_address="কল্পিত গ্রাম, কল্পিত উপজেলা",
    )
    lodge_complaint(
        session, form, office=office, entry_id=entry.id if entry else None, shelf=all_.house.shelf, now=now,
        secret_key=all_.house.settings.secret_key, assistance=_assistance(session, all_, office),
    )  # fmt: skip


def _assistance(session: Session, all_: Simulation, office: Office) -> Assistance | None:
    """One in seven comes through an operator, some of them on paper."""
    if all_.chance.random() > 0.15:
        return None
    post_id = session.scalar(select(Post.id).where(Post.office_id == office.id, Post.role == PostRole.OPERATOR))
    people = Recipients(session, dhaka_date(all_.clock.now)).on_post(post_id) if post_id is not None else []
    if not people:
        return None
    channel = all_.chance.choice((Channel.DIGITAL_CENTRE, Channel.CALL_CENTRE, Channel.FRONT_DESK, Channel.POST))
    on_paper = channel in (Channel.FRONT_DESK, Channel.POST)
    received = dhaka_date(all_.clock.now) - ONE_DAY * all_.chance.randrange(4)
    return Assistance(
        operator_id=people[0].person_id, office_id=office.id, channel=channel,
        paper_received_on=received if on_paper else None, form_number=f"ফ-{next(all_.order)}" if on_paper else "",
    )  # fmt: skip


def _accept(session: Session, _all: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    handling.accept(session, desk, number, seen_steps=found.step_count)


def _forward(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    to = all_.chance.choice([slug for slug in all_.offices if slug != found.charter.office.slug])
    reason = "সেবাটি ওই অফিসের চার্টারে আছে।"
    handling.forward(
        session, desk, number, seen_steps=found.step_count, to_office=to, reason=reason, shelf=all_.house.shelf
    )


def _reject(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    ground = all_.chance.choice([one for one in NotAdmissible if one is not NotAdmissible.HABITUAL])
    reason = "নির্দেশিকা অনুযায়ী এটি এই ব্যবস্থায় নিষ্পত্তি করা যায় না।"
    disposals.reject(
        session, desk, number, seen_steps=found.step_count, ground=ground, reason=reason, shelf=all_.house.shelf
    )


def _dispose(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    outcomes = [o for o in possible_outcomes(found.tier, started_at=found.first_tier) if o is not Outcome.WITHDRAWN]
    disposal = Disposal(
        outcome=all_.chance.choices(outcomes, range(2 * len(outcomes), len(outcomes), -1))[0],
        reasons=REASONS,
        root_cause=all_.chance.choice(list(RootCause)),
        advice="আবেদন পাওয়ার তারিখ খাতায় লিখে রাখা হোক।",
    )
    disposals.dispose(session, desk, number, seen_steps=found.step_count, disposal=disposal, shelf=all_.house.shelf)


def _ask_opinion(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    post = responsible_post_of(session, found)
    tasks.ask_opinion(
        session, desk, number, seen_steps=found.step_count, to_post=post.id if post else None,
        question="কী কারণে দেরি হলো, নথি দেখে জানান।", answer_by=_working_day(session, all_, 5), shelf=all_.house.shelf,
    )  # fmt: skip
    all_.soon(number, _answer, first=1, last=6)


def _order_service(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    post = responsible_post_of(session, found)
    tasks.order_service(
        session, desk, number, seen_steps=found.step_count, to_post=post.id if post else None,
        text="চার্টার অনুযায়ী সেবাটি দিয়ে জানান।", done_by=_working_day(session, all_, 7), shelf=all_.house.shelf,
    )  # fmt: skip
    all_.soon(number, _answer, first=2, last=10)


def _investigate(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    today = dhaka_date(all_.clock.now)
    people = [one for one in investigator_posts(session, found, today) if one.person_id != desk.person_id]
    chosen = [one.person_id for one in people[:1]]
    tasks.investigate(
        session, desk, number, seen_steps=found.step_count, investigators=chosen, text="ঘটনাস্থলে গিয়ে জানুন।",
        shelf=all_.house.shelf,
    )  # fmt: skip
    all_.soon(number, _answer, first=4, last=12)


def _call_hearing(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    post, on = responsible_post_of(session, found), _working_day(session, all_, 4)
    tasks.call_hearing(
        session, desk, number, seen_steps=found.step_count, on=on, at=time(11), place="সভাকক্ষ",
        to_post=post.id if post else None, shelf=all_.house.shelf,
    )  # fmt: skip
    all_.at(on, time(12), number, _record_hearing)


def _record_hearing(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    tasks.record_hearing(
        session, desk, number, seen_steps=found.step_count, complainant_came=all_.chance.random() < 0.8,
        officer_came=True, minutes="উভয় পক্ষের কথা শোনা হয়েছে।",
    )  # fmt: skip


def _answer(session: Session, all_: Simulation, _number: str, found: Complaint, _desk: Desk) -> None:
    """Whoever was asked answers, if it is still open."""
    task = session.scalars(
        select(Task).where(Task.complaint_id == found.id, Task.ended_at.is_(None), Task.kind != TaskKind.HEARING)
    ).first()
    if task is None:
        return
    if task.to_post_id is not None:
        desk = all_.desk_on(session, task.to_post_id)
    else:
        desk = desk_of(session, task.members[0].person_id, now=all_.clock.now)
    is_done = all_.chance.random() < 0.8 if task.kind is TaskKind.SERVICE_ORDER else None
    answer(session, desk, task.id, text="নথি দেখা হয়েছে; যা জানা গেছে তা জানালাম।", is_done=is_done)


def _write(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    until = _working_day(session, all_, 5)
    text = "আবেদনের রসিদের নম্বরটি জানান।"
    handling.write(session, desk, number, seen_steps=found.step_count, text=text, answer_until=until)
    all_.soon(number, _add, last=5)


def _add(session: Session, all_: Simulation, number: str, _found: Complaint, _desk: Desk) -> None:
    add_information(session, number, text="রসিদের নম্বর পাঠালাম।", files=[], now=all_.clock.now)


def _note(session: Session, _all: Simulation, number: str, _found: Complaint, desk: Desk) -> None:
    handling.note(session, desk, number, text="শাখার সঙ্গে কথা হয়েছে।")


def _tag(session: Session, all_: Simulation, number: str, _found: Complaint, desk: Desk) -> None:
    handling.tag(session, desk, number, tags=[all_.chance.choice(("জরুরি", "পুনরাবৃত্তি", "তথ্য বাকি"))])


def _look(session: Session, _all: Simulation, number: str, _found: Complaint, desk: Desk) -> None:
    open_identity(session, desk, number)


def _reply(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    on = _working_day(session, all_, 8)
    handling.reply(session, desk, number, seen_steps=found.step_count, reason="অন্য শাখার মতামত আসেনি।", expected_on=on)


def _withdraw(session: Session, all_: Simulation, number: str, _found: Complaint, _desk: Desk) -> None:
    withdraw(session, number, reason="বিষয়টি মিটে গেছে।", now=all_.clock.now)


def _rate(session: Session, all_: Simulation, number: str, found: Complaint, _desk: Desk) -> None:
    pleased = found.outcome not in (Outcome.ACCUSATION_NOT_PROVED, Outcome.NOT_ADMISSIBLE, Outcome.UPHELD)
    score = all_.chance.choice((3, 4, 4, 5) if pleased else (1, 2, 2, 3))
    rate(session, number, score=score, comment="", now=all_.clock.now)


def _appeal(session: Session, all_: Simulation, number: str, _found: Complaint, _desk: Desk) -> None:
    appeal_complaint(session, number, grounds="সিদ্ধান্তে আমার কথা নেই।", shelf=all_.house.shelf, now=all_.clock.now)


def _propose_mark(session: Session, _all: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    if found.outcome is not Outcome.ACCUSATION_NOT_PROVED:
        return
    marks.propose_mark(session, desk, number, seen_steps=found.step_count, reasons="একই অভিযোগ বারবার, প্রমাণ নেই।")


def _reopen(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    if found.stage is Stage.DISPOSED:
        disposals.reopen(
            session, desk, number, seen_steps=found.step_count, reason="নতুন কাগজ এসেছে।", shelf=all_.house.shelf
        )


def _working_day(session: Session, all_: Simulation, days: int) -> date:
    return all_.house.shelf.for_scopes(session).add_working_days(dhaka_date(all_.clock.now), days)


# -- how likely, and when ---------------------------------------------------------------------------------

COURSE: Sequence[tuple[Act, float, int, int]] = (
    (_look, 0.3, 1, 5), (_ask_opinion, 0.3, 3, 9), (_order_service, 0.15, 5, 14), (_investigate, 0.05, 4, 10),
    (_call_hearing, 0.1, 6, 14), (_write, 0.2, 3, 12), (_note, 0.25, 3, 16), (_tag, 0.2, 2, 8), (_reply, 0.1, 18, 26),
    (_withdraw, 0.03, 2, 20),
)  # fmt: skip
"""What may happen at a desk: how likely, and between which days after it came."""
AFTERWARDS: Sequence[tuple[Act, float, int, int]] = (
    (_rate, 0.4, 0, 6), (_appeal, 0.14, 0, 12), (_propose_mark, 0.2, 0, 5), (_reopen, 0.02, 0, 9),
)  # fmt: skip
"""The same of what was decided."""


def course_of_stay(chance: random.Random) -> Iterator[tuple[Act, int, int]]:
    """What is done about a complaint at a desk, each with the days between which it may be done."""
    roll = chance.random()
    if roll < 0.05:
        return  # nobody looks at it: time runs out
    if roll < 0.09:
        yield _forward, 0, 2
        return
    if roll < 0.13:
        yield _reject, 1, 4
        return
    yield _accept, 0, 4
    yield from _some_of(COURSE, chance)
    if chance.random() < 0.84:
        yield _dispose, 6, 38


def course_afterwards(chance: random.Random) -> Iterator[tuple[Act, int, int]]:
    """What comes after a decision."""
    yield from _some_of(AFTERWARDS, chance)


def _some_of(acts: Sequence[tuple[Act, float, int, int]], chance: random.Random) -> Iterator[tuple[Act, int, int]]:
    for act, likely, first, last in acts:
        if chance.random() < likely:
            yield act, first, last
