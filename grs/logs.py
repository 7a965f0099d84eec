"""What the logs say and never say: each line its time in UTC, no line break from outside, no text of a failure."""

from __future__ import annotations

import logging
import time
import traceback
from types import TracebackType

FORMAT = "%(asctime)sZ %(levelname)s %(name)s %(message)s"
OfFailure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def told_safely(error: BaseException) -> str:
    """A failure by its kind: its own words may hold what somebody typed, a database's words an address."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


class QuietFormatter(logging.Formatter):
    """One line a record, failures by kind and place."""

    def __init__(self) -> None:
        super().__init__(FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = self.formatMessage(record)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.asctime = self.formatTime(record, self.datefmt)
        return self._style.format(record)

    def formatException(self, ei: OfFailure) -> str:
        error, frames = ei[1], ei[2]
        where = "".join(traceback.format_tb(frames)).rstrip()
        return f"{where}\n{told_safely(error)}" if error is not None else where


def configure_logging(level: int = logging.INFO) -> None:
    """Send every record to standard error in this form, for a process of ours."""
    handler = logging.StreamHandler()
    handler.setFormatter(QuietFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
