"""Programs that ask for somebody: their tokens, and what they have sent already."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base
from grs.db.offices import Person, Post


class MachineToken(Base):
    """A program's key to one post of the person who answers for it; only its hash is kept."""

    __tablename__ = "machine_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_on: Mapped[date]
    last_used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    person: Mapped[Person] = relationship()
    post: Mapped[Post] = relationship()
    webhook: Mapped[Webhook | None] = relationship(back_populates="token")


class Webhook(Base):
    """Where a token's program is told what happens at its desk.

    Its signing secret follows from ``salt`` and the installation's own secret; ``stopped_at`` is when it was
    given up, because for two days nobody thanked there.
    """

    __tablename__ = "webhook"

    token_id: Mapped[int] = mapped_column(ForeignKey("machine_token.id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(254))
    salt: Mapped[str] = mapped_column(String(40))
    set_at: Mapped[datetime]
    thanked_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    token: Mapped[MachineToken] = relationship(back_populates="webhook")


class SentRequest(Base):
    """A request by the key that its sender gave it: sent again it is answered, not done again.

    ``digest`` is of what was sent, so that a key is never taken for another request's.
    """

    __tablename__ = "sent_request"
    __table_args__ = (Index("ix_sent_request_sent_at", "sent_at"),)

    sender: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    sent_at: Mapped[datetime]
