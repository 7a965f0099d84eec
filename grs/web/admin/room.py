"""What the administrators' pages share: who may, and of which offices."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue as Page
from sqlalchemy.orm import Session

from grs.domain.errors import InvalidFile
from grs.usecases.administration import Administrator, administrator, check_system
from grs.usecases.security_log import ADDRESS
from grs.web.doors import house
from grs.web.officer.room import today
from grs.web.people import me
from grs.web.protection import logged_in

__all__ = ["Page", "blueprint", "me_as_administrator", "system_only", "today", "uploaded"]

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
View = TypeVar("View", bound=Callable[..., Any])


@blueprint.app_context_processor
def _room() -> dict[str, Any]:
    """Which pages the way between them leads to; only asked for by those."""
    return {"is_system_administrator": lambda: g.administrator.is_system}


@blueprint.before_request
def _administrators_only() -> None:
    """Behind the guard of the application: whoever comes here is logged in."""
    with house().readers() as db:
        me_as_administrator(db)


def uploaded(largest: int) -> tuple[str, bytes] | None:
    """Name and bytes of the file that was sent along; None where there is none. Raises InvalidFile when too large."""
    file = request.files.get("file")
    if not file or not file.filename:
        return None
    data = file.stream.read(largest + 1)
    if len(data) > largest:
        raise InvalidFile("the file is too large", why="too_large_file")
    return file.filename, data


def me_as_administrator(db: Session) -> Administrator:
    """The logged-in person as administrator; raises NotYours. Asked once a request."""
    db.info[ADDRESS] = request.remote_addr or ""
    if "administrator" not in g:
        address = request.remote_addr or ""
        g.administrator = administrator(db, me().person_id, me().posts, now=house().clock(), address=address)
    return cast(Administrator, g.administrator)


def system_only(view: View) -> View:
    """Logged in, and keeping what all offices share."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        with house().readers() as db:
            check_system(me_as_administrator(db))
        return view(*args, **kwargs)

    return logged_in(cast(View, checked))
