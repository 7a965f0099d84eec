"""Hearings and due dates as iCalendar: an invitation that goes with a letter, a feed that programs fetch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

# The library takes some megabytes that few requests need: each function loads it itself.
if TYPE_CHECKING:
    from icalendar import Event

HEARING_LASTS = timedelta(hours=1)
"""How long a hearing stands in the calendar (ours): nobody says beforehand when it will end."""
PRODUCT = "-//grievance tracker//bn"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One event of a feed: at an instant, or on a whole day."""

    key: str
    title: str
    day: date
    begins_at: datetime | None = None
    place: str = ""
    address: str = ""


def hearing_invitation(
    facts: Mapping[str, Any], *, method: str, title: str, sender: str, to_address: str, sent_at: datetime
) -> bytes:
    """The invitation to a hearing, or its cancellation.

    A later call of the same complaint replaces the earlier one in calendars.
    """
    from icalendar import Event, vCalAddress

    organizer = vCalAddress(f"mailto:{parseaddr(sender)[1]}")
    domain = parseaddr(sender)[1].partition("@")[2] or "localhost"
    begins_at = datetime.fromisoformat(facts["begins_at"])
    event = Event()
    event.add("uid", f"hearing-{facts['tracking_number']}@{domain}")
    event.add("sequence", facts["call"])
    event.add("dtstamp", sent_at)
    event.add("dtstart", begins_at)
    event.add("dtend", begins_at + HEARING_LASTS)
    event.add("summary", title)
    event.add("location", facts["place"])
    event.add("organizer", organizer)
    event.add("attendee", vCalAddress(f"mailto:{to_address}"))
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    return _calendar([event], method=method)


def feed(entries: Iterable[FeedEntry], *, name: str, domain: str, now: datetime) -> bytes:
    """A calendar to subscribe to."""
    from icalendar import Event

    events = []
    for entry in entries:
        event = Event()
        event.add("uid", f"{entry.key}@{domain}")
        event.add("dtstamp", now)
        event.add("summary", entry.title)
        if entry.begins_at is not None:
            event.add("dtstart", entry.begins_at)
            event.add("dtend", entry.begins_at + HEARING_LASTS)
        else:
            event.add("dtstart", entry.day)
        if entry.place:
            event.add("location", entry.place)
        if entry.address:
            event.add("url", entry.address)
        events.append(event)
    return _calendar(events, method="PUBLISH", name=name)


def _calendar(events: Iterable[Event], *, method: str, name: str = "") -> bytes:
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    if name:
        calendar.add("x-wr-calname", name)
    for event in events:
        calendar.add_component(event)
    return bytes(calendar.to_ical())
