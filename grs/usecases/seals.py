"""The daily seal: made, mailed with the digest, published, and held against the histories as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, sessionmaker

from grs.db.bulk import insert_rows
from grs.db.complaints import Complaint, Step
from grs.db.seals import Seal, SealedHead
from grs.domain.calendar import dhaka_date
from grs.domain.sealing import FIRST_ROOT, seal_root

BATCH = 2_000
Broken = list[tuple[str, str]]
"""What does not hold, and why."""


def make_seal(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """Seal the ends of all histories that have moved since the last seal; once a day."""
    counts: Counter[str] = Counter(sealed=0)
    today = dhaka_date(now)
    try:
        with writers.begin() as session:
            if session.scalar(select(Seal.id).where(Seal.day == today)) is not None:
                return counts
            moved = session.execute(_moved()).all()
            counts["sealed"] = len(moved)
            if dry_run:
                return counts
            last = latest_seal(session)
            ends = [(number, count, head) for _, number, count, head in moved]
            root = seal_root(last.root if last else FIRST_ROOT, today, ends)
            total = session.scalar(select(func.count(Complaint.id))) or 0
            seal = Seal(day=today, made_at=now, complaints=total, root=root)
            session.add(seal)
            session.flush()
            rows = [
                {"seal_id": seal.id, "complaint_id": key, "tracking_number": number, "step_count": count,
                 "head_hash": head}
                for key, number, count, head in moved
            ]  # fmt: skip
            table: Any = SealedHead.__table__
            insert_rows(session, table, rows)
    except IntegrityError:
        counts["sealed"] = 0  # another worker was quicker
    return counts


def _moved() -> Any:
    """The complaints whose end is not the one that was sealed last."""
    later = aliased(SealedHead)
    newest = (
        select(SealedHead.complaint_id, SealedHead.step_count, SealedHead.head_hash)
        .where(
            ~select(later.seal_id)
            .where(later.complaint_id == SealedHead.complaint_id, later.seal_id > SealedHead.seal_id)
            .exists()
        )
        .subquery()
    )
    return (
        select(Complaint.id, Complaint.tracking_number, Complaint.step_count, Complaint.head_hash)
        .outerjoin(newest, newest.c.complaint_id == Complaint.id)
        .where(
            or_(
                newest.c.complaint_id.is_(None),
                newest.c.step_count != Complaint.step_count,
                newest.c.head_hash != Complaint.head_hash,
            )
        )
        .order_by(Complaint.id)
    )


def latest_seal(session: Session) -> Seal | None:
    return session.scalars(select(Seal).order_by(Seal.id.desc()).limit(1)).first()


def seals(session: Session, *, since: date | None = None, limit: int = 400) -> Sequence[Seal]:
    """The seals, newest first."""
    query = select(Seal).order_by(Seal.id.desc()).limit(limit)
    return session.scalars(query.where(Seal.day >= since) if since is not None else query).all()


def verify_seals(session: Session, known: Mapping[date, str] | None = None) -> Broken:
    """Hold every seal against its own rows and against the histories; the first bad one of each is named.

    ``known`` are roots that somebody kept: from a letter, or as they were published. A history that was cut short,
    or a database rewritten whole, shows in one of the three.
    """
    broken: Broken = []
    previous = FIRST_ROOT
    for seal in session.scalars(select(Seal).order_by(Seal.id)):
        rows = session.execute(
            select(SealedHead.tracking_number, SealedHead.step_count, SealedHead.head_hash).where(
                SealedHead.seal_id == seal.id
            )
        ).all()
        if seal_root(previous, seal.day, [(n, c, h) for n, c, h in rows]) != seal.root:
            broken.append((f"seal of {seal.day}", "is not the hash of what it sealed"))
        if known and known.get(seal.day, seal.root) != seal.root:
            broken.append((f"seal of {seal.day}", "is not the root that was published"))
        previous = seal.root
    for day in sorted(known or {}):
        if session.scalar(select(Seal.id).where(Seal.day == day)) is None:
            broken.append((f"seal of {day}", "was published and is gone"))
    broken += _cut_short(session)
    return broken


def _cut_short(session: Session) -> Iterator[tuple[str, str]]:
    """The complaints whose history no longer holds the end that was sealed."""
    at_end = (Step.complaint_id == SealedHead.complaint_id) & (Step.sequence == SealedHead.step_count)
    query = (
        select(SealedHead.tracking_number, SealedHead.step_count, Seal.day)
        .join(Seal, Seal.id == SealedHead.seal_id)
        .outerjoin(Step, at_end)
        .where(or_(Step.hash.is_(None), Step.hash != SealedHead.head_hash))
        .order_by(SealedHead.complaint_id, SealedHead.seal_id)
    )
    seen = set()
    for number, count, day in session.execute(query):
        if number not in seen:
            seen.add(number)
            yield number, f"step {count} is not the one that was sealed on {day}"
