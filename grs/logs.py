"""What the logs say and never say: each line its time in UTC, no line break from outside, no text of a failure.

A line tells for what it was written: the request, or the round of a job. Under the same name the letters stand that
came of it.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
import traceback
from contextvars import ContextVar
from types import TracebackType

FORMAT = "%(asctime)sZ %(levelname)s %(name)s %(message)s"
LONGEST_CAUSE = 40
cause: ContextVar[str] = ContextVar("cause", default="")
"""For what this process works at the moment: a request's name, or a job's round."""
OfFailure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def begin_cause(name: str = "") -> str:
    """Work for something new from here on; returns its name: ``name`` and something random."""
    found = f"{name}-{secrets.token_hex(6)}" if name else secrets.token_hex(6)
    cause.set(found)
    return found


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


class JsonLines(QuietFormatter):
    """The same as one JSON object a line; what a record carries under ``told`` stands beside."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, object] = {
            "time": f"{self.formatTime(record, self.datefmt)}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "cause": cause.get(),
        }
        if record.exc_info:
            found["failure"] = self.formatException(record.exc_info)
        found |= getattr(record, "told", {})
        return json.dumps({name: value for name, value in found.items() if value != ""}, ensure_ascii=False)


def configure_logging(level: int = logging.INFO, *, form: str = "text") -> None:
    """Send every record to standard error in this form, for a process of ours."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else QuietFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)  # it would tell whose limit is used up
    for name in ("grs.web.requests", "grs.letters"):
        # People who look on do not want a line for each request and letter.
        logging.getLogger(name).setLevel(logging.NOTSET if form == "json" else logging.WARNING)
