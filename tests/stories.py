"""What people do, as tests tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time

from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.queries.complaints import complaint_by_number
from grs.domain.calendar import DHAKA, FIXED_DAYS, ONE_DAY, CalendarRow, RowKind, dhaka_date
from grs.domain.disposal import Disposal, Outcome, RootCause
from grs.domain.lodging import ComplaintForm, Ground, Kind
from grs.usecases import disposals, handling
from grs.usecases.invariants import check_invariants
from grs.usecases.lodging import Lodged, lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.secrets import new_token
from grs.usecases.standing import Desk
from grs.web.citizen.form import FIELDS
from tests.conftest import SECRET, Clock
from workers import jobs

OFFICES = (
    "doict-bagherpara",
    "doict-kaunia",
    "doict-natore-sadar",
    "doict-manikganj-sadar",
    "doict-jaintiapur",
)


def a_form(**changes: object) -> ComplaintForm:
    """A complete complaint form of an invented person."""
    typed: dict[str, object] = {
        "form_key": new_token(),
        "kind": Kind.PUBLIC,
        "ground": Ground.STANDARD_BROKEN,
        "subject": "তথ্য পাওয়া যায়নি",
        "description": "তিনবার গিয়েও তথ্য পাইনি।",
        "remedy": "তথ্য চাই",
        "name": "নমুনা নাগরিক",
        "mobile": "01700000001",
        "email": "citizen@example.com",
    }
    return ComplaintForm(**(typed | changes))  # type: ignore[arg-type]


def lodge(house: House, office: str = "doict-kaunia", **changes: object) -> Lodged:
    """Lodge a complaint through the use case."""
    with house.writers.begin() as session:
        return lodge_complaint(
            session,
            a_form(**changes),
            office=find_office(session, office),
            entry_id=None,
            shelf=house.shelf,
            now=house.clock(),
            secret_key=SECRET,
        )


TYPED = {
    "service": "",
    "ground": "standard_broken",
    "subject": "তথ্য পাওয়া যায়নি",
    "description": "তিনবার গিয়েও তথ্য পাইনি।",
    "remedy": "",
    "about": "nobody",
    "is_anonymous": "no",
    "for_whom": "self",
    "kind": "public",
    "name": "নমুনা নাগরিক",
    "mobile": "০১৭০০০০০০০১",
    "email": "citizen@example.com",
    "language": "bn",
}
"""What an invented person types into the complaint form."""


def fill_in(client: FlaskClient, office: str, **changes: str) -> str:
    """Fill in the form page by page, up to the check; returns its address."""
    typed = TYPED | changes
    answer = client.post(f"/offices/{office}/complain", data={f: typed[f] for f in ("service", "ground")})
    assert answer.status_code == 303, answer.text
    address = answer.headers["Location"].split("/")[2]
    while (page := answer.headers["Location"].rsplit("/", 1)[1]) != "check":
        data = {"continue": "yes"} | {field: typed[field] for field in FIELDS[page] if field in typed}
        answer = client.post(f"/forms/{address}/{page}", data=data)
        assert answer.status_code == 303, (page, answer.text)
    return address


def lodge_on_the_web(client: FlaskClient, office: str, **changes: str) -> tuple[str, str]:
    """Fill in the web form, send it, and read tracking number and access code off the receipt."""
    answer = client.post(f"/forms/{fill_in(client, office, **changes)}/check")
    assert answer.status_code == 303, answer.text
    number = answer.headers["Location"].rsplit("/", 1)[1]
    receipt = client.get(answer.headers["Location"]).text
    code = re.search(r'<span class="code">([০-৯ ]+)</span>', receipt)
    assert code is not None
    return number, code.group(1)


def dispose(house: House, number: str) -> None:
    """Accepted and disposed of by whoever has a complaint that was just lodged."""
    desk = Desk(person_id=1, post_ids=[fetch(house, number).post_id], now=house.clock())
    disposal = Disposal(
        outcome=Outcome.SERVICE_GIVEN, reasons="দেওয়া হয়েছে", root_cause=RootCause.EQUIPMENT, advice="কিনুন"
    )
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=1)
        disposals.dispose(session, desk, number, seen_steps=2, disposal=disposal, shelf=house.shelf)


def dispose_of(house: House, complaint_id: int) -> None:
    """Accepted and disposed of by whoever has it now, wherever it lies."""
    with house.writers.begin() as session:
        found = session.get_one(Complaint, complaint_id)
        number, steps = found.tracking_number, found.step_count
        desk = Desk(person_id=1, post_ids=[found.post_id], now=house.clock())
        handling.accept(session, desk, number, seen_steps=steps)
        disposal = Disposal(outcome=Outcome.UPHELD, reasons="শেষ", root_cause=RootCause.EQUIPMENT, advice="কিনুন")
        disposals.dispose(session, desk, number, seen_steps=steps + 1, disposal=disposal, shelf=house.shelf)


def a_gazette(year: int) -> list[CalendarRow]:
    """A year's list of holidays: the fixed days, and every Sunday of January to April."""
    fixed = [date(year, *day) for day in FIXED_DAYS]
    sundays = [day for n in range(120) if (day := date(year, 1, 1) + ONE_DAY * n).weekday() == 6]
    return [
        CalendarRow(day=day, kind=RowKind.HOLIDAY, name_bn="ছুটি", name_en="Holiday", reference="SRO 1")
        for day in sorted({*fixed, *sundays})
    ]


def fetch(house: House, tracking_number: str) -> Complaint:
    """The complaint as it stands, with its stays and steps."""
    with house.readers() as session:
        found = complaint_by_number(session, tracking_number)
        assert found is not None
        _ = ([stay.office for stay in found.assignments], found.steps, found.office, found.complainant)
        return found


def dhaka(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """An instant by the clock on the wall in Dhaka."""
    return datetime.combine(day, time(hour, minute), DHAKA)


def pass_days(
    house: House, clock: Clock, until: date, names: Iterable[str] = ("escalate", "remind", "deliver")
) -> None:
    """Let the days go by, the jobs running at 00:05 in Dhaka of each; officers' letters leave at ten."""
    day = dhaka_date(clock.now)
    while day < until:
        day += ONE_DAY
        clock.now = dhaka(day, 0, 5)
        for name in names:
            jobs.run(house, name)
        if {"escalate", "deliver"} <= set(names):
            clock.now = dhaka(day, 10)
            jobs.run(house, "deliver")
            clock.now = dhaka(day, 0, 5)


def assert_all_holds(house: House) -> None:
    """Whatever happened: histories, stays, due dates, letters and files are as they must be."""
    with house.reports() as session:
        broken = check_invariants(session, shelf=house.shelf, cutoff=house.settings.cutoff, store=house.files)
    assert broken == [], broken


def break_in(session: Session) -> None:
    """Take the guards off the history, as whoever owns the database can: what is changed now must be noticed."""
    if session.get_bind().dialect.name == "postgresql":
        for table in ("step", "seal", "sealed_head", "security_event"):
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        session.execute(text(f'DROP TRIGGER IF EXISTS "{name}"'))
