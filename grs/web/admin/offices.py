"""Offices in their tree, one office with its posts and versions, and thousands from a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for

from grs.db.queries.offices import offices_below, search_all_offices
from grs.domain.access import PostRole
from grs.domain.bangla import search_words
from grs.domain.errors import InvalidFile, InvalidInput, NotFound
from grs.domain.tiers import OfficeLevel
from grs.domain.typed import read_number
from grs.usecases import appointments
from grs.usecases.administration import administered_office
from grs.usecases.chains import chain_in_force
from grs.usecases.charters import versions_of
from grs.usecases.offices import import_offices, keep_office, read_offices
from grs.web.admin.room import Page, blueprint, me_as_administrator, system_only, today, uploaded
from grs.web.doors import house
from grs.web.protection import logged_in

PAGE = 50
LARGEST_FILE = 8_000_000
DONE = ("office", "charter", "post", "appointed", "ended")


@blueprint.get("/offices")
@logged_in
def offices() -> Page:
    """Search the offices, or walk down their tree."""
    return _offices_page({}, {})


def _offices_page(typed: Mapping[str, str], problems: Mapping[str, str], error: Any = None, counts: Any = None) -> str:
    words, page = request.args.get("q", ""), max(read_number(request.args.get("page")) or 1, 1)
    with house().readers() as db:
        admin = me_as_administrator(db)
        reach = None if admin.is_system else admin.office_ids
        if search_words(words):
            found = search_all_offices(db, words=search_words(words), within=reach, page=page, size=PAGE)
        else:
            found = offices_below(db, None, within=reach, page=page, size=PAGE)
        return render_template(
            "admin/offices.html",
            offices=found[:PAGE],
            has_more=len(found) > PAGE,
            page=page,
            q=words,
            levels=list(OfficeLevel),
            is_system=admin.is_system,
            typed=typed,
            problems=problems,
            error=error,
            counts=counts,
        )


@blueprint.post("/offices")
@system_only
def add_office() -> Page:
    """Add an office, or change one; or many from a file."""
    typed = request.form.to_dict()
    try:
        file = uploaded(LARGEST_FILE)
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            if file is not None:
                counts = import_offices(db, read_offices(file[1]))
                slug = None
            else:
                counts = None
                slug = keep_office(db, typed, person_id=admin.person_id, now=admin.now).slug
    except InvalidFile as error:
        return _offices_page(typed, {}, error), 422
    except InvalidInput as error:
        return _offices_page(typed, error.problems), 422
    if slug is None:
        return _offices_page({}, {}, counts=counts)
    return redirect(url_for("admin.office", slug=slug, done="office"), 303)


@blueprint.get("/offices/<slug>")
@logged_in
def office(slug: str) -> Page:
    """One office: its place in the tree, its posts and who sits on them, its charter and chain."""
    return _office_page(slug, {}, {})


def _office_page(slug: str, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    done = request.args.get("done", "")
    with house().readers() as db:
        admin = me_as_administrator(db)
        found = administered_office(db, admin, slug)
        posts = appointments.posts_of_office(db, found)
        try:
            chain = chain_in_force(db, found, today())
        except NotFound:
            chain = None
        return render_template(
            "admin/office.html",
            office=found,
            parent=found.parent,
            below=offices_below(db, found.id, within=None, page=1, size=PAGE)[:PAGE],
            posts=posts,
            holders=appointments.holders_of(db, posts, today=today()),
            roles=list(PostRole),
            chain=chain,
            versions=versions_of(db, found),
            is_system=admin.is_system,
            levels=list(OfficeLevel),
            typed=typed,
            problems=problems,
            done=done if done in DONE else "",
            today=today(),
        )


@blueprint.post("/offices/<slug>/posts")
@logged_in
def keep_post(slug: str) -> Page:
    """A new post, or another title or grade."""
    return _act(slug, appointments.keep_post, "post")


@blueprint.post("/offices/<slug>/holders")
@logged_in
def appoint(slug: str) -> Page:
    """Put somebody on a post; a stranger gets an invitation."""
    return _act(slug, appointments.appoint_person, "appointed")


def _act(slug: str, act: Any, done: str) -> Page:
    typed = request.form.to_dict()
    try:
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            act(db, admin, administered_office(db, admin, slug), typed)
    except InvalidInput as error:
        return _office_page(slug, typed, error.problems), 422
    return redirect(url_for("admin.office", slug=slug, done=done), 303)


@blueprint.post("/offices/<slug>/holders/<int(max=2147483647):holder_id>/end")
@logged_in
def end_holder(slug: str, holder_id: int) -> Page:
    """Somebody leaves a post."""
    with house().writers.begin() as db:
        admin = me_as_administrator(db)
        appointments.end_appointment(db, admin, administered_office(db, admin, slug), holder_id)
    return redirect(url_for("admin.office", slug=slug, done="ended"), 303)
