"""What the supervisors' pages share: whose offices they show, and over which months."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, request
from flask.typing import ResponseReturnValue as Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.offices import Office
from grs.db.sets import among
from grs.domain.calendar import YEARS
from grs.domain.deadlines import add_months
from grs.domain.errors import NotFound, NotYours
from grs.usecases.annexes import first_of_month
from grs.usecases.scopes import with_those_below
from grs.web.officer.room import today
from grs.web.people import me

__all__ = ["Page", "Scope", "asked_month", "blueprint", "scope_of", "today"]

blueprint = Blueprint("supervisor", __name__, url_prefix="/supervision")
MOST_CHOICES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The offices of a page. ``top`` is the chosen one, None for all of the person's; ``choices`` may be chosen."""

    top: Office | None
    office_ids: Collection[int]
    choices: Sequence[Office]
    asked: Mapping[str, str]


def scope_of(db: Session, *, with_own_desks: bool = False) -> Scope:
    """The offices asked for in the address: one with those below it or, with ``alone``, without; else all of them.

    ``with_own_desks``: also the offices at whose desks the person works, for what officers report themselves.
    Raises NotYours where there is none, or not that one.
    """
    reach = set(me().supervised_offices)
    if with_own_desks:
        reach |= {post.office_id for post in me().desks}
    if not reach:
        raise NotYours("supervision")
    asked = {name: request.args[name] for name in ("office", "alone") if request.args.get(name)}
    top = db.scalar(select(Office).where(Office.slug == asked.get("office", "")))
    if asked.get("office") and top is None:
        raise NotFound("office", asked["office"])
    if top is not None and top.id not in reach:
        raise NotYours("supervision")
    chosen = reach
    if top is not None:
        chosen = {top.id} if asked.get("alone") else with_those_below(db, {top.id}) & reach
    return Scope(top=top, office_ids=chosen, choices=offices_among(db, reach, limit=MOST_CHOICES), asked=asked)


def offices_among(db: Session, office_ids: Collection[int], *, limit: int | None = None) -> Sequence[Office]:
    """Offices by district and name."""
    order = (Office.district_en, Office.name_en, Office.id)
    return db.scalars(select(Office).where(among(Office.id, office_ids)).order_by(*order).limit(limit)).all()


def asked_month(default: date | None = None) -> date:
    """The month of the address, as 2026-11; never one to come."""
    this_month = first_of_month(today())
    year, _, number = request.args.get("month", "").partition("-")
    try:
        found = date(int(year), int(number), 1)
    except (ValueError, OverflowError):
        found = default or this_month
    return min(found, this_month) if found.year in YEARS else this_month


def months_to_choose(number: int = 24) -> list[date]:
    """This month and those before it, newest first."""
    return [add_months(first_of_month(today()), -back) for back in range(number)]
