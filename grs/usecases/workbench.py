"""Everything an officer's page of one complaint shows, for the person who looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ScalarSelect, select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complainant, Complaint
from grs.db.desks import ComplaintTag, ComplaintWorker, HabitualMark
from grs.db.offices import Office, Person, Post
from grs.db.queries.complaints import complaint_to_show, earlier_of_same_person
from grs.db.queries.offices import offices_to_choose
from grs.db.tasks import Task
from grs.domain.access import Deed, deeds
from grs.domain.bangla import search_words
from grs.domain.disposal import NotAdmissible
from grs.domain.errors import NotFound, NotYours
from grs.domain.screening import Screening
from grs.domain.tasks import TaskEnd, TaskKind, TaskLimits
from grs.domain.tracking import read_digits
from grs.domain.workflow import INTERNAL_STEPS, Action, Actor, StepKind, allowed_actions
from grs.usecases.appeals import appeal_deadline
from grs.usecases.calendars import CalendarShelf
from grs.usecases.disposals import can_reopen
from grs.usecases.handling import screening_of
from grs.usecases.identities import is_opened
from grs.usecases.marks import can_propose, mark_against, mark_of
from grs.usecases.people import Colleague, investigator_posts, responsible_post_of, responsible_posts
from grs.usecases.recipients import Recipient, Recipients
from grs.usecases.rule_values import rules_on
from grs.usecases.standing import Desk, accused_of, relations
from grs.usecases.stories import Story, story_of
from grs.usecases.tasks import offices_above


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the forms of the page offer to choose from."""

    asked: Sequence[Post] = ()
    proposed: Post | None = None
    investigators: Sequence[Colleague] = ()
    sharing: Sequence[Recipient] = ()
    offices: Sequence[Office] = ()
    has_more_offices: bool = False
    above: Sequence[Office] = ()
    not_admissible: Sequence[NotAdmissible] = ()
    screening: Screening = field(default_factory=dict)
    needs_screening: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """A complaint as this person may see and work it. ``who`` is the identity, while it is opened."""

    story: Story
    may: frozenset[Deed]
    actions: Sequence[Action]
    tasks: Sequence[Task]
    tags: Sequence[str]
    worker: str | None
    who: Complainant | None
    earlier: Sequence[Complaint]
    marked: HabitualMark | None
    mark: HabitualMark | None
    choices: Choices
    limits: TaskLimits


def open_workbench(
    session: Session, desk: Desk, tracking_number: str, *, shelf: CalendarShelf, find_office: str = ""
) -> Workbench:
    """The page of a complaint, with the offices found by their names; raises NotFound or NotYours."""
    complaint, may = _opened(session, desk, tracking_number)
    hidden = () if Deed.READ_NOTES in may else INTERNAL_STEPS
    story = story_of(session, complaint, shelf, hidden=hidden)
    tasks = session.scalars(
        select(Task)
        .options(joinedload(Task.to_post).joinedload(Post.office))
        .where(Task.complaint_id == complaint.id, Task.assignment_sequence == complaint.assignment_sequence)
        .order_by(Task.id)
    ).all()
    _ = [[member.person for member in task.members] for task in tasks]  # drawn after the session has ended
    actions = _actions(session, desk, complaint, tasks, shelf) if Deed.ACT in may else []
    mark = mark_of(session, complaint)
    if mark is not None and Deed.DECIDE_MARK in may and mark.proposed_by_id != desk.person_id:
        actions = [*actions, Action.DECIDE_MARK]
    readable_earlier = (
        [one for one in earlier_of_same_person(session, complaint) if _may_read(session, one, desk)]
        if Deed.OPEN_IDENTITY in may
        else []
    )
    marked = mark_against(session, complaint, today=desk.today)
    worker, shows_identity = session.execute(select(_worker(complaint), is_opened(complaint, desk))).one()
    return Workbench(
        story=story,
        may=may,
        actions=actions,
        tasks=tasks,
        tags=tags_of(session, complaint),
        worker=worker,
        who=complaint.complainant if Deed.OPEN_IDENTITY in may and shows_identity else None,
        earlier=readable_earlier,
        marked=marked,
        mark=mark,
        choices=_choices(session, desk, story, set(actions), marked, find_office),
        limits=rules_on(session, desk.today).tasks,
    )


def readable(session: Session, desk: Desk, tracking_number: str) -> Complaint:
    """A complaint that this person may read; raises NotFound or NotYours."""
    return _opened(session, desk, tracking_number)[0]


def _opened(session: Session, desk: Desk, tracking_number: str) -> tuple[Complaint, frozenset[Deed]]:
    """A complaint that this person may read, and what else he may do with it."""
    complaint = complaint_to_show(session, read_digits(tracking_number))
    if complaint is None:
        raise NotFound("complaint", tracking_number)
    may = deeds(relations(session, complaint, desk))
    if Deed.READ not in may:
        raise NotYours(Deed.READ)
    return complaint, may


