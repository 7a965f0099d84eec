"""One letter instead of many: the escalations of a run, where an office has more than a few of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageState
from grs.db.offices import Office
from grs.domain.history import canonical
from grs.domain.office_hours import MOST_SINGLE_LETTERS
from grs.usecases.ledger import Head, Ledger
from grs.usecases.recipients import Recipient

LETTER = "escalated_list"
MOST_LISTS = 1_000
"""Of one office and reader in one run: each holds what a batch moved, at least."""


def crowded_offices(session: Session, *, today: date) -> set[int]:
    """The offices that lose more complaints in this run than are told one by one."""
    query = (
        select(Complaint.office_id)
        .where(Complaint.escalates_after < today)
        .group_by(Complaint.office_id)
        .having(func.count() > MOST_SINGLE_LETTERS)
    )
    return set(session.scalars(query))


class EscalationLists:
    """Gathers, for one batch, what each supervisor is told of each crowded office; ``run`` names the sweep."""

    def __init__(self, crowded: Collection[int], run: str) -> None:
        self.crowded, self._run = crowded, run
        self._lines: dict[tuple[int, Recipient], list[dict[str, Any]]] = defaultdict(list)

    def add(self, head: Head, told: Mapping[str, Any], supervisors: Collection[Recipient]) -> None:
        """A complaint that left its office, as its step tells it."""
        line = {"tracking_number": head.tracking_number, "tier": told["from_tier"], "was_due_on": told["was_due_on"]}
        for person in set(supervisors):
            self._lines[told["from_office"], person].append(line)

    def write(self, session: Session, ledger: Ledger) -> None:
        """Queue the lists, or go on with the one of this run while it waits to be sent; in the batch's transaction."""
        if not self._lines:
            return
        ids = {office_id for office_id, _ in self._lines}
        offices = {office.id: office for office in session.scalars(select(Office).where(Office.id.in_(ids)))}
        keys = {self._key(office_id, person): (office_id, person) for office_id, person in self._lines}
        waiting = session.scalars(
            select(Message)
            .where(Message.key.in_(keys), Message.state == MessageState.QUEUED, Message.tries == 0)
            .with_for_update()
        ).all()
        for message in waiting:
            facts = json.loads(message.facts or "{}")
            facts["lines"] += self._lines.pop(keys[message.key])
            message.facts = canonical(facts)
        left = set(session.scalars(select(Message.key).where(Message.key.in_(keys))))
        for (office_id, person), lines in self._lines.items():
            office, key = offices[office_id], self._key(office_id, person)
            facts = {"office_bn": office.name_bn, "office_en": office.name_en, "lines": lines}
            ledger.note(self._further_key(session, key) if key in left else key, LETTER, person, facts)

    def _key(self, office_id: int, person: Recipient) -> str:
        return f"{LETTER}/{self._run}/{office_id}/{person.person_id}"

    @staticmethod
    def _further_key(session: Session, key: str) -> str:
        """The key of a further list of the run, where the first has left already; no more than a batch each."""
        further = [f"{key}/{number}" for number in range(2, MOST_LISTS)]
        taken = set(session.scalars(select(Message.key).where(Message.key.in_(further))))
        return next(one for one in further if one not in taken)
