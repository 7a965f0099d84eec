"""Programs that work for an officer: what they may do, and for how long."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from grs.domain.access import DESK_ROLES, PostRole


class Scope(StrEnum):
    """What a program's token is good for. None opens who complained: that is shown to people only."""

    READ = "read"
    ACT = "act"
    LODGE = "lodge"


LONGEST_DAYS = 365
MOST_TOKENS = 10
"""How many living tokens a person may have."""


def scopes_of(role: PostRole) -> Collection[Scope]:
    """What a program may do at a post: at a desk read and act, at a front desk file for others."""
    if role in DESK_ROLES:
        return (Scope.READ, Scope.ACT)
    return (Scope.LODGE,) if role is PostRole.OPERATOR else ()
