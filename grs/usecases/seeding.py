"""Fill an empty trial database with complaints that could have happened: for benchmarks, load tests and trials."""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from threading import Event, Semaphore

from sqlalchemy import Connection, Engine, UniqueConstraint, func, inspect, select, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.schema import AddConstraint, DropConstraint

from grs.db.base import Base
from grs.db.bulk import copy_lines
from grs.db.charters import Chain, CharterEntry
from grs.db.complaints import Complaint
from grs.db.offices import Office, PostHolder
from grs.domain.bangla import search_text
from grs.domain.calendar import ONE_DAY, WorkingCalendar, dhaka_date
from grs.domain.deadlines import add_months, due_date
from grs.domain.errors import InvalidInput
from grs.domain.history import GENESIS
from grs.domain.tiers import DayLimit, Tier
from grs.domain.tracking import check_digit
from grs.usecases.calendars import CalendarShelf
from grs.usecases.demo import IN_FORCE_FROM
from grs.usecases.secrets import hash_code
from grs.usecases.seed_offices import invent_offices
from grs.usecases.seed_patterns import SHIFT, Pattern, Teller

SPREAD = 1.07
"""The busiest office has so many times the cases of the next as Zipf's law says with this exponent."""
NUMBER = 700_000_001
"""Prime to a thousand million: no two cases get the same number, and neighbours look unlike."""

FATES = (("decided", 60), ("escalated", 25), ("appealed", 15))
"""How a case goes, in per cent: decided at the first desk, gone up because its time ran out, or by appeal."""
TEXTS = (
    ("সনদের সময় পেরিয়ে গেছে, সেবা পাইনি", "তিনবার কার্যালয়ে গিয়েছি; প্রতিবার পরের সপ্তাহে আসতে বলা হয়েছে।", "সেবাটি চাই"),
    ("নির্ধারিত ফির বেশি টাকা চাওয়া হয়েছে", "সনদে ফি লেখা আছে, কিন্তু রসিদ ছাড়া বাড়তি টাকা চাওয়া হয়েছে।", "বাড়তি টাকা ফেরত চাই"),
    ("তথ্য পাওয়া যায়নি", "আবেদনের অবস্থা জানতে চেয়ে কোনো উত্তর পাইনি।", "লিখিত উত্তর চাই"),
    ("দায়িত্বপ্রাপ্ত কর্মকর্তা ছিলেন না", "অফিস সময়ে দুই দিন গিয়ে টেবিলে কাউকে পাইনি।", "কাজের সময়ে সেবা চাই"),
    ("আবেদন হারিয়ে গেছে", "জমার রসিদ আছে, কিন্তু নথি খুঁজে পাওয়া যাচ্ছে না বলা হয়েছে।", "নথি খুঁজে কাজ শেষ করা হোক"),
    ("রাস্তার বাতি জ্বলে না", "এক মাস ধরে বাতি নষ্ট; জানানোর পরও কেউ আসেনি।", "বাতি মেরামত চাই"),
)  # fmt: skip


Shape = tuple[tuple[tuple[Tier, DayLimit], ...], tuple[int, ...]]
"""What a case's dates follow from: tiers with their limits, and by tier the place of its calendar in the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """An office that complaints are made to. ``places`` are its offices, posts and people by tier."""

    chain_id: int
    charter_id: int
    entries: Sequence[int]
    shape: Shape
    places: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that cases are written from. ``overdue`` of them lie past their day, so that the next sweep takes them."""

    seats: Sequence[Seat]
    calendars: Sequence[WorkingCalendar]
    complaints: int
    overdue: int
    since: date
    now: datetime
    code_hash: str
    seed: int

    @property
    def today(self) -> date:
        return dhaka_date(self.now)


# -- many cases written from it ------------------------------------------------------------------------------------

