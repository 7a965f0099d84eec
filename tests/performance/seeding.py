"""Fill a database with open complaints, quickly and with right hashes, for benchmarks and load tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from grs.bootstrap import House
from grs.db.bulk import insert_rows
from grs.db.charters import Chain, Charter
from grs.db.complaints import Complainant, Complaint, ComplaintText
from grs.db.offices import Office
from grs.domain.bangla import search_text
from grs.domain.calendar import WorkingCalendar, dhaka_date
from grs.domain.deadlines import DueDate
from grs.domain.history import GENESIS
from grs.domain.lodging import Channel, Ground, Kind
from grs.domain.tiers import About, ChainTier, Tier
from grs.domain.tracking import check_digit
from grs.domain.workflow import Stage, StepKind
from grs.usecases.ledger import COMPLAINANT, HEAD_COLUMNS, Head, Ledger, arriving, settle
from grs.usecases.secrets import hash_code

BATCH = 2000
ACCESS_CODE = "1234567890123456"
"""Of every seeded complaint."""
_HASH = hash_code(ACCESS_CODE)


def seed_complaints(
    house: House, count: int, *, due_on: date, spread_days: int = 1, mobile: str = "", office: str = ""
) -> None:
    """Put complaints on the first desks of all offices, or of one, due on ``due_on`` and the days after it.

    Every hundredth one is about a lamp, so that a search finds some.
    """
    with house.readers() as session:
        chains = [
            (chain.id, charter.id, office, chain.as_tier_chain())
            for chain, charter, office in session.execute(
                select(Chain, Charter, Office)
                .join(Charter, Charter.id == Chain.charter_id)
                .join(Office, Office.id == Charter.office_id)
                .where(Office.slug == office if office else true())
                .order_by(Chain.id)
            )
        ]
        first = (session.scalar(select(func.max(Complaint.id))) or 0) + 1
        calendar = house.shelf.for_scopes(session)
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        with house.writers.begin() as session:
            _seed_batch(session, house.clock(), calendar, chains, numbers, due_on, spread_days, mobile)
    if house.engine.dialect.name == "postgresql":
        with house.writers.begin() as session:
            session.execute(func.setval("complaint_id_seq", first + count).select())
        with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _seed_batch(
    session: Session,
    now: datetime,
    calendar: WorkingCalendar,
    chains: list[Any],
    numbers: range,
    due_on: date,
    spread_days: int,
    mobile: str,
) -> None:
    ledger, complaints, complainants, texts = Ledger(now), [], [], []
    for number in numbers:
        chain_id, charter_id, office, chain = chains[number % len(chains)]
        desk = chain.at(Tier.GRIEVANCE_OFFICER)
        due = DueDate(
            received_on=dhaka_date(now),
            due_on=due_on + timedelta(days=number % spread_days),
            is_provisional=False,
        )
        head = _head(number, chain_id, desk)
        settle(head, stage=Stage.RECEIVED, chain=chain, desk=desk, due=due, calendar=calendar)
        ledger.start_stay(head, desk, due)
        told = {"office": office.id, "about": About.NOBODY, "files": [], **arriving(desk, due)}
        ledger.step(head, StepKind.LODGED, actor=COMPLAINANT, details=told)
        row = _row(head, charter_id, now)
        complaints.append(row)
        texts.append(
            {
                "complaint_id": number,
                "search_text": search_text(head.tracking_number, row["subject"], row["description"], row["remedy"]),
            }
        )
        complainants.append(
            {
                "complaint_id": number,
                "name": "নমুনা নাগরিক",
                "identity_number": "",
                "present_address": "",
                "permanent_address": "",
                "mobile": mobile,
                "email": f"citizen{number}@example.com",
                "on_behalf_of": "",
                "relation": "",
            }
        )
    insert_rows(session, Complaint.__table__, complaints)  # type: ignore[arg-type]
    insert_rows(session, Complainant.__table__, complainants)  # type: ignore[arg-type]
    insert_rows(session, ComplaintText.__table__, texts)  # type: ignore[arg-type]
    ledger.write(session)


def _head(number: int, chain_id: int, desk: ChainTier) -> Head:
    body = f"25{number:09d}"
    return Head(
        id=number,
        tracking_number=body + check_digit(body),
        step_count=0,
        head_hash=GENESIS,
        assignment_sequence=0,
        stage=Stage.RECEIVED,
        tier=desk.tier,
        office_id=desk.office_id,
        chain_id=chain_id,
        post_id=desk.post_id,
        due_on=date.min,
        is_provisional=False,
        escalates_after=None,
        remind_on=None,
    )


def _row(head: Head, charter_id: int, now: datetime) -> dict[str, Any]:
    index = {name: getattr(head, name) for name in HEAD_COLUMNS}
    return index | {
        "access_code_hash": _HASH,
        "form_identity": f"seed-{head.id}",
        "kind": Kind.PUBLIC,
        "ground": Ground.STANDARD_BROKEN,
        "about": About.NOBODY,
        "channel": Channel.WEB,
        "language": "bn",
        "is_anonymous": False,
        "filed_chain_id": head.chain_id,
        "charter_id": charter_id,
        "charter_entry_id": None,
        "applied_on": None,
        "service_reference": "",
        "subject": "রাস্তার বাতি জ্বলে না" if head.id % 100 == 0 else "তথ্য পাওয়া যায়নি",
        "description": "তিনবার গিয়েও তথ্য পাইনি।",
        "remedy": "তথ্য চাই",
        "filed_at": now,
        "filed_on": dhaka_date(now),
        "first_tier": head.tier,
        "outcome": None,
        "disposed_at": None,
        "disposed_on": None,
        "root_cause": None,
    }
