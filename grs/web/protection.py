"""Every route declares who may call it; one that does not is an error at start."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from grs.web.forms import kept_texts

BEFORE_SECOND_FACTOR = {"account.second_factor", "account.keep_second_factor", "account.leave"}
"""What somebody may call who still has to set up a second factor."""

View = TypeVar("View", bound=Callable[..., Any])


class Callers(StrEnum):
    """Who may call a route; which complaint they may see is the use case's question."""

    ANYONE = "anyone"
    LOGGED_IN = "logged_in"
    TOKEN = "token"  # noqa: S105 - a word, no secret


def anyone(view: View) -> View:
    """Citizens need no account."""
    view.callers = Callers.ANYONE  # type: ignore[attr-defined]
    return view


def logged_in(view: View) -> View:
    """Officers, supervisors and operators."""
    view.callers = Callers.LOGGED_IN  # type: ignore[attr-defined]
    return view


def with_token(view: View, admit: Callable[[], None]) -> View:
    """Programs; ``admit`` stops those whose token is not good for the view."""
    view.callers = Callers.TOKEN  # type: ignore[attr-defined]
    view.admit = admit  # type: ignore[attr-defined]
    return view


def callers_of(app: Flask, endpoint: str) -> Callers | None:
    """What a route declares; static files are everybody's."""
    if endpoint == "static":
        return Callers.ANYONE
    return getattr(app.view_functions[endpoint], "callers", None)


def init_app(app: Flask) -> None:
    app.before_request(_guard)


def _guard() -> Response | tuple[str, int] | None:
    if request.endpoint is None:
        return None
    callers = callers_of(current_app, request.endpoint)
    if callers is Callers.ANYONE:
        return None
    if callers is Callers.LOGGED_IN:
        if not current_user.is_authenticated:
            return _log_in_first()
        if current_user.must_enrol and request.endpoint not in BEFORE_SECOND_FACTOR:
            return redirect(url_for("account.second_factor"))
        return None
    if callers is Callers.TOKEN:
        cast(Any, current_app.view_functions[request.endpoint]).admit()
        return None
    abort(403)  # a route that declares nothing is open to nobody


def _log_in_first() -> Response | tuple[str, int]:
    """A page to read is there after the log-in; what was written into a form is shown, so that it is not lost."""
    kept = kept_texts(request.form)
    if request.method == "GET" or not kept:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else _page_before()
        return redirect(url_for("account.login", next=wanted))
    return render_template("errors/logged_out.html", kept=kept, back=_page_before()), 401


def _page_before() -> str:
    """The page on which the form stood."""
    before = urlsplit(request.referrer or "")
    return before.path if before.netloc == request.host and before.path.startswith("/") else url_for("officer.desk")
