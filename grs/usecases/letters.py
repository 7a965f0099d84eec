"""What a letter says: its own facts, its step's, its complaint's, and the names behind numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grs.db.complaints import Complaint, Step
from grs.db.messages import Message, MessageChannel
from grs.db.offices import Office, Post
from grs.settings import Settings
from grs.usecases.secrets import access_code_of, sealed


def with_secrets(facts: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The facts with the addresses and the code that no row holds; made when the letter leaves.

    On paper a receipt has no code: who prints and posts it is not the complainant.
    """
    found = {"access_code": "", **facts, "base_url": settings.base_url}
    if "form_identity" in found:
        found["access_code"] = access_code_of(found.pop("form_identity"), settings.checked_secret)
    for purpose, path in SEALED_PATHS.items():
        if purpose in found:
            seal = sealed(purpose, found[purpose], found["salt"], settings.checked_secret)
            found["link"] = f"{settings.base_url}{path}{seal}"
    return found


SEALED_PATHS = {"draft": "/forms/", "access_link": "/my-complaints/", "account_link": "/account/links/"}
"""Where a sealed name leads, by its purpose."""


def facts_of(session: Session, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The facts of each letter: its own, its step's, its complaint's, and the names behind numbers."""
    ids = {message.complaint_id for message in messages if message.complaint_id is not None}
    complaints = {
        complaint.id: complaint
        for complaint in session.scalars(
            select(Complaint)
            .options(joinedload(Complaint.entry), joinedload(Complaint.charter), joinedload(Complaint.complainant))
            .where(Complaint.id.in_(ids))
        )
    }
    steps = {
        (step.complaint_id, step.sequence): json.loads(step.details)
        for step in session.scalars(
            select(Step).where(
                Step.complaint_id.in_(ids),
                Step.sequence.in_({m.step_sequence for m in messages if m.step_sequence is not None}),
            )
        )
    }
    # A message without facts of its own was caused by a step, so it has a complaint and a sequence.
    # The type checker cannot know that.
    details: list[dict[str, Any]] = [
        json.loads(message.facts) if message.facts else dict(steps[message.complaint_id, message.step_sequence])  # type: ignore[index]
        for message in messages
    ]
    names = _Names(session, details, complaints)
    return [
        names.spell_out(message, found) | {"to_name": message.to_name}
        for message, found in zip(messages, details, strict=True)
    ]


ENDS = ("from_post", "to_post", "asked_post")
"""The posts that a step can name."""


class _Names:
    """Posts and offices by number, as a batch of letters needs them."""

    def __init__(self, session: Session, details: list[dict[str, Any]], complaints: dict[int, Complaint]) -> None:
        self._complaints = complaints
        posts = {d[key] for d in details for key in ENDS if d.get(key)}
        posts |= {complaint.post_id for complaint in complaints.values()}
        self._posts = {post.id: post for post in session.scalars(select(Post).where(Post.id.in_(posts)))}
        offices = {post.office_id for post in self._posts.values()}
        offices |= {complaint.charter.office_id for complaint in complaints.values()}
        self._offices = {o.id: o for o in session.scalars(select(Office).where(Office.id.in_(offices)))}

    def spell_out(self, message: Message, details: dict[str, Any]) -> dict[str, Any]:
        found = dict(details)
        complaint = self._complaints.get(message.complaint_id or 0)
        if complaint is not None:
            found |= {
                "tracking_number": complaint.tracking_number,
                "service": complaint.entry.name if complaint.entry else None,
                "office": self._office(complaint.charter.office_id, message.language),
                "tier": int(complaint.tier),
            }
            who = complaint.complainant
            found["is_complainants"] = who is not None and who.email == message.to_address != ""
            found.setdefault("from_post", complaint.post_id)
            if message.letter == "receipt" and message.channel is not MessageChannel.PAPER:
                found["form_identity"] = complaint.form_identity
        for end in ENDS:
            if post_id := found.get(end):
                post = self._posts[post_id]
                found[end] = post.title_bn if message.language == "bn" else post.title_en
                found[end.replace("_post", "_office")] = self._office(post.office_id, message.language)
        return found

    def _office(self, office_id: int, language: str) -> str:
        office = self._offices[office_id]
        return office.name_bn if language == "bn" else office.name_en
