"""Who comes with a token, and how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import g, request
from werkzeug.exceptions import Forbidden, Unauthorized

from grs.domain.machines import Scope
from grs.usecases.accounts import SEEN_EVERY
from grs.usecases.machines import Machine, bearer, note_use
from grs.usecases.secrets import token_hash
from grs.web.api.room import Topic
from grs.web.doors import house
from grs.web.limits import limiter, network
from grs.web.protection import with_token

OFTEN = "600 per minute"
View = TypeVar("View", bound=Callable[..., Any])


def by_token() -> str:
    """The token that a request comes with; where there is none the address."""
    given = _given()
    return f"token:{token_hash(given)[:16]}" if given else network()


per_token = limiter.shared_limit(OFTEN, "api-token", key_func=by_token)


def machine(scope: Scope) -> Callable[[View], View]:
    """Programs whose token is good for this."""

    def declare(view: View) -> View:
        declared = with_token(per_token(view), lambda: check_token(scope))
        described: View = Topic.doc(security=[{"token": [scope.value]}])(declared)
        return described

    return declare


def check_token(scope: Scope) -> None:
    """Raise Unauthorized without a good token, Forbidden with one that is not good for this."""
    now, given = house().clock(), _given()
    with house().readers() as db:
        found = bearer(db, given, now=now) if given else None
    if found is None:
        raise Unauthorized
    if scope not in found.scopes:
        raise Forbidden
    g.machine = found
    note_use_of(found)


def note_use_of(found: Machine) -> None:
    """Written down once a minute, not with each request."""
    if found.last_used_at is None or house().clock() - found.last_used_at > SEEN_EVERY:
        with house().writers.begin() as db:
            note_use(db, found.token_id, now=house().clock())


def at_work() -> Machine:
    """The program whose request this is."""
    return cast(Machine, g.machine)


def _given() -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
