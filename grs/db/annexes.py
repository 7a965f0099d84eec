"""The monthly annex as it stood when its month ended: what came later shows beside it, never in it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from grs.db.base import Base


class FrozenMonth(Base):
    """A month that has ended and was frozen for every office, with the hash over all their annexes."""

    __tablename__ = "frozen_month"

    month: Mapped[date] = mapped_column(primary_key=True)
    frozen_at: Mapped[datetime]
    sha256: Mapped[str] = mapped_column(String(64))


class FrozenAnnex(Base):
    """One office's annex of a frozen month. An office without a row had nothing to report.

    ``facts`` is canonical JSON: by tracking number and stay, what each case was counted as. The figures
    follow from it, and ``sha256`` is its hash.
    """

    __tablename__ = "frozen_annex"
    __table_args__ = (Index("ix_frozen_annex_month", "month"),)

    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"), primary_key=True)
    month: Mapped[date] = mapped_column(ForeignKey("frozen_month.month"), primary_key=True)
    facts: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
