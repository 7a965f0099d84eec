"""Who answers for an office's complaints, from which day on: by its charter, the guideline's default, or an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from grs.charter.model import PrintedTier
from grs.db.administration import SecurityKind
from grs.db.charters import Chain, ChainDesk, Charter
from grs.db.offices import Office, Post
from grs.domain.access import ROLE_OF_TIER
from grs.domain.bangla import normalise
from grs.domain.calendar import dhaka_date
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.tiers import BELOW_DISTRICT, ChainSource, DayLimit, OfficeLevel, Tier
from grs.usecases.posts import post_in
from grs.usecases.security_log import log_event

LimitOf = Callable[[Tier], DayLimit]
LONGEST_REFERENCE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPlan:
    """A desk of a chain before its post is looked up: ``title`` None is the role's own title."""

    office: Office
    title: str | None
    limit: DayLimit
    post_source: ChainSource
    limit_source: ChainSource
    line: int | None = None


Plan = dict[Tier, DeskPlan]


def chain_in_force(session: Session, office: Office, day: date) -> Chain:
    """The chain by which an office's complaints are answered from that day on; raises NotFound."""
    chain = session.scalars(
        select(Chain)
        .where(Chain.office_id == office.id, Chain.in_force_from <= day)
        .order_by(Chain.in_force_from.desc(), Chain.id.desc())
        .limit(1)
    ).first()
    if chain is None:
        raise NotFound("charter of", office.slug)
    return chain


def chains_of(session: Session, office: Office) -> Sequence[Chain]:
    """Every chain an office has had or will have, newest first."""
    query = select(Chain).where(Chain.office_id == office.id).order_by(Chain.in_force_from.desc(), Chain.id.desc())
    return session.scalars(query).all()


# -- the guideline's default, a charter's print --------------------------------------------------------------


def guideline_plan(session: Session, office: Office, limit_of: LimitOf) -> Plan:
    """G 5.1.1, 5.2.1: below the district the first officer sits at the district, the appeal officer above him."""
    first = office
    while first.level in BELOW_DISTRICT and first.parent is not None:
        first = first.parent
    second = first.parent or first
    cell = session.scalar(select(Office).where(Office.level == OfficeLevel.CELL))
    if cell is None:
        raise NotFound("office of level", OfficeLevel.CELL)
    places = {Tier.GRIEVANCE_OFFICER: first, Tier.APPEAL_OFFICER: second, Tier.CELL_OFFICER: cell}
    by = ChainSource.GUIDELINE
    return {
        tier: DeskPlan(office=place, title=None, limit=limit_of(tier), post_source=by, limit_source=by)
        for tier, place in places.items()
    }


def printed_plan(office: Office, default: Plan, printed: Sequence[PrintedTier]) -> Plan:
    """What a charter prints, tier by tier; where it is silent the default stands, and says that it does."""
    plan, seen = dict(default), set[Tier]()
    for line in printed:
        tier = Tier(line.tier) if line.tier in {1, 2, 3} else None
        if tier is None or tier in seen:
            continue  # of two lines for one tier the first counts
        seen.add(tier)
        plan[tier] = DeskPlan(
            office=_office_of_post(office, line.contact.designation, default[tier].office, tier),
            title=line.contact.designation if tier is not Tier.CELL_OFFICER else None,
            limit=line.limit or default[tier].limit,
            post_source=ChainSource.CHARTER,
            limit_source=ChainSource.CHARTER if line.limit else default[tier].limit_source,
            line=line.line,
        )
    return plan


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


def is_placed_by_guess(designation: str | None, tier: Tier) -> bool:
    """Whether a printed post names no level, so that its office has to be guessed."""
    return tier is not Tier.CELL_OFFICER and bool(designation) and (designation or "").split()[0] not in _LEVEL_WORDS


def deviates(plan: Plan, default: Plan) -> bool:
    """Whether another office answers, or within another limit, than the guideline says."""
    return any((plan[t].office.id, plan[t].limit) != (default[t].office.id, default[t].limit) for t in Tier)


# -- chains into the database --------------------------------------------------------------------------------


