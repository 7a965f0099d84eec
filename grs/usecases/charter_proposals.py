"""A charter from a document, looked at before it counts: read, corrected beside its source, compared, put in force."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from grs.charter import CharterDocument
from grs.charter.blocks import text_of
from grs.charter.cells import read_day_limit, read_emails, read_phones, read_time_limit, read_websites
from grs.charter.documents import blocks_of
from grs.charter.doubts import Doubt, doubts_of
from grs.charter.interpret import interpret
from grs.charter.model import Contact, Officer, PrintedTier, Service, TimeLimit, as_kept, from_kept
from grs.db.administration import Proposal, ProposalKind
from grs.db.charters import ChainDesk, Charter
from grs.db.offices import Office
from grs.domain.bangla import normalise, normalise_lines
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import Category
from grs.domain.tiers import LONGEST_LIMIT, DayLimit, LimitUnit, Tier
from grs.domain.typed import read_choice, read_day, read_number
from grs.usecases.administration import Administrator, administered_office
from grs.usecases.chains import Plan, chain_in_force, deviates, guideline_plan, is_placed_by_guess, plan_of_charter
from grs.usecases.charters import (
    ServiceChange,
    charter_in_force,
    compare_with_version,
    put_in_force,
    running_of,
)
from grs.usecases.offices import find_office, office_of
from grs.usecases.rule_values import rules_on

KEPT_FOR = timedelta(days=30)
LONGEST = 5_000
CONTRADICTION = "other_office"


@dataclass(frozen=True, slots=True, kw_only=True)
class CharterProposal:
    """A read document with its doubts; ``lines`` are the lines of the source that something was read from."""

    id: int
    document: CharterDocument
    office: Office | None
    lines: Mapping[int, str]
    doubts: Sequence[Doubt]

    def doubts_at(self, place: str, number: int = 0) -> list[str]:
        return [doubt.code for doubt in self.doubts if (doubt.place, doubt.number) == (place, number)]

    @staticmethod
    def limit_of(service: Service) -> DayLimit | None:
        """How a service's time was understood, in days or months."""
        return read_day_limit(service.time_limit_text or "")


# -- reading ---------------------------------------------------------------------------------------------------------


def propose_charter(session: Session, admin: Administrator, data: bytes, *, name: str, office: str = "") -> Proposal:
    """Read a document and keep what was found until it is confirmed.

    ``office`` is a slug, or empty to go by what the document says. Raises InvalidFile, NotFound or NotYours.
    """
    blocks = blocks_of(data)
    document = interpret(blocks, source=normalise(name)[:200] or "pasted")
    if office:
        found: Office | None = administered_office(session, admin, office)
    else:
        try:
            found = office_of(session, document)
        except NotFound:
            found = None
        found = found if found is not None and admin.may(found) else None
    wanted = {service.line for service in document.services} | {tier.line for tier in document.grievance_tiers}
    lines = {str(block.line): text_of(block)[:LONGEST] for block in blocks if block.line in wanted}
    content = {
        "document": as_kept(document),
        "office": found.slug if found else "",
        "sha256": hashlib.sha256(data).hexdigest(),
        "lines": lines,
    }
    session.execute(delete(Proposal).where(Proposal.created_at < admin.now - KEPT_FOR))
    proposal = Proposal(
        kind=ProposalKind.CHARTER,
        person_id=admin.person_id,
        created_at=admin.now,
        source_name=document.source,
        content=content,
    )
    session.add(proposal)
    session.flush()
    return proposal


def open_proposals(session: Session, admin: Administrator) -> Sequence[Proposal]:
    """What this person has begun to import and not confirmed yet, newest first."""
    query = select(Proposal).where(Proposal.person_id == admin.person_id, Proposal.kind == ProposalKind.CHARTER)
    return session.scalars(query.order_by(Proposal.id.desc())).all()


def open_proposal(session: Session, admin: Administrator, number: int) -> CharterProposal:
    """One's own proposal as it stands; raises NotFound."""
    return _view(session, _own(session, admin, number))


def _own(session: Session, admin: Administrator, number: int) -> Proposal:
    found = session.get(Proposal, number, with_for_update=True)
    if found is None or found.person_id != admin.person_id or found.kind is not ProposalKind.CHARTER:
        raise NotFound("proposal", number)
    return found


