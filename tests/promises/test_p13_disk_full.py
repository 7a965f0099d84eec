"""P13. The disk is full: nothing is taken and nobody is thanked; reading works; afterwards all goes on by itself."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint
from grs.domain.calendar import dhaka_date
from tests.conftest import Template, make_settings
from tests.performance.seeding import seed_complaints
from tests.promises.bench import long_only, read_json, running_site, running_worker, status_of, tallied, within
from tests.promises.citizens import Phone, Refused, fill_in_over_http, send
from tests.promises.test_p01_each_step_exactly_once import waiting
from tests.stories import assert_all_holds

pytestmark = [long_only, pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")]


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    return filler


def count(house: House) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count(Complaint.id))) or 0


def test_a_full_disk_under_the_database(sqlite_only: Template, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 96) as disk, tallied("P13 SQLite's disk") as tally:
        database = disk / "grs.db"
        database.write_bytes(Path(sqlite_only.url.removeprefix("sqlite:///")).read_bytes())
        url = f"sqlite:///{database}"
        house = open_house(make_settings(url, tmp_path))
        today = dhaka_date(datetime.now(UTC))
        seed_complaints(house, 50, due_on=today - timedelta(days=1))
        with running_site(url, tmp_path) as site:
            phone = Phone(site.url)
            before = fill_in_over_http(phone)
            there = count(house)
            filler = fill(disk)
            with running_worker(url, tmp_path):
                answers = [send(phone, before) for _ in range(3)]
                assert {one.status for one in answers} == {503}, answers
                assert count(house) == there, "nothing is kept by half"
                with pytest.raises(Refused, match="503"):
                    fill_in_over_http(Phone(site.url))
                assert status_of(site.url + "/") == 200, "reading works"
                assert read_json(site.url + "/readyz")["disk"] == "full"
                time.sleep(3)
                filler.unlink()
                assert within(30, lambda: status_of(site.url + "/readyz") == 200)
                assert send(phone, before).answer == "yes", "the same form, without a restart"
                assert within(400, lambda: waiting(house, today) == 0, every=1), "what was due meanwhile is caught up"
        tally.rounds, tally.faults = 4, 1
        tally.lost = there + 1 - count(house)
        assert_all_holds(house)
        house.close()


def test_control_a_site_that_thanks_although_nothing_was_written_is_seen(sqlite_only: Template, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 96) as disk:
        database = disk / "grs.db"
        database.write_bytes(Path(sqlite_only.url.removeprefix("sqlite:///")).read_bytes())
        url = f"sqlite:///{database}"
        house = open_house(make_settings(url, tmp_path))
        with running_site(url, tmp_path, GRS_TEST_FAULT="thanks anyway") as site:
            phone = Phone(site.url)
            form, there = fill_in_over_http(phone), count(house)
            fill(disk)
            assert send(phone, form).answer == "yes"
            assert count(house) == there, "one is thanked for that is not there"
        house.close()


def test_a_full_disk_under_letters_and_log(sqlite_only: Template, tmp_path: Path) -> None:
    """Letters wait; complaints are taken all the same."""
    with small_disk(tmp_path / "disk", 2) as disk, tallied("P13 letters' and log's disk") as tally:
        fill(disk)
        with running_site(sqlite_only.url, tmp_path, GRS_MAIL_FOLDER=f"{disk}/mail") as site:
            phone = Phone(site.url)
            assert send(phone, fill_in_over_http(phone)).answer == "yes"
        settings = {"GRS_MAIL_FOLDER": f"{disk}/mail", "GRS_SMS_FOLDER": f"{disk}/sms"}
        house = open_house(make_settings(sqlite_only.url, tmp_path))
        with running_worker(sqlite_only.url, tmp_path, **settings):
            time.sleep(5)
            (disk / "filler").unlink()

            def has_left() -> bool:
                return (disk / "mail").exists() and any((disk / "mail").iterdir())

            assert within(150, has_left, every=1), "tried again when there is room"
        tally.rounds = tally.faults = 1
        assert_all_holds(house)
        house.close()