def add_charter_chains(
    session: Session,
    charter: Charter,
    printed: Sequence[PrintedTier],
    *,
    limits_on: Mapping[date, LimitOf],
    now: datetime,
) -> Chain:
    """The chain of a new charter, and one more from each later day on which the guideline's limits change.

    ``limits_on`` gives the guideline's limits from the first day of the charter and from each such day. What an
    order has laid down stands until a charter prints otherwise.
    """
    chains = []
    for day, limit_of in sorted(limits_on.items()):
        guideline = guideline_plan(session, charter.office, limit_of)
        plan = printed_plan(charter.office, _with_orders(session, charter.office, guideline, day), printed)
        chains.append(_add(session, charter, plan, guideline, in_force_from=max(day, charter.in_force_from), now=now))
    return chains[0]


def _with_orders(session: Session, office: Office, default: Plan, day: date) -> Plan:
    """The default, with what an order in force says of the tiers it speaks of."""
    try:
        before = chain_in_force(session, office, day)
    except NotFound:
        return default
    plan = dict(default)
    for desk in before.desks:
        changes: dict[str, Any] = {}
        if desk.post_source is ChainSource.ORDER:
            changes |= {"office": desk.post.office, "title": desk.post.title_bn, "post_source": ChainSource.ORDER}
        if desk.limit_source is ChainSource.ORDER:
            limit = DayLimit(desk.limit_amount, desk.limit_unit)
            changes |= {"limit": limit, "limit_source": ChainSource.ORDER}
        plan[desk.tier] = replace(plan[desk.tier], **changes)
    return plan


def _add(
    session: Session, charter: Charter, plan: Plan, guideline: Plan, *, in_force_from: date, now: datetime
) -> Chain:
    sources = {desk.post_source for desk in plan.values()}
    chain = Chain(
        office_id=charter.office_id,
        charter_id=charter.id,
        source=ChainSource.CHARTER if ChainSource.CHARTER in sources else ChainSource.GUIDELINE,
        in_force_from=in_force_from,
        deviates=deviates(plan, guideline),
        made_at=now,
        desks=[
            ChainDesk(
                tier=tier,
                post=post_in(session, desk.office, ROLE_OF_TIER[tier], desk.title),
                limit_amount=desk.limit.amount,
                limit_unit=desk.limit.unit,
                post_source=desk.post_source,
                limit_source=desk.limit_source,
                source_line=desk.line,
            )
            for tier, desk in sorted(plan.items())
        ],
    )
    session.add(chain)
    session.flush()
    return chain


# -- orders ------------------------------------------------------------------------------------------------------


def order_desk(
    session: Session,
    office: Office,
    tier: Tier,
    *,
    post: Post | None,
    limit: DayLimit | None,
    in_force_from: date | None,
    reference: str,
    limit_of: LimitOf,
    person_id: int,
    now: datetime,
) -> Chain:
    """An order names another post or another limit for one tier of an office, from a day on.

    It stands until another order, also in what begins later already. Complaints under way keep the chain they were
    filed under. Raises InvalidInput or NotFound.
    """
    reference = normalise(reference)[:LONGEST_REFERENCE]
    problems = {}
    if not reference:
        problems["reference"] = "required"
    if in_force_from is None:
        problems["in_force_from"] = "required"
    elif in_force_from < dhaka_date(now):
        problems["in_force_from"] = "in_the_past"
    if post is None and limit is None:
        problems["amount"] = "nothing_ordered"
    if post is not None and post.role is not ROLE_OF_TIER[tier]:
        problems["post"] = "wrong_role"
    if problems or in_force_from is None:
        raise InvalidInput(problems)
    first = None
    for before in _from_day_on(session, office, in_force_from):
        day = max(before.in_force_from, in_force_from)
        chain = _copy(before, in_force_from=day, source=ChainSource.ORDER, reference=reference, now=now)
        (desk,) = [desk for desk in chain.desks if desk.tier is tier]
        if post is not None:
            desk.post, desk.post_id, desk.post_source = post, post.id, ChainSource.ORDER
        if limit is not None:
            desk.limit_amount, desk.limit_unit, desk.limit_source = limit.amount, limit.unit, ChainSource.ORDER
        chain.deviates = _desks_deviate(chain, guideline_plan(session, office, limit_of))
        session.add(chain)
        first = first or chain
    session.flush()
    assert first is not None
    log_event(session, SecurityKind.CHAIN_ORDERED, now=now, person_id=person_id, office=office.slug, tier=int(tier),
              in_force_from=in_force_from)  # fmt: skip
    return first


