"""An installation looked over: each part asked for real, each answer a sentence that says what to do."""

from __future__ import annotations

import imaplib
import secrets
import shutil
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from imap_tools import MailboxLoginError
from limits.storage import storage_from_string
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from grs.bootstrap import House, open_house
from grs.db import schema
from grs.db.offices import Person, Post, PostHolder
from grs.domain.access import PostRole
from grs.domain.calendar import dhaka_date
from grs.domain.errors import FileRefused
from grs.logs import told_safely
from grs.notify.mailbox import open_mailbox
from grs.settings import Settings, SettingsError, read_settings
from grs.uploads.scanning import scan
from grs.uploads.store import StoreAway, file_store
from grs.usecases.job_runs import LONGEST_BETWEEN, job_health
from grs.usecases.outbox import outbox_counts

SECONDS = 5.0
"""How long a server is waited for."""
OLDEST_POSTGRESQL = 140000
WATCHED = ("escalate", "deliver", "recalculate")
HISTORY = ("step", "seal", "sealed_head", "security_event")
MOST_DRIFT = timedelta(seconds=30)


class State(StrEnum):
    """How a part is: as it should be, perhaps not meant so, to be mended."""

    FINE = "fine"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the installation, and a sentence about it."""

    what: str
    state: State
    told: str


def examine() -> Iterator[Finding]:
    """Look at one part after the other, the most needed first."""
    try:
        settings = read_settings()
    except SettingsError as error:
        yield Finding("settings", State.WRONG, str(error))
        return
    yield Finding("settings", State.FINE, "each can be understood")
    yield _secret(settings)
    yield _address(settings)
    yield _clock()
    house = open_house(settings, patience=SECONDS)
    try:
        yield from _database(house)
    finally:
        house.close()
    yield _mail(settings)
    if settings.imap_host:
        yield _answers(settings)
    yield _sms(settings)
    yield _limits(settings)
    yield _second_factor(settings)
    if settings.oidc_issuer:
        yield _accounts(settings)
    if settings.files_url:
        yield _files(settings)
    yield from _programs(settings)


def _secret(settings: Settings) -> Finding:
    try:
        _ = settings.checked_secret
    except SettingsError as error:
        return Finding("secret key", State.WRONG, f"{error}; without it the web server does not start")
    return Finding("secret key", State.FINE, "long enough; keep a copy of it apart from the backups")


def _address(settings: Settings) -> Finding:
    if settings.base_url.startswith("https://"):
        return Finding("address", State.FINE, f"links in letters begin with {settings.base_url}")
    told = f"links in letters begin with {settings.base_url}: set GRS_BASE_URL to the https address that people use"
    return Finding("address", State.DOUBTFUL if settings.is_trial else State.WRONG, told)


def _clock() -> Finding:
    try:
        ZoneInfo("Asia/Dhaka")
    except ZoneInfoNotFoundError:
        return Finding("time zones", State.WRONG, "Asia/Dhaka is not known here; install tzdata")
    return Finding("time zones", State.FINE, "Asia/Dhaka is known")


# -- the database ---------------------------------------------------------------------------------------


def _database(house: House) -> Iterator[Finding]:
    try:
        state = schema.state_of(house.engine)
    except SQLAlchemyError as error:
        told = f"it does not answer ({told_safely(error)}); is it running, and is GRS_DATABASE_URL right?"
        yield Finding("database", State.WRONG, told)
        return
    if state is schema.State.NEWER:
        yield Finding("database", State.WRONG, "it is newer than this release; start the release it was upgraded to")
        return
    if state is not schema.State.CURRENT:
        yield Finding("database", State.WRONG, "it is not up to date; run `grs db upgrade` (a new one: `grs setup`)")
        return
    with house.readers() as session:
        yield _server(session)
        yield _drift(session)
        yield from _history_guard(session)
        yield _calendar(house, session)
        yield _administrator(session)
        yield _invented(house.settings, session)
        yield _jobs(session)
        yield _outbox(session)
    if house.settings.database_replica_url:
        yield _standby(house)


def _server(session: Session) -> Finding:
    if session.get_bind().dialect.name == "sqlite":
        return Finding("database", State.DOUBTFUL, "SQLite, up to date: good for one machine and for trials")
    number = int(session.scalar(text("SHOW server_version_num")) or 0)
    if number < OLDEST_POSTGRESQL:
        return Finding("database", State.WRONG, f"PostgreSQL {number // 10000} is too old; 14 or newer is needed")
    commit = session.scalar(text("SHOW synchronous_commit"))
    if commit == "off":
        return Finding("database", State.WRONG, "synchronous_commit is off: a receipt could be lost; switch it on")
    return Finding("database", State.FINE, f"PostgreSQL {number // 10000}, up to date, synchronous_commit {commit}")


def _drift(session: Session) -> Finding:
    if session.get_bind().dialect.name == "sqlite":
        return Finding("clock", State.FINE, "the database has this machine's")
    there = session.scalar(select(func.now()))
    apart = abs(datetime.now(UTC) - there) if there is not None else timedelta(0)
    if apart > MOST_DRIFT:
        seconds = round(apart.total_seconds())
        return Finding("clock", State.WRONG, f"{seconds} s apart from the database's; let both follow a time server")
    return Finding("clock", State.FINE, "agrees with the database's")


def _history_guard(session: Session) -> Iterator[Finding]:
    """On PostgreSQL the site works as a role that cannot change what has happened (``config/deploy/roles.sql``)."""
    if session.get_bind().dialect.name == "sqlite":
        return
    may = [
        f"{deed.lower()} {table}"
        for table in HISTORY
        for deed in ("UPDATE", "DELETE", "TRUNCATE")
        if session.scalar(select(func.has_table_privilege(table, deed)))
    ]
    if may:
        told = f"this role may {', '.join(may[:3])}: only triggers stand before it; see config/deploy/roles.sql"
        yield Finding("history", State.DOUBTFUL, told)
    else:
        yield Finding("history", State.FINE, "this role can add to it and change nothing")


def _calendar(house: House, session: Session) -> Finding:
    today = dhaka_date(house.clock())
    known = house.shelf.for_scopes(session).gazetted_years
    if today.year not in known:
        return Finding("calendar", State.WRONG, f"{today.year} is not gazetted here; `grs calendar import` its list")
    if today.year + 1 not in known:
        told = f"gazetted until {max(known)}; due dates after it are provisional until the next list is imported"
        return Finding("calendar", State.FINE if today.month < 11 else State.DOUBTFUL, told)
    return Finding("calendar", State.FINE, f"gazetted until {max(known)}")


def _administrator(session: Session) -> Finding:
    held = select(func.count()).select_from(PostHolder).join(Post, Post.id == PostHolder.post_id)
    if not session.scalar(held.where(Post.role == PostRole.ADMINISTRATOR, PostHolder.held_to.is_(None))):
        return Finding("administrator", State.WRONG, "there is none; `grs people administrator` makes the first")
    return Finding("administrator", State.FINE, "there is one")


def _invented(settings: Settings, session: Session) -> Finding:
    invented = session.scalar(select(func.count()).where(Person.email.like("%.invalid"), Person.is_active.is_(True)))
    if invented and not settings.is_trial:
        told = f"{invented} invented officers of a trial can log in and are sent letters; begin with a new database"
        return Finding("people", State.WRONG, told)
    return Finding("people", State.FINE, "invented, as in a trial" if invented else "none is invented")


def _jobs(session: Session) -> Finding:
    late = [one.job for one in job_health(session, LONGEST_BETWEEN, now=datetime.now(UTC)) if one.is_late]
    if set(late) & set(WATCHED):
        return Finding("worker", State.WRONG, f"late: {', '.join(late)}; is `python -m workers` running?")
    if late:
        return Finding("worker", State.DOUBTFUL, f"has not done yet: {', '.join(late)}; each in its own time of day")
    return Finding("worker", State.FINE, "each job has succeeded lately")


def _outbox(session: Session) -> Finding:
    counts = outbox_counts(session)
    stuck = sum(number for state, number in counts.by_state.items() if state in ("dead", "held"))
    if stuck:
        return Finding("letters", State.DOUBTFUL, f"{stuck} were given up or are held: see /admin/letters")
    return Finding("letters", State.FINE, f"{sum(counts.by_state.values())} wait, none was given up")


def _standby(house: House) -> Finding:
    try:
        with house.reports() as session:
            if session.scalar(text("SELECT pg_is_in_recovery()")):
                return Finding("standby", State.FINE, "reports are read there")
    except SQLAlchemyError as error:
        return Finding("standby", State.WRONG, f"neither it nor the primary answers ({told_safely(error)})")
    return Finding("standby", State.DOUBTFUL, "none follows its primary: reports are read on the primary")


# -- what lies around it ------------------------------------------------------------------------------------


def _mail(settings: Settings) -> Finding:
    """The mail server greeted and logged in to; nothing is sent."""
    if settings.is_trial:
        return Finding("mail", State.DOUBTFUL, "trial mode: letters are written to files; set GRS_SMTP_HOST")
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    context = ssl.create_default_context()
    try:
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=SECONDS)
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
            server.noop()
    except smtplib.SMTPAuthenticationError:
        return Finding("mail", State.WRONG, f"{where} refuses the user or its password")
    except (OSError, smtplib.SMTPException) as error:
        return Finding("mail", State.WRONG, f"{where} cannot be used ({type(error).__name__}); letters wait meanwhile")
    return Finding("mail", State.FINE, f"{where} takes letters")


def _answers(settings: Settings) -> Finding:
    """The mailbox opened; nothing in it is read."""
    where = f"{settings.imap_host}:{settings.imap_port}"
    try:
        with open_mailbox(settings) as box:
            waiting = len(box.numbers())
    except MailboxLoginError:
        return Finding("answers", State.WRONG, f"{where} refuses the user or its password")
    except (OSError, imaplib.IMAP4.error) as error:
        return Finding("answers", State.WRONG, f"{where} cannot be read ({type(error).__name__}); answers wait there")
    if not settings.imap_judge:
        told = "forged senders are not recognised: set GRS_IMAP_JUDGE to the name its server writes in mails"
        return Finding("answers", State.DOUBTFUL, told)
    return Finding("answers", State.FINE, f"{where} can be read; {waiting} wait")


def _sms(settings: Settings) -> Finding:
    if not settings.sms_gateway_url:
        return Finding("messages", State.DOUBTFUL, "no gateway: short messages are written to files")
    return Finding("messages", State.FINE, "a gateway is set; it is not asked, for each message costs")


def _limits(settings: Settings) -> Finding:
    if settings.rate_limit_storage.startswith("memory:"):
        told = "counted by each process for itself: where several serve, set GRS_RATE_LIMIT_STORAGE=redis://…"
        return Finding("limits", State.DOUBTFUL, told)
    try:
        there = storage_from_string(settings.rate_limit_storage, socket_connect_timeout=SECONDS).check()
    except Exception as error:  # whatever the driver of that store raises
        return Finding("limits", State.WRONG, f"their store cannot be used ({type(error).__name__})")
    if not there:
        return Finding("limits", State.WRONG, "their store does not answer; each process counts for itself meanwhile")
    return Finding("limits", State.FINE, "their store answers")


def _second_factor(settings: Settings) -> Finding:
    if settings.second_factor == "required":
        return Finding("second factor", State.FINE, "asked of every officer")
    return Finding("second factor", State.DOUBTFUL, "optional: a stolen password is enough to log in")


def _accounts(settings: Settings) -> Finding:
    """The provider's own description, fetched as the log-in page does."""
    address = f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        import authlib  # noqa: F401 - whether the extra is there
        import requests
    except ImportError:
        return Finding("accounts", State.WRONG, "a provider is set, its extra is not installed: pip install grs[sso]")
    try:
        found = requests.get(address, timeout=SECONDS).json()
    except (requests.RequestException, ValueError) as error:
        return Finding("accounts", State.WRONG, f"the provider does not answer ({type(error).__name__}); use passwords")
    if not isinstance(found, dict) or found.get("issuer", "").rstrip("/") != settings.oidc_issuer.rstrip("/"):
        return Finding("accounts", State.WRONG, "the provider calls itself otherwise: set GRS_OIDC_ISSUER to its name")
    return Finding("accounts", State.FINE, "the provider answers")


