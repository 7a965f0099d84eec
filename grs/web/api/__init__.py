"""The programming interface: the same use cases as the pages, for programs."""

from __future__ import annotations

from flask import Blueprint, Flask, jsonify, render_template
from flask.typing import ResponseReturnValue as Page
from flask_wtf.csrf import CSRFProtect

from grs.web.api import calendar, complaints, figures, offices, queue, room
from grs.web.protection import anyone
from grs.words import words_of

TOPICS = (offices.topic, calendar.topic, complaints.topic, queue.topic, figures.topic)
blueprint = Blueprint("api", __name__, url_prefix=room.PREFIX)


@blueprint.get("/")
@anyone
def describe() -> Page:
    """The interface explained, on a page that needs no script and nobody else's server."""
    return render_template("api.html", spec=room.description_of_api(), refusals=words_of("refusal", "en"))


@blueprint.get("/openapi.json")
@anyone
def openapi() -> Page:
    """The same for programs: OpenAPI 3.1."""
    return jsonify(room.description_of_api())


def init_app(app: Flask, csrf: CSRFProtect) -> None:
    """Cookies say nothing here, so that no form elsewhere can be made to ask in somebody's name."""
    description = app.extensions["grs-api"] = room.init_app(app)
    for topic in TOPICS:
        description.register_blueprint(topic)
        csrf.exempt(topic)
    app.register_blueprint(blueprint)
