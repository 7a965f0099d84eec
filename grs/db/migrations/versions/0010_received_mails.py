"""mails that were read are known again"""

import sqlalchemy as sa
from alembic import op

from grs.db.base import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "received_mail",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("fate", sa.String(32), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.ForeignKey("complaint.id")),
    )
    op.create_index("ix_received_mail_received_at", "received_mail", ["received_at"])
    op.create_index("ix_received_mail_complaint_id_received_at", "received_mail", ["complaint_id", "received_at"])


def downgrade() -> None:
    op.drop_table("received_mail")