def _files(settings: Settings) -> Finding:
    """Something put into the store, read back and deleted."""
    probe = f"doctor/{secrets.token_hex(8)}"
    try:
        store = file_store(settings.files_url)
        assert store is not None
        store.put(probe, b"probe")
        is_same = store.get(probe) == b"probe"
        store.delete(probe)
    except ImportError:
        return Finding("files", State.WRONG, "a bucket is set, its extra is not installed: pip install grs[files]")
    except StoreAway as error:
        told = f"the store cannot be used ({error}); files stay in the database, those that left cannot be read"
        return Finding("files", State.WRONG, told)
    if not is_same:
        return Finding("files", State.WRONG, "the store gives back something else than was put there")
    return Finding("files", State.FINE, "the store takes, gives back and deletes")


def _programs(settings: Settings) -> Iterator[Finding]:
    if shutil.which("pdftotext") is None:
        yield Finding("pdftotext", State.DOUBTFUL, "not installed: charters in PDF cannot be read (poppler-utils)")
    else:
        yield Finding("pdftotext", State.FINE, "installed")
    if settings.scanner:
        yield _scanner(settings)


def _scanner(settings: Settings) -> Finding:
    try:
        scan(b"harmless", settings.scanner)
    except FileRefused as error:
        why = {"harmful": "it calls a harmless file harmful"}.get(error.reason, "it does not run or fails")
        return Finding("scanner", State.WRONG, f"{why}: no file is taken")
    return Finding("scanner", State.FINE, "it runs")
