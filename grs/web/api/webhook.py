"""Where a desk's program is told what happens there."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from grs.domain.machines import LONGEST_ADDRESS, WEBHOOK_ADDRESS, Scope
from grs.usecases.webhooks import end_webhook, set_webhook, webhook_of
from grs.web.api.room import Shape, Text, Topic
from grs.web.api.tokens import at_work, machine
from grs.web.doors import house

topic = Topic("webhook", __name__, description="Be told what happens at a desk instead of asking.")


class WebhookInput(Shape):
    """Where to call; by POST, and nobody who is sent elsewhere follows."""

    address = Text(
        required=True,
        validate=[validate.Length(max=LONGEST_ADDRESS), validate.Regexp(WEBHOOK_ADDRESS)],
        metadata={"description": "Over TLS, at a public address."},
    )


class WebhookShape(Shape):
    """An address that is called. ``stopped_at``: it was given up, because for two days nobody thanked."""

    address = fields.String(required=True)
    set_at = fields.AwareDateTime(required=True)
    stopped_at = fields.AwareDateTime(required=True, allow_none=True)


class NewWebhookShape(WebhookShape):
    """With the secret that signs the calls, in this answer only."""

    secret = fields.String(required=True, metadata={"description": "As Standard Webhooks libraries take it."})


@topic.route("/webhook")
@topic.response(200, WebhookShape)
@machine(Scope.READ)
def shown() -> Any:
    """The address of this token's program"""
    with house().readers() as db:
        return webhook_of(db, at_work())


@topic.route("/webhook", methods=["PUT"])
@topic.arguments(WebhookInput)
@topic.response(200, NewWebhookShape)
@machine(Scope.READ)
def put(sent: dict[str, Any]) -> Any:
    """Be called there from now on; the answer has a new secret, the first call is a `ping`

    Calls follow Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`. The body has `type`
    (`complaint.escalated`), `timestamp` and `data`: number, step, and whether the complaint is at this desk now.
    Not thanked (2xx) within ten seconds it comes again, for two days; the same event may come twice.
    """
    with house().writers.begin() as db:
        secret = set_webhook(
            db, at_work(), sent["address"], now=house().clock(), secret_key=house().settings.checked_secret
        )  # fmt: skip
        found = webhook_of(db, at_work())
        return {"address": found.address, "set_at": found.set_at, "stopped_at": found.stopped_at, "secret": secret}


@topic.route("/webhook", methods=["DELETE"])
@topic.response(204)
@machine(Scope.READ)
def end() -> None:
    """Be told nothing more, not even what waits"""
    with house().writers.begin() as db:
        end_webhook(db, at_work())
