"""The floor of an escalation: the same rows written by bare SQL, without rules, hashes or words."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text

from grs.bootstrap import House
from grs.domain.calendar import dhaka_date

LETTERS = 5

_MOVE = """
    UPDATE complaint SET stage = 'received', tier = 2, post_id = post_id, due_on = :due, escalates_after = :due,
        remind_on = :due, assignment_sequence = assignment_sequence + 1, step_count = step_count + 1, head_hash = :hash
    WHERE escalates_after < :today
"""
_END = """
    UPDATE assignment SET ended_at = :now, ended_by = 'escalate' FROM {due}
    WHERE assignment.complaint_id = due.id AND assignment.sequence = due.assignment_sequence - 1
"""
_STAY = """
    INSERT INTO assignment (complaint_id, sequence, office_id, post_id, tier, started_at, received_on, due_on,
        is_provisional, limit_amount, limit_unit)
    SELECT id, assignment_sequence, office_id, post_id, 2, :now, :today, :due, {false}, 20, 'working_days' FROM {due}
"""
_STEP = """
    INSERT INTO step (complaint_id, sequence, kind, happened_at, actor, details, previous_hash, hash)
    SELECT id, step_count, 'escalated', :now, 'scheduler', :details, :hash, :hash FROM {due}
"""
_CASE = """
    INSERT INTO reported_case (complaint_id, sequence, office_id, is_appeal, is_filed_appeal, intake, began_on,
        due_stay, due_on, is_in_time)
    SELECT id, assignment_sequence, office_id, {true}, {false}, 'own_motion', :today, assignment_sequence, :due, {false}
    FROM {due}
"""
_MESSAGE = """
    INSERT INTO message (key, complaint_id, step_sequence, letter, channel, language, to_name, to_address, facts,
        queued_at, state, tries, next_try_at)
    SELECT id || '/bare/' || n, id, step_count, 'escalated', 'email', 'bn', 'name', 'someone@example.com', NULL, :now,
        'queued', 0, :now
    FROM {due} CROSS JOIN {numbers}
"""
_DETAILS = (
    '{"due_on":"2025-06-25","from_office":4,"from_post":1,"from_tier":1,"late_by":0,"provisional":false,'
    '"received_on":"2025-05-21","to_office":2,"to_post":2,"to_tier":2,"was_due_on":"2025-05-20"}'
)


def escalate_bare(house: House, now: datetime, *, letters: int = LETTERS) -> None:
    """One statement on PostgreSQL; SQLite has no writing CTEs, so five in one transaction."""
    today = dhaka_date(now)
    values = {
        "now": now,
        "today": today,
        "due": today + timedelta(days=30),
        "hash": "0" * 64,
        "details": _DETAILS,
    }
    with house.writers.begin() as session:
        if house.engine.dialect.name == "postgresql":
            names = {"due": "due", "false": "false", "true": "true", "numbers": f"generate_series(1, {letters}) AS n"}
            parts = [
                f"due AS ({_MOVE} RETURNING id, office_id, post_id, assignment_sequence, step_count)",
                f"ended AS ({_END.format(**names)})",
                f"stay AS ({_STAY.format(**names)})",
                f"step AS ({_STEP.format(**names)})",
                f"reported AS ({_CASE.format(**names)})",
            ]
            session.execute(text(f"WITH {', '.join(parts)} {_MESSAGE.format(**names)}"), values)
            return
        values |= {
            "now": now.replace(tzinfo=None).isoformat(sep=" "),
            "today": today.isoformat(),
            "due": values["due"].isoformat(),
        }  # type: ignore[attr-defined]
        series = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(1, letters + 1))
        names = {"due": "due", "false": "0", "true": "1", "numbers": f"({series})"}
        session.execute(
            text(
                "CREATE TEMP TABLE due AS SELECT id, office_id, post_id, step_count + 1 AS step_count,"
                " assignment_sequence + 1 AS assignment_sequence FROM complaint WHERE escalates_after < :today"
            ),
            values,
        )
        for statement in (_MOVE, _END, _STAY, _STEP, _CASE, _MESSAGE):
            session.execute(text(statement.format(**names)), values)
        session.execute(text("DROP TABLE due"))


def forget_bare_letters(house: House) -> None:
    """Take away what a floor has queued, so that nobody tries to send it."""
    with house.writers.begin() as session:
        session.execute(text("DELETE FROM message WHERE to_address = 'someone@example.com'"))
