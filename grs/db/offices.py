"""Offices, their posts, and who sits on them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, Word
from grs.domain.access import PostRole
from grs.domain.bangla import search_text
from grs.domain.districts import district_spellings
from grs.domain.tiers import OfficeLevel


def _search_text(context: DefaultExecutionContext) -> str:
    # SQLAlchemy gives this method no types.
    row = context.get_current_parameters()  # type: ignore[no-untyped-call]
    names = (row.get(name) for name in ("name_bn", "name_en", "upazila_en"))
    return search_text(*names, *district_spellings(row.get("district_en")))


class Office(Base):
    """A public body. ``slug`` is its name on the command line and in addresses.

    ``search_text`` is the skeleton of its names, as searches compare them.
    """

    __tablename__ = "office"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name_bn: Mapped[str] = mapped_column(String(300))
    name_en: Mapped[str] = mapped_column(String(300))
    level: Mapped[OfficeLevel] = mapped_column(Word(OfficeLevel))
    upazila_en: Mapped[str | None] = mapped_column(String(80))
    district_en: Mapped[str | None] = mapped_column(String(80))
    website: Mapped[str | None] = mapped_column(String(200))
    search_text: Mapped[str] = mapped_column(Text, default=_search_text)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"), index=True)
    parent: Mapped[Office | None] = relationship(remote_side=[id])

    @property
    def calendar_scopes(self) -> tuple[str, ...]:
        """The local calendars that this office follows beside the national one."""
        district = (f"district:{self.district_en}",) if self.district_en else ()
        return (*district, f"office:{self.slug}")


class Post(Base):
    """A seat in an office: it answers for complaints whoever sits on it."""

    __tablename__ = "post"
    __table_args__ = (UniqueConstraint("office_id", "role", "title_bn"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    role: Mapped[PostRole] = mapped_column(Word(PostRole))
    title_bn: Mapped[str] = mapped_column(String(200))
    title_en: Mapped[str] = mapped_column(String(200))
    office: Mapped[Office] = relationship()


class Person(Base):
    """Someone who can log in."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(2), default="bn")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class PostHolder(Base):
    """Who sits on a post from–to (both days included), or sits in for the holder."""

    __tablename__ = "post_holder"
    __table_args__ = (Index("ix_post_holder_post_id_held_from", "post_id", "held_from"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    held_from: Mapped[date]
    held_to: Mapped[date | None]
    is_stand_in: Mapped[bool] = mapped_column(default=False)
    post: Mapped[Post] = relationship()
    person: Mapped[Person] = relationship()


class LoginSession(Base):
    """One log-in. The cookie holds a random token, the table only its hash; ended is dead at once."""

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    person: Mapped[Person] = relationship()
