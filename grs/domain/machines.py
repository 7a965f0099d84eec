"""Programs that work for an officer: what they may do, and for how long."""

from __future__ import annotations

import re
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


LONGEST_ADDRESS = 254
WEBHOOK_ADDRESS = r"^https://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(?:/[!$-;=?-~]*)?$"
"""Where a program can be told something: over TLS, at a name, without a user or a fragment."""


def is_webhook_address(address: str) -> bool:
    """Whether a program can be told something at this address."""
    return len(address) <= LONGEST_ADDRESS and re.fullmatch(WEBHOOK_ADDRESS, address) is not None


def scopes_of(role: PostRole) -> Collection[Scope]:
    """What a program may do at a post: at a desk read and act, at a front desk file for others."""
    if role in DESK_ROLES:
        return (Scope.READ, Scope.ACT)
    return (Scope.LODGE,) if role is PostRole.OPERATOR else ()
