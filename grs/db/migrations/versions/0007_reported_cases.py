"""what offices report: a row a case kept with its stays, and the frozen months as lines and sums"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from grs.db.base import UtcDateTime
from grs.domain.annex import Case, Intake, Stay, cases_of
from grs.domain.calendar import dhaka_date
from grs.domain.disposal import Outcome, RootCause
from grs.domain.history import canonical
from grs.domain.lodging import Channel
from grs.domain.tiers import Tier
from grs.domain.workflow import Action

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 2_000
FACTS = (
    "sequence", "is_appeal", "is_filed_appeal", "intake", "standing", "is_disposed_in_time", "decided_in", "outcome",
    "root_cause",
)  # fmt: skip
COUNTS = ("disposed", "in_time", "past_time", "disposed_in_time", "filed_appeals_decided", "overturned")
OVERTURNING = (
    "order_to_comply", "decision_corrected", "discipline_recommended", "service_given", "accusation_proved",
)  # fmt: skip


def upgrade() -> None:
    _create_tables()
    _fill_cases()
    op.create_index("ix_reported_case_office_id_decided_on", "reported_case", ["office_id", "decided_on"])
    op.create_index("ix_reported_case_decided_on", "reported_case", ["decided_on"])
    own_motion = sa.text("is_appeal AND NOT is_filed_appeal")
    op.create_index(
        "ix_reported_case_began_on_own_motion", "reported_case", ["began_on"],
        postgresql_where=own_motion, sqlite_where=own_motion,
    )  # fmt: skip
    _spread_frozen_months()
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_charter_entry_search_text", "charter_entry", ["search_text"],
            postgresql_using="gin", postgresql_ops={"search_text": "gin_trgm_ops"},
        )  # fmt: skip
    with op.batch_alter_table("frozen_annex") as batch:
        batch.drop_column("facts")


def _create_tables() -> None:
    op.create_table(
        "reported_case",
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("sequence", sa.SmallInteger(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("is_appeal", sa.Boolean(), nullable=False),
        sa.Column("is_filed_appeal", sa.Boolean(), nullable=False),
        sa.Column("intake", sa.String(length=32), nullable=False),
        sa.Column("began_on", sa.Date(), nullable=False),
        sa.Column("forwarded_on", sa.Date(), nullable=True),
        sa.Column("due_stay", sa.SmallInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("decided_in", sa.SmallInteger(), nullable=True),
        sa.Column("is_in_time", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("root_cause", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_reported_case_complaint_id")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_reported_case_office_id")),
        sa.PrimaryKeyConstraint("complaint_id", "sequence", name=op.f("pk_reported_case")),
    )
    op.create_table(
        "kept_overview",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("months", sa.SmallInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "until", "months", name=op.f("pk_kept_overview")),
    )
    op.create_table(
        "frozen_line",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("sequence", sa.SmallInteger(), nullable=False),
        sa.Column("is_appeal", sa.Boolean(), nullable=False),
        sa.Column("is_filed_appeal", sa.Boolean(), nullable=False),
        sa.Column("intake", sa.String(length=32), nullable=False),
        sa.Column("standing", sa.String(length=32), nullable=False),
        sa.Column("is_disposed_in_time", sa.Boolean(), nullable=False),
        sa.Column("decided_in", sa.SmallInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("root_cause", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_frozen_line_complaint_id")),
        sa.ForeignKeyConstraint(["month"], ["frozen_month.month"], name=op.f("fk_frozen_line_month")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_frozen_line_office_id")),
        sa.PrimaryKeyConstraint("month", "office_id", "complaint_id", "sequence", name=op.f("pk_frozen_line")),
    )
    op.create_table(
        "frozen_count",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("is_appeals", sa.Boolean(), nullable=False),
        *(sa.Column(str(name), sa.Integer(), nullable=False) for name in (*Intake, *COUNTS)),
        sa.ForeignKeyConstraint(["month"], ["frozen_month.month"], name=op.f("fk_frozen_count_month")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_frozen_count_office_id")),
        sa.PrimaryKeyConstraint("month", "office_id", "is_appeals", name=op.f("pk_frozen_count")),
    )


def _fill_cases() -> None:
    """A row a case, from the stays at desks and what was decided in them."""
    bind = op.get_bind()
    stays = sa.text(
        "SELECT a.complaint_id, a.sequence, a.office_id, a.post_id, a.tier, a.started_at, a.ended_at, a.ended_by,"
        " a.due_on, c.channel, p.paper_received_on FROM assignment a JOIN complaint c ON c.id = a.complaint_id"
        " LEFT JOIN assisted_filing p ON p.complaint_id = c.id"
        " WHERE a.complaint_id > :first AND a.complaint_id <= :last ORDER BY a.complaint_id, a.sequence"
    ).columns(started_at=UtcDateTime(), ended_at=UtcDateTime(), due_on=sa.Date(), paper_received_on=sa.Date())
    decisions = sa.text(
        "SELECT complaint_id, happened_at, details FROM step WHERE complaint_id > :first AND complaint_id <= :last"
        " AND kind IN ('disposed', 'rejected', 'withdrawn')"
    ).columns(happened_at=UtcDateTime())
    table = sa.Table("reported_case", sa.MetaData(), autoload_with=bind)
    newest = bind.scalar(sa.text("SELECT max(id) FROM complaint")) or 0
    for first in range(0, newest, BATCH):
        part = {"first": first, "last": first + BATCH}
        decided = {
            (one.complaint_id, one.happened_at): json.loads(one.details) for one in bind.execute(decisions, part)
        }
        by_complaint = defaultdict(list)
        for row in bind.execute(stays, part):
            by_complaint[row.complaint_id].append(row)
        cases = [
            _case(number, one)
            for number, rows in by_complaint.items()
            for one in cases_of([_stay(row, decided) for row in rows], Channel(rows[0].channel))
        ]
        if cases:
            bind.execute(table.insert(), cases)


def _stay(row: Any, decided: Mapping[tuple[int, datetime], Any]) -> Stay:
    told = decided.get((row.complaint_id, row.ended_at), {})
    began_on = dhaka_date(row.started_at)
    if row.sequence == 1 and row.paper_received_on is not None:
        began_on = min(row.paper_received_on, began_on)
    return Stay(
        sequence=row.sequence, office_id=row.office_id, post_id=row.post_id, tier=Tier(row.tier), began_on=began_on,
        due_on=row.due_on, ended_on=dhaka_date(row.ended_at) if row.ended_at else None,
        ended_by=Action(row.ended_by) if row.ended_by else None,
        outcome=Outcome(told["outcome"]) if told.get("outcome") else None,
        root_cause=RootCause(told["root_cause"]) if told.get("root_cause") else None,
    )  # fmt: skip


def _case(number: int, case: Case) -> dict[str, Any]:
    last = case.decision
    return {
        "complaint_id": number, "sequence": case.sequence, "office_id": case.office_id, "is_appeal": case.is_appeal,
        "is_filed_appeal": case.is_filed_appeal, "intake": str(case.intake), "began_on": case.began_on,
        "forwarded_on": case.forwarded_on, "due_stay": case.last_stay, "due_on": case.dues[-1][1],
        "decided_on": last.decided_on if last else None, "decided_in": last.sequence if last else None,
        "is_in_time": last.in_time if last else False, "outcome": last and last.outcome and str(last.outcome),
        "root_cause": last and last.root_cause and str(last.root_cause),
    }  # fmt: skip


def _spread_frozen_months() -> None:
    """The facts of each frozen annex as rows; the hash over them stays as it is."""
    bind = op.get_bind()
    lines = sa.Table("frozen_line", sa.MetaData(), autoload_with=bind)
    counts = sa.Table("frozen_count", sa.MetaData(), autoload_with=bind)
    annexes = sa.text("SELECT office_id, month, facts FROM frozen_annex").columns(month=sa.Date())
    for office_id, month, facts in bind.execute(annexes).all():
        told = json.loads(facts)
        ids = _ids_of({key.split("/")[0] for key in told})
        rows = [
            {"month": month, "office_id": office_id, "complaint_id": ids[key.split("/")[0]]}
            | dict(zip(FACTS, line, strict=True))
            for key, line in told.items()
        ]
        bind.execute(lines.insert(), rows)
        bind.execute(counts.insert(), [_sums(month, office_id, rows, appeals) for appeals in (False, True)])


def _sums(month: date, office_id: int, rows: Sequence[Any], appeals: bool) -> dict[str, Any]:
    mine = [row for row in rows if row["is_appeal"] is appeals]
    disposed = [row for row in mine if row["standing"] == "disposed"]
    decided = [row for row in disposed if row["is_filed_appeal"]]
    return {
        "month": month, "office_id": office_id, "is_appeals": appeals,
        **{str(way): sum(row["intake"] == way for row in mine) for way in Intake},
        "disposed": len(disposed),
        "in_time": sum(row["standing"] == "in_time" for row in mine),
        "past_time": sum(row["standing"] == "past_time" for row in mine),
        "disposed_in_time": sum(row["is_disposed_in_time"] for row in mine),
        "filed_appeals_decided": len(decided),
        "overturned": sum(row["outcome"] in OVERTURNING for row in decided),
    }  # fmt: skip


def _ids_of(numbers: Collection[str]) -> dict[str, int]:
    query = sa.text("SELECT tracking_number, id FROM complaint WHERE tracking_number IN :numbers").bindparams(
        sa.bindparam("numbers", expanding=True)
    )
    found: dict[str, int] = {}
    wanted = sorted(numbers)
    for start in range(0, len(wanted), BATCH):
        some = op.get_bind().execute(query, {"numbers": wanted[start : start + BATCH]})
        found |= {number: complaint_id for number, complaint_id in some}
    return found


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_charter_entry_search_text", "charter_entry")
    op.add_column("frozen_annex", sa.Column("facts", sa.Text(), server_default="{}", nullable=False))
    bind = op.get_bind()
    for office_id, month in bind.execute(
        sa.text("SELECT office_id, month FROM frozen_annex").columns(month=sa.Date())
    ).all():
        rows = bind.execute(
            sa.text(
                f"SELECT c.tracking_number, {', '.join('l.' + name for name in FACTS)} FROM frozen_line l"
                " JOIN complaint c ON c.id = l.complaint_id WHERE l.office_id = :office AND l.month = :month"
            ).columns(is_appeal=sa.Boolean(), is_filed_appeal=sa.Boolean(), is_disposed_in_time=sa.Boolean()),
            {"office": office_id, "month": month},
        )
        facts = canonical({f"{row.tracking_number}/{row.sequence}": list(row[1:]) for row in rows})
        bind.execute(
            sa.text("UPDATE frozen_annex SET facts = :facts WHERE office_id = :office AND month = :month"),
            {"facts": facts, "office": office_id, "month": month},
        )
    with op.batch_alter_table("frozen_annex") as batch:
        batch.alter_column("facts", existing_type=sa.Text(), server_default=None, existing_nullable=False)
    for table in ("frozen_count", "frozen_line", "kept_overview", "reported_case"):
        op.drop_table(table)
