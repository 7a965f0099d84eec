"""Both databases promise the same: migrations, transactions, instants, many rows at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import SQLAlchemyError, StatementError

from grs.bootstrap import House
from grs.db import schema
from grs.db.bulk import FEW, insert_rows, update_rows
from grs.db.engine import PREPARED_AFTER, make_engine
from grs.db.job_runs import JobRun
from grs.db.offices import Office
from grs.db.sets import among
from grs.domain.bangla import search_words
from tests.conftest import new_postgres_database

NOW = datetime(2025, 4, 6, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return new_postgres_database(request.getfixturevalue("postgres_server"), f"empty_{tmp_path.name}"[:60])


def test_migrations_go_up_and_down_and_equal_the_models(empty_url: str) -> None:
    engine = make_engine(empty_url)
    schema.upgrade(engine)
    assert schema.differences(engine) == []
    assert schema.current_revision(engine) == schema.newest_revision()
    schema.downgrade(engine, "base")
    with engine.connect() as connection:
        left = set(engine.dialect.get_table_names(connection)) - {"alembic_version"}  # type: ignore[no-untyped-call]
    assert left == set()
    schema.upgrade(engine)
    assert schema.differences(engine) == []
    engine.dispose()


def test_what_was_filed_before_the_front_desk_keeps_its_days_and_causes(empty_url: str) -> None:
    """A database of the first release, with data, brought up to date."""
    engine = make_engine(empty_url)
    schema.upgrade(engine, "0001")
    late = "2025-04-06 19:30:00" + ("" if engine.dialect.name == "sqlite" else "+00")  # 7 April in Dhaka
    with engine.begin() as connection:
        for statement in FIRST_RELEASE:
            connection.execute(text(statement), {"at": late, "no": False, "yes": True})
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('post_id_seq', 1)"))
    schema.upgrade(engine)
    with engine.connect() as connection:
        complaint = connection.execute(text("SELECT filed_on, disposed_on, root_cause FROM complaint")).one()
        assert [str(value) for value in complaint] == ["2025-04-07", "2025-04-07", "equipment"]
        found = connection.execute(text("SELECT search_text FROM office")).scalar_one()
        assert all(word in found for word in search_words("কার্যাল\u09df যশোর Jashore"))
        assert connection.execute(text("SELECT search_text FROM charter_entry")).scalar_one()
        skeleton = connection.execute(text("SELECT search_text FROM complaint_text")).scalar_one()
        assert all(word in skeleton for word in search_words("নিস্পত্তি 250000000001"))
        posts = connection.execute(text("SELECT role, title_bn, grade FROM post ORDER BY id")).all()
        assert [tuple(post) for post in posts] == [
            ("grievance_officer", "ক", 6), ("responsible_officer", "জেলা কর্মকর্তা", 6),
        ]  # fmt: skip
    schema.downgrade(engine, "0001")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT role FROM post")).scalars().all() == ["grievance_officer"]
    schema.upgrade(engine)
    assert schema.differences(engine) == []
    engine.dispose()


FIRST_RELEASE = (
    "INSERT INTO office (id, slug, name_bn, name_en, level, district_en)"
    " VALUES (1, 'o', 'জেলা কার্যালয়', 'District Office', 'district', 'Jessore')",
    "INSERT INTO post (id, office_id, role, title_bn, title_en) VALUES (1, 1, 'grievance_officer', 'ক', 'k')",
    "INSERT INTO charter (id, office_id, version, in_force_from, source_name, source_sha256, document, imported_at)"
    " VALUES (1, 1, 1, '2024-01-01', 'a', 'b', '{}', :at)",
    "INSERT INTO charter_entry (id, charter_id, position, category, name, is_immediate, source_line, officer)"
    """ VALUES (1, 1, 1, 'citizen', 'তথ্য প্রদান', :no, 1, '{"designation"\\:"জেলা কর্মকর্তা"}')""",
    "INSERT INTO chain (id, office_id, charter_id, source, in_force_from, deviates)"
    " VALUES (1, 1, 1, 'guideline', '2024-01-01', :no)",
    "INSERT INTO complaint (id, tracking_number, access_code_hash, form_identity, kind, ground, about, channel,"
    " language,"
    " is_anonymous, charter_id, service_reference, subject, description, remedy, filed_at, stage, tier, first_tier,"
    " outcome, disposed_at, office_id, chain_id, post_id, assignment_sequence, due_on, is_provisional, step_count,"
    " head_hash) VALUES (1, '250000000001', '-', 'x', 'public', 'other', 'nobody', 'web', 'bn', :yes, 1, '',"
    " 'নিষ্পত্তি', 'd',"
    " '', :at, 'disposed', 1, 1, 'service_given', :at, 1, 1, 1, 1, '2025-05-20', :no, 1, '-')",
    "INSERT INTO step (complaint_id, sequence, kind, happened_at, actor, details, previous_hash, hash)"
    """ VALUES (1, 1, 'disposed', :at, 'x', '{"root_cause"\\:"equipment"}', '-', '-')""",
)


def test_the_newest_revision_is_what_alembic_takes_for_it() -> None:
    """The site's processes read it off the names of the files, without loading Alembic."""
    scripts = ScriptDirectory.from_config(schema._config())
    known = [one.revision for one in scripts.walk_revisions()]
    assert schema._revisions() == known[::-1]
    assert schema.newest_revision() == scripts.get_current_head()


