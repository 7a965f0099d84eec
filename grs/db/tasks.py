"""What officers have asked of others for a complaint; the steps tell the same, these rows are their index."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Word
from grs.db.complaints import Complaint
from grs.db.offices import Person, Post
from grs.domain.tasks import TaskEnd, TaskKind


class Task(Base):
    """An opinion, a service order, an investigation, a hearing or a recommendation.

    ``due_on`` is the last day of the answer, or the day of the hearing, which begins at ``begins_at``.
    Open until ``ended_at``, and only while the complaint is in the stay in which it was asked.
    ``step_sequence`` is the step that asked, with everything it says.
    """

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_complaint_id", "complaint_id"),
        Index("ix_task_to_post_id_ended_at", "to_post_id", "ended_at"),
        Index(
            "ix_task_due_on",
            "due_on",
            "id",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index("ix_task_asked_by_post_id_due_on", "asked_by_post_id", "due_on"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    kind: Mapped[TaskKind] = mapped_column(Word(TaskKind))
    assignment_sequence: Mapped[int]
    step_sequence: Mapped[int]
    asked_by_post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    to_post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    asked_at: Mapped[datetime]
    due_on: Mapped[date]
    begins_at: Mapped[datetime | None]
    place: Mapped[str | None] = mapped_column(String(300))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[TaskEnd | None] = mapped_column(Word(TaskEnd))
    complaint: Mapped[Complaint] = relationship()
    to_post: Mapped[Post | None] = relationship(foreign_keys=[to_post_id])
    asked_by_post: Mapped[Post] = relationship(foreign_keys=[asked_by_post_id])
    members: Mapped[list[TaskMember]] = relationship(order_by="TaskMember.place")


class TaskMember(Base):
    """Who investigates; the first place is the chair."""

    __tablename__ = "task_member"

    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    place: Mapped[int]
    person: Mapped[Person] = relationship()


class IdentityOpening(Base):
    """Somebody has looked at who complained; the complainant sees it."""

    __tablename__ = "identity_opening"
    __table_args__ = (Index("ix_identity_opening_complaint_id", "complaint_id", "person_id", "opened_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    opened_at: Mapped[datetime]
    post: Mapped[Post | None] = relationship()
