"""The complaints at one desk, for the program of its officer: read them, and do what the workflow allows."""

from __future__ import annotations

import re
from typing import Any

from flask import g
from marshmallow import fields, validate
from sqlalchemy import and_

from grs.db.complaints import Complaint
from grs.db.queries.complaints import Shown, at_posts
from grs.db.queries.complaints import listed as complaints_listed
from grs.domain.bangla import search_words
from grs.domain.errors import ChangedMeanwhile, NotFound, NotYours
from grs.domain.lodging import ASSISTED_CHANNELS, LONGEST_FORM_NUMBER, read_assistance
from grs.domain.machines import Scope
from grs.domain.tiers import Tier
from grs.domain.workflow import Action, Stage
from grs.usecases.sent_requests import is_first
from grs.usecases.standing import is_about
from grs.usecases.workbench import Workbench, open_workbench, readable
from grs.web.api.complaints import (
    ComplainantInput,
    KeyHeader,
    NewComplaint,
    again_if_twice,
    facts_of,
    file_form,
)
from grs.web.api.room import PageQuery, Shape, Text, Topic, listed, page_of, today
from grs.web.api.shapes import ComplaintShape, ReceiptShape, ServiceShape, ShortOffice, word_of
from grs.web.api.tokens import at_work, machine
from grs.web.doors import house
from grs.web.officer.complaints import ACTS
from grs.web.officer.desk import page_key

topic = Topic("queue", __name__, description="A desk's complaints, for the program of its officer.")


class Line(Shape):
    """A complaint on a list."""

    tracking_number = fields.String(required=True)
    subject = fields.String(required=True)
    stage = word_of(Stage)
    tier = word_of(Tier)
    service = fields.Nested(ServiceShape, attribute="entry", required=True, allow_none=True)
    filed_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    is_provisional = fields.Boolean(required=True)


class QueueQuery(PageQuery):
    overdue = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})
    stage = fields.Enum(
        Stage, by_value=True, load_default=None, metadata={"description": "Without it all that are open."}
    )
    q = Text(load_default="", validate=validate.Length(max=100))


@topic.route("/queue")
@topic.arguments(QueueQuery, location="query")
@topic.response(200, listed("Queue", Line))
@machine(Scope.READ)
def queue(asked: dict[str, Any]) -> Any:
    """The desk's complaints, soonest due first"""
    me = at_work()
    shown = Shown(
        is_open=asked["stage"] is not Stage.DISPOSED,
        stage=asked["stage"],
        overdue_on=today() if asked["overdue"] else None,
        words=search_words(asked["q"]),
    )
    scope = and_(at_posts([me.post.id]), ~is_about(me.desk))
    with house().readers() as db:
        found = complaints_listed(db, scope, shown, after=page_key(asked["after"]), limit=asked["limit"] + 1)
    values = {name: _spelt(value) for name, value in asked.items() if value not in (None, False)}
    return page_of(found, values | {"limit": asked["limit"]}, key=lambda one: f"{one.due_on}~{one.id}")


def _spelt(value: object) -> object:
    return "true" if value is True else value


class AllowedShape(Shape):
    """What can be done now, and whom or what the forms may name."""

    actions = fields.List(word_of(Action), required=True)
    posts = fields.List(fields.Nested(Shape.from_dict(
        {"id": fields.Integer(required=True), "title_bn": fields.String(required=True),
         "title_en": fields.String(required=True)}, name="Choice",
    )), required=True, metadata={"description": "For `to_post`."})  # fmt: skip
    offices = fields.List(
        fields.Nested(ShortOffice), required=True, metadata={"description": "Above, for `to_office` of recommend."}
    )
    due_on = fields.Date(required=True)


def bench_of(number: str) -> Workbench:
    """A complaint as the program at work may see it; raises NotFound or NotYours."""
    with house().readers() as db:
        bench = open_workbench(db, at_work().desk, number, shelf=house().shelf)
        _check_post(bench.story.complaint)
        return bench


def _check_post(complaint: Complaint) -> None:
    """Raise NotYours for what never lay at the token's post, whatever else its person has to do with it."""
    if at_work().post.id not in {stay.post_id for stay in complaint.assignments}:
        raise NotYours("queue")


def _state(complaint: Complaint) -> str:
    """A complaint is what its history says: the number of its steps, and the hash of the last."""
    return f"{complaint.step_count}-{complaint.head_hash[:16]}"


def _told(bench: Workbench) -> Any:
    return facts_of(bench.story), 200, {"ETag": f'"{_state(bench.story.complaint)}.{g.language}"'}


