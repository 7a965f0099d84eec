"""`grs doctor` names what is wrong with an installation, and nothing where all is well."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, update

from grs.bootstrap import House
from grs.cli import main
from grs.db.calendars import CalendarDay
from grs.db.job_runs import JobRun
from grs.db.offices import Person
from grs.domain.access import PostRole
from grs.usecases.calendars import forecast_missing_years
from grs.usecases.offices import find_office
from grs.usecases.posts import post_in
from tests.conftest import SECRET, Clock, MailSink
from tests.postgres import free_port
from tests.web.test_access import person_on
from workers import jobs


@pytest.fixture
def clock() -> Clock:
    """The doctor asks the real clock; so must what he looks at."""
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def settings(house: House, sink: MailSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installation as it should be; a test spoils one thing."""
    with house.writers.begin() as session:
        session.execute(update(Person).values(email=Person.email + ".example"))
        post_in(session, find_office(session, "cabinet-cell"), PostRole.ADMINISTRATOR)
    person_on(house, "admin@office.example", ("cabinet-cell", PostRole.ADMINISTRATOR))
    for name in jobs.JOBS:
        jobs.run(house, name)
    monkeypatch.setenv("GRS_DATABASE_URL", house.settings.database_url)
    monkeypatch.setenv("GRS_SECRET_KEY", SECRET)
    monkeypatch.setenv("GRS_BASE_URL", "https://grs.office.example")
    monkeypatch.setenv("GRS_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("GRS_SMTP_PORT", str(sink.port))
    monkeypatch.setenv("GRS_SMTP_SECURITY", "none")
    return monkeypatch


def examined() -> tuple[int, dict[str, str]]:
    made = CliRunner().invoke(main, ["doctor"])
    wrong = [line.removeprefix("WRONG ") for line in made.output.splitlines() if line.startswith("WRONG")]
    return made.exit_code, dict(line.split(": ", 1) for line in wrong)


def test_a_sound_installation_has_nothing_wrong(settings: Any) -> None:
    status, wrong = examined()
    assert (status, wrong) == (0, {})


@pytest.mark.parametrize(
    ("name", "value", "what", "told"),
    [
        ("SECRET_KEY", "short", "secret key", "32 characters"),
        ("BASE_URL", "http://grs.office.example", "address", "https"),
        ("SMTP_PORT", "closed", "mail", "cannot be used"),
        ("SMTP_SECURITY", "starttls", "mail", "cannot be used"),
        ("RATE_LIMIT_STORAGE", "redis://127.0.0.1:closed", "limits", "store"),
        ("DATABASE_URL", "postgresql://grs@127.0.0.1:closed/grs", "database", "does not answer"),
        ("SCANNER", "false", "scanner", "harmful"),
        ("SCANNER", "/no/such/scanner", "scanner", "does not run"),
        ("IMAP_PORT", "closed", "answers", "cannot be read"),
        ("FILES_URL", "file:///proc/nowhere", "files", "cannot be used"),
        ("FILES_URL", "/srv/files", "settings", "file:///"),
        ("REPLY_ADDRESS", "nobody", "settings", "reply_address"),
        ("OIDC_ISSUER", "http://127.0.0.1:closed", "accounts", "does not answer"),
        ("PORT", "many", "settings", "not a whole number"),
    ],
)
def test_what_is_wrong_with_the_settings_is_named(settings: Any, name: str, value: str, what: str, told: str) -> None:
    settings.setenv("GRS_OIDC_CLIENT_ID", "grs")
    settings.setenv("GRS_OIDC_CLIENT_SECRET", "s")
    if name in ("IMAP_PORT", "REPLY_ADDRESS"):
        settings.setenv("GRS_REPLY_ADDRESS", "reply@office.example")
        settings.setenv("GRS_IMAP_HOST", "127.0.0.1")
    settings.setenv(f"GRS_{name}", value.replace("closed", str(free_port())))
    status, wrong = examined()
    assert status == 1
    assert told in wrong[what]


def test_what_is_wrong_inside_is_named(settings: Any, house: House, clock: Clock) -> None:
    with house.writers.begin() as session:
        session.execute(update(Person).where(Person.email.like("admin@%")).values(email="one@trial.invalid"))
        session.execute(delete(CalendarDay).where(CalendarDay.day >= date(clock.now.year, 1, 1)))
        forecast_missing_years(session, now=clock.now)
    status, wrong = examined()
    assert (status, set(wrong)) == (1, {"people", "calendar"})


def test_a_worker_that_does_not_run_is_named(settings: Any, house: House, clock: Clock) -> None:
    with house.writers.begin() as session:
        session.execute(delete(JobRun).where(JobRun.job == "deliver"))
    status, wrong = examined()
    assert status == 1
    assert "deliver" in wrong["worker"]
