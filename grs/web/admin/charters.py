"""Charters from documents: upload or paste, look at every proposal, correct, compare, put in force; and orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from grs.charter.packages import LARGEST_FILE
from grs.domain.errors import InvalidFile, InvalidInput, NotFound
from grs.domain.lodging import Category
from grs.domain.tiers import LONGEST_LIMIT, DayLimit, LimitUnit, Tier
from grs.domain.typed import read_choice, read_day, read_number
from grs.usecases import charter_proposals as proposals
from grs.usecases.administration import administered_office
from grs.usecases.chains import chain_in_force, chains_of, may_order, order_desk, posts_for_tier
from grs.usecases.charters import versions_of
from grs.usecases.rule_values import rules_on
from grs.web.admin.room import Page, blueprint, me_as_administrator, today, uploaded
from grs.web.doors import house
from grs.web.presentation import typed_date
from grs.web.protection import logged_in


@blueprint.get("/charters")
@logged_in
def charters() -> Page:
    """Begin an import, or go on with one."""
    return _begin_page({})


def _begin_page(problems: Mapping[str, str], typed: Mapping[str, str] | None = None, error: Any = None) -> str:
    with house().readers() as db:
        return render_template(
            "admin/charters.html",
            open=proposals.open_proposals(db, me_as_administrator(db)),
            problems=problems,
            typed=typed or {"office": request.args.get("office", "")},
            error=error,
        )


@blueprint.post("/charters")
@logged_in
def read_charter_document() -> Page:
    """Read an uploaded or pasted document; nothing counts yet."""
    typed = request.form.to_dict()
    try:
        name, data = uploaded(LARGEST_FILE) or ("pasted", typed.get("text", "").encode())
        if not data.strip():
            return _begin_page({"file": "choose_document"}, typed), 422
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            proposal = proposals.propose_charter(
                db, admin, data, name=name, office=typed.get("office", "").strip().lower()
            )
            number = proposal.id
    except InvalidFile as error:
        return _begin_page({}, typed, error), 422
    except NotFound:
        return _begin_page({"office": "no_such_office"}, typed), 422
    return redirect(url_for("admin.proposal", number=number), 303)


@blueprint.get("/charters/<int(max=2147483647):number>")
@logged_in
def proposal(number: int) -> Page:
    """Everything that was read, beside its source, doubts marked."""
    with house().readers() as db:
        found = proposals.open_proposal(db, me_as_administrator(db), number)
        chain = proposals.difference(db, found, day=today()).chain if found.office else {}
        return render_template("admin/proposal.html", proposal=found, chain=chain, tiers=list(Tier), done=_done())


@blueprint.post("/charters/<int(max=2147483647):number>/drop")
@logged_in
def drop_proposal(number: int) -> Page:
    """Give an import up."""
    with house().writers.begin() as db:
        proposals.drop_proposal(db, me_as_administrator(db), number)
    return redirect(url_for("admin.charters"), 303)


def _done() -> bool:
    return bool(request.args.get("done"))


# -- one service, one tier, the head -------------------------------------------------------------------------------


@blueprint.get("/charters/<int(max=2147483647):number>/services/<int(max=100000):position>")
@logged_in
def proposed_service(number: int, position: int) -> Page:
    """One service with its source line, every field correctable; past the last one: a new one."""
    return _service_page(number, position, {}, {})


def _service_page(number: int, position: int, typed: dict[str, str], problems: Mapping[str, str]) -> str:
    with house().readers() as db:
        found = proposals.open_proposal(db, me_as_administrator(db), number)
        services = found.document.services
        if position > len(services):
            raise NotFound("service", position)
        service = services[position] if position < len(services) else None
        return render_template(
            "admin/proposed_service.html",
            proposal=found,
            position=position,
            service=service,
            typed=typed or _typed_service(service),
            problems=problems,
            categories=list(Category),
        )


def _typed_service(service: Any) -> dict[str, str]:
    if service is None:
        return {"category": Category.CITIZEN}
    fields = ("category", "serial", "name", "delivery_method", "documents", "fee", "time_limit_text")
    found = {field: str(getattr(service, field) or "") for field in fields}
    for which in ("officer", "superior"):
        one = getattr(service, which)
        if one is not None:
            found |= {f"{which}_name": one.name or "", f"{which}_designation": one.designation or ""}
            found[f"{which}_reach"] = ", ".join((*one.phones, *one.emails))
    return found


@blueprint.post("/charters/<int(max=2147483647):number>/services/<int(max=100000):position>")
@logged_in
def correct_service(number: int, position: int) -> Page:
    """Keep a correction, or leave the service out."""
    typed = request.form.to_dict()
    try:
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            if "drop" in typed:
                proposals.drop_service(db, admin, number, position)
            else:
                proposals.correct_service(db, admin, number, position, typed)
    except InvalidInput as error:
        return _service_page(number, position, typed, error.problems), 422
    return redirect(url_for("admin.proposal", number=number, done="yes") + f"#service-{position}", 303)


@blueprint.get("/charters/<int(max=2147483647):number>/tiers/<int(max=3):tier>")
@logged_in
def proposed_tier(number: int, tier: int) -> Page:
    """Who answers at a tier, with its source line."""
    return _tier_page(number, tier, {}, {})


def _tier_page(number: int, tier: int, typed: dict[str, str], problems: Mapping[str, str]) -> str:
    with house().readers() as db:
        found = proposals.open_proposal(db, me_as_administrator(db), number)
        printed = next((one for one in found.document.grievance_tiers if one.tier == tier), None)
        shown = dict(typed)
        if not shown and printed is not None:
            reach = (*printed.contact.phones, *printed.contact.emails, *printed.contact.websites)
            shown = {"designation": printed.contact.designation or "", "reach": ", ".join(reach)}
            if printed.limit is not None:
                shown |= {"amount": str(printed.limit.amount), "unit": printed.limit.unit}
        return render_template(
            "admin/proposed_tier.html",
            proposal=found,
            tier=tier,
            printed=printed,
            typed=shown,
            problems=problems,
            units=list(LimitUnit),
            default=rules_on(db, today()).of_tier(Tier(tier)) if tier in set(Tier) else None,
        )


@blueprint.post("/charters/<int(max=2147483647):number>/tiers/<int(max=3):tier>")
@logged_in
def correct_tier(number: int, tier: int) -> Page:
    """Keep a correction of a tier."""
    typed = request.form.to_dict()
    try:
        with house().writers.begin() as db:
            proposals.correct_tier(db, me_as_administrator(db), number, tier, typed)
    except InvalidInput as error:
        return _tier_page(number, tier, typed, error.problems), 422
    return redirect(url_for("admin.proposal", number=number, done="yes") + "#chain", 303)


@blueprint.post("/charters/<int(max=2147483647):number>/head")
@logged_in
def correct_head(number: int) -> Page:
    """Keep whose charter it is, and its date."""
    typed = request.form.to_dict()
    try:
        with house().writers.begin() as db:
            proposals.correct_head(db, me_as_administrator(db), number, typed)
    except InvalidInput as error:
        with house().readers() as db:
            found = proposals.open_proposal(db, me_as_administrator(db), number)
            return render_template(
                "admin/proposal.html", proposal=found, chain={}, tiers=list(Tier), done=False, typed=typed,
                problems=error.problems,
            ), 422  # fmt: skip
    return redirect(url_for("admin.proposal", number=number, done="yes"), 303)


# -- comparing, putting in force -----------------------------------------------------------------------------------


@blueprint.get("/charters/<int(max=2147483647):number>/confirm")
@logged_in
def compare(number: int) -> Page:
    """What the proposal changes against the version in force, and from when it shall count."""
    return _compare_page(number, {"in_force_from": typed_date(today())}, {})


def _compare_page(number: int, typed: Mapping[str, str], problems: Mapping[str, str]) -> Page:
    with house().readers() as db:
        found = proposals.open_proposal(db, me_as_administrator(db), number)
        if found.office is None:
            return redirect(url_for("admin.proposal", number=number), 303)
        return render_template(
            "admin/compare.html",
            proposal=found,
            difference=proposals.difference(db, found, day=today()),
            tiers=list(Tier),
            typed=typed,
            problems=problems,
        )


@blueprint.post("/charters/<int(max=2147483647):number>/confirm")
@logged_in
def confirm(number: int) -> Page:
    """Put it in force from a day."""
    typed = request.form.to_dict()
    problems: dict[str, str] = {}
    day = read_day(typed, "in_force_from", problems)
    try:
        if problems:
            raise InvalidInput(problems)
        with house().writers.begin() as db:
            charter = proposals.confirm(db, me_as_administrator(db), number, in_force_from=day)
            slug = charter.office.slug
    except InvalidInput as error:
        page = _compare_page(number, typed, error.problems)
        return (page, 422) if isinstance(page, str) else page
    return redirect(url_for("admin.office", slug=slug, done="charter"), 303)


# -- chains ------------------------------------------------------------------------------------------------------------


@blueprint.get("/offices/<slug>/chain")
@logged_in
def chain(slug: str) -> Page:
    """Who answers for an office's complaints, now, before and from later days on; and an order that changes it."""
    return _chain_page(slug, {}, {})


