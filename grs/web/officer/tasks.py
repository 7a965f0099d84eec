"""What others have asked of this person: opinions, service orders, investigations, hearings, recommendations."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for

from grs.domain.errors import InvalidInput, NotFound
from grs.domain.tasks import ANSWERED_BY_OTHERS
from grs.domain.typed import read_yes_or_no
from grs.usecases.answers import answer, my_open_tasks, open_task
from grs.usecases.drafts import Refused, clean_uploads
from grs.usecases.tasks import question_of
from grs.web import limits
from grs.web.citizen.filing import uploads
from grs.web.doors import house
from grs.web.officer.room import Page, blueprint, today
from grs.web.people import me
from grs.web.protection import logged_in


@blueprint.get("/officer/tasks")
@logged_in
def tasks() -> Page:
    """What is asked of me, soonest due first."""
    with house().readers() as db:
        found = my_open_tasks(db, me().desk())
    return render_template("officer/tasks.html", tasks=found, today=today(), done=request.args.get("done", ""))


@blueprint.get("/officer/tasks/<int(max=2147483647):task_id>")
@logged_in
def task(task_id: int) -> Page:
    """One of them: what is asked and until when; of the complaint only what the answer needs."""
    try:
        return _task_page(task_id, {}, {}, [])
    except NotFound:
        return render_template("officer/task_over.html", text=""), 404


@blueprint.post("/officer/tasks/<int(max=2147483647):task_id>")
@limits.limiter.limit(limits.CHANGES)
@logged_in
def answer_task(task_id: int) -> Page:
    """Answer it, with files if there are any; what was typed is never lost."""
    typed = request.form.to_dict()
    problems: dict[str, str] = {}
    files, refused = clean_uploads(
        uploads(), scanner=house().settings.scanner
    )  # before the transaction: it takes its time
    if refused:
        try:
            return _task_page(task_id, typed, {}, refused), 422
        except NotFound:
            return render_template("officer/task_over.html", text=typed.get("text", "")), 409
    is_done = read_yes_or_no(typed, "is_done", problems) if "is_done" in typed else None
    try:
        with house().writers.begin() as db:
            answer(db, me().desk(), task_id, text=typed.get("text", ""), is_done=is_done, files=files)
    except InvalidInput as error:
        return _task_page(task_id, typed, error.problems, []), 422
    except NotFound:
        return render_template("officer/task_over.html", text=typed.get("text", "")), 409
    return redirect(url_for("officer.tasks", done="answered"), 303)


def _task_page(task_id: int, typed: dict[str, str], problems: dict[str, str], refused: Refused) -> str:
    with house().readers() as db:
        found = open_task(db, me().desk(), task_id)
        question = question_of(db, found)
        _ = (found.complaint.charter.office, found.asked_by_post.office)  # drawn after the session has ended
    return render_template(
        "officer/task.html",
        task=found,
        question=question,
        complaint=found.complaint,
        can_answer=found.kind in ANSWERED_BY_OTHERS,
        typed=typed,
        problems=problems,
        refused=refused,
        today=today(),
    )
