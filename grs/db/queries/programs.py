"""The programs that are told what happens at a desk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from grs.db.machines import MachineToken, Webhook
from grs.db.sets import among


@dataclass(frozen=True, slots=True)
class Listener:
    """A program, and the desk whose complaints it is told about."""

    token_id: int
    post_id: int
    name: str
    address: str


def listeners_at(session: Session, post_ids: Collection[int], today: date) -> list[Listener]:
    """Who is told what happens at these desks: those with a living token and an address that answers."""
    query = (
        select(MachineToken.id, MachineToken.post_id, MachineToken.name, Webhook.address)
        .join(Webhook, Webhook.token_id == MachineToken.id)
        .where(
            Webhook.stopped_at.is_(None),
            MachineToken.ended_at.is_(None),
            MachineToken.expires_on >= today,
            among(MachineToken.post_id, post_ids),
        )
        .order_by(MachineToken.id)
    )
    return [Listener(*row) for row in session.execute(query)]
