"""Log in with the office's own account (OpenID Connect), where the installation names a provider.

The provider says whose account it is; who that is here, and what he may do, says our own table. Our second factor is
asked for all the same, unless the provider asserts that it has asked for one.
"""

from __future__ import annotations

import logging
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, current_app, render_template, request, session, url_for
from flask.typing import ResponseReturnValue as Page
from joserfc.errors import JoseError

from grs.db.administration import SecurityKind
from grs.usecases import accounts
from grs.usecases.security_log import log_event
from grs.web import limits
from grs.web.account import enter_with, own_address
from grs.web.doors import house
from grs.web.protection import anyone

log = logging.getLogger(__name__)
blueprint = Blueprint("sso", __name__)
SECONDS = 8
"""How long the provider is waited for."""
NEXT = "sso_next"
STARTS = "300 per hour"
"""A whole office goes over from one address."""
STRONG = "mfa"
"""RFC 8176: in ``amr`` it says that more than one factor was asked for."""


def init_app(app: Flask) -> None:
    """Only where there is a provider; the pages are not there otherwise."""
    settings = app.extensions["house"].settings
    oauth = OAuth(app)
    oauth.register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "default_timeout": SECONDS},
    )
    app.extensions["grs-sso"] = oauth
    app.register_blueprint(blueprint)


def _provider() -> Any:
    return current_app.extensions["grs-sso"].provider


@blueprint.get("/login/provider")
@limits.limiter.limit(STARTS)
@anyone
def to_provider() -> Page:
    """Over to the provider, with a state and a nonce that come back once."""
    session[NEXT] = own_address(request.args.get("next", "")) or ""
    try:
        answer: Page = _provider().authorize_redirect(f"{house().settings.base_url}{url_for('sso.from_provider')}")
    except (requests.RequestException, OAuthError, ValueError) as error:
        log.error("the provider of accounts does not answer: %s", type(error).__name__)
        return _refused("provider_away", 503)
    return answer


@blueprint.get("/login/provider/back")
@limits.limiter.limit(limits.LOG_IN, deduct_when=limits.was_refused)
@anyone
def from_provider() -> Page:
    """Back from the provider: a session of our own for the person with that verified address."""
    wanted = session.pop(NEXT, "")
    try:
        claims = _provider().authorize_access_token()["userinfo"]
    except requests.RequestException as error:
        log.error("the provider of accounts does not answer: %s", type(error).__name__)
        return _refused("provider_away", 503)
    except (OAuthError, JoseError, KeyError, ValueError) as error:
        log.warning("the provider's answer is not taken: %s", type(error).__name__)
        return _refused("provider_refused", 401)
    now, browser, address = house().clock(), request.user_agent.string, request.remote_addr or ""
    email = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
    with house().writers.begin() as db:
        person = accounts.person_by_email(db, email) if email else None
        if person is None or not person.is_active:
            log_event(db, SecurityKind.LOG_IN_FAILED, now=now, person_id=person.id if person else None, address=address)
            entry = None
        else:
            is_strong = STRONG in (claims.get("amr") or [])
            entry = accounts.begin_session(
                db, person, now=now, awaits_code=person.totp_since is not None and not is_strong,
                seen=(browser, address), is_strong=is_strong,
            )  # fmt: skip
            if not entry.awaits_code:
                log_event(db, SecurityKind.LOGGED_IN, now=now, person_id=person.id, address=address)
    if entry is None:
        return _refused("not_known_here", 403)
    return enter_with(entry, wanted)


def _refused(problem: str, status: int) -> Page:
    page = render_template("account/login.html", email="", problems={"provider": problem}, next="", done="")
    return page, status