NONE = "\\N"
UNDECIDED = f"{NONE}\t{NONE}\t0\t{NONE}\t{NONE}"
COLUMNS: dict[str, tuple[str, ...]] = {
    "complaint": (
        "id", "tracking_number", "access_code_hash", "form_identity", "kind", "ground", "about", "channel", "language",
        "is_anonymous", "charter_id", "charter_entry_id", "applied_on", "service_reference", "subject", "description",
        "remedy", "filed_at", "filed_on", "stage", "tier", "first_tier", "outcome", "disposed_at", "disposed_on",
        "root_cause", "office_id", "filed_chain_id", "chain_id", "post_id", "assignment_sequence", "due_on",
        "is_provisional", "escalates_after", "remind_on", "step_count", "head_hash",
    ),
    "complainant": (
        "complaint_id", "name", "identity_number", "present_address", "permanent_address", "mobile", "email",
        "on_behalf_of", "relation",
    ),
    "complaint_text": ("complaint_id", "search_text"),
    "assignment": (
        "complaint_id", "sequence", "office_id", "post_id", "tier", "started_at", "received_on", "due_on",
        "is_provisional", "limit_amount", "limit_unit", "extra_days", "ended_at", "ended_by",
    ),
    "reported_case": (
        "complaint_id", "sequence", "office_id", "is_appeal", "is_filed_appeal", "intake", "began_on", "due_stay",
        "due_on", "decided_on", "decided_in", "is_in_time", "outcome", "root_cause",
    ),
    "step": ("complaint_id", "sequence", "kind", "happened_at", "actor", "details", "previous_hash", "hash"),
    "message": (
        "key", "complaint_id", "step_sequence", "letter", "channel", "language", "to_name", "to_address", "queued_at",
        "state", "tries", "next_try_at", "sent_at",
    ),
    "rating": ("complaint_id", "assignment_sequence", "score", "rated_at"),
}  # fmt: skip
"""What is written, in the order in which the rows refer to each other."""


Batch = tuple[int, int]
"""The number of the first case, and how many."""
Rows = dict[str, list[str]]
"""Lines of text by table, as ``COPY`` reads them."""


