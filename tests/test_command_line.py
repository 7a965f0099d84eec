"""`grs` and `python -m workers` from a terminal: answers, refusals, exit statuses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from grs.bootstrap import open_house
from grs.cli import main
from grs.settings import CONFIG, ROOT, SettingsError, read_settings
from tests.conftest import SECRET, Template, browser, make_settings
from tests.postgres import free_port

SMALL_CALENDAR = "date,kind,name_bn,name_en,evidence\n2027-01-03,holiday,ছুটি,Holiday,SRO 1\n"


def grs(*words: str, url: str = "sqlite:////nowhere/grs.db") -> Result:
    return CliRunner().invoke(main, words, env={"GRS_DATABASE_URL": url, "GRS_SECRET_KEY": SECRET})


# -- grs calendar due ---------------------------------------------------------------------


def test_due_prints_the_date() -> None:
    found = grs("calendar", "due", "--filed-at", "2025-04-06T10:00+06:00", "--days", "30")
    assert (found.exit_code, found.output) == (0, "2025-05-20\n")


def test_due_as_json() -> None:
    found = json.loads(grs("calendar", "due", "--filed-at", "2025-04-06T10:00+06:00", "--days", "30", "--json").output)
    assert set(found) == {"received_on", "due_on", "provisional", "skipped"}
    assert (found["received_on"], found["due_on"], found["provisional"]) == (
        "2025-04-06",
        "2025-05-20",
        False,
    )
    assert {"2025-04-14", "2025-05-01", "2025-05-11"} <= {day["date"] for day in found["skipped"]}
    assert "2025-05-17" not in {day["date"] for day in found["skipped"]}, "worked"


def test_due_explained() -> None:
    told = grs("calendar", "due", "--filed-at", "2025-04-06T10:00+06:00", "--days", "30", "--explain").output
    assert "2025-04-14 not counted, holiday: বাংলা নববর্ষ (Bangla New Year)" in told
    assert "day 30 is Tue 2025-05-20" in told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--filed-at", "2025-04-06T17:00:00+06:00", "--days", "1", "--cutoff", "17:00"), "2025-04-08"),
        (("--filed-at", "2025-04-06T16:59:59+06:00", "--days", "1", "--cutoff", "17:00"), "2025-04-07"),
        (("--filed-at", "2025-04-06T18:30:00+00:00", "--days", "1"), "2025-04-08"),
        (("--filed-at", "2025-04-06", "--days", "1", "--holiday", "2025-04-07"), "2025-04-08"),
        (("--filed-at", "2025-04-10", "--days", "1", "--working", "2025-04-12"), "2025-04-12"),
        (("--filed-at", "2025-05-15", "--days", "1", "--holiday", "2025-05-17"), "2025-05-18"),
        (("--filed-at", "2026-12-01", "--days", "30"), "2027-01-13 (provisional)"),
    ],
)
def test_due_with_options(words: tuple[str, ...], expected: str) -> None:
    assert grs("calendar", "due", *words).output.strip() == expected


def test_due_for_an_office_counts_its_local_days(sqlite_only: Template) -> None:
    from grs.bootstrap import open_house
    from grs.db.offices import Office
    from grs.domain.tiers import OfficeLevel
    from tests.conftest import make_settings

    house = open_house(make_settings(sqlite_only.url, Path("/nowhere")))
    with house.writers.begin() as session:
        session.add(
            Office(
                slug="hills",
                name_bn="পাহাড়",
                name_en="Hills",
                level=OfficeLevel.DISTRICT,
                district_en="Rangamati",
            )
        )
    house.close()
    words = ("calendar", "due", "--filed-at", "2025-04-10T10:00+06:00", "--days", "1")
    assert grs(*words, url=sqlite_only.url).output == "2025-04-13\n"
    assert grs(*words, "--office", "hills", url=sqlite_only.url).output == "2025-04-15\n", "13 local, 14 national"
    assert grs(*words, "--office", "doict-kaunia").output == "2025-04-13\n", "also before there is a database"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--filed-at", "yesterday", "--days", "3"), "--filed-at"),
        (("--filed-at", "2025-04-06", "--days", "0"), "--days"),
        (("--filed-at", "2025-04-06", "--days", "x"), "--days"),
        (
            (
                "--filed-at",
                "2025-04-06",
            ),
            "--days",
        ),
        (("--filed-at", "2025-04-06", "--days", "3", "--cutoff", "noon"), "--cutoff"),
        (("--filed-at", "2025-04-06", "--days", "3", "--holiday", "soon"), "--holiday"),
        (("--filed-at", "2025-04-06", "--days", "3", "--office", "nowhere"), "--office"),
        (("--filed-at", "0001-01-01T00:00+14:00", "--days", "3"), "--filed-at"),
        (("--filed-at", "2025-04-06", "--days", "3", "--working", "0001-01-01"), "--working"),
        (
            ("--filed-at", "2025-04-06", "--days", "3", "--holiday", "2025-04-07", "--working", "2025-04-07"),
            "2025-04-07",
        ),
    ],
)
def test_bad_usage_names_the_option_and_exits_2(words: tuple[str, ...], named: str) -> None:
    found = grs("calendar", "due", *words)
    assert found.exit_code == 2
    assert named in found.output


# -- grs charter ------------------------------------------------------------------------------


def test_charter_read_prints_json() -> None:
    path = CONFIG / "charters" / "001_edc895d25ec3a382.txt"
    found = grs("charter", "read", str(path), "--json")
    assert found.exit_code == 0
    assert json.loads(found.output)["office"]["upazila_en"] == "Kaunia"


def test_charter_read_refuses_in_plain_words(tmp_path: Path) -> None:
    file = tmp_path / "prose.txt"
    file.write_text("এখানে কোনো সারণি নেই, শুধু কথা আর কথা।")
    found = grs("charter", "read", str(file), "--json")
    assert found.exit_code == 1
    assert "no table" in found.output
    assert grs("charter", "read", str(tmp_path / "absent.txt")).exit_code == 2


def test_charter_import_stores_a_version(sqlite_only: Template) -> None:
    path = str(CONFIG / "charters" / "001_edc895d25ec3a382.txt")
    words = ("charter", "import", path, "--in-force-from", "2025-07-01")
    assert "version 2" in grs(*words, "--dry-run", url=sqlite_only.url).output
    found = grs(*words, url=sqlite_only.url)
    assert (found.exit_code, "doict-kaunia: version 2 with 19 services" in found.output) == (0, True)
    refused = grs("charter", "import", path, "--in-force-from", "2025-06-01", url=sqlite_only.url)
    assert (refused.exit_code, "A later version is there already" in refused.output) == (1, True)
    assert grs("charter", "import", path, "--office", "nowhere", url=sqlite_only.url).exit_code == 1


# -- grs setup, grs people ---------------------------------------------------------------------


def test_a_fresh_installation_has_no_account_and_its_first_one_is_made_by_command(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    assert grs("people", "list", url=url).exit_code == 1, "no schema yet"
    for _ in range(2):
        assert grs("setup", url=url).exit_code == 0, "again adds nothing"
    assert grs("people", "list", url=url).output == ""
    words = ("people", "administrator", "Admin@office.example", "--name", "প্রশাসক", "--office", "cabinet-cell")
    made = grs(*words, url=url)
    assert made.exit_code == 0
    link = made.output.rsplit("/account/links/", 1)[1].strip()
    house = open_house(make_settings(url, tmp_path))
    client = browser(house)
    answer = client.post(f"/account/links/{link}", data={"password": "চারটি শব্দ পাশাপাশি", "again": "চারটি শব্দ পাশাপাশি"})
    assert answer.status_code == 303
    typed = {"email": "admin@office.example", "password": "চারটি শব্দ পাশাপাশি"}
    assert client.post("/login", data=typed).status_code == 303
    house.close()
    assert "administrator" in grs("people", "list", url=url).output


def test_somebody_is_invited_to_a_post(sqlite_only: Template) -> None:
    words = ("people", "invite", "new@office.example", "--name", "নতুন জন", "--office", "doict-rangpur")
    post = ("--role", "grievance_officer", "--from", "2025-07-01", "--to", "2025-06-01")
    refused = grs(*words, *post, url=sqlite_only.url)
    assert (refused.exit_code, "held_to" in refused.output) == (1, True)
    assert grs("people", "list", url=sqlite_only.url).output.count("new@office.example") == 0, "nothing half done"
    assert grs(*words, "--role", "grievance_officer", url=sqlite_only.url).exit_code == 0
    again = grs(*words, "--role", "supervisor", url=sqlite_only.url)
    assert again.exit_code == 0
    found = grs("people", "list", "--office", "doict-rangpur", url=sqlite_only.url).output
    assert found.count("new@office.example") == 2
    assert grs(*words[:-1], "nowhere", "--role", "supervisor", url=sqlite_only.url).exit_code == 1
    assert grs("people", "invite", "no-address", *words[3:], *post[:2], url=sqlite_only.url).exit_code == 1


# -- grs calendar import -----------------------------------------------------------------------


def test_calendar_import_and_dry_run(sqlite_only: Template, tmp_path: Path) -> None:
    file = tmp_path / "change.csv"
    file.write_text(SMALL_CALENDAR)
    assert (
        "0 of 0 open complaints would change"
        in grs("calendar", "import", str(file), "--dry-run", url=sqlite_only.url).output
    )
    assert "1 rows added" in grs("calendar", "import", str(file), url=sqlite_only.url).output
    assert "0 rows added, 1 already there" in grs("calendar", "import", str(file), url=sqlite_only.url).output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day,kind\n", "line 1: the first line must name the columns"),
        (SMALL_CALENDAR + "2027-02-30,holiday,ক,k,s\n", "line 3: date: '2027-02-30'"),
        (SMALL_CALENDAR + "2027-02-03,party,ক,k,s\n", "line 3: kind: 'party'"),
        ("date,kind,name_bn,name_en\n", "no rows"),
        (SMALL_CALENDAR + "9999-12-31,holiday,ক,k,s\n", "line 3: date: the year of 9999-12-31"),
        (SMALL_CALENDAR + '2027-02-03,holiday,"ক', "not readable as CSV"),
        (SMALL_CALENDAR + "2027-02-03,holiday,ক\n", "line 3: has not as many cells"),
        (SMALL_CALENDAR + "2027-02-03,holiday,ক,k,s,more\n", "line 3: has not as many cells"),
        ("date,kind,name_bn,name_en,name_en\n", "line 1: a column is named twice: name_en"),
    ],
)
def test_a_calendar_file_with_a_mistake_changes_nothing(
    sqlite_only: Template, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    found = grs("calendar", "import", str(file), url=sqlite_only.url)
    assert found.exit_code == 1
    assert told in found.output
    file.write_text(SMALL_CALENDAR)
    assert "1 rows added" in grs("calendar", "import", str(file), url=sqlite_only.url).output


# -- database and history -----------------------------------------------------------------------


def test_commands_need_a_database_that_is_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    found = grs("history", "verify", url=url)
    assert (found.exit_code, "grs db upgrade" in found.output) == (1, True)
    assert grs("db", "upgrade", url=url).exit_code == 0
    assert grs("db", "check", url=url).exit_code == 0
    assert "0 broken" in grs("history", "verify", url=url).output
    assert grs("history", "verify", "123", url=url).exit_code == 1
    assert grs("db", "downgrade", "base", url=url).output.strip() == "the database is at base"


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("CUTOFF", "5pm"),
        ("DATABASE_URL", "mysql://x"),
        ("BASE_URL", "grs.example"),
        ("SMTP_SECURITY", "maybe"),
        ("BEHIND_PROXY", "perhaps"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "x@y@z"),
        ("CONFIG", "config/absent.toml"),
    ],
)
def test_a_wrong_setting_is_named_and_exits_2(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({f"GRS_{name}": value})
    assert name.lower() in str(refused.value).lower()
    done = subprocess.run(
        [sys.executable, "-m", "workers", "--once", "escalate"],
        cwd=ROOT, env=os.environ | {f"GRS_{name}": value}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_links_follow_the_port_unless_an_address_is_set() -> None:
    assert read_settings({"GRS_PORT": "8031"}).base_url == "http://127.0.0.1:8031"
    assert read_settings({"GRS_BASE_URL": "https://grs.example/"}).base_url == "https://grs.example"


def test_secrets_are_not_shown() -> None:
    settings = read_settings({"GRS_SECRET_KEY": "verysecret", "GRS_SMTP_PASSWORD": "alsosecret"})
    assert "secret" not in repr(settings)


def test_numbers_and_text_stay_what_they_are() -> None:
    settings = read_settings({"GRS_SMTP_PASSWORD": "0171", "GRS_PORT": "8080", "GRS_CUTOFF": "17:00"})
    assert (settings.smtp_password, settings.port, str(settings.cutoff)) == ("0171", 8080, "17:00:00")


# -- workers ------------------------------------------------------------------------------------------


def run_worker(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GRS_DATABASE_URL": url, "GRS_SECRET_KEY": SECRET}
    return subprocess.run(
        [sys.executable, "-m", "workers", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_worker_runs_one_job_and_records_it(sqlite_only: Template) -> None:
    from sqlalchemy import select

    from grs.db.engine import make_engine, readers
    from grs.db.job_runs import JobRun

    dry = run_worker(sqlite_only.url, "--once", "escalate", "--dry-run")
    assert (dry.returncode, json.loads(dry.stdout)) == (0, {"escalated": 0, "letters": 0})
    done = run_worker(sqlite_only.url, "--once", "escalate")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"escalated": 0, "letters": 0})
    engine = make_engine(sqlite_only.url)
    with readers(engine)() as session:
        (run,) = session.scalars(select(JobRun)).all()
    engine.dispose()
    assert (run.job, run.counts, run.error) == ("escalate", {"escalated": 0, "letters": 0}, None)
    assert run.ended_at is not None


def test_bad_usage_of_the_worker_exits_2(sqlite_only: Template) -> None:
    assert run_worker(sqlite_only.url, "--once", "sleep").returncode == 2
    assert run_worker(sqlite_only.url, "--dry-run").returncode == 2


def test_a_worker_without_a_schema_fails_in_one_sentence(tmp_path: Path) -> None:
    done = run_worker(f"sqlite:///{tmp_path / 'empty.db'}", "--once", "escalate")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


# -- the first run ----------------------------------------------------------------------------------------


@pytest.mark.xdist_group("processes")
def test_the_first_run_serves_works_and_stops(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {
        "GRS_DATABASE_URL": f"sqlite:///{tmp_path / 'grs.db'}",
        "GRS_MAIL_FOLDER": str(tmp_path / "mail"),
        "GRS_SMS_FOLDER": str(tmp_path / "sms"),
        "GRS_SECRET_KEY": SECRET,
        "GRS_PORT": str(port),
        "GRS_BASE_URL": f"http://127.0.0.1:{port}",
    }
    for attempt in (1, 2):
        run = subprocess.Popen(
            [sys.executable, "-m", "grs", "run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            page = _wait_for(f"http://127.0.0.1:{port}/")
            assert "পরীক্ষামূলক ব্যবস্থা" in page
            run.send_signal(signal.SIGINT)
            told, _ = run.communicate(timeout=60)
        finally:
            run.kill()
        assert run.returncode == 0, told
        assert ("passwords are shown this once" in told) == (attempt == 1)
        assert f"http://127.0.0.1:{port}/login" in told
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_port_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        found = CliRunner().invoke(
            main,
            ["run"],
            env={
                "GRS_PORT": port,
                "GRS_DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}",
                "GRS_SECRET_KEY": SECRET,
            },
        )
    assert found.exit_code == 1
    assert f"port {port}" in found.output
    assert found.output.count("\n") == 1


def _wait_for(url: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


# -- grs forms ----------------------------------------------------------------------------------


def test_paper_forms_are_filed_once_and_bad_rows_named(sqlite_only: Template, tmp_path: Path) -> None:
    sheet, operator = tmp_path / "a.xlsx", next(one.email for one in sqlite_only.logins if one.role == "operator")
    assert grs("forms", "sheet", str(sheet), url=sqlite_only.url).exit_code == 0
    book = load_workbook(sheet)
    heading = [str(cell.value) for cell in book["forms"][1]]
    row = {
        "form_number": "৭", "channel": "ডাক", "office": "doict-kaunia", "ground": "অন্য বিষয়", "consent": "হ্যাঁ",
        "subject": "বিষয়", "description": "বিবরণ", "name": "নমুনা", "mobile": "০১৭০০০০০০০১",
    }  # fmt: skip
    book["forms"].append([row.get(name, "") for name in heading])
    book["forms"].append([(row | {"form_number": "8", "mobile": "1"}).get(name, "") for name in heading])
    book.save(sheet)
    words = ("forms", "import", str(sheet), "--operator", operator)
    tried = grs(*words, "--dry-run", url=sqlite_only.url)
    assert "would be filed 1, known 0, refused 1" in tried.output
    assert "3\t8\trefused\tmobile: not_a_mobile" in tried.output
    assert "filed 1, known 0, refused 1" in grs(*words, url=sqlite_only.url).output
    again = grs(*words, url=sqlite_only.url)
    assert (again.exit_code, "filed 0, known 1, refused 1" in again.output) == (1, True)
    stranger = grs("forms", "import", str(sheet), "--operator", "x@y.example", url=sqlite_only.url)
    assert (stranger.exit_code, "no operator x@y.example" in stranger.output) == (1, True)
    junk = tmp_path / "b.xlsx"
    junk.write_bytes(b"junk")
    assert grs("forms", "import", str(junk), "--operator", operator, url=sqlite_only.url).exit_code == 1
