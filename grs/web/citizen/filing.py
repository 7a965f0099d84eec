"""The complaint form, a question group a page: kept after each, so that nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from flask import g, redirect, render_template, request, url_for
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grs.db.charters import Charter, CharterEntry
from grs.db.complaints import Complaint
from grs.db.drafts import Draft
from grs.db.offices import Office
from grs.domain.attachments import LARGEST_FILE, MOST_FILES
from grs.domain.errors import InvalidInput, NotFound, TooEarly
from grs.domain.lodging import (
    ASSISTED_CHANNELS,
    PROPOSED_KIND,
    Assistance,
    ComplaintForm,
    Ground,
    Kind,
    is_email,
    read_assistance,
    read_complaint_form,
    read_mobile,
)
from grs.domain.tiers import About, first_tier
from grs.domain.typed import read_number
from grs.uploads import CleanFile
from grs.usecases import drafts
from grs.usecases.charters import charter_in_force, find_office
from grs.usecases.ledger import Reach
from grs.usecases.lodging import check_not_early
from grs.usecases.receipts import receipt_of
from grs.usecases.visits import open_for_visit
from grs.web import limits
from grs.web.citizen.desk import Page, blueprint, may_have_receipt, today, visit
from grs.web.doors import house
from grs.web.people import is_operator, operator_id, operator_office_id
from grs.web.protection import anyone

FIELDS: dict[str, tuple[str, ...]] = {
    "service": ("service", "ground"),
    "application": ("applied_on", "service_reference"),
    "events": ("subject", "description", "remedy", "about"),
    "files": (),
    "person": ("is_anonymous", "for_whom", "on_behalf_of", "relation", "kind"),
    "contact": (
        "name", "mobile", "email", "language", "identity_number", "present_address", "permanent_address",
    ),
    "assistance": ("channel", "paper_received_on", "form_number", "consent"),
    "check": (),
}  # fmt: skip
"""The pages in their order, each with its fields."""

TOO_LARGE_ALTOGETHER = 64 * 1024 * 1024
"""Bytes of one upload; over that nothing of it is read."""


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A draft with what its pages need to be drawn and judged."""

    address: str
    draft: Draft
    office: Office
    charter: Charter
    entry: CharterEntry | None

    @property
    def typed(self) -> dict[str, str]:
        return {**self.draft.typed, "form_key": self.draft.form_key}

    @property
    def is_assisted(self) -> bool:
        return self.draft.operator_id is not None

    def pages(self) -> list[str]:
        """The pages that this form needs: no application without a service, no contact without a name."""
        left_out = {
            "application": self.entry is None,
            "contact": self.typed.get("is_anonymous") == "yes",
            "assistance": not self.is_assisted,
        }
        return [page for page in FIELDS if not left_out.get(page)]

    def after(self, page: str) -> str:
        pages = self.pages()
        return pages[pages.index(page) + 1]


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
        entry = _entry_of(charter, typed)
        problems = _problems_of_service(typed, entry)
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
        return _begin_page(slug, typed, problems, status=422)
    following = "application" if entry else "events"
    return redirect(url_for("citizen.form_page", address=address, page=following), 303)


def _begin_page(slug: str, typed: Mapping[str, str], problems: Mapping[str, str], *, status: int = 200) -> Page:
    with house().readers() as db:
        office = find_office(db, slug)
        entries = charter_in_force(db, office, today()).entries
    page = render_template(
        "citizen/form_service.html",
        office=office, entries=entries, grounds=list(Ground), typed=typed, problems=problems, form=None, page="service",
        action=url_for("citizen.keep_begin", slug=slug), number=1, notice="",
    )  # fmt: skip
    return page, status


def _problems_of_service(typed: Mapping[str, str], entry: CharterEntry | None) -> dict[str, str]:
    problems = {} if entry or not typed.get("service") else {"service": "choose_one"}
    if typed.get("ground") not in list(Ground):
        problems["ground"] = "choose_one"
    return problems


# -- the draft's pages -------------------------------------------------------------------


@blueprint.get("/forms/<address>")
@anyone
def resume(address: str) -> Page:
    """Go on where it stopped; after it was sent, the receipt for a while, then the way to track it."""
    with house().writers.begin() as db:
        form = _open(db, address)
        if form.draft.complaint_id is not None:
            return _lodged(db, form, drafts.complaint_of(db, form.draft))
        problems = _problems(form)
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
        form = _open(db, address)
        if form.draft.complaint_id is not None:
            return redirect(url_for("citizen.resume", address=address))
        if page not in form.pages():
            raise NotFound("page", page)
        return _draw(db, form, page, form.typed, {})


