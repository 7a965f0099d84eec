"""What officers keep at their desks: who works on what, tags, filters, ready texts, marks of habitual complainants."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Word
from grs.db.complaints import Complaint
from grs.db.offices import Office, Person, Post
from grs.domain.habitual import MarkState
from grs.domain.workflow import Action


class ComplaintWorker(Base):
    """Who works on a complaint where several share a desk; for one stay, so that it ends with the stay."""

    __tablename__ = "complaint_worker"
    __table_args__ = (Index("ix_complaint_worker_person_id", "person_id", "complaint_id"),)

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    assignment_sequence: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[Person] = relationship()


class ComplaintTag(Base):
    """A word that officers have put on a complaint to find its likes again."""

    __tablename__ = "complaint_tag"
    __table_args__ = (Index("ix_complaint_tag_tag", "tag", "complaint_id"),)

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(40), primary_key=True)


class SavedFilter(Base):
    """A filter of the list that a person has given a name. ``query`` is the list's address behind the ``?``."""

    __tablename__ = "saved_filter"
    __table_args__ = (UniqueConstraint("person_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(1000))


class ReadyText(Base):
    """A text that an office writes often, for one action."""

    __tablename__ = "ready_text"
    __table_args__ = (Index("ix_ready_text_office_id_action", "office_id", "action"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    action: Mapped[Action] = mapped_column(Word(Action))
    title: Mapped[str] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(Text)
    office: Mapped[Office] = relationship()


class HabitualMark(Base):
    """Somebody's complaints were proved false again and again: proposed, decided, reviewed, ended.

    Known by the complaint it was proposed on: who gave the same mobile, e-mail or identity number.
    """

    __tablename__ = "habitual_mark"
    __table_args__ = (
        UniqueConstraint("complaint_id"),
        Index("ix_habitual_mark_post_id_state", "post_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    state: Mapped[MarkState] = mapped_column(Word(MarkState))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    proposal: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    reasons: Mapped[str | None] = mapped_column(Text)
    review_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    complaint: Mapped[Complaint] = relationship()
    post: Mapped[Post] = relationship()
