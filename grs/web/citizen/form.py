"""The complaint form as its pages see it: which there are, what is wrong with them, how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from flask import abort, g, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session

from grs.db.charters import Charter, CharterEntry
from grs.db.drafts import Draft
from grs.db.offices import Office
from grs.domain.attachments import MOST_FILES
from grs.domain.errors import InvalidInput, NotFound, TooEarly
from grs.domain.lodging import (
    ASSISTED_CHANNELS,
    Assistance,
    Ground,
    Kind,
    read_assistance,
    read_complaint_form,
)
from grs.domain.tiers import About, first_tier
from grs.domain.typed import read_choice, read_number
from grs.usecases import drafts
from grs.usecases.charters import charter_in_force
from grs.usecases.lodging import check_not_early
from grs.web.citizen.desk import today
from grs.web.doors import house
from grs.web.people import operator_id, operator_office_id

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


def open_form(db: Session, address: str, *, lock: bool = False) -> OpenForm:
    draft = drafts.open_draft(db, address, secret_key=house().settings.secret_key, lock=lock)
    if draft.operator_id is not None and draft.operator_id != operator_id():
        if not current_user.is_authenticated:  # the session was idle too long: log in and go on
            abort(redirect(url_for("account.login", next=url_for("citizen.resume", address=address))))
        raise NotFound("draft", "")  # an operator's form is the operator's alone
    charter = charter_in_force(db, draft.office, today())
    return OpenForm(address, draft, draft.office, charter, entry_of(db, charter, draft.typed))


def entry_of(db: Session, charter: Charter, typed: Mapping[str, str]) -> CharterEntry | None:
    """The service that was chosen, if it is one of this charter."""
    entry_id = read_number(typed.get("service"))
    entry = db.get(CharterEntry, entry_id) if entry_id is not None else None
    return entry if entry is not None and entry.charter_id == charter.id else None


# -- judging --------------------------------------------------------------------------------------


def problems_of_service(typed: Mapping[str, str], entry: CharterEntry | None) -> dict[str, str]:
    problems = {} if entry or not typed.get("service") else {"service": "choose_one"}
    if typed.get("ground") not in list(Ground):
        problems["ground"] = "choose_one"
    return problems


def problems_of(form: OpenForm) -> dict[str, str]:
    """Every problem of the whole form, in the order of its pages."""
    found = problems_of_service(form.typed, form.entry)
    checks: list[Callable[[], object]] = [
        lambda: read_complaint_form(form.typed, language=g.language, today=today(), is_assisted=form.is_assisted)
    ]
    if form.is_assisted:
        checks.append(lambda: assistance_of(form))
    for check in checks:
        try:
            check()
        except InvalidInput as error:
            found |= error.problems
    order = [field for page in form.pages() for field in FIELDS[page]]
    return dict(sorted(found.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order)))


def problems_of_page(db: Session, form: OpenForm, page: str) -> tuple[dict[str, str], dict[str, object]]:
    problems = {field: reason for field, reason in problems_of(form).items() if field in FIELDS[page]}
    if page == "application" and "applied_on" not in problems:
        first_day = first_day_of(db, form)
        if first_day is not None:
            return {"applied_on": "too_early"}, {"first_day": first_day}
    return problems, {}


def first_day_of(db: Session, form: OpenForm) -> date | None:
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
        paper_day = assistance_of(form).paper_received_on if form.is_assisted else None
    except InvalidInput:
        paper_day = None
    return paper_day or today()


def _filler() -> dict[str, str]:
    """Answers for the pages that are not reached yet, so that the dates can be judged alone."""
    return {"subject": "-", "description": "-", "is_anonymous": "yes", "kind": Kind.PUBLIC, "about": About.NOBODY}


def assistance_of(form: OpenForm) -> Assistance:
    return read_assistance(
        form.typed, operator_id=form.draft.operator_id or 0, office_id=operator_office_id() or 0, today=today()
    )


# -- drawing --------------------------------------------------------------------------------------


def draw_form(
    db: Session, form: OpenForm, page: str, typed: Mapping[str, str], problems: Mapping[str, str], **facts: object
) -> str:
    pages = form.pages()
    return render_template(
        f"citizen/form_{page}.html",
        form=form,
        office=form.office,
        entries=form.charter.entries if page == "service" else [],
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
        reader=int(first_tier(read_choice(About, typed, "about", {}) or About.NOBODY)),
        notice=facts.pop("notice", ""),
        **({"refused": []} | facts),
    )


def _page_of(pages: list[str]) -> dict[str, str]:
    return {field: page for page in pages for field in FIELDS[page]}
