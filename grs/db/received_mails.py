"""Mails that were read: known again, so that each is taken once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from grs.db.base import Base, Word
from grs.domain.replies import Fate


class ReceivedMail(Base):
    """A mail by its key, and what became of it; never what it said."""

    __tablename__ = "received_mail"
    __table_args__ = (
        Index("ix_received_mail_received_at", "received_at"),
        Index("ix_received_mail_complaint_id_received_at", "complaint_id", "received_at"),
    )

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    received_at: Mapped[datetime]
    fate: Mapped[Fate] = mapped_column(Word(Fate))
    complaint_id: Mapped[int | None] = mapped_column(ForeignKey("complaint.id"))
