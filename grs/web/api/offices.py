"""Offices, their charters, and what these promise."""

from __future__ import annotations

from typing import Any

from marshmallow import validate

from grs.db.charters import Charter, CharterEntry
from grs.db.offices import Office
from grs.db.queries.offices import LONGEST_QUERY, charters_of, entry_in_force, offices_by_slug, services_by_number
from grs.domain.bangla import search_words
from grs.domain.errors import NotFound
from grs.domain.typed import read_number
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import charter_in_force
from grs.usecases.offices import find_office
from grs.web.api.room import PageQuery, Shape, Text, Topic, Whole, listed, page_of, reads, today
from grs.web.api.shapes import CharterShape, CharterVersion, FoundService, OfficeShape
from grs.web.doors import house
from grs.web.protection import anyone

topic = Topic("offices", __name__, description="Offices, their charters, and what these promise.")

WORDS = {"description": "Words of the names, in Bangla or English, however they are spelt."}


class WordsQuery(PageQuery):
    q = Text(load_default="", validate=validate.Length(max=LONGEST_QUERY), metadata=WORDS)


class OfficesQuery(WordsQuery):
    district = Text(load_default="", validate=validate.Length(max=80), metadata={"description": "In English."})


@topic.route("/offices")
@topic.arguments(OfficesQuery, location="query")
@topic.response(200, listed("Offices", OfficeShape))
@reads
@anyone
def offices(asked: dict[str, Any]) -> Any:
    """Offices that have published a charter, by slug"""
    with house().readers() as db:
        found = offices_by_slug(
            db, words=search_words(asked["q"]), district=asked["district"],
            after=asked["after"], limit=asked["limit"] + 1,
        )  # fmt: skip
    return page_of(found, asked, key=lambda office: office.slug)


@topic.route("/offices/<slug>")
@topic.response(200, OfficeShape)
@reads
@anyone
def office(slug: str) -> Any:
    """One office"""
    with house().readers() as db:
        return find_office(db, slug)


class CharterQuery(Shape):
    version = Whole(
        load_default=None, validate=validate.Range(min=1, max=2_147_483_647),
        metadata={"description": "Without it the one in force today."},
    )  # fmt: skip


@topic.route("/offices/<slug>/charter")
@topic.arguments(CharterQuery, location="query")
@topic.response(200, CharterShape)
@reads
@anyone
def charter(asked: dict[str, Any], slug: str) -> Any:
    """An office's charter: every promise as it is printed, and who answers today when one is broken"""
    with house().readers() as db:
        found = find_office(db, slug)
        if asked["version"] is None:
            version = charter_in_force(db, found, today())
        else:
            version = _version(charters_of(db, found), found, asked["version"])
        desks = chain_in_force(db, found, today()).desks
        _ = [desk.post.office for desk in desks]  # drawn after the session has ended
        chain = [
            {"tier": desk.tier, "post": desk.post, "limit": {"amount": desk.limit_amount, "unit": desk.limit_unit}}
            for desk in desks
        ]
        return _facts_of(version, found) | {"chain": chain}


def _version(versions: Any, office: Office, wanted: int) -> Charter:
    for one in versions:
        if one.version == wanted:
            return one  # type: ignore[no-any-return]
    raise NotFound(f"charter {wanted} of", office.slug)


def _facts_of(charter: Charter, office: Office) -> dict[str, Any]:
    names = ("version", "in_force_from", "dated", "source_name", "source_sha256", "entries")
    return {name: getattr(charter, name) for name in names} | {"office": office}


@topic.route("/offices/<slug>/charters")
@topic.response(200, listed("Charters", CharterVersion))
@reads
@anyone
def charters(slug: str) -> Any:
    """Every version of an office's charter, newest first"""
    with house().readers() as db:
        return {"items": charters_of(db, find_office(db, slug)), "next": None}


class ServicesQuery(WordsQuery):
    office = Text(load_default="", validate=validate.Length(max=80), metadata={"description": "An office's slug."})


@topic.route("/services")
@topic.arguments(ServicesQuery, location="query")
@topic.response(200, listed("Services", FoundService))
@reads
@anyone
def services(asked: dict[str, Any]) -> Any:
    """What the charters in force promise, by number"""
    with house().readers() as db:
        of = find_office(db, asked["office"]) if asked["office"] else None
        rows = services_by_number(
            db, today=today(), words=search_words(asked["q"]), office_id=of.id if of else None,
            after=read_number(asked["after"]) or 0, limit=asked["limit"] + 1,
        )  # fmt: skip
        return page_of([_found(*row) for row in rows], asked, key=lambda one: one["id"])


@topic.route("/services/<int(max=2147483647):service_id>")
@topic.response(200, FoundService)
@reads
@anyone
def service(service_id: int) -> Any:
    """One promise of a charter in force"""
    with house().readers() as db:
        row = entry_in_force(db, service_id, today=today())
        if row is None:
            raise NotFound("service", service_id)
        return _found(*row)


def _found(entry: CharterEntry, office: Office) -> dict[str, Any]:
    names = [name for name in FoundService().fields if name != "office"]
    return {name: getattr(entry, name) for name in names} | {"office": office}
