"""The calendar as it was announced: rows are superseded, never deleted (rule 8)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from grs.db.base import Base, Word
from grs.domain.calendar import CalendarRow, Certainty, RowKind


class CalendarDay(Base):
    """What was declared of one day for the nation, a district or an office."""

    __tablename__ = "calendar_day"
    __table_args__ = (Index("ix_calendar_day_day_scope", "day", "scope"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    kind: Mapped[RowKind] = mapped_column(Word(RowKind))
    scope: Mapped[str] = mapped_column(String(120))
    name_bn: Mapped[str] = mapped_column(String(300))
    name_en: Mapped[str] = mapped_column(String(300))
    reference: Mapped[str] = mapped_column(Text)
    certainty: Mapped[Certainty] = mapped_column(Word(Certainty))
    announced_on: Mapped[date | None]
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("calendar_day.id"))

    def as_row(self) -> CalendarRow:
        return CalendarRow(
            day=self.day,
            kind=self.kind,
            scope=self.scope,
            name_bn=self.name_bn,
            name_en=self.name_en,
            reference=self.reference,
            certainty=self.certainty,
            announced_on=self.announced_on,
        )


class CalendarChange(Base):
    """An import that changed rows; open until the due dates have been counted again.

    ``looked_at`` of ``total`` open complaints have been; the other counts say what that moved.
    """

    __tablename__ = "calendar_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    reference: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime | None]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    total: Mapped[int] = mapped_column(default=0, server_default="0")
    looked_at: Mapped[int] = mapped_column(default=0, server_default="0")
    moved: Mapped[int] = mapped_column(default=0, server_default="0")
    earlier: Mapped[int] = mapped_column(default=0, server_default="0")
    later: Mapped[int] = mapped_column(default=0, server_default="0")
    newly_overdue: Mapped[int] = mapped_column(default=0, server_default="0")

    @property
    def is_counted(self) -> bool:
        """Whether every open complaint has been counted again; it is looked over once more before it is settled."""
        return self.applied_at is not None or (self.total > 0 and self.looked_at >= self.total)