def _view(session: Session, proposal: Proposal) -> CharterProposal:
    document = from_kept(proposal.content["document"])
    office = find_office(session, proposal.content["office"]) if proposal.content["office"] else None
    doubts = list(doubts_of(document))
    if office is None:
        doubts.insert(0, Doubt("office", 0, "office_unknown"))
    elif _says_another(session, document, office):
        doubts.insert(0, Doubt("office", 0, CONTRADICTION))
    for tier in document.grievance_tiers:
        if tier.tier in set(Tier) and is_placed_by_guess(tier.contact.designation, Tier(tier.tier)):
            doubts.append(Doubt("tier", tier.tier, "placed_by_guess"))
    lines = {int(line): text for line, text in proposal.content["lines"].items()}
    return CharterProposal(id=proposal.id, document=document, office=office, lines=lines, doubts=doubts)


def _says_another(session: Session, document: CharterDocument, office: Office) -> bool:
    try:
        return office_of(session, document).id != office.id
    except NotFound:
        return False


# -- correcting --------------------------------------------------------------------------------------------------------


def correct_service(
    session: Session, admin: Administrator, number: int, position: int, typed: Mapping[str, str]
) -> None:
    """Take what was typed for one service; ``position`` past the last one adds it. Raises InvalidInput or NotFound."""
    proposal = _own(session, admin, number)
    document = from_kept(proposal.content["document"])
    services = list(document.services)
    if not 0 <= position <= len(services):
        raise NotFound("service", position)
    problems: dict[str, str] = {}
    category = read_choice(Category, typed, "category", problems)
    name = _text(typed, "name", problems)
    if not name and "name" not in problems:
        problems["name"] = "required"
    texts = {
        field: _text(typed, field, problems) or None
        for field in ("serial", "delivery_method", "documents", "fee", "time_limit_text")
    }
    officers = {which: _officer(typed, which, problems) for which in ("officer", "superior")}
    if problems or category is None:
        raise InvalidInput(problems)
    before = services[position] if position < len(services) else None
    service = Service(
        category=category,
        serial=(texts["serial"] or "")[:8] or None,
        name=name,
        delivery_method=texts["delivery_method"],
        documents=texts["documents"],
        fee=texts["fee"],
        time_limit_text=texts["time_limit_text"],
        time_limit=read_time_limit(texts["time_limit_text"]) if texts["time_limit_text"] else TimeLimit(),
        officer=officers["officer"],
        superior=officers["superior"],
        line=before.line if before is not None else 0,
    )
    services[position : position + 1] = [service]
    _keep(proposal, replace(document, services=tuple(services)))


def drop_service(session: Session, admin: Administrator, number: int, position: int) -> None:
    """Leave a service out; raises NotFound."""
    proposal = _own(session, admin, number)
    document = from_kept(proposal.content["document"])
    if not 0 <= position < len(document.services):
        raise NotFound("service", position)
    services = (*document.services[:position], *document.services[position + 1 :])
    _keep(proposal, replace(document, services=services))


def correct_tier(session: Session, admin: Administrator, number: int, tier: int, typed: Mapping[str, str]) -> None:
    """Take what was typed for one tier; without a post and a limit it counts as not stated. Raises InvalidInput."""
    if tier not in set(Tier):
        raise NotFound("tier", tier)
    proposal = _own(session, admin, number)
    document = from_kept(proposal.content["document"])
    problems: dict[str, str] = {}
    amount = read_number(typed.get("amount"))
    limit = None
    if typed.get("amount", "").strip():
        unit = read_choice(LimitUnit, typed, "unit", problems)
        if not amount or amount > LONGEST_LIMIT:
            problems["amount"] = "not_a_limit"
        elif unit is not None:
            limit = DayLimit(amount, unit)
    designation = _text(typed, "designation", problems)
    reach = _text(typed, "reach", problems)
    if reach and not (read_phones(reach) or read_emails(reach) or read_websites(reach)):
        problems["reach"] = "contact_not_understood"
    if problems:
        raise InvalidInput(problems)
    others = [one for one in document.grievance_tiers if one.tier != tier]
    before = next((one for one in document.grievance_tiers if one.tier == tier), None)
    if designation or limit is not None:
        contact = Contact(
            designation=designation or None,
            phones=read_phones(reach),
            emails=read_emails(reach),
            websites=read_websites(reach),
            address=before.contact.address if before else None,
        )
        others.append(
            PrintedTier(
                tier=tier,
                when=before.when if before else None,
                officer_role=before.officer_role if before else None,
                contact=contact,
                limit=limit,
                line=before.line if before else 0,
            )
        )
    _keep(proposal, replace(document, grievance_tiers=tuple(sorted(others, key=lambda one: one.tier))))


