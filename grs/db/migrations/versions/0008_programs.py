"""programs that ask for somebody: tokens, and the keys of what was sent; letters know what they came of"""

import sqlalchemy as sa
from alembic import op

from grs.db.base import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machine_token",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("post_id", sa.Integer, sa.ForeignKey("post.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.String(100), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        sa.Column("last_used_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_machine_token_person_id", "machine_token", ["person_id"])
    op.create_table(
        "sent_request",
        sa.Column("sender", sa.String(40), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_sent_request_sent_at", "sent_request", ["sent_at"])
    op.add_column("login_session", sa.Column("is_strong", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("message", sa.Column("cause", sa.String(40)))


def downgrade() -> None:
    op.drop_column("message", "cause")
    op.drop_column("login_session", "is_strong")
    op.drop_table("sent_request")
    op.drop_table("machine_token")