def _from_day_on(session: Session, office: Office, day: date) -> list[Chain]:
    """The chain in force on a day, and the one of each later day on which another begins; raises NotFound."""
    found = {chain_in_force(session, office, day).in_force_from: chain_in_force(session, office, day)}
    for chain in reversed(chains_of(session, office)):
        if chain.in_force_from > day:
            found[chain.in_force_from] = chain  # of two on one day the later counts
    return list(found.values())


def _desks_deviate(chain: Chain, guideline: Plan) -> bool:
    return any(
        (desk.post.office_id, DayLimit(desk.limit_amount, desk.limit_unit))
        != (guideline[desk.tier].office.id, guideline[desk.tier].limit)
        for desk in chain.desks
    )


def posts_for_tier(session: Session, office: Office) -> Sequence[Post]:
    """The posts that an order can name for an office: those that answer complaints in it and above it."""
    at: Office | None = office
    offices = []
    while at is not None:
        offices.append(at.id)
        at = at.parent
    cells = select(Office.id).where(Office.level == OfficeLevel.CELL)
    query = (
        select(Post)
        .options(joinedload(Post.office))
        .where(Post.role.in_(ROLE_OF_TIER.values()), or_(Post.office_id.in_(offices), Post.office_id.in_(cells)))
        .order_by(Post.role, Post.office_id, Post.id)
    )
    return session.scalars(query).all()


def follow_guideline(
    session: Session, tier: Tier, limit: DayLimit, *, in_force_from: date, source: str, now: datetime
) -> int:
    """Another limit of the guideline: each chain that takes its limit from there gets a follower from that day on.

    Chains that begin later are followed too, on their own first day. Returns how many offices are concerned.
    """
    begun = (
        select(func.max(Chain.in_force_from))
        .where(Chain.office_id == Office.id, Chain.in_force_from <= in_force_from)
        .correlate(Office)
        .scalar_subquery()
    )
    concerned = session.scalars(
        select(Chain)
        .join(Office, Office.id == Chain.office_id)
        .where(Chain.in_force_from >= func.coalesce(begun, Chain.in_force_from))
        .options(joinedload(Chain.desks).joinedload(ChainDesk.post))
        .order_by(Chain.office_id, Chain.in_force_from, Chain.id)
    ).unique()
    newest: dict[tuple[int, date], Chain] = {}
    for chain in concerned:
        newest[chain.office_id, max(chain.in_force_from, in_force_from)] = chain  # of two on one day the later counts
    offices = set()
    for (office_id, day), before in newest.items():
        (desk,) = [desk for desk in before.desks if desk.tier is tier]
        if desk.limit_source is not ChainSource.GUIDELINE:
            continue
        chain = _copy(before, in_force_from=day, source=before.source, reference=source, now=now)
        (desk,) = [desk for desk in chain.desks if desk.tier is tier]
        desk.limit_amount, desk.limit_unit = limit.amount, limit.unit
        session.add(chain)
        offices.add(office_id)
    session.flush()
    return len(offices)


def _copy(before: Chain, *, in_force_from: date, source: ChainSource, reference: str, now: datetime) -> Chain:
    return Chain(
        office_id=before.office_id,
        charter_id=before.charter_id,
        source=source,
        in_force_from=in_force_from,
        deviates=before.deviates,
        made_at=now,
        reference=reference,
        desks=[
            ChainDesk(
                tier=desk.tier,
                post=desk.post,
                post_id=desk.post_id,
                limit_amount=desk.limit_amount,
                limit_unit=desk.limit_unit,
                post_source=desk.post_source,
                limit_source=desk.limit_source,
                source_line=desk.source_line,
            )
            for desk in before.desks
        ],
    )
