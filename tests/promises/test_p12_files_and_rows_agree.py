"""P12. Killed at random while files come in: what was taken has its files, and nothing lies about without an owner."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import delete, func, select

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint
from grs.db.drafts import Attachment, AttachmentContent, Draft
from grs.usecases.drafts import forget_drafts
from tests.conftest import Template, make_settings
from tests.promises.bench import LONG, Site, running_site, seeded, tallied, within
from tests.promises.citizens import UNREACHABLE, Journal, Phone, Refused, fill_in_over_http, send
from tests.stories import assert_all_holds

ROUNDS = 200 if LONG else 5


class Uploader(Phone):
    """A phone that sends a photograph with the form."""

    def upload(self, address: str, picture: bytes) -> int:
        boundary = uuid.uuid4().hex
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode() + picture + f"\r\n--{boundary}--\r\n".encode()  # fmt: skip
        request = urllib.request.Request(
            f"{self.site}/forms/{address}/files",
            body,
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


def picture_of(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300 + number % 200, 300), (number % 256, 80, 80)).save(out, "PNG")
    return out.getvalue()


def kill_a_server(site: Site) -> None:
    """SIGKILL one of the processes that serve; gunicorn starts another."""
    children = subprocess.run(["pgrep", "-P", str(site.process.pid)], capture_output=True, text=True).stdout.split()
    for child in children[:1]:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)


def without_their_file(house: House, journal: Journal) -> int:
    """The oracle: acknowledged complaints that are not there or lack the file that was taken with them."""
    with house.readers() as session:
        with_file = set(
            session.scalars(
                select(Complaint.tracking_number)
                .join(Attachment, Attachment.complaint_id == Complaint.id)
                .join(AttachmentContent, AttachmentContent.attachment_id == Attachment.id)
            )
        )
    return sum(one.number not in with_file for one in journal.answered("yes"))


def test_killed_while_files_come_in(database: Template, tmp_path: Path) -> None:
    chance = seeded()
    journal, numbers = Journal(), iter(range(10**6))

    def one_citizen(site: str) -> None:
        phone = Uploader(site)
        with suppress(Refused, *UNREACHABLE):
            address = fill_in_over_http(phone)
            if phone.upload(address, picture_of(next(numbers))) == 303:
                journal.note(send(phone, address), phone.slowest)

    kind = "PostgreSQL" if database.url.startswith("postgresql") else "SQLite"
    with running_site(database.url, tmp_path, workers=2) as site, tallied(f"P12 files, {kind}") as tally:
        for _ in range(ROUNDS):
            threads = [threading.Thread(target=one_citizen, args=[site.url]) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.02, 0.5))
            kill_a_server(site)
            for thread in threads:
                thread.join(60)
            tally.faults += 1
        house = open_house(make_settings(database.url, tmp_path))
        assert within(20, lambda: len(journal.answered("yes")) > 0 or ROUNDS > 50)
        one_citizen(site.url)
        tally.rounds = len(journal.answered("yes"))
        assert tally.rounds > 0
        tally.lost = without_their_file(house, journal)
        assert_all_holds(house)
        # What was begun and never sent goes with its files when its time is over; nothing else goes.
        files = _count(house)
        forget_drafts(house.writers, now=house.clock() + timedelta(days=60))
        assert _count(house) <= files
        with house.readers() as session:
            left = session.scalar(select(func.count(Draft.id)))
            orphans = session.scalar(select(func.count(Attachment.id)).where(Attachment.complaint_id.is_(None)))
        assert (left, orphans) == (0, 0)
        assert without_their_file(house, journal) == 0
    house.close()


def _count(house: House) -> int:
    with house.readers() as session:
        return session.scalar(select(func.count(Attachment.id))) or 0


def test_control_a_file_that_is_gone_is_seen(house: House, tmp_path: Path) -> None:
    from tests.conftest import browser
    from tests.stories import fill_in

    client = browser(house)
    address = fill_in(client, "doict-kaunia")
    client.post(f"/forms/{address}/files", data={"files": (io.BytesIO(picture_of(1)), "a.png")})
    location = client.post(f"/forms/{address}/check").headers["Location"]
    from tests.promises.citizens import Filed

    journal = Journal([Filed(address, "yes", number=location.rsplit("/", 1)[1])])
    assert without_their_file(house, journal) == 0
    with house.writers.begin() as session:
        session.execute(delete(AttachmentContent))
    assert without_their_file(house, journal) == 1
    with pytest.raises(AssertionError, match="bytes are gone"):
        assert_all_holds(house)