@blueprint.post("/forms/<address>/<page>")
@limits.limiter.limit(limits.CHANGES, exempt_when=lambda: not request.files)
@anyone
def keep_page(address: str, page: str) -> Page:
    """Keep the page first, then say what is wrong with it: a refused page loses nothing."""
    if page not in FIELDS or page == "check":
        raise NotFound("page", page)
    typed = {field: request.form.get(field, "") for field in FIELDS[page]}
    with house().readers() as db:
        form = _open(db, address)
        if page not in form.pages():  # the answer that asked for it was changed in another window
            return redirect(url_for("citizen.resume", address=address), 303)
    files, refused = drafts.clean_uploads(uploads() if page == "files" else [])  # before the transaction
    with house().writers.begin() as db:
        form = _open(db, address, lock=True)
        try:
            if page == "files":
                refused += _keep_files(db, form, files)
            else:
                drafts.keep_typed(db, form.draft, typed, now=house().clock())
        except drafts.DraftLodged:
            return redirect(url_for("citizen.resume", address=address), 303)
    with house().readers() as db:
        form = _open(db, address)
        if page == "files":
            if refused:
                return _draw(db, form, page, form.typed, {}, refused=refused), 422
            if "continue" not in request.form:
                return redirect(url_for("citizen.form_page", address=address, page=page), 303)
        else:
            problems, facts = _problems_of_page(db, form, page)
            if problems:
                return _draw(db, form, page, form.typed, problems, **facts), 422
        following = "check" if request.form.get("return") == "check" and not _problems(form) else form.after(page)
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
        form = _open(db, address, lock=True)
        first_day = _first_day(db, form)
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
            return _draw(db, form, "application", typed, error.problems, first_day=first_day), 422
    return redirect(url_for("citizen.reminded", address=address), 303)


@blueprint.get("/forms/<address>/reminded")
@anyone
def reminded(address: str) -> Page:
    """The reminder is noted: when it comes, and where the form is meanwhile."""
    with house().readers() as db:
        form = _open(db, address)
        first_day = _first_day(db, form)
        if first_day is None:
            return redirect(url_for("citizen.resume", address=address))
    return render_template("citizen/form_reminder.html", form=form, first_day=first_day)


@blueprint.post("/forms/<address>/discard")
@anyone
def discard(address: str) -> Page:
    """Delete the form and its files at once."""
    try:
        with house().writers.begin() as db:
            drafts.discard_draft(db, _open(db, address, lock=True).draft)
    except drafts.DraftLodged:
        return redirect(url_for("citizen.resume", address=address), 303)
    return redirect(url_for("citizen.home"), 303)


# -- sending ---------------------------------------------------------------------------------


@blueprint.post("/forms/<address>/check")
@limits.limiter.limit(limits.lodging_limit, deduct_when=limits.was_lodged, exempt_when=is_operator)
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
        form = _open(db, address, lock=True)
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
            )
        except InvalidInput as error:
            return _draw(db, form, "check", form.typed, error.problems), 422
        except TooEarly as error:
            problems = {"applied_on": "too_early"}
            return _draw(db, form, "application", form.typed, problems, first_day=error.first_day), 422
        g.lodged = True
        return _lodged(db, form, lodged.complaint)


def _answers(form: OpenForm) -> tuple[ComplaintForm, Assistance | None]:
    """The form and the operator's part; raises InvalidInput with the problems of both."""
    problems = _problems(form)
    if problems:
        raise InvalidInput(problems)
    return (
        read_complaint_form(form.typed, language=g.language, today=today(), is_assisted=form.is_assisted),
        _assistance(form) if form.is_assisted else None,
    )


def _lodged(db: Session, form: OpenForm, complaint: Complaint) -> Page:
    number, now = complaint.tracking_number, house().clock()
    if not drafts.shows_receipt_again(form.draft, now):
        return redirect(url_for("citizen.track", number=number), 303)
    open_for_visit(db, visit(), complaint, now=now, can_act=not form.is_assisted, receipt=True)
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
        return redirect(url_for("officer.login"))  # the operator has left this computer
    return render_template("citizen/receipt.html", receipts=[found], is_batch=False)


# -- judging -------------------------------------------------------------------------------------


def _problems(form: OpenForm) -> dict[str, str]:
    """Every problem of the whole form, in the order of its pages."""
    found = _problems_of_service(form.typed, form.entry)
    checks: list[Callable[[], object]] = [
        lambda: read_complaint_form(form.typed, language=g.language, today=today(), is_assisted=form.is_assisted)
    ]
    if form.is_assisted:
        checks.append(lambda: _assistance(form))
    for check in checks:
        try:
            check()
        except InvalidInput as error:
            found |= error.problems
    order = [field for page in form.pages() for field in FIELDS[page]]
    return dict(sorted(found.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order)))


