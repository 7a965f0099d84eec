"""Calendar rows as iCalendar (RFC 5545) and back: whole days, with what the gazette adds in X-GRS properties."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from grs.domain.bangla import normalise
from grs.domain.calendar import NATIONAL, ONE_DAY, YEARS, CalendarRow, Certainty, RowKind, dhaka_date
from grs.domain.errors import InvalidFile
from grs.gazette.files import check_length

_W = TypeVar("_W", RowKind, Certainty)
_ESCAPED = re.compile(r"\\([\\;,nN])")
LONGEST_SPAN = timedelta(days=40)
"""No holiday lasts longer; an event of years is no holiday."""


def write_icalendar(rows: Iterable[CalendarRow], *, made_at: datetime) -> bytes:
    """The rows as a calendar that other programs can subscribe to or take in."""
    from icalendar import Calendar, Event, vText  # some megabytes that few requests need

    calendar = Calendar()
    calendar.add("prodid", "-//grievance tracker//working days//EN")
    calendar.add("version", "2.0")
    for row in rows:
        event = Event()
        event.add("uid", f"{row.day.isoformat()}.{row.kind}.{row.scope.replace(':', '.')}.{hash_of(row)}@grs")
        event.add("dtstamp", made_at)
        event.add("dtstart", row.day)
        event.add("dtend", row.day + ONE_DAY)
        event.add("summary", row.name_bn or row.name_en)
        event.add("transp", "TRANSPARENT" if row.kind is RowKind.WORKING else "OPAQUE")
        for name, value in (
            ("X-GRS-KIND", row.kind),
            ("X-GRS-SCOPE", row.scope),
            ("X-GRS-NAME-EN", row.name_en),
            ("X-GRS-REFERENCE", row.reference),
            ("X-GRS-CERTAINTY", row.certainty),
            ("X-GRS-ANNOUNCED-ON", row.announced_on.isoformat() if row.announced_on else ""),
        ):
            if value:
                event.add(name, vText(str(value)))
        calendar.add_component(event)
    data: bytes = calendar.to_ical()
    return data


def hash_of(row: CalendarRow) -> str:
    """A short name for what a row says, so that two on one day differ."""
    return hashlib.sha256(f"{row.name_bn}\x1f{row.name_en}".encode()).hexdigest()[:8]


def read_icalendar(data: bytes) -> list[CalendarRow]:
    """The whole days of a calendar, a row each; an event of several days gives one for each of them.

    What is not said is a nationwide holiday. Raises InvalidFile for anything that is no calendar, for events that
    repeat, and for events of some hours.
    """
    from icalendar import Calendar

    check_length(data)
    rows: list[CalendarRow] = []
    try:
        calendar: Any = Calendar.from_ical(data.decode("utf-8-sig"))
        for event in calendar.walk("VEVENT"):
            rows += _rows_of(event)
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
        # What the library leaves broken (a property twice, a day that is none) shows only where it is used.
        raise InvalidFile("this is not an iCalendar file, or it is damaged", why="damaged") from None
    if not rows:
        raise InvalidFile("the calendar has no events")
    return rows


def _rows_of(event: Any) -> list[CalendarRow]:
    summary = event.get("SUMMARY", "")
    if isinstance(summary, list):
        raise InvalidFile(f"{summary[0]}: an event has two names")
    name = normalise(str(summary))
    if event.get("RRULE") or event.get("RDATE"):
        raise InvalidFile(f"{name or 'an event'}: repeating events are not taken; each day is gazetted by itself")
    first, last = _days(event, name)
    announced = _own(event, "X-GRS-ANNOUNCED-ON")
    row = CalendarRow(
        day=first,
        kind=_word(RowKind, event, "X-GRS-KIND", RowKind.HOLIDAY, name),
        scope=_scope(_own(event, "X-GRS-SCOPE", NATIONAL), name),
        name_bn=name,
        name_en=normalise(_own(event, "X-GRS-NAME-EN", name)),
        reference=normalise(_own(event, "X-GRS-REFERENCE", str(event.get("DESCRIPTION", "")))),
        certainty=_word(Certainty, event, "X-GRS-CERTAINTY", Certainty.UNVERIFIED, name),
        announced_on=_date(announced, name) if announced else None,
    )
    return [replace(row, day=first + ONE_DAY * n) for n in range((last - first).days)]


def _own(event: Any, field: str, default: str = "") -> str:
    """What one of our own properties says; the library leaves their escaping (RFC 5545, 3.3.11) as it is."""
    value = event.get(field)
    return default if value is None else _ESCAPED.sub(lambda found: found[1].replace("n", " "), str(value))


def _days(event: Any, name: str) -> tuple[date, date]:
    """The first day, and the day after the last."""
    start, end = event.get("DTSTART"), event.get("DTEND")
    first = start.dt if start is not None else None
    last = end.dt if end is not None else None
    if isinstance(first, datetime) or isinstance(last, datetime):
        at = first if isinstance(first, datetime) else last
        whole = isinstance(at, datetime) and at.tzinfo is not None and at.hour == at.minute == 0
        if not (whole and isinstance(first, datetime) and isinstance(last, datetime)):
            raise InvalidFile(f"{name or 'an event'}: only whole days are taken")
        first, last = dhaka_date(first), dhaka_date(last)
    if not isinstance(first, date):
        raise InvalidFile(f"{name or 'an event'}: has no day")
    if not isinstance(last, date) or last <= first:
        last = first + ONE_DAY
    if last - first > LONGEST_SPAN or first.year not in YEARS:
        raise InvalidFile(f"{name or 'an event'}: {first} to {last} is not a holiday")
    return first, last


def _word(words: type[_W], event: Any, field: str, default: _W, name: str) -> _W:
    text = _own(event, field, default)
    try:
        return words(text)
    except ValueError:
        raise InvalidFile(f"{name or 'an event'}: {field} {text!r} is not one of {', '.join(words)}") from None


def _scope(text: str, name: str) -> str:
    kind, _, place = text.partition(":")
    if text != NATIONAL and (kind not in ("district", "office") or not place):
        raise InvalidFile(f"{name or 'an event'}: {text!r} is not national, district:NAME or office:SLUG")
    return text


def _date(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidFile(f"{name or 'an event'}: {text!r} is not a date such as 2025-05-17") from None