def _is_seen(sent: str, complaint: Complaint) -> bool:
    """Whether an If-Match is of the complaint as it stands, in whatever language and packing it was read."""
    state = re.split(r"[.:]", sent.strip().removeprefix("W/").strip('"'))[0]
    return state in ("*", _state(complaint))


@topic.route("/queue/<number>")
@topic.response(200, ComplaintShape)
@machine(Scope.READ)
def case(number: str) -> Any:
    """One complaint as its officer may read it, without who complained; its ETag is needed to act"""
    return _told(bench_of(number))


@topic.route("/queue/<number>/actions")
@topic.response(200, AllowedShape)
@machine(Scope.READ)
def actions(number: str) -> Any:
    """What the workflow allows now"""
    bench = bench_of(number)
    return {
        "actions": bench.actions,
        "posts": bench.choices.asked,
        "offices": bench.choices.above,
        "due_on": bench.story.complaint.due_on,
    }


class ActHeaders(KeyHeader):
    """The key of the request, and what the program has seen."""

    seen = fields.String(
        data_key="If-Match", required=True, validate=validate.Length(min=1, max=60),
        metadata={"description": "The ETag of the complaint as it was read."},
    )  # fmt: skip


class ActInput(Shape):
    """The fields of the form of that action, as people fill them in."""

    typed = fields.Dict(
        data_key="fields", keys=Text(validate=validate.Length(max=40)), load_default=dict,
        values=Text(validate=validate.Length(max=20_000)),
    )  # fmt: skip


@topic.route("/queue/<number>/actions/<action>", methods=["POST"])
@topic.arguments(ActHeaders, location="headers")
@topic.arguments(ActInput)
@topic.response(200, ComplaintShape)
@machine(Scope.ACT)
def act(headers: dict[str, Any], sent: dict[str, Any], number: str, action: str) -> Any:
    """Do what the workflow allows; in the name of the person who answers for the token

    The fields are those of the page's form. 412: the complaint has changed since it was read.
    """
    do, me = ACTS.get(action), at_work()
    if do is None:
        raise NotFound("action", action)

    def act_once() -> None:
        with house().writers.begin() as db:
            what = {"act": action, "number": number, "sent": sent["typed"]}
            if not is_first(db, sender=me.sender, key=headers["key"], what=what, now=house().clock()):
                return
            found = readable(db, me.desk, number)
            _check_post(found)
            if not _is_seen(headers["seen"], found):
                raise ChangedMeanwhile(number)
            do(db, me.desk, number, sent["typed"] | {"seen_steps": str(found.step_count)})

    again_if_twice(act_once)
    return _told(bench_of(number))


# -- filing for others -----------------------------------------------------------------------------------


class HelpedComplainant(ComplainantInput):
    """Who has no mobile leaves the address to which letters are posted."""

    mobile = Text(load_default="", validate=validate.Regexp(r"^(01[3-9][0-9]{8})?$"))


class HelpedComplaint(NewComplaint):
    """The form, and how it reached the office (G 6.1(জ))."""

    complainant = fields.Nested(HelpedComplainant, required=True, allow_none=True)
    channel = fields.String(required=True, validate=validate.OneOf([str(one) for one in ASSISTED_CHANNELS]))
    consent = fields.Boolean(
        required=True, truthy={True}, falsy={False}, metadata={"description": "The complainant has agreed."}
    )
    paper_received_on = fields.Date(load_default=None, allow_none=True)
    form_number = Text(load_default="", validate=validate.Length(max=LONGEST_FORM_NUMBER))


@topic.route("/assisted-complaints", methods=["POST"])
@topic.arguments(KeyHeader, location="headers")
@topic.arguments(HelpedComplaint)
@topic.response(201, ReceiptShape)
@machine(Scope.LODGE)
def lodge_for_somebody(headers: dict[str, Any], sent: dict[str, Any]) -> Any:
    """File for somebody, as a front desk, a digital centre or the call centre does"""
    me, paper = at_work(), sent["paper_received_on"]
    typed = {
        "channel": sent["channel"],
        "consent": "yes" if sent["consent"] else "no",
        "paper_received_on": paper.isoformat() if paper else "",
        "form_number": sent["form_number"],
    }
    assistance = read_assistance(typed, operator_id=me.desk.person_id, office_id=me.post.office_id, today=today())
    return again_if_twice(lambda: file_form(headers["key"], sent, sender=me.sender, assistance=assistance))
