"""`grs simulate`: a short year lived through by the use cases, after which all holds and pages are full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from grs.bootstrap import House, open_house
from grs.cli import main
from grs.db import schema
from grs.db.complaints import Complaint, Step
from grs.db.machines import MachineToken
from grs.db.messages import Message, MessageState
from grs.db.offices import Leave, PostHolder
from grs.domain.workflow import Stage, StepKind
from grs.simulation import days_of, simulate
from grs.usecases.demo import fill_posts, prepare_rules
from tests.conftest import SECRET, Clock, browser, make_settings
from tests.stories import assert_all_holds

pytestmark = pytest.mark.xdist_group("lived")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Three months up to a Sunday in June, sixty complaints."""
    folder = tmp_path_factory.mktemp("lived")
    now = datetime(2025, 6, 15, 6, 0, tzinfo=UTC)
    house = open_house(make_settings(f"sqlite:///{folder / 'grs.db'}", folder), clock=Clock(now))
    schema.upgrade(house.engine)
    began = now - timedelta(days=days_of(3) + 1)
    with house.writers.begin() as session:
        prepare_rules(session, now=began)
        fill_posts(session, now=began)
    done = simulate(house, complaints=60, months=3, seed=4, progress=lambda _days: None)
    assert done["file_complaint"] == 60
    return house


def test_all_holds_after_it(lived: House) -> None:
    assert_all_holds(lived)


def test_much_of_what_can_happen_has_happened(lived: House) -> None:
    with lived.readers() as session:
        kinds = set(session.scalars(select(Step.kind).distinct()))
        stages = set(session.scalars(select(Complaint.stage).distinct()))
        waiting = session.scalar(select(func.count()).where(Message.state == MessageState.QUEUED))
        sent = session.scalar(select(func.count()).where(Message.state == MessageState.SENT))
    wanted = {
        StepKind.ACCEPTED, StepKind.DISPOSED, StepKind.ESCALATED, StepKind.OPINION_ASKED, StepKind.ANSWERED,
        StepKind.OFFICER_WROTE, StepKind.INFORMATION_ADDED, StepKind.RATED, StepKind.NOTED, StepKind.DUE_DATE_CHANGED,
    }  # fmt: skip
    assert wanted <= kinds
    assert {Stage.ACCEPTED, Stage.DISPOSED} <= stages
    assert sent is not None and waiting is not None
    assert sent > 10 * waiting


def test_officers_went_on_leave_and_others_sat_in(lived: House) -> None:
    today = lived.clock().date()
    with lived.readers() as session:
        leaves = session.scalars(select(Leave)).all()
        stand_ins = session.scalars(select(PostHolder).where(PostHolder.is_stand_in.is_(True))).all()
        tokens = session.scalars(select(MachineToken.name)).all()
    assert len(leaves) == len(stand_ins) >= 3
    assert any(one.starts_on <= today <= one.ends_on for one in leaves), "one is away now"
    assert len(tokens) == 1


def test_no_letter_leaves(lived: House) -> None:
    assert not list(Path(lived.settings.mail_folder).glob("*.eml"))


def test_citizens_pages_have_something_to_see(lived: House) -> None:
    citizen = browser(lived)
    assert citizen.get("/seals.txt").text.count("\n") > 60
    figures = citizen.get("/statistics.json").json["all"]
    assert figures["received"] == 60


def test_only_an_empty_trial_is_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRS_DATABASE_URL", f"sqlite:///{tmp_path / 'real.db'}")
    monkeypatch.setenv("GRS_SECRET_KEY", SECRET)
    run = CliRunner().invoke
    done = run(main, ["simulate", "--months", "1", "--complaints", "3"])
    assert done.exit_code == 0, done.output
    assert "3 complaints in" in done.output
    again = run(main, ["simulate", "--months", "1", "--complaints", "3"])
    assert (again.exit_code, "complaints already" in again.output) == (1, True)
    monkeypatch.setenv("GRS_SMTP_HOST", "mail.example")
    real = run(main, ["simulate"])
    assert (real.exit_code, "real people" in real.output) == (1, True)
