"""The complaint form, a question group a page: kept after each, so that nothing typed is lost."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g, redirect, render_template, request, url_for
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.domain.attachments import LARGEST_FILE
from grs.domain.errors import InvalidInput, NotFound, TooEarly
from grs.domain.lodging import (
    PROPOSED_KIND,
    Assistance,
    ComplaintForm,
    Ground,
    Kind,
    is_email,
    read_complaint_form,
    read_mobile,
)
from grs.domain.tiers import About
from grs.domain.typed import read_number
from grs.uploads import CleanFile
from grs.usecases import drafts
from grs.usecases.charters import charter_in_force
from grs.usecases.ledger import Reach
from grs.usecases.offices import find_office
from grs.usecases.receipts import receipt_of
from grs.usecases.visits import open_for_visit
from grs.web import limits
from grs.web.citizen.desk import Page, blueprint, may_have_receipt, renewed_visit, today
from grs.web.citizen.form import (
    FIELDS,
    OpenForm,
    assistance_of,
    draw_form,
    entry_of,
    first_day_of,
    open_form,
    problems_of,
    problems_of_page,
    problems_of_service,
)
from grs.web.doors import house
from grs.web.people import is_operator, operator_id
from grs.web.protection import anyone

TOO_LARGE_ALTOGETHER = 64 * 1024 * 1024
"""Bytes of one upload; over that nothing of it is read."""


# -- the first page, before there is a draft ---------------------------------------------


@blueprint.get("/offices/<slug>/complain")
@anyone
def begin(slug: str) -> Page:
    """Which service, and what is wrong with it."""
    typed = {"service": request.args.get("service", ""), "ground": ""}
    return _begin_page(slug, typed, {})


@blueprint.post("/offices/<slug>/complain")
@limits.limiter.limit(limits.forms_limit, deduct_when=limits.was_accepted, exempt_when=is_operator)
@anyone
def keep_begin(slug: str) -> Page:
    """Keep the first answers; from here on the form has an address of its own."""
    typed = {field: request.form.get(field, "") for field in FIELDS["service"]}
    with house().writers.begin() as db:
        office = find_office(db, slug)
        charter = charter_in_force(db, office, today())
        entry = entry_of(db, charter, typed)
        problems = problems_of_service(typed, entry)
        if not problems:
            typed["kind"] = PROPOSED_KIND[entry.category] if entry else Kind.PUBLIC
            typed |= {"about": About.NOBODY, "language": g.language}
            address = drafts.begin_draft(
                db,
                office,
                typed,
                now=house().clock(),
                secret_key=house().settings.secret_key,
                operator_id=operator_id(),
            )
    if problems:
        return _begin_page(slug, typed, problems), 422
    following = "application" if entry else "events"
    return redirect(url_for("citizen.form_page", address=address, page=following), 303)


def _begin_page(slug: str, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    with house().readers() as db:
        office = find_office(db, slug)
        entries = charter_in_force(db, office, today()).entries
    return render_template(
        "citizen/form_service.html",
        office=office, entries=entries, grounds=list(Ground), typed=typed, problems=problems, form=None, page="service",
        action=url_for("citizen.keep_begin", slug=slug), number=1, notice="",
    )  # fmt: skip


# -- the draft's pages -------------------------------------------------------------------


@blueprint.get("/forms/<address>")
@anyone
def resume(address: str) -> Page:
    """Go on where it stopped; after it was sent, the receipt for a while, then the way to track it."""
    with house().writers.begin() as db:
        form = open_form(db, address)
        if form.draft.complaint_id is not None:
            return _lodged(db, form, drafts.complaint_of(db, form.draft))
        problems = problems_of(form)
    pages = form.pages()
    started = [p for p in pages[1:] if any(form.typed.get(field) for field in FIELDS[p])]
    first_bad = next((p for p in pages if set(FIELDS[p]) & problems.keys()), "check")
    page = first_bad if started or first_bad == "service" else pages[1]
    return redirect(url_for("citizen.form_page", address=address, page=page))


@blueprint.get("/forms/<address>/<page>")
@anyone
def form_page(address: str, page: str) -> Page:
    """One page of the form with what was typed before."""
    with house().readers() as db:
        form = open_form(db, address)
        if form.draft.complaint_id is not None:
            return redirect(url_for("citizen.resume", address=address))
        if page not in form.pages():
            raise NotFound("page", page)
        return draw_form(db, form, page, form.typed, {})


@blueprint.post("/forms/<address>/<page>")
@limits.limiter.limit(limits.CHANGES, exempt_when=lambda: not request.files)
@limits.limiter.limit(limits.PAGES)
@anyone
def keep_page(address: str, page: str) -> Page:
    """Keep the page first, then say what is wrong with it: a refused page loses nothing."""
    if page not in FIELDS or page == "check":
        raise NotFound("page", page)
    typed = {field: request.form.get(field, "") for field in FIELDS[page]}
    with house().readers() as db:
        form = open_form(db, address)
        if page not in form.pages():  # the answer that asked for it was changed in another window
            return redirect(url_for("citizen.resume", address=address), 303)
    files, refused = drafts.clean_uploads(
        uploads() if page == "files" else [], scanner=house().settings.scanner
    )  # before the transaction
    with house().writers.begin() as db:
        form = open_form(db, address, lock=True)
        try:
            if page == "files":
                refused += _keep_files(db, form, files)
            else:
                drafts.keep_typed(db, form.draft, typed, now=house().clock())
        except drafts.DraftLodged:
            return redirect(url_for("citizen.resume", address=address), 303)
    with house().readers() as db:
        form = open_form(db, address)
        if page == "files":
            if refused:
                return draw_form(db, form, page, form.typed, {}, refused=refused), 422
            if "continue" not in request.form:
                return redirect(url_for("citizen.form_page", address=address, page=page), 303)
        else:
            problems, facts = problems_of_page(db, form, page)
            if problems:
                return draw_form(db, form, page, form.typed, problems, **facts), 422
        following = "check" if request.form.get("return") == "check" and not problems_of(form) else form.after(page)
    return redirect(url_for("citizen.form_page", address=address, page=following), 303)


def _keep_files(db: Session, form: OpenForm, files: list[CleanFile]) -> drafts.Refused:
    removed = read_number(request.form.get("remove"))
    if removed is not None:
        drafts.remove_file(db, form.draft, removed)
        return []
    return drafts.add_files(db, form.draft, files, now=house().clock())


def uploads() -> list[drafts.Upload]:
    """The files of the request; an empty choice is none. At most a byte more than is taken is read."""
    return [
        drafts.Upload(file.filename, file.stream.read(LARGEST_FILE + 1))
        for file in request.files.getlist("files")
        if file.filename
    ]


@blueprint.post("/forms/<address>/remind")
@limits.limiter.limit(limits.LINKS, deduct_when=limits.was_accepted)
@anyone
def remind(address: str) -> Page:
    """Too early today: remind me on the day from which it can be filed."""
    to = request.form.get("remind_to", "").strip()
    mobile = read_mobile(to)
    with house().writers.begin() as db:
        form = open_form(db, address, lock=True)
        first_day = first_day_of(db, form)
        if first_day is None:
            return redirect(url_for("citizen.resume", address=address), 303)
        try:
            if mobile is None and not is_email(to):
                raise InvalidInput({"remind_to": "not_an_address" if to else "required"})
            reach = Reach(name="", email="" if mobile else to.lower(), mobile=mobile or "")
            drafts.remind_when_ready(
                db, form.draft, first_day=first_day, reach=reach, language=g.language, now=house().clock()
            )
        except InvalidInput as error:
            typed = form.typed | {"remind_to": to}
            return draw_form(db, form, "application", typed, error.problems, first_day=first_day), 422
    return redirect(url_for("citizen.reminded", address=address), 303)


@blueprint.get("/forms/<address>/reminded")
@anyone
def reminded(address: str) -> Page:
    """The reminder is noted: when it comes, and where the form is meanwhile."""
    with house().readers() as db:
        form = open_form(db, address)
        first_day = first_day_of(db, form)
        if first_day is None:
            return redirect(url_for("citizen.resume", address=address))
    return render_template("citizen/form_reminder.html", form=form, first_day=first_day)


@blueprint.post("/forms/<address>/discard")
@anyone
def discard(address: str) -> Page:
    """Delete the form and its files at once."""
    try:
        with house().writers.begin() as db:
            drafts.discard_draft(db, open_form(db, address, lock=True).draft)
    except drafts.DraftLodged:
        return redirect(url_for("citizen.resume", address=address), 303)
    return redirect(url_for("citizen.home"), 303)


# -- sending ---------------------------------------------------------------------------------


@blueprint.post("/forms/<address>/check")
@limits.lodging(limits.was_lodged, exempt_when=is_operator)
@anyone
def send(address: str) -> Page:
    """Lodge it. Sent twice, from two windows or by a nervous thumb, it is one complaint."""
    try:
        return _lodge(address)
    except IntegrityError:  # the same paper form by another operator at the same moment
        return _lodge(address)


def _lodge(address: str) -> Page:
    now, settings = house().clock(), house().settings
    with house().writers.begin() as db:
        form = open_form(db, address, lock=True)
        if form.draft.complaint_id is not None:
            return _lodged(db, form, drafts.complaint_of(db, form.draft))
        try:
            lodged = drafts.lodge_draft(
                db,
                form.draft,
                *_answers(form),
                office=form.office,
                entry_id=form.entry.id if form.entry else None,
                shelf=house().shelf,
                now=now,
                secret_key=settings.secret_key,
                cutoff=settings.cutoff,
                charter=form.charter,
            )
        except InvalidInput as error:
            return draw_form(db, form, "check", form.typed, error.problems), 422
        except TooEarly as error:
            problems = {"applied_on": "too_early"}
            return draw_form(db, form, "application", form.typed, problems, first_day=error.first_day), 422
        g.lodged = True
        return _lodged(db, form, lodged.complaint, is_new=lodged.is_new)


def _answers(form: OpenForm) -> tuple[ComplaintForm, Assistance | None]:
    """The form and the operator's part; raises InvalidInput with the problems of both."""
    problems = problems_of(form)
    if problems:
        raise InvalidInput(problems)
    return (
        read_complaint_form(form.typed, language=g.language, today=today(), is_assisted=form.is_assisted),
        assistance_of(form) if form.is_assisted else None,
    )


