"""How often each page asks the database, and how the hot queries find their rows: never by looking at all of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, text

from grs.bootstrap import House, open_house
from grs.db.engine import BY_ITS_VALUES
from grs.domain.calendar import CalendarRow, RowKind
from grs.usecases.calendars import import_calendar
from grs.usecases.escalation import escalate_overdue
from grs.usecases.recalculation import recalculate_due_dates
from grs.web import create_app
from tests.conftest import BEFORE_ALL, Clock, Template, browser, log_in, make_settings, new_postgres_database
from tests.stories import dhaka, lodge, lodge_on_the_web
from workers import jobs

ROLES = {
    "grievance_officer": "doict-rangpur", "supervisor": "doict", "operator": "doict-kaunia",
    "administrator": "cabinet-cell",
}  # fmt: skip
MOST = {
    "admin.machines": 4, "api.describe": 2, "api_offices.offices": 1, "api_offices.services": 1, "machines.tokens": 6,
    "account.account": 7, "account.forgot": 2, "account.login": 2, "account.second_factor": 3, "admin.calendar": 8,
    "admin.calendar_as_csv": 4, "admin.calendar_as_ics": 4, "admin.charters": 4, "admin.home": 9, "admin.jobs": 5,
    "admin.letters": 7, "admin.log": 4, "admin.offices": 4, "admin.people": 5, "admin.rules": 5,
    "citizen.figures": 2, "citizen.figures_csv": 0, "citizen.figures_json": 0, "health.alive": 0,
    "citizen.home": 3, "citizen.own": 2, "citizen.seals": 3, "citizen.seals_txt": 1, "citizen.search": 4,
    "citizen.track": 2, "health.ready": 4, "officer.calendar": 8, "officer.complaint": 19, "officer.desk": 15,
    "officer.export": 7, "officer.leave": 8, "officer.letters": 6, "officer.print_many": 2, "officer.print_one": 19,
    "officer.tasks": 6, "officer.texts": 6, "operator.home": 3, "operator.receipts": 3, "operator.sheet": 3,
    "supervisor.annex": 10, "supervisor.annex_as_csv": 12, "supervisor.annex_as_xlsx": 15, "supervisor.home": 43,
    "supervisor.register_as_csv": 15, "supervisor.registers": 12,
}  # fmt: skip
"""By endpoint, the most statements of one request, its log-in's included."""


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


@contextmanager
def counted(house: House) -> Iterator[list[str]]:
    """Every statement that is sent meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            sent.append(statement)

    event.listen(house.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(house.engine, "before_cursor_execute", note)


def counts_of(house: House, app: Flask, client: FlaskClient, number: str) -> dict[str, int]:
    """By endpoint, how many statements its page takes: those without an argument, and a complaint's."""
    found = {}
    for rule in app.url_map.iter_rules():
        if not rule.methods or "GET" not in rule.methods or rule.arguments - {"number"} or rule.endpoint == "static":
            continue
        path = rule.rule.replace("<number>", number)
        client.get(path).close()  # what is kept for the next request is there now
        with counted(house) as sent:
            answer = client.get(path)
        if answer.status_code == 200:
            found[rule.endpoint] = len(sent)
        answer.close()
    return found


