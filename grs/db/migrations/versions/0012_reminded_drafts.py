"""a draft knows whether a reminder may wait for it"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # True for what was there before, and for what a process of the release before still writes.
    op.add_column("draft", sa.Column("may_be_reminded", sa.Boolean, nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.drop_column("draft", "may_be_reminded")
