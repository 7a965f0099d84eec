"""letters that were given up have an index of their own: they are few among millions"""

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DEAD = text("state = 'dead'")


def upgrade() -> None:
    op.create_index(
        "ix_message_complaint_id_dead", "message", ["complaint_id"], postgresql_where=DEAD, sqlite_where=DEAD
    )


def downgrade() -> None:
    op.drop_index("ix_message_complaint_id_dead", "message")
