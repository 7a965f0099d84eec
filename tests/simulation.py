"""A year of complaints at several offices: a seeded chance decides who does what on which day."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.domain.calendar import ONE_DAY, dhaka_date
from grs.domain.disposal import APPEAL_OUTCOMES, FIRST_TIER_OUTCOMES, Disposal, NotAdmissible, RootCause
from grs.domain.errors import GrievanceError
from grs.domain.lodging import Assistance, Channel
from grs.domain.tiers import About
from grs.domain.workflow import Stage
from grs.usecases import disposals, handling
from grs.usecases.appeals import appeal_complaint
from grs.usecases.charters import charter_in_force
from grs.usecases.correspondence import withdraw
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.standing import Desk
from tests.conftest import SECRET, Clock
from tests.stories import OFFICES, a_form, dhaka
from workers import jobs

CHANNELS = (Channel.WEB, Channel.WEB, Channel.WEB, *Channel)


class Simulation:
    """Some months at the desks. What the workflow refuses simply does not happen."""

    def __init__(self, house: House, clock: Clock, *, seed: int) -> None:
        self.house, self.clock, self.chance = house, clock, random.Random(seed)
        self.paper = 0

    def run(self, until: date, *, a_day: float = 0.6, jobs_of_a_day: tuple[str, ...] = ("escalate", "freeze")) -> None:
        """Let the days pass: the jobs at half past midnight, then people from ten o'clock on."""
        day = dhaka_date(self.clock.now)
        while day < until:
            day += ONE_DAY
            self.clock.now = dhaka(day, 0, 30)
            for name in jobs_of_a_day:
                jobs.run(self.house, name)
            self.clock.now = dhaka(day, 10)
            while self.chance.random() < a_day / (1 + a_day):
                self._minute()
                self._lodge(day)
            self._work()

    def _minute(self) -> None:
        self.clock.forward(minutes=1)

    def _lodge(self, day: date) -> None:
        channel = self.chance.choice(CHANNELS)
        assistance = None
        with self.house.writers.begin() as session:
            office = find_office(session, self.chance.choice(OFFICES))
            if channel is not Channel.WEB:
                self.paper += 1
                late = self.chance.choice((0, 0, 3, 12))
                on_paper = channel in (Channel.POST, Channel.FRONT_DESK)
                assistance = Assistance(
                    operator_id=1,
                    office_id=office.id,
                    channel=channel,
                    paper_received_on=day - timedelta(days=late) if on_paper else None,
                    form_number=f"ফ-{self.paper}",
                )
            entries = charter_in_force(session, office, day).entries
            lodge_complaint(
                session,
                a_form(about=self.chance.choice((*[About.NOBODY] * 9, *About))),
                office=office,
                entry_id=self.chance.choice(entries).id,
                shelf=self.house.shelf,
                now=self.clock(),
                secret_key=SECRET,
                assistance=assistance,
            )

    def _work(self) -> None:
        """Each open complaint has a small chance of a next act, each disposed one of an appeal or a second thought."""
        with self.house.readers() as session:
            numbers = session.scalars(select(Complaint.tracking_number).order_by(Complaint.id)).all()
        for number in numbers:
            if self.chance.random() < 0.06:
                self._minute()
                with suppress(GrievanceError), self.house.writers.begin() as session:
                    self._act(session, number)

    def _act(self, session: Session, number: str) -> None:
        found = session.scalars(select(Complaint).where(Complaint.tracking_number == number)).one()
        desk = Desk(person_id=1, post_ids=[found.post_id], now=self.clock())
        seen, shelf, roll = found.step_count, self.house.shelf, self.chance.random()
        if found.stage is Stage.RECEIVED and roll < 0.75:
            handling.accept(session, desk, number, seen_steps=seen)
        elif found.stage is Stage.RECEIVED and roll < 0.85:
            to = self.chance.choice(OFFICES)
            handling.forward(session, desk, number, seen_steps=seen, to_office=to, reason="অন্য অফিস", shelf=shelf)
        elif found.stage is Stage.ACCEPTED and roll < 0.75:
            outcomes = (*FIRST_TIER_OUTCOMES, *APPEAL_OUTCOMES)
            disposal = Disposal(
                outcome=self.chance.choice(outcomes),
                reasons="কারণ",
                root_cause=self.chance.choice(list(RootCause)),
                advice="পরামর্শ",
            )
            disposals.dispose(session, desk, number, seen_steps=seen, disposal=disposal, shelf=shelf)
        elif found.stage is not Stage.DISPOSED and roll < 0.9:
            disposals.reject(
                session, desk, number, seen_steps=seen, ground=NotAdmissible.BEFORE_COURT, reason="আদালত", shelf=shelf
            )
        elif found.stage is not Stage.DISPOSED:
            withdraw(session, number, reason="প্রত্যাহার", now=self.clock())
        elif roll < 0.3:
            appeal_complaint(session, number, grounds="মানি না", shelf=shelf, now=self.clock())
        elif roll < 0.4:
            disposals.reopen(session, desk, number, seen_steps=seen, reason="আবার দেখা দরকার", shelf=shelf)
