"""files may leave the database for a store beside it"""

import sqlalchemy as sa
from alembic import op

from grs.db.base import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attachment", sa.Column("is_shelved", sa.Boolean, nullable=False, server_default=sa.false()))
    # After a way back and forth: what has left the database is in the store.
    op.execute(
        "UPDATE attachment SET is_shelved = true WHERE complaint_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM attachment_content WHERE attachment_content.attachment_id = attachment.id)"
    )
    op.create_index(
        "ix_attachment_id_unshelved",
        "attachment",
        ["id"],
        postgresql_where=sa.text("complaint_id IS NOT NULL AND is_shelved IS false"),
        sqlite_where=sa.text("complaint_id IS NOT NULL AND is_shelved IS 0"),
    )
    op.create_table(
        "file_to_delete",
        sa.Column("path", sa.String(120), primary_key=True),
        sa.Column("since", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    shelved = op.get_bind().scalar(sa.text("SELECT count(*) FROM attachment WHERE is_shelved"))
    if shelved:
        raise RuntimeError(f"{shelved} files lie in the store, where the release before would not find them")
    op.drop_table("file_to_delete")
    op.drop_index("ix_attachment_id_unshelved", "attachment")
    op.drop_column("attachment", "is_shelved")
