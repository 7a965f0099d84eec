"""supervision and administration: frozen months, seals, proposals, dated numbers, the security log, dated chains"""

import json
import secrets

import sqlalchemy as sa
from alembic import op

from grs.db.base import UtcDateTime
from grs.domain.history import GENESIS, StepFacts, canonical, salted, step_hash

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
COUNTS = ("total", "looked_at", "moved", "earlier", "later", "newly_overdue")


def upgrade() -> None:
    _create_tables()
    op.create_index("ix_assignment_office_id_started_at", "assignment", ["office_id", "started_at"])
    with op.batch_alter_table("calendar_change") as batch:
        batch.add_column(sa.Column("person_id", sa.Integer(), nullable=True))
        for name in COUNTS:
            batch.add_column(sa.Column(name, sa.Integer(), server_default="0", nullable=False))
        batch.create_foreign_key(batch.f("fk_calendar_change_person_id"), "person", ["person_id"], ["id"])
    op.add_column("person", sa.Column("digest_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    _date_the_chains()
    _keep_the_chain_of_filing()
    _salt_the_words()


def _date_the_chains() -> None:
    """A chain comes with a charter or with an order; until now each came with a charter."""
    op.add_column("chain", sa.Column("made_at", INSTANT, nullable=True))
    op.execute(
        sa.text("UPDATE chain SET made_at = (SELECT imported_at FROM charter WHERE charter.id = chain.charter_id)")
    )
    with op.batch_alter_table("chain") as batch:
        batch.alter_column("made_at", existing_type=INSTANT, nullable=False)
        batch.add_column(sa.Column("reference", sa.Text(), server_default="", nullable=False))
        batch.drop_constraint(batch.f("uq_chain_charter_id"), type_="unique")
        batch.create_index(batch.f("ix_chain_charter_id"), ["charter_id"], unique=False)
    for name in ("post_source", "limit_source"):
        op.add_column("chain_desk", sa.Column(name, sa.String(length=32), nullable=True))
        op.execute(sa.text(f"UPDATE chain_desk SET {name} = (SELECT source FROM chain WHERE chain.id = chain_id)"))
    with op.batch_alter_table("chain_desk") as batch:
        batch.alter_column("post_source", existing_type=sa.String(length=32), nullable=False)
        batch.alter_column("limit_source", existing_type=sa.String(length=32), nullable=False)
        batch.add_column(sa.Column("source_line", sa.Integer(), nullable=True))


def _keep_the_chain_of_filing() -> None:
    op.add_column("complaint", sa.Column("filed_chain_id", sa.Integer(), nullable=True))
    op.execute(
        sa.text(
            "UPDATE complaint SET filed_chain_id ="
            " (SELECT chain.id FROM chain WHERE chain.charter_id = complaint.charter_id)"
        )
    )
    with op.batch_alter_table("complaint") as batch:
        batch.alter_column("filed_chain_id", existing_type=sa.Integer(), nullable=False)
        batch.add_column(sa.Column("anonymised_at", INSTANT, nullable=True))
        batch.create_foreign_key(batch.f("fk_complaint_filed_chain_id"), "chain", ["filed_chain_id"], ["id"])


def _salt_the_words() -> None:
    """Words of steps are hashed under a salt from now on, so that they can be erased one day: the chains anew, once.

    No seal exists before this revision, so nobody holds another end of any of them.
    """
    bind = op.get_bind()
    complaints = bind.execute(sa.text("SELECT id, tracking_number FROM complaint ORDER BY id")).all()
    steps = sa.text(
        "SELECT sequence, kind, happened_at, actor, details FROM step WHERE complaint_id = :id ORDER BY sequence"
    ).columns(happened_at=UtcDateTime())
    change = sa.text(
        "UPDATE step SET details = :details, previous_hash = :previous, hash = :own"
        " WHERE complaint_id = :id AND sequence = :sequence"
    )
    for number, tracking_number in complaints:
        previous, changed = GENESIS, []
        for sequence, kind, at, actor, details in bind.execute(steps, {"id": number}).all():
            told = canonical(salted(json.loads(details), secrets.token_urlsafe(24)))
            facts = StepFacts(
                tracking_number=tracking_number, sequence=sequence, kind=kind, happened_at=at, actor=actor, details=told
            )
            own = step_hash(previous, facts)
            changed.append({"id": number, "sequence": sequence, "details": told, "previous": previous, "own": own})
            previous = own
        if changed:
            bind.execute(change, changed)
            bind.execute(
                sa.text("UPDATE complaint SET head_hash = :head WHERE id = :id"), {"head": previous, "id": number}
            )


def _create_tables() -> None:
    op.create_table(
        "frozen_month",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("frozen_at", INSTANT, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_frozen_month")),
    )
    op.create_table(
        "seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("complaints", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
        sa.UniqueConstraint("day", name=op.f("uq_seal_day")),
    )
    op.create_table(
        "frozen_annex",
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["month"], ["frozen_month.month"], name=op.f("fk_frozen_annex_month")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_frozen_annex_office_id")),
        sa.PrimaryKeyConstraint("office_id", "month", name=op.f("pk_frozen_annex")),
    )
    op.create_index("ix_frozen_annex_month", "frozen_annex", ["month"])

    op.create_table(
        "proposal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("source_name", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_proposal_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_proposal_created_at", "proposal", ["created_at"])

    op.create_table(
        "rule_value",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_rule_value_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_value")),
    )
    op.create_index("ix_rule_value_name_in_force_from", "rule_value", ["name", "in_force_from"])

    op.create_table(
        "sealed_head",
        sa.Column("seal_id", sa.Integer(), nullable=False),
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("tracking_number", sa.String(length=12), nullable=False),
        sa.Column("step_count", sa.Integer(), nullable=False),
        sa.Column("head_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"], name=op.f("fk_sealed_head_seal_id")),
        sa.PrimaryKeyConstraint("seal_id", "complaint_id", name=op.f("pk_sealed_head")),
    )
    op.create_index("ix_sealed_head_complaint_id", "sealed_head", ["complaint_id", "seal_id"])

    op.create_table(
        "security_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_security_event_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_event")),
    )
    op.create_index("ix_security_event_person_id", "security_event", ["person_id", "id"])


