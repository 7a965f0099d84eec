"""Whether this process answers, whether it can take complaints, and the state of the whole for who watches."""

from __future__ import annotations

import hmac
from functools import partial

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue as Page
from werkzeug.exceptions import NotFound, Unauthorized

from grs.usecases.measures import measured
from grs.usecases.readiness import NEEDED, Part, readiness
from grs.web.doors import house
from grs.web.limits import limiter
from grs.web.protection import anyone, with_token

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@anyone
def alive() -> Page:
    """The process answers; whether it can work says ``/readyz``."""
    return "ok\n"


@blueprint.get("/readyz")
@anyone
def ready() -> Page:
    """503 while no complaint can be taken; a word for each part, so that an alarm can say which."""
    parts = readiness(house().engine, now=house().clock())
    parts[Part.LIMITS] = "ok" if not limiter.enabled or limiter.storage.check() else "away"
    is_ready = all(parts[part] == "ok" for part in NEEDED)
    told = {"ready": is_ready, **{str(part): state for part, state in parts.items()}}
    return jsonify(told), 200 if is_ready else 503


def _may_read_metrics() -> None:
    """Who has the token of the settings; without one there is no such page."""
    wanted = house().settings.metrics_token
    if not wanted:
        raise NotFound
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        raise Unauthorized


@blueprint.get("/metrics")
@partial(with_token, admit=_may_read_metrics)
def metrics() -> Page:
    """The state of the installation for Prometheus: the same from every node, for it is the database's."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    with house().readers() as db:
        found = measured(db, now=house().clock())
    registry = CollectorRegistry()
    for one in found:
        gauge = Gauge(f"grs_{one.name}", one.meaning, list(one.labels), registry=registry)
        for values, amount in one.samples:
            (gauge.labels(*values) if values else gauge).set(amount)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