@pytest.mark.parametrize("role", ROLES)
def test_no_page_asks_more_often_than_it_says(house: House, database: Template, role: str) -> None:
    app = create_app(house, test_config={"WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False})
    client = log_in(app.test_client(), database.logins, role=role, office=ROLES[role])
    number = lodge(house).complaint.tracking_number
    lodge(house, mobile="01700000012")
    few = counts_of(house, app, client, number)
    for n in range(12):
        lodge(house, mobile=f"0170000002{n % 10}", subject=f"আরও {n}")
    many = counts_of(house, app, client, number)
    grown = {page: (few[page], count) for page, count in many.items() if count > few.get(page, 0)}
    assert grown == {}, "a query in a loop"
    over = {page: (count, MOST.get(page)) for page, count in many.items() if count > MOST.get(page, 0)}
    assert over == {}


OFFICES = ("doict-kaunia", "doict-bagherpara")


@pytest.mark.parametrize("job", ["escalates what is overdue", "applies a calendar change"])
def test_a_job_asks_no_more_often_for_more_desks(sqlite_template: Template, tmp_path: Path, job: str) -> None:
    asked = []
    for offices in (OFFICES[:1], OFFICES):
        copy = tmp_path / f"{len(offices)}.db"
        shutil.copy(sqlite_template.url.removeprefix("sqlite:///"), copy)
        clock = Clock(dhaka(date(2025, 4, 6), 10))
        house = open_house(make_settings(f"sqlite:///{copy}", tmp_path), clock=clock)
        for office in offices:
            lodge(house, office)
        if job == "escalates what is overdue":
            clock.now = dhaka(date(2025, 5, 21), 0, 5)
            with counted(house) as sent:
                done = escalate_overdue(house.writers, shelf=house.shelf, now=clock())["escalated"]
        else:
            with house.writers.begin() as session:
                row = CalendarRow(day=date(2025, 4, 27), kind=RowKind.HOLIDAY, name_bn="ছুটি", reference="SRO 13")
                import_calendar(session, [row], now=clock())
            with counted(house) as sent:
                done = recalculate_due_dates(house.writers, shelf=house.shelf, now=clock(), reference="SRO 13")["moved"]
        house.close()
        assert done == len(offices)
        asked.append(len(sent))
    assert asked[0] == asked[1]


LARGE = ("complaint", "complaint_text", "complainant", "assignment", "step", "message", "attachment")
"""The tables that grow with the number of complaints."""


def looks_at_all(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The large tables that PostgreSQL would read from end to end for a query, if it avoided that where it can.

    By the plan for these values, and by the one for any values, which it goes over to when a process has asked some ten
    times. An index read without a condition is no better than the table; one of few rows only (``WHERE``) is meant so.
    """
    partial = set(connection.scalars(text("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '% WHERE %'")))
    rows = connection.execute(text("SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'"))
    table_of = {index: table for index, table in rows}
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    found, waiting = [], [plan["Plan"]]
    if not any(mark in statement for mark in BY_ITS_VALUES):
        waiting.append(plan_for_any_values(connection, statement))
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        kind, index = node["Node Type"], node.get("Index Name")
        is_index = kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
        if kind == "Seq Scan" and node["Relation Name"] in LARGE:
            found.append(node["Relation Name"])
        elif is_index and "Index Cond" not in node and index not in partial and table_of.get(index) in LARGE:
            found.append(index)
    return found


def plan_for_any_values(connection: Connection, statement: str) -> Any:
    """The plan of a statement that is prepared."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")
    asked = connection.execution_options(no_parameters=True)
    asked.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    asked.exec_driver_sql(f"PREPARE asked AS {numbered}")
    values = f"({', '.join(['NULL'] * len(names))})" if names else ""
    (plan,) = asked.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE asked{values}").scalar_one()
    asked.exec_driver_sql("DEALLOCATE asked")
    return plan["Plan"]


@contextmanager
def noted(house: House) -> Iterator[list[tuple[str, Any]]]:
    """Every query that is sent meanwhile, with its values."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and not isinstance(parameters, list):
            asked.append((statement, parameters))

    event.listen(house.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(house.engine, "before_cursor_execute", note)


@pytest.fixture
def on_postgres(postgres_template: Template, postgres_server: str, tmp_path: Path) -> Iterator[House]:
    url = new_postgres_database(postgres_server, f"plans_{tmp_path.name.lower()}"[:60], "template_grs")
    house = open_house(make_settings(url, tmp_path), clock=Clock(BEFORE_ALL))
    yield house
    house.close()


def test_no_hot_query_looks_at_a_whole_table(on_postgres: House, postgres_template: Template) -> None:
    house, clock = on_postgres, on_postgres.clock
    assert isinstance(clock, Clock)
    lodged = lodge(house)
    number = lodged.complaint.tracking_number
    officer = log_in(browser(house), postgres_template.logins, role="grievance_officer", office="doict-rangpur")
    citizen = browser(house)
    with noted(house) as asked:
        assert officer.get("/officer/").status_code == 200
        assert officer.get("/officer/?left=overdue&q=x").status_code == 200
        assert officer.get(f"/officer/complaints/{number}").status_code == 200
        assert citizen.post("/track", data={"number": number, "code": lodged.access_code}).status_code == 303
        assert citizen.get(f"/complaints/{number}").status_code == 200
        lodge_on_the_web(citizen, "doict-kaunia")
        for job in ("escalate", "deliver", "call", "lapse", "remind", "recalculate"):
            jobs.run(house, job)
        clock.forward(days=60)
        for job in ("escalate", "deliver", "remind", "digest"):
            jobs.run(house, job)
    assert len(asked) > 100
    with house.engine.connect() as connection:
        found = {s: bad for s, values in asked if (bad := looks_at_all(connection, s, values))}
    assert found == {}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM message WHERE key LIKE 'digest/%%'",
        "SELECT * FROM complaint WHERE subject = 'x'",
        "SELECT max(happened_at) FROM step",
        "SELECT * FROM complaint WHERE subject = %(x)s::VARCHAR",
    ],
)
def test_a_query_without_an_index_is_seen(on_postgres: House, statement: str) -> None:
    with on_postgres.engine.connect() as connection:
        assert looks_at_all(connection, statement, {"x": "y"}) != []
