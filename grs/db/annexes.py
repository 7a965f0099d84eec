"""The monthly annex: the cases as they stand now, and the lines of the months that have ended, frozen."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, SmallInteger, String, Text, and_, not_, text
from sqlalchemy.orm import Mapped, mapped_column

from grs.db.base import Base, Word
from grs.domain.annex import Intake, Standing
from grs.domain.disposal import Outcome, RootCause


class ReportedCase(Base):
    """What one office reports of one complaint, as it stands now: written with the stays it follows from.

    ``sequence`` is the stay with which it began, ``due_stay`` the one whose due date holds. ``decided_on`` and
    what follows it tell of the decision that stands; ``decided_in`` is its stay.
    """

    __tablename__ = "reported_case"
    __table_args__ = (
        # A month that runs: what is open, and what was decided since it began.
        Index("ix_reported_case_office_id_decided_on", "office_id", "decided_on"),
        Index("ix_reported_case_decided_on", "decided_on"),
        # What went up because its time ran out.
        Index(
            "ix_reported_case_began_on_own_motion",
            "began_on",
            postgresql_where=text("is_appeal AND NOT is_filed_appeal"),
            sqlite_where=text("is_appeal AND NOT is_filed_appeal"),
        ),
    )

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    is_appeal: Mapped[bool]
    is_filed_appeal: Mapped[bool]
    intake: Mapped[Intake] = mapped_column(Word(Intake))
    began_on: Mapped[date]
    forwarded_on: Mapped[date | None]
    due_stay: Mapped[int] = mapped_column(SmallInteger)
    due_on: Mapped[date]
    decided_on: Mapped[date | None]
    decided_in: Mapped[int | None] = mapped_column(SmallInteger)
    is_in_time: Mapped[bool]
    outcome: Mapped[Outcome | None] = mapped_column(Word(Outcome))
    root_cause: Mapped[RootCause | None] = mapped_column(Word(RootCause))


def is_own_motion() -> ColumnElement[bool]:
    """An appeal that was taken up because the time below ran out; spelt as its index is."""
    return and_(ReportedCase.is_appeal, not_(ReportedCase.is_filed_appeal))


class KeptOverview(Base):
    """The figures of a supervisor of so many cases that they are counted by a job: of which offices, over which months.

    ``scope`` is the hash of the offices' numbers, ``facts`` what the page shows, as JSON.
    """

    __tablename__ = "kept_overview"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[date] = mapped_column(primary_key=True)
    months: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    made_at: Mapped[datetime]
    facts: Mapped[str] = mapped_column(Text)


class FrozenMonth(Base):
    """A month that has ended and was frozen for every office, with the hash over all their annexes."""

    __tablename__ = "frozen_month"

    month: Mapped[date] = mapped_column(primary_key=True)
    frozen_at: Mapped[datetime]
    sha256: Mapped[str] = mapped_column(String(64))


class FrozenAnnex(Base):
    """One office's annex of a frozen month: the hash over its lines. An office without a row had nothing to report."""

    __tablename__ = "frozen_annex"
    __table_args__ = (Index("ix_frozen_annex_month", "month"),)

    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"), primary_key=True)
    month: Mapped[date] = mapped_column(ForeignKey("frozen_month.month"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))


class FrozenLine(Base):
    """How one case was counted in a frozen month."""

    __tablename__ = "frozen_line"

    month: Mapped[date] = mapped_column(ForeignKey("frozen_month.month"), primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"), primary_key=True)
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    is_appeal: Mapped[bool]
    is_filed_appeal: Mapped[bool]
    intake: Mapped[Intake] = mapped_column(Word(Intake))
    standing: Mapped[Standing] = mapped_column(Word(Standing))
    is_disposed_in_time: Mapped[bool]
    decided_in: Mapped[int | None] = mapped_column(SmallInteger)
    outcome: Mapped[Outcome | None] = mapped_column(Word(Outcome))
    root_cause: Mapped[RootCause | None] = mapped_column(Word(RootCause))


class FrozenCount(Base):
    """The sums of an office's lines of a frozen month, for the complaints or for the appeals."""

    __tablename__ = "frozen_count"

    month: Mapped[date] = mapped_column(ForeignKey("frozen_month.month"), primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"), primary_key=True)
    is_appeals: Mapped[bool] = mapped_column(primary_key=True)
    website: Mapped[int]
    call_centre: Mapped[int]
    conventional: Mapped[int]
    own_motion: Mapped[int]
    carried_over: Mapped[int]
    disposed: Mapped[int]
    in_time: Mapped[int]
    past_time: Mapped[int]
    disposed_in_time: Mapped[int]
    filed_appeals_decided: Mapped[int]
    overturned: Mapped[int]
