"""programs are told what happens at their desk"""

import sqlalchemy as sa
from alembic import op

from grs.db.base import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("token_id", sa.Integer, sa.ForeignKey("machine_token.id"), primary_key=True),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("salt", sa.String(40), nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        sa.Column("thanked_at", UtcDateTime),
        sa.Column("stopped_at", UtcDateTime),
    )


def downgrade() -> None:
    # What the release before cannot read would stop its letters.
    op.execute("DELETE FROM message WHERE channel = 'event'")
    op.drop_table("webhook")
