"""Every figure that could grow with the number of complaints, on one seeded database."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, func, select, text, update

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.db.messages import Message
from grs.db.offices import Office, Person, Post, PostHolder
from grs.db.queries.complaints import complaint_by_number
from grs.domain.access import PostRole
from grs.domain.calendar import NATIONAL, CalendarRow, Certainty, RowKind, dhaka_date
from grs.domain.workflow import Stage, StepKind
from grs.notify.mail import Mail
from grs.notify.render import render_html, render_letter
from grs.notify.transports import SmtpTransport
from grs.usecases.annexes import first_of_month, freeze_months, month_report
from grs.usecases.calendar_preview import preview_calendar_change
from grs.usecases.calendars import import_calendar
from grs.usecases.delivery import deliver_messages
from grs.usecases.escalation import escalate_overdue
from grs.usecases.figures import public_figures
from grs.usecases.histories import verify_all
from grs.usecases.kept_overviews import keep_overviews
from grs.usecases.ledger import Ledger, officer
from grs.usecases.letters import facts_of, with_secrets
from grs.usecases.recalculation import apply_calendar_changes
from grs.usecases.secrets import hash_password
from grs.usecases.seeding import CODE
from tests.conftest import Clock, browser
from tests.performance import floors
from tests.performance.measuring import ROUNDS, Figure, middle, p95, say, timed
from tests.promises.bench import running_site
from tests.promises.citizens import Phone, filing, fill_in_over_http, send

PASSWORD = "only-for-the-bench"
ESCALATIONS = int(os.environ.get("BENCH_ESCALATIONS", "5000"))
HOT = {
    "The sweep takes what is overdue": ("complaint.escalates_after <", "SKIP LOCKED"),
    "An officer's list": ("ORDER BY complaint.due_on, complaint.id", "complaint.post_id ="),
    "The counts above it": ("SELECT (SELECT count(*)", "complaint.post_id ="),
    "A complaint by its number": ("WHERE complaint.tracking_number =", "complaint.access_code_hash"),
    "A case's history": ("FROM step", "ORDER BY step.sequence"),
    "The outbox": ("FROM message", "ORDER BY message.next_try_at"),
    "A month that runs, all offices": ("FROM reported_case", "GROUP BY"),
}
"""What is asked most, by what its statement holds."""
_CELL = select(Post.id).join(Office).where(Post.role == PostRole.SUPERVISOR, Office.slug == "cabinet-cell")
PARKED = timedelta(days=3_000)


class Bench:
    """One seeded database and what is measured on it."""

    def __init__(self, house: House, *, complaints: int, folder: Path) -> None:
        self.house, self.complaints, self.folder = house, complaints, folder
        self.kind = "PostgreSQL" if house.engine.dialect.name == "postgresql" else "SQLite"
        self.now = house.clock()
        self.today = dhaka_date(self.now)
        self.parked: list[int] = []

    def figure(self, name: str, unit: str, ours: float, **more: Any) -> Figure:
        return Figure(name=name, unit=unit, ours=ours, database=self.kind, complaints=self.complaints, **more)

    def all(self) -> Iterator[Figure]:
        parts: dict[str, Callable[[], Iterator[Figure]]] = {
            "pages": self.pages, "search": self.search, "annex": self.annex, "overview": self.overview,
            "public": self.public, "verify": self.verify, "export": self.export, "plans": self.plans, "idle": self.idle,
            "submissions": self.submissions, "escalation": self.escalation, "workers": self.workers, "busy": self.busy,
            "letters": self.letters, "recalculation": self.recalculation,
        }  # fmt: skip
        wanted = os.environ.get("BENCH_ONLY", "").split(",") if os.environ.get("BENCH_ONLY") else list(parts)
        for name in wanted:
            say(f"{self.kind}, {self.complaints:,} complaints: {name}")
            for one in parts[name]():
                say(f"  {one.name}: {one.ours:,.2f} {one.unit}")
                yield one

    # -- pages ---------------------------------------------------------------------

    def pages(self) -> Iterator[Figure]:
        """Pages of the busiest desk and of a case, over WSGI, one reader."""
        with self.house.readers() as session:
            query = select(Complaint.post_id).group_by(Complaint.post_id).order_by(func.count().desc()).limit(1)
            post_id = session.scalar(query)
            open_here = (Complaint.post_id == post_id, Complaint.stage != Stage.DISPOSED)
            number = session.scalar(select(Complaint.tracking_number).where(*open_here).limit(1))
        self.write_notes(number, post_id, until=30)
        client = self.log_in(post_id)

        def bare() -> None:
            with self.house.readers() as session:
                session.execute(
                    text("SELECT * FROM complaint WHERE post_id = :post AND stage <> 'disposed'"
                         " ORDER BY due_on, id LIMIT 26"), {"post": post_id},
                ).all()  # fmt: skip

        floor = middle(bare, ROUNDS * 4)
        for name, path, goal in (
            ("officer's list, first page, p95", "/officer/", "≤ 30"),
            ("officer's list, overdue, p95", "/officer/?left=overdue", "≤ 30"),
            ("officer's list, disposed, p95", "/officer/?show=disposed", "≤ 30"),
            ("officer's list, search, p95", "/officer/?q=বাতি", ""),
            ("a case's page with 30 steps, p95", f"/officer/complaints/{number}", "≤ 20"),
        ):
            times = self.times_of(client, path)
            yield self.figure(name, "ms", p95(times) * 1e3, floor=floor * 1e3, floor_is="bare page", goal=goal)
        times = self.times_of(browser(self.house), "/")
        yield self.figure("first page, p95", "ms", p95(times) * 1e3)

    def write_notes(self, number: str | None, post_id: int | None, *, until: int) -> None:
        """Give a case a long history."""
        with self.house.writers.begin() as session:
            complaint = complaint_by_number(session, str(number), lock=True)
            assert complaint is not None
            for _ in range(until - complaint.step_count):
                ledger = Ledger(self.now)
                actor = officer(1, post_id or 0)
                ledger.step(complaint, StepKind.NOTED, actor=actor, details={"text": "নথি দেখা হয়েছে।"})
                ledger.write(session)

    def times_of(self, client: FlaskClient, path: str) -> list[float]:
        def ask() -> None:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)

        ask()
        return [timed(ask) for _ in range(ROUNDS * 8)]

    def log_in(self, post_id: int | None) -> FlaskClient:
        """A browser of whoever sits on a post."""
        with self.house.writers.begin() as session:
            holder = session.scalars(select(PostHolder).where(PostHolder.post_id == post_id)).first()
            assert holder is not None
            person = session.get_one(Person, holder.person_id)
            person.password_hash = hash_password(PASSWORD)
            email = person.email
        client = browser(self.house)
        assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303
        return client

    def search(self) -> Iterator[Figure]:
        with self.house.readers() as session:
            offices = session.scalar(select(func.count(Office.id))) or 0
        client = browser(self.house)
        asked = ("নমুনা কার্যালয় ৭", "rangpur", "সনদ")
        times = [one for words in asked for one in self.times_of(client, f"/offices?q={words}")]
        yield self.figure(f"public search, p95 ({offices:,} offices)", "ms", p95(times) * 1e3, goal="≤ 50")

    def plans(self) -> Iterator[Figure]:
        """How PostgreSQL finds the rows of the hot queries, into the file that ``BENCH_PLANS`` names."""
        path = os.environ.get("BENCH_PLANS")
        if not path or self.kind != "PostgreSQL":
            return
        self.park_all()
        asked: dict[str, Any] = {}

        def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            asked.setdefault(statement, parameters)

        with self.house.readers() as session:
            lodged = session.scalars(select(Complaint).where(Complaint.stage != Stage.DISPOSED).limit(1)).one()
        client = self.log_in(lodged.post_id)
        event.listen(self.house.engine, "before_cursor_execute", note)
        client.get("/officer/")
        client.get(f"/officer/complaints/{lodged.tracking_number}")
        browser(self.house).post("/track", data={"number": lodged.tracking_number, "code": CODE})
        self.sweep()
        with self.house.readers() as session:
            month_report(session, self.everything(), first_of_month(self.today), today=self.today)
            waiting = select(Message).where(Message.state == "queued").order_by(Message.next_try_at).limit(20)
            session.scalars(waiting).all()
        event.remove(self.house.engine, "before_cursor_execute", note)
        with Path(path).open("w", encoding="utf-8") as file, self.house.engine.connect() as connection:
            for title, marks in HOT.items():
                found = [one for one in asked if all(mark in one for mark in marks)]
                for statement in found[:1]:
                    explained = f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) {statement}"
                    plan = "\n".join(connection.exec_driver_sql(explained, asked[statement]).scalars())
                    plan = re.sub(r"'\{[\d,]{80,}\}'", "'{…}'", plan)  # ten thousand offices are one parameter
                    file.write(f"### {title}\n\n```\n{plan}\n```\n\n")
        yield from ()

    # -- figures ---------------------------------------------------------------------

    def everything(self) -> set[int]:
        with self.house.readers() as session:
            return set(session.scalars(select(Office.id)))

    def grouped(self) -> float:
        def bare() -> None:
            with self.house.readers() as session:
                session.execute(text("SELECT office_id, count(*) FROM assignment GROUP BY office_id")).all()

        return middle(bare, 3)

    def annex(self) -> Iterator[Figure]:
        offices = self.everything()

        def count() -> None:
            with self.house.readers() as session:
                month_report(session, offices, first_of_month(self.today), today=self.today)

        took = timed(lambda: freeze_months(self.house.writers, now=self.now))
        yield self.figure("every month of the year before frozen", "s", took)
        yield self.figure("annex of this month, all offices", "s", middle(count, 3), floor=self.grouped(),
                          floor_is="one grouped count", goal="≤ 2")  # fmt: skip

    def overview(self) -> Iterator[Figure]:
        with self.house.readers() as session:
            cell = session.scalar(_CELL)
        client = self.log_in(cell)
        took = statistics.median(self.times_of_few(client, "/supervision/?months=12"))
        yield self.figure("supervisor's page, all offices, 12 months, counted", "s", took, floor=self.grouped(),
                          floor_is="one grouped count")  # fmt: skip
        took = timed(
            lambda: keep_overviews(self.house.readers, self.house.writers, shelf=self.house.shelf, now=self.now, many=1)
        )
        yield self.figure("the job counts every supervisor's figures", "s", took)
        times = self.times_of(client, "/supervision/?months=12")
        yield self.figure("the same page from what the job kept, p95", "ms", p95(times) * 1e3,
                          goal="≤ 50 at 100,000, ≤ 300 at 1,000,000")  # fmt: skip

    def times_of_few(self, client: FlaskClient, path: str) -> list[float]:
        def ask() -> None:
            assert client.get(path).status_code == 200, path

        return [timed(ask) for _ in range(1 if self.complaints > 200_000 else 3)]

    def public(self) -> Iterator[Figure]:
        def count() -> None:
            with self.house.readers() as session:
                public_figures(session, now=self.now)

        yield self.figure("public figures counted anew", "s", middle(count, 1), floor=self.grouped(),
                          floor_is="one grouped count")  # fmt: skip

    def verify(self) -> Iterator[Figure]:
        began = time.perf_counter()
        found = verify_all(self.url)
        took = time.perf_counter() - began
        assert found.broken == []
        yield self.figure("histories verified, steps", "/s", found.steps / took, goal="≥ 50,000")

    def export(self) -> Iterator[Figure]:
        """All that was ever disposed of in the country as CSV: how much memory the process takes for it."""
        with self.house.readers() as session:
            client = self.log_in(session.scalar(_CELL))
        client.get("/officer/list.csv?show=open&left=overdue&q=xyzzy")
        before = _most_memory()
        began = time.perf_counter()
        rows = 0
        with client.get("/officer/list.csv?show=disposed", buffered=False) as answer:
            for piece in answer.response:
                rows += piece.count("\n" if isinstance(piece, str) else b"\n")
        yield self.figure(f"rows exported, more memory ({rows:,} rows)", "MiB", _most_memory() - before, goal="flat")
        yield self.figure("rows exported", "/s", rows / (time.perf_counter() - began))

    # -- the site under load ------------------------------------------------------------

    def submissions(self) -> Iterator[Figure]:
        """Four people send forms that are filled in already, to two web processes; beside a bare Flask route."""
        with running_site(self.url, self.folder, workers=2, threads=4, app="tests.performance.bare_site:app") as bare:
            took = press([functools.partial(post_bare, bare.url)] * 800)
        floor_rate, floor_p95 = 800 / took.pop(0), p95(took)
        with self.site() as site:
            forms = [filled_in(site) for _ in range(600)]
            press([functools.partial(send_form, *form) for form in forms[:200]])  # plans and pools are warm then
            times = press([functools.partial(send_form, *form) for form in forms[200:]])
        rate = 400 / times.pop(0)
        yield self.figure("submissions", "/s", rate, floor=floor_rate, floor_is="bare Flask route",
                          goal="≥ 210, ratio ≤ 3")  # fmt: skip
        yield self.figure("submission, p95 of 4 at once", "ms", p95(times) * 1e3, floor=floor_p95 * 1e3,
                          floor_is="bare Flask route", goal="≤ 30")  # fmt: skip
        with self.house.writers.begin() as session:
            session.execute(text("DELETE FROM message WHERE key LIKE 'bare/%'"))

    @contextmanager
    def site(self) -> Iterator[str]:
        with running_site(self.url, self.folder, workers=2, threads=4) as site:
            yield site.url

    @property
    def url(self) -> str:
        return self.house.settings.database_url

    # -- jobs ------------------------------------------------------------------------

    def idle(self) -> Iterator[Figure]:
        """A sweep that finds nothing, beside a transaction that asks for 1."""
        self.park_all()

        def one() -> None:
            with self.house.writers.begin() as session:
                session.execute(text("SELECT 1")).all()

        sweep = middle(self.sweep, ROUNDS * 4)
        yield self.figure("sweep with nothing due", "ms", sweep * 1e3, floor=middle(one, ROUNDS * 4) * 1e3,
                          floor_is="SELECT 1", goal="≤ 10")  # fmt: skip

    def sweep(self) -> int:
        return escalate_overdue(self.house.writers, shelf=self.house.shelf, now=self.now)["escalated"]

    def park_all(self) -> None:
        """Take every overdue case out of the sweeps' sight; ``let_in`` brings some back."""
        with self.house.writers.begin() as session:
            due = session.scalars(select(Complaint.id).where(Complaint.escalates_after < self.today)).all()
            self.parked += due
            for start in range(0, len(due), 5_000):
                wanted = Complaint.id.in_(due[start : start + 5_000])
                session.execute(
                    update(Complaint).where(wanted).values(escalates_after=self.today + PARKED),
                    execution_options={"synchronize_session": False},
                )

    def let_in(self, count: int) -> int:
        some, self.parked = self.parked[:count], self.parked[count:]
        with self.house.writers.begin() as session:
            session.execute(
                update(Complaint).where(Complaint.id.in_(some)).values(escalates_after=Complaint.due_on),
                execution_options={"synchronize_session": False},
            )
        return len(some)

    def escalation(self) -> Iterator[Figure]:
        """A sweep of many, beside one SQL statement that writes the same rows."""
        self.park_all()
        each = min(ESCALATIONS, len(self.parked) // (2 * ROUNDS + 4))
        ours, floor, letters = [], [], 0
        for _ in range(ROUNDS):
            assert self.let_in(each) == each
            began = time.perf_counter()
            counts = escalate_overdue(self.house.writers, shelf=self.house.shelf, now=self.now)
            ours.append(each / (time.perf_counter() - began))
            assert counts["escalated"] == each, (counts, each)
            letters = round(counts["letters"] / each)
            self.let_in(each)
            bare = functools.partial(floors.escalate_bare, self.house, self.now, letters=letters)
            floor.append(each / timed(bare))
            floors.forget_bare_letters(self.house)
        yield self.figure(f"escalations ({letters} letters each)", "/s", statistics.median(ours),
                          floor=statistics.median(floor), floor_is="one SQL statement",
                          goal="≥ 4,000, ratio ≤ 2.5")  # fmt: skip

    def workers(self) -> Iterator[Figure]:
        """As many again, by one worker in a process of its own and by two."""
        self.park_all()
        each = min(ESCALATIONS, len(self.parked) // 7)
        rates: dict[int, list[float]] = {1: [], 2: []}
        for count in (1, 2) * 3:
            assert self.let_in(each) == each
            rates[count].append(each / timed(self.sweeping(count)))
        one, two = (statistics.median(rates[count]) for count in (1, 2))
        yield self.figure("escalations by two workers", "/s", two, floor=one, floor_is="one worker",
                          goal="≥ 1.6 times one: ratio ≤ 0.62")  # fmt: skip

    def sweeping(self, count: int) -> Callable[[], None]:
        """So many workers that have started and wait for the word, which is to call the answer."""
        command = [sys.executable, "-m", "tests.performance.sweep_once", self.url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        waiting = [subprocess.Popen(command, **pipes) for _ in range(count)]  # type: ignore[call-overload]
        for one in waiting:
            one.stdout.readline()

        def go() -> None:
            for one in waiting:
                one.stdin.write("\n")
                one.stdin.flush()
            for one in waiting:
                one.communicate()

        return go

    def busy(self) -> Iterator[Figure]:
        """People submit and track while two workers escalate."""
        self.park_all()
        with self.house.readers() as session:
            numbers = session.scalars(
                select(Complaint.tracking_number).where(Complaint.stage == Stage.DISPOSED).limit(200)
            ).all()
        looked: list[float] = []
        over = threading.Event()

        def look(site: str) -> None:
            for number in numbers * 100:
                if over.is_set():
                    return
                with suppress(OSError):
                    looked.append(timed(lambda n=number: Phone(site).open("/track", {"number": n, "code": CODE})))  # type: ignore[misc]
                time.sleep(0.05)

        with self.site() as site:
            journal, stop, people = filing(site, 1, with_code=False)
            looker = threading.Thread(target=look, args=[site])
            looker.start()
            time.sleep(1)
            journal.filed.clear()
            looked.clear()
            moving = self.let_in(len(self.parked))
            took = timed(self.sweeping(2))
            over.set()
            stop.set()
            for thread in [looker, *people]:
                thread.join(30)
        yield self.figure(f"escalations by two workers while people file ({moving:,})", "/s", moving / took)
        submitted = [one.took for one in journal.filed]
        yield self.figure("submission meanwhile, p95", "ms", p95(submitted) * 1e3, goal="≤ 200")
        yield self.figure("tracking meanwhile, p95", "ms", p95(looked) * 1e3, goal="≤ 200")

    def letters(self) -> Iterator[Figure]:
        """Letters rendered into nothing, and sent to a mail server of this machine."""
        with self.house.readers() as session:
            waiting = session.scalar(select(func.count(Message.id)).where(Message.state == "queued")) or 0
        assert waiting >= 1_500, waiting

        with self.house.readers() as session:
            some = session.scalars(select(Message).where(Message.state == "queued").limit(1_000)).all()
            told = facts_of(session, some)

        def render() -> None:
            for message, facts in zip(some, told, strict=True):
                settings = self.house.settings
                subject, body = render_letter(message.letter, message.language, with_secrets(facts, settings))
                render_html(subject, body, message.language, base_url=settings.base_url)

        yield self.figure("letters rendered", "/s", len(some) / middle(render), goal="≥ 1,000")

        class Limited:
            """Takes letters until it has enough."""

            def __init__(self, inner: Any, enough: int) -> None:
                self.inner, self.enough, self.count = inner, enough, 0

            def send(self, mail: Mail) -> None:
                self.count += 1
                if self.inner is not None:
                    self.inner.send(mail)

            def close(self) -> None:
                if self.inner is not None:
                    self.inner.close()

        for name, inner, enough, goal in (
            ("letters rendered and marked, nothing sent", None, 1_000, ""),
            ("letters sent over SMTP", "smtp", 400, "≥ 200"),
        ):
            with mail_server() as port:
                transport = Limited(None, enough)
                if inner:
                    own = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
                    transport = Limited(SmtpTransport(dataclasses.replace(self.house.settings, **own)), enough)
                began = time.perf_counter()
                deliver_messages(
                    self.house.writers, mail=transport, sms=self.house.sms, settings=self.house.settings,
                    shelf=self.house.shelf, clock=Clock(_office_hours(self.now)),
                    is_stopping=lambda transport=transport: transport.count >= transport.enough,  # type: ignore[misc]
                )  # fmt: skip
                yield self.figure(name, "/s", transport.count / (time.perf_counter() - began), goal=goal)

    def recalculation(self) -> Iterator[Figure]:
        """A holiday that moves nearly every open case."""
        day = self.today + timedelta(days=3)
        while day.weekday() in (4, 5):
            day += timedelta(days=1)
        rows = [CalendarRow(day=day, kind=RowKind.HOLIDAY, scope=NATIONAL, name_bn="ছুটি", name_en="holiday",
                            reference="bench", certainty=Certainty.VERIFIED)]  # fmt: skip
        house = self.house
        preview = preview_calendar_change(house.readers, house.writers, rows, now=self.now)
        looked_at = preview.counts["looked_at"]
        took = timed(lambda: preview_calendar_change(house.readers, house.writers, rows, now=self.now))
        goals = ("≤ 2 for 100,000", "≤ 40 for 100,000")
        yield self.figure(f"calendar change previewed ({looked_at:,} open)", "s", took, goal=goals[0])
        with house.writers.begin() as session:
            import_calendar(session, rows, now=self.now)
        later = self.now + timedelta(minutes=10)
        began = time.perf_counter()
        counts = apply_calendar_changes(house.writers, shelf=house.shelf, now=later)
        took = time.perf_counter() - began
        yield self.figure(f"the same applied ({counts['moved']:,} moved)", "s", took, goal=goals[1])


def _most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _office_hours(now: datetime) -> datetime:
    """A working day's noon soon after, so that no letter is held."""
    day: date = dhaka_date(now) + timedelta(days=1)
    while day.weekday() in (4, 5):
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, 6, tzinfo=now.tzinfo)


def filled_in(site: str) -> tuple[Phone, str]:
    phone = Phone(site)
    return phone, fill_in_over_http(phone)


def send_form(phone: Phone, address: str) -> None:
    filed = send(phone, address)
    assert filed.answer == "yes", filed


def post_bare(site: str) -> None:
    Phone(site).open("/lodge", {"a": "form"})


def press(acts: Sequence[Callable[[], None]], people: int = 4) -> list[float]:
    """Do them all, so many people at once: the whole time first, then each one's."""
    times: list[float] = []
    waiting = iter(acts)
    lock = threading.Lock()

    def person() -> None:
        while True:
            with lock:
                act = next(waiting, None)
            if act is None:
                return
            times.append(timed(act))

    threads = [threading.Thread(target=person) for _ in range(people)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [time.perf_counter() - began, *times]


@contextmanager
def mail_server() -> Iterator[int]:
    """A mail server in a process of its own, which forgets what it gets."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.performance.mail_server"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
