"""Charters in their versions, what they promise, and the chain that answers for it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, Number, Word, found_by
from grs.db.offices import Office, Post
from grs.domain.bangla import search_text
from grs.domain.lodging import Category
from grs.domain.tiers import ChainSource, ChainTier, DayLimit, LimitUnit, Tier, TierChain


class Charter(Base):
    """One version of an office's charter; a complaint keeps the version it was filed under."""

    __tablename__ = "charter"
    __table_args__ = (UniqueConstraint("office_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    version: Mapped[int]
    in_force_from: Mapped[date]
    dated: Mapped[date | None]
    source_name: Mapped[str] = mapped_column(String(200))
    source_sha256: Mapped[str] = mapped_column(String(64))
    # Only a comparison of versions reads it, and it is long.
    document: Mapped[dict[str, object]] = mapped_column(JSON, deferred=True)
    imported_at: Mapped[datetime]
    office: Mapped[Office] = relationship()
    entries: Mapped[list[CharterEntry]] = relationship(order_by="CharterEntry.position")


class CharterEntry(Base):
    """One promise of a charter: a service, its fee, its papers, its time.

    ``search_text`` is the skeleton of its name, as searches compare it.
    """

    __tablename__ = "charter_entry"
    __table_args__ = (UniqueConstraint("charter_id", "position"), found_by("charter_entry"))

    id: Mapped[int] = mapped_column(primary_key=True)
    charter_id: Mapped[int] = mapped_column(ForeignKey("charter.id"))
    position: Mapped[int]
    category: Mapped[Category] = mapped_column(Word(Category))
    serial: Mapped[str | None] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(Text)
    delivery_method: Mapped[str | None] = mapped_column(Text)
    documents: Mapped[str | None] = mapped_column(Text)
    fee: Mapped[str | None] = mapped_column(Text)
    time_limit_text: Mapped[str | None] = mapped_column(Text)
    is_immediate: Mapped[bool]
    working_days_min: Mapped[int | None]
    working_days_max: Mapped[int | None]
    officer: Mapped[dict[str, object] | None] = mapped_column(JSON)
    superior: Mapped[dict[str, object] | None] = mapped_column(JSON)
    source_line: Mapped[int]
    search_text: Mapped[str] = mapped_column(
        Text, default=lambda context: search_text(context.get_current_parameters()["name"])
    )


class Chain(Base):
    """Who answers for an office's complaints, tier by tier, since when, and on whose word.

    A charter brings one; an order may bring another from a later day. ``reference`` names the order.
    """

    __tablename__ = "chain"

    id: Mapped[int] = mapped_column(primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"), index=True)
    charter_id: Mapped[int] = mapped_column(ForeignKey("charter.id"), index=True)
    source: Mapped[ChainSource] = mapped_column(Word(ChainSource))
    in_force_from: Mapped[date]
    deviates: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]
    reference: Mapped[str] = mapped_column(Text, default="", server_default="")
    desks: Mapped[list[ChainDesk]] = relationship(order_by="ChainDesk.tier", lazy="selectin")

    def as_tier_chain(self) -> TierChain:
        """The chain as the rules know it."""
        return TierChain(tuple(desk.as_chain_tier() for desk in self.desks), self.source)


class ChainDesk(Base):
    """One desk of a chain: the post that answers and its limit, and on whose word each of them is.

    ``source_line`` is the line of the charter's document that prints the desk.
    """

    __tablename__ = "chain_desk"

    chain_id: Mapped[int] = mapped_column(ForeignKey("chain.id"), primary_key=True)
    tier: Mapped[Tier] = mapped_column(Number(Tier), primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    limit_amount: Mapped[int]
    limit_unit: Mapped[LimitUnit] = mapped_column(Word(LimitUnit))
    post_source: Mapped[ChainSource] = mapped_column(Word(ChainSource))
    limit_source: Mapped[ChainSource] = mapped_column(Word(ChainSource))
    source_line: Mapped[int | None]
    post: Mapped[Post] = relationship(lazy="joined")

    def as_chain_tier(self) -> ChainTier:
        limit = DayLimit(self.limit_amount, self.limit_unit)
        return ChainTier(tier=self.tier, post_id=self.post_id, office_id=self.post.office_id, limit=limit)
