"""What a citizen meets: offices and their charters, the form, the receipt, tracking, appeal."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from grs.db.queries.offices import offices_with_charter
from grs.domain.calendar import dhaka_date
from grs.domain.errors import AppealNotPossible, AppealTooLate, InvalidInput, NotYours, TooEarly
from grs.domain.lodging import PROPOSED_KIND, ComplaintForm, Ground, Kind
from grs.domain.tiers import About
from grs.domain.tracking import is_tracking_number, read_digits
from grs.usecases.appeals import appeal_complaint, check_complaint_appeal
from grs.usecases.charters import chain_of, charter_in_force, find_office
from grs.usecases.lodging import Lodged, lodge_complaint
from grs.usecases.secrets import access_code_of, new_token
from grs.usecases.stories import has_code, story_for_complainant
from grs.web import limits
from grs.web.doors import house
from grs.web.forms import read_complaint_form, read_number
from grs.web.protection import anyone

blueprint = Blueprint("citizen", __name__)
MOST_RECEIPTS = 5
"""As many as fit a cookie: the last ones this browser filed."""

Page = str | Response | tuple[str, int]


@blueprint.get("/")
@anyone
def home() -> Page:
    """The offices that have published a charter, by district."""
    with house().readers() as db:
        offices = offices_with_charter(db)
    return render_template("citizen/home.html", offices=offices)


@blueprint.get("/offices/<slug>")
@anyone
def office(slug: str) -> Page:
    """An office's charter and the chain that answers for it."""
    with house().readers() as db:
        found = find_office(db, slug)
        charter = charter_in_force(db, found, dhaka_date(house().clock()))
        chain = chain_of(db, charter)
        desks = [(desk, desk.post, desk.post.office) for desk in chain.desks]
        by_category: dict[object, list[object]] = {}
        for entry in charter.entries:
            by_category.setdefault(entry.category, []).append(entry)
        return render_template(
            "citizen/office.html", office=found, charter=charter, chain=chain, desks=desks, tables=by_category
        )


@blueprint.get("/offices/<slug>/complain")
@anyone
def complaint_form(slug: str) -> Page:
    """The complaint form for one service, or for another matter of the office."""
    entry_id = read_number(request.args.get("service"))
    with house().readers() as db:
        charter = charter_in_force(db, find_office(db, slug), dhaka_date(house().clock()))
        entry = next((e for e in charter.entries if e.id == entry_id), None)
    typed = {"form_key": new_token(), "about": About.NOBODY, "service": str(entry.id) if entry else ""}
    typed["kind"] = PROPOSED_KIND[entry.category] if entry else Kind.PUBLIC
    return _form_page(slug, typed, {})


@blueprint.post("/offices/<slug>/complain")
@limits.limiter.limit(limits.lodging_limit, deduct_when=limits.was_accepted)
@anyone
def lodge(slug: str) -> Page:
    """Take the form; what was typed comes back with each problem beside its field."""
    typed = request.form.to_dict()
    try:
        form = read_complaint_form(typed, language=g.language, today=dhaka_date(house().clock()))
        lodged = _lodge_once(form, slug, read_number(typed.get("service")))
        number = lodged.complaint.tracking_number
    except InvalidInput as error:
        return _form_page(slug, typed, error.problems), 422
    except TooEarly as error:
        return _form_page(slug, typed, {"applied_on": "too_early"}, first_day=error.first_day), 422
    receipts = {**session.get("receipts", {}), number: lodged.form_identity}
    session["receipts"] = dict(list(receipts.items())[-MOST_RECEIPTS:])
    session["tracked"] = number
    return redirect(url_for("citizen.receipt", number=number), 303)


def _lodge_once(form: ComplaintForm, slug: str, entry_id: int | None) -> Lodged:
    """Lodge the form; of two sent at the same moment the second finds what the first has made."""
    settings = house().settings

    def attempt() -> Lodged:
        with house().writers.begin() as db:
            return lodge_complaint(
                db,
                form,
                office=find_office(db, slug),
                entry_id=entry_id,
                shelf=house().shelf,
                now=house().clock(),
                secret_key=settings.secret_key,
                cutoff=settings.cutoff,
            )

    try:
        return attempt()
    except IntegrityError:
        return attempt()


