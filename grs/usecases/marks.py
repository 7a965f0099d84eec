"""Habitual, proved false complaints: the grievance officer proposes, the appeal officer decides and reviews."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complaint
from grs.db.desks import HabitualMark
from grs.db.queries.complaints import of_same_person
from grs.domain.access import Deed
from grs.domain.disposal import Outcome
from grs.domain.errors import ActionNotAllowed, InvalidInput, NotYours
from grs.domain.habitual import MarkState, check_term
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, StepKind
from grs.usecases.acting import begin, record, required
from grs.usecases.ledger import Ledger, leaving, officer
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
        proposed_by_id=desk.person_id,
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

    Only while the complaint stands disposed of as not proved can it be marked. Whoever proposed it does not
    decide it, whatever post he sits in for. The complainant is told of a mark and of its end, never of a
    proposal that was refused.
    """
    complaint, stage = begin(session, desk, tracking_number, None, Action.DECIDE_MARK, deed=Deed.DECIDE_MARK)
    mark = mark_of(session, complaint)
    assert mark is not None  # without it nobody may decide
    if mark.proposed_by_id == desk.person_id:
        raise NotYours(Deed.DECIDE_MARK)
    if (mark.state, decision) not in _DECISIONS:
        raise InvalidInput({"decision": "choose_one"})
    if decision == "mark" and complaint.outcome is not Outcome.ACCUSATION_NOT_PROVED:
        raise InvalidInput({"decision": "not_false_any_more"})
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


def end_mark_overturned(session: Session, ledger: Ledger, complaint: Complaint, desk: Desk) -> None:
    """A mark, or the proposal of one, ends when a later decision no longer finds the complaint false.

    Called with the outcome already written; the step is gathered with those of the decision.
    """
    mark = mark_of(session, complaint)
    if mark is None or complaint.outcome in STILL_FALSE:
        return
    if mark.state is MarkState.PROPOSED:
        mark.state, mark.decided_at = MarkState.REFUSED, desk.now
    elif mark.state is MarkState.IN_FORCE:
        mark.state, mark.decided_at, mark.ends_on = MarkState.ENDED, desk.now, desk.today
        details = leaving(complaint) | {"reasons": "", "ends_on": desk.today, "overturned": True}
        actor = officer(desk.person_id, complaint.post_id)
        step = ledger.step(complaint, StepKind.MARK_ENDED, actor=actor, details=details)
        ledger.to_complainant(complaint, step, "mark_ended", complaint.complainant, complaint.language)


STILL_FALSE = (Outcome.ACCUSATION_NOT_PROVED, Outcome.UPHELD, Outcome.NOT_ADMISSIBLE, Outcome.WITHDRAWN)


def mark_of(session: Session, complaint: Complaint) -> HabitualMark | None:
    """The mark that was proposed on this complaint."""
    return session.scalar(select(HabitualMark).where(HabitualMark.complaint_id == complaint.id))


def mark_against(session: Session, complaint: Complaint, *, today: date) -> HabitualMark | None:
    """A mark in force against whoever gave the same mobile, e-mail or identity number as this complainant."""
    same = of_same_person(complaint)
    if same is None:
        return None
    return session.scalars(
        select(HabitualMark)
        .where(
            HabitualMark.complaint_id.in_(same),
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
