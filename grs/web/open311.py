"""Open311 GeoReport v2: what other countries' clients speak, as far as complaints that are confidential allow.

Services are the promises of an office's charter; the office is the jurisdiction. A request is shown without its text
and without who sent it, to who has its access code, or to the program of the desk where it lies (``api_key``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue as Page
from sqlalchemy import and_
from werkzeug.exceptions import Unauthorized

from grs.db.charters import CharterEntry
from grs.db.complaints import Complaint
from grs.db.offices import Office
from grs.db.queries.complaints import Shown, at_posts, listed
from grs.domain.calendar import DHAKA, YEARS
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import PROPOSED_KIND, ComplaintForm, Ground, Kind, check_form, read_mobile, tidy
from grs.domain.machines import Scope
from grs.domain.tracking import read_digits
from grs.domain.typed import read_choice, read_day, read_number
from grs.domain.workflow import Stage
from grs.notify.render import day_text
from grs.usecases.charters import charter_in_force
from grs.usecases.lodging import lodge_complaint
from grs.usecases.machines import bearer
from grs.usecases.offices import find_office
from grs.usecases.secrets import new_token, token_hash
from grs.usecases.standing import is_about
from grs.usecases.stories import has_code, story_for_complainant
from grs.web import limits
from grs.web.api.tokens import OFTEN, note_use_of
from grs.web.citizen.desk import today
from grs.web.doors import house
from grs.web.officer.desk import page_key
from grs.web.protection import anyone
from grs.words import word, words_of

PREFIX = "/open311/v2"
blueprint = Blueprint("open311", __name__, url_prefix=PREFIX)
FORMATS = ("json", "xml")
MOST_LISTED = 200
SPAN = timedelta(days=90)
OTHER = "other"
"""The service code of a matter that is in no charter."""
LAST_MOMENT = time(23, 59, 59)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_open311() -> bool:
    """Whether a client of Open311 asks."""
    return request.path.startswith("/open311/")


# -- JSON and XML ----------------------------------------------------------------------------------------


def _told(found: Any, *, root: str, item: str = "", status: int = 200) -> Response:
    """The answer in the format of the address; a list's items have a name in XML."""
    wanted = "xml" if request.path.endswith(".xml") else "json"
    if wanted == "json":
        answer = jsonify(found)
    else:
        from lxml import etree  # some megabytes that few installations need

        body = etree.tostring(_element(root, found, item), xml_declaration=True, encoding="utf-8")
        answer = Response(body, mimetype="text/xml")
    answer.status_code = status
    return answer


ITEMS = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}


def _element(name: str, value: Any, item: str = "") -> Any:
    from lxml import etree

    element = etree.Element(name)
    if isinstance(value, Mapping):
        element.extend([_element(key, one, ITEMS.get(key, "item")) for key, one in value.items()])
    elif isinstance(value, Sequence) and not isinstance(value, str):
        element.extend([_element(item or ITEMS.get(name, "item"), one) for one in value])
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else _printable(str(value))
    return element


def _printable(text: str) -> str:
    """What XML 1.0 can hold."""
    return UNPRINTABLE.sub("", text)


def error_answer(code: int, description: str) -> Response:
    """A refusal as the standard has it."""
    return _told([{"code": code, "description": description}], root="errors", item="error", status=code)


class Refused(InvalidInput):
    """What a request lacks; ``told`` is its sentence."""

    def __init__(self, told: str) -> None:
        self.told = told
        super().__init__({})


# -- what can be asked for ----------------------------------------------------------------------------------


@blueprint.get("/discovery.<any(json,xml):_format>")
@anyone
def discovery(_format: str) -> Page:
    """Where everything is."""
    settings = house().settings
    found = {
        "changeset": "2026-11-22T00:00:00+06:00",
        "contact": f"{settings.base_url}/",
        "key_service": f"{settings.base_url}{url_for('machines.tokens')}",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2",
                "url": f"{settings.base_url}{PREFIX}",
                "changeset": "2026-11-22T00:00:00+06:00",
                "type": "test" if settings.is_trial else "production",
                "formats": ["application/json", "text/xml"],
            }
        ],
    }
    return _told(found, root="discovery")


def _office(db: Any) -> Office:
    """The jurisdiction of a request; raises Refused without one, NotFound for none of ours."""
    slug = request.values.get("jurisdiction_id", "")
    if not slug:
        raise Refused("jurisdiction_id was not provided: it is an office's slug, see /api/v1/offices")
    return find_office(db, slug)


@blueprint.get("/services.<any(json,xml):_format>")
@anyone
def services(_format: str) -> Page:
    """What an office promises, and any other matter."""
    with house().readers() as db:
        entries = charter_in_force(db, _office(db), today()).entries
        found = [_service(entry) for entry in entries]
    other = word("ground", Ground.OTHER, g.language)
    found.append(_line(OTHER, other, "", group=""))
    return _told(found, root="services", item="service")


def _service(entry: CharterEntry) -> dict[str, Any]:
    told = "; ".join(part for part in (entry.time_limit_text, entry.fee) if part)
    return _line(str(entry.id), entry.name, told, group=word("category", entry.category, g.language))


