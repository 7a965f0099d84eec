"""Following a complaint: where it is, until when, what happened; and what its complainant may do."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from grs.domain.errors import ActionNotAllowed, AppealNotPossible, AppealTooLate, InvalidInput, NotYours
from grs.domain.lodging import Kind
from grs.domain.tracking import is_tracking_number, read_digits
from grs.domain.typed import read_choice, read_number
from grs.domain.workflow import Action, Actor, StepKind, allowed_actions
from grs.uploads import CleanFile
from grs.usecases.appeals import appeal_complaint, check_complaint_appeal
from grs.usecases.correspondence import SCORES, add_information, can_rate, rate, withdraw
from grs.usecases.drafts import Refused, clean_uploads
from grs.usecases.identities import openings_of
from grs.usecases.own_complaints import end_link
from grs.usecases.stories import Story, file_of, has_code, story_for_complainant
from grs.usecases.visits import close_visit, open_for_visit
from grs.web import limits
from grs.web.citizen.desk import Page, blueprint, may_see, renewed_visit, today, visit
from grs.web.citizen.filing import uploads
from grs.web.doors import house
from grs.web.downloads import send_attachment
from grs.web.protection import anyone

ACTS = {"add": Action.ADD, "withdraw": Action.WITHDRAW, "appeal": Action.APPEAL, "rate": Action.RATE}
"""The pages on which a complainant acts, by their addresses."""
STEPS = {"withdraw": StepKind.WITHDRAWN, "appeal": StepKind.APPEALED, "rate": StepKind.RATED}


@blueprint.get("/track")
@anyone
def track() -> Page:
    """Ask for number and code."""
    return render_template("citizen/track.html", number=request.args.get("number", ""), problems={})


@blueprint.post("/track")
@limits.guarded_by_code
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
    with house().writers.begin() as db:
        found = story_for_complainant(db, number, shelf=house().shelf).complaint
        open_for_visit(db, renewed_visit(db), found, now=house().clock())
    return redirect(url_for("citizen.complaint", number=number), 303)


@blueprint.post("/track/close")
@anyone
def close() -> Page:
    """Forget in this browser what was opened: for phones and computers that others use too."""
    with house().writers.begin() as db:
        close_visit(db, visit())
        if "link" in session:
            end_link(db, session["link"], now=house().clock())
    for what in ("visit", "link"):
        session.pop(what, None)
    return redirect(url_for("citizen.home"), 303)


@blueprint.get("/complaints/<number>")
@anyone
def complaint(number: str) -> Page:
    """Where a complaint is, until when, and what happened; after its code was given."""
    with house().readers() as db:
        if not may_see(db, number):
            return redirect(url_for("citizen.track", number=number))
        story = story_for_complainant(db, number, shelf=house().shelf)
        facts = _facts(db, story)
        openings = openings_of(db, story.complaint)
    return render_template("citizen/complaint.html", story=story, openings=openings, **facts)


@blueprint.get("/complaints/<number>/files/<int(max=2147483647):file_id>")
@anyone
def file(number: str, file_id: int) -> Page:
    """A file of the complaint, to keep; never shown as a page of ours."""
    with house().readers() as db:
        if not may_see(db, number):
            return redirect(url_for("citizen.track", number=number))
        story = story_for_complainant(db, number, shelf=house().shelf)
        return send_attachment(*file_of(db, story, file_id, store=house().files))


@blueprint.get("/complaints/<number>/<act>")
@anyone
def act_page(number: str, act: str) -> Page:
    """The form for one thing a complainant may do now."""
    if act not in ACTS:
        abort(404)
    with house().readers() as db:
        if not may_see(db, number):
            return redirect(url_for("citizen.track", number=number))
    return _act_page(number, act, {}, {})


@blueprint.post("/complaints/<number>/<act>")
@limits.limiter.limit(limits.CHANGES)
@anyone
def do_act(number: str, act: str) -> Page:
    """Do it; what cannot be done comes back with everything that was typed."""
    if act not in ACTS:
        abort(404)
    typed = request.form.to_dict()
    try:
        with house().readers() as db:
            if not may_see(db, number):
                raise NotYours(act)
        files, refused = clean_uploads(
            uploads(), scanner=house().settings.scanner
        )  # before the transaction: it takes its time
        if refused and not files and not typed.get("text", "").strip():
            return _with_status(_act_page(number, act, typed, {}, refused=refused))
        with house().writers.begin() as db:
            refused += _do(db, number, act, typed, files)
    except InvalidInput as error:
        return _with_status(_act_page(number, act, typed, error.problems))
    except (ActionNotAllowed, AppealNotPossible, AppealTooLate):
        return redirect(url_for("citizen.complaint", number=number, done=_done_already(number, act)), 303)
    if refused:
        return _with_status(_act_page(number, act, {}, {}, refused=refused, was_sent=True))
    return redirect(url_for("citizen.complaint", number=number, done=act), 303)


def _done_already(number: str, act: str) -> str:
    """The act itself when it was the last thing that happened: a second tap; else that it is too late."""
    with house().readers() as db:
        lines = story_for_complainant(db, number, shelf=house().shelf).lines
    return act if lines[-1].kind is STEPS.get(act) else "too-late"


def _with_status(page: str | Response) -> Page:
    return (page, 422) if isinstance(page, str) else page


def _do(db: Session, number: str, act: str, typed: dict[str, str], files: list[CleanFile]) -> Refused:
    now = house().clock()
    if act == "add":
        return add_information(db, number, text=typed.get("text", ""), files=files, now=now)
    if act == "withdraw":
        if typed.get("sure") != "yes":
            raise InvalidInput({"sure": "confirm"})
        withdraw(db, number, reason=typed.get("reason", ""), now=now)
    elif act == "appeal":
        problems: dict[str, str] = {}
        appellant = read_choice(Kind, typed, "appellant", problems) if "appellant" in typed else None
        if problems:
            raise InvalidInput(problems)
        appeal_complaint(
            db, number, grounds=typed.get("grounds", ""), shelf=house().shelf, now=now, appellant=appellant
        )
    else:
        rate(db, number, score=read_number(typed.get("score")), comment=typed.get("comment", ""), now=now)
    return []


def _facts(db: Session, story: Story) -> dict[str, Any]:
    """What can be done with the complaint today, and until when."""
    found = story.complaint
    allowed = allowed_actions(found.stage, tier=found.tier, actor=Actor.COMPLAINANT)
    try:
        appeal_until = check_complaint_appeal(db, found, shelf=house().shelf, today=today())
    except (AppealNotPossible, AppealTooLate):
        appeal_until = None
    return {
        "today": today(),
        "appeal_until": appeal_until,
        "can_add": Action.ADD in allowed,
        "can_withdraw": Action.WITHDRAW in allowed,
        "can_rate": can_rate(db, found),
        "done": request.args.get("done", ""),
    }


def _act_page(
    number: str,
    act: str,
    typed: dict[str, str],
    problems: dict[str, str],
    *,
    refused: Refused | None = None,
    was_sent: bool = False,
) -> str | Response:
    with house().readers() as db:
        story = story_for_complainant(db, number, shelf=house().shelf)
        facts = _facts(db, story)
    is_possible = {
        "add": facts["can_add"],
        "withdraw": facts["can_withdraw"],
        "appeal": facts["appeal_until"] is not None,
        "rate": facts["can_rate"],
    }[act]
    if not is_possible:
        return redirect(url_for("citizen.complaint", number=number, done="too-late"))
    return render_template(
        f"citizen/{act}.html",
        act=act,
        story=story,
        complaint=story.complaint,
        typed=typed,
        problems=problems,
        refused=refused or [],
        was_sent=was_sent,
        scores=list(SCORES),
        kinds=list(Kind),
        **facts,
    )
