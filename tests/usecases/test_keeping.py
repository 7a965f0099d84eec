"""What is kept can be proved, given back, and forgotten in time: seals, backups, retention."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from grs.bootstrap import House, open_house
from grs.db.complaints import Complaint, Step
from grs.db.drafts import Attachment
from grs.db.dump import all_tables, rows_of
from grs.db.messages import Message
from grs.db.seals import Seal, SealedHead
from grs.domain.errors import InvalidFile
from grs.domain.rule_values import RuleName
from grs.domain.sealing import FIRST_ROOT, seal_root
from grs.domain.tiers import LimitUnit
from grs.usecases.appeals import appeal_complaint
from grs.usecases.backups import check_backup, restore_backup, write_backup
from grs.usecases.delivery import decide_held
from grs.usecases.histories import verify_histories
from grs.usecases.retention import anonymise_closed
from grs.usecases.rule_values import set_value
from grs.usecases.seals import make_seal, seals, verify_seals
from tests.conftest import SECRET, Clock, make_settings, new_postgres_database
from tests.stories import assert_all_holds, break_in, dhaka, dispose, fetch, lodge
from workers import jobs

# -- seals ---------------------------------------------------------------------------------------------------------


def roots(house: House) -> dict[date, str]:
    with house.readers() as session:
        return {one.day: one.root for one in seals(session)}


def broken(house: House, known: dict[date, str] | None = None) -> list[tuple[str, str]]:
    with house.readers() as session:
        return verify_seals(session, known)


@pytest.fixture
def sealed(house: House, clock: Clock) -> Iterator[tuple[House, str]]:
    """Two days sealed; a complaint that moved on the second."""
    number = lodge(house).complaint.tracking_number
    lodge(house, mobile="01700000009")
    assert make_seal(house.writers, now=clock())["sealed"] == 2
    clock.forward(days=1)
    dispose(house, number)
    assert make_seal(house.writers, now=clock())["sealed"] == 1, "only what moved"
    yield house, number


def test_a_day_is_sealed_once_and_each_seal_follows_the_one_before(sealed: tuple[House, str], clock: Clock) -> None:
    house, number = sealed
    assert make_seal(house.writers, now=clock())["sealed"] == 0
    with house.readers() as session:
        first, second = session.scalars(select(Seal).order_by(Seal.id))
        ends = [(n, c, h) for n, c, h in session.execute(
            select(SealedHead.tracking_number, SealedHead.step_count, SealedHead.head_hash)
            .where(SealedHead.seal_id == second.id))]  # fmt: skip
        assert [end[0] for end in ends] == [number]
        assert second.root == seal_root(first.root, second.day, ends)
        assert first.root != FIRST_ROOT
    assert broken(house) == []
    assert broken(house, roots(house)) == []


def test_a_cut_tail_shows_although_the_complaint_agrees_with_it(sealed: tuple[House, str]) -> None:
    house, number = sealed
    complaint = fetch(house, number)
    with house.writers.begin() as session:
        last = complaint.steps[-1]
        break_in(session)
        session.execute(delete(Step).where(Step.complaint_id == complaint.id, Step.sequence == last.sequence))
        session.execute(
            update(Complaint)
            .where(Complaint.id == complaint.id)
            .values(step_count=last.sequence - 1, head_hash=complaint.steps[-2].hash)
        )
    with house.readers() as session:
        assert verify_histories(session).broken == [], "the chain by itself does not know"
    assert broken(house) == [(number, f"step {last.sequence} is not the one that was sealed on 2025-04-07")]


def test_a_database_rewritten_whole_does_not_give_the_published_root(sealed: tuple[House, str]) -> None:
    house, _ = sealed
    published = roots(house)
    with house.writers.begin() as session:  # everything forged so that it agrees with itself
        break_in(session)
        session.execute(delete(SealedHead).where(SealedHead.seal_id == select(func.max(Seal.id)).scalar_subquery()))
        first, second = session.scalars(select(Seal).order_by(Seal.id))
        second.root = seal_root(first.root, second.day, [])
    assert broken(house) == [], "it agrees with itself"
    assert broken(house, published) == [("seal of 2025-04-07", "is not the root that was published")]
    with house.writers.begin() as session:
        break_in(session)
        session.execute(delete(Seal).where(Seal.day == date(2025, 4, 7)))
    assert broken(house, published) == [("seal of 2025-04-07", "was published and is gone")]


def test_the_digest_carries_the_seals(sealed: tuple[House, str], clock: Clock) -> None:
    house, _ = sealed
    clock.now = dhaka(date(2025, 4, 8), 9, 30)
    jobs.run(house, "digest")
    with house.readers() as session:
        facts = json.loads(session.scalars(select(Message.facts).where(Message.letter == "digest")).first() or "")
    assert {one["root"] for one in facts["seals"]} == set(roots(house).values())


# -- retention -----------------------------------------------------------------------------------------------------


NAME, WORDS = "রহিমা খাতুন নমুনা", "আমার প্রতিবেশী করিম নমুনা জানেন"


def everything(house: House) -> str:
    """All that the database holds, as text."""
    with house.engine.connect() as connection:
        return "\n".join(line for table in all_tables() for line in rows_of(connection, table))


@pytest.fixture
def closed(house: House, clock: Clock) -> tuple[House, str]:
    """A complaint with a name, texts, an appeal and decisions, closed in April 2025."""
    number = lodge(
        house, name=NAME, description=WORDS, mobile="01711111111", email="rahima@example.com",
        present_address="গ্রাম নমুনা", identity_number="1990123456789",
    ).complaint.tracking_number  # fmt: skip
    dispose(house, number)
    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds=WORDS, shelf=house.shelf, now=clock())
    desk_id = fetch(house, number).post_id
    from grs.domain.disposal import Disposal, Outcome, RootCause
    from grs.usecases import disposals, handling
    from grs.usecases.standing import Desk

    desk = Desk(person_id=1, post_ids=[desk_id], now=clock())
    with house.writers.begin() as session:
        handling.accept(session, desk, number, seen_steps=4)
        decided = Disposal(outcome=Outcome.UPHELD, reasons=WORDS, root_cause=RootCause.NO_FAULT, advice=WORDS)
        disposals.dispose(session, desk, number, seen_steps=5, disposal=decided, shelf=house.shelf)
    jobs.run(house, "deliver")
    return house, number


def test_after_the_set_time_nothing_personal_is_left_and_the_history_still_holds(
    closed: tuple[House, str], clock: Clock
) -> None:
    house, number = closed
    lodge(house, mobile="01700000009")
    make_seal(house.writers, now=clock())
    clock.now = dhaka(date(2035, 4, 6), 3)
    assert anonymise_closed(house.writers, now=clock())["anonymised"] == 0, "ten years are not over yet"
    clock.now = dhaka(date(2035, 4, 7), 3)
    assert anonymise_closed(house.writers, now=clock(), dry_run=True)["anonymised"] == 1
    assert NAME in everything(house)
    assert anonymise_closed(house.writers, now=clock())["anonymised"] == 1
    assert anonymise_closed(house.writers, now=clock())["anonymised"] == 0, "once"
    left = everything(house)
    for personal in (NAME, WORDS, "01711111111", "rahima@example.com", "গ্রাম নমুনা", "1990123456789", "মানি না"):
        assert personal not in left, personal
    assert "01700000009" in left, "what is open stays"
    complaint = fetch(house, number)
    assert (complaint.outcome, complaint.root_cause) == ("upheld", "no_fault"), "what figures need stays"
    assert complaint.steps[-1].kind == "anonymised"
    assert_all_holds(house)
    assert broken(house) == []


def test_what_is_left_of_an_erased_step_cannot_be_changed_unnoticed(closed: tuple[House, str], clock: Clock) -> None:
    house, number = closed
    clock.now = dhaka(date(2035, 4, 7), 3)
    anonymise_closed(house.writers, now=clock())
    first = next(step.sequence for step in fetch(house, number).steps if step.kind == "disposed")
    with house.writers.begin() as session:
        break_in(session)
        step = session.scalars(select(Step).where(Step.sequence == first)).one()
        assert "service_given" in step.details
        step.details = step.details.replace("service_given", "withdrawn")
    with house.readers() as session:
        assert [why for _, why in verify_histories(session).broken] == [
            f"step {first} does not follow from what is before it"
        ]


def test_an_administrator_sets_how_long_personal_data_are_kept(closed: tuple[House, str], clock: Clock) -> None:
    house, _ = closed
    clock.now = dhaka(date(2027, 1, 1), 3)
    with house.writers.begin() as session:
        set_value(
            session, name=RuleName.RETENTION, amount=12, unit=LimitUnit.MONTHS, in_force_from=date(2027, 1, 2),
            source="আদেশ ১", person_id=1, now=clock(),
        )  # fmt: skip
    assert anonymise_closed(house.writers, now=clock())["anonymised"] == 0
    clock.forward(days=1)
    assert anonymise_closed(house.writers, now=clock())["anonymised"] == 1


# -- backup --------------------------------------------------------------------------------------------------------


def contents(house: House) -> dict[str, list[str]]:
    with house.engine.connect() as connection:
        return {table.name: list(rows_of(connection, table)) for table in all_tables()}


@pytest.fixture
def full(house: House, clock: Clock, tmp_path: Path) -> House:
    """Something in most tables: files, letters sent and waiting, seals, a frozen month, job runs."""
    from tests.uploads.test_cleaning import picture

    number = lodge(house).complaint.tracking_number
    lodge(house, mobile="01700000009", email="")
    jobs.run(house, "deliver")
    dispose(house, number)
    with house.writers.begin() as session:
        found = session.scalars(select(Complaint).where(Complaint.tracking_number == number)).one()
        from grs.db.drafts import AttachmentContent
        from grs.domain.attachments import MediaType

        data = picture("PNG")
        session.add(
            Attachment(
                complaint_id=found.id, sha256=hashlib.sha256(data).hexdigest(),
                name="ছবি.png", media_type=MediaType.PNG, size=len(data),
                added_at=clock(), content=AttachmentContent(content=data),
            )
        )  # fmt: skip
    clock.now = dhaka(date(2025, 5, 1), 1)
    for job in ("freeze", "seal", "watch"):
        jobs.run(house, job)
    return house


def empty_place(kind: str, tmp_path: Path, request: pytest.FixtureRequest, clock: Clock) -> House:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'restored.db'}"
    else:
        name = f"restored_{abs(hash(str(tmp_path)))}"
        url = new_postgres_database(request.getfixturevalue("postgres_server"), name)
    return open_house(make_settings(url, tmp_path), clock=clock)


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_what_is_restored_is_what_was_there(
    full: House, into: str, tmp_path: Path, request: pytest.FixtureRequest, clock: Clock
) -> None:
    file = tmp_path / "backup.grs"
    before = contents(full)
    facts = write_backup(full.engine, file, secret_key=SECRET, now=clock())
    assert facts.rows == sum(map(len, before.values()))
    lodge(full, mobile="01700000010")  # people go on working; it is not in the backup
    place = empty_place(into, tmp_path, request, clock)
    restore_backup(place.engine, file)
    after = contents(place)
    waiting = [line for line in before["message"] if '"queued"' in line]
    assert waiting, "a letter was waiting"
    assert after.pop("message") == [line.replace('"queued"', '"held"') for line in before.pop("message")]
    assert after == before
    assert_all_holds(place)
    assert broken(place) == []
    sent = jobs.run(place, "deliver")["sent"]
    assert sent == 0, "neither what was sent before nor what may have been"
    again = lodge(place, mobile="01700000011").complaint
    assert again.id > max(json.loads(line)[0] for line in before["complaint"])
    with place.writers.begin() as session:
        assert decide_held(session, send=True, give_up=False, now=clock()) == len(waiting)
    with pytest.raises(InvalidFile, match="not empty"):
        restore_backup(place.engine, file)
    place.close()


@pytest.mark.parametrize("damage", ["flip early", "flip middle", "flip late", "cut", "swap a row"])
def test_a_damaged_backup_is_refused_before_anything_is_written(
    full: House, damage: str, tmp_path: Path, request: pytest.FixtureRequest, clock: Clock
) -> None:
    file, bad = tmp_path / "backup.grs", tmp_path / "bad.grs"
    write_backup(full.engine, file, secret_key=SECRET, now=clock())
    data = bytearray(file.read_bytes())
    if damage == "cut":
        data = data[: len(data) * 2 // 3]
    elif damage == "swap a row":
        import zipfile

        with zipfile.ZipFile(file) as package, zipfile.ZipFile(bad, "w") as forged:
            for name in package.namelist():
                content = package.read(name)
                forged.writestr(name, content.replace(b"doict-kaunia", b"doict-kaunix"))
        data = bytearray(bad.read_bytes())
    else:
        at = {"flip early": 200, "flip middle": len(data) // 2, "flip late": len(data) - 200}[damage]
        data[at] ^= 0x40
    bad.write_bytes(data)
    with pytest.raises(InvalidFile):
        check_backup(bad)
    place = empty_place("sqlite", tmp_path, request, clock)
    with pytest.raises(InvalidFile):
        restore_backup(place.engine, bad)
    place.close()


def test_a_backup_never_overwrites_and_leaves_no_half_file(full: House, tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "backup.grs"
    write_backup(full.engine, file, secret_key=SECRET, now=clock())
    with pytest.raises(FileExistsError):
        write_backup(full.engine, file, secret_key=SECRET, now=clock())
    assert [one.name for one in tmp_path.glob("backup*")] == ["backup.grs"]
