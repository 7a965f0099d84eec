"""Who answers for an office's complaints, from which day on: by its charter, the guideline's default, or an order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from grs.domain.errors import InvalidInput, NotFound, NotYours
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
    chain = (
        session.scalars(
            select(Chain)
            .where(Chain.office_id == office.id, Chain.in_force_from <= day)
            .order_by(Chain.in_force_from.desc(), Chain.id.desc())
            .options(joinedload(Chain.desks).joinedload(ChainDesk.post).joinedload(Post.office))
            .limit(1)
        )
        .unique()
        .first()
    )
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
    limits_on: Callable[[date], LimitOf],
    change_days: Iterable[date],
    now: datetime,
) -> Chain:
    """The chain of a new charter, and one more from each later day on which an order or another limit begins.

    ``limits_on`` gives the guideline's limits on a day, ``change_days`` when they change. What an order has laid
    down stands until a charter prints otherwise; an order that begins later stands over the print.
    """
    office, first_day = charter.office, charter.in_force_from
    _lock(session, office)
    known = _by_first_day(session, office)
    before = _orders_of(_latest(known, first_day))
    later = {day for day in (*known, *change_days) if day > first_day}
    chains = []
    for day in sorted({first_day, *later}):
        guideline = guideline_plan(session, office, limits_on(day))
        plan = printed_plan(office, _with_orders(guideline, before), printed)
        since = {key: order for key, order in _orders_of(_latest(known, day)).items() if before.get(key) != order}
        plan = _with_orders(plan, since)
        chains.append(_add(session, charter, plan, guideline, in_force_from=day, now=now))
    return chains[0]


def plan_of_charter(
    session: Session, office: Office, printed: Sequence[PrintedTier], guideline: Plan, *, day: date
) -> Plan:
    """What a charter would make of an office's chain on its first day."""
    before = _orders_of(_latest(_by_first_day(session, office), day))
    return printed_plan(office, _with_orders(guideline, before), printed)


def _lock(session: Session, office: Office) -> None:
    """Chains of an office are made one after the other: each copies the one before."""
    session.execute(select(Office.id).where(Office.id == office.id).with_for_update())


def _by_first_day(session: Session, office: Office) -> dict[date, Chain]:
    """The chains of an office by the day each begins; of two on one day the later one counts."""
    return {chain.in_force_from: chain for chain in reversed(chains_of(session, office))}


def _latest(chains: Mapping[date, Chain], day: date) -> Chain | None:
    begun = [first_day for first_day in chains if first_day <= day]
    return chains[max(begun)] if begun else None


Orders = dict[tuple[Tier, str], dict[str, Any]]
"""What orders say: by tier, of its post and of its limit."""


def _orders_of(chain: Chain | None) -> Orders:
    found: Orders = {}
    for desk in chain.desks if chain is not None else ():
        by = ChainSource.ORDER
        if desk.post_source is by:
            found[desk.tier, "post"] = {"office": desk.post.office, "title": desk.post.title_bn, "post_source": by}
        if desk.limit_source is by:
            limit = DayLimit(desk.limit_amount, desk.limit_unit)
            found[desk.tier, "limit"] = {"limit": limit, "limit_source": by}
    return found


def _with_orders(plan: Plan, orders: Orders) -> Plan:
    found = dict(plan)
    for (tier, _), changes in orders.items():
        found[tier] = replace(found[tier], **changes)
    return found


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
    limits_on: Callable[[date], LimitOf],
    person_id: int,
    now: datetime,
    within: Collection[int] | None = None,
) -> Chain:
    """An order names another post or another limit for one tier of an office, from a day on.

    It stands until another order, also in what begins later already. Complaints under way keep the chain they were
    filed under. ``within``: only desks of these offices may be changed, and only for posts of theirs; None: all.
    Raises InvalidInput, NotFound or NotYours.
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
    _lock(session, office)
    first = None
    for before in _from_day_on(session, office, in_force_from):
        day = max(before.in_force_from, in_force_from)
        is_foreign = post is not None and within is not None and post.office_id not in within
        if is_foreign or not may_order(before, tier, within):
            raise NotYours("administration")
        chain = _copy(before, in_force_from=day, source=ChainSource.ORDER, reference=reference, now=now)
        (desk,) = [desk for desk in chain.desks if desk.tier is tier]
        if post is not None:
            desk.post, desk.post_id, desk.post_source = post, post.id, ChainSource.ORDER
        if limit is not None:
            desk.limit_amount, desk.limit_unit, desk.limit_source = limit.amount, limit.unit, ChainSource.ORDER
        chain.deviates = _desks_deviate(chain, guideline_plan(session, office, limits_on(day)))
        session.add(chain)
        first = first or chain
    session.flush()
    assert first is not None
    log_event(session, SecurityKind.CHAIN_ORDERED, now=now, person_id=person_id, office=office.slug, tier=int(tier),
              in_force_from=in_force_from)  # fmt: skip
    return first


def may_order(chain: Chain, tier: Tier, within: Collection[int] | None) -> bool:
    """Whether who administers these offices may change a tier of a chain: its desk stands in one of them.

    The cell's own limit and desk are for who keeps the whole system (``within`` None).
    """
    (desk,) = [desk for desk in chain.desks if desk.tier is tier]
    return within is None or (tier is not Tier.CELL_OFFICER and desk.post.office_id in within)


def _from_day_on(session: Session, office: Office, day: date) -> list[Chain]:
    """The chain in force on a day, and the one of each later day on which another begins; raises NotFound."""
    first = chain_in_force(session, office, day)
    later = _by_first_day(session, office)
    return [first, *(chain for first_day, chain in sorted(later.items()) if first_day > day)]


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
    session: Session,
    tier: Tier,
    limit_on: Callable[[date], DayLimit],
    *,
    in_force_from: date,
    source: str,
    now: datetime,
) -> int:
    """Another limit of the guideline: each chain that takes its limit from there gets a follower from that day on.

    Chains that begin later are followed too, on their own first day, by the limit of that day. Returns how many
    offices are concerned.
    """
    session.execute(select(Office.id).order_by(Office.id).with_for_update())
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
        limit = limit_on(day)
        if desk.limit_source is not ChainSource.GUIDELINE or limit == DayLimit(desk.limit_amount, desk.limit_unit):
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
