"""append-only history: steps, seals and the security log are added to and never changed, whoever asks"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEPT = ("seal", "sealed_head", "security_event")
UNCHANGED = ("complaint_id", "sequence", "kind", "happened_at", "actor", "previous_hash", "hash")
REFUSED = "history is added to and never changed"


def upgrade() -> None:
    _on_postgresql() if op.get_bind().dialect.name == "postgresql" else _on_sqlite()


def _on_postgresql() -> None:
    op.execute(
        f"CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSED}: % %', TG_OP, TG_TABLE_NAME; END $$"
    )
    for table in ("step", *KEPT):
        op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()")
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    # The words of a step may go once its complaint is closed long enough; what they were is still hashed.
    op.execute(
        f"CREATE TRIGGER step_no_update BEFORE UPDATE ON step FOR EACH ROW WHEN (NOT ({_erases()})) "
        "EXECUTE FUNCTION refuse_change()"
    )


def _on_sqlite() -> None:
    for table in ("step", *KEPT):
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        )
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        )
    op.execute(
        f"CREATE TRIGGER step_no_update BEFORE UPDATE ON step WHEN NOT ({_erases()}) "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    )


def _erases() -> str:
    same = " AND ".join(f"NEW.{column} = OLD.{column}" for column in UNCHANGED)
    return f"{same} AND NEW.details LIKE '%\"erased\":%' AND OLD.details NOT LIKE '%\"erased\":%'"


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in ("step", *KEPT):
        for what in ("no_update", "no_delete", *(("no_truncate",) if is_postgresql else ())):
            op.execute(f"DROP TRIGGER {table}_{what}" + (f" ON {table}" if is_postgresql else ""))
    if is_postgresql:
        op.execute("DROP FUNCTION refuse_change()")