class _Writer:
    """Writes cases as lines of text, a list a table, as ``COPY`` reads them. Patterns are told once and kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._patterns: dict[tuple[Shape, date, str], Pattern] = {}
        self._late_days: dict[Shape, list[date]] = {}
        self._weights = list(accumulate(1 / rank**SPREAD for rank in range(1, len(world.seats) + 1)))
        self._found_by = [search_text(*texts) for texts in TEXTS]

    def write(self, first: int, count: int) -> Rows:
        """The rows of so many cases from a number on; the same whoever writes them, and in whatever order."""
        world, chance = self.world, random.Random(f"{self.world.seed}/{first}")  # noqa: S311 - no secret
        lines: Rows = {table: [] for table in COLUMNS}
        days = (world.today - world.since).days
        fates = chance.choices([name for name, _ in FATES], [weight for _, weight in FATES], k=count)
        seats = chance.choices(world.seats, cum_weights=self._weights, k=count)
        for number, fate, seat in zip(range(first, first + count), fates, seats, strict=True):
            if number <= world.overdue:
                fate, day = "overdue", chance.choice(self._days_that_ran_out(seat.shape))
            else:
                day = world.since + timedelta(days=(number - 1) * days // world.complaints)
            self._case(lines, number, seat, self._pattern(seat.shape, day, fate), chance)
        return lines

    def _pattern(self, shape: Shape, day: date, fate: str) -> Pattern:
        key = (shape, day, fate)
        if key not in self._patterns:
            is_overdue = fate == "overdue"
            desks, places = shape
            calendars = [self.world.calendars[place] for place in places]
            teller = Teller(desks, calendars, day, now=self.world.now, is_overdue=is_overdue)
            pattern = teller.tell("escalated" if is_overdue else fate)
            assert pattern.head is not None
            waits = pattern.head.escalates_after is not None and pattern.head.escalates_after < self.world.today
            if waits and fate in (
                "escalated",
                "appealed",
            ):  # its sweep is still to come tonight: only the overdue ones wait for one
                pattern = self._pattern(shape, day, "decided")
            self._patterns[key] = pattern
        return self._patterns[key]

    def _days_that_ran_out(self, shape: Shape) -> list[date]:
        """The last days on which somebody filed whose day is over now at the first desk."""
        if shape not in self._late_days:
            (_, limit), *_ = shape[0]
            calendar = self.world.calendars[shape[1][0]]
            found: list[date] = []
            day = self.world.today
            while len(found) < 5:
                day -= ONE_DAY
                due = due_date(calendar, calendar.on_or_after(day), limit)
                found += [day] if due.due_on < self.world.today else []
            self._late_days[shape] = found
        return self._late_days[shape]

    def _case(self, lines: Rows, number: int, seat: Seat, pattern: Pattern, chance: random.Random) -> None:
        shift = chance.randrange(SHIFT)
        entry = seat.entries[chance.randrange(len(seat.entries))]
        text = chance.randrange(len(TEXTS))
        subject, description, remedy = TEXTS[text]
        filed_at = _instant(pattern.filed_at, shift)
        body = f"{pattern.filed_at.year % 100:02d}{number * NUMBER % 10**9:09d}"
        tracking_number = body + check_digit(body)
        places = {**seat.places, "entry": entry}
        head, own = pattern.head, GENESIS
        assert head is not None
        for sequence, (kind, at, actor, details, hashed) in enumerate(pattern.steps, start=1):
            when, who, told = _instant(at, shift), actor % places, details % places
            # What grs.domain.history.step_hash does, without its objects; the tests compare them.
            facts = f"{own}\x1f{tracking_number}\x1f{sequence}\x1f{kind}\x1f{when}\x1f{who}\x1f"
            mine = hashlib.sha256((facts + (hashed % places if hashed else told)).encode()).hexdigest()
            lines["step"].append(f"{number}\t{sequence}\t{kind}\t{when}\t{who}\t{told}\t{own}\t{mine}")
            own = mine
        outcome = cause = disposed_at = disposed_on = NONE
        if pattern.decided is not None:
            outcome, cause, at = pattern.decided
            disposed_at, disposed_on = _instant(at, shift), dhaka_date(at).isoformat()
        filed_on = dhaka_date(pattern.filed_at)
        lines["complaint"].append(
            f"{number}\t{tracking_number}\t{self.world.code_hash}\tseed-{number}\tpublic\tstandard_broken\tnobody\tweb"
            f"\tbn\t0\t{seat.charter_id}\t{entry}\t{NONE}\t\t{subject}\t{description}\t{remedy}\t{filed_at}"
            f"\t{filed_on}\t{head.stage}\t{int(head.tier)}\t{int(pattern.stays[0]['tier'])}\t{outcome}\t{disposed_at}"
            f"\t{disposed_on}\t{cause}\t{places[f'office{head.tier}']}\t{seat.chain_id}\t{seat.chain_id}"
            f"\t{places[f'post{head.tier}']}\t{head.assignment_sequence}\t{head.due_on}\t{int(head.is_provisional)}"
            f"\t{head.escalates_after or NONE}\t{head.remind_on or NONE}\t{len(pattern.steps)}\t{own}"
        )
        name, email = f"নমুনা নাগরিক {number}", f"citizen{number}@seed.invalid"
        lines["complainant"].append(f"{number}\t{name}\t\t\t\t\t{email}\t\t")
        lines["complaint_text"].append(f"{number}\t{tracking_number} {self._found_by[text]}")
        for stay in pattern.stays:
            tier = stay["tier"]
            ended = stay["ended_at"]
            lines["assignment"].append(
                f"{number}\t{stay['sequence']}\t{places[f'office{tier}']}\t{places[f'post{tier}']}\t{int(tier)}"
                f"\t{_instant(stay['started_at'], shift)}\t{stay['received_on']}\t{stay['due_on']}"
                f"\t{int(stay['is_provisional'])}\t{stay['limit_amount']}\t{stay['limit_unit']}\t0"
                f"\t{_instant(ended, shift) if ended else NONE}\t{stay['ended_by'] or NONE}"
            )
        for case in pattern.cases:
            last = case.decision
            decided = (
                f"{last.decided_on}\t{last.sequence}\t{int(last.in_time)}\t{last.outcome}\t{last.root_cause}"
                if last
                else UNDECIDED
            )
            lines["reported_case"].append(
                f"{number}\t{case.sequence}\t{places[f'office{case.tier}']}\t{int(case.is_appeal)}"
                f"\t{int(case.is_filed_appeal)}\t{case.intake}\t{case.began_on}\t{case.last_stay}\t{case.dues[-1][1]}"
                f"\t{decided}"
            )
        for step, letter, at in pattern.letters:
            queued, sent = _instant(at, shift), _instant(at, shift + 60)
            lines["message"].append(
                f"{number}/{step}/{letter}/complainant\t{number}\t{step}\t{letter}\temail\tbn\t{name}\t{email}\t{queued}"
                f"\tsent\t0\t{queued}\t{sent}"
            )
        if pattern.rating is not None:
            stay_number, at = pattern.rating
            lines["rating"].append(f"{number}\t{stay_number}\t{1 + number % 5}\t{_instant(at, shift)}")


_CLOCK = [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}+00:00" for second in range(86_400)]


def _instant(at: datetime, shift: int) -> str:
    """An instant in UTC so many seconds after another of its day, spelt as by ``isoformat``; many times faster."""
    day, second = _begun(at)
    return day + _CLOCK[second + shift]


@functools.cache
def _begun(at: datetime) -> tuple[str, int]:
    """The day as it is spelt, and the second of it; there are few of them, the same in all cases of a pattern."""
    return f"{at.date()}T", at.hour * 3600 + at.minute * 60


# -- into the database -----------------------------------------------------------------------------------------------

BATCH = 2_000
CODE = "1234567890123456"
"""The access code of every seeded complaint."""


def seed(
    engine: Engine,
    writers: sessionmaker[Session],
    *,
    shelf: CalendarShelf,
    now: datetime,
    complaints: int,
    overdue: int = 0,
    offices: int = 0,
    months: int = 12,
    seed: int = 1,
    progress: Callable[[int], None] = lambda done: None,
    processes: int | None = None,
) -> None:
    """Write so many complaints of the last months into a database that has none, all of it or nothing.

    ``offices`` are invented beside those that have a charter, until there are so many. ``progress`` is told how many
    complaints are written. Raises InvalidInput where there are complaints, or more overdue than complaints.
    """
    if not 0 <= overdue <= complaints:
        raise InvalidInput({"overdue": "more_than_complaints"})
    with writers.begin() as session:
        if session.scalar(select(Complaint.id).limit(1)) is not None:
            raise InvalidInput({"complaints": "there_are_some"})
        invent_offices(session, offices, now=now)
    with writers() as session:
        seats, calendars = _seats(session, shelf, dhaka_date(now))
    world = World(
        seats=seats[:offices] if offices else seats, calendars=calendars, complaints=complaints, overdue=overdue,
        since=max(add_months(dhaka_date(now), -months), IN_FORCE_FROM), now=now, code_hash=hash_code(CODE), seed=seed,
    )  # fmt: skip
    starts = [(start, min(BATCH, complaints + 1 - start)) for start in range(1, complaints + 1, BATCH)]
    with writers.begin() as session, _many_hands(world, processes) as write:
        connection = session.connection()
        if _may_leave_out_checks(connection):
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        with _indexes_at_the_end(connection):
            done = 0
            for (_, count), rows in zip(starts, write(starts), strict=True):
                for table, columns in COLUMNS.items():
                    copy_lines(session, Base.metadata.tables[table], columns, rows[table])
                done += count
                progress(done)
        if connection.dialect.name == "postgresql":
            session.execute(select(func.setval("complaint_id_seq", complaints + 1)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")


def _may_leave_out_checks(connection: Connection) -> bool:
    """Whether PostgreSQL lets us skip the checks of references, which are right by the way the rows are made."""
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")))


@contextmanager
def _indexes_at_the_end(connection: Connection) -> Iterator[None]:
    """Indexes are made once at the end: many times quicker than row by row. Nobody sees any of it before."""
    tables = [Base.metadata.tables[name] for name in COLUMNS]
    there = {one["name"] for table in tables for one in inspect(connection).get_indexes(table.name)}
    indexes = [one for table in tables for one in table.indexes if one.name in there]
    unique = [
        one
        for table in tables
        for one in table.constraints
        if isinstance(one, UniqueConstraint) and connection.dialect.name == "postgresql"  # SQLite cannot drop them
    ]
    for index in indexes:
        index.drop(connection)
    for constraint in unique:
        connection.execute(DropConstraint(constraint))
    yield
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    for constraint in unique:
        connection.execute(AddConstraint(constraint, isolate_from_table=False))
    for index in indexes:
        index.create(connection)


@contextmanager
def _many_hands(world: World, processes: int | None) -> Iterator[Callable[[Sequence[Batch]], Iterator[Rows]]]:
    """Batches written by as many processes as there are processors, told in their order."""
    count = processes or os.cpu_count() or 1
    if count == 1 or world.complaints <= BATCH:
        writer = _Writer(world)
        yield lambda batches: (writer.write(*batch) for batch in batches)
        return
    with multiprocessing.get_context("spawn").Pool(count, _begin, (world,)) as pool:
        ahead = Semaphore(2 * count)  # written and not in the database yet: else they would fill the memory
        is_over = Event()

        def waiting(batches: Sequence[Batch]) -> Iterator[Batch]:
            for batch in batches:
                while not ahead.acquire(timeout=1):
                    if is_over.is_set():
                        return
                yield batch

        def write(batches: Sequence[Batch]) -> Iterator[Rows]:
            for rows in pool.imap(_write, waiting(batches)):
                yield rows
                ahead.release()

        try:
            yield write
        finally:
            is_over.set()


_hand: _Writer


def _begin(world: World) -> None:
    global _hand
    _hand = _Writer(world)


def _write(batch: Batch) -> Rows:
    return _hand.write(*batch)


def _seats(session: Session, shelf: CalendarShelf, today: date) -> tuple[list[Seat], list[WorkingCalendar]]:
    """Every office with a charter in force, its chain, services and people; and the calendars they count on."""
    entries: dict[int, list[int]] = {}
    for charter_id, entry_id in session.execute(select(CharterEntry.charter_id, CharterEntry.id)):
        entries.setdefault(charter_id, []).append(entry_id)
    on_post = {
        post: person for post, person in session.execute(select(PostHolder.post_id, PostHolder.person_id))
    }  # any of them: whose name stands in a history that never was
    calendars_of = shelf.for_offices(session, session.scalars(select(Office)).all())
    calendars: list[WorkingCalendar] = []
    found: dict[int, Seat] = {}
    chains = select(Chain).where(Chain.in_force_from <= today).order_by(Chain.in_force_from, Chain.id)
    for chain in session.scalars(chains):
        desks = chain.as_tier_chain()
        places: dict[str, int] = {"filed_office": chain.office_id}
        used = []
        for desk in desks:
            places |= {
                f"office{desk.tier}": desk.office_id, f"post{desk.tier}": desk.post_id,
                f"person{desk.tier}": on_post.get(desk.post_id, 1),
            }  # fmt: skip
            calendar = calendars_of[desk.office_id]
            if not any(calendar is one for one in calendars):
                calendars.append(calendar)
            used.append(next(place for place, one in enumerate(calendars) if one is calendar))
        shape = tuple((desk.tier, desk.limit) for desk in desks), tuple(used)
        if entries.get(chain.charter_id):
            found[chain.office_id] = Seat(
                chain_id=chain.id, charter_id=chain.charter_id, entries=entries[chain.charter_id], shape=shape,
                places=places,
            )  # fmt: skip
    return list(found.values()), calendars