def _line(code: str, name: str, description: str, *, group: str) -> dict[str, Any]:
    return {
        "service_code": code, "service_name": name, "description": description, "metadata": True, "type": "realtime",
        "keywords": "", "group": group,
    }  # fmt: skip


@blueprint.get("/services/<code>.<any(json,xml):_format>")
@anyone
def definition(code: str, _format: str) -> Page:
    """What the form of a service asks for."""
    with house().readers() as db:
        _entry(db, _office(db), code)
    attributes = [
        _attribute(1, "ground", "singlevaluelist", "কী নিয়ে অভিযোগ", "What it is about", required=True, of="ground"),
        _attribute(2, "applied_on", "datetime", "কবে আবেদন করেছিলেন", "When the service was applied for"),
        _attribute(3, "service_reference", "string", "আবেদনের নম্বর", "Reference of the application"),
        _attribute(4, "remedy", "text", "কী প্রতিকার চান", "What should be done"),
        _attribute(5, "kind", "singlevaluelist", "কোন পরিচয়ে", "In which capacity", of="kind"),
    ]
    return _told({"service_code": code, "attributes": attributes}, root="service_definition")


def _attribute(
    order: int, code: str, datatype: str, bangla: str, english: str, *, required: bool = False, of: str = ""
) -> dict[str, Any]:
    values = [{"key": key, "name": name} for key, name in words_of(of, g.language).items()] if of else []
    return {
        "variable": True, "code": code, "datatype": datatype, "required": required, "datatype_description": "",
        "order": order, "description": bangla if g.language == "bn" else english, "values": values,
    }  # fmt: skip


def _entry(db: Any, office: Office, code: str) -> CharterEntry | None:
    """The promise of a service code, in the office's charter in force; raises NotFound."""
    if code == OTHER:
        return None
    for entry in charter_in_force(db, office, today()).entries:
        if str(entry.id) == code:
            return entry
    raise NotFound("service", code)


# -- a new request -----------------------------------------------------------------------------------------------


@blueprint.post("/requests.<any(json,xml):_format>")
@limits.lodging(limits.was_made)
@anyone
def post(_format: str) -> Page:
    """File a complaint. Sent again with the same ``Idempotency-Key``, which the standard lacks, it is the same one."""
    if request.files:
        raise Refused("files cannot be taken here; add them with the access code: POST /api/v1/complaints/NUMBER/files")
    now, settings = house().clock(), house().settings
    with house().writers.begin() as db:
        office = _office(db)
        code = request.form.get("service_code", "")
        if not code:
            raise Refused("service_code was not provided")
        entry = _entry(db, office, code)
        form = _form(entry)
        check_form(tidy(form), today=today())
        lodged = lodge_complaint(
            db, form, office=office, entry_id=entry.id if entry else None, shelf=house().shelf, now=now,
            secret_key=settings.secret_key, cutoff=settings.cutoff,
        )  # fmt: skip
        g.lodged = lodged.is_new
        number, due_on = lodged.complaint.tracking_number, lodged.complaint.due_on
    page = f"{settings.base_url}{url_for('citizen.track', number=number)}"
    notice = f"{word('column', 'due_on', g.language)}: {day_text(due_on, g.language)}. {page}"
    made = {
        "service_request_id": number, "service_notice": notice, "account_id": "", "access_code": lodged.access_code,
    }  # fmt: skip
    return _told([made], root="service_requests", item="request", status=201)


def _form(entry: CharterEntry | None) -> ComplaintForm:
    """The form from the standard's fields and our attributes; raises InvalidInput."""
    typed = {key: value for key, value in request.form.items() if "\x00" not in value}
    attributes = {
        key.removeprefix("attribute[").removesuffix("]"): v for key, v in typed.items() if key.startswith("attribute[")
    }
    problems: dict[str, str] = {}
    ground = read_choice(Ground, attributes, "ground", problems) if "ground" in attributes else Ground.OTHER
    proposed = PROPOSED_KIND[entry.category] if entry else Kind.PUBLIC
    kind = read_choice(Kind, attributes, "kind", problems) if "kind" in attributes else proposed
    applied_on = read_day({"day": attributes.get("applied_on", "").partition("T")[0]}, "day", problems)
    if ground is Ground.LATE and entry is not None and applied_on is None:
        problems.setdefault("attribute[applied_on]", "required")
    if problems:
        raise InvalidInput(problems)
    name = " ".join(part for part in (typed.get("first_name", ""), typed.get("last_name", "")) if part.strip())
    phone, email = typed.get("phone", ""), typed.get("email", "")
    description = "\n".join(part for part in (typed.get("description", ""), typed.get("media_url", "")) if part.strip())
    subject = description.strip().splitlines()[0][:120] if description.strip() else ""
    given = request.headers.get("Idempotency-Key", "")
    said = "\x1f".join([given or new_token(), *(f"{key}={value}" for key, value in sorted(typed.items()))])
    return ComplaintForm(
        form_key=hashlib.sha256(said.encode(errors="replace")).hexdigest()[:48],
        kind=kind or proposed,
        ground=ground or Ground.OTHER,
        language=g.language,
        applied_on=applied_on,
        service_reference=attributes.get("service_reference", ""),
        subject=subject,
        description=description,
        remedy=attributes.get("remedy", ""),
        is_anonymous=not (name or phone or email),
        name=name,
        mobile=read_mobile(phone) or phone,
        email=email,
        present_address=typed.get("address_string", ""),
    )


