"""The workflow as a machine: several people and the timetable do anything at any time; after each step all holds."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from grs.bootstrap import House, open_house
from grs.domain.calendar import CalendarRow, RowKind
from grs.domain.disposal import APPEAL_OUTCOMES, FIRST_TIER_OUTCOMES, Disposal, NotAdmissible, Outcome, RootCause
from grs.domain.errors import GrievanceError
from grs.domain.tiers import About
from grs.usecases import disposals, handling, tasks
from grs.usecases.appeals import appeal_complaint
from grs.usecases.calendars import import_calendar
from grs.usecases.correspondence import add_information, rate, withdraw
from grs.usecases.standing import Desk
from tests.conftest import Clock, Template, make_settings, new_postgres_database
from tests.stories import OFFICES, assert_all_holds, fetch, lodge
from workers import jobs

BEGIN = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)
_names = itertools.count(1)


class AnyPath(RuleBasedStateMachine):
    """Complaints of several people; whatever is refused is refused with a reason, nothing else ever breaks."""

    complaints = Bundle("complaints")
    make_house: Callable[[Clock], House]

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(BEGIN)
        self.house = type(self).make_house(self.clock)

    @initialize(target=complaints, office=st.sampled_from(OFFICES))
    def first(self, office: str) -> str:
        return lodge(self.house, office=office).complaint.tracking_number

    @rule(target=complaints, office=st.sampled_from(OFFICES), about=st.sampled_from(list(About)))
    def lodge(self, office: str, about: About) -> str:
        return lodge(self.house, office=office, about=about).complaint.tracking_number

    def at_desk(self, number: str) -> tuple[Desk, int]:
        found = fetch(self.house, number)
        return Desk(person_id=1, post_ids=[found.post_id], now=self.clock.now), found.step_count

    def tried(self, act: Callable[..., object], *args: object, **facts: object) -> None:
        with suppress(GrievanceError), self.house.writers.begin() as session:  # refused with a reason
            act(session, *args, **facts)

    @rule(number=complaints, stale=st.booleans())
    def accept(self, number: str, stale: bool) -> None:
        desk, steps = self.at_desk(number)
        self.tried(handling.accept, desk, number, seen_steps=steps - stale)

    @rule(number=complaints, to=st.sampled_from(OFFICES))
    def forward(self, number: str, to: str) -> None:
        desk, steps = self.at_desk(number)
        self.tried(handling.forward, desk, number, seen_steps=steps, to_office=to, reason="অন্য", shelf=self.house.shelf)

    @rule(number=complaints, outcome=st.sampled_from([*FIRST_TIER_OUTCOMES, *APPEAL_OUTCOMES]))
    def dispose(self, number: str, outcome: Outcome) -> None:
        desk, steps = self.at_desk(number)
        disposal = Disposal(outcome=outcome, reasons="কারণ", root_cause=RootCause.NO_FAULT, advice="নেই")
        self.tried(disposals.dispose, desk, number, seen_steps=steps, disposal=disposal, shelf=self.house.shelf)

    @rule(number=complaints)
    def reject(self, number: str) -> None:
        desk, steps = self.at_desk(number)
        ground = NotAdmissible.BEFORE_COURT
        self.tried(
            disposals.reject, desk, number, seen_steps=steps, ground=ground, reason="আদালত", shelf=self.house.shelf
        )

    @rule(number=complaints)
    def reopen(self, number: str) -> None:
        desk, steps = self.at_desk(number)
        self.tried(disposals.reopen, desk, number, seen_steps=steps, reason="আবার", shelf=self.house.shelf)

    @rule(number=complaints, days=st.integers(0, 20))
    def ask(self, number: str, days: int) -> None:
        desk, steps = self.at_desk(number)
        self.tried(
            tasks.ask_opinion, desk, number, seen_steps=steps, to_post=None, question="কেন?",
            answer_by=desk.today + timedelta(days=days), shelf=self.house.shelf,
        )  # fmt: skip

    @rule(number=complaints)
    def write(self, number: str) -> None:
        desk, steps = self.at_desk(number)
        self.tried(handling.write, desk, number, seen_steps=steps, text="কাগজ দিন")
        self.tried(handling.note, desk, number, text="নোট")

    @rule(number=complaints)
    def add(self, number: str) -> None:
        self.tried(add_information, number, text="আরও কথা", files=[], now=self.clock.now)

    @rule(number=complaints)
    def appeal(self, number: str) -> None:
        self.tried(appeal_complaint, number, grounds="মানি না", shelf=self.house.shelf, now=self.clock.now)

    @rule(number=complaints)
    def take_back(self, number: str) -> None:
        self.tried(withdraw, number, reason="প্রত্যাহার", now=self.clock.now)

    @rule(number=complaints, score=st.integers(1, 5))
    def judge(self, number: str, score: int) -> None:
        self.tried(rate, number, score=score, comment="", now=self.clock.now)

    @rule(days=st.integers(0, 40), names=st.lists(st.sampled_from(sorted(jobs.JOBS)), max_size=4))
    def time_passes(self, days: int, names: list[str]) -> None:
        self.clock.forward(days=days, minutes=1)
        for name in ("escalate", *names):
            jobs.run(self.house, name)

    @rule(days=st.integers(1, 60), kind=st.sampled_from([RowKind.HOLIDAY, RowKind.WORKING]))
    def gazette(self, days: int, kind: RowKind) -> None:
        day = (self.clock.now + timedelta(days=days)).date()
        row = CalendarRow(day=day, kind=kind, name_bn="ছুটি", name_en=f"Day {next(_names)}", reference="SRO")
        with self.house.writers.begin() as session:
            import_calendar(session, [row], now=self.clock.now, reference="SRO")
        jobs.run(self.house, "recalculate")
        self.clock.forward(minutes=3)
        jobs.run(self.house, "recalculate")

    @invariant()
    def all_holds(self) -> None:
        assert_all_holds(self.house)

    def teardown(self) -> None:
        self.house.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_people_do_all_holds(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    template: Template = request.getfixturevalue(f"{'sqlite' if kind == 'sqlite' else 'postgres'}_template")
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else ""

    def make(clock: Clock) -> House:
        name = f"path_{next(_names)}_{tmp_path.name.lower()}"[:60]
        if server:
            url = new_postgres_database(server, name, "template_grs")
        else:
            copy = Path(tempfile.mkdtemp(dir=tmp_path)) / "grs.db"
            shutil.copy(template.url.removeprefix("sqlite:///"), copy)
            url = f"sqlite:///{copy}"
        return open_house(make_settings(url, tmp_path), clock=clock)

    class Here(AnyPath):
        make_house = staticmethod(make)

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here,
        settings=settings(
            max_examples=12 if kind == "sqlite" else 6, stateful_step_count=20, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
