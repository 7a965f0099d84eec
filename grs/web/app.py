"""The application: sessions, languages, headers, errors, blueprints."""

from __future__ import annotations

import logging
import re
import time
from datetime import timedelta
from typing import Any

from flask import Flask, Response, abort, current_app, g, request
from flask_compress import Compress
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from grs.bootstrap import House
from grs.logs import begin_cause, cause, told_safely
from grs.settings import TEMPLATES
from grs.web import (
    account,
    admin,
    api,
    citizen,
    errors,
    health,
    languages,
    machines,
    officer,
    open311,
    operator,
    people,
    presentation,
    protection,
    supervisor,
)
from grs.web.citizen.filing import TOO_LARGE_ALTOGETHER
from grs.web.headers import security_headers
from grs.web.languages import LANGUAGES, chosen_language
from grs.web.limits import limiter

log = logging.getLogger(__name__)
requests_log = logging.getLogger("grs.web.requests")

LARGEST_REQUEST = 2 * 1024 * 1024
ENDPOINTS_WITH_FILES = {"citizen.keep_page", "citizen.do_act", "operator.take_sheet", "officer.answer_task",
    "admin.read_charter_document", "admin.propose_calendar", "admin.add_office"}  # fmt: skip
WITH_SCRIPTS = {officer.blueprint.name, supervisor.blueprint.name}
DROPS_CONTROL_SIGNS = {"citizen.keep_begin", "citizen.keep_page"}


def create_app(house: House, *, test_config: dict[str, Any] | None = None) -> Flask:
    """The web application over a house. Raises SettingsError without a secret key."""
    secret_key = house.settings.checked_secret
    app = Flask(__name__, template_folder=str(TEMPLATES), static_folder="static")
    is_https = house.settings.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME="__Host-grs" if is_https else "grs",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        WTF_CSRF_TIME_LIMIT=None,  # a form may be filled in slowly; the token ends with the session
        RATELIMIT_STORAGE_URI=house.settings.rate_limit_storage,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=365),
        COMPRESS_MIMETYPES=["text/html", "text/css", "image/svg+xml", "application/json", "text/csv"],
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=5,
        LODGING_PER_HOUR=house.settings.lodging_per_hour,
    )
    app.config.update(test_config or {})
    app.extensions["house"] = house
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Bangla is a third as long so
    if house.settings.behind_proxy:
        # Flask's documented way to put something around the application.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.before_request(_allow_uploads)  # before anything reads the form
    app.before_request(_begin)  # before the token is looked for: a refusal is drawn in the person's language
    csrf = CSRFProtect(app)
    Compress(app)
    languages.init_app(app)
    limiter.init_app(app)
    people.init_app(app)
    if house.settings.oidc_issuer:
        from grs.web import single_sign_on  # an extra, and its libraries are large

        single_sign_on.init_app(app)
    protection.init_app(app)
    presentation.init_app(app)
    errors.init_app(app)
    app.register_blueprint(citizen.blueprint)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(machines.blueprint)
    app.register_blueprint(officer.blueprint)
    app.register_blueprint(operator.blueprint)
    app.register_blueprint(supervisor.blueprint)
    app.register_blueprint(admin.blueprint)
    app.register_blueprint(health.blueprint)
    api.init_app(app, csrf)
    app.register_blueprint(open311.blueprint)
    csrf.exempt(open311.blueprint)
    app.after_request(_finish)
    return app


def _allow_uploads() -> None:
    """Where files are taken a request may be large; everywhere else it stays small."""
    page = (request.view_args or {}).get("page", "files")
    if request.endpoint in ENDPOINTS_WITH_FILES and page == "files":
        request.max_content_length = TOO_LARGE_ALTOGETHER


def _begin() -> None:
    g.language = chosen_language()
    g.begun = time.perf_counter()
    g.request_id = _request_id()
    if "Transfer-Encoding" in request.headers:
        abort(411)  # a form says how long it is; of one that does not, what is over the limit would be cut off unseen
    try:
        sent = request.form.values()
    except HTTPException:
        raise
    except Exception as error:  # lengths or chunks that do not fit together: the server's own errors have no base
        log.warning("request %s cannot be read: %s", g.request_id, told_safely(error))
        abort(400)
    typed = (request.path, *request.args.values(), *sent)
    if request.endpoint not in DROPS_CONTROL_SIGNS and any("\x00" in text for text in typed):
        abort(400)  # PostgreSQL keeps no NUL; what people write at length drops it and keeps the rest


def _request_id() -> str:
    """The name under which the logs have this request: the proxy's, where ours gives one."""
    given = request.headers.get("X-Request-ID", "")
    if current_app.extensions["house"].settings.behind_proxy and re.fullmatch(r"[A-Za-z0-9_-]{8,40}", given):
        cause.set(given)
        return given
    return begin_cause()


def _log_request(response: Response) -> None:
    """By endpoint, never by address: addresses hold numbers, words that were looked for, and one-time links."""
    took = round((time.perf_counter() - g.get("begun", time.perf_counter())) * 1000)
    told = {"method": request.method, "endpoint": request.endpoint or "", "status": response.status_code, "ms": took}
    requests_log.info("request", extra={"told": told})
    response.headers["X-Request-ID"] = g.get("request_id", "-")


def _finish(response: Response) -> Response:
    _log_request(response)
    asked = request.args.get("lang")
    if asked in LANGUAGES:
        response.set_cookie(
            "language", asked, max_age=31_536_000, samesite="Lax", httponly=True,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        )  # fmt: skip
    if response.mimetype == "text/css" and response.status_code == 200:
        response.direct_passthrough = False
        response.get_data()  # whole, so that it is compressed whole and its file closed
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    is_https = bool(current_app.config["SESSION_COOKIE_SECURE"])
    security_headers(response, is_secure=is_https, scripts=request.blueprint in WITH_SCRIPTS)
    return response