def _lodged(db: Session, form: OpenForm, complaint: Complaint, *, is_new: bool = False) -> Page:
    number, now = complaint.tracking_number, house().clock()
    if not drafts.shows_receipt_again(form.draft, now):
        return redirect(url_for("citizen.track", number=number), 303)
    open_for_visit(db, renewed_visit(db), complaint, now=now, can_act=not form.is_assisted, receipt=True, is_new=is_new)
    return redirect(url_for("citizen.receipt", number=number), 303)


@blueprint.get("/receipts/<number>")
@anyone
def receipt(number: str) -> Page:
    """The receipt with the access code, for the browser that filed the complaint."""
    with house().readers() as db:
        if not may_have_receipt(db, number):
            return redirect(url_for("citizen.track", number=number))
        found = receipt_of(db, number, shelf=house().shelf, secret_key=house().settings.secret_key)
    filed_by = found.complaint.assisted.operator_id if found.complaint.assisted else None
    if filed_by is not None and filed_by != operator_id():
        return redirect(url_for("account.login"))  # the operator has left this computer
    return render_template("citizen/receipt.html", receipts=[found], is_batch=False)


# -- a page that was open too long --------------------------------------------------------------


def draw_again(notice: str) -> str | None:
    """The page that was sent, with what was typed and a notice, when its token is no longer good.

    Nothing is kept of it: without its token it may be somebody else's form.
    """
    values = request.view_args or {}
    page = "service" if request.endpoint == "citizen.keep_begin" else values.get("page", "check")
    if request.endpoint == "citizen.keep_begin":
        typed = {field: request.form.get(field, "") for field in FIELDS["service"]}
        return _begin_page(values["slug"], typed, {"form": notice})
    if request.endpoint not in ("citizen.keep_page", "citizen.send") or page not in FIELDS:
        return None
    with house().readers() as db:
        form = open_form(db, values["address"])
        if form.draft.complaint_id is not None or page not in form.pages():
            return None
        typed = form.typed | {field: request.form.get(field, "") for field in FIELDS[page]}
        return draw_form(db, form, page, typed, {"form": notice})
