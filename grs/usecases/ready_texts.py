"""Ready texts: what an office writes often, by action; those shipped in config/ready_texts.toml beside its own."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from grs.db.desks import ReadyText
from grs.domain.bangla import normalise
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.lodging import printable
from grs.domain.workflow import Action
from grs.settings import CONFIG
from grs.usecases.acting import required

LONGEST_TITLE = 100
FIELDS: dict[Action, str] = {
    Action.FORWARD: "reason",
    Action.REJECT: "reasons",
    Action.ASK_OPINION: "question",
    Action.ORDER_SERVICE: "text",
    Action.INVESTIGATE: "text",
    Action.CALL_HEARING: "place",
    Action.RECORD_HEARING: "minutes",
    Action.REPLY: "reason",
    Action.WRITE: "text",
    Action.DISPOSE: "reasons",
    Action.RECOMMEND: "text",
}
"""The actions that take a ready text, and the field it goes into."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A text to insert. ``key`` names it among those of its action."""

    key: str
    action: Action
    title: str
    body: str


@cache
def shipped_texts(path: Path = CONFIG / "ready_texts.toml") -> tuple[Ready, ...]:
    """The texts that every office has from the start."""
    found = tomllib.loads(path.read_text("utf-8"))
    return tuple(
        Ready(f"shipped-{action}-{n}", Action(action), one["title"], one["body"].strip())
        for action, texts in found.items()
        for n, one in enumerate(texts)
    )


def texts_for(session: Session, office_id: int) -> dict[Action, list[Ready]]:
    """An office's own texts, then the shipped ones, by action."""
    own = session.scalars(select(ReadyText).where(ReadyText.office_id == office_id).order_by(ReadyText.title))
    found: dict[Action, list[Ready]] = {}
    for text in [*(Ready(str(one.id), one.action, one.title, one.body) for one in own), *shipped_texts()]:
        found.setdefault(text.action, []).append(text)
    return found


def own_texts(session: Session, office_ids: Collection[int]) -> Sequence[ReadyText]:
    """The texts of some offices, to change them."""
    query = select(ReadyText).options(joinedload(ReadyText.office)).where(ReadyText.office_id.in_(office_ids))
    return session.scalars(query.order_by(ReadyText.office_id, ReadyText.action, ReadyText.title)).all()


def keep_text(
    session: Session,
    office_ids: Collection[int],
    *,
    office_id: int | None,
    action: Action,
    title: str,
    body: str,
    text_id: int | None = None,
) -> ReadyText:
    """Add a text to one of one's offices, or change one of theirs. Raises InvalidInput or NotFound."""
    if action not in FIELDS:
        raise InvalidInput({"action": "choose_one"})
    title = normalise(printable(title))
    if not title:
        raise InvalidInput({"title": "required"})
    if len(title) > LONGEST_TITLE:
        raise InvalidInput({"title": "too_long"})
    body = required(body, "body")
    if text_id is None:
        if office_id not in office_ids:
            raise InvalidInput({"office": "choose_one"})
        text = ReadyText(office_id=office_id, action=action, title=title, body=body)
        session.add(text)
        return text
    text = _own(session, office_ids, text_id)
    text.action, text.title, text.body = action, title, body
    return text


def drop_text(session: Session, office_ids: Collection[int], text_id: int) -> None:
    """Delete a text of one of one's offices."""
    session.delete(_own(session, office_ids, text_id))


def _own(session: Session, office_ids: Collection[int], text_id: int) -> ReadyText:
    text = session.get(ReadyText, text_id)
    if text is None or text.office_id not in office_ids:
        raise NotFound("text", text_id)
    return text
