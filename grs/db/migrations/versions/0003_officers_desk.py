"""the officers' desk: tasks, case workers, tags, texts, marks, leave, second factor, links, search"""

import json
import secrets

import sqlalchemy as sa
from alembic import op

from grs.domain.bangla import search_text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
GRADES = {"union": 12, "upazila": 9, "district": 6, "division": 5, "directorate": 3, "ministry": 2, "cell": 3}
"""What a post's pay grade usually is at a level of offices; corrected where it is not."""


def upgrade() -> None:
    op.create_table(
        "account_link",
        sa.Column("id", BIG, nullable=False),
        sa.Column("salt", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_account_link_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_link")),
    )
    op.create_index("ix_account_link_person_id_created_at", "account_link", ["person_id", "created_at"])
    op.create_table(
        "recovery_code",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_recovery_code_person_id")),
        sa.PrimaryKeyConstraint("person_id", "code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "leave",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_leave_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leave")),
    )
    op.create_index("ix_leave_person_id_ends_on", "leave", ["person_id", "ends_on"])
    op.create_table(
        "ready_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("office_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_ready_text_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ready_text")),
    )
    op.create_index("ix_ready_text_office_id_action", "ready_text", ["office_id", "action"])
    op.create_table(
        "saved_filter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_saved_filter_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_filter")),
        sa.UniqueConstraint("person_id", "name", name=op.f("uq_saved_filter_person_id_name")),
    )
    _create_tables_beside_complaints()
    _create_tasks()

    op.add_column("assignment", sa.Column("extra_days", sa.SmallInteger(), server_default="0", nullable=False))
    op.create_index(
        "ix_complaint_post_id_due_on_open",
        "complaint",
        ["post_id", "due_on", "id"],
        postgresql_where=sa.text("stage <> 'disposed'"),
        sqlite_where=sa.text("stage <> 'disposed'"),
    )
    op.create_index(
        "ix_message_to_address_sent_at",
        "message",
        ["to_address", "sent_at"],
        postgresql_where=sa.text("sent_at IS NOT NULL"),
        sqlite_where=sa.text("sent_at IS NOT NULL"),
    )
    op.add_column("login_session", sa.Column("awaits_code", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name, length in (("browser", 200), ("address", 60)):
        op.add_column("login_session", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    op.add_column("person", sa.Column("totp_salt", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("person", sa.Column("totp_since", INSTANT, nullable=True))
    op.add_column("person", sa.Column("totp_last_step", sa.BigInteger(), nullable=True))
    op.add_column("person", sa.Column("calendar_salt", sa.String(length=40), nullable=True))
    op.add_column("post", sa.Column("grade", sa.SmallInteger(), nullable=True))
    with op.batch_alter_table("post_holder") as batch:
        batch.add_column(sa.Column("leave_id", sa.Integer(), nullable=True))
        batch.create_index(batch.f("ix_post_holder_leave_id"), ["leave_id"])
        batch.create_foreign_key(batch.f("fk_post_holder_leave_id"), "leave", ["leave_id"], ["id"])
    op.create_index(op.f("ix_complainant_identity_number"), "complainant", ["identity_number"])
    op.create_index(
        "ix_complaint_about",
        "complaint",
        ["about", "charter_id"],
        postgresql_where=sa.text("about <> 'nobody'"),
        sqlite_where=sa.text("about <> 'nobody'"),
    )
    _fill_salts()
    _fill_grades()
    _fill_responsible_posts()
    _fill_search_texts()


def _create_tables_beside_complaints() -> None:
    op.create_table(
        "complaint_worker",
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("assignment_sequence", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_worker_complaint_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_complaint_worker_person_id")),
        sa.PrimaryKeyConstraint("complaint_id", "assignment_sequence", name=op.f("pk_complaint_worker")),
    )
    op.create_index("ix_complaint_worker_person_id", "complaint_worker", ["person_id", "complaint_id"])
    op.create_table(
        "complaint_tag",
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_tag_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", "tag", name=op.f("pk_complaint_tag")),
    )
    op.create_index("ix_complaint_tag_tag", "complaint_tag", ["tag", "complaint_id"])
    op.create_table(
        "complaint_text",
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_text_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", name=op.f("pk_complaint_text")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        op.create_index(
            "ix_complaint_text_search_text",
            "complaint_text",
            ["search_text"],
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        )
    op.create_table(
        "habitual_mark",
        sa.Column("id", BIG, nullable=False),
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("proposed_by_id", sa.Integer(), nullable=False),
        sa.Column("proposed_at", INSTANT, nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_habitual_mark_complaint_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_habitual_mark_post_id")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["person.id"], name=op.f("fk_habitual_mark_proposed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_habitual_mark")),
        sa.UniqueConstraint("complaint_id", name=op.f("uq_habitual_mark_complaint_id")),
    )
    op.create_index("ix_habitual_mark_post_id_state", "habitual_mark", ["post_id", "state"])
    op.create_table(
        "identity_opening",
        sa.Column("id", BIG, nullable=False),
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=True),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_identity_opening_complaint_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_identity_opening_person_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_identity_opening_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_opening")),
    )
    op.create_index("ix_identity_opening_complaint_id", "identity_opening", ["complaint_id", "person_id", "opened_at"])


def _create_tasks() -> None:
    op.create_table(
        "task",
        sa.Column("id", BIG, nullable=False),
        sa.Column("complaint_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("assignment_sequence", sa.Integer(), nullable=False),
        sa.Column("step_sequence", sa.Integer(), nullable=False),
        sa.Column("asked_by_post_id", sa.Integer(), nullable=False),
        sa.Column("to_post_id", sa.Integer(), nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("begins_at", INSTANT, nullable=True),
        sa.Column("place", sa.String(length=300), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_post_id"], ["post.id"], name=op.f("fk_task_asked_by_post_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_task_complaint_id")),
        sa.ForeignKeyConstraint(["to_post_id"], ["post.id"], name=op.f("fk_task_to_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.create_index("ix_task_asked_by_post_id_due_on", "task", ["asked_by_post_id", "due_on"])
    op.create_index("ix_task_complaint_id", "task", ["complaint_id"])
    op.create_index(
        "ix_task_due_on",
        "task",
        ["due_on", "id"],
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_task_to_post_id_ended_at", "task", ["to_post_id", "ended_at"])
    op.create_table(
        "task_member",
        sa.Column("task_id", BIG, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_task_member_person_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_member_task_id")),
        sa.PrimaryKeyConstraint("task_id", "person_id", name=op.f("pk_task_member")),
    )
    op.create_index(op.f("ix_task_member_person_id"), "task_member", ["person_id"])


def _fill_salts() -> None:
    bind = op.get_bind()
    for person_id in bind.execute(sa.text("SELECT id FROM person")).scalars().all():
        bind.execute(
            sa.text("UPDATE person SET totp_salt = :salt WHERE id = :id"),
            {"id": person_id, "salt": secrets.token_urlsafe(24)},
        )


def _fill_grades() -> None:
    for level, grade in GRADES.items():
        op.execute(
            sa.text(
                "UPDATE post SET grade = :grade WHERE office_id IN (SELECT id FROM office WHERE level = :level)"
            ).bindparams(grade=grade, level=level)
        )


def _fill_responsible_posts() -> None:
    """A post for each officer whom a charter names as responsible for a service."""
    bind = op.get_bind()
    rows = bind.execute(
        sa.text(
            "SELECT charter.office_id, office.level, charter_entry.officer FROM charter_entry"
            " JOIN charter ON charter.id = charter_entry.charter_id JOIN office ON office.id = charter.office_id"
        )
    ).all()
    seen = set()
    for office_id, level, officer in rows:
        found = json.loads(officer) if isinstance(officer, str) else officer
        title = (found or {}).get("designation")
        if title and (office_id, title) not in seen:
            seen.add((office_id, title))
            bind.execute(
                sa.text(
                    "INSERT INTO post (office_id, role, title_bn, title_en, grade)"
                    " VALUES (:office, 'responsible_officer', :title, 'Responsible officer', :grade)"
                ),
                {"office": office_id, "title": title[:200], "grade": GRADES[level]},
            )


def _fill_search_texts() -> None:
    bind = op.get_bind()
    last = 0
    fields = "tracking_number, subject, description, remedy, service_reference"
    page = sa.text(f"SELECT id, {fields} FROM complaint WHERE id > :last ORDER BY id LIMIT 1000")
    while rows := bind.execute(page, {"last": last}).all():
        bind.execute(
            sa.text("INSERT INTO complaint_text (complaint_id, search_text) VALUES (:id, :found)"),
            [{"id": row[0], "found": search_text(*row[1:])} for row in rows],
        )
        last = rows[-1][0]


USED = (
    "SELECT 1 FROM task",
    "SELECT 1 FROM habitual_mark",
    "SELECT 1 FROM leave",
    "SELECT 1 FROM assignment WHERE extra_days > 0",
    "SELECT 1 FROM step WHERE kind IN ('noted', 'tagged', 'work_given', 'reopened')",
)


def _refuse_when_used() -> None:
    """What officers did with this release stands in histories that the release before it cannot read."""
    if any(op.get_bind().execute(sa.text(f"{query} LIMIT 1")).first() for query in USED):
        raise RuntimeError("the officers' desk was used since the upgrade: there is no way back but a backup")


def downgrade() -> None:
    _refuse_when_used()
    op.drop_index("ix_complaint_about", "complaint")
    op.drop_index(op.f("ix_complainant_identity_number"), "complainant")
    with op.batch_alter_table("post_holder") as batch:
        batch.drop_constraint(batch.f("fk_post_holder_leave_id"), type_="foreignkey")
        batch.drop_index(batch.f("ix_post_holder_leave_id"))
        batch.drop_column("leave_id")
    op.drop_column("post", "grade")
    for name in ("calendar_salt", "totp_last_step", "totp_since", "totp_salt"):
        op.drop_column("person", name)
    for name in ("address", "browser", "awaits_code"):
        op.drop_column("login_session", name)
    op.drop_index("ix_complaint_post_id_due_on_open", "complaint")
    op.drop_index("ix_message_to_address_sent_at", "message")
    op.drop_column("assignment", "extra_days")
    for table in (
        "task_member",
        "task",
        "identity_opening",
        "habitual_mark",
        "complaint_text",
        "complaint_tag",
        "complaint_worker",
        "saved_filter",
        "ready_text",
        "recovery_code",
        "leave",
        "account_link",
    ):
        op.drop_table(table)
    # Roles that are not known below: their posts and who sat on them.
    for table in ("post_holder", "post"):
        column = "post_id" if table == "post_holder" else "id"
        op.execute(
            sa.text(
                f"DELETE FROM {table} WHERE {column} IN"
                " (SELECT id FROM post WHERE role IN ('responsible_officer', 'administrator'))"
            )
        )
    # Letters told in one with others were told.
    op.execute(sa.text("UPDATE message SET state = 'sent', sent_at = queued_at WHERE state = 'bundled'"))
