"""Charters into the database: a new version in force from a date, with the chain that answers for it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.charter import CharterDocument, read_document
from grs.charter.model import Service
from grs.db.administration import SecurityKind
from grs.db.charters import Charter, CharterEntry
from grs.db.complaints import Complaint, is_open
from grs.db.offices import Office
from grs.domain.access import PostRole
from grs.domain.bangla import skeleton
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import Category
from grs.domain.rule_values import RULE_OF_TIER, rule_book
from grs.usecases.chains import add_charter_chains
from grs.usecases.offices import find_office, office_of
from grs.usecases.posts import post_in
from grs.usecases.rule_values import all_values
from grs.usecases.security_log import log_event


def import_charter(
    session: Session, data: bytes, *, source: str, office: str | None, in_force_from: date, now: datetime
) -> Charter:
    """Store a charter document, of any kind that can be read, as its office's next version.

    ``office`` is a slug, or None to find the office by what the document says of itself. Raises
    InvalidFile, NotFound, or InvalidInput when a later version is already in force.
    """
    document = read_document(data, name=source)
    of = find_office(session, office) if office else office_of(session, document)
    sha256 = hashlib.sha256(data).hexdigest()
    return put_in_force(session, document, office=of, sha256=sha256, in_force_from=in_force_from, now=now)


def put_in_force(
    session: Session,
    document: CharterDocument,
    *,
    office: Office,
    sha256: str,
    in_force_from: date,
    now: datetime,
    person_id: int | None = None,
) -> Charter:
    """A read document becomes its office's next version from a day on; running complaints keep the old promise.

    Raises InvalidInput when a later version is already there.
    """
    last = session.scalar(select(func.max(Charter.in_force_from)).where(Charter.office_id == office.id))
    if last is not None and in_force_from < last:
        raise InvalidInput({"in_force_from": "later_version"})
    version = session.scalar(select(func.max(Charter.version)).where(Charter.office_id == office.id)) or 0
    charter = Charter(
        office=office,
        version=version + 1,
        in_force_from=in_force_from,
        dated=document.dated,
        source_name=document.source[:200],
        source_sha256=sha256,
        document=document.as_json(),
        imported_at=now,
        entries=[_entry(position, service) for position, service in enumerate(document.services, start=1)],
    )
    session.add(charter)
    session.flush()
    values = all_values(session)
    add_charter_chains(
        session,
        charter,
        document.grievance_tiers,
        limits_on=lambda day: rule_book(values, day).of_tier,
        change_days={v.in_force_from for v in values if v.name in RULE_OF_TIER.values()},
        now=now,
    )
    for title in dict.fromkeys(s.officer.designation for s in document.services if s.officer is not None):
        post_in(session, office, PostRole.RESPONSIBLE_OFFICER, title or None)
    session.flush()
    log_event(session, SecurityKind.CHARTER_IN_FORCE, now=now, person_id=person_id, office=office.slug,
              version=charter.version, in_force_from=in_force_from)  # fmt: skip
    return charter


def charter_in_force(session: Session, office: Office, today: date) -> Charter:
    """The version of an office's charter in force on a day; raises NotFound."""
    charter = session.scalars(
        select(Charter)
        .where(Charter.office_id == office.id, Charter.in_force_from <= today)
        .order_by(Charter.in_force_from.desc(), Charter.version.desc())
        .limit(1)
    ).first()
    if charter is None:
        raise NotFound("charter of", office.slug)
    return charter


def _entry(position: int, service: Service) -> CharterEntry:
    return CharterEntry(
        position=position,
        category=service.category,
        serial=service.serial,
        name=service.name,
        delivery_method=service.delivery_method,
        documents=service.documents,
        fee=service.fee,
        time_limit_text=service.time_limit_text,
        is_immediate=service.time_limit.immediate,
        working_days_min=service.time_limit.working_days_min,
        working_days_max=service.time_limit.working_days_max,
        officer=_as_json(service.officer),
        superior=_as_json(service.superior),
        source_line=service.line,
    )


def _as_json(officer: Any) -> dict[str, object] | None:
    return None if officer is None else {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(officer).items()}


# -- what a new version changes ----------------------------------------------------------------------------

COMPARED = ("serial", "delivery_method", "documents", "fee", "time_limit_text", "officer", "superior")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    """One service in two versions; ``before`` None: added, ``after`` None: gone.

    ``running`` complaints were filed under the old version and keep its promise.
    """

    category: Category
    name: str
    before: CharterEntry | None
    after: Service | None
    changed: tuple[str, ...]
    running: int


def compare_with_version(session: Session, before: Charter | None, document: CharterDocument) -> list[ServiceChange]:
    """What a document adds, drops and changes against a version; services that stay as they are are left out."""
    old = {_key(entry.category, entry.name): entry for entry in reversed(before.entries if before else [])}
    new = {_key(service.category, service.name): service for service in reversed(document.services)}
    running = _running_under(session, list(old.values()))
    found = []
    for key in dict.fromkeys([*reversed(old), *reversed(new)]):
        entry, service = old.get(key), new.get(key)
        changed = _changed(entry, service) if entry is not None and service is not None else ()
        if entry is None or service is None or changed:
            one = service if service is not None else entry
            assert one is not None
            found.append(
                ServiceChange(
                    category=one.category,
                    name=one.name,
                    before=entry,
                    after=service,
                    changed=changed,
                    running=running[entry.id] if entry is not None else 0,
                )
            )
    return found


def _key(category: Category, name: str) -> tuple[Category, str]:
    """What makes two entries the same service, however they are spelt."""
    return category, skeleton(name)


def _changed(entry: CharterEntry, service: Service) -> tuple[str, ...]:
    fresh = _entry(0, service)
    return tuple(name for name in COMPARED if (getattr(entry, name) or None) != (getattr(fresh, name) or None))


def _running_under(session: Session, entries: Sequence[CharterEntry]) -> Counter[int]:
    """By entry, how many complaints are open."""
    query = (
        select(Complaint.charter_entry_id, func.count())
        .where(Complaint.charter_entry_id.in_([entry.id for entry in entries]), is_open())
        .group_by(Complaint.charter_entry_id)
    )
    return Counter({number: count for number, count in session.execute(query) if number is not None})


def running_of(session: Session, office: Office) -> int:
    """How many complaints about an office are open, under whichever version of its charter."""
    mine = select(Charter.id).where(Charter.office_id == office.id)
    query = select(func.count(Complaint.id)).where(Complaint.charter_id.in_(mine), is_open())
    return session.scalar(query) or 0


def versions_of(session: Session, office: Office) -> Sequence[Charter]:
    """Every version of an office's charter, newest first."""
    return session.scalars(select(Charter).where(Charter.office_id == office.id).order_by(Charter.version.desc())).all()
