"""Whether this process can take complaints now, and what else does not work."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue as Page

from grs.usecases.readiness import NEEDED, Part, readiness
from grs.web.doors import house
from grs.web.limits import limiter
from grs.web.protection import anyone

blueprint = Blueprint("health", __name__)


@blueprint.get("/readyz")
@anyone
def ready() -> Page:
    """503 while no complaint can be taken; a word for each part, so that an alarm can say which."""
    parts = readiness(house().engine, now=house().clock())
    parts[Part.LIMITS] = "ok" if not limiter.enabled or limiter.storage.check() else "away"
    is_ready = all(parts[part] == "ok" for part in NEEDED)
    told = {"ready": is_ready, **{str(part): state for part, state in parts.items()}}
    return jsonify(told), 200 if is_ready else 503
