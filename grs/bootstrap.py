"""The one place where real parts are chosen: database, calendars, the ways out for letters, the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from grs.db.engine import make_engine, readers, writers
from grs.notify.transports import MailTransport, SmsGateway, mail_transport, sms_gateway
from grs.settings import Settings, read_settings
from grs.usecases.calendars import CalendarShelf
from grs.usecases.figures import FigureShelf


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything a door needs to call a use case."""

    settings: Settings
    engine: Engine
    readers: sessionmaker[Session]
    writers: sessionmaker[Session]
    mail: MailTransport
    sms: SmsGateway
    clock: Callable[[], datetime] = utc_now
    shelf: CalendarShelf = field(default_factory=CalendarShelf)
    figures: FigureShelf = field(default_factory=FigureShelf)

    def close(self) -> None:
        """Let go of connections; the house can still be used and opens them again."""
        self.mail.close()
        self.engine.dispose()


def open_house(settings: Settings | None = None, *, clock: Callable[[], datetime] = utc_now) -> House:
    """The product with its real parts, from the settings."""
    settings = settings or read_settings()
    engine = make_engine(settings.database_url)
    return House(
        settings=settings,
        engine=engine,
        readers=readers(engine),
        writers=writers(engine),
        mail=mail_transport(settings),
        sms=sms_gateway(settings),
        clock=clock,
    )
