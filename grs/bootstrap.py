"""The one place where real parts are chosen: database, calendars, the ways out for letters, the clock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from grs.db import schema
from grs.db.engine import make_engine, make_reports_engine, readers, writers
from grs.logs import told_safely
from grs.notify.calls import Caller
from grs.notify.transports import MailTransport, SmsGateway, mail_transport, sms_gateway
from grs.settings import Settings, read_settings
from grs.uploads.store import FileStore, file_store
from grs.usecases.calendars import CalendarShelf
from grs.usecases.figures import FigureShelf
from grs.usecases.job_runs import Stopped

if TYPE_CHECKING:
    from grs.notify.mailbox import Mailbox


class NotReady(Exception):
    """The database cannot be worked with, and waiting does not help; says why in a sentence."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything a door needs to call a use case. ``streams`` read long answers as they come; ``reports`` too, and on
    a standby where there is one.
    """

    settings: Settings
    engine: Engine
    reports_engine: Engine
    streams_engine: Engine
    readers: sessionmaker[Session]
    streams: sessionmaker[Session]
    reports: sessionmaker[Session]
    writers: sessionmaker[Session]
    mail: MailTransport
    sms: SmsGateway
    programs: Caller
    mailbox: Mailbox | None = None
    files: FileStore | None = None
    clock: Callable[[], datetime] = utc_now
    shelf: CalendarShelf = field(default_factory=CalendarShelf)
    figures: FigureShelf = field(default_factory=FigureShelf)
    stopping: threading.Event = field(default_factory=threading.Event)

    def between_batches(self, _done: int = 0) -> None:
        """Raises Stopped when this process is to end; SQLite's one writer's place is left to who waits for it."""
        if self.stopping.is_set():
            raise Stopped
        if self.engine.dialect.name == "sqlite":
            time.sleep(LETS_OTHERS_IN)

    def close(self) -> None:
        """Let go of connections; the house can still be used and opens them again."""
        self.mail.close()
        self.engine.dispose()
        self.reports_engine.dispose()
        self.streams_engine.dispose()


log = logging.getLogger(__name__)
SAID_EVERY = 15
"""Seconds between two lines that say that it still waits."""
LETS_OTHERS_IN = 0.02
WEB_PATIENCE = 8.0
"""Seconds that a person waits for the database; then it is told that it is away."""
STREAM_PATIENCE = 60.0
"""Seconds until the first rows of a long list must be there, sorted; the rest is read as fast as it is taken."""
WORKER_PATIENCE = 60.0


def open_house(
    settings: Settings | None = None, *, clock: Callable[[], datetime] = utc_now, patience: float | None = None
) -> House:
    """The product with its real parts, from the settings; ``patience`` as for ``make_engine``."""
    settings = settings or read_settings()
    engine = make_engine(settings.database_url, patience=patience)
    reports_engine = make_reports_engine(engine, settings.database_replica_url, patience=patience)
    is_patient = patience is None or patience >= STREAM_PATIENCE
    streams_engine = engine if is_patient else make_engine(settings.database_url, patience=STREAM_PATIENCE, pool=4)
    return House(
        settings=settings,
        engine=engine,
        reports_engine=reports_engine,
        streams_engine=streams_engine,
        readers=readers(engine),
        streams=readers(streams_engine, streams=True),
        reports=readers(reports_engine, streams=True),
        writers=writers(engine),
        mail=mail_transport(settings),
        sms=sms_gateway(settings),
        programs=Caller(settings.webhook_networks),
        mailbox=_mailbox_of(settings),
        files=file_store(settings.files_url),
        clock=clock,
    )


def _mailbox_of(settings: Settings) -> Mailbox | None:
    if not settings.imap_host:
        return None
    from grs.notify.mailbox import open_mailbox  # some megabytes that the site's processes do not need

    return partial(open_mailbox, settings)


def wait_until_ready(house: House, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait for the database, saying so; raises NotReady where it is of another release or not set up."""
    waited = 0
    while True:
        try:
            state = schema.state_of(house.engine)
            break
        except SQLAlchemyError as error:
            if waited % SAID_EVERY == 0:
                log.warning("the database is not there (%s); waiting for it", told_safely(error))
            waited += 1
            sleep(1)
    if waited:
        log.warning("the database is there after %s s", waited)
    if state is schema.State.NEWER:
        raise NotReady("the database is newer than this release; start the release it was upgraded to")
    if state is not schema.State.CURRENT:
        raise NotReady("the database is not up to date; run `grs db upgrade` (a new one: `grs setup`)")
