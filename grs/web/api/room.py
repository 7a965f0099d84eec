"""What every answer of the programming interface shares: its description, problems, callers, pages by key."""

from __future__ import annotations

import http
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Flask, Response, g, jsonify, make_response, request, url_for
from flask_smorest import Api, Blueprint
from flask_smorest.utils import prepare_response
from marshmallow import RAISE, Schema, fields, validate
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest

from grs.domain.calendar import dhaka_date
from grs.web.doors import house
from grs.web.limits import limiter

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
PAGE, LONGEST_PAGE = 50, 200
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL keeps in no text."""

Found = TypeVar("Found")


# -- what goes in -------------------------------------------------------------------------------------


class Text(fields.String):
    """A text as people write it. Signs that no database keeps are dropped, like those in the forms of pages."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        return UNSTORABLE.sub("", text) if text is not None else None


class Whole(fields.Integer):
    """A whole number in an address: ASCII digits and nothing else."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise self.make_error("invalid", input=value)
        return int(super()._validated(value))


class Shape(Schema):
    """The shape of what is sent or answered; a field that is not named here is a mistake, never ignored."""

    class Meta:
        unknown = RAISE


class Parser(FlaskParser):
    """Unknown parameters are mistakes too: a misspelt filter would show everything."""

    # webargs has it as a plain class attribute.
    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def load_json(self, req: Any, schema: Schema) -> Any:
        """Numbers of thousands of digits and nesting without end: the reader gives up, and so do we."""
        try:
            return super().load_json(req, schema)
        except (ValueError, RecursionError):
            raise BadRequest from None


class ProblemField(Shape):
    """One field that cannot be taken."""

    field = fields.String(required=True, metadata={"description": "Where it stands in what was sent."})
    code = fields.String(required=True, metadata={"description": "Why, as a word for programs."})
    message = fields.String(required=True, metadata={"description": "Why, for people."})


class Problem(Shape):
    """A refusal or failure (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "An address that names the kind of problem."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(metadata={"description": "What is wrong, in the language asked for."})
    request_id = fields.String(metadata={"description": "Under this name the log has it."})
    errors = fields.List(fields.Nested(ProblemField))
    earliest_on = fields.Date(metadata={"description": "too_early: the first day on which it can be filed."})


# -- the description ----------------------------------------------------------------------------------


class Description(Api):  # type: ignore[misc]  # flask-smorest has no types
    """OpenAPI 3.1 of the interface; what goes wrong is told by ``grs.web.errors`` like everything else."""

    ERROR_SCHEMA = Problem

    def _register_doc_blueprint(self) -> None:
        """The description is served by a route of ours, which says who may call it."""

    def _register_error_handlers(self) -> None:
        """The library's would answer for the pages too."""

    def _register_responses(self) -> None:
        for name, told in [(s.name, s.phrase) for s in http.HTTPStatus] + [("DEFAULT_ERROR", "A problem")]:
            response = {"description": told, "schema": Problem}
            prepare_response(response, self.spec, PROBLEM)
            self.spec.components.response(name, response, lazy=True)


class Topic(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """The routes about one thing."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, module: str, *, description: str) -> None:
        super().__init__(f"api_{name}", module, url_prefix=PREFIX, description=description)
        self.after_request(finish)


def is_api() -> bool:
    """Whether a program asks, who wants a problem and no page."""
    return request.path.startswith("/api/")


# -- callers ------------------------------------------------------------------------------------------

READS_PER_ADDRESS = "600 per minute"
reads = limiter.shared_limit(READS_PER_ADDRESS, scope="api-reads")
"""What one address may read; pages of people need far less."""


def today() -> Any:
    """The date in Dhaka now."""
    return dhaka_date(house().clock())


# -- what comes out -----------------------------------------------------------------------------------


def problem(code: str, title: str, status: int, **more: Any) -> tuple[Response, int]:
    """A refusal as RFC 9457 says it; what is None is left out."""
    kind = url_for("api.describe", _anchor=f"problem-{code}", _external=False)
    told = {
        "type": f"{house().settings.base_url}{kind}",
        "title": title,
        "status": status,
        "request_id": getattr(g, "request_id", None),
        **more,
    }
    answer = jsonify({name: value for name, value in told.items() if value is not None})
    answer.mimetype = PROBLEM
    return answer, status


class PageQuery(Shape):
    """Where a page begins and how long it is."""

    after = Text(
        load_default="", validate=validate.Length(max=100),
        metadata={"description": "The key that the page before named as `next`."},
    )  # fmt: skip
    limit = Whole(load_default=PAGE, validate=validate.Range(min=1, max=LONGEST_PAGE))


def page_of(found: Sequence[Found], asked: Mapping[str, Any], *, key: Callable[[Found], object]) -> dict[str, Any]:
    """A page of what was found with one more than asked for, and the address of the next."""
    limit = asked["limit"]
    items = list(found[:limit])
    if len(found) <= limit:
        return {"items": items, "next": None}
    values = {name: value for name, value in asked.items() if value not in ("", None)} | {"after": key(items[-1])}
    return {"items": items, "next": f"{request.path}?{urlencode(values)}"}


def listed(name: str, item: type[Schema]) -> type[Schema]:
    """The shape of a page of items."""
    return Shape.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(
                required=True, allow_none=True, metadata={"description": "The address of the next page; null: none."}
            ),
        },
        name=name,
    )


def finish(response: Response) -> Response:
    """An answer to a reader can be asked for again with its ETag; what is about somebody only his reader may keep."""
    is_open = "Access-Code" not in request.headers and "Authorization" not in request.headers
    if request.method in ("GET", "HEAD") and response.status_code == 200:
        if not response.get_etag()[0]:
            response.add_etag()
        response.headers["Cache-Control"] = "no-cache" if is_open else "private, no-cache"
        response.headers["Vary"] = "Accept-Language, Access-Code, Authorization"
        made: Response = make_response(response.make_conditional(request))
        return made
    return response


def description_of(app: Flask, topics: Sequence[Topic]) -> dict[str, Any]:
    """The OpenAPI document, made anew: the routes themselves work without it."""
    description = Description(
        app,
        spec_kwargs={
            "title": "Grievance tracker", "version": "v1", "openapi_version": "3.1.0",
            "info": {"description": ABOUT}, "servers": [{"url": "/"}],
        },
    )  # fmt: skip
    schemes = description.spec.components
    schemes.security_scheme("access_code", {"type": "apiKey", "in": "header", "name": "Access-Code"})
    schemes.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for topic in topics:
        topic.register_views_in_doc(description, app, description.spec, name=topic.name, parameters=None)
        description.spec.tag({"name": topic.name, "description": topic.description})
    found: dict[str, Any] = description.spec.to_dict()
    return found


ABOUT = (
    "Complaints against the promises of citizens' charters, by the rules of Bangladesh's Cabinet Division. "
    "Dates are of Asia/Dhaka, instants in UTC. Names of fields and codes are English; texts for people are in the "
    "language of `Accept-Language` (bn, en). Lists come in pages by key: follow `next`. Readers may ask again with "
    "`If-None-Match`. Every POST carries an `Idempotency-Key`: sent again with the same, it is done once. "
    "Refusals are problem details (RFC 9457)."
)
"""What stands at the head of the description."""