def _problems_of_page(db: Session, form: OpenForm, page: str) -> tuple[dict[str, str], dict[str, object]]:
    problems = {field: reason for field, reason in _problems(form).items() if field in FIELDS[page]}
    if page == "application" and "applied_on" not in problems:
        first_day = _first_day(db, form)
        if first_day is not None:
            return {"applied_on": "too_early"}, {"first_day": first_day}
    return problems, {}


def _first_day(db: Session, form: OpenForm) -> date | None:
    """From which day the form's lateness can be complained about, when that is still to come."""
    try:
        answers = read_complaint_form(form.typed | _filler(), language=g.language, today=today())
    except InvalidInput:
        return None
    if answers.ground is not Ground.LATE or form.entry is None:
        return None
    try:
        check_not_early(db, form.office, form.entry, answers.applied_on, shelf=house().shelf, on=_filed_on(form))
    except TooEarly as error:
        return error.first_day
    return None


def _filed_on(form: OpenForm) -> date:
    """Today, or the day on which a paper form was received."""
    try:
        paper_day = _assistance(form).paper_received_on if form.is_assisted else None
    except InvalidInput:
        paper_day = None
    return paper_day or today()


def _filler() -> dict[str, str]:
    """Answers for the pages that are not reached yet, so that the dates can be judged alone."""
    return {"subject": "-", "description": "-", "is_anonymous": "yes", "kind": Kind.PUBLIC, "about": About.NOBODY}


def _assistance(form: OpenForm) -> Assistance:
    return read_assistance(
        form.typed, operator_id=form.draft.operator_id or 0, office_id=operator_office_id() or 0, today=today()
    )


# -- drawing -------------------------------------------------------------------------------------


def _open(db: Session, address: str, *, lock: bool = False) -> OpenForm:
    draft = drafts.open_draft(db, address, secret_key=house().settings.secret_key, lock=lock)
    if draft.operator_id is not None and draft.operator_id != operator_id():
        raise NotFound("draft", "")  # an operator's form is the operator's alone
    office = db.get_one(Office, draft.office_id)
    charter = charter_in_force(db, office, today())
    _ = charter.entries
    return OpenForm(address, draft, office, charter, _entry_of(charter, draft.typed))


def _entry_of(charter: Charter, typed: Mapping[str, str]) -> CharterEntry | None:
    entry_id = read_number(typed.get("service"))
    return next((entry for entry in charter.entries if entry.id == entry_id), None)


def _draw(
    db: Session, form: OpenForm, page: str, typed: Mapping[str, str], problems: Mapping[str, str], **facts: object
) -> str:
    pages = form.pages()
    return render_template(
        f"citizen/form_{page}.html",
        form=form,
        office=form.office,
        entries=form.charter.entries,
        entry=form.entry,
        typed=typed,
        problems=problems,
        page=page,
        pages=pages,
        page_of=_page_of(pages),
        number=pages.index(page) + 1 if page in pages else 1,
        action=url_for("citizen.keep_page", address=form.address, page=page),
        back=url_for("citizen.form_page", address=form.address, page=pages[max(pages.index(page) - 1, 0)])
        if page in pages
        else "",
        returns_to_check=request.values.get("return") == "check",
        kinds=list(Kind),
        grounds=list(Ground),
        abouts=list(About),
        channels=list(ASSISTED_CHANNELS),
        files=drafts.files_of_draft(db, form.draft) if page in ("files", "check") else [],
        most_files=MOST_FILES,
        reader=int(first_tier(About(typed.get("about") or About.NOBODY))),
        notice=facts.pop("notice", ""),
        **({"refused": []} | facts),
    )


def _page_of(pages: list[str]) -> dict[str, str]:
    return {field: page for page in pages for field in FIELDS[page]}


def draw_again(notice: str) -> str | None:
    """The page that was sent, with what was typed and a notice, when its token is no longer good.

    Nothing is kept of it: without its token it may be somebody else's form.
    """
    values = request.view_args or {}
    page = "service" if request.endpoint == "citizen.keep_begin" else values.get("page", "check")
    if request.endpoint == "citizen.keep_begin":
        typed = {field: request.form.get(field, "") for field in FIELDS["service"]}
        drawn = _begin_page(values["slug"], typed, {"form": notice})
        return drawn[0] if isinstance(drawn, tuple) else None  # type: ignore[return-value]
    if request.endpoint not in ("citizen.keep_page", "citizen.send") or page not in FIELDS:
        return None
    with house().readers() as db:
        form = _open(db, values["address"])
        if form.draft.complaint_id is not None or page not in form.pages():
            return None
        typed = form.typed | {field: request.form.get(field, "") for field in FIELDS[page]}
        return _draw(db, form, page, typed, {"form": notice})
