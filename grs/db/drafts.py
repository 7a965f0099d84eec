"""Complaint forms that are not sent yet, and the files that go with them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Word
from grs.db.offices import Office
from grs.domain.attachments import MediaType


class Draft(Base):
    """A complaint form as far as it was filled in. Its address is sealed with ``salt`` and the secret key.

    ``typed`` is what stands in the fields, right or wrong. Once it is lodged only the way to the
    complaint stays; after ``keep_until`` the whole row goes. ``may_be_reminded``: a
    letter may be queued that says on its day that it can be filed now.
    """

    __tablename__ = "draft"
    __table_args__ = (Index("ix_draft_keep_until", "keep_until"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    salt: Mapped[str] = mapped_column(String(40))
    form_key: Mapped[str] = mapped_column(String(64), unique=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    typed: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    keep_until: Mapped[date]
    may_be_reminded: Mapped[bool] = mapped_column(server_default=true())
    complaint_id: Mapped[int | None] = mapped_column(ForeignKey("complaint.id"))
    lodged_at: Mapped[datetime | None]

    office: Mapped[Office] = relationship()


class Attachment(Base):
    """A file of a draft or a complaint, cleaned. ``name`` is the user's and never a path.

    ``is_shelved``: its bytes have left the database for the store beside it.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        Index("ix_attachment_complaint_id", "complaint_id"),
        Index("ix_attachment_draft_id", "draft_id"),
        # Those that a store beside the database takes next.
        Index(
            "ix_attachment_id_unshelved",
            "id",
            postgresql_where=text("complaint_id IS NOT NULL AND is_shelved IS false"),
            sqlite_where=text("complaint_id IS NOT NULL AND is_shelved IS 0"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    draft_id: Mapped[int | None] = mapped_column(ForeignKey("draft.id"))
    complaint_id: Mapped[int | None] = mapped_column(ForeignKey("complaint.id"))
    step_sequence: Mapped[int | None]
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[MediaType] = mapped_column(Word(MediaType))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime]
    is_shelved: Mapped[bool] = mapped_column(default=False, server_default=false())
    content: Mapped[AttachmentContent | None] = relationship(cascade="all, delete-orphan")


class AttachmentContent(Base):
    """The bytes, apart from the row that lists read; in the database so that one transaction covers both."""

    __tablename__ = "attachment_content"

    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachment.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class FileToDelete(Base):
    """A file in the store that belongs to nobody any more."""

    __tablename__ = "file_to_delete"

    path: Mapped[str] = mapped_column(String(120), primary_key=True)
    since: Mapped[datetime]
