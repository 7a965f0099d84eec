"""A year at the five offices of a trial, in minutes: people file, officers work, time runs out, days are sealed.

Everything goes through the use cases that the pages and the timetable call, on a clock of its own; what the rules
refuse does not happen. Letters are written and marked as sent, and go nowhere.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.offices import Office, Post
from grs.db.queries.offices import offices_with_charter
from grs.db.tasks import Task
from grs.domain.access import PostRole
from grs.domain.calendar import DHAKA, ONE_DAY, CalendarRow, RowKind, dhaka_date
from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause, possible_outcomes
from grs.domain.errors import GrievanceError
from grs.domain.lodging import PROPOSED_KIND, Assistance, Channel, ComplaintForm, Ground
from grs.domain.tasks import TaskKind
from grs.domain.tiers import About
from grs.domain.workflow import OPEN_STAGES, Stage
from grs.usecases import disposals, handling, marks, tasks
from grs.usecases.accounts import desk_of
from grs.usecases.annexes import freeze_months
from grs.usecases.answers import answer, end_lapsed_tasks
from grs.usecases.appeals import appeal_complaint
from grs.usecases.calendars import import_calendar
from grs.usecases.charters import charter_in_force
from grs.usecases.correspondence import add_information, rate, withdraw
from grs.usecases.delivery import deliver_messages
from grs.usecases.digests import send_digests
from grs.usecases.escalation import escalate_overdue
from grs.usecases.identities import open_identity
from grs.usecases.job_runs import record_run
from grs.usecases.kept_overviews import keep_overviews
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.people import investigator_posts, responsible_post_of
from grs.usecases.recalculation import apply_calendar_changes
from grs.usecases.recipients import Recipients
from grs.usecases.reminders import remind_people
from grs.usecases.seals import make_seal
from grs.usecases.secrets import new_token
from grs.usecases.standing import Desk

WEIGHTS = (6, 4, 3, 2, 2)
"""How often people complain about an office, against each other; the rest as often as the last."""
RECORDED_DAYS = 3
"""For the last days each round of a job is on record, as on an installation that runs."""
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
Act = Callable[[Session, "Simulation", str, Complaint, Desk], None]


class Nowhere:
    """A way out that takes every letter and message, and sends none."""

    def send(self, *_mail: object, **_sms: object) -> None:
        """Taken."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class SimulatedClock:
    """The time of the simulation."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Simulation:
    """What is to happen, in order of time. ``chance`` decides all of it: the same number tells the same year."""

    house: House
    clock: SimulatedClock
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    _offices: dict[str, int] = field(default_factory=dict)
    _plan: list[tuple[datetime, int, str, Act, bool]] = field(default_factory=list)
    _order: Any = field(default_factory=count)
    _planned: set[tuple[int, int, bool]] = field(default_factory=set)

    # -- days ------------------------------------------------------------------------------

    def run(self, *, until: datetime, complaints: int, progress: Callable[[int], None]) -> Counter[str]:
        """Let the days pass up to an instant; ``progress`` is told of each. Returns what was done, by name."""
        with self.house.readers() as session:
            known = [office.slug for office in offices_with_charter(session)]
        self._offices = {slug: WEIGHTS[min(place, len(WEIGHTS) - 1)] for place, slug in enumerate(known)}
        first, last = dhaka_date(self.clock.now), dhaka_date(until)
        span = (last - first).days
        filed = sorted(first + ONE_DAY * self.chance.randrange(span) for _ in range(complaints))
        closure = first + ONE_DAY * (span // 2)
        for number in range(span):
            day = first + ONE_DAY * number
            is_recorded = number >= span - RECORDED_DAYS
            self._night(day, is_recorded)
            if day == closure:
                self._declare_closure(day)
            self._look_around()
            while filed and filed[0] == day:
                filed.pop(0)
                self._at(day, time(8 + self.chance.randrange(12), self.chance.randrange(60)), "", _lodge, anyday=True)
            self._live(day)
            self._evening(day, is_recorded)
            progress(1)
        self.clock.now = until
        self._night(last, True)
        return self.counts

    def _job(self, name: str, work: Callable[[], Any], is_recorded: bool) -> None:
        if is_recorded:
            record_run(self.house.writers, name, work, clock=self.clock)
        else:
            work()

    def _night(self, day: date, is_recorded: bool) -> None:
        house, shelf = self.house, self.house.shelf
        for at, name, work in (
            (time(0, 10), "escalate", lambda: escalate_overdue(house.writers, shelf=shelf, now=self.clock.now)),
            (time(0, 20), "lapse", lambda: end_lapsed_tasks(house.writers, now=self.clock.now)),
            (time(1, 0), "recalculate", lambda: apply_calendar_changes(house.writers, shelf=shelf, now=self.clock.now)),
            (time(1, 30), "freeze", lambda: freeze_months(house.writers, now=self.clock.now)),
            (time(8, 30), "remind", lambda: remind_people(house.writers, shelf=shelf, now=self.clock.now)),
            (time(9, 0), "digest", lambda: send_digests(house.writers, shelf=shelf, now=self.clock.now)),
        ):
            self.clock.now = max(self.clock.now, _dhaka(day, at))
            self._job(name, work, is_recorded)

    def _evening(self, day: date, is_recorded: bool) -> None:
        house = self.house
        self.clock.now = _dhaka(day, time(17, 0)) - timedelta(minutes=1)  # officers' letters leave in office hours
        self._job("deliver", self._deliver, is_recorded)
        self.clock.now = _dhaka(day, time(23, 50))
        self._job("seal", lambda: make_seal(house.writers, now=self.clock.now), is_recorded)
        if is_recorded:
            self._job(
                "count",
                lambda: keep_overviews(house.readers, house.writers, shelf=house.shelf, now=self.clock.now),
                True,
            )

    def _deliver(self) -> Any:
        house = self.house
        return deliver_messages(
            house.writers, mail=house.mail, sms=house.sms, settings=house.settings, shelf=house.shelf, clock=self.clock
        )

    def _declare_closure(self, day: date) -> None:
        """A local holiday at two days' notice: due dates move, and the history says why."""
        with self.house.readers() as session:
            closed = self.house.shelf.for_scopes(session).add_working_days(day, 2)
        row = CalendarRow(
            day=closed, kind=RowKind.HOLIDAY, scope="district:Rangpur",
            name_bn="কল্পিত স্থানীয় ছুটি", name_en="Invented local holiday", reference="simulated",
        )  # fmt: skip
        with self.house.writers.begin() as session:
            import_calendar(session, [row], now=self.clock.now, reference="simulated")

    # -- what is planned ---------------------------------------------------------------------

    def _at(self, day: date, at: time, number: str, act: Act, *, anyday: bool = False) -> None:
        heapq.heappush(self._plan, (_dhaka(day, at), next(self._order), number, act, anyday))

    def soon(self, number: str, act: Act, *, first: int = 0, last: int = 3) -> None:
        """Plan something for one of the next days, in office hours."""
        day = dhaka_date(self.clock.now) + ONE_DAY * self.chance.randint(first, last)
        self._at(day, time(9 + self.chance.randrange(8), self.chance.randrange(60)), number, act)

    def _look_around(self) -> None:
        """What has come to a desk, or was decided, since yesterday gets its further course."""
        with self.house.readers() as session:
            rows = session.execute(
                select(Complaint.id, Complaint.tracking_number, Complaint.assignment_sequence, Complaint.stage)
            ).all()
        for row in rows:
            is_open = row.stage in OPEN_STAGES
            key = (row.id, row.assignment_sequence, is_open)
            if key not in self._planned:
                self._planned.add(key)
                (self._plan_stay if is_open else self._plan_afterwards)(row.tracking_number)

    def _plan_stay(self, number: str) -> None:
        roll = self.chance.random()
        if roll < 0.05:
            return  # nobody looks at it: time runs out
        if roll < 0.09:
            self.soon(number, _forward, last=2)
            return
        if roll < 0.13:
            self.soon(number, _reject, first=1, last=4)
            return
        self.soon(number, _accept, last=4)
        for act, likely, first, last in COURSE:
            if self.chance.random() < likely:
                self.soon(number, act, first=first, last=last)
        if self.chance.random() < 0.84:
            self.soon(number, _dispose, first=6, last=38)

    def _plan_afterwards(self, number: str) -> None:
        for act, likely, last in ((_rate, 0.4, 6), (_appeal, 0.14, 12), (_propose_mark, 0.2, 5), (_reopen, 0.02, 9)):
            if self.chance.random() < likely:
                self.soon(number, act, last=last)

    def _live(self, day: date) -> None:
        """The day's acts in order of time; what officers do waits for a day on which the office is open."""
        with self.house.readers() as session:
            is_open = self.house.shelf.for_scopes(session).is_open(day)
        waiting = []
        while self._plan and dhaka_date(self._plan[0][0]) <= day:
            at, order, number, act, anyday = heapq.heappop(self._plan)
            if not is_open and not anyday:
                waiting.append((at + ONE_DAY, order, number, act, anyday))
                continue
            self.clock.now = max(self.clock.now, at)
            self._do(number, act)
        for one in waiting:
            heapq.heappush(self._plan, one)

    def _do(self, number: str, act: Act) -> None:
        try:
            with self.house.writers.begin() as session:
                if number:
                    found = session.scalars(select(Complaint).where(Complaint.tracking_number == number)).one()
                    act(session, self, number, found, self._desk(session, found.post_id))
                else:
                    act(session, self, "", Complaint(), Desk(person_id=0, post_ids=(), now=self.clock.now))
        except GrievanceError:
            self.counts["refused"] += 1
        else:
            self.counts[act.__name__.removeprefix("_")] += 1

    def _desk(self, session: Session, post_id: int) -> Desk:
        """Whoever sits on a post, at work."""
        people = Recipients(session, dhaka_date(self.clock.now)).on_post(post_id)
        if not people:
            return Desk(person_id=0, post_ids=(), now=self.clock.now)
        return desk_of(session, people[0].person_id, now=self.clock.now)


