"""One letter instead of many: the escalations of a run, where an office has more than a few of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grs.db.base import Base
from grs.db.bulk import update_rows
from grs.db.complaints import Complaint
from grs.db.messages import Message, MessageState
from grs.db.offices import Office
from grs.domain.history import canonical
from grs.domain.office_hours import MOST_SINGLE_LETTERS
from grs.usecases.ledger import Head, Ledger
from grs.usecases.recipients import Recipient

LETTER = "escalated_list"
MOST_LINES = 100
"""Of one letter: who reads it scrolls no further, and every batch of a run writes the letter that is open anew."""


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
    """Gathers, for one batch, what each supervisor is told of each crowded office.

    ``run`` names the sweep, which writes lists of its own; ``open_lists`` is kept from batch to batch: which of the
    run's letters to a reader about an office is gone on with, where it is not the first.
    """

    def __init__(self, crowded: Collection[int], run: str, open_lists: dict[tuple[int, Recipient], int]) -> None:
        self.crowded, self._run, self._open = crowded, run, open_lists
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
        keys = {self._key(told): told for told in self._lines}
        # By their keys alone: asked for what is queued, PostgreSQL reads the whole outbox until it has counted anew.
        there = select(Message.id, Message.key, Message.state, Message.tries, Message.facts)
        longer = []
        for row in session.execute(there.where(Message.key.in_(keys)).with_for_update()):
            told = keys[row.key]
            if row.state is MessageState.QUEUED and not row.tries:
                facts = json.loads(row.facts)
                room = MOST_LINES - len(facts["lines"])
                facts["lines"] += self._lines[told][:room]
                longer.append({"id": row.id, "facts": canonical(facts)})
                self._lines[told] = self._lines[told][room:]
            if self._lines[told]:
                self._open_next(told)
        update_rows(session, Base.metadata.tables["message"], key=("id",), rows=longer)
        for told, lines in self._lines.items():
            office, reader = offices[told[0]], told[1]
            for start in range(0, len(lines), MOST_LINES):
                if start:
                    self._open_next(told)
                some = lines[start : start + MOST_LINES]
                facts = {"office_bn": office.name_bn, "office_en": office.name_en, "lines": some}
                ledger.note(self._key(told), LETTER, reader, facts)

    def _key(self, told: tuple[int, Recipient]) -> str:
        office_id, reader = told
        return f"{LETTER}/{self._run}/{office_id}/{reader.person_id}/{self._open.get(told, 1)}"

    def _open_next(self, told: tuple[int, Recipient]) -> None:
        self._open[told] = self._open.get(told, 1) + 1
