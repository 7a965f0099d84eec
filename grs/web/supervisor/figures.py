"""The overview of a supervisor's offices, and the cases behind each of its figures."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from grs.db.offices import Person
from grs.domain.annex import APPEAL_COLUMNS, COMPLAINT_COLUMNS
from grs.domain.disposal import RootCause
from grs.domain.errors import NotFound
from grs.domain.tiers import Tier
from grs.domain.typed import read_number
from grs.usecases.kept_overviews import kept_overview
from grs.usecases.supervision import MONTHS, SPANS, WHATS, Behind, cases_behind, overview
from grs.web.doors import house
from grs.web.people import me
from grs.web.presentation import list_line
from grs.web.protection import logged_in
from grs.web.supervisor.room import Page, asked_month, blueprint, months_to_choose, scope_of, today

BESIDE_THE_FORM = ("disposed_in_time", "filed_appeals_decided", "overturned")


def _span() -> int:
    found = read_number(request.args.get("months"))
    return found if found in SPANS else MONTHS


@blueprint.get("/")
@logged_in
def home() -> Page:
    """The figures of the chosen offices over some months."""
    with house().reports() as db:
        scope = scope_of(db)
        month = asked_month()
        asked: dict[str, Any] = {"until": month, "months": _span()}
        found = kept_overview(db, scope.office_ids, **asked, now=house().clock())
        if found is None:
            found = overview(db, scope.office_ids, **asked, today=today(), shelf=house().shelf)
        with house().readers() as now_db:  # what was chosen a moment ago may not be on a standby yet
            digest_only = now_db.get_one(Person, me().person_id).digest_only
        return render_template(
            "supervisor/home.html",
            scope=scope,
            figures=found,
            month=month,
            span=_span(),
            spans=SPANS,
            months=months_to_choose(),
            digest_only=digest_only,
            is_kept=bool(request.args.get("done")),
            behind=lambda **what: url_for("supervisor.cases", **_address(month), **what),
        )


def _address(month: Any) -> dict[str, Any]:
    kept = {name: request.args[name] for name in ("office", "alone") if request.args.get(name)}
    return kept | {"month": f"{month:%Y-%m}", "months": _span()}


@blueprint.get("/cases")
@logged_in
def cases() -> Page:
    """The cases behind one figure."""
    behind = _asked()
    with house().reports() as db:
        scope = scope_of(db, with_own_desks=behind.what == "annex")
        found = cases_behind(
            db, scope.office_ids, behind, desk=me().desk(), after=read_number(request.args.get("after")) or 0
        )
        calendars = house().shelf.for_offices(db, {c.office for c in found.complaints})
        lines = [list_line(c, calendars[c.office_id], today()) for c in found.complaints]
        kept: dict[str, Any] = {name: value for name, value in request.args.items() if name not in ("after", "lang")}
        return render_template(
            "supervisor/cases.html",
            scope=scope,
            behind=behind,
            found=found,
            lines=lines,
            next_page=url_for("supervisor.cases", **kept | {"after": found.next_after}) if found.next_after else None,
            back={k: v for k, v in kept.items() if k in ("office", "alone", "month", "months")},
        )


def _asked() -> Behind:
    """The figure that was clicked; raises NotFound for one that there is not."""
    args = request.args
    what, column = args.get("what", ""), args.get("column", "")
    columns = {*COMPLAINT_COLUMNS, *APPEAL_COLUMNS, *BESIDE_THE_FORM} - {"rate"}
    cause = args.get("cause", "")
    if what not in WHATS or (what == "annex" and column not in columns) or (cause and cause not in set(RootCause)):
        raise NotFound("figure", what)
    tier = read_number(args.get("tier"))
    return Behind(
        what=what,
        until=asked_month(),
        months=_span(),
        column=column,
        is_appeals=args.get("of") == "appeals",
        post_id=read_number(args.get("post")),
        tier=Tier(tier) if tier in {int(one) for one in Tier} else None,
        cause=RootCause(cause) if cause else None,
        service=args.get("service") or None,
    )


@blueprint.post("/letters")
@logged_in
def letters() -> Page:
    """Whether escalations come at once or only in the morning's digest."""
    with house().writers.begin() as db:
        db.get_one(Person, me().person_id).digest_only = request.form.get("digest_only") == "yes"
    return redirect(url_for("supervisor.home", done="letters"), 303)
