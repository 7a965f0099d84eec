"""One-time links by which people reach their own complaints without a password."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
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
