"""The answers of those who were asked, and what happens when none comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.complaints import Complaint
from grs.db.tasks import Task
from grs.domain.access import Deed
from grs.domain.calendar import dhaka_date
from grs.domain.errors import InvalidInput, NotFound, NotYours
from grs.domain.tasks import ANSWERED_BY_OTHERS, TaskEnd, TaskKind, has_lapsed
from grs.domain.workflow import OPEN_STAGES, Action, StepKind, next_stage
from grs.uploads import CleanFile
from grs.usecases.acting import begin, record, required
from grs.usecases.drafts import Refused, keep_files
from grs.usecases.ledger import SCHEDULER, Ledger
from grs.usecases.recipients import Recipients
from grs.usecases.standing import Desk, asked_of
from grs.usecases.tasks import asked_people, over_facts, tell_over

BATCH = 200
MOST_FILES_OF_AN_ANSWER = 5
ENDED_MEANWHILE = "ended_meanwhile"


def tasks_to_count(desk: Desk) -> Select[int]:
    """How much is asked of this person or his posts and not answered yet."""
    query = select(func.count()).select_from(Task).join(Complaint, Complaint.id == Task.complaint_id)
    return query.where(*asked_of(desk))


def my_open_tasks(session: Session, desk: Desk, *, limit: int = 200) -> Sequence[Task]:
    """What was asked of this person or his posts and is not answered yet, soonest due first."""
    query = (
        select(Task)
        .join(Complaint, Complaint.id == Task.complaint_id)
        .options(joinedload(Task.complaint).joinedload(Complaint.entry))
        .where(*asked_of(desk))
        .order_by(Task.due_on, Task.id)
        .limit(limit)
    )
    return session.scalars(query).all()


def open_task(session: Session, desk: Desk, task_id: int) -> Task:
    """A task that was asked of this person and is open; raises NotFound for any other."""
    query = (
        select(Task)
        .join(Complaint, Complaint.id == Task.complaint_id)
        .options(joinedload(Task.complaint).joinedload(Complaint.entry), joinedload(Task.asked_by_post))
        .where(Task.id == task_id, *asked_of(desk))
    )
    task = session.scalar(query)
    if task is None:
        raise NotFound("task", task_id)
    return task


def answer(
    session: Session,
    desk: Desk,
    task_id: int,
    *,
    text: str,
    is_done: bool | None = None,
    files: Collection[CleanFile] = (),
) -> Refused:
    """Give the opinion, report the service or the investigation, answer the recommendation.

    Returns the files that did not fit. Raises NotFound when the task is not (or no longer) this person's.
    """
    number = open_task(session, desk, task_id).complaint.tracking_number
    try:
        complaint, stage = begin(session, desk, number, None, Action.ANSWER, deed=Deed.ANSWER)
    except NotYours:
        raise NotFound("task", task_id) from None  # it has ended meanwhile
    task = open_task(session, desk, task_id)  # again, under the complaint's lock
    if task.kind not in ANSWERED_BY_OTHERS:
        raise NotFound("task", task_id)
    text = required(text, "text")
    if task.kind is TaskKind.SERVICE_ORDER and is_done is None:
        raise InvalidInput({"is_done": "choose_one"})
    kept, refused = keep_files(session, files, known=(), room=MOST_FILES_OF_AN_ANSWER, now=desk.now)
    task.ended_at, task.ended_by = desk.now, TaskEnd.ANSWERED
    details: dict[str, Any] = {
        "task": task.id,
        "task_kind": task.kind,
        "text": text,
        "files": [file.sha256 for file in kept],
    }
    if task.kind is TaskKind.SERVICE_ORDER:
        details["is_done"] = is_done
    people = Recipients(session, desk.today)
    step = record(
        session, desk, complaint, stage, StepKind.ANSWERED, details,
        to={"task_answered": people.on_post(complaint.post_id)}, post_id=_acting_post(task, desk),
    )  # fmt: skip
    for file in kept:
        file.complaint_id, file.step_sequence = complaint.id, step
    session.flush()
    return refused


def _acting_post(task: Task, desk: Desk) -> int:
    """As which post the answer is given: the one that was asked, or one that the investigator holds."""
    if task.to_post_id is not None:
        return task.to_post_id
    return next(iter(desk.own_post_ids or desk.post_ids), task.asked_by_post_id)


# -- what no answer came to ------------------------------------------------------------------------


def end_lapsed_tasks(writers: sessionmaker[Session], *, now: datetime, dry_run: bool = False) -> Counter[str]:
    """End the tasks whose day has passed, and those whose complaint has moved on.

    A service order that was not obeyed comes back to its officer; so does an opinion, an investigation or
    a recommendation without answer: he goes on without it (G 7.1(ঘ)). Who was asked for something that is
    over is told. A hearing stays open for its record until the complaint moves on.
    """
    counts: Counter[str] = Counter(lapsed=0, moved=0)
    today = dhaka_date(now)
    last_id = 0
    while True:
        with writers() as session:
            ids = session.scalars(_to_end(today, last_id)).all()
        if dry_run:
            counts["lapsed"] += len(ids)
        else:
            # One transaction a task: never two complaints locked at once, so that no other job waits for us
            # while we wait for it.
            for task_id in ids:
                with writers.begin() as session:
                    counts[_end(session, task_id, now)] += 1
        if len(ids) < BATCH:
            del counts[ENDED_MEANWHILE]
            return counts
        last_id = ids[-1]


def _to_end(today: date, last_id: int) -> Any:
    is_over = or_(Complaint.stage.not_in(OPEN_STAGES), Task.assignment_sequence != Complaint.assignment_sequence)
    return (
        select(Task.id)
        .join(Complaint, Complaint.id == Task.complaint_id)
        .where(
            Task.ended_at.is_(None),
            Task.id > last_id,
            or_(is_over, (Task.due_on < today) & (Task.kind != TaskKind.HEARING)),
        )
        .order_by(Task.id)
        .limit(BATCH)
    )


def _end(session: Session, task_id: int, now: datetime) -> str:
    # The complaint first, as every act does: two that wait for each other would never end.
    complaint_id = select(Task.complaint_id).where(Task.id == task_id).scalar_subquery()
    complaint = session.scalars(
        select(Complaint).where(Complaint.id == complaint_id).with_for_update(key_share=True)
    ).one()
    task = session.get_one(Task, task_id)
    if task.ended_at is not None:
        return ENDED_MEANWHILE
    today = dhaka_date(now)
    people, ledger = Recipients(session, today), Ledger(now)
    has_moved = complaint.stage not in OPEN_STAGES or task.assignment_sequence != complaint.assignment_sequence
    if has_moved:
        task.ended_at, task.ended_by = now, TaskEnd.COMPLAINT_MOVED
        if task.begins_at is not None and task.begins_at > now:
            facts = over_facts(session, task, now)
            ledger.note_complainant(f"hearing-off/{task.id}", "hearing_off", complaint, facts)
        tell_over(session, ledger, task, complaint, asked_people(session, task, people))
        ledger.write(session, skip_known=True)
        return "moved"
    if not has_lapsed(task.due_on, today) or task.kind is TaskKind.HEARING:
        return ENDED_MEANWHILE
    task.ended_at, task.ended_by = now, TaskEnd.LAPSED
    complaint.stage = next_stage(complaint.stage, Action.LAPSE, tier=complaint.tier)
    details = {"from_post": complaint.post_id, "task": task.id, "task_kind": task.kind, "was_until": task.due_on}
    step = ledger.step(complaint, StepKind.LAPSED, actor=SCHEDULER, details=details)
    ledger.to_people(complaint, step, "task_lapsed", people.on_post(complaint.post_id))
    ledger.write(session)
    return "lapsed"
