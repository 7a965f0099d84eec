"""Charters into the database: a new version in force from a date, with the chain that answers for it."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.charter import CharterDocument, read_charter
from grs.charter.model import PrintedTier, Service
from grs.charter.text import decode
from grs.db.charters import Chain, ChainDesk, Charter, CharterEntry
from grs.db.offices import Office, Post
from grs.domain.access import ROLE_OF_TIER, PostRole
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.tasks import TaskLimits
from grs.domain.tiers import BELOW_DISTRICT, ChainSource, DayLimit, LimitUnit, OfficeLevel, Tier
from grs.settings import CONFIG

POST_TITLES = {
    PostRole.GRIEVANCE_OFFICER: ("অভিযোগ নিষ্পত্তি কর্মকর্তা (অনিক)", "Grievance officer (GRO)"),
    PostRole.APPEAL_OFFICER: ("আপিল কর্মকর্তা", "Appeal officer"),
    PostRole.CELL_OFFICER: ("অভিযোগ ব্যবস্থাপনা সেল", "Grievance management cell"),
    PostRole.SUPERVISOR: ("তত্ত্বাবধায়ক", "Supervisor"),
    PostRole.OPERATOR: ("ফ্রন্ট ডেস্ক সহায়ক", "Front desk operator"),
    PostRole.RESPONSIBLE_OFFICER: ("দায়িত্বপ্রাপ্ত কর্মকর্তা", "Responsible officer"),
    PostRole.ADMINISTRATOR: ("ব্যবস্থার প্রশাসক", "Administrator"),
}


def import_offices(session: Session, path: Path = CONFIG / "offices.csv") -> int:
    """Add the offices of a CSV file that are not there yet; parents come before their children."""
    added = 0
    with path.open(encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            if session.scalar(select(Office.id).where(Office.slug == record["slug"])):
                continue
            parent = find_office(session, record["parent"]) if record["parent"] else None
            session.add(
                Office(
                    slug=record["slug"],
                    name_bn=record["name_bn"],
                    name_en=record["name_en"],
                    level=OfficeLevel(record["level"]),
                    upazila_en=record["upazila_en"] or None,
                    district_en=record["district_en"] or None,
                    website=record["website"] or None,
                    parent=parent,
                )
            )
            session.flush()
            added += 1
    return added


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


def import_charter(
    session: Session, data: bytes, *, source: str, office: str | None, in_force_from: date, now: datetime
) -> Charter:
    """Store a charter document as its office's next version.

    ``office`` is a slug, or None to find the office by what the document says of itself. Raises
    InvalidFile, NotFound, or InvalidInput when a later version is already in force.
    """
    document = read_charter(decode(data), source=source)
    of = find_office(session, office) if office else office_of(session, document)
    last = session.scalar(select(func.max(Charter.in_force_from)).where(Charter.office_id == of.id))
    if last is not None and in_force_from < last:
        raise InvalidInput({"in_force_from": f"a version in force from {last} is already there"})
    version = session.scalar(select(func.max(Charter.version)).where(Charter.office_id == of.id)) or 0
    charter = Charter(
        office=of,
        version=version + 1,
        in_force_from=in_force_from,
        dated=document.dated,
        source_name=source,
        source_sha256=hashlib.sha256(data).hexdigest(),
        document=document.as_json(),
        imported_at=now,
        entries=[_entry(position, service) for position, service in enumerate(document.services, start=1)],
    )
    session.add(charter)
    session.flush()
    session.add(_chain(session, charter, document.grievance_tiers))
    for title in dict.fromkeys(s.officer.designation for s in document.services if s.officer is not None):
        post_in(session, of, PostRole.RESPONSIBLE_OFFICER, title or None)
    session.flush()
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


def chain_of(session: Session, charter: Charter) -> Chain:
    """The chain that a version of a charter answers with."""
    return session.scalars(select(Chain).where(Chain.charter_id == charter.id)).one()


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


# -- chains ------------------------------------------------------------------------


def guideline_limits(path: Path = CONFIG / "tiers.toml") -> dict[Tier, DayLimit]:
    """The guideline's default limit of each tier (G 7.4.1), as the configuration has it."""
    newest = max(tomllib.loads(path.read_text("utf-8"))["guideline"], key=lambda one: one["in_force_from"])
    return {
        tier: DayLimit(newest[role]["amount"], LimitUnit(newest[role]["unit"])) for tier, role in ROLE_OF_TIER.items()
    }


