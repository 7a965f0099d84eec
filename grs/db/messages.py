"""The outbox: letters are rows first, written in the transaction of the act (decision 5)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, Index, SmallInteger, String, Text, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Word


class MessageChannel(StrEnum):
    """How a message leaves."""

    EMAIL = "email"
    SMS = "sms"
    PAPER = "paper"
    EVENT = "event"  # to a program, which asked to be told


class MessageState(StrEnum):
    """Queued until it is sent, given up loudly, or told in one letter with others; all three are final.

    Paper waits until an officer posts it. Held ones were waiting when a backup was made: whether they left
    since nobody knows, so an administrator decides.
    """

    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"
    TO_POST = "to_post"
    BUNDLED = "bundled"
    HELD = "held"


class Message(Base):
    """One letter or SMS to one address for one cause.

    ``key`` names the cause and the recipient, so that nothing is queued twice for one cause.
    ``parts`` is what an SMS cost: how many the network sent it in.
    ``cause`` is the request or the round of a job that wrote it, as the logs name it.
    ``facts`` holds what the letter says where it does not follow from the step that caused it.
    ``next_try_at`` of a message that a worker is sending lies past the time it may take.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index(
            "ix_message_next_try_at",
            "next_try_at",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        Index("ix_message_complaint_id", "complaint_id"),
        # The few that were given up: told to supervisors each morning.
        Index(
            "ix_message_complaint_id_dead",
            "complaint_id",
            postgresql_where=text("state = 'dead'"),
            sqlite_where=text("state = 'dead'"),
        ),
        # What an officer got today; rows enter it when they are sent.
        Index(
            "ix_message_to_address_sent_at",
            "to_address",
            "sent_at",
            postgresql_where=text("sent_at IS NOT NULL"),
            sqlite_where=text("sent_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    complaint_id: Mapped[int | None] = mapped_column(ForeignKey("complaint.id"))
    step_sequence: Mapped[int | None]
    letter: Mapped[str] = mapped_column(String(40))
    channel: Mapped[MessageChannel] = mapped_column(Word(MessageChannel))
    language: Mapped[str] = mapped_column(String(2))
    to_name: Mapped[str] = mapped_column(String(200))
    to_address: Mapped[str] = mapped_column(String(254))
    facts: Mapped[str | None] = mapped_column(Text)
    queued_at: Mapped[datetime]
    state: Mapped[MessageState] = mapped_column(Word(MessageState), default=MessageState.QUEUED)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    parts: Mapped[int | None] = mapped_column(SmallInteger)
    cause: Mapped[str | None] = mapped_column(String(40))


def is_queued() -> ColumnElement[bool]:
    """The message waits to leave: written out, not bound, so that the index of waiting ones is used."""
    return Message.state == bindparam(None, MessageState.QUEUED, Message.state.type, literal_execute=True)


def is_given_up() -> ColumnElement[bool]:
    """The message could not be sent for good: written out likewise."""
    return Message.state == bindparam(None, MessageState.DEAD, Message.state.type, literal_execute=True)


class Posting(Base):
    """A letter that a desk prints and posts."""

    __tablename__ = "posting"
    __table_args__ = (Index("ix_posting_post_id_posted_on_written_on", "post_id", "posted_on", "written_on"),)

    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    written_on: Mapped[date]
    posted_on: Mapped[date | None]
    message: Mapped[Message] = relationship()