USED = (
    "SELECT 1 FROM frozen_month",
    "SELECT 1 FROM seal",
    "SELECT 1 FROM rule_value",
    "SELECT 1 FROM chain WHERE source = 'order'",
    "SELECT 1 FROM complaint WHERE anonymised_at IS NOT NULL",
    "SELECT 1 FROM complaint WHERE channel = 'own_motion'",
    "SELECT 1 FROM step WHERE details LIKE '%\"salt\":%'",
)


def _refuse_when_used() -> None:
    """What was frozen, sealed, ordered or anonymised with this release the one before it cannot read."""
    if any(op.get_bind().execute(sa.text(f"{query} LIMIT 1")).first() for query in USED):
        raise RuntimeError(
            "months were frozen or histories sealed since the upgrade: there is no way back but a backup"
        )


def downgrade() -> None:
    _refuse_when_used()
    with op.batch_alter_table("complaint") as batch:
        batch.drop_constraint(batch.f("fk_complaint_filed_chain_id"), type_="foreignkey")
        batch.drop_column("anonymised_at")
        batch.drop_column("filed_chain_id")
    for name in ("source_line", "limit_source", "post_source"):
        op.drop_column("chain_desk", name)
    with op.batch_alter_table("chain") as batch:
        batch.drop_index(batch.f("ix_chain_charter_id"))
        batch.create_unique_constraint(batch.f("uq_chain_charter_id"), ["charter_id"])
        batch.drop_column("reference")
        batch.drop_column("made_at")
    op.drop_column("person", "digest_only")
    with op.batch_alter_table("calendar_change") as batch:
        batch.drop_constraint(batch.f("fk_calendar_change_person_id"), type_="foreignkey")
        for name in (*COUNTS, "person_id"):
            batch.drop_column(name)
    op.drop_index("ix_assignment_office_id_started_at", "assignment")
    for table in ("security_event", "sealed_head", "seal", "rule_value", "proposal", "frozen_annex", "frozen_month"):
        op.drop_table(table)
    # A role that is not known below: its posts and who sat on them.
    for table, column in (("post_holder", "post_id"), ("post", "id")):
        op.execute(sa.text(f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM post WHERE role = 'coordinator')"))
    op.execute(sa.text("UPDATE message SET state = 'dead' WHERE state = 'held'"))