# -- requests ------------------------------------------------------------------------------------------------------


@blueprint.get("/requests/<number>.<any(json,xml):_format>")
@limits.guarded_by_code
@anyone
def one(number: str, _format: str) -> Page:
    """How a request stands, for who sends its ``access_code``."""
    with house().readers() as db:
        _check_code(db, number)
        found = _status(story_for_complainant(db, read_digits(number), shelf=house().shelf).complaint)
    return _told([found], root="service_requests", item="request")


@blueprint.get("/tokens/<number>.<any(json,xml):_format>")
@limits.guarded_by_code
@anyone
def token(number: str, _format: str) -> Page:
    """The request of a token: ours are numbered at once, so that both are the same."""
    with house().readers() as db:
        _check_code(db, number)
    told = {"service_request_id": read_digits(number), "token": read_digits(number)}
    return _told([told], root="service_requests", item="request")


def _check_code(db: Any, number: str) -> None:
    if not has_code(db, read_digits(number), request.args.get("access_code", "")):
        raise NotFound("request", number)


def _by_key() -> str:
    return f"token:{token_hash(request.args.get('api_key', ''))[:16]}"


@blueprint.get("/requests.<any(json,xml):_format>")
@limits.limiter.limit(OFTEN, key_func=_by_key)
@anyone
def requests(_format: str) -> Page:
    """The requests at the desk of a program, by its ``api_key``: who else asks would learn who complained when.

    Two hundred at most; where there are more, ``Link`` has the address of the next (RFC 8288), for the standard knows
    no pages.
    """
    asked = request.args
    with house().readers() as db:
        machine = bearer(db, asked.get("api_key", ""), now=house().clock())
        if machine is None or Scope.READ not in machine.scopes:
            raise Unauthorized
        status = asked.get("status", "")
        code = read_number(asked.get("service_code", ""))
        shown = Shown(is_open={"open": True, "closed": False}.get(status), services=[code] if code is not None else ())
        scope = and_(at_posts([machine.post.id]), ~is_about(machine.desk), *_chosen(asked))
        lines = listed(db, scope, shown, after=page_key(asked.get("after", "")), limit=MOST_LISTED + 1)
        found = [_status(complaint) for complaint in lines[:MOST_LISTED]]
    note_use_of(machine)
    answer = _told(found, root="service_requests", item="request")
    if len(lines) > MOST_LISTED:
        last = lines[MOST_LISTED - 1]
        following = request.args.to_dict() | {"after": f"{last.due_on}~{last.id}"}
        following.pop("api_key", None)  # no secret in what is passed on
        answer.headers["Link"] = f'<{request.base_url}?{urlencode(following)}>; rel="next"'
    return answer


def _chosen(asked: Mapping[str, str]) -> Iterator[Any]:
    """By number, or by the span of days in which they came: the last ninety, without one."""
    numbers = [read_digits(number) for number in asked.get("service_request_id", "").split(",") if number]
    if numbers:
        yield Complaint.tracking_number.in_(numbers[:MOST_LISTED])
        return
    end = _instant(asked.get("end_date", ""), house().clock())
    start = _instant(asked.get("start_date", ""), end - SPAN)
    yield Complaint.filed_at.between(start, end)


def _instant(text: str, otherwise: datetime) -> datetime:
    if not text:
        return otherwise
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text[:40]!r} is no date such as 2026-01-31T00:00:00+06:00") from None
    if found.year not in YEARS:
        raise Refused(f"the year of {text[:40]!r} is not between {YEARS[0]} and {YEARS[-1]}")
    return found if found.tzinfo is not None else found.replace(tzinfo=DHAKA)


def _status(complaint: Complaint) -> dict[str, Any]:
    """A request without its text, its place and its sender."""
    is_closed = complaint.stage is Stage.DISPOSED
    told = word("stage", complaint.stage, g.language)
    if complaint.outcome is not None:
        told = word("outcome", complaint.outcome, g.language)
    updated = complaint.disposed_at or complaint.filed_at
    name = complaint.office.name_bn if g.language == "bn" else complaint.office.name_en
    return {
        "service_request_id": complaint.tracking_number,
        "status": "closed" if is_closed else "open",
        "status_notes": told,
        "service_name": complaint.entry.name if complaint.entry else word("ground", complaint.ground, g.language),
        "service_code": str(complaint.charter_entry_id or OTHER),
        "description": None,
        "agency_responsible": name,
        "service_notice": None,
        "requested_datetime": complaint.filed_at.astimezone(DHAKA).isoformat(timespec="seconds"),
        "updated_datetime": updated.astimezone(DHAKA).isoformat(timespec="seconds"),
        "expected_datetime": datetime.combine(complaint.due_on, LAST_MOMENT, DHAKA).isoformat(),
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": None,
        "long": None,
        "media_url": None,
    }
