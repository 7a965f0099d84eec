"""How people reach their own complaints without a password: by code, by having filed it, by a one-time link."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from grs.db.base import Base, BigKey


class AccessLink(Base):
    """A link that was asked for. It works once, for a while; ``address`` is an e-mail address or a mobile number."""

    __tablename__ = "access_link"
    __table_args__ = (Index("ix_access_link_address_created_at", "address", "created_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    salt: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class OpenedComplaint(Base):
    """A complaint that a browser has opened by its code or filed itself.

    The cookie holds a random token, the table only its hash: what is closed here is closed in every
    copy of the cookie. ``can_act`` is false for an operator, who only gets the receipt.
    """

    __tablename__ = "opened_complaint"
    __table_args__ = (Index("ix_opened_complaint_opened_at", "opened_at"),)

    visit_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    opened_at: Mapped[datetime]
    can_act: Mapped[bool]
    shows_receipt: Mapped[bool]
