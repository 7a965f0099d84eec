"""Refusals and failures become pages in one place."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, g, render_template, request
from flask_limiter.errors import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response

from grs.domain.errors import (
    ActionNotAllowed,
    AppealTooLate,
    ChangedMeanwhile,
    GrievanceError,
    InvalidInput,
    NotFound,
    NotYours,
    TooEarly,
)
from grs.logs import told_safely
from grs.uploads.store import StoreAway
from grs.web.api.room import UNSTORABLE, is_api, problem
from grs.web.citizen import filing
from grs.web.open311 import Refused, error_answer, is_open311
from grs.web.people import LoggedIn
from grs.words import word

log = logging.getLogger(__name__)

_STATUS = {NotFound: 404, NotYours: 403, ActionNotAllowed: 409, ChangedMeanwhile: 409}
Answer = tuple[str | Response, int] | tuple[str | Response, int, dict[str, str]]


def status_of(error: GrievanceError) -> int:
    """The HTTP status of a refusal."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)


def init_app(app: Flask) -> None:
    app.register_error_handler(GrievanceError, _refused)
    app.register_error_handler(RateLimitExceeded, _too_many)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _unavailable)
    app.register_error_handler(StoreAway, _store_away)
    app.register_error_handler(IntegrityError, _at_the_same_time)
    app.register_error_handler(Exception, _failed)


def _page(template: str, status: int, **facts: object) -> Answer:
    g.setdefault("language", "bn")
    if is_api():
        return _problem(template, status)
    if is_open311():
        return error_answer(status, _told(template) or HTTPStatus(status).phrase), status
    return render_template(f"errors/{template}.html", **facts), status


def _problem(code: str, status: int, **more: object) -> Answer:
    return problem(code, HTTPStatus(status).phrase, status, **({"detail": _told(code)} | more))


def _told(code: str) -> str | None:
    """Why, in the person's words, where there are some."""
    try:
        return word("refusal", code, g.language)
    except KeyError:
        return None


def _problem_of(error: GrievanceError) -> Answer:
    """A refusal with all that helps to do better."""
    more: dict[str, object] = {}
    if isinstance(error, InvalidInput):
        more["errors"] = [
            {"field": field, "code": reason, "message": word("problem", reason, g.language)}
            for field, reason in error.problems.items()
        ]
    elif isinstance(error, TooEarly):
        more["earliest_on"] = error.first_day.isoformat()
    elif isinstance(error, AppealTooLate):
        more["detail"] = f"{_told(error.code)} {error.last_day.isoformat()}"
    status = 412 if isinstance(error, ChangedMeanwhile) else status_of(error)
    return _problem(error.code, status, **more)


def _open311_refusal(error: GrievanceError) -> Answer:
    """What a client of Open311 did wrong; the standard knows 400 for it, and 404."""
    if isinstance(error, Refused):
        return error_answer(400, error.told), 400
    if isinstance(error, InvalidInput):
        told = [f"{field}: {word('problem', reason, g.language)}" for field, reason in error.problems.items()]
        return error_answer(400, " ".join(told)), 400
    status = 404 if isinstance(error, NotFound) else 400
    told_of = _told(error.code) or HTTPStatus(status).phrase
    if isinstance(error, TooEarly):
        told_of = f"{told_of} {error.first_day.isoformat()}"
    return error_answer(status, told_of), status


def _misshapen(messages: Any, at: str = "") -> Iterator[dict[str, str]]:
    """What of the sent data has not the shape it should have, field by field, in the library's words."""
    if isinstance(messages, Mapping):
        for name, found in messages.items():
            yield from _misshapen(found, f"{at}.{name}" if at else str(name))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            told = UNSTORABLE.sub("", str(message))[:300]
            yield {"field": UNSTORABLE.sub("", at)[:100], "code": "invalid", "message": told}


def _refused(error: GrievanceError) -> Answer:
    if is_api():
        if isinstance(error, NotYours):
            _note_refusal("not theirs")
        return _problem_of(error)
    if is_open311():
        return _open311_refusal(error)
    if isinstance(error, NotFound):
        return _page("not_found", 404)
    if isinstance(error, NotYours):
        _note_refusal("not theirs")
        return _page("not_yours", 403)
    return _page("refused", status_of(error), error=error)


def _too_many(_error: RateLimitExceeded) -> Answer:
    _note_refusal("too many tries")
    return _page("too_many", 429)


def _stale_form(_error: CSRFError) -> Answer:
    """The page again with what was typed, where that can be done; nothing was kept of it."""
    _note_refusal("form token")
    try:
        again = filing.draw_again("stale_form")
    except (NotFound, HTTPException):
        again = None
    return (again, 400) if again is not None else _page("stale_form", 400)


def _http(error: HTTPException) -> Answer | Response:
    if isinstance(error.response, Response):
        return error.response  # a view has stopped with its own answer
    code = error.code or 500
    if is_api() and code in (400, 422):
        errors = list(_misshapen(getattr(error, "data", {}).get("messages", {})))
        return _problem("invalid_input", code, errors=errors)
    if code in (401, 403, 405):
        _note_refusal(str(code))
    if code == 404:
        return _page("not_found", 404)
    if code == 413:
        return _page("too_large", 413)
    answer = _page("failed" if code >= 500 else "not_possible", code, request_id=_request_id())
    if is_api() and code == 401:
        return *_problem("no_token", 401), {"WWW-Authenticate": "Bearer"}
    if is_api() and code == 403:
        return _problem("not_in_scope", 403)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return *answer, {"Allow": ", ".join(sorted(error.valid_methods))}
    return answer


READ_ONLY = "25006"
"""SQLSTATE of a server that takes no writes: a standby, or a primary that is being changed."""


def _database(error: DBAPIError) -> Answer:
    is_away = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    if is_away or getattr(error.orig, "sqlstate", None) == READ_ONLY:
        return _unavailable(error)
    return _failed(error)


def _unavailable(error: SQLAlchemyError) -> Answer:
    """The database is away, full, or does not confirm: say so, and never thank for what is not known to be kept."""
    log.error("request %s: database unavailable: %s", _request_id(), told_safely(error))
    return _page("unavailable", 503)


def _store_away(error: StoreAway) -> Answer:
    """A file cannot be had now; everything else can."""
    log.error("request %s: file store unavailable: %s", _request_id(), error)
    return _page("unavailable", 503)


def _at_the_same_time(error: IntegrityError) -> Answer:
    """Two made the same thing at the same instant: the other one was first."""
    log.warning("request %s: %s: %s %s", _request_id(), told_safely(error), request.method, request.endpoint)
    return _page("not_possible", 409, request_id=_request_id())


def _failed(_error: Exception) -> Answer:
    log.exception("request %s failed: %s %s", _request_id(), request.method, request.endpoint)
    return _page("failed", 500, request_id=_request_id())


def _note_refusal(why: str) -> None:
    """Who was refused what, and from where: by number, never by name."""
    person = g.get("_login_user")
    who = f"person {person.person_id}" if isinstance(person, LoggedIn) else "somebody"
    log.warning(
        "request %s: %s refused (%s): %s %s from %s",
        _request_id(), who, why, request.method, request.endpoint, request.remote_addr,
    )  # fmt: skip


def _request_id() -> str:
    return str(getattr(g, "request_id", "-"))