def correct_head(session: Session, admin: Administrator, number: int, typed: Mapping[str, str]) -> None:
    """Whose charter it is, and its date. Raises InvalidInput, NotFound or NotYours."""
    proposal = _own(session, admin, number)
    document = from_kept(proposal.content["document"])
    problems: dict[str, str] = {}
    dated = read_day(typed, "dated", problems)
    slug = typed.get("office", "").strip()
    if not slug:
        problems["office"] = "choose_one"
    if problems:
        raise InvalidInput(problems)
    try:
        office = administered_office(session, admin, slug)
    except NotFound:
        raise InvalidInput({"office": "no_such_office"}) from None
    _keep(proposal, replace(document, dated=dated), office=office.slug)


def _officer(typed: Mapping[str, str], which: str, problems: dict[str, str]) -> Officer | None:
    name, designation = (normalise(typed.get(f"{which}_{part}", ""))[:LONGEST] for part in ("name", "designation"))
    reach = typed.get(f"{which}_reach", "")
    if reach.strip() and not read_phones(reach) and not read_emails(reach):
        problems[f"{which}_reach"] = "contact_not_understood"
    found = Officer(name or None, designation or None, read_phones(reach), read_emails(reach))
    return None if found == Officer() else found


def _text(typed: Mapping[str, str], field: str, problems: dict[str, str]) -> str:
    text = " ".join(normalise_lines(typed.get(field, "")).split())
    if len(text) > LONGEST:
        problems[field] = "too_long"
    return text


def _keep(proposal: Proposal, document: CharterDocument, *, office: str | None = None) -> None:
    content: dict[str, Any] = {**proposal.content, "document": as_kept(document)}
    if office is not None:
        content["office"] = office
    proposal.content = content


# -- comparing, putting in force -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a proposal would change: services, and who answers for complaints from then on."""

    before: Charter | None
    changes: Sequence[ServiceChange]
    chain: Plan
    deviates: bool
    running: int
    desks_before: Mapping[int, ChainDesk]


def difference(session: Session, proposal: CharterProposal, *, day: date) -> Difference:
    """A proposal against the version in force on a day. Raises InvalidInput while nobody knows whose it is."""
    if proposal.office is None:
        raise InvalidInput({"office": "choose_one"})
    try:
        before: Charter | None = charter_in_force(session, proposal.office, day)
    except NotFound:
        before = None
    changes = compare_with_version(session, before, proposal.document)
    guideline = guideline_plan(session, proposal.office, rules_on(session, day).of_tier)
    plan = plan_of_charter(session, proposal.office, proposal.document.grievance_tiers, guideline, day=day)
    return Difference(
        before=before,
        changes=changes,
        chain=plan,
        deviates=deviates(plan, guideline),
        running=running_of(session, proposal.office),
        desks_before=_desks_now(session, proposal.office, day),
    )


def _desks_now(session: Session, office: Office, day: date) -> dict[int, ChainDesk]:
    try:
        return {int(desk.tier): desk for desk in chain_in_force(session, office, day).desks}
    except NotFound:
        return {}


def confirm(session: Session, admin: Administrator, number: int, *, in_force_from: date | None) -> Charter:
    """Put a proposal in force from a day; it is gone then. Raises InvalidInput."""
    proposal = _own(session, admin, number)
    view = _view(session, proposal)
    problems = {}
    if view.office is None:
        problems["office"] = "choose_one"
    if in_force_from is None:
        problems["in_force_from"] = "required"
    elif in_force_from < admin.today:
        problems["in_force_from"] = "in_the_past"
    if not view.document.services:
        problems["name"] = "no_services"
    if problems or view.office is None or in_force_from is None:
        raise InvalidInput(problems)
    charter = put_in_force(
        session,
        view.document,
        office=administered_office(session, admin, view.office.slug),
        sha256=proposal.content["sha256"],
        in_force_from=in_force_from,
        now=admin.now,
        person_id=admin.person_id,
    )
    session.delete(proposal)
    return charter


def drop_proposal(session: Session, admin: Administrator, number: int) -> None:
    """Give a proposal up."""
    session.delete(_own(session, admin, number))
