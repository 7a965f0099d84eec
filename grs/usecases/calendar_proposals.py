"""A change of the calendar by an administrator: read, previewed, then applied; the worker counts the dates again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from grs.db.administration import Proposal, ProposalKind, SecurityKind
from grs.db.calendars import CalendarChange
from grs.db.offices import Office
from grs.domain.bangla import normalise
from grs.domain.calendar import NATIONAL, CalendarRow, Certainty, RowKind
from grs.domain.districts import DISTRICTS, OLD_SPELLINGS
from grs.domain.errors import InvalidFile, InvalidInput, NotFound, NotYours
from grs.domain.typed import read_choice, read_day
from grs.gazette import read_calendar_file, read_icalendar
from grs.usecases.administration import Administrator
from grs.usecases.calendars import CalendarImport, import_calendar
from grs.usecases.security_log import log_event

LONGEST = 300
KEPT_FOR = timedelta(days=30)
LONGEST_IN_FILE = 2_000
KNOWN_DISTRICTS = frozenset((*DISTRICTS.values(), *OLD_SPELLINGS))


def propose_row(session: Session, admin: Administrator, typed: Mapping[str, str]) -> Proposal:
    """One day as it was typed. Raises InvalidInput or NotYours."""
    problems: dict[str, str] = {}
    day = read_day(typed, "day", problems)
    if day is None and "day" not in problems:
        problems["day"] = "required"
    kind = read_choice(RowKind, typed, "kind", problems)
    announced_on = read_day(typed, "announced_on", problems)
    texts = {name: normalise(typed.get(name, "")) for name in ("name_bn", "name_en", "reference", "scope")}
    problems |= {name: "too_long" for name, text in texts.items() if len(text) > LONGEST}
    for name in ("name_bn", "reference"):
        if not texts[name]:
            problems[name] = "required"
    if problems or day is None or kind is None:
        raise InvalidInput(problems)
    row = CalendarRow(
        day=day,
        kind=kind,
        scope=texts["scope"] or NATIONAL,
        name_bn=texts["name_bn"],
        name_en=texts["name_en"] or texts["name_bn"],
        reference=texts["reference"],
        announced_on=announced_on or admin.today,
    )
    return _propose(session, admin, [row], source=texts["reference"])


def propose_file(session: Session, admin: Administrator, data: bytes, *, name: str) -> Proposal:
    """The rows of a CSV or iCalendar file. Raises InvalidFile, InvalidInput or NotYours."""
    is_icalendar = data.lstrip()[:15].upper().startswith(b"BEGIN:VCALENDAR")
    rows = read_icalendar(data) if is_icalendar else read_calendar_file(data)
    references = dict.fromkeys(row.reference for row in rows if row.reference)
    return _propose(session, admin, rows, source="; ".join(references) if len(references) <= 3 else normalise(name))


def _propose(session: Session, admin: Administrator, rows: Sequence[CalendarRow], *, source: str) -> Proposal:
    for scope in {row.scope for row in rows}:
        _check_scope(session, admin, scope)
    for row in rows:
        if (
            max(map(len, (row.name_bn, row.name_en, row.reference))) > LONGEST_IN_FILE
            or max(len(row.name_bn), len(row.name_en)) > LONGEST
        ):
            raise InvalidFile(f"{row.day}: the name or the reference is too long")
    session.execute(delete(Proposal).where(Proposal.created_at < admin.now - KEPT_FOR))
    proposal = Proposal(
        kind=ProposalKind.CALENDAR,
        person_id=admin.person_id,
        created_at=admin.now,
        source_name=source[:200],
        content={"rows": [_as_json(row) for row in rows], "reference": source},
    )
    session.add(proposal)
    session.flush()
    return proposal


def _check_scope(session: Session, admin: Administrator, scope: str) -> None:
    """The nation's and the districts' days are for who keeps the system, an office's for its own administrators."""
    kind, _, place = scope.partition(":")
    if kind == "office":
        office = session.scalar(select(Office).where(Office.slug == place))
        if office is None:
            raise InvalidInput({"scope": "no_such_office"})
        if not admin.may(office):
            raise NotYours("administration")
        return
    if scope != NATIONAL and kind != "district":
        raise InvalidInput({"scope": "not_a_scope"})
    if kind == "district" and place not in KNOWN_DISTRICTS:
        raise InvalidInput({"scope": "no_such_district"})
    if not admin.is_system:
        raise NotYours("administration")


def proposed_rows(session: Session, admin: Administrator, number: int) -> tuple[list[CalendarRow], str]:
    """The rows of one's own proposal, and what they are referred to by; raises NotFound."""
    proposal = _own(session, admin, number)
    rows = [_from_json(row) for row in proposal.content["rows"]]
    for scope in {row.scope for row in rows}:
        _check_scope(session, admin, scope)  # again: the right may have gone since
    return rows, proposal.content["reference"]


def apply_proposal(session: Session, admin: Administrator, number: int) -> tuple[CalendarImport, CalendarChange | None]:
    """Take the rows; returns the change whose due dates are counted again next, None where nothing changed."""
    rows, reference = proposed_rows(session, admin, number)
    done = import_calendar(session, rows, now=admin.now, reference=reference, person_id=admin.person_id)
    session.delete(_own(session, admin, number))
    log_event(session, SecurityKind.CALENDAR_CHANGED, now=admin.now, person_id=admin.person_id, address=admin.address,
              added=done.added, superseded=done.superseded, reference=reference)  # fmt: skip
    change = session.scalars(
        select(CalendarChange).where(CalendarChange.made_at == admin.now).order_by(CalendarChange.id.desc())
    ).first()
    return done, change if done.added or done.superseded else None


def changes(session: Session, *, limit: int = 20) -> Sequence[CalendarChange]:
    """The latest changes of the calendar, with how far their due dates have been counted again."""
    return session.scalars(select(CalendarChange).order_by(CalendarChange.id.desc()).limit(limit)).all()


def _own(session: Session, admin: Administrator, number: int) -> Proposal:
    found = session.get(Proposal, number, with_for_update=True)
    is_old = found is not None and found.created_at < admin.now - KEPT_FOR
    if found is None or is_old or found.person_id != admin.person_id or found.kind is not ProposalKind.CALENDAR:
        raise NotFound("proposal", number)
    return found


def _as_json(row: CalendarRow) -> dict[str, Any]:
    announced = row.announced_on.isoformat() if row.announced_on else None
    return {
        "day": row.day.isoformat(), "kind": row.kind, "scope": row.scope, "name_bn": row.name_bn,
        "name_en": row.name_en, "reference": row.reference, "certainty": row.certainty, "announced_on": announced,
    }  # fmt: skip


def _from_json(kept: Mapping[str, Any]) -> CalendarRow:
    return CalendarRow(
        day=date.fromisoformat(kept["day"]),
        kind=RowKind(kept["kind"]),
        scope=kept["scope"],
        name_bn=kept["name_bn"],
        name_en=kept["name_en"],
        reference=kept["reference"],
        certainty=Certainty(kept["certainty"]),
        announced_on=date.fromisoformat(kept["announced_on"]) if kept["announced_on"] else None,
    )