def _may_read(session: Session, complaint: Complaint, desk: Desk) -> bool:
    return Deed.READ in deeds(relations(session, complaint, desk))


def tags_of(session: Session, complaint: Complaint) -> Sequence[str]:
    """The tags on a complaint."""
    query = select(ComplaintTag.tag).where(ComplaintTag.complaint_id == complaint.id).order_by(ComplaintTag.tag)
    return session.scalars(query).all()


def _worker(complaint: Complaint) -> ScalarSelect[str]:
    """The name of who works on it, where somebody was named."""
    query = (
        select(Person.name)
        .join(ComplaintWorker, ComplaintWorker.person_id == Person.id)
        .where(
            ComplaintWorker.complaint_id == complaint.id,
            ComplaintWorker.assignment_sequence == complaint.assignment_sequence,
        )
    )
    return query.scalar_subquery()


def _actions(
    session: Session, desk: Desk, complaint: Complaint, tasks: Sequence[Task], shelf: CalendarShelf
) -> list[Action]:
    """What the workflow allows the desk, less what has nothing to be done to now."""
    allowed = allowed_actions(
        complaint.stage, tier=complaint.tier, actor=Actor.OFFICER, started_at=complaint.first_tier
    )
    hearings = [task for task in tasks if task.kind is TaskKind.HEARING and task.begins_at is not None]
    begun = any(
        one.begins_at is not None and one.begins_at <= desk.now and one.ended_by in (None, TaskEnd.LAPSED)
        for one in hearings
    )
    without = {
        Action.RECORD_HEARING: not begun,
        Action.GIVE_WORK: len(Recipients(session, desk.today).on_post(complaint.post_id)) < 2,
        Action.REOPEN: Action.REOPEN in allowed and not _can_reopen(session, desk, complaint, shelf),
        Action.PROPOSE_MARK: Action.PROPOSE_MARK in allowed and not can_propose(session, complaint),
        Action.RECOMMEND: complaint.charter.office.parent is None,
    }
    return sorted((action for action in allowed if not without.get(action)), key=IN_ORDER.index)


IN_ORDER = (
    Action.ACCEPT, Action.ASK_OPINION, Action.ORDER_SERVICE, Action.INVESTIGATE, Action.CALL_HEARING,
    Action.RECORD_HEARING, Action.RECOMMEND, Action.WRITE, Action.REPLY, Action.DISPOSE, Action.REJECT,
    Action.FORWARD, Action.REOPEN, Action.PROPOSE_MARK, Action.NOTE, Action.TAG, Action.GIVE_WORK,
)  # fmt: skip
"""As the work goes: take it in hand, ask, hear, decide; what the office keeps for itself last."""


def _can_reopen(session: Session, desk: Desk, complaint: Complaint, shelf: CalendarShelf) -> bool:
    last_day = appeal_deadline(session, complaint, shelf=shelf, today=desk.today)
    return last_day is not None and desk.today <= last_day and can_reopen(complaint)


def _choices(
    session: Session, desk: Desk, story: Story, actions: set[Action], marked: HabitualMark | None, find_office: str
) -> Choices:
    """Only what the forms on the page need is asked for."""
    complaint = story.complaint
    if not actions:
        return Choices()
    asks = {Action.ASK_OPINION, Action.ORDER_SERVICE, Action.CALL_HEARING, Action.INVESTIGATE} & actions
    asked = responsible_posts(session, complaint.charter.office) if asks else ()
    proposed = responsible_post_of(session, complaint, asked) if asks else None
    was_screened = any(line.kind is StepKind.ACCEPTED and line.details.get("screening") for line in story.lines)
    offices, are_all = (
        offices_to_choose(session, near=complaint.charter.office, words=search_words(find_office))
        if Action.FORWARD in actions
        else ((), True)
    )
    return Choices(
        asked=asked,
        proposed=proposed,
        investigators=_investigators(session, desk, complaint, proposed) if Action.INVESTIGATE in actions else (),
        sharing=Recipients(session, desk.today).on_post(complaint.post_id) if Action.GIVE_WORK in actions else (),
        offices=offices,
        has_more_offices=not are_all,
        above=offices_above(session, complaint) if Action.RECOMMEND in actions else (),
        not_admissible=[one for one in NotAdmissible if one is not NotAdmissible.HABITUAL or marked is not None],
        screening=screening_of(complaint),
        needs_screening=Action.ACCEPT in actions and not was_screened,
    )


def _investigators(session: Session, desk: Desk, complaint: Complaint, responsible: Post | None) -> list[Colleague]:
    """Who may be chosen: neither who decides nor whom the complaint is about."""
    people = Recipients(session, desk.today)
    barred = {desk.person_id} | accused_of(session, complaint, people)
    if responsible is not None:
        barred |= {one.person_id for one in people.holding(responsible.id)}
    return [one for one in investigator_posts(session, complaint, desk.today) if one.person_id not in barred]
