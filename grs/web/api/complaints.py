"""File a complaint, follow it, and what its complainant may do: by tracking number and access code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from flask import g, url_for
from marshmallow import fields, validate
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grs.domain.calendar import YEARS
from grs.domain.errors import InvalidInput, NotYours
from grs.domain.history import canonical
from grs.domain.lodging import LANGUAGES, LONGEST, Assistance, ComplaintForm, Ground, Kind, check_form, tidy
from grs.domain.tiers import About, Tier
from grs.domain.tracking import read_digits
from grs.domain.workflow import StepKind
from grs.usecases.appeals import LONGEST_GROUNDS, appeal_complaint
from grs.usecases.correspondence import LONGEST_TEXT, SCORES, add_information, rate, withdraw
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.receipts import receipt_of
from grs.usecases.sent_requests import is_first
from grs.usecases.stories import Story, StoryLine, has_code, story_for_complainant
from grs.web import limits
from grs.web.api.room import Shape, Text, Topic, reads, today
from grs.web.api.shapes import ComplaintShape, ReceiptShape
from grs.web.doors import house
from grs.web.protection import anyone
from grs.words import word

topic = Topic("complaints", __name__, description="File a complaint and follow it, without an account.")

STRANGER = "anyone"
"""The sender of a request without a token; keys are random, so that strangers do not meet."""
WITH_CODE: list[dict[str, list[str]]] = [{"access_code": []}]
Done = TypeVar("Done")


class WrongCode(NotYours):
    """Number and code do not belong together; never which of the two is wrong."""

    code = "wrong_code"


class KeyHeader(Shape):
    """The name that the sender gives a request: sent again with it, it is done once."""

    key = fields.String(
        data_key="Idempotency-Key", required=True, validate=validate.Regexp(r"^[A-Za-z0-9_-]{20,64}$"),
        metadata={"description": "20 to 64 random letters and digits, such as a UUID; known for seven days."},
    )  # fmt: skip


class CodeHeader(Shape):
    """The secret of the receipt."""

    code = Text(
        data_key="Access-Code", required=True, validate=validate.Length(min=1, max=40),
        metadata={"description": "The access code of the receipt."},
    )  # fmt: skip


READABLE = r"(?s)^.*[!-~\u00c0-\u167f]"


def _text(longest: int, *, required: bool = False, **more: Any) -> Text:
    """A text of people, in the words of the form; what is needed holds a sign that can be read."""
    if required:
        return Text(required=True, validate=[validate.Length(min=1, max=longest), validate.Regexp(READABLE)], **more)
    return Text(load_default="", validate=validate.Length(max=longest), **more)


class SomebodyElse(Shape):
    """For whom it is filed (G 6.1(চ))."""

    name = _text(LONGEST["on_behalf_of"], required=True)
    relation = _text(LONGEST["relation"], required=True)


class ComplainantInput(Shape):
    """Who complains; never shown but to those who must know (G 6.1)."""

    name = _text(LONGEST["name"], required=True)
    mobile = Text(
        required=True, validate=validate.Regexp(r"^01[3-9][0-9]{8}$"), metadata={"description": "Eleven ASCII digits."}
    )
    email = Text(load_default="", validate=validate.Length(max=LONGEST["email"]))
    identity_number = _text(LONGEST["identity_number"])
    present_address = _text(LONGEST["present_address"])
    permanent_address = _text(LONGEST["permanent_address"])
    on_behalf_of = fields.Nested(SomebodyElse, load_default=None, allow_none=True)


class NewComplaint(Shape):
    """The form (annex ক-১)."""

    office = Text(required=True, validate=validate.Length(min=1, max=80), metadata={"description": "An office's slug."})
    service = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(min=1, max=2_147_483_647),
        metadata={"description": "The number of the promise that was broken; null: another matter."},
    )  # fmt: skip
    kind = fields.Enum(Kind, by_value=True, load_default=Kind.PUBLIC)
    ground = fields.Enum(Ground, by_value=True, required=True)
    about = fields.Enum(About, by_value=True, load_default=About.NOBODY)
    language = fields.String(load_default="bn", validate=validate.OneOf(LANGUAGES))
    applied_on = fields.Date(
        load_default=None, allow_none=True,
        metadata={"description": "When the service was applied for; needed where one is late."},
    )  # fmt: skip
    service_reference = _text(LONGEST["service_reference"])
    subject = _text(LONGEST["subject"], required=True)
    description = _text(LONGEST["description"], required=True)
    remedy = _text(LONGEST["remedy"])
    complainant = fields.Nested(
        ComplainantInput, required=True, allow_none=True, metadata={"description": "null: without a name."}
    )


@topic.route("/complaints", methods=["POST"])
@topic.arguments(KeyHeader, location="headers")
@topic.arguments(NewComplaint)
@topic.response(201, ReceiptShape)
@limits.lodging(limits.was_made)
@anyone
def lodge(headers: dict[str, Any], sent: dict[str, Any]) -> Any:
    """File a complaint; the answer is its receipt

    The access code is in no other answer. The same request sent again gives the same receipt.
    """
    return again_if_twice(lambda: file_form(headers["key"], sent, sender=STRANGER))


def again_if_twice(do: Callable[[], Done]) -> Done:
    """Do it; where the same came at the same instant, wait for it and answer as it was answered."""
    try:
        return do()
    except IntegrityError:
        return do()


def file_form(key: str, sent: dict[str, Any], *, sender: str, assistance: Assistance | None = None) -> Any:
    """File it and give the receipt; raises InvalidInput."""
    now, settings = house().clock(), house().settings
    # The form's name is of the whole request, so that nobody's key ever leads to somebody else's receipt.
    whole = canonical({"sender": sender, "key": key, "sent": sent})
    form = _form_of(hashlib.sha256(whole.encode()).hexdigest()[:48], sent, is_assisted=assistance is not None)
    with house().writers.begin() as db:
        # What is sent again is known by the form itself: it makes the same complaint and the same code.
        is_first(db, sender=sender, key=key, what=sent, now=now)
        lodged = lodge_complaint(
            db, form, office=find_office(db, sent["office"]), entry_id=sent["service"], shelf=house().shelf, now=now,
            secret_key=settings.secret_key, cutoff=settings.cutoff, assistance=assistance,
        )  # fmt: skip
        number, g.lodged = lodged.complaint.tracking_number, lodged.is_new
    with house().readers() as db:
        found = receipt_of(db, number, shelf=house().shelf, secret_key=settings.secret_key)
    return {
        "tracking_number": number,
        "access_code": found.access_code,
        "page": f"{settings.base_url}{url_for('citizen.track', number=number)}",
        "desk": found.desk,
        "due_on": found.due_on,
        "expected": [
            {
                "tier": Tier(one["tier"]),
                "office": one["slug"],
                "due_on": date.fromisoformat(one["due_on"]),
                "is_provisional": one["provisional"],
            }
            for one in found.expected
        ],
        "not_counted": found.skipped,
    }, {"Location": url_for("api_complaints.follow", number=number)}


TEXTS_OF_FORM = ("service_reference", "subject", "description", "remedy")


def _form_of(key: str, sent: dict[str, Any], *, is_assisted: bool) -> ComplaintForm:
    """The form as the use case takes it; raises InvalidInput."""
    who = sent["complainant"]
    for_whom = who["on_behalf_of"] if who else None
    contacts = {name: value for name, value in who.items() if name != "on_behalf_of"} if who else {}
    named = ("kind", "ground", "about", "language", "applied_on", *TEXTS_OF_FORM)
    form = ComplaintForm(
        form_key=key,
        is_anonymous=who is None,
        on_behalf_of=for_whom["name"] if for_whom else "",
        relation=for_whom["relation"] if for_whom else "",
        **{name: sent[name] for name in named},
        **contacts,
    )
    if form.applied_on is not None and form.applied_on.year not in YEARS:
        raise InvalidInput({"applied_on": "not_a_date"})
    if form.ground is Ground.LATE and form.applied_on is None and sent["service"] is not None:
        raise InvalidInput({"applied_on": "required"})
    check_form(tidy(form), today=today(), is_assisted=is_assisted)
    return form


@topic.route("/complaints/<number>")
@topic.arguments(CodeHeader, location="headers")
@topic.response(200, ComplaintShape)
@topic.doc(security=WITH_CODE)
@limits.guarded_by_code
@reads
@anyone
def follow(headers: dict[str, Any], number: str) -> Any:
    """With whom a complaint is, until when, and what happened"""
    check_code(number, headers["code"])
    return complaint_as_told(number)


def check_code(number: str, code: str) -> None:
    """Raise WrongCode unless both belong together."""
    with house().readers() as db:
        if not has_code(db, read_digits(number), code):
            raise WrongCode("complaint")


def complaint_as_told(number: str) -> dict[str, Any]:
    """A complaint whose code was checked, as its complainant may read it."""
    with house().readers() as db:
        return facts_of(story_for_complainant(db, read_digits(number), shelf=house().shelf))


class Information(Shape):
    text = _text(LONGEST_TEXT, required=True)


class Withdrawal(Shape):
    reason = _text(LONGEST_TEXT)


class Appeal(Shape):
    grounds = _text(LONGEST_GROUNDS, required=True)
    appellant = fields.Enum(Kind, by_value=True, load_default=None, metadata={"description": "In which capacity."})


class RatingInput(Shape):
    score = fields.Integer(required=True, strict=True, validate=validate.OneOf(list(SCORES)))
    comment = _text(LONGEST_TEXT)


def _route(act: str, shape: type[Shape]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What the acts of a complainant share: number and code, the key, the complaint as it stands afterwards."""

    def declare(do: Callable[[Session, str, dict[str, Any]], None]) -> Callable[..., Any]:
        def view(headers: dict[str, Any], sent: dict[str, Any], number: str) -> Any:
            check_code(number, headers["code"])

            def act_once() -> None:
                with house().writers.begin() as db:
                    what = {"act": act, "number": read_digits(number), "sent": sent}
                    if is_first(db, sender=STRANGER, key=headers["key"], what=what, now=house().clock()):
                        do(db, read_digits(number), sent)

            again_if_twice(act_once)
            return complaint_as_told(number)

        view.__name__ = view.__qualname__ = do.__name__
        view.__doc__ = do.__doc__
        view = limits.guarded_by_code(limits.limiter.limit(limits.CHANGES)(anyone(view)))
        view = topic.doc(security=WITH_CODE)(topic.response(200, ComplaintShape)(view))
        view = topic.arguments(ActHeaders, location="headers")(topic.arguments(shape)(view))
        topic.route(f"/complaints/<number>/{act}", methods=["POST"])(view)
        return do

    return declare


