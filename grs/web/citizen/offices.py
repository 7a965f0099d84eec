"""Finding an office and reading its charter."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from grs.db.queries.offices import LONGEST_QUERY, PAGE, districts, search_offices, search_services
from grs.domain.bangla import search_words
from grs.domain.typed import read_number
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import charter_in_force
from grs.usecases.offices import find_office
from grs.web.citizen.desk import Page, blueprint, today
from grs.web.doors import house
from grs.web.protection import anyone


@blueprint.get("/")
@anyone
def home() -> Page:
    """What this is for, the search, and the districts."""
    with house().readers() as db:
        found = districts(db)
    return render_template("citizen/home.html", districts=found, query="")


@blueprint.get("/offices")
@anyone
def search() -> Page:
    """Offices by district and name, services by name; spelling variants find the same."""
    query, district = request.args.get("q", "")[:LONGEST_QUERY], request.args.get("district", "")
    page = max(read_number(request.args.get("page")) or 1, 1)
    words = search_words(query)
    with house().readers() as db:
        all_districts = districts(db)
        offices = search_offices(db, words=words, district=district, page=page)
        asked: dict[str, Any] = {"words": words, "district": district, "page": page}
        services = search_services(db, **asked, today=today(), thorough=not offices) if words else []
    return render_template(
        "citizen/search.html",
        query=query,
        district=district,
        districts=all_districts,
        offices=offices[:PAGE],
        services=services[:PAGE],
        page=page,
        has_more=len(offices) > PAGE or len(services) > PAGE,
    )


@blueprint.get("/offices/<slug>")
@anyone
def office(slug: str) -> Page:
    """An office's charter and the chain that answers for it."""
    with house().readers() as db:
        found = find_office(db, slug)
        charter = charter_in_force(db, found, today())
        chain = chain_in_force(db, found, today())
        desks = [(desk, desk.post, desk.post.office) for desk in chain.desks]
        by_category: dict[object, list[object]] = {}
        for entry in charter.entries:
            by_category.setdefault(entry.category, []).append(entry)
        return render_template(
            "citizen/office.html", office=found, charter=charter, chain=chain, desks=desks, tables=by_category
        )
