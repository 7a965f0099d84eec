"""The numbers of the rules on a day: the shipped ones, and what administrators have set since."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.administration import RuleValue, SecurityKind
from grs.domain.bangla import normalise
from grs.domain.calendar import dhaka_date
from grs.domain.errors import InvalidInput
from grs.domain.rule_values import RULE_OF_TIER, DatedValue, RuleBook, RuleName, check_value, rule_book
from grs.domain.tiers import DayLimit, LimitUnit
from grs.settings import CONFIG
from grs.usecases.chains import follow_guideline
from grs.usecases.security_log import log_event

LONGEST_SOURCE = 300


@cache
def shipped_values() -> tuple[DatedValue, ...]:
    """The values of ``config/tiers.toml``."""
    found = tomllib.loads((CONFIG / "tiers.toml").read_text("utf-8"))["guideline"]
    return tuple(
        DatedValue(
            name=name,
            limit=DayLimit(one[name]["amount"], LimitUnit(one[name]["unit"])),
            in_force_from=one["in_force_from"],
            source=one["source"],
        )
        for one in sorted(found, key=lambda one: one["in_force_from"])
        for name in RuleName
        if name in one
    )


def all_values(session: Session) -> list[DatedValue]:
    """Every value there is, shipped ones first, then in the order in which they were set."""
    later = session.scalars(select(RuleValue).order_by(RuleValue.id))
    return [*shipped_values(), *(_as_dated(value) for value in later)]


def rules_on(session: Session, day: date) -> RuleBook:
    """The numbers in force on a day."""
    return rule_book(all_values(session), day)


def history_of_values(session: Session) -> Sequence[RuleValue]:
    """What administrators have set, newest first, each with who set it."""
    return session.scalars(select(RuleValue).order_by(RuleValue.id.desc())).all()


def set_value(
    session: Session,
    *,
    name: RuleName,
    amount: int | None,
    unit: LimitUnit,
    in_force_from: date | None,
    source: str,
    person_id: int,
    now: datetime,
) -> int:
    """A number counts from a day on; returns how many offices' chains follow it.

    Complaints that are under way keep the limit under which they came to their desk. Raises InvalidInput.
    """
    check_value(name, amount, unit, in_force_from=in_force_from, today=dhaka_date(now))
    assert amount is not None and in_force_from is not None
    source = normalise(source)[:LONGEST_SOURCE]
    if not source:
        raise InvalidInput({"source": "required"})
    session.add(
        RuleValue(
            name=name, amount=amount, unit=unit, in_force_from=in_force_from, source=source, set_at=now,
            person_id=person_id,
        )
    )  # fmt: skip
    session.flush()
    log_event(session, SecurityKind.RULE_SET, now=now, person_id=person_id, rule=name, amount=amount, unit=unit,
              in_force_from=in_force_from)  # fmt: skip
    tier = next((tier for tier, rule in RULE_OF_TIER.items() if rule is name), None)
    if tier is None:
        return 0
    values = all_values(session)
    return follow_guideline(
        session,
        tier,
        lambda day: rule_book(values, day).of_tier(tier),
        in_force_from=in_force_from,
        source=source,
        now=now,
    )


def _as_dated(value: RuleValue) -> DatedValue:
    return DatedValue(
        name=value.name,
        limit=DayLimit(value.amount, value.unit),
        in_force_from=value.in_force_from,
        source=value.source,
    )
