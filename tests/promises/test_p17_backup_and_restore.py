"""P17. A backup made under load, restored into an empty place, is what was there at its instant."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select
from sqlalchemy.engine import make_url

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint
from grs.db.dump import all_tables, rows_of
from grs.db.messages import Message, MessageState
from grs.domain.errors import InvalidFile
from grs.usecases import backups
from grs.usecases.backups import check_backup, restore_backup, write_backup
from grs.usecases.histories import verify_histories
from grs.usecases.stories import has_code
from tests.conftest import SECRET, Clock, Template, make_settings, new_postgres_database
from tests.postgres import find_binaries
from tests.promises.bench import LONG, long_only, seeded, tallied
from tests.stories import assert_all_holds, lodge
from workers import jobs

CASES = 120 if LONG else 15
_places = itertools.count(1)


@contextmanager
def under_load(url: str, folder: Path) -> Iterator[list[str]]:
    """Somebody goes on lodging; gives the numbers as they are handed out."""
    house = open_house(make_settings(url, folder))
    numbers: list[str] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            numbers.append(lodge(house, mobile="01700000005").complaint.tracking_number)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield numbers
    finally:
        over.set()
        thread.join()
        house.close()


def contents(connection: Connection) -> dict[str, list[str]]:
    return {table.name: list(rows_of(connection, table)) for table in all_tables()}


def empty_place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> House:
    number = next(_places)
    if kind == "sqlite":
        return open_house(make_settings(f"sqlite:///{tmp_path / f'place{number}.db'}", tmp_path / f"m{number}"))
    server = request.getfixturevalue("postgres_server")
    name = f"place_{number}_{tmp_path.name.lower()}"[:60]
    return open_house(make_settings(new_postgres_database(server, name), tmp_path / f"m{number}"))


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_what_is_restored_is_what_was_there_at_that_instant(
    database: Template, tmp_path: Path, into: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(make_settings(database.url, tmp_path))
    lodged = [lodge(house, mobile=f"0170000{n:04d}") for n in range(CASES)]
    jobs.run(house, "deliver")
    jobs.run(house, "seal")
    lodge(house)
    file, seen = tmp_path / "backup.grs", {}
    honest = backups._snapshot

    @contextmanager
    def watched(engine: Engine) -> Iterator[Connection]:
        with honest(engine) as connection:
            seen.update(contents(connection))  # the oracle looks through the same window
            yield connection

    monkeypatch.setattr(backups, "_snapshot", watched)
    kind = house.engine.dialect.name
    with tallied(f"P17 {kind} to {into}") as tally:
        with under_load(database.url, tmp_path) as handed_out:
            while len(handed_out) < 3:
                pass
            write_backup(house.engine, file, secret_key=SECRET, now=house.clock())
        place = empty_place(into, tmp_path, request)
        restore_backup(place.engine, file)
        with place.engine.connect() as connection:
            there = contents(connection)
        there["message"] = [line.replace('"held"', '"queued"') for line in there["message"]]
        for name, lines in seen.items():
            if name != "login_session":
                tally.lost += len(set(lines) - set(there[name]))
                tally.doubled += len(set(there[name]) - set(lines))
        tally.rounds, tally.faults = sum(map(len, seen.values())), len(handed_out)
        assert_all_holds(place)
        with place.readers() as session:
            assert verify_histories(session).broken == []
            codes = [has_code(session, one.complaint.tracking_number, one.access_code) for one in lodged[:5]]
            assert codes == [True] * 5, "the codes still open them"
            numbers = set(session.scalars(select(Complaint.tracking_number)))
        assert jobs.run(place, "deliver")["sent"] == 0, "nothing that has left or may have left is sent again"
        with place.readers() as session:
            assert MessageState.QUEUED not in set(session.scalars(select(Message.state)))
        later = {lodge(place, mobile=f"0180000{n:04d}").complaint.tracking_number for n in range(10)}
        assert not later & (numbers | set(handed_out)), "numbers given out meanwhile are not given to others"
        assert_all_holds(place)
        place.close()
    house.close()


def test_a_backup_with_one_byte_changed_or_cut_short_is_refused(house: House, clock: Clock, tmp_path: Path) -> None:
    lodge(house)
    file = tmp_path / "backup.grs"
    write_backup(house.engine, file, secret_key=SECRET, now=clock())
    whole, chance = file.read_bytes(), seeded()
    for _ in range(200 if LONG else 25):
        at = chance.randrange(len(whole))
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        with pytest.raises(InvalidFile):
            check_backup(file)
        file.write_bytes(whole[:at])
        with pytest.raises(InvalidFile):
            check_backup(file)
    file.write_bytes(whole)
    check_backup(file)


@long_only
def test_a_dump_of_the_server_under_load_is_whole_too(
    postgres_template: Template, postgres_server: str, tmp_path: Path
) -> None:
    binaries = find_binaries()
    assert binaries is not None
    source = new_postgres_database(postgres_server, f"dumped_{tmp_path.name.lower()}"[:60], "template_grs")
    with under_load(source, tmp_path) as handed_out:
        while len(handed_out) < 20:
            pass
        dump = tmp_path / "dump"
        subprocess.run([binaries / "pg_dump", "-Fc", "-d", source, "-f", dump], check=True)
    into = new_postgres_database(postgres_server, f"redone_{tmp_path.name.lower()}"[:60])
    subprocess.run([binaries / "pg_restore", "-d", into, dump], check=True)
    assert make_url(into).database != make_url(source).database
    house = open_house(make_settings(into, tmp_path))
    with tallied("P17 pg_dump") as tally:
        with house.readers() as session:
            numbers = set(session.scalars(select(Complaint.tracking_number)))
        tally.rounds, tally.lost = len(numbers), len(set(handed_out[:20]) - numbers)
        assert_all_holds(house)
    house.close()


def test_control_a_copy_that_reads_table_by_table_without_a_window_is_seen(house: House, tmp_path: Path) -> None:
    """Read without one instant for all tables, a complaint lodged in between is there by half."""
    torn = {}
    with house.engine.connect() as connection:
        torn["message"] = list(rows_of(connection, Message.__table__))  # type: ignore[arg-type]
    lodge(house)
    with house.engine.connect() as connection:
        torn["complaint"] = list(rows_of(connection, Complaint.__table__))  # type: ignore[arg-type]
        whole = contents(connection)
    assert torn["message"] != whole["message"]
    assert torn["complaint"] == whole["complaint"]
