"""The security log: who logged in or failed to, who changed what for whom. Rows are only added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grs.db.administration import SecurityEvent, SecurityKind
from grs.domain.history import canonical

PAGE = 50
ADDRESS = "address"
"""Under this name a session may know from where it is worked."""


def log_event(
    session: Session,
    kind: SecurityKind,
    *,
    now: datetime,
    person_id: int | None = None,
    address: str = "",
    **details: object,
) -> None:
    """Write one line. ``person_id`` is who did it, where that is known; ``details`` never holds a text or contact."""
    session.add(
        SecurityEvent(
            happened_at=now,
            kind=kind,
            person_id=person_id or None,
            address=(address or session.info.get(ADDRESS, ""))[:60],
            details=canonical(details),
        )
    )


def events(
    session: Session,
    *,
    kind: SecurityKind | None = None,
    person_id: int | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> Sequence[SecurityEvent]:
    """One page of the log, newest first, from a line on."""
    query = select(SecurityEvent).options(joinedload(SecurityEvent.person)).order_by(SecurityEvent.id.desc())
    if kind is not None:
        query = query.where(SecurityEvent.kind == kind)
    if person_id is not None:
        query = query.where(SecurityEvent.person_id == person_id)
    if before is not None:
        query = query.where(SecurityEvent.id < before)
    return session.scalars(query.limit(limit)).all()