def _chain_page(slug: str, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    with house().readers() as db:
        admin = me_as_administrator(db)
        office = administered_office(db, admin, slug)
        within = None if admin.is_system else admin.office_ids
        current = _chain_now(db, office)
        return render_template(
            "admin/chain.html",
            office=office,
            chains=chains_of(db, office),
            current=current,
            versions={version.id: version for version in versions_of(db, office)},
            posts=[post for post in posts_for_tier(db, office) if within is None or post.office_id in within],
            tiers=[tier for tier in Tier if current is None or may_order(current, tier, within)],
            units=list(LimitUnit),
            typed=typed,
            problems=problems,
            today=today(),
            done=_done(),
        )


def _chain_now(db: Session, office: Any) -> Any:
    try:
        return chain_in_force(db, office, today())
    except NotFound:
        return None


@blueprint.post("/offices/<slug>/chain")
@logged_in
def order_chain(slug: str) -> Page:
    """An order from a day on."""
    typed = request.form.to_dict()
    problems: dict[str, str] = {}
    day = read_day(typed, "in_force_from", problems)
    tier = read_number(typed.get("tier"))
    if tier not in set(Tier):
        problems["tier"] = "choose_one"
    limit = None
    if typed.get("amount", "").strip():
        amount, unit = read_number(typed.get("amount")), read_choice(LimitUnit, typed, "unit", problems)
        if not amount or amount > LONGEST_LIMIT:
            problems["amount"] = "not_a_limit"
        elif unit is not None:
            limit = DayLimit(amount, unit)
    try:
        if problems or tier is None:
            raise InvalidInput(problems)
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            office = administered_office(db, admin, slug)
            posts = {post.id: post for post in posts_for_tier(db, office)}
            order_desk(
                db,
                office,
                Tier(tier),
                post=posts.get(read_number(typed.get("post")) or 0),
                limit=limit,
                in_force_from=day,
                reference=typed.get("reference", ""),
                limits_on=lambda on: rules_on(db, on).of_tier,
                person_id=admin.person_id,
                now=admin.now,
                within=None if admin.is_system else admin.office_ids,
            )
    except InvalidInput as error:
        return _chain_page(slug, typed, error.problems), 422
    except NotFound:
        return _chain_page(slug, typed, {"in_force_from": "no_chain_yet"}), 422
    return redirect(url_for("admin.chain", slug=slug, done="yes"), 303)
