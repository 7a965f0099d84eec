"""A year at the five offices of a trial, in minutes: people file, officers work, time runs out, days are sealed.

Everything goes through the use cases that the pages and the timetable call, on a clock of its own; what the rules
refuse does not happen. Letters are written and marked as sent, and go nowhere.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.queries.offices import offices_with_charter
from grs.domain.calendar import DHAKA, ONE_DAY, CalendarRow, RowKind, dhaka_date
from grs.domain.errors import GrievanceError
from grs.domain.workflow import OPEN_STAGES
from grs.simulation.absences import EVERY_DAYS, connect_a_program, go_on_leave, last_day_of_leave
from grs.simulation.people import Act, course_afterwards, course_of_stay, file_complaint
from grs.usecases.accounts import desk_of
from grs.usecases.annexes import freeze_months
from grs.usecases.answers import end_lapsed_tasks
from grs.usecases.calendars import import_calendar
from grs.usecases.delivery import deliver_messages
from grs.usecases.digests import send_digests
from grs.usecases.escalation import escalate_overdue
from grs.usecases.job_runs import record_run
from grs.usecases.kept_overviews import keep_overviews
from grs.usecases.recalculation import apply_calendar_changes
from grs.usecases.recipients import Recipients
from grs.usecases.reminders import remind_people
from grs.usecases.seals import make_seal
from grs.usecases.standing import Desk

WEIGHTS = (6, 4, 3, 2, 2)
"""How often people complain about an office, against each other; the rest as often as the last."""
RECORDED_DAYS = 3
"""For the last days each round of a job is on record, as on an installation that runs."""


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
    offices: dict[str, int] = field(default_factory=dict)
    _plan: list[tuple[datetime, int, str, Act, bool]] = field(default_factory=list)
    order: Any = field(default_factory=count)
    _planned: set[tuple[int, int, bool]] = field(default_factory=set)

    # -- days ------------------------------------------------------------------------------

    def run(self, *, until: datetime, complaints: int, progress: Callable[[int], None]) -> Counter[str]:
        """Let the days pass up to an instant; ``progress`` is told of each. Returns what was done, by name."""
        with self.house.readers() as session:
            known = [office.slug for office in offices_with_charter(session)]
        self.offices = {slug: WEIGHTS[min(place, len(WEIGHTS) - 1)] for place, slug in enumerate(known)}
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
                when = time(8 + self.chance.randrange(12), self.chance.randrange(60))
                self.at(day, when, "", file_complaint, anyday=True)
            if number % EVERY_DAYS == EVERY_DAYS - 1:
                self._leave(None)
            if number == span - 2:
                self._leave(last_day_of_leave(until))
            self._live(day)
            self._evening(day, is_recorded)
            progress(1)
        with self.house.writers.begin() as session:
            connect_a_program(session, self.clock.now)
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

    def _leave(self, until: date | None) -> None:
        try:
            with self.house.writers.begin() as session:
                self.counts["leave"] += go_on_leave(session, self.chance, self.clock.now, until=until)
        except GrievanceError:
            self.counts["refused"] += 1

    # -- what is planned ---------------------------------------------------------------------

    def at(self, day: date, at: time, number: str, act: Act, *, anyday: bool = False) -> None:
        heapq.heappush(self._plan, (_dhaka(day, at), next(self.order), number, act, anyday))

    def soon(self, number: str, act: Act, *, first: int = 0, last: int = 3) -> None:
        """Plan something for one of the next days, in office hours."""
        day = dhaka_date(self.clock.now) + ONE_DAY * self.chance.randint(first, last)
        self.at(day, time(9 + self.chance.randrange(8), self.chance.randrange(60)), number, act)

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
        for act, first, last in course_of_stay(self.chance):
            self.soon(number, act, first=first, last=last)

    def _plan_afterwards(self, number: str) -> None:
        for act, first, last in course_afterwards(self.chance):
            self.soon(number, act, first=first, last=last)

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
                    act(session, self, number, found, self.desk_on(session, found.post_id))
                else:
                    act(session, self, "", Complaint(), Desk(person_id=0, post_ids=(), now=self.clock.now))
        except GrievanceError:
            self.counts["refused"] += 1
        else:
            self.counts[act.__name__.removeprefix("_")] += 1

    def desk_on(self, session: Session, post_id: int) -> Desk:
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
