"""The citizens' blueprint, and which complaints this browser may look at."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, session
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from grs.domain.calendar import dhaka_date
from grs.usecases.own_complaints import is_open, owns
from grs.usecases.secrets import new_token
from grs.usecases.visits import move_visit, opened
from grs.web.doors import house

blueprint = Blueprint("citizen", __name__)
Page = ResponseReturnValue


def today() -> date:
    return dhaka_date(house().clock())


def visit() -> str:
    """This browser's random token; what it has opened is kept on the server under its hash."""
    token: str = session.setdefault("visit", new_token())
    return token


def renewed_visit(db: Session) -> str:
    """A new token, before anything more is opened under it; what was open moves along."""
    before, session["visit"] = session.get("visit"), new_token()
    if before is not None:
        move_visit(db, before, session["visit"])
    return visit()


def may_see(db: Session, number: str) -> bool:
    """Whether this browser gave the complaint's code, filed it for itself, or opened the list it stands in."""
    found = opened(db, visit(), number, now=house().clock()) if "visit" in session else None
    if found is not None and found.can_act:
        return True
    link = session.get("link")
    return link is not None and is_open(db, link, now=house().clock()) and owns(db, link, number)


def may_have_receipt(db: Session, number: str) -> bool:
    """Whether this browser filed the complaint and has not left since."""
    found = opened(db, visit(), number, now=house().clock()) if "visit" in session else None
    return found is not None and found.shows_receipt
