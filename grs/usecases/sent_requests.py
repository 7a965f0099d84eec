"""What a program sends twice under one key is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from grs.db.machines import SentRequest
from grs.domain.errors import GrievanceError
from grs.domain.history import canonical

KEPT = timedelta(days=7)
"""How long a key is known."""


class KeyUsed(GrievanceError):
    """The key was used for something else."""

    code = "key_used"


def is_first(session: Session, *, sender: str, key: str, what: Mapping[str, Any], now: datetime) -> bool:
    """Whether this is to be done now, in this transaction; False where it was done before.

    Raises KeyUsed where the sender has used the key for another request. Two at the same instant: the second
    waits for the first, and then fails with IntegrityError; the caller asks again.
    """
    digest = hashlib.sha256(canonical(what).encode()).hexdigest()
    known = session.get(SentRequest, (sender, key))
    if known is not None:
        if known.digest != digest:
            raise KeyUsed("the key was used for another request")
        return False
    session.add(SentRequest(sender=sender, key=key, digest=digest, sent_at=now))
    session.flush()
    return True


def forget_requests(session: Session, *, now: datetime) -> int:
    """Keys that nobody sends again."""
    # SQLAlchemy types the result of a DELETE as a plain Result.
    return int(session.execute(delete(SentRequest).where(SentRequest.sent_at < now - KEPT)).rowcount)  # type: ignore[attr-defined]