def simulate(house: House, *, complaints: int, months: int, seed: int, progress: Callable[[int], None]) -> Counter[str]:
    """Live through some months up to now. The caller has prepared rules and people, from before they begin."""
    until = house.clock()
    clock = SimulatedClock(_dhaka(dhaka_date(until) - timedelta(days=days_of(months)), time(0, 5)))
    quiet = replace(house, clock=clock, mail=Nowhere(), sms=Nowhere())
    return Simulation(quiet, clock, random.Random(seed)).run(  # noqa: S311 - a story, no secret
        until=until, complaints=complaints, progress=progress
    )


def days_of(months: int) -> int:
    """How many days some months are, roughly."""
    return round(months * 30.44)


def _dhaka(day: date, at: time) -> datetime:
    return datetime.combine(day, at, DHAKA)


# -- what people do ------------------------------------------------------------------------------------------


def _lodge(session: Session, all_: Simulation, _number: str, _found: Complaint, _desk: Desk) -> None:
    chance, now = all_.chance, all_.clock.now
    office = find_office(session, chance.choices(list(all_._offices), list(all_._offices.values()))[0])
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
        paper_received_on=received if on_paper else None, form_number=f"ফ-{next(all_._order)}" if on_paper else "",
    )  # fmt: skip


def _accept(session: Session, _all: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    handling.accept(session, desk, number, seen_steps=found.step_count)


def _forward(session: Session, all_: Simulation, number: str, found: Complaint, desk: Desk) -> None:
    to = all_.chance.choice([slug for slug in all_._offices if slug != found.charter.office.slug])
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
    all_._at(on, time(12), number, _record_hearing)


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
        desk = all_._desk(session, task.to_post_id)
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


COURSE: Sequence[tuple[Act, float, int, int]] = (
    (_look, 0.3, 1, 5), (_ask_opinion, 0.3, 3, 9), (_order_service, 0.15, 5, 14), (_investigate, 0.05, 4, 10),
    (_call_hearing, 0.1, 6, 14), (_write, 0.2, 3, 12), (_note, 0.25, 3, 16), (_tag, 0.2, 2, 8), (_reply, 0.1, 18, 26),
    (_withdraw, 0.03, 2, 20),
)  # fmt: skip
"""What may happen at a desk: how likely, and between which days after it came."""
