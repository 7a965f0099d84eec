"""What the pages of the officers' desk share."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue as Page

from grs.domain.calendar import dhaka_date
from grs.web.doors import house
from grs.web.people import me

__all__ = ["Page", "blueprint", "today"]

blueprint = Blueprint("officer", __name__)


def today() -> date:
    return dhaka_date(house().clock())


@blueprint.app_context_processor
def _room() -> dict[str, Any]:
    """The way between an officer's pages; only asked for by those."""
    return {"my_desks": lambda: me().desks, "supervises_any": lambda: bool(me().supervised_offices)}
