"""One complaint: the story, the promise, the date, who complained on demand, and the acts the workflow allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from grs.db.queries.offices import LONGEST_QUERY
from grs.db.tasks import Task
from grs.domain.access import Deed
from grs.domain.attachments import MediaType
from grs.domain.bangla import search_words
from grs.domain.disposal import RootCause, possible_outcomes
from grs.domain.errors import ActionNotAllowed, AppealTooLate, ChangedMeanwhile, InvalidInput, NotFound, NotYours
from grs.domain.habitual import is_in_force
from grs.domain.screening import Question, read_screening
from grs.domain.tasks import Instruction, TaskKind
from grs.domain.typed import read_clock, read_day, read_number, read_yes_or_no
from grs.domain.workflow import Action, Stage
from grs.usecases import disposals, handling, marks, tasks
from grs.usecases.identities import open_identity
from grs.usecases.ready_texts import FIELDS, texts_for
from grs.usecases.standing import Desk
from grs.usecases.stories import file_of
from grs.usecases.workbench import Workbench, open_workbench
from grs.web.doors import house
from grs.web.downloads import send_attachment, show_picture
from grs.web.forms import kept_texts, read_disposal, read_not_admissible
from grs.web.officer.desk import complaints_of
from grs.web.officer.room import Page, blueprint, today
from grs.web.people import me
from grs.web.presentation import list_line, typed_date
from grs.web.protection import logged_in

Typed = dict[str, str]
FIELD_OF = {"investigators": "investigator_1"}
"""Where a problem of several fields is shown."""
SUGGESTED_DAYS = {"answer_by": 5, "done_by": 10, "expected_on": 10}
"""How many working days ahead the forms propose, never past the due date."""


@blueprint.get("/officer/complaints/<number>")
@logged_in
def complaint(number: str) -> Page:
    """One complaint, as this person may see it."""
    return _complaint_page(number)


@blueprint.post("/officer/complaints/<number>/identity")
@logged_in
def show_identity(number: str) -> Page:
    """Show who complained; written down where the complainant can read it."""
    with house().writers.begin() as db:
        open_identity(db, me().desk(), number)
    return redirect(url_for("officer.complaint", number=number, _anchor="complainant"), 303)


@blueprint.get("/officer/complaints/<number>/files/<int(max=2147483647):file_id>")
@logged_in
def file(number: str, file_id: int) -> Page:
    """A file of a complaint that this person may read, to keep."""
    return send_attachment(*_file(number, file_id))


@blueprint.get("/officer/complaints/<number>/files/<int(max=2147483647):file_id>/picture")
@logged_in
def picture(number: str, file_id: int) -> Page:
    """A picture as it was drawn anew when it came in; anything else is only to keep."""
    found, content = _file(number, file_id)
    if found.media_type is MediaType.PDF:
        raise NotFound("picture", file_id)
    return show_picture(found, content)


def _file(number: str, file_id: int) -> Any:
    with house().readers() as db:
        bench = open_workbench(db, me().desk(), number, shelf=house().shelf)
        if Deed.READ_FILES not in bench.may:
            raise NotYours("read_files")
        return file_of(db, bench.story, file_id, store=house().files)


# -- on paper -----------------------------------------------------------------------------------------


@blueprint.get("/officer/complaints/<number>/print")
@logged_in
def print_one(number: str) -> Page:
    """The complaint as the guideline's forms (annex ক-১, ক-২) and its story, to print."""
    return _print([number])


@blueprint.get("/officer/print")
@logged_in
def print_many() -> Page:
    """Several complaints, each on its own sheets."""
    return _print(complaints_of(request.args.getlist("number")))


def _print(numbers: list[str]) -> str:
    with house().readers() as db:
        benches = [open_workbench(db, me().desk(), number, shelf=house().shelf) for number in numbers]
    if any(Deed.PRINT not in bench.may for bench in benches):
        raise NotYours("print")
    return render_template("officer/print.html", benches=benches, today=today())


@blueprint.get("/officer/complaints/<number>/hearings/<int(max=2147483647):task_id>")
@logged_in
def hearing_notice(number: str, task_id: int) -> Page:
    """The notice of a hearing to both sides, to print."""
    with house().readers() as db:
        bench = open_workbench(db, me().desk(), number, shelf=house().shelf)
        hearing: Task | None = next(
            (task for task in bench.tasks if task.id == task_id and task.kind is TaskKind.HEARING), None
        )
    if hearing is None or Deed.PRINT not in bench.may:
        raise NotFound("hearing", task_id)
    return render_template("officer/hearing_notice.html", bench=bench, hearing=hearing, today=today())


# -- acting -------------------------------------------------------------------------------------------


