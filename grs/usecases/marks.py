"""Habitual, proved false complaints: the grievance officer proposes, the appeal officer decides and reviews."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from grs.db.complaints import Complainant, Complaint
from grs.db.desks import HabitualMark
from grs.db.queries.complaints import complaint_by_number
from grs.domain.disposal import Outcome
from grs.domain.errors import ActionNotAllowed, InvalidInput, NotFound, NotYours
from grs.domain.habitual import MarkState, check_term
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, StepKind, next_stage
from grs.usecases.acting import begin, record, required
from grs.usecases.recipients import Recipients
from grs.usecases.standing import Desk


def propose_mark(session: Session, desk: Desk, tracking_number: str, *, seen_steps: int, reasons: str) -> HabitualMark:
    """Propose that the complainant of a complaint whose accusation was not proved is marked, with reasons."""
    complaint, stage = begin(session, desk, tracking_number, seen_steps, Action.PROPOSE_MARK)
    if not can_propose(session, complaint):
        raise ActionNotAllowed(Action.PROPOSE_MARK, complaint.stage)
    text = required(reasons, "reasons")
    decider = complaint.chain.as_tier_chain().at(Tier.APPEAL_OFFICER).post_id
    mark = HabitualMark(
        complaint_id=complaint.id,
        post_id=decider,
        state=MarkState.PROPOSED,
        proposed_at=desk.now,
        proposal=text,
    )
    session.add(mark)
    people = Recipients(session, desk.today).on_post(decider)
    details = {"reasons": text, "to_post": decider}
    record(session, desk, complaint, stage, StepKind.MARK_PROPOSED, details, to={"mark_proposed": people})
    return mark


def can_propose(session: Session, complaint: Complaint) -> bool:
    """Only for a false complaint with a name, and once."""
    if complaint.outcome is not Outcome.ACCUSATION_NOT_PROVED or complaint.complainant is None:
        return False
    return mark_of(session, complaint) is None


def decide_mark(
    session: Session,
    desk: Desk,
    tracking_number: str,
    *,
    decision: str,
    reasons: str,
    review_on: date | None = None,
    ends_on: date | None = None,
) -> HabitualMark:
    """The appeal officer's decision: ``mark`` until a day, ``refuse``, or ``end`` one that is in force.

    The complainant is told of a mark and of its end, never of a proposal that was refused.
    """
    complaint = complaint_by_number(session, tracking_number, lock=True)
    mark = mark_of(session, complaint) if complaint is not None else None
    if complaint is None or mark is None:
        raise NotFound("mark", tracking_number)
    if mark.post_id not in desk.post_ids:
        raise NotYours(Action.DECIDE_MARK)
    stage = next_stage(complaint.stage, Action.DECIDE_MARK, tier=complaint.tier)
    if (mark.state, decision) not in _DECISIONS:
        raise InvalidInput({"decision": "choose_one"})
    state, kind, letter = _DECISIONS[mark.state, decision]
    text = required(reasons, "reasons")
    if state is MarkState.IN_FORCE:
        mark.review_on, mark.ends_on = check_term(today=desk.today, review_on=review_on, ends_on=ends_on)
    elif state is MarkState.ENDED:
        mark.ends_on = desk.today
    mark.state, mark.decided_at, mark.reasons = state, desk.now, text
    details = {"reasons": text, "review_on": mark.review_on, "ends_on": mark.ends_on}
    record(session, desk, complaint, stage, kind, details, letter=letter, post_id=mark.post_id)
    return mark


_DECISIONS = {
    (MarkState.PROPOSED, "mark"): (MarkState.IN_FORCE, StepKind.MARK_SET, "mark_set"),
    (MarkState.PROPOSED, "refuse"): (MarkState.REFUSED, StepKind.MARK_REFUSED, None),
    (MarkState.IN_FORCE, "mark"): (MarkState.IN_FORCE, StepKind.MARK_SET, "mark_set"),
    (MarkState.IN_FORCE, "end"): (MarkState.ENDED, StepKind.MARK_ENDED, "mark_ended"),
}


def mark_of(session: Session, complaint: Complaint) -> HabitualMark | None:
    """The mark that was proposed on this complaint."""
    return session.scalar(select(HabitualMark).where(HabitualMark.complaint_id == complaint.id))


def mark_against(session: Session, complaint: Complaint, *, today: date) -> HabitualMark | None:
    """A mark in force against whoever gave the same mobile, e-mail or identity number as this complainant."""
    who = complaint.complainant
    same = [
        column == value
        for column, value in (
            (Complainant.mobile, who.mobile if who else ""),
            (Complainant.email, who.email if who else ""),
            (Complainant.identity_number, who.identity_number if who else ""),
        )
        if value
    ]
    if not same:
        return None
    origin = aliased(Complaint)
    return session.scalars(
        select(HabitualMark)
        .join(origin, origin.id == HabitualMark.complaint_id)
        .join(Complainant, Complainant.complaint_id == origin.id)
        .where(
            or_(*same),
            HabitualMark.state == MarkState.IN_FORCE,
            HabitualMark.ends_on >= today,
            HabitualMark.complaint_id != complaint.id,
        )
        .limit(1)
    ).first()


def marks_to_decide(session: Session, post_ids: Collection[int], *, today: date) -> Sequence[HabitualMark]:
    """What these appeal desks have to decide or, when its day has come, to review."""
    to_review = and_(
        HabitualMark.state == MarkState.IN_FORCE, HabitualMark.review_on <= today, HabitualMark.ends_on >= today
    )
    query = (
        select(HabitualMark)
        .options(joinedload(HabitualMark.complaint))
        .where(HabitualMark.post_id.in_(post_ids), or_(HabitualMark.state == MarkState.PROPOSED, to_review))
        .order_by(HabitualMark.proposed_at)
        .limit(100)
    )
    return session.scalars(query).all()
