"""The citizens' blueprint, and which complaints this browser may look at."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, session
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from grs.domain.calendar import dhaka_date
from grs.usecases.own_complaints import is_open, owns
from grs.web.doors import house

blueprint = Blueprint("citizen", __name__)
Page = ResponseReturnValue
MOST_REMEMBERED = 5
"""As many as fit a cookie: the last complaints that this browser filed or opened."""


def today() -> date:
    return dhaka_date(house().clock())


def remember(what: str, number: str) -> None:
    """Note a tracking number in the session: ``tracked`` ones may be opened, ``receipts`` shown again."""
    known = [known for known in session.get(what, []) if known != number]
    session[what] = [*known, number][-MOST_REMEMBERED:]


def may_see(db: Session, number: str) -> bool:
    """Whether this browser gave the complaint's code, filed it, or opened the list it stands in."""
    if number in session.get("tracked", []):
        return True
    link = session.get("link")
    return link is not None and is_open(db, link, now=house().clock()) and owns(db, link, number)
