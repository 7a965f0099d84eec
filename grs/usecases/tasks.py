"""What an officer asks of others: opinions, service orders, investigations, hearings, recommendations."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint, Step
from grs.db.offices import Office, Person, Post
from grs.db.tasks import Task, TaskMember
from grs.domain.calendar import DHAKA
from grs.domain.deadlines import due_date, is_overdue, next_reminder
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.escalation import escalates_after
from grs.domain.tasks import (
    ONE_AT_A_TIME,
    Instruction,
    TaskEnd,
    TaskKind,
    check_committee,
    report_due,
)
from grs.domain.tiers import DayLimit, OfficeLevel, Tier
from grs.domain.workflow import Action, StepKind
from grs.usecases.acting import begin, coming_in_time, record, required
from grs.usecases.calendars import CalendarShelf
from grs.usecases.ledger import Ledger, leaving
from grs.usecases.people import (
    accused_posts,
    investigator_posts,
    responsible_post_of,
    responsible_posts,
    supervisor_post,
)
from grs.usecases.recipients import Recipient, Recipients
from grs.usecases.reported_cases import move_due_dates
from grs.usecases.rule_values import rules_on
from grs.usecases.standing import Desk, accused_of

LONGEST_PLACE = 300
RECOMMENDED_TO = (OfficeLevel.MINISTRY, OfficeLevel.DIRECTORATE)

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
    day = coming_in_time(session, desk, complaint, answer_by, "answer_by", shelf=shelf)
    details = {
        "question": required(question, "question"),
        "answer_by": day,
        "instructions": [str(one) for one in Instruction if one in instructions],
    }
    post = _asked_post(session, desk, complaint, to_post)
    task = _new_task(desk, complaint, TaskKind.OPINION, due_on=day, to_post=post.id)
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
    task = _new_task(desk, complaint, TaskKind.SERVICE_ORDER, due_on=day, to_post=post.id)
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
    limits, calendar = rules_on(session, desk.today).tasks, shelf.for_office(session, complaint.office)
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
        session.flush()
        move_due_dates(session, [{"complaint_id": complaint.id, "sequence": stay.sequence, "due_on": due.due_on}])
    report_by = report_due(calendar, desk.today, tier_due_on=complaint.due_on, days=limits.report)
    task = _new_task(desk, complaint, TaskKind.INVESTIGATION, due_on=report_by)
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
    task = _new_task(desk, complaint, TaskKind.HEARING, due_on=day, to_post=post.id)
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
    day = calendar.add_working_days(
        calendar.on_or_after(desk.today), rules_on(session, desk.today).tasks.recommendation
    )
    task = _new_task(desk, complaint, TaskKind.RECOMMENDATION, due_on=day, to_post=post.id)
    return _ask(session, desk, complaint, stage, task, {"text": text, "recommended_to": post.id, "answer_by": day})


# -- parts -----------------------------------------------------------------------------------------


def asked_people(session: Session, task: Task, people: Recipients) -> list[Recipient]:
    """Everybody who was asked: the holders of the post, or the investigators."""
    if task.to_post_id is not None:
        return people.on_post(task.to_post_id)
    members = session.scalars(
        select(Person).join(TaskMember, TaskMember.person_id == Person.id).where(TaskMember.task_id == task.id)
    )
    return [Recipient(p.id, p.name, p.email, p.language) for p in members]


def _new_task(desk: Desk, complaint: Complaint, kind: TaskKind, *, due_on: date, to_post: int | None = None) -> Task:
    """A task of this stay, not written yet."""
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
    """Write the task and its step, tell who is asked; what it takes the place of is over for those who are not."""
    before = select(Task).where(
        Task.complaint_id == complaint.id,
        Task.kind == task.kind,
        Task.assignment_sequence == complaint.assignment_sequence,
        Task.ended_at.is_(None),
    )
    replaced = session.scalars(before).all() if task.kind in ONE_AT_A_TIME else []
    session.add(task)
    session.flush()
    kind, letter = _STEPS[task.kind]
    recipients = Recipients(session, desk.today)
    people = asked_people(session, task, recipients)
    ledger = Ledger(desk.now)
    for old in replaced:
        old.ended_at, old.ended_by = desk.now, TaskEnd.REPLACED
        others = [person for person in asked_people(session, old, recipients) if person not in people]
        tell_over(session, ledger, old, complaint, others)
    ledger.write(session, skip_known=True)
    asked = "hearing_notice" if task.kind is TaskKind.HEARING else "task_asked"
    told = dict(details) | {"task": task.id, "task_kind": task.kind, "asked_post": task.to_post_id}
    record(session, desk, complaint, stage, kind, told, letter=letter, to={asked: people})
    return task


def question_of(session: Session, task: Task) -> dict[str, Any]:
    """What the step that asked says: the question, the order, the terms of an investigation."""
    details: dict[str, Any] = json.loads(session.get_one(Step, (task.complaint_id, task.step_sequence)).details)
    return details


def over_facts(session: Session, task: Task, now: datetime) -> dict[str, Any]:
    """What a letter says of a task that is over; of a hearing to come enough to take it back from calendars."""
    facts: dict[str, Any] = {"task_kind": task.kind, "hearing_on": task.due_on}
    if task.begins_at is not None and task.begins_at > now:
        called = question_of(session, task)
        facts |= {key: called[key] for key in ("begins_at", "hearing_at", "place")} | {"call": called["call"] + 1}
    return facts


def tell_over(
    session: Session, ledger: Ledger, task: Task, complaint: Complaint, people: Collection[Recipient]
) -> None:
    """Tell those who were asked that no answer is needed any more."""
    facts = over_facts(session, task, ledger.now)
    for person in people:
        key = f"task-over/{task.id}/{person.person_id}"
        ledger.note(key, "task_over", person, facts, complaint_id=complaint.id)


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


def offices_above(session: Session, complaint: Complaint) -> list[Office]:
    """To whom the cell can recommend: the ministry and department above the office complained about."""
    found, at = [], complaint.charter.office.parent
    while at is not None:
        found.append(at)
        at = at.parent
    return [office for office in reversed(found) if office.level in RECOMMENDED_TO]