class ActHeaders(KeyHeader, CodeHeader):
    """The key of the request, and the secret of the receipt."""


@_route("information", Information)
def add(db: Session, number: str, sent: dict[str, Any]) -> None:
    """Tell the officer something more"""
    add_information(db, number, text=sent["text"], files=[], now=house().clock())


@_route("withdrawal", Withdrawal)
def take_back(db: Session, number: str, sent: dict[str, Any]) -> None:
    """Withdraw an open complaint"""
    withdraw(db, number, reason=sent["reason"], now=house().clock())


@_route("appeal", Appeal)
def appeal(db: Session, number: str, sent: dict[str, Any]) -> None:
    """Ask the next tier to decide, within a month of the result (G 6.2)"""
    appeal_complaint(
        db, number, grounds=sent["grounds"], shelf=house().shelf, now=house().clock(), appellant=sent["appellant"]
    )


@_route("rating", RatingInput)
def judge(db: Session, number: str, sent: dict[str, Any]) -> None:
    """Say what one thinks of the result, once"""
    rate(db, number, score=sent["score"], comment=sent["comment"], now=house().clock())


# -- as it is told -------------------------------------------------------------------------------------

TEXTS = ("reason", "reasons", "grounds", "question", "text", "comment", "advice")
"""The details of a step that somebody wrote; of the first one ``text`` is but a digest."""


def facts_of(story: Story) -> dict[str, Any]:
    """A complaint as its shape takes it."""
    found, stay = story.complaint, story.stay
    names = (
        "tracking_number", "kind", "ground", "subject", "description", "remedy", "filed_at", "stage", "tier",
        "due_on", "is_provisional", "outcome", "disposed_on",
    )  # fmt: skip
    return {name: getattr(found, name) for name in names} | {
        "office": found.charter.office,
        "service": found.entry,
        "desk": found.post,
        "received_on": stay.received_on,
        "limit": {"amount": stay.limit_amount, "unit": stay.limit_unit},
        "not_counted": story.skipped,
        "steps": [_step(line) for line in story.lines],
    }


def _step(line: StoryLine) -> dict[str, Any]:
    texts = [line.details[name] for name in TEXTS if line.details.get(name)]
    return {
        "kind": line.kind,
        "label": word("step", line.kind, g.language),
        "happened_at": line.happened_at,
        "from_post": line.from_post,
        "to_post": line.to_post,
        "due_on": date.fromisoformat(line.details["due_on"]) if line.details.get("due_on") else None,
        "texts": [] if line.kind is StepKind.LODGED else texts,
        "files": line.files,
    }
