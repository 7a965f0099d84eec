"""Offices, their posts, who sits on them, and how these people log in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, false
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Word
from grs.domain.access import PostRole
from grs.domain.bangla import search_text
from grs.domain.districts import district_names, district_spellings
from grs.domain.tiers import OfficeLevel


def _search_text(context: DefaultExecutionContext) -> str:
    # SQLAlchemy gives this method no types.
    return office_search_text(context.get_current_parameters())  # type: ignore[no-untyped-call]


def office_search_text(row: Mapping[str, Any]) -> str:
    """The skeleton of an office's names, as searches compare them."""
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
        districts = (f"district:{name}" for name in district_names(self.district_en)) if self.district_en else ()
        return (*districts, f"office:{self.slug}")


class Post(Base):
    """A seat in an office: it answers for complaints whoever sits on it.

    ``grade`` is the pay grade, 1 the highest: nobody investigates who is junior to the accused.
    """

    __tablename__ = "post"
    __table_args__ = (UniqueConstraint("office_id", "role", "title_bn"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    role: Mapped[PostRole] = mapped_column(Word(PostRole))
    title_bn: Mapped[str] = mapped_column(String(200))
    title_en: Mapped[str] = mapped_column(String(200))
    grade: Mapped[int | None] = mapped_column(SmallInteger)
    office: Mapped[Office] = relationship()


NO_PASSWORD = "-"  # noqa: S105 - no hash at all: nothing matches it


class Person(Base):
    """Someone who can log in, once a password is set.

    The secrets of the second factor and of the calendar's address follow from the salts and the
    installation's key, so that the database alone gives neither away. ``totp_last_step`` is the time step
    of the last code taken: no code counts twice.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(2), default="bn")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    totp_salt: Mapped[str] = mapped_column(String(40), default=lambda: secrets.token_urlsafe(24))
    totp_since: Mapped[datetime | None]
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    calendar_salt: Mapped[str | None] = mapped_column(String(40))
    digest_only: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def has_password(self) -> bool:
        """Whether the person has set one and can log in."""
        return self.password_hash != NO_PASSWORD


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
    leave_id: Mapped[int | None] = mapped_column(ForeignKey("leave.id"), index=True)
    post: Mapped[Post] = relationship()
    person: Mapped[Person] = relationship()


class Leave(Base):
    """Days, both included, on which a person is away from all posts; the stand-ins for them carry its number."""

    __tablename__ = "leave"
    __table_args__ = (Index("ix_leave_person_id_ends_on", "person_id", "ends_on"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    recorded_at: Mapped[datetime]


class LinkPurpose(StrEnum):
    """What a link by e-mail lets its reader do once: set the first password, or a new one."""

    INVITATION = "invitation"
    RESET = "reset"


class AccountLink(Base):
    """A link to set a password: works once, until ``expires_at``. Its address is sealed with ``salt``."""

    __tablename__ = "account_link"
    __table_args__ = (Index("ix_account_link_person_id_created_at", "person_id", "created_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    salt: Mapped[str] = mapped_column(String(40))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    purpose: Mapped[LinkPurpose] = mapped_column(Word(LinkPurpose))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    person: Mapped[Person] = relationship()


class RecoveryCode(Base):
    """A code of 120 random bits that stands in for the second factor once; only its hash is kept."""

    __tablename__ = "recovery_code"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None]


class LoginSession(Base):
    """One log-in. The cookie holds a random token, the table only its hash; ended is dead at once.

    ``is_strong``: a provider of accounts asked for a second factor of its own.
    While ``awaits_code`` the password was right and the second factor is still to come.
    """

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    awaits_code: Mapped[bool] = mapped_column(default=False)
    is_strong: Mapped[bool] = mapped_column(default=False, server_default=false())
    browser: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(60), default="")
    person: Mapped[Person] = relationship()