def task_limits(path: Path = CONFIG / "tiers.toml") -> TaskLimits:
    """How long investigations and recommendations take, in working days (G 7.1.2, 7.4.1(ক))."""
    newest = max(tomllib.loads(path.read_text("utf-8"))["guideline"], key=lambda one: one["in_force_from"])
    return TaskLimits(**newest["tasks"])


def _chain(session: Session, charter: Charter, printed: tuple[PrintedTier, ...]) -> Chain:
    """The chain a charter prints, or the guideline's through the office's parents where it prints none."""
    default = _guideline_desks(session, charter.office)
    desks = dict(default)
    seen: set[Tier] = set()
    for line in printed:
        tier = Tier(line.tier) if line.tier in {1, 2, 3} else None
        if tier is None or tier in seen:
            continue  # of two lines for one tier the first counts
        seen.add(tier)
        office = _office_of_post(charter.office, line.contact.designation, default[tier][0], tier)
        title = line.contact.designation if tier is not Tier.CELL_OFFICER else None
        desks[tier] = (office, title, line.limit or default[tier][2])
    return Chain(
        office_id=charter.office_id,
        charter_id=charter.id,
        source=ChainSource.CHARTER if printed else ChainSource.GUIDELINE,
        in_force_from=charter.in_force_from,
        deviates=any((desks[t][0].id, desks[t][2]) != (default[t][0].id, default[t][2]) for t in Tier),
        desks=[
            ChainDesk(
                tier=tier,
                post=post_in(session, office, ROLE_OF_TIER[tier], title),
                limit_amount=limit.amount,
                limit_unit=limit.unit,
            )
            for tier, (office, title, limit) in sorted(desks.items())
        ],
    )


def _guideline_desks(session: Session, office: Office) -> dict[Tier, tuple[Office, str | None, DayLimit]]:
    """G 5.1.1, 5.2.1: below the district the first officer sits at the district, the appeal officer above him."""
    limits = guideline_limits()
    first = office
    while first.level in BELOW_DISTRICT and first.parent is not None:
        first = first.parent
    second = first.parent or first
    cell = session.scalar(select(Office).where(Office.level == OfficeLevel.CELL))
    if cell is None:
        raise NotFound("office of level", OfficeLevel.CELL)
    places = {Tier.GRIEVANCE_OFFICER: first, Tier.APPEAL_OFFICER: second, Tier.CELL_OFFICER: cell}
    return {tier: (place, None, limits[tier]) for tier, place in places.items()}


_LEVEL_WORDS = {
    "উপজেলা": OfficeLevel.UPAZILA,
    "জেলা": OfficeLevel.DISTRICT,
    "বিভাগীয়": OfficeLevel.DIVISION,
}


def _office_of_post(office: Office, designation: str | None, fallback: Office, tier: Tier) -> Office:
    """Where a printed post sits: a district officer at the district, and so on up the office's parents.

    A title without a level, such as a deputy director, sits above the district.
    """
    if tier is Tier.CELL_OFFICER or not designation:
        return fallback
    level = _LEVEL_WORDS.get(designation.split()[0])
    at: Office | None = office
    while at is not None:
        if at.level is level or (level is None and at.level not in BELOW_DISTRICT | {OfficeLevel.DISTRICT}):
            return at
        at = at.parent
    return fallback


USUAL_GRADE = {
    OfficeLevel.UNION: 12,
    OfficeLevel.UPAZILA: 9,
    OfficeLevel.DISTRICT: 6,
    OfficeLevel.DIVISION: 5,
    OfficeLevel.DIRECTORATE: 3,
    OfficeLevel.MINISTRY: 2,
    OfficeLevel.CELL: 3,
}
"""The pay grade that a post at a level of offices usually has (ours); corrected where it is another."""


def post_for(session: Session, office: Office, role: PostRole) -> Post:
    """The office's post of that role, whatever its title; a new one where there is none."""
    posts = session.scalars(select(Post).where(Post.office_id == office.id, Post.role == role).order_by(Post.id))
    return posts.first() or post_in(session, office, role)


def post_in(session: Session, office: Office, role: PostRole, title: str | None = None) -> Post:
    """The office's post of that role and title, made when it is not there yet."""
    title_bn, title_en = POST_TITLES[role] if title is None else (title[:200], POST_TITLES[role][1])
    post = session.scalar(select(Post).where(Post.office_id == office.id, Post.role == role, Post.title_bn == title_bn))
    if post is None:
        grade = USUAL_GRADE[office.level]
        post = Post(office_id=office.id, role=role, title_bn=title_bn, title_en=title_en, grade=grade)
        session.add(post)
        session.flush()
    return post
