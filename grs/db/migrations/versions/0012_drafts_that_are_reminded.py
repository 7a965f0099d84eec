"""a draft knows whether a reminder waits for it"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("draft", sa.Column("remind_on", sa.Date, nullable=True))
    # The letter's day stands in its own column; here only that there is one matters.
    op.execute(
        "UPDATE draft SET remind_on = keep_until WHERE complaint_id IS NULL AND EXISTS"
        " (SELECT 1 FROM message WHERE message.key IN"
        " ('draft/' || draft.id || '/can_file_now', 'draft/' || draft.id || '/can_file_now/sms'))"
    )


def downgrade() -> None:
    op.drop_column("draft", "remind_on")
