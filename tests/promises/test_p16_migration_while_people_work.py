"""P16. A release is upgraded while people file: nobody's form fails, and a migration that is killed runs again."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text

from grs.bootstrap import open_house
from grs.db import schema
from tests.conftest import Template, make_settings
from tests.promises.bench import LONG, long_only, running_site, seeded, tallied
from tests.promises.citizens import Journal, filing
from tests.stories import assert_all_holds, lodge

NEXT = '''
"""what the next release adds: a column, a filled table and an index"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "next", "{head}", None, None


def upgrade() -> None:
    op.add_column("complaint", sa.Column("told_twice", sa.Boolean(), server_default=sa.false(), nullable=False))
    {between}
    op.create_table("extra", sa.Column("complaint_id", sa.Integer(), primary_key=True), sa.Column("word", sa.Text()))
    op.execute("INSERT INTO extra (complaint_id, word) SELECT id, subject FROM complaint")
    op.create_index("ix_complaint_told_twice", "complaint", ["told_twice"])
    {then}


def downgrade() -> None:
    op.drop_index("ix_complaint_told_twice", "complaint")
    op.drop_table("extra")
    op.drop_column("complaint", "told_twice")
'''
LONGEST_WAIT = 5.0
HELD_FOR = 6
PROCESSES = multiprocessing.get_context("forkserver")


def next_release(folder: Path, *, then: str = "pass", between: str = "pass") -> Path:
    """A folder with the migration of a release to come; ``then`` is done at its end, ``between`` in its midst."""
    folder.mkdir()
    text = NEXT.format(head=schema.newest_revision(), then=then, between=between)
    (folder / "next_release.py").write_text(text)
    return folder


def migrate_and_die(url: str, more: str, after: int) -> None:
    """Begin to migrate, and end as by ``kill -9`` after some statements."""
    house = open_house(make_settings(url, Path(more)))
    left = [after]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os._exit(9)

    event.listen(house.engine, "after_cursor_execute", count)
    schema.upgrade(house.engine, more=Path(more))


def has_next(url: str, folder: Path) -> tuple[bool, bool, str | None]:
    house = open_house(make_settings(url, folder))
    looked = inspect(house.engine)
    columns = {column["name"] for column in looked.get_columns("complaint")}
    found = "told_twice" in columns, looked.has_table("extra"), schema.current_revision(house.engine)
    house.close()
    return found


def people_file_meanwhile(url: str, folder: Path, more: Path) -> tuple[Journal, int]:
    """File with four telephones while the database is migrated: their journal, and how many were thanked before."""
    house = open_house(make_settings(url, folder))
    for _ in range(5):
        lodge(house)
    with running_site(url, folder, workers=2) as site:
        journal, stop, threads = filing(site.url, 4, with_code=False)
        time.sleep(2)
        before = len(journal.answered("yes"))
        schema.upgrade(house.engine, more=more)
        time.sleep(3)  # the old release serves on until the new one has started
        stop.set()
        for thread in threads:
            thread.join(30)
    assert has_next(url, folder) == (True, True, "next")
    assert_all_holds(house)
    house.close()
    return journal, before


@pytest.mark.xdist_group("processes")
@long_only
def test_people_file_while_the_next_release_migrates(database: Template, tmp_path: Path) -> None:
    with tallied(f"P16 {database.url.split(':')[0]}") as tally:
        journal, before = people_file_meanwhile(database.url, tmp_path, next_release(tmp_path / "next"))
        tally.rounds, tally.faults = len(journal.filed), 1
        tally.lost = len(journal.filed) - len(journal.answered("yes"))
        tally.more = {"longest_wait": round(journal.slowest, 2), "before": before}
        assert len(journal.answered("yes")) > before
        assert journal.slowest < LONGEST_WAIT


@pytest.mark.xdist_group("processes")
@long_only
def test_control_a_migration_that_holds_the_table_is_seen(database: Template, tmp_path: Path) -> None:
    more = next_release(tmp_path / "next", then=f"__import__('time').sleep({HELD_FOR})")
    journal, _ = people_file_meanwhile(database.url, tmp_path, more)
    assert journal.slowest > LONGEST_WAIT


@long_only
def test_control_a_migration_that_commits_half_way_is_seen(database: Template, tmp_path: Path) -> None:
    more = next_release(tmp_path / "next", between="op.execute('COMMIT')")
    halves = 0
    for statements in range(2, 12):
        worker = PROCESSES.Process(target=migrate_and_die, args=(database.url, str(more), statements))
        worker.start()
        worker.join(60)
        column, table, revision = has_next(database.url, tmp_path)
        halves += (column, table) != (revision == "next", revision == "next")
        if halves:
            break
    assert halves


def test_a_migration_killed_at_any_statement_leaves_the_old_schema_and_runs_again(
    database: Template, tmp_path: Path
) -> None:
    more = next_release(tmp_path / "next")
    house = open_house(make_settings(database.url, tmp_path))
    lodge(house)
    chance = seeded()
    with tallied(f"P16 killed, {house.engine.dialect.name}") as tally:
        for _ in range(12 if LONG else 2):
            worker = PROCESSES.Process(target=migrate_and_die, args=(database.url, str(more), chance.randrange(2, 12)))
            worker.start()
            worker.join(60)
            column, table, revision = has_next(database.url, tmp_path)
            tally.lost += (column, table) != (revision == "next", revision == "next")
            tally.rounds += 1
            tally.faults += worker.exitcode == 9
        schema.upgrade(house.engine, more=more)
        assert has_next(database.url, tmp_path) == (True, True, "next")
        lodge(house, mobile="01700000008")
        assert_all_holds(house)
    house.close()


@pytest.mark.xdist_group("processes")
def test_a_busy_table_is_asked_for_again_and_nobody_waits_behind_it(
    postgres_template: Template, postgres_server: str, tmp_path: Path
) -> None:
    from tests.conftest import new_postgres_database

    url = new_postgres_database(postgres_server, f"busy_{tmp_path.name.lower()}"[:60], "template_grs")
    house = open_house(make_settings(url, tmp_path))
    more = next_release(tmp_path / "next")
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        with house.engine.begin() as connection:
            connection.execute(text("LOCK TABLE complaint IN ACCESS SHARE MODE"))
            held.set()
            released.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    migration = threading.Thread(target=lambda: schema.upgrade(house.engine, more=more))
    migration.start()
    time.sleep(schema.LOCK_SECONDS + 1)
    assert migration.is_alive(), "it has given way and asks again"
    lodge(house, mobile="01700000009")
    released.set()
    holder.join()
    migration.join(30)
    assert has_next(url, tmp_path) == (True, True, "next")
    house.close()