def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
    engine.dispose()


def test_read_then_write_loses_no_update(house: House) -> None:
    """200 increments from 8 threads; without BEGIN IMMEDIATE SQLite silently keeps a quarter of them."""
    with house.writers.begin() as session:
        session.add(JobRun(job="count", started_at=NOW, counts={"n": 0}))

    def add() -> None:
        for _ in range(25):
            with house.writers.begin() as session:
                run = session.scalars(select(JobRun).with_for_update()).one()
                run.counts = {"n": (run.counts or {})["n"] + 1}

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with house.readers() as session:
        assert session.scalars(select(JobRun.counts)).one() == {"n": 200}


def test_instants_come_back_as_the_same_instant(house: House) -> None:
    in_dhaka = datetime(2025, 4, 6, 10, 0, tzinfo=timezone(timedelta(hours=6)))
    with house.writers.begin() as session:
        session.add(JobRun(job="a", started_at=in_dhaka))
    with house.readers() as session:
        found = session.scalars(select(JobRun.started_at)).one()
    assert found == in_dhaka
    assert found.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(house: House) -> None:
    with pytest.raises((StatementError, ValueError)), house.writers.begin() as session:
        session.add(JobRun(job="a", started_at=datetime(2025, 4, 6)))


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, 300])
def test_many_rows_at_once(house: House, count: int) -> None:
    table = JobRun.__table__
    rows = [{"job": f"বাংলা\t{n}\\", "started_at": NOW, "error": None} for n in range(count)]
    with house.writers.begin() as session:
        insert_rows(session, table, rows)  # type: ignore[arg-type]
    with house.readers() as session:
        found = {run.id: run.job for run in session.scalars(select(JobRun))}
    assert sorted(found.values()) == sorted(row["job"] for row in rows)
    changes = [{"id": run_id, "error": f'"{run_id}", \\{{NULL}}\'', "ended_at": NOW} for run_id in list(found)[::2]]
    with house.writers.begin() as session:
        update_rows(session, table, key=("id",), rows=changes)  # type: ignore[arg-type]
    with house.readers() as session:
        assert session.scalar(select(func.count()).where(JobRun.error.is_not(None))) == len(changes)
        assert all(run.error in (None, f'"{run.id}", \\{{NULL}}\'') for run in session.scalars(select(JobRun)))


def test_what_is_searched_for_is_planned_each_time(house: House) -> None:
    """A plan that is kept for any words cannot use the index of words."""
    if house.engine.dialect.name != "postgresql":
        pytest.skip("SQLite plans each time")
    with house.readers() as session:
        for _ in range(PREPARED_AFTER + 2):
            session.execute(select(func.count(Office.id)).where(Office.search_text.contains("রংপুর")))
            session.execute(select(func.count(Office.id)).where(among(Office.id, {1, 2})))
            session.execute(select(func.count(Office.id)).where(Office.slug == "doict"))
        prepared = session.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    about_offices = [one for one in prepared if "FROM office" in one]
    assert len(about_offices) == 1
    assert "slug" in about_offices[0]


def test_a_failed_transaction_leaves_nothing(house: House) -> None:
    with pytest.raises(SQLAlchemyError), house.writers.begin() as session:
        session.add(JobRun(job="a", started_at=NOW))
        session.flush()
        session.execute(text("SELECT * FROM no_such_table"))
    with house.readers() as session:
        assert session.scalar(select(func.count(JobRun.id))) == 0


def test_errors_do_not_print_what_was_written(house: House) -> None:
    """A complaint's text must not reach the logs through a database error."""
    with pytest.raises(SQLAlchemyError) as refused, house.writers.begin() as session:
        session.execute(update(JobRun).values(job=func.no_such_function("গোপন কথা")))
    assert "গোপন" not in str(refused.value)


def test_the_sweep_uses_its_index(house: House) -> None:
    """Nothing due costs one look, whatever the number of complaints."""
    query = "SELECT id FROM complaint WHERE escalates_after < '2025-01-01' ORDER BY escalates_after, id LIMIT 500"
    with house.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")
            plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN {query}"))
    assert "ix_complaint_escalates_after" in plan


def test_a_desks_list_and_its_search_use_their_indexes(house: House) -> None:
    listed = "SELECT id FROM complaint WHERE post_id = 1 AND stage <> 'disposed' ORDER BY due_on, id LIMIT 26"
    searched = "SELECT complaint_id FROM complaint_text WHERE search_text LIKE '%nothing%'"
    lately = "SELECT state FROM message WHERE to_address IN ('a', 'b') AND sent_at >= '2025-01-01'"
    with house.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        plans = [
            " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {query}".replace("%", "%%")))
            for query in (listed, searched, lately)
        ]
    assert "ix_complaint_post_id_due_on_open" in plans[0]
    assert "SORT" not in plans[0].upper().replace("DUE_ON_OPEN", ""), "in the order of the index"
    assert is_sqlite or "ix_complaint_text_search_text" in plans[1]
    assert "ix_message_to_address_sent_at" in plans[2]
