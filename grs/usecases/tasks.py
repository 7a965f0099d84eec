"""What an officer asks of others for a complaint, their answers, and what happens when none comes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from grs.db.complaints import Complaint, Step
from grs.db.offices import Office, Person, Post
from grs.db.tasks import Task, TaskMember
from grs.domain.access import Deed
from grs.domain.calendar import DHAKA, dhaka_date
from grs.domain.deadlines import due_date, is_overdue, next_reminder
from grs.domain.errors import InvalidInput, NotFound, NotYours
from grs.domain.escalation import escalates_after
from grs.domain.tasks import (
    ANSWERED_BY_OTHERS,
    ONE_AT_A_TIME,
    Instruction,
    TaskEnd,
    TaskKind,
    check_committee,
    has_lapsed,
    report_due,
)
from grs.domain.tiers import DayLimit, OfficeLevel, Tier
from grs.domain.workflow import OPEN_STAGES, Action, StepKind, next_stage
from grs.uploads import CleanFile
from grs.usecases.acting import begin, coming_in_time, record, required
from grs.usecases.calendars import CalendarShelf
from grs.usecases.charters import task_limits
from grs.usecases.drafts import Refused, keep_files
from grs.usecases.ledger import SCHEDULER, Ledger, leaving
from grs.usecases.people import (
    accused_posts,
    investigator_posts,
    responsible_post_of,
    responsible_posts,
    supervisor_post,
)
from grs.usecases.recipients import Recipient, Recipients
from grs.usecases.standing import Desk, accused_of, asked_of

BATCH = 200
MOST_FILES_OF_AN_ANSWER = 5

_STEPS = {
    TaskKind.OPINION: (StepKind.OPINION_ASKED, "opinion_asked"),
    TaskKind.SERVICE_ORDER: (StepKind.SERVICE_ORDERED, "service_ordered"),
    TaskKind.INVESTIGATION: (StepKind.INVESTIGATION_OPENED, "investigation_opened"),
    TaskKind.HEARING: (StepKind.HEARING_CALLED, "hearing_called"),
    TaskKind.RECOMMENDATION: (StepKind.RECOMMENDED, "recommended"),
}
"""The step that asks, and the complainant's letter."""


def ask_opinion(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    to_post: int | None,
    question: str,
    answer_by: date | None,
    shelf: CalendarShelf,
    instructions: Collection[Instruction] = tuple(Instruction),
) -> Task:
    """Ask the responsible officer for his opinion until a day; the case goes on without it (G 7.1(খ), (ঘ))."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.ASK_OPINION)
    details = {
        "question": required(question, "question"),
        "answer_by": coming_in_time(session, desk, complaint, answer_by, "answer_by", shelf=shelf),
        "instructions": [str(one) for one in Instruction if one in instructions],
    }
    post = _asked_post(session, desk, complaint, to_post)
    task = _new_task(session, desk, complaint, TaskKind.OPINION, due_on=details["answer_by"], to_post=post.id)  # type: ignore[arg-type]
    return _ask(session, desk, complaint, stage, task, details)


def order_service(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    to_post: int | None,
    text: str,
    done_by: date | None,
    shelf: CalendarShelf,
) -> Task:
    """Order that the service be given by a day. Not a disposal: it comes back when not obeyed (G 7.4(ক))."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.ORDER_SERVICE)
    day = coming_in_time(session, desk, complaint, done_by, "done_by", shelf=shelf)
    post = _asked_post(session, desk, complaint, to_post)
    task = _new_task(session, desk, complaint, TaskKind.SERVICE_ORDER, due_on=day, to_post=post.id)
    return _ask(session, desk, complaint, stage, task, {"text": required(text, "text"), "done_by": day})


