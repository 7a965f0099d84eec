"""Offices: found, added, changed, and thousands of them from one CSV file."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from grs.charter import CharterDocument
from grs.db.administration import SecurityKind
from grs.db.bulk import insert_rows
from grs.db.offices import Office, office_search_text
from grs.domain.bangla import normalise
from grs.domain.districts import DISTRICTS, OLD_SPELLINGS
from grs.domain.errors import InvalidFile, InvalidInput, NotFound
from grs.domain.tables import open_table
from grs.domain.tiers import OfficeLevel
from grs.settings import CONFIG
from grs.usecases.security_log import log_event

COLUMNS = ("slug", "name_bn", "name_en", "level", "upazila_en", "district_en", "website", "parent")
REQUIRED = ("slug", "name_bn", "level")
LONGEST = {"slug": 80, "name_bn": 300, "name_en": 300, "upazila_en": 80, "district_en": 80, "website": 200}
BATCH = 500
MOST_PROBLEMS = 20
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_KNOWN_DISTRICTS = {*DISTRICTS.values(), *OLD_SPELLINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeRow:
    """One office as it was typed or stands in a file; ``parent`` is a slug, or empty."""

    slug: str
    name_bn: str
    name_en: str = ""
    level: str = ""
    upazila_en: str = ""
    district_en: str = ""
    website: str = ""
    parent: str = ""

    @classmethod
    def of(cls, cells: Mapping[str, Any]) -> OfficeRow:
        found = {name: normalise(str(cells.get(name) or "")) for name in COLUMNS}
        return cls(**found | {"slug": found["slug"].lower(), "parent": found["parent"].lower()})

    def problems(self) -> dict[str, str]:
        """Each field that cannot be taken, with the reason."""
        found = {name: "required" for name in REQUIRED if not getattr(self, name)}
        found |= {name: "too_long" for name, most in LONGEST.items() if len(getattr(self, name)) > most}
        if self.slug and not _SLUG.fullmatch(self.slug):
            found["slug"] = "not_a_slug"
        if self.level and self.level not in set(OfficeLevel):
            found["level"] = "choose_one"
        if self.district_en and self.district_en not in _KNOWN_DISTRICTS:
            found["district_en"] = "no_such_district"
        if self.parent and self.parent == self.slug:
            found["parent"] = "its_own_parent"
        return found

    def values(self, parent_id: int | None) -> dict[str, Any]:
        """The row as the table keeps it."""
        return {
            "slug": self.slug,
            "name_bn": self.name_bn,
            "name_en": self.name_en or self.name_bn,
            "level": OfficeLevel(self.level),
            "upazila_en": self.upazila_en or None,
            "district_en": self.district_en or None,
            "website": self.website or None,
            "parent_id": parent_id,
        }


def find_office(session: Session, slug: str) -> Office:
    """The office of that slug; raises NotFound."""
    office = session.scalar(select(Office).where(Office.slug == slug))
    if office is None:
        raise NotFound("office", slug)
    return office


def office_of(session: Session, document: CharterDocument) -> Office:
    """The office a document speaks of, by its web address or its place; raises NotFound."""
    head = document.office
    if head.website:
        host = _host(head.website)
        for office in session.scalars(select(Office).where(Office.website.is_not(None))):
            if _host(office.website or "") == host:
                return office
    if head.upazila_en:
        found = session.scalars(
            select(Office).where(Office.upazila_en == head.upazila_en, Office.district_en == head.district_en)
        ).all()
        if len(found) == 1:
            return found[0]
    raise NotFound("office", head.name_bn or head.website or document.source)


def _host(address: str) -> str:
    bare = address.lower().removeprefix("http://").removeprefix("https://").removeprefix("www.")
    return bare.split("/")[0]


# -- one office ------------------------------------------------------------------------------------------------


def keep_office(session: Session, typed: Mapping[str, str], *, person_id: int, now: datetime) -> Office:
    """Add an office, or change the one of that slug. Raises InvalidInput."""
    row = OfficeRow.of(typed)
    problems = row.problems()
    office = session.scalar(select(Office).where(Office.slug == row.slug))
    parent = session.scalar(select(Office).where(Office.slug == row.parent)) if row.parent else None
    if row.parent and parent is None:
        problems["parent"] = "no_such_office"
    elif office is not None and parent is not None and _is_below(parent, office):
        problems["parent"] = "below_itself"
    if problems:
        raise InvalidInput(problems)
    values = row.values(parent.id if parent else None)
    if office is None:
        office = Office(**values)
        session.add(office)
    else:
        for name, value in values.items():
            setattr(office, name, value)
        office.search_text = office_search_text(values)
    session.flush()
    log_event(session, SecurityKind.OFFICE_KEPT, now=now, person_id=person_id, office=row.slug)
    return office


def _is_below(office: Office, above: Office) -> bool:
    at: Office | None = office
    while at is not None:
        if at.id == above.id:
            return True
        at = at.parent
    return False


# -- many offices ---------------------------------------------------------------------------------------------


def read_offices(data: bytes) -> list[OfficeRow]:
    """The rows of a CSV file; raises InvalidFile naming the lines that cannot be taken.

    Nothing is taken of a file with a mistake in it.
    """
    reader = open_table(data, REQUIRED)
    rows: list[OfficeRow] = []
    problems: list[str] = []
    lines: dict[str, int] = {}
    try:
        for record in reader:
            row = OfficeRow.of(record)
            found = row.problems()
            if row.slug in lines:
                found["slug"] = f"stands in line {lines[row.slug]} already"
            lines.setdefault(row.slug, reader.line_num)
            if found:
                told = ", ".join(f"{field}: {reason}" for field, reason in found.items())
                problems.append(f"line {reader.line_num}: {told}")
            rows.append(row)
    except csv.Error as error:
        raise InvalidFile(f"not readable as CSV: {error}", line=reader.line_num) from None
    if problems:
        more = f"; and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
        raise InvalidFile("; ".join(problems[:MOST_PROBLEMS]) + more)
    if not rows:
        raise InvalidFile("the file has no rows")
    return rows


def import_offices(
    session: Session,
    rows: Sequence[OfficeRow],
    *,
    after_batch: Callable[[int], None] = lambda done: None,
) -> Counter[str]:
    """Add the offices that are not there yet, parents first wherever they stand in the file.

    Offices that are known are left alone, so a file can be imported twice. Raises InvalidFile when a parent is
    neither known nor in the file, or when offices are each other's parents.
    """
    ids = {slug: number for slug, number in session.execute(select(Office.slug, Office.id))}
    counts: Counter[str] = Counter(added=0, known=0)
    waiting = []
    for row in rows:
        counts["known" if row.slug in ids else "added"] += 1
        if row.slug not in ids:
            waiting.append(row)
    done = counts["known"]
    table: Table = Office.__table__  # type: ignore[assignment]  # SQLAlchemy types it more widely
    while waiting:
        ready = [row for row in waiting if not row.parent or row.parent in ids][:BATCH]
        if not ready:
            raise InvalidFile(_why_no_parent(waiting))
        values = [row.values(ids.get(row.parent)) for row in ready]
        insert_rows(session, table, [one | {"search_text": office_search_text(one)} for one in values])
        slugs = {row.slug for row in ready}
        ids |= {s: n for s, n in session.execute(select(Office.slug, Office.id).where(Office.slug.in_(slugs)))}
        waiting = [row for row in waiting if row.slug not in slugs]
        done += len(ready)
        after_batch(done)
    return counts


def _why_no_parent(waiting: Iterable[OfficeRow]) -> str:
    slugs = {row.slug for row in waiting}
    for row in waiting:
        if row.parent not in slugs:
            return f"{row.slug}: there is no office {row.parent} to be its parent"
    return f"{', '.join(sorted(slugs)[:5])}: these offices are each other's parents"


def shipped_offices(path: Path = CONFIG / "offices.csv") -> list[OfficeRow]:
    """The offices that the project carries."""
    return read_offices(path.read_bytes())
