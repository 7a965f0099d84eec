"""Many cases written from few patterns, as lines of text: what ``seeding`` puts into a database."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate

from grs.domain.bangla import search_text
from grs.domain.calendar import ONE_DAY, WorkingCalendar, dhaka_date
from grs.domain.deadlines import due_date
from grs.domain.history import GENESIS
from grs.domain.tiers import DayLimit, Tier
from grs.domain.tracking import check_digit
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


# -- written from it -------------------------------------------------------------------------------------------------

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


Rows = dict[str, list[str]]
"""Lines of text by table, as ``COPY`` reads them."""


class CaseWriter:
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
