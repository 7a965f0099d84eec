"""P18. Every single edit of the history is named: a column, a row gone, two swapped, one put in, the tail cut."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grs.bootstrap import House
from grs.db.complaints import Complaint, Step
from grs.db.drafts import Attachment, AttachmentContent
from grs.db.seals import Seal
from grs.domain.attachments import MediaType
from grs.usecases.histories import verify_histories
from grs.usecases.invariants import check_invariants
from grs.usecases.seals import seals, verify_seals
from tests.conftest import Clock
from tests.promises.bench import LONG, tallied
from tests.stories import break_in, dispose, lodge, pass_days
from workers import jobs

STEP: Table = Step.__table__  # type: ignore[assignment]
KEY = {"complaint_id", "sequence"}


@pytest.fixture
def history(house: House, clock: Clock) -> House:
    """Some complaints with their steps, sealed; the last one has moved since."""
    for _ in range(6 if LONG else 3):
        dispose(house, lodge(house).complaint.tracking_number)
        lodge(house)
    with house.writers.begin() as session:
        content = b"scan"
        complaint = session.scalars(select(Complaint).order_by(Complaint.id)).first()
        assert complaint is not None
        session.add(
            Attachment(
                complaint_id=complaint.id, name="a.png", media_type=MediaType.PNG, size=4, added_at=clock.now,
                sha256=hashlib.sha256(content).hexdigest(),
                content=AttachmentContent(content=content),
            )
        )  # fmt: skip
    pass_days(house, clock, date(2025, 5, 22))
    jobs.run(house, "seal")
    return house


def named(session: Session, house: House, roots: dict[date, str]) -> list[tuple[str, str]]:
    """What the verify command names."""
    return [
        *verify_histories(session).broken,
        *verify_seals(session, roots),
        *check_invariants(session, shelf=house.shelf),
    ]


def other(value: Any) -> Any:
    """A value that differs in one byte."""
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "x"
    if isinstance(value, int):
        return value + 1
    return value + timedelta(microseconds=1)


def known_roots(house: House) -> dict[date, str]:
    with house.readers() as session:
        return {seal.day: seal.root for seal in seals(session)}


def edits(session: Session) -> list[tuple[str, str, Any]]:
    """Every edit that is tried: what it is, the complaint it must be told of, and how it is done."""
    numbers = {one: number for one, number in session.execute(select(Complaint.id, Complaint.tracking_number))}
    rows = [dict(row._mapping) for row in session.execute(select(STEP).order_by(STEP.c.complaint_id, STEP.c.sequence))]
    found: list[tuple[str, str, Any]] = []
    for row in rows:
        here = (STEP.c.complaint_id == row["complaint_id"]) & (STEP.c.sequence == row["sequence"])
        number = numbers[row["complaint_id"]]
        for column in row.keys() - KEY:
            changed = "noted" if column == "kind" else other(row[column])
            if column == "kind" and row["kind"] == "noted":
                continue
            edit = update(STEP).where(here).values({column: changed})
            found.append((f"{column} of step {row['sequence']}", number, edit))
        found.append((f"step {row['sequence']} gone", number, delete(STEP).where(here)))
        found.append((f"step {row['sequence']} moved", number, update(STEP).where(here).values(sequence=99)))
        copy = row | {"sequence": row["sequence"] + 50}
        found.append((f"one put in after {row['sequence']}", number, insert(STEP).values(copy)))
    ids = sorted(numbers)
    for one, another in pairwise(ids):
        of = STEP.c.complaint_id
        swap = [
            update(STEP).where(of == one, STEP.c.sequence == 1).values(sequence=0),
            update(STEP).where(of == another, STEP.c.sequence == 1).values(complaint_id=one),
            update(STEP).where(of == one, STEP.c.sequence == 0).values(complaint_id=another, sequence=1),
        ]
        found.append(("first steps swapped", numbers[one], swap))
        tail = [
            delete(STEP).where(STEP.c.complaint_id == one, STEP.c.sequence > 1),
            update(Complaint).where(Complaint.id == one).values(
                step_count=1,
                head_hash=select(STEP.c.hash).where(STEP.c.complaint_id == one, STEP.c.sequence == 1).scalar_subquery(),
            ),
        ]  # fmt: skip
        if session.scalar(select(Complaint.step_count).where(Complaint.id == one)) != 1:
            found.append(("tail cut, the complaint made to agree", numbers[one], tail))
        found.append(
            ("the complaint's due date", numbers[one],
             update(Complaint).where(Complaint.id == one).values(due_on=date(2027, 1, 3)))
        )  # fmt: skip
    found.append(("an attachment replaced", "file", update(AttachmentContent).values(content=b"scam")))
    found.append(("a seal's root", "seal", update(Seal).values(root="0" * 64)))
    return found


def test_every_edit_is_named(history: House) -> None:
    roots = known_roots(history)
    with history.reports() as session:
        tried = edits(session)
        assert named(session, history, roots) == []
    with tallied(f"P18 edits, {history.engine.dialect.name}") as tally:
        for what, whose, statements in tried:
            with history.writers() as session:
                break_in(session)
                for statement in statements if isinstance(statements, list) else [statements]:
                    session.execute(statement.execution_options(synchronize_session=False))
                told = named(session, history, roots)
                session.rollback()
            is_named = any(whose in subject for subject, _ in told)
            assert is_named, (what, whose, told)
            tally.rounds += 1
            tally.faults += 1
            tally.lost += not is_named


def test_the_site_itself_cannot_change_a_step(history: House) -> None:
    for statement in (
        update(STEP).values(actor="somebody"),
        update(STEP).values(details="{}"),
        delete(STEP),
        update(Seal).values(root="0" * 64),
        delete(Seal),
    ):
        with pytest.raises(DBAPIError), history.writers.begin() as session:
            session.execute(statement.execution_options(synchronize_session=False))


def test_control_a_verifier_that_believes_what_stands_there_is_seen(
    history: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hashes an edited word goes unnoticed: the edits above must need them."""
    monkeypatch.setattr("grs.usecases.histories.first_broken", lambda steps: None)
    with history.writers() as session:
        break_in(session)
        session.execute(update(STEP).values(actor="somebody").execution_options(synchronize_session=False))
        assert verify_histories(session).broken == []
        session.rollback()
