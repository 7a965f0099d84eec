"""Reports are read on a standby; where it is away or does not follow, on the primary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.settings import SettingsError, read_settings
from tests.conftest import make_settings
from tests.postgres import why_missing
from tests.promises.servers import Pair, running_pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    if why_missing():
        pytest.skip("PostgreSQL is not installed")
    with running_pair() as found:
        yield found


@pytest.fixture
def reporting(pair: Pair, tmp_path: Path) -> Iterator[House]:
    """A site whose reports are read on the pair's standby."""
    standby = f"postgresql://grs@127.0.0.1:{pair.standby.port}/grs"
    house = open_house(make_settings(pair.url(), tmp_path, database_replica_url=standby), patience=8)
    yield house
    house.close()


def is_standby(house: House) -> bool:
    with house.reports() as session:
        return bool(session.scalar(text("SELECT pg_is_in_recovery()")))


@pytest.mark.xdist_group("processes")
def test_reports_come_from_the_standby_and_from_the_primary_while_it_is_away(pair: Pair, reporting: House) -> None:
    house = reporting
    schema.upgrade(house.engine)
    pair.wait_until_seen()
    assert is_standby(house)
    with house.reports() as session, pytest.raises(InternalError, match="read-only"):
        session.execute(text("CREATE TABLE x ()"))
    pair.primary.do("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
    pair.standby.kill()
    assert not is_standby(house), "the primary answers meanwhile"
    with house.writers.begin() as session:
        session.execute(text("CREATE TABLE written_meanwhile ()"))
    pair.follow()
    house.reports_engine.dispose()  # as it does by itself after a minute
    assert is_standby(house)
    with house.reports() as session:
        assert session.scalar(text("SELECT count(*) FROM written_meanwhile")) == 0


@pytest.mark.xdist_group("processes")
def test_a_standby_that_follows_nobody_is_not_asked(pair: Pair, reporting: House) -> None:
    house = reporting
    pair.wait_until_seen()
    assert is_standby(house)
    house.reports_engine.dispose()
    pair.standby.do("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
    for _ in range(100):
        if pair.standby.ask("SELECT count(*) FROM pg_stat_wal_receiver") == "0":
            break
        pair.standby.do("SELECT pg_sleep(0.1)")
    assert not is_standby(house)


def test_without_a_standby_reports_are_read_where_everything_is(house: House) -> None:
    assert house.reports_engine is house.engine
    with pytest.raises(SettingsError, match="database_replica_url"):
        read_settings({"GRS_DATABASE_REPLICA_URL": "sqlite:///x"})