@blueprint.post("/officer/complaints/<number>/<action>")
@logged_in
def act(number: str, action: str) -> Page:
    """Do what the workflow table allows this officer now; what was typed is never lost."""
    typed = request.form.to_dict()
    do = ACTS.get(action)
    if do is None:
        raise NotFound("action", action)
    try:
        if "insert" in typed:
            return _complaint_page(number, action=action, typed=_with_ready_text(number, action, typed))
        if action == Action.FORWARD and _looks_for_office(typed):
            return _found_offices(number, typed)
        with house().writers.begin() as db:
            do(db, me().desk(), number, typed)
    except InvalidInput as error:
        problems = {FIELD_OF.get(field, field): reason for field, reason in error.problems.items()}
        return _complaint_page(number, action=action, typed=typed, problems=problems), 422
    except ChangedMeanwhile:
        return _complaint_page(number, action=action, typed=typed, problems={"form": "changed_meanwhile"}), 409
    except (ActionNotAllowed, AppealTooLate):
        return _complaint_page(number, action=action, typed=typed, problems={"form": "not_now"}), 409
    except NotYours:
        return _moved_away(number, action, typed)
    return redirect(url_for("officer.complaint", number=number, done=action), 303)


def _looks_for_office(typed: Typed) -> bool:
    """Whether an office is looked for: by its button, or by the enter key with other words than the list is made of."""
    return "find" in typed or typed.get("find_office", "").strip() != typed.get("found_by", "").strip()


def _found_offices(number: str, typed: Typed) -> Page:
    """The page with the offices of that name to choose from; whichever was chosen before is not any more."""
    problems = {} if search_words(typed.get("find_office", "")) else {"find_office": "required"}
    page = _complaint_page(number, action=Action.FORWARD, typed=typed | {"to_office": ""}, problems=problems)
    return page, (422 if problems else 200)


def _moved_away(number: str, action: str, typed: Typed) -> Page:
    """The complaint is not (or no longer) his to act on: the page if he may read it, and always what he wrote."""
    try:
        return _complaint_page(number, action=action, typed=typed, problems={"form": "not_yours_now"}), 403
    except NotYours:
        return render_template("errors/not_yours.html", kept=kept_texts(request.form)), 403


def _with_ready_text(number: str, action: str, typed: Typed) -> Typed:
    """What was typed, with the chosen ready text below it."""
    field = FIELDS.get(Action(action)) if action in FIELDS else None
    if field is None:
        return typed
    with house().readers() as db:
        office_id = open_workbench(db, me().desk(), number, shelf=house().shelf).story.complaint.office_id
        texts = texts_for(db, office_id).get(Action(action), [])
    body = next((text.body for text in texts if text.key == typed.get("ready")), "")
    return typed | {field: "\n".join(part for part in (typed.get(field, "").strip(), body) if part)}


def _seen(typed: Typed) -> int:
    return read_number(typed.get("seen_steps")) or 0


def _days(typed: Typed, *fields: str) -> dict[str, Any]:
    """The days that were typed; raises InvalidInput for what is none."""
    problems: dict[str, str] = {}
    found = {field: read_day(typed, field, problems) for field in fields}
    if problems:
        raise InvalidInput(problems)
    return found


