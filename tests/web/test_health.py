"""What machines that watch read: alive, ready, measures, and logs that name one request everywhere."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.messages import Message
from grs.logs import JsonLines, QuietFormatter, cause, configure_logging
from grs.settings import SettingsError, read_settings
from tests.conftest import Clock, browser
from tests.stories import lodge, lodge_on_the_web, pass_days
from workers import jobs

TOKEN = "x" * 40
LOGGERS = ("root", "apscheduler", "grs.web.requests", "grs.letters")


def measures(house: House) -> dict[str, float]:
    told = replace(house, settings=replace(house.settings, metrics_token=TOKEN))
    answer = browser(told).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    lines = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_the_measures_follow_what_happens(house: House, clock: Clock) -> None:
    lodge(house)
    before = measures(house)
    assert (before["grs_complaints_open"], before["grs_complaints_overdue"]) == (1, 0)
    assert before['grs_letters{state="queued"}'] >= 1
    assert before['grs_job_late{job_name="escalate"}'] == 1, "no worker has run"
    pass_days(house, clock, clock.now.date() + timedelta(days=3), ("escalate", "deliver", "seal"))
    after = measures(house)
    assert after['grs_letters{state="queued"}'] == 0
    assert after['grs_job_late{job_name="deliver"}'] == 0
    assert after["grs_seal_age_seconds"] >= 0
    clock.forward(days=80)
    assert measures(house)["grs_complaints_overdue"] == 1


def test_the_measures_are_for_who_has_the_token(house: House) -> None:
    assert browser(house).get("/metrics").status_code == 404, "none is set: there is no such page"
    told = replace(house, settings=replace(house.settings, metrics_token=TOKEN))
    assert browser(told).get("/metrics").status_code == 401
    assert browser(told).get("/metrics", headers={"Authorization": "Bearer y"}).status_code == 401


def test_a_process_says_that_it_is_alive(house: House) -> None:
    assert browser(house).get("/healthz").text == "ok\n"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a process with ``log_format`` json writes."""
    out, root = io.StringIO(), logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in LOGGERS}
    configure_logging(form="json")
    assert isinstance(root.handlers[0], logging.StreamHandler)
    root.handlers[0].setStream(out)
    yield out
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_one_name_leads_from_the_request_to_the_letter(house: House, lines: io.StringIO) -> None:
    client = browser(house)
    lodge_on_the_web(client, "doict-kaunia")
    jobs.run(house, "deliver")
    told = read(lines)
    filed = next(one for one in told if one.get("endpoint") == "citizen.send")
    assert (filed["status"], filed["method"]) == (303, "POST")
    with house.readers() as session:
        causes = set(session.scalars(select(Message.cause)))
    assert causes == {filed["cause"]}
    sent = [one for one in told if one["message"] == "letter sent"]
    assert {one["letter_cause"] for one in sent} == causes
    assert all(re.fullmatch(r"deliver-[0-9a-f]{12}", str(one["cause"])) for one in sent)
    everything = lines.getvalue()
    for private in ("01700000001", "citizen@example", "/receipts/", "/forms/"):
        assert private not in everything, "neither contacts nor addresses that open something"


def test_an_answer_names_its_request_and_a_proxy_may_name_it(house: House) -> None:
    own = browser(house).get("/", headers={"X-Request-ID": "from-a-stranger"}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{12}", own)
    behind = replace(house, settings=replace(house.settings, behind_proxy=True))
    given = browser(behind).get("/", headers={"X-Request-ID": "proxy-1234567"}).headers["X-Request-ID"]
    assert given == "proxy-1234567"
    bad = browser(behind).get("/", headers={"X-Request-ID": "x" * 41}).headers["X-Request-ID"]
    assert bad != "x" * 41


def test_a_failure_is_told_by_kind_and_place_alone_in_either_form() -> None:
    private = "রহিমা " + "01700000001"
    try:
        raise ValueError(private)
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "failed", (), None)

        record.exc_info = sys.exc_info()
    cause.set("abc")
    for formatter in (JsonLines(), QuietFormatter()):
        line = formatter.format(record)
        assert "ValueError" in line
        assert "01700000001" not in line
    assert json.loads(JsonLines().format(record))["cause"] == "abc"


def test_a_form_of_logs_that_is_not_known_is_said() -> None:
    with pytest.raises(SettingsError, match="log_format"):
        read_settings({"GRS_LOG_FORMAT": "xml"})
