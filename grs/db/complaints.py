"""Complaints: what was lodged, its stays at desks, its steps, and who lodged it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, SmallInteger, String, Text, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Number, Word, found_by
from grs.db.charters import Chain, Charter, CharterEntry
from grs.db.offices import Office, Post
from grs.domain.disposal import Outcome, RootCause
from grs.domain.lodging import Channel, Ground, Kind
from grs.domain.tiers import About, LimitUnit, Tier
from grs.domain.workflow import Action, Stage, StepKind


class Complaint(Base):
    """A complaint. The columns below ``stage`` are the index of its steps, written with them.

    ``filed_chain_id`` is the chain of the office complained about on the day of filing: whom the complaint
    accuses is read off it. ``chain_id`` is the one it climbs, another after it was forwarded.
    """

    __tablename__ = "complaint"
    __table_args__ = (
        # The sweep: nothing due costs one look at the smallest entry, whatever the number of complaints.
        Index("ix_complaint_escalates_after", "escalates_after", "id"),
        Index("ix_complaint_remind_on", "remind_on", "id"),
        # A desk's list, soonest due first.
        Index(
            "ix_complaint_post_id_due_on_open",
            "post_id",
            "due_on",
            "id",
            postgresql_where=text("stage <> 'disposed'"),
            sqlite_where=text("stage <> 'disposed'"),
        ),
        Index("ix_complaint_post_id_stage_due_on", "post_id", "stage", "due_on", "id"),
        Index("ix_complaint_office_id_stage_due_on", "office_id", "stage", "due_on", "id"),
        # What is about somebody is few; lists and counts leave it out for that person.
        Index(
            "ix_complaint_about",
            "about",
            "charter_id",
            postgresql_where=text("about <> 'nobody'"),
            sqlite_where=text("about <> 'nobody'"),
        ),
        # The public figures look at the last months only.
        Index("ix_complaint_filed_on", "filed_on"),
        Index("ix_complaint_disposed_on", "disposed_on"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    tracking_number: Mapped[str] = mapped_column(String(12), unique=True)
    access_code_hash: Mapped[str] = mapped_column(String(200))
    form_identity: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    ground: Mapped[Ground] = mapped_column(Word(Ground))
    about: Mapped[About] = mapped_column(Word(About))
    channel: Mapped[Channel] = mapped_column(Word(Channel))
    language: Mapped[str] = mapped_column(String(2))
    is_anonymous: Mapped[bool]
    charter_id: Mapped[int] = mapped_column(ForeignKey("charter.id"))
    charter_entry_id: Mapped[int | None] = mapped_column(ForeignKey("charter_entry.id"))
    applied_on: Mapped[date | None]
    service_reference: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(300))
    description: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)
    filed_at: Mapped[datetime]
    filed_on: Mapped[date]

    stage: Mapped[Stage] = mapped_column(Word(Stage))
    tier: Mapped[Tier] = mapped_column(Number(Tier))
    first_tier: Mapped[Tier] = mapped_column(Number(Tier))
    outcome: Mapped[Outcome | None] = mapped_column(Word(Outcome))
    disposed_at: Mapped[datetime | None]
    disposed_on: Mapped[date | None]
    root_cause: Mapped[RootCause | None] = mapped_column(Word(RootCause))
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    filed_chain_id: Mapped[int] = mapped_column(ForeignKey("chain.id"))
    chain_id: Mapped[int] = mapped_column(ForeignKey("chain.id"))
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    assignment_sequence: Mapped[int]
    due_on: Mapped[date]
    is_provisional: Mapped[bool]
    escalates_after: Mapped[date | None]
    remind_on: Mapped[date | None]
    step_count: Mapped[int]
    head_hash: Mapped[str] = mapped_column(String(64))
    anonymised_at: Mapped[datetime | None]

    office: Mapped[Office] = relationship()
    charter: Mapped[Charter] = relationship()
    entry: Mapped[CharterEntry | None] = relationship()
    chain: Mapped[Chain] = relationship(foreign_keys=[chain_id])
    filed_chain: Mapped[Chain] = relationship(foreign_keys=[filed_chain_id])
    post: Mapped[Post] = relationship()
    complainant: Mapped[Complainant | None] = relationship(back_populates="complaint")
    assisted: Mapped[AssistedFiling | None] = relationship(back_populates="complaint")
    assignments: Mapped[list[Assignment]] = relationship(order_by="Assignment.sequence", viewonly=True)
    steps: Mapped[list[Step]] = relationship(order_by="Step.sequence", viewonly=True)


def is_open() -> ColumnElement[bool]:
    """The complaint is not disposed of: written out, not bound, so that the index of open ones is used."""
    return Complaint.stage != bindparam(None, Stage.DISPOSED, Complaint.stage.type, literal_execute=True)


def is_about_somebody() -> ColumnElement[bool]:
    """The complaint names whom it is about: written out likewise."""
    return Complaint.about != bindparam(None, About.NOBODY, Complaint.about.type, literal_execute=True)


class Complainant(Base):
    """Who lodged it and how to reach them; absent for an anonymous complaint."""

    __tablename__ = "complainant"

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    identity_number: Mapped[str] = mapped_column(String(40), index=True)
    present_address: Mapped[str] = mapped_column(Text)
    permanent_address: Mapped[str] = mapped_column(Text)
    mobile: Mapped[str] = mapped_column(String(20), index=True)
    email: Mapped[str] = mapped_column(String(254), index=True)
    on_behalf_of: Mapped[str] = mapped_column(String(200))
    relation: Mapped[str] = mapped_column(String(100))
    complaint: Mapped[Complaint] = relationship(back_populates="complainant")


class ComplaintText(Base):
    """The skeleton of a complaint's number and texts, as searches at a desk compare them.

    Never of who complained: a search must not tell what the page shields. Apart from the complaint,
    whose row moves with each step, so that its large index is written once.
    """

    __tablename__ = "complaint_text"
    __table_args__ = (found_by("complaint_text"),)

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    search_text: Mapped[str] = mapped_column(Text)


class AssistedFiling(Base):
    """Who keyed a complaint in for somebody else; a paper form counts from the day it was received."""

    __tablename__ = "assisted_filing"
    __table_args__ = (Index("ix_assisted_filing_operator_id", "operator_id", "complaint_id"),)

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    paper_received_on: Mapped[date | None]
    form_number: Mapped[str] = mapped_column(String(60))
    complaint: Mapped[Complaint] = relationship(back_populates="assisted")


class Rating(Base):
    """What the complainant thinks of how a stay ended: 1 (very bad) to 5 (very good), once a stay."""

    __tablename__ = "rating"

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    assignment_sequence: Mapped[int] = mapped_column(primary_key=True)
    score: Mapped[int] = mapped_column(SmallInteger)
    rated_at: Mapped[datetime]


class Assignment(Base):
    """One stay of a complaint at a desk: who is answerable, since when, until when, how it ended.

    ``extra_days`` are the working days that an investigation has added to the limit.

    The key makes a second escalation of the same stay lose: both would be the same next stay.
    """

    __tablename__ = "assignment"
    __table_args__ = (
        # The annex of an office: its stays that began before a month's end.
        Index("ix_assignment_office_id_started_at", "office_id", "started_at"),
    )

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    tier: Mapped[Tier] = mapped_column(Number(Tier))
    started_at: Mapped[datetime]
    received_on: Mapped[date]
    due_on: Mapped[date]
    is_provisional: Mapped[bool]
    limit_amount: Mapped[int]
    limit_unit: Mapped[LimitUnit] = mapped_column(Word(LimitUnit))
    extra_days: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[Action | None] = mapped_column(Word(Action))
    post: Mapped[Post] = relationship(viewonly=True)
    office: Mapped[Office] = relationship(viewonly=True)


class Step(Base):
    """One thing that happened, never changed; carries the hash of the step before it."""

    __tablename__ = "step"

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[StepKind] = mapped_column(Word(StepKind))
    happened_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(60))
    details: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