def _form_page(slug: str, typed: dict[str, str], problems: dict[str, str], **facts: object) -> str:
    with house().readers() as db:
        found = find_office(db, slug)
        charter = charter_in_force(db, found, dhaka_date(house().clock()))
        entries = charter.entries
    return render_template(
        "citizen/complain.html",
        office=found,
        entries=entries,
        typed=typed,
        problems=problems,
        kinds=list(Kind),
        grounds=list(Ground),
        abouts=list(About),
        **facts,
    )


@blueprint.get("/receipts/<number>")
@anyone
def receipt(number: str) -> Page:
    """The receipt with the access code, for the browser that filed the complaint."""
    identity = session.get("receipts", {}).get(number)
    if identity is None:
        return redirect(url_for("citizen.track"))
    with house().readers() as db:
        story = story_for_complainant(db, number, shelf=house().shelf)
    code = access_code_of(identity, house().settings.secret_key)
    return render_template(
        "citizen/receipt.html", story=story, access_code=code, expected=story.lines[0].details["expected"]
    )


@blueprint.get("/track")
@anyone
def track() -> Page:
    """Ask for number and code."""
    return render_template("citizen/track.html", number=request.args.get("number", ""), problems={})


@blueprint.post("/track")
@limits.limiter.limit(limits.TRACKING_PER_NUMBER, key_func=limits.by_number, deduct_when=limits.was_refused)
@limits.limiter.limit(limits.TRACKING_PER_ADDRESS, deduct_when=limits.was_refused)
@anyone
def open_tracking() -> Page:
    """Open the complaint when both are right; never say which one was wrong."""
    typed = request.form.get("number", "")
    number, code = read_digits(typed), request.form.get("code", "")
    if not is_tracking_number(number):
        return render_template("citizen/track.html", number=typed, problems={"number": "not_a_number"}), 422
    with house().readers() as db:
        is_right = has_code(db, number, code)
    if not is_right:
        return render_template("citizen/track.html", number=typed, problems={"code": "wrong_code"}), 403
    session["tracked"] = number
    return redirect(url_for("citizen.complaint", number=number), 303)


@blueprint.get("/complaints/<number>")
@anyone
def complaint(number: str) -> Page:
    """Where a complaint is, until when, and what happened; after its code was given."""
    if session.get("tracked") != number:
        return redirect(url_for("citizen.track", number=number))
    return _tracking_page(number)


@blueprint.post("/complaints/<number>/appeal")
@anyone
def appeal(number: str) -> Page:
    """Ask the next tier to decide."""
    if session.get("tracked") != number:
        raise NotYours("appeal")
    grounds = request.form.get("grounds", "")
    try:
        with house().writers.begin() as db:
            appeal_complaint(db, number, grounds=grounds, shelf=house().shelf, now=house().clock())
    except InvalidInput as error:
        return _tracking_page(number, grounds=grounds, problems=error.problems), 422
    return redirect(url_for("citizen.complaint", number=number), 303)


def _tracking_page(number: str, *, grounds: str = "", problems: dict[str, str] | None = None) -> str:
    today = dhaka_date(house().clock())
    with house().readers() as db:
        story = story_for_complainant(db, number, shelf=house().shelf)
        try:
            appeal_until = check_complaint_appeal(db, story.complaint, shelf=house().shelf, today=today)
        except (AppealNotPossible, AppealTooLate):
            appeal_until = None
    return render_template(
        "citizen/complaint.html",
        story=story,
        today=today,
        appeal_until=appeal_until,
        grounds=grounds,
        problems=problems or {},
    )


@blueprint.get("/healthz")
@anyone
def health() -> Page:
    """The process answers."""
    return "ok\n"