def _accept(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    screening = read_screening(typed) if typed.get("screened") else None
    handling.accept(db, desk, number, seen_steps=_seen(typed), screening=screening)


def _forward(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    to, reason = typed.get("to_office", ""), typed.get("reason", "")
    handling.forward(db, desk, number, seen_steps=_seen(typed), to_office=to, reason=reason, shelf=house().shelf)


def _reject(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    ground, reason = read_not_admissible(typed), typed.get("reasons", "")
    disposals.reject(db, desk, number, seen_steps=_seen(typed), ground=ground, reason=reason, shelf=house().shelf)


def _dispose(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    disposal = read_disposal(typed)
    disposals.dispose(db, desk, number, seen_steps=_seen(typed), disposal=disposal, shelf=house().shelf)


def _reopen(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    disposals.reopen(db, desk, number, seen_steps=_seen(typed), reason=typed.get("reason", ""), shelf=house().shelf)


def _ask_opinion(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    asked = [one for one in Instruction if typed.get(f"instruction_{one}") == "yes"]
    tasks.ask_opinion(
        db,
        desk,
        number,
        seen_steps=_seen(typed),
        to_post=read_number(typed.get("to_post")),
        question=typed.get("question", ""),
        instructions=asked,
        shelf=house().shelf,
        **_days(typed, "answer_by"),
    )


def _order_service(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    tasks.order_service(
        db,
        desk,
        number,
        seen_steps=_seen(typed),
        to_post=read_number(typed.get("to_post")),
        text=typed.get("text", ""),
        shelf=house().shelf,
        **_days(typed, "done_by"),
    )


def _investigate(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    chosen = [read_number(typed.get(f"investigator_{n}")) for n in (1, 2, 3)]
    tasks.investigate(
        db,
        desk,
        number,
        seen_steps=_seen(typed),
        investigators=[person for person in chosen if person is not None],
        text=typed.get("text", ""),
        shelf=house().shelf,
    )


def _call_hearing(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    problems: dict[str, str] = {}
    day, at = read_day(typed, "hearing_on", problems), read_clock(typed, "hearing_at", problems)
    if problems:
        raise InvalidInput(problems)
    tasks.call_hearing(
        db,
        desk,
        number,
        seen_steps=_seen(typed),
        on=day,
        at=at,
        place=typed.get("place", ""),
        to_post=read_number(typed.get("to_post")),
        shelf=house().shelf,
    )


def _record_hearing(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    problems: dict[str, str] = {}
    came = {field: read_yes_or_no(typed, field, problems) for field in ("complainant_came", "officer_came")}
    if problems:
        raise InvalidInput(problems)
    tasks.record_hearing(db, desk, number, seen_steps=_seen(typed), minutes=typed.get("minutes", ""), **came)


def _recommend(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    to, text = typed.get("to_office", ""), typed.get("text", "")
    tasks.recommend(db, desk, number, seen_steps=_seen(typed), to_office=to, text=text, shelf=house().shelf)


def _reply(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    days = _days(typed, "expected_on")
    handling.reply(db, desk, number, seen_steps=_seen(typed), reason=typed.get("reason", ""), **days)


def _write(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    days = _days(typed, "answer_until")
    handling.write(db, desk, number, seen_steps=_seen(typed), text=typed.get("text", ""), **days)


def _note(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    handling.note(db, desk, number, text=typed.get("text", ""))


def _give_work(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    handling.give_work(db, desk, number, seen_steps=_seen(typed), person_id=read_number(typed.get("person")))


def _tag(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    handling.tag(db, desk, number, tags=handling.read_tags(typed.get("tags", "")))


def _propose_mark(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    marks.propose_mark(db, desk, number, seen_steps=_seen(typed), reasons=typed.get("reasons", ""))


def _decide_mark(db: Session, desk: Desk, number: str, typed: Typed) -> None:
    days = _days(typed, "review_on", "ends_on")
    decision, reasons = typed.get("decision", ""), typed.get("reasons", "")
    marks.decide_mark(db, desk, number, decision=decision, reasons=reasons, **days)


ACTS: Mapping[str, Callable[[Session, Desk, str, Typed], None]] = {
    Action.ACCEPT: _accept,
    Action.FORWARD: _forward,
    Action.REJECT: _reject,
    Action.DISPOSE: _dispose,
    Action.REOPEN: _reopen,
    Action.ASK_OPINION: _ask_opinion,
    Action.ORDER_SERVICE: _order_service,
    Action.INVESTIGATE: _investigate,
    Action.CALL_HEARING: _call_hearing,
    Action.RECORD_HEARING: _record_hearing,
    Action.RECOMMEND: _recommend,
    Action.REPLY: _reply,
    Action.WRITE: _write,
    Action.NOTE: _note,
    Action.GIVE_WORK: _give_work,
    Action.TAG: _tag,
    Action.PROPOSE_MARK: _propose_mark,
    Action.DECIDE_MARK: _decide_mark,
}
"""What an officer can do from the page of a complaint; whether he may now, the workflow table says."""


def _complaint_page(
    number: str, *, action: str = "", typed: Typed | None = None, problems: dict[str, str] | None = None
) -> str:
    done = request.args.get("done", "")
    with house().readers() as db:
        wanted = (typed or {}).get("find_office", "")[:LONGEST_QUERY]
        bench = open_workbench(db, me().desk(), number, shelf=house().shelf, find_office=wanted)
        found = bench.story.complaint
        calendar = house().shelf.for_office(db, found.office)
        line = list_line(found, calendar, today())
        texts = texts_for(db, found.office_id) if bench.actions else {}
        proposed = {
            field: typed_date(min(calendar.add_working_days(today(), days), max(found.due_on, today())))
            for field, days in SUGGESTED_DAYS.items()
        }
    return render_template(
        "officer/complaint.html",
        bench=bench,
        story=bench.story,
        line=line,
        is_disposed=found.stage is Stage.DISPOSED,
        outcomes=possible_outcomes(found.tier, started_at=found.first_tier),
        root_causes=list(RootCause),
        questions=list(Question),
        instructions=list(Instruction),
        texts=texts,
        proposed=proposed | _answers(bench) | {f"instruction_{one}": "yes" for one in Instruction},
        action=action,
        typed=typed or {},
        problems=problems or {},
        done=done if done in ACTS else "",
        today=today(),
        limits=bench.limits,
        kept=kept_texts(typed or {}) if action and action not in bench.actions else [],
        in_force=is_in_force(bench.mark.state, bench.mark.ends_on, today()) if bench.mark else False,
    )


def _answers(bench: Workbench) -> Typed:
    """What the forms propose: the screening as the complaint's own form answers it, the post that is responsible."""
    proposed = {str(question): "yes" if answer else "no" for question, answer in bench.choices.screening.items()}
    if bench.choices.proposed is not None:
        proposed["to_post"] = str(bench.choices.proposed.id)
    return proposed | {"tags": ", ".join(bench.tags)}
