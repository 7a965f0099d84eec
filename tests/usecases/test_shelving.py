"""Files leave the database for a folder or a bucket, and nobody sees a difference."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from grs.bootstrap import House
from grs.db.drafts import Attachment, AttachmentContent, FileToDelete
from grs.uploads import CleanFile, clean_upload
from grs.uploads.store import MARK, BucketStore, FileStore, FolderStore, StoreAway, file_store
from grs.usecases.correspondence import add_information, withdraw
from grs.usecases.invariants import check_invariants
from grs.usecases.shelving import path_of
from tests.conftest import Clock, Template, browser, log_in
from tests.postgres import free_port
from tests.stories import assert_all_holds, fill_in, lodge
from workers import jobs


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server that others wrote, with a bucket ``files``; gives its address."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{address}/files", method="PUT"), timeout=5):
                break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)
    yield address
    server.terminate()
    server.wait(10)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    if request.param == "folder":
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / MARK).touch()
        found = file_store(f"file://{tmp_path}/store")
        assert isinstance(found, FolderStore)
        return found
    address = request.getfixturevalue("s3")
    for name, value in {
        "ENDPOINT_URL": address, "ALLOW_HTTP": "true", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test",
        "REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    bucket = file_store(f"s3://files/{os.getpid()}-{tmp_path.name}")
    assert isinstance(bucket, BucketStore)
    return bucket


@pytest.fixture
def shelving(house: House, store: FileStore) -> House:
    return dataclasses.replace(house, files=store)


def a_file(shade: int = 0, name: str = "রসিদ.jpg") -> CleanFile:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (shade * 80, 90, 60)).save(out, "JPEG")
    return clean_upload(name, out.getvalue())


def complaint_with_files(house: House, *files: CleanFile) -> str:
    number = lodge(house).complaint.tracking_number
    with house.writers.begin() as session:
        add_information(session, number, text="", files=files, now=house.clock())
    return number


def in_database(house: House) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count()).select_from(AttachmentContent)) or 0


def test_a_store_keeps_gives_and_deletes(store: FileStore) -> None:
    assert store.get("0/1-x") is None
    store.put("0/1-x", b"one")
    store.put("0/1-x", b"two")
    assert store.get("0/1-x") == b"two"
    store.delete("0/1-x")
    store.delete("0/1-x")
    assert store.get("0/1-x") is None


def test_files_move_and_are_read_as_before(shelving: House, clock: Clock, database: Template) -> None:
    first, second = a_file(1), a_file(2, "দ্বিতীয়.jpg")
    number = complaint_with_files(shelving, first, second)
    assert in_database(shelving) == 2
    assert jobs.run(shelving, "shelve", dry_run=True) == {"shelved": 2, "unshelved": 0}
    assert jobs.run(shelving, "shelve") == {"shelved": 2, "unshelved": 0}
    assert jobs.run(shelving, "shelve") == {"shelved": 0, "unshelved": 0}
    assert in_database(shelving) == 0
    officer = log_in(browser(shelving), database.logins, role="grievance_officer", office="doict-rangpur")
    with shelving.readers() as session:
        ids = session.scalars(select(Attachment.id).order_by(Attachment.id)).all()
    answers = [officer.get(f"/officer/complaints/{number}/files/{one}") for one in ids]
    assert [one.data for one in answers] == [first.content, second.content]
    assert_all_holds(shelving)


def test_what_the_store_loses_or_changes_is_found_out(shelving: House, store: FileStore) -> None:

    complaint_with_files(shelving, a_file(1), a_file(2))
    jobs.run(shelving, "shelve")
    with shelving.readers() as session:
        one, two = session.scalars(select(Attachment).order_by(Attachment.id)).all()
    store.put(path_of(one.id, one.sha256), b"other")
    store.delete(path_of(two.id, two.sha256))
    with shelving.reports() as session:
        broken = check_invariants(session, shelf=shelving.shelf, store=store)
    assert broken == [
        (f"file {one.id}", "its bytes are not those that were taken"), (f"file {two.id}", "its bytes are gone"),
    ]  # fmt: skip


def test_a_store_that_is_away_stops_no_complaint_and_is_said_so(
    house: House, database: Template, tmp_path: Path
) -> None:
    away = dataclasses.replace(house, files=FolderStore(Path("/proc/nowhere")))
    number = complaint_with_files(away, a_file())
    with pytest.raises(StoreAway):
        jobs.run(away, "shelve")
    assert in_database(away) == 1
    (tmp_path / MARK).touch()
    there = dataclasses.replace(house, files=FolderStore(tmp_path))
    jobs.run(there, "shelve")
    officer = log_in(browser(away), database.logins, role="grievance_officer", office="doict-rangpur")
    with house.readers() as session:
        file_id = session.scalars(select(Attachment.id)).one()
    assert officer.get(f"/officer/complaints/{number}").status_code == 200
    assert officer.get(f"/officer/complaints/{number}/files/{file_id}").status_code == 503


def test_a_worker_killed_between_store_and_database_does_it_again(
    shelving: House, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaint_with_files(shelving, a_file())

    def killed(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(store, "get", killed)
        jobs.run(shelving, "shelve")
    assert in_database(shelving) == 1
    assert jobs.run(shelving, "shelve")["shelved"] == 1
    assert_all_holds(shelving)


def test_a_store_that_gives_back_something_else_is_not_trusted(
    shelving: House, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaint_with_files(shelving, a_file())
    monkeypatch.setattr(store, "get", lambda _: b"other")
    assert jobs.run(shelving, "shelve")["shelved"] == 0
    assert in_database(shelving) == 1


def test_with_the_complaints_personal_data_its_files_leave_the_store(
    shelving: House, store: FileStore, clock: Clock
) -> None:
    number = complaint_with_files(shelving, a_file())
    jobs.run(shelving, "shelve")
    with shelving.readers() as session:
        file = session.scalars(select(Attachment)).one()

    path = path_of(file.id, file.sha256)
    assert store.get(path) == a_file().content

    with shelving.writers.begin() as session:
        withdraw(session, number, reason="", now=shelving.clock())
    clock.now += timedelta(days=20 * 366)
    assert jobs.run(shelving, "anonymise")["anonymised"] == 1
    with shelving.readers() as session:
        assert session.scalars(select(FileToDelete.path)).all() == [path]
    assert jobs.run(shelving, "shelve")["unshelved"] == 1
    assert store.get(path) is None


def test_files_of_a_form_that_is_not_sent_stay(shelving: House) -> None:

    client = browser(shelving)
    address = fill_in(client, "doict-kaunia")
    picture = (io.BytesIO(a_file().content), "রসিদ.jpg")
    assert client.post(f"/forms/{address}/files", data={"files": picture}).status_code == 303
    assert in_database(shelving) == 1
    assert jobs.run(shelving, "shelve")["shelved"] == 0
    assert client.post(f"/forms/{address}/check").status_code == 303
    assert jobs.run(shelving, "shelve")["shelved"] == 1
    assert_all_holds(shelving)


def test_a_share_that_is_not_mounted_swallows_nothing(house: House, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()  # what is there where nothing is mounted
    away = dataclasses.replace(house, files=FolderStore(tmp_path / "store"))
    complaint_with_files(away, a_file())
    with pytest.raises(StoreAway, match="mounted"):
        jobs.run(away, "shelve")
    assert in_database(away) == 1
    assert list((tmp_path / "store").iterdir()) == []


def test_the_folders_group_may_read_what_the_worker_wrote(tmp_path: Path) -> None:
    """The site runs as another user of the same group; both have a umask that gives nothing away."""
    (tmp_path / MARK).touch()
    before = os.umask(0o077)
    try:
        FolderStore(tmp_path).put("0/1-x", b"one")
    finally:
        os.umask(before)
    assert (tmp_path / "0" / "1-x").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "0").stat().st_mode & 0o7777 == 0o2750


def test_what_a_killed_writer_left_goes_with_the_file(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    store = FolderStore(tmp_path)
    store.put("0/1-x", b"one")
    (tmp_path / "0" / "1-x.0123.part").write_bytes(b"o")
    store.delete("0/1-x")
    assert list((tmp_path / "0").iterdir()) == []


def test_what_was_put_but_not_noted_goes_with_the_complaint_too(
    shelving: House, store: FileStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker was killed after the store had it; then the complaint's time was over."""
    number = complaint_with_files(shelving, a_file())
    with shelving.readers() as session:
        file = session.scalars(select(Attachment)).one()
    path = path_of(file.id, file.sha256)
    store.put(path, a_file().content)
    with shelving.writers.begin() as session:
        withdraw(session, number, reason="", now=shelving.clock())
    clock.now += timedelta(days=20 * 366)
    jobs.run(shelving, "anonymise")
    jobs.run(shelving, "shelve")
    assert store.get(path) is None


def test_one_file_that_cannot_be_deleted_keeps_no_other(shelving: House, store: FileStore, clock: Clock) -> None:
    store.put("0/2-good", b"x")
    with shelving.writers.begin() as session:
        for path in ("0/1-bad", "0/2-good"):
            session.add(FileToDelete(path=path, since=clock.now))
    deletes = store.delete

    def failing(path: str) -> None:
        if path.endswith("bad"):
            raise StoreAway("it is a folder")
        deletes(path)

    store.delete = failing  # type: ignore[method-assign]
    with pytest.raises(StoreAway):
        jobs.run(shelving, "shelve")
    assert store.get("0/2-good") is None


def test_a_silent_bucket_is_not_waited_for_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:1", "ALLOW_HTTP": "true", "REGION": "us-east-1",
                        "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    store = BucketStore("s3://files/x")
    with pytest.raises(StoreAway):
        store.get("a")
    began = time.monotonic()
    with pytest.raises(StoreAway, match="a moment ago"):
        store.get("a")
    assert time.monotonic() - began < 0.5
