"""The programming interface: the same use cases as the pages, for programs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue as Page
from flask_wtf.csrf import CSRFProtect

from grs.web.api import calendar, complaints, figures, files, offices, queue, room, webhook
from grs.web.protection import anyone
from grs.words import words_of

TOPICS = (offices.topic, calendar.topic, complaints.topic, files.topic, queue.topic, webhook.topic, figures.topic)
DESCRIPTION = "grs-api-description"
blueprint = Blueprint("api", __name__, url_prefix=room.PREFIX)


@blueprint.get("/")
@anyone
def describe() -> Page:
    """The interface explained, on a page that needs no script and nobody else's server."""
    return render_template("api.html", spec=_described(), refusals=words_of("refusal", "en"))


@blueprint.get("/openapi.json")
@anyone
def openapi() -> Page:
    """The same for programs: OpenAPI 3.1."""
    return jsonify(_described())


def _described() -> dict[str, Any]:
    """The description, made when somebody asks for it first: few do, and each process would hold it."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if DESCRIPTION not in app.extensions:
        app.extensions[DESCRIPTION] = room.description_of(app, TOPICS)
    found: dict[str, Any] = app.extensions[DESCRIPTION]
    return found


def init_app(app: Flask, csrf: CSRFProtect) -> None:
    """Cookies say nothing here, so that no form elsewhere can be made to ask in somebody's name."""
    for topic in TOPICS:
        app.register_blueprint(topic)
        csrf.exempt(topic)
    app.register_blueprint(blueprint)
