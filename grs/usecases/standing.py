"""How the person at work stands to a complaint: what ``grs.domain.access`` judges by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, String, and_, false, literal, or_, select, type_coerce, union_all
from sqlalchemy.orm import Session

from grs.db.charters import ChainDesk, Charter
from grs.db.complaints import Assignment, Complaint, is_about_somebody
from grs.db.desks import HabitualMark
from grs.db.sets import among
from grs.db.tasks import Task, TaskMember
from grs.domain.access import Deed, Relation, may
from grs.domain.calendar import dhaka_date
from grs.domain.errors import NotYours
from grs.domain.habitual import MarkState
from grs.domain.tasks import TaskKind
from grs.domain.tiers import About, Tier
from grs.domain.workflow import OPEN_STAGES
from grs.usecases.desks import accused_people
from grs.usecases.recipients import Recipients

MARK = "mark"
_RELATION_BY = {TaskKind.INVESTIGATION: Relation.INVESTIGATES, MARK: Relation.DECIDES_MARK}
"""By what waits for the person; every other task asks him something."""
_ACCUSED_TIER = {About.GRIEVANCE_OFFICER: Tier.GRIEVANCE_OFFICER, About.APPEAL_OFFICER: Tier.APPEAL_OFFICER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The person at work, at which instant.

    ``post_ids`` are the posts held or sat in for, ``own_post_ids`` those held. Supervised offices
    include those below; headed ones are those whose own supervisor the person is.
    """

    person_id: int
    post_ids: Collection[int]
    now: datetime
    own_post_ids: Collection[int] = ()
    supervised_offices: Collection[int] = ()
    headed_offices: Collection[int] = ()

    @property
    def today(self) -> date:
        return dhaka_date(self.now)


def relations(session: Session, complaint: Complaint, desk: Desk) -> set[Relation]:
    """Every way in which the person stands to the complaint now."""
    found = set()
    stays = complaint.assignments
    if complaint.post_id in desk.post_ids:
        found.add(Relation.ANSWERS)
    if {stay.post_id for stay in stays} & set(desk.post_ids):
        found.add(Relation.ANSWERED)
    if ({stay.office_id for stay in stays} | {complaint.charter.office_id}) & set(desk.supervised_offices):
        found.add(Relation.SUPERVISES)
    tasks = (
        select(type_coerce(Task.kind, String)).join(Complaint).where(Task.complaint_id == complaint.id, *asked_of(desk))
    )
    marks = select(literal(MARK)).where(
        HabitualMark.complaint_id == complaint.id,
        HabitualMark.post_id.in_(desk.post_ids),
        HabitualMark.state.in_((MarkState.PROPOSED, MarkState.IN_FORCE)),
    )
    for what in session.scalars(union_all(tasks, marks)):
        found.add(_RELATION_BY.get(what, Relation.ASKED))
    if complaint.about is About.NOBODY:
        return found
    if session.scalar(select(Complaint.id).where(Complaint.id == complaint.id, is_about(desk))) is not None:
        found.add(Relation.ACCUSED)
    return found


def check(session: Session, complaint: Complaint, desk: Desk, deed: Deed) -> None:
    """Raise NotYours unless the person may do this with the complaint."""
    if not may(relations(session, complaint, desk), deed):
        raise NotYours(deed)


def asked_of(desk: Desk) -> tuple[ColumnElement[bool], ...]:
    """Open tasks of this person or his posts, of a complaint that still lies where it was asked."""
    mine = select(TaskMember.task_id).where(TaskMember.person_id == desk.person_id)
    return (
        Task.ended_at.is_(None),
        or_(Task.to_post_id.in_(desk.post_ids), Task.id.in_(mine)),
        *is_current(),
    )


def is_current() -> tuple[ColumnElement[bool], ...]:
    """The task's complaint is open and in the stay in which the task was asked."""
    return (Task.assignment_sequence == Complaint.assignment_sequence, Complaint.stage.in_(OPEN_STAGES))


def is_about(desk: Desk) -> ColumnElement[bool]:
    """The complaint is about the person at work: about a post that he holds, or the office that he heads."""
    ways: list[ColumnElement[bool]] = []
    if desk.own_post_ids:
        own = select(ChainDesk.chain_id).where(ChainDesk.post_id.in_(desk.own_post_ids))
        ways += [
            and_(Complaint.about == about, Complaint.filed_chain_id.in_(own.where(ChainDesk.tier == tier)))
            for about, tier in _ACCUSED_TIER.items()
        ]
    if desk.headed_offices:
        headed = select(Charter.id).where(Charter.office_id.in_(desk.headed_offices))
        ways.append(and_(Complaint.about == About.HEAD_OF_OFFICE, Complaint.charter_id.in_(headed)))
    return and_(is_about_somebody(), or_(*ways)) if ways else false()


def is_out_of_sight(desk: Desk, office_ids: Collection[int]) -> ColumnElement[bool]:
    """The complaint is about the person at work, or never lay at a desk of his nor in an office he supervises.

    Only complaints that some of these offices had are asked about.
    """
    if set(office_ids) <= set(desk.supervised_offices):
        return is_about(desk)
    was_here = (
        select(Assignment.complaint_id)
        .correlate(Complaint)
        .where(
            Assignment.complaint_id == Complaint.id,
            or_(among(Assignment.post_id, desk.post_ids), among(Assignment.office_id, desk.supervised_offices)),
        )
    )
    supervised = select(Charter.id).where(among(Charter.office_id, desk.supervised_offices))
    return or_(is_about(desk), and_(~was_here.exists(), Complaint.charter_id.not_in(supervised)))


def accused_of(session: Session, complaint: Complaint, people: Recipients) -> set[int]:
    """The persons whom the complaint is about."""
    if complaint.about is About.NOBODY:
        return set()
    return accused_people(people, complaint.filed_chain.as_tier_chain(), complaint.about, complaint.charter.office_id)
