"""What administrators do: proposals that wait to be confirmed, numbers with their dates, the security log."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grs.db.base import Base, BigKey, Word
from grs.db.offices import Person
from grs.domain.rule_values import RuleName
from grs.domain.tiers import LimitUnit


class ProposalKind(StrEnum):
    """What somebody proposes to import."""

    CHARTER = "charter"
    CALENDAR = "calendar"


class Proposal(Base):
    """A document that was read and not taken yet: looked at, corrected, then confirmed or left to lapse."""

    __tablename__ = "proposal"
    # A number that was confirmed or dropped is never another document's: an old page must not lead to it.
    __table_args__ = (Index("ix_proposal_created_at", "created_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ProposalKind] = mapped_column(Word(ProposalKind))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    source_name: Mapped[str] = mapped_column(String(200))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class RuleValue(Base):
    """A number of the rules from a day on, set by an administrator on somebody's word; never changed, only followed."""

    __tablename__ = "rule_value"
    __table_args__ = (Index("ix_rule_value_name_in_force_from", "name", "in_force_from"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[RuleName] = mapped_column(Word(RuleName))
    amount: Mapped[int]
    unit: Mapped[LimitUnit] = mapped_column(Word(LimitUnit))
    in_force_from: Mapped[date]
    source: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person: Mapped[Person] = relationship()


class SecurityKind(StrEnum):
    """What the security log tells."""

    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    CODE_FAILED = "code_failed"
    LOGGED_OUT = "logged_out"
    PASSWORD_SET = "password_set"  # noqa: S105 - a kind of event
    RESET_ASKED = "reset_asked"
    SECOND_FACTOR_SET = "second_factor_set"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    SESSIONS_ENDED = "sessions_ended"
    INVITED = "invited"
    APPOINTED = "appointed"
    APPOINTMENT_ENDED = "appointment_ended"
    PERSON_SHUT_OUT = "person_shut_out"
    PERSON_LET_IN = "person_let_in"
    OFFICE_KEPT = "office_kept"
    OFFICES_IMPORTED = "offices_imported"
    CHARTER_IN_FORCE = "charter_in_force"
    CHAIN_ORDERED = "chain_ordered"
    CALENDAR_CHANGED = "calendar_changed"
    RULE_SET = "rule_set"
    LETTER_RETRIED = "letter_retried"
    LETTER_GIVEN_UP = "letter_given_up"
    TOKEN_MADE = "token_made"  # noqa: S105 - a kind of event
    TOKEN_ENDED = "token_ended"  # noqa: S105 - the same


class SecurityEvent(Base):
    """One line of the security log; rows are only added. ``details`` holds no secret, no text and no contact."""

    __tablename__ = "security_event"
    __table_args__ = (Index("ix_security_event_person_id", "person_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    happened_at: Mapped[datetime]
    kind: Mapped[SecurityKind] = mapped_column(Word(SecurityKind))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    address: Mapped[str] = mapped_column(String(60))
    details: Mapped[str] = mapped_column(Text)
    person: Mapped[Person | None] = relationship()
