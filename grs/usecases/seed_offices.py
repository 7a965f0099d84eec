"""Plainly invented offices for a trial that needs more than the shipped ones."""

from __future__ import annotations

from datetime import datetime
from itertools import cycle, islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.base import Base
from grs.db.bulk import insert_rows
from grs.db.charters import Chain, Charter, CharterEntry
from grs.db.offices import NO_PASSWORD, Office, Person, Post
from grs.domain.access import PostRole
from grs.domain.bangla import search_text
from grs.domain.tiers import OfficeLevel, Tier
from grs.usecases.demo import IN_FORCE_FROM
from grs.usecases.posts import POST_TITLES

SERVICES = 20
"""How many services the charter of an invented office promises."""


def invent_offices(session: Session, wanted: int, *, now: datetime) -> None:
    """Plainly invented offices below one that has a charter, each with a charter, a desk and an officer of its own."""
    there = session.scalar(select(func.count(func.distinct(Charter.office_id)))) or 0
    if wanted <= there:
        return
    model = session.scalars(select(Chain).order_by(Chain.id).limit(1)).one()
    above = [desk for desk in model.desks if desk.tier > Tier.GRIEVANCE_OFFICER]
    names = session.scalars(select(CharterEntry).order_by(CharterEntry.id)).all()
    charter = session.get_one(Charter, model.charter_id)
    title_bn, title_en = POST_TITLES[PostRole.GRIEVANCE_OFFICER]
    numbers = range(there + 1, wanted + 1)
    made = [
        Office(slug=f"sample-{n}", name_bn=f"নমুনা কার্যালয় {n}", name_en=f"Sample office {n}", level=OfficeLevel.UPAZILA,
               parent_id=above[0].post.office_id if above else None)
        for n in numbers
    ]  # fmt: skip
    session.add_all(made)
    session.flush()
    posts = [Post(office_id=o.id, role=PostRole.GRIEVANCE_OFFICER, title_bn=title_bn, title_en=title_en) for o in made]
    charters = [
        Charter(office_id=o.id, version=1, in_force_from=IN_FORCE_FROM, dated=None, source_name="sample",
                source_sha256="0" * 64, document=charter.document, imported_at=now)
        for o in made
    ]  # fmt: skip
    people = [
        Person(name=f"নমুনা কর্মকর্তা {n}", email=f"officer@sample-{n}.invalid", password_hash=NO_PASSWORD, created_at=now)
        for n in numbers
    ]
    session.add_all([*posts, *charters, *people])
    session.flush()
    chains = [
        Chain(office_id=o.id, charter_id=c.id, source=model.source, in_force_from=IN_FORCE_FROM, made_at=now)
        for o, c in zip(made, charters, strict=True)
    ]
    session.add_all(chains)
    session.flush()
    first = model.desks[0]
    held, desks = [], []
    for chain, post, person in zip(chains, posts, people, strict=True):
        held.append({"post_id": post.id, "person_id": person.id, "held_from": IN_FORCE_FROM, "is_stand_in": False})
        for desk, post_id in ((first, post.id), *((one, one.post_id) for one in above)):
            desks.append({
                "chain_id": chain.id, "tier": desk.tier, "post_id": post_id, "limit_amount": desk.limit_amount,
                "limit_unit": desk.limit_unit, "post_source": desk.post_source, "limit_source": desk.limit_source,
                "source_line": None,
            })  # fmt: skip
    insert_rows(session, Base.metadata.tables["post_holder"], held)
    insert_rows(session, Base.metadata.tables["chain_desk"], desks)
    found_by = {one.id: search_text(one.name) for one in names}
    services = [
        {"charter_id": c.id, "position": position, "category": one.category, "serial": str(position),
         "name": f"{one.name} ({n})", "fee": one.fee, "time_limit_text": one.time_limit_text,
         "is_immediate": one.is_immediate, "working_days_min": one.working_days_min,
         "working_days_max": one.working_days_max, "source_line": position,
         "search_text": f"{found_by[one.id]} {own}"}
        for n, c in zip(numbers, charters, strict=True)
        for own in (search_text(f"({n})"),)
        for position, one in enumerate(islice(cycle(names), SERVICES), start=1)
    ]  # fmt: skip
    insert_rows(session, Base.metadata.tables["charter_entry"], services)
