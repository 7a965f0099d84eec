"""Findings about what comes in over HTTP: each was a real fault, and stays found."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from grs.bootstrap import House, open_house
from grs.db.drafts import Draft
from grs.domain.errors import FileRefused
from grs.domain.lodging import is_email, read_mobile
from grs.domain.typed import read_clock, read_day
from grs.logs import QuietFormatter, told_safely
from grs.uploads import clean_upload
from grs.usecases.drafts import LONGEST_KEPT
from tests.conftest import Template, browser, make_settings
from tests.stories import fill_in
from tests.web.test_access import PostRole, client_of, person_on

ENDLESS = "9" * 30


@pytest.mark.parametrize("text", [f"2025-{ENDLESS}-01", f"2025-01-{ENDLESS}", f"01/{ENDLESS}/2025"])
def test_a_day_of_thirty_digits_is_no_day(text: str) -> None:
    problems: dict[str, str] = {}
    assert read_day({"day": text}, "day", problems) is None
    assert problems == {"day": "not_a_date"}


@pytest.mark.parametrize("text", [f"{ENDLESS}:00", f"11:{ENDLESS}"])
def test_a_time_of_thirty_digits_is_no_time(text: str) -> None:
    problems: dict[str, str] = {}
    assert read_clock({"at": text}, "at", problems) is None
    assert problems == {"at": "not_a_time"}


def test_a_form_with_an_endless_day_is_told_and_stays_open(house: House) -> None:
    client = browser(house)
    service = re.search(r'<option value="(\d+)"', client.get("/offices/doict-kaunia/complain").text)
    assert service is not None
    begun = client.post("/offices/doict-kaunia/complain", data={"service": service[1], "ground": "late"})
    address = begun.headers["Location"].split("/")[2]
    typed = {"applied_on": f"2025-{ENDLESS}-01", "continue": "yes"}
    assert client.post(f"/forms/{address}/application", data=typed).status_code == 422
    assert client.get(f"/forms/{address}/check").status_code == 200


def test_the_month_of_an_address_may_be_anything(house: House) -> None:
    person_on(house, "head@example.invalid", ("doict-rangpur", PostRole.SUPERVISOR))
    client = client_of(house, "head@example.invalid")
    assert client.get(f"/supervision/?month={ENDLESS}-01").status_code == 200


def test_a_draft_is_no_store_for_files(house: House) -> None:
    client = browser(house)
    address = fill_in(client, "doict-kaunia")
    assert client.post(f"/forms/{address}/events", data={"description": "a" * 1_800_000}).status_code == 422
    with house.readers() as session:
        kept = session.scalars(select(Draft)).one().typed["description"]
    assert len(kept) == LONGEST_KEPT, "enough to shorten it in place"


def test_pages_of_forms_have_a_limit_too(sqlite_only: Template, tmp_path: Path) -> None:
    house = open_house(make_settings(sqlite_only.url, tmp_path))
    client = browser(house, RATELIMIT_ENABLED=True)
    address = fill_in(client, "doict-kaunia")
    answers = Counter(client.post(f"/forms/{address}/events", data={}).status_code for _ in range(620))
    assert answers[429] > 0
    house.close()


def test_an_address_longer_than_any_is_refused(house: House) -> None:
    long = "a" * 250 + "@example.com"
    assert not is_email(long)
    assert browser(house).post("/my-complaints", data={"address": long}).status_code == 422


def test_a_mobile_number_has_digits_that_a_network_knows() -> None:
    assert read_mobile("017" + "٠" * 8) is None
    assert read_mobile("০১৭০০০০০০০১") == "01700000001"


def test_two_who_invite_the_same_person_at_once_fail_softly_and_log_no_address(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    person_on(house, "admin@example.invalid", ("doict-rangpur", PostRole.ADMINISTRATOR))
    clients = [client_of(house, "admin@example.invalid") for _ in range(4)]
    together = threading.Barrier(4)
    answers: Counter[int] = Counter()
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(QuietFormatter())
    logging.getLogger().addHandler(handler)

    def invite(client: FlaskClient) -> None:
        together.wait()
        typed = {"role": "operator", "email": "new@example.com", "name": "নতুন", "held_from": "2025-04-06"}
        answers[client.post("/admin/offices/doict-rangpur/holders", data=typed).status_code] += 1

    threads = [threading.Thread(target=invite, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logging.getLogger().removeHandler(handler)
    assert all(status < 500 for status in answers), answers
    assert "new@example.com" not in log.getvalue()


def test_a_failure_is_logged_by_kind_and_place_never_by_its_words(house: House) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(QuietFormatter())
    logger = logging.getLogger("grs.test")
    logger.addHandler(handler)
    try:
        raise ValueError("গো" + f"পন of {'citizen'}@example.com")
    except ValueError as error:
        assert told_safely(error) == "ValueError"
        logger.exception("request %s failed", "a\nINFO forged line")
    logger.removeHandler(handler)
    told = log.getvalue()
    assert "গোপন" not in told
    assert "citizen@" not in told
    assert "a\\nINFO forged line failed" in told.splitlines()[0]
    assert told.startswith("20"), "every line has its time"


def test_pictures_are_drawn_one_at_a_time_and_none_larger_than_a_page() -> None:
    """Eight at once took three gigabytes."""
    out = BytesIO()
    Image.new("1", (6300, 6300)).save(out, "PNG")
    with pytest.raises(FileRefused) as refused:
        clean_upload("large.png", out.getvalue())
    assert refused.value.reason == "too_many_pixels"
    from grs.uploads import cleaning

    with cleaning._ONE_AT_A_TIME:
        drawn = threading.Thread(target=clean_upload, args=["a.png", _small()])
        drawn.start()
        drawn.join(0.2)
        assert drawn.is_alive(), "the second waits for the first"
    drawn.join(5)
    assert not drawn.is_alive()


def _small() -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


def test_headers_of_a_proxy_that_is_not_ours_change_nothing(sqlite_only: Template, house: House) -> None:
    client = browser(house)
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example",
              "X-Forwarded-For": "8.8.8.8", "X-Real-IP": "8.8.8.8"}  # fmt: skip
    answer = client.get("/?lang=en", headers=forged)
    assert "Strict-Transport-Security" not in answer.headers
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "evil.example" not in answer.text


def test_a_sheet_of_paper_forms_is_looked_at_as_far_as_the_web_takes_it() -> None:
    from openpyxl import Workbook

    from grs.usecases.paper_forms import COLUMNS, InvalidFile, read_forms

    book = Workbook()
    assert book.active is not None
    book.active.append(list(COLUMNS))
    for number in range(400):
        book.active.append([f"{number}"] + ["x"] * 10)
    out = BytesIO()
    book.save(out)
    with pytest.raises(InvalidFile) as refused:
        read_forms(out.getvalue(), most_rows=300)
    assert refused.value.reason == "too_many_rows"
