"""the citizen's front desk: drafts, attachments, assisted filing, paper letters, own complaints, search"""

import json

import sqlalchemy as sa
from alembic import op

from grs.domain.bangla import search_text
from grs.domain.districts import district_spellings

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("salt", sa.String(length=40), nullable=False),
        sa.Column("form_key", sa.String(length=64), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("typed", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keep_until", sa.Date(), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lodged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_draft_complaint_id")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_draft_office_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["person.id"], name=op.f("fk_draft_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("form_key", name=op.f("uq_draft_form_key")),
    )
    op.create_index("ix_draft_keep_until", "draft", ["keep_until"])
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("draft_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("step_sequence", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_attachment_complaint_id")),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_attachment_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index("ix_attachment_complaint_id", "attachment", ["complaint_id"])
    op.create_index("ix_attachment_draft_id", "attachment", ["draft_id"])
    op.create_table(
        "attachment_content",
        sa.Column("attachment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], name=op.f("fk_attachment_content_attachment_id")),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachment_content")),
    )
    op.create_table(
        "access_link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("salt", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_link")),
    )
    op.create_index("ix_access_link_address_created_at", "access_link", ["address", "created_at"])
    op.create_table(
        "opened_complaint",
        sa.Column("visit_hash", sa.String(length=64), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("can_act", sa.Boolean(), nullable=False),
        sa.Column("shows_receipt", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_opened_complaint_complaint_id")),
        sa.PrimaryKeyConstraint("visit_hash", "complaint_id", name=op.f("pk_opened_complaint")),
    )
    op.create_index("ix_opened_complaint_opened_at", "opened_complaint", ["opened_at"])
    op.create_table(
        "assisted_filing",
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("paper_received_on", sa.Date(), nullable=True),
        sa.Column("form_number", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_assisted_filing_complaint_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["person.id"], name=op.f("fk_assisted_filing_operator_id")),
        sa.PrimaryKeyConstraint("complaint_id", name=op.f("pk_assisted_filing")),
    )
    op.create_index("ix_assisted_filing_operator_id", "assisted_filing", ["operator_id", "complaint_id"])
    op.create_table(
        "rating",
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("assignment_sequence", sa.Integer(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_rating_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", "assignment_sequence", name=op.f("pk_rating")),
    )
    op.create_table(
        "posting",
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("written_on", sa.Date(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_posting_message_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_posting_post_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_posting")),
    )
    op.create_index("ix_posting_post_id_posted_on_written_on", "posting", ["post_id", "posted_on", "written_on"])

    op.add_column("message", sa.Column("parts", sa.SmallInteger(), nullable=True))
    for name, length in (("on_behalf_of", 200), ("relation", 100)):
        op.add_column("complainant", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    op.create_index("ix_complainant_mobile", "complainant", ["mobile"])
    op.create_index("ix_complainant_email", "complainant", ["email"])
    op.add_column("complaint", sa.Column("filed_on", sa.Date(), nullable=False, server_default="1970-01-01"))
    op.add_column("complaint", sa.Column("disposed_on", sa.Date(), nullable=True))
    op.add_column("complaint", sa.Column("root_cause", sa.String(length=32), nullable=True))
    op.execute(sa.text(f"UPDATE complaint SET filed_on = {_dhaka_date('filed_at')}"))
    op.execute(sa.text(f"UPDATE complaint SET disposed_on = {_dhaka_date('disposed_at')}"))
    if op.get_bind().dialect.name == "postgresql":
        # What the release before this one still files while both run is of today.
        today = sa.text("(now() AT TIME ZONE 'Asia/Dhaka')::date")
        op.alter_column("complaint", "filed_on", server_default=today)
    op.create_index("ix_complaint_filed_on", "complaint", ["filed_on"])
    op.create_index("ix_complaint_disposed_on", "complaint", ["disposed_on"])
    for table in ("office", "charter_entry"):
        op.add_column(table, sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    _fill_search_texts()
    _fill_root_causes()


def _dhaka_date(column: str) -> str:
    if op.get_bind().dialect.name == "sqlite":
        return f"date({column}, '+6 hours')"
    return f"({column} AT TIME ZONE 'Asia/Dhaka')::date"


def _fill_search_texts() -> None:
    bind = op.get_bind()
    offices = [
        (key, *names, *district_spellings(district))
        for key, *names, district in bind.execute(
            sa.text("SELECT id, name_bn, name_en, upazila_en, district_en FROM office")
        )
    ]
    entries = bind.execute(sa.text("SELECT id, name FROM charter_entry")).all()
    for table, rows in (("office", offices), ("charter_entry", entries)):
        for key, *names in rows:
            bind.execute(
                sa.text(f"UPDATE {table} SET search_text = :found WHERE id = :id"),
                {"found": search_text(*names), "id": key},
            )


def _fill_root_causes() -> None:
    bind = op.get_bind()
    steps = sa.text(
        "SELECT complaint_id, details FROM step JOIN complaint ON complaint.id = step.complaint_id"
        " WHERE step.kind = 'disposed' AND complaint.stage = 'disposed' ORDER BY complaint_id, sequence"
    )
    for complaint_id, details in bind.execute(steps).all():
        bind.execute(
            sa.text("UPDATE complaint SET root_cause = :cause WHERE id = :id"),
            {"cause": json.loads(details)["root_cause"], "id": complaint_id},
        )


def downgrade() -> None:
    for table in ("office", "charter_entry"):
        op.drop_column(table, "search_text")
    for name in ("filed_on", "disposed_on"):
        op.drop_index(f"ix_complaint_{name}", "complaint")
        op.drop_column("complaint", name)
    op.drop_column("complaint", "root_cause")
    for name in ("mobile", "email"):
        op.drop_index(f"ix_complainant_{name}", "complainant")
    for name in ("on_behalf_of", "relation"):
        op.drop_column("complainant", name)
    op.drop_column("message", "parts")
    op.drop_table("posting")
    # Letters on paper are not known below: who has the older product posts them by hand.
    op.execute(sa.text("DELETE FROM message WHERE channel = 'paper'"))
    for table in (
        "rating",
        "assisted_filing",
        "opened_complaint",
        "access_link",
        "attachment_content",
        "attachment",
        "draft",
    ):
        op.drop_table(table)
