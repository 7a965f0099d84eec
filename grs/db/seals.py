"""The daily seal over the ends of all histories."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from grs.db.base import Base, BigKey


class Seal(Base):
    """One day's seal. ``root`` is the hash over the seal before and the ends that have moved since.

    Mailed and published, so that whoever rewrites this table too is found out by anybody who kept a root.
    """

    __tablename__ = "seal"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(unique=True)
    made_at: Mapped[datetime]
    complaints: Mapped[int]
    root: Mapped[str] = mapped_column(String(64))


class SealedHead(Base):
    """The end of one complaint's history as a seal found it, where it had moved since the seal before."""

    __tablename__ = "sealed_head"
    __table_args__ = (Index("ix_sealed_head_complaint_id", "complaint_id", "seal_id"),)

    seal_id: Mapped[int] = mapped_column(ForeignKey("seal.id"), primary_key=True)
    complaint_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    tracking_number: Mapped[str] = mapped_column(String(12))
    step_count: Mapped[int]
    head_hash: Mapped[str] = mapped_column(String(64))