def investigate(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    investigators: Sequence[int],
    text: str,
    shelf: CalendarShelf,
) -> Task:
    """Open an investigation by one officer or a committee, the first named in the chair (G 7.1.2).

    The first one of a complaint adds its working days to the first tier's limit, once (G 7.4.1(ক)).
    """
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.INVESTIGATE)
    if is_overdue(complaint.due_on, desk.today):
        raise InvalidInput({"investigators": "time_is_over"})
    text = required(text, "text")
    people = Recipients(session, desk.today)
    known = {one.person_id: one for one in investigator_posts(session, complaint, desk.today)}
    if set(investigators) - known.keys():
        raise InvalidInput({"investigators": "choose_investigators"})
    responsible = responsible_post_of(session, complaint)
    accused = accused_of(session, complaint, people)
    if responsible is not None:
        accused |= {one.person_id for one in people.holding(responsible.id)}
    if desk.person_id in investigators:
        raise InvalidInput({"investigators": "is_decider"})
    check_committee(
        [known[person].as_investigator() for person in investigators],
        accused=accused,
        accused_grade=_accused_grade(session, complaint, responsible),
    )
    was = leaving(complaint)
    limits, calendar = task_limits(), shelf.for_office(session, complaint.office)
    stay = next(s for s in complaint.assignments if s.sequence == complaint.assignment_sequence)
    had_extra = any(one.extra_days for one in complaint.assignments)
    if complaint.tier is Tier.GRIEVANCE_OFFICER and not had_extra:
        limit = DayLimit(stay.limit_amount, stay.limit_unit)
        due = due_date(calendar, stay.received_on, limit, extra=limits.extra)
        stay.extra_days, stay.due_on, stay.is_provisional = limits.extra, due.due_on, due.is_provisional
        complaint.due_on, complaint.is_provisional = due.due_on, due.is_provisional
        chain = complaint.chain.as_tier_chain()
        complaint.escalates_after = escalates_after(chain, complaint.tier, stage, due.due_on)
        complaint.remind_on = next_reminder(calendar, due.due_on)
    report_by = report_due(calendar, desk.today, tier_due_on=complaint.due_on, days=limits.report)
    task = _new_task(session, desk, complaint, TaskKind.INVESTIGATION, due_on=report_by)
    task.members = [TaskMember(person_id=person, place=n) for n, person in enumerate(investigators, start=1)]
    names = [known[person].name for person in investigators]
    details = was | {"text": text, "investigators": names, "report_by": report_by}
    if complaint.due_on != was["was_due_on"]:
        details |= {"due_on": complaint.due_on, "provisional": complaint.is_provisional, "extra_days": limits.extra}
    return _ask(session, desk, complaint, stage, task, details)


def call_hearing(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    on: date | None,
    at: time | None,
    place: str,
    to_post: int | None,
    shelf: CalendarShelf,
) -> Task:
    """Call both sides to a hearing; a new call replaces the one before."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.CALL_HEARING)
    day = coming_in_time(session, desk, complaint, on, "hearing_on", shelf=shelf)
    if at is None:
        raise InvalidInput({"hearing_at": "required"})
    begins_at = datetime.combine(day, at, DHAKA)
    if begins_at <= desk.now:
        raise InvalidInput({"hearing_at": "in_the_past"})
    place = required(place, "place")
    if len(place) > LONGEST_PLACE:
        raise InvalidInput({"place": "too_long"})
    post = _asked_post(session, desk, complaint, to_post)
    task = _new_task(session, desk, complaint, TaskKind.HEARING, due_on=day, to_post=post.id)
    task.begins_at, task.place = begins_at, place
    calls = select(Task.id).where(Task.complaint_id == complaint.id, Task.kind == TaskKind.HEARING)
    details = {
        "hearing_on": day,
        "hearing_at": f"{at:%H:%M}",
        "place": place,
        "begins_at": begins_at.isoformat(),
        "call": len(session.scalars(calls).all()),
    }
    return _ask(session, desk, complaint, stage, task, details)


LONGEST_PLACE = 300


def record_hearing(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    complainant_came: bool,
    officer_came: bool,
    minutes: str,
) -> Task:
    """Write down who came to the hearing and what was said; the minutes stay with the officers."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.RECORD_HEARING)
    hearing = session.scalar(
        select(Task)
        .where(
            Task.complaint_id == complaint.id,
            Task.kind == TaskKind.HEARING,
            Task.assignment_sequence == complaint.assignment_sequence,
            Task.begins_at <= desk.now,
            or_(Task.ended_at.is_(None), Task.ended_by == TaskEnd.LAPSED),
        )
        .order_by(Task.id.desc())
        .limit(1)
    )
    if hearing is None:
        raise InvalidInput({"minutes": "no_hearing"})
    text = required(minutes, "minutes")
    hearing.ended_at, hearing.ended_by = desk.now, TaskEnd.ANSWERED
    details = {
        "task": hearing.id,
        "hearing_on": hearing.due_on,
        "hearing_at": f"{hearing.begins_at.astimezone(DHAKA):%H:%M}" if hearing.begins_at else "",
        "place": hearing.place,
        "complainant_came": complainant_came,
        "officer_came": officer_came,
        "text": text,
    }
    record(session, desk, complaint, stage, StepKind.HEARING_RECORDED, details)
    return hearing


def recommend(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    seen_steps: int,
    to_office: str,
    text: str,
    shelf: CalendarShelf,
) -> Task:
    """The cell recommends to a ministry or another office above; its head answers within the guideline's days."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.RECOMMEND)
    text = required(text, "text")
    office = next((one for one in offices_above(session, complaint) if one.slug == to_office), None)
    if office is None:
        raise InvalidInput({"to_office": "no_such_office"})
    try:
        post = supervisor_post(session, office)
    except NotFound:
        raise InvalidInput({"to_office": "no_such_office"}) from None
    if not Recipients(session, desk.today).on_post(post.id):
        raise InvalidInput({"to_office": "vacant"})
    calendar = shelf.for_office(session, office)
    day = calendar.add_working_days(calendar.on_or_after(desk.today), task_limits().recommendation)
    task = _new_task(session, desk, complaint, TaskKind.RECOMMENDATION, due_on=day, to_post=post.id)
    return _ask(session, desk, complaint, stage, task, {"text": text, "recommended_to": post.id, "answer_by": day})


# -- answering -----------------------------------------------------------------------------------


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


def question_of(session: Session, task: Task) -> dict[str, Any]:
    """What the step that asked says: the question, the order, the terms of an investigation."""
    details: dict[str, Any] = json.loads(session.get_one(Step, (task.complaint_id, task.step_sequence)).details)
    return details


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


ENDED_MEANWHILE = "ended_meanwhile"


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
    complaint = session.scalars(select(Complaint).where(Complaint.id == complaint_id).with_for_update()).one()
    task = session.get_one(Task, task_id)
    if task.ended_at is not None:
        return ENDED_MEANWHILE
    today = dhaka_date(now)
    people, ledger = Recipients(session, today), Ledger(now)
    has_moved = complaint.stage not in OPEN_STAGES or task.assignment_sequence != complaint.assignment_sequence
    if has_moved:
        task.ended_at, task.ended_by = now, TaskEnd.COMPLAINT_MOVED
        facts: dict[str, Any] = {"task_kind": task.kind, "hearing_on": task.due_on}
        if task.begins_at is not None and task.begins_at > now:
            called = question_of(session, task)
            facts |= {key: called[key] for key in ("begins_at", "hearing_at", "place")} | {"call": called["call"] + 1}
            ledger.note_complainant(f"hearing-off/{task.id}", "hearing_off", complaint, facts)
        for person in asked_people(session, task, people):
            ledger.note(
                f"task-over/{task.id}/{person.person_id}", "task_over", person, facts, complaint_id=complaint.id
            )
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


# -- parts -----------------------------------------------------------------------------------------


def asked_people(session: Session, task: Task, people: Recipients) -> list[Recipient]:
    """Everybody who was asked: the holders of the post, or the investigators."""
    if task.to_post_id is not None:
        return people.on_post(task.to_post_id)
    members = session.scalars(
        select(Person).join(TaskMember, TaskMember.person_id == Person.id).where(TaskMember.task_id == task.id)
    )
    return [Recipient(p.id, p.name, p.email, p.language) for p in members]


def _new_task(
    session: Session, desk: Desk, complaint: Complaint, kind: TaskKind, *, due_on: date, to_post: int | None = None
) -> Task:
    """A task of this stay; of its kind the one before is replaced where only one can be open."""
    if kind in ONE_AT_A_TIME:
        before = select(Task).where(Task.complaint_id == complaint.id, Task.kind == kind, Task.ended_at.is_(None))
        for old in session.scalars(before):
            old.ended_at, old.ended_by = desk.now, TaskEnd.REPLACED
    return Task(
        complaint_id=complaint.id,
        kind=kind,
        assignment_sequence=complaint.assignment_sequence,
        step_sequence=complaint.step_count + 1,
        asked_by_post_id=complaint.post_id,
        to_post_id=to_post,
        asked_at=desk.now,
        due_on=due_on,
    )


def _ask(
    session: Session, desk: Desk, complaint: Complaint, stage: Any, task: Task, details: Mapping[str, Any]
) -> Task:
    session.add(task)
    session.flush()
    kind, letter = _STEPS[task.kind]
    people = asked_people(session, task, Recipients(session, desk.today))
    asked = "hearing_notice" if task.kind is TaskKind.HEARING else "task_asked"
    told = dict(details) | {"task": task.id, "task_kind": task.kind, "asked_post": task.to_post_id}
    record(session, desk, complaint, stage, kind, told, letter=letter, to={asked: people})
    return task


def _asked_post(session: Session, desk: Desk, complaint: Complaint, post_id: int | None) -> Post:
    """The post that is asked: responsible at the office complained about, and somebody sits on it."""
    post = session.get(Post, post_id) if post_id is not None else responsible_post_of(session, complaint)
    known = {one.id for one in responsible_posts(session, complaint.charter.office)}
    if post is None or post.id not in known:
        raise InvalidInput({"to_post": "choose_one"})
    if not Recipients(session, desk.today).on_post(post.id):
        raise InvalidInput({"to_post": "vacant"})
    return post


def _accused_grade(session: Session, complaint: Complaint, responsible: Post | None) -> int | None:
    """The highest grade among whom the complaint can mean: who it names, else the responsible officer."""
    posts = accused_posts(session, complaint) or ([responsible] if responsible else None)
    grades = [post.grade for post in posts or responsible_posts(session, complaint.charter.office)] or [None]
    known = [grade for grade in grades if grade is not None]
    return min(known) if len(known) == len(grades) else None


RECOMMENDED_TO = (OfficeLevel.MINISTRY, OfficeLevel.DIRECTORATE)


def offices_above(session: Session, complaint: Complaint) -> list[Office]:
    """To whom the cell can recommend: the ministry and department above the office complained about."""
    found, at = [], complaint.charter.office.parent
    while at is not None:
        found.append(at)
        at = at.parent
    return [office for office in reversed(found) if office.level in RECOMMENDED_TO]
