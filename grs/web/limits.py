"""How often an address may try: log-ins, tracking codes, lodging."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any, TypeVar, cast

from flask import Response, current_app, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

from grs.domain.tracking import read_digits


def network() -> str:
    """Whom a limit counts: an IPv4 address, or the /64 that one IPv6 subscriber has for himself."""
    text = get_remote_address()
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


limiter = Limiter(
    network,
    headers_enabled=False,
    in_memory_fallback_enabled=True,  # Redis away: each process counts for itself until it is back
    default_limits=["2000 per hour"],  # every change that has no limit of its own; whole offices share an address
    default_limits_exempt_when=lambda: request.method in ("GET", "HEAD", "OPTIONS"),
)

LOG_IN = "10 per 5 minutes"
TRACKING_PER_NUMBER = "5 per hour;16 per day"
TRACKING_PER_NUMBER_ANYWHERE = "100 per day"
TRACKING_PER_ADDRESS = "10 per minute;40 per hour"
"""Wrong codes slow down, then lock; whether the number exists makes no difference. For a number the
limit is counted by network too, so that a stranger who knows it does not lock out who filed it."""
LOG_IN_ANYWHERE = "100 per hour"
TRIES_PER_NUMBER = "10 per hour"
"""Right codes too: tries at the same instant are counted before any of them is judged."""
SECOND_FACTOR = "5 per 5 minutes;20 per hour"
LINKS = "10 per hour"
CHANGES = "60 per hour"
"""What one address may add, change or upload."""
PAGES = "600 per hour"
"""Pages of forms that one address may send: thirty for each complaint it may file."""
FORMS_FOR_ONE_COMPLAINT = 3
"""How many forms may be begun for each complaint that may be filed."""


View = TypeVar("View", bound=Callable[..., Any])


def lodging_limit() -> str:
    return f"{current_app.config['LODGING_PER_HOUR']} per hour"


def forms_limit() -> str:
    return f"{current_app.config['LODGING_PER_HOUR'] * FORMS_FOR_ONE_COMPLAINT} per hour"


def by_account() -> str:
    """The account that a log-in tries, from one network: nobody else can lock an officer out."""
    return f"account:{request.form.get('email', '').strip().lower()} {network()}"


def by_account_anywhere() -> str:
    return f"account:{request.form.get('email', '').strip().lower()}"


def by_person() -> str:
    """Who is logged in, from wherever."""
    return f"person:{current_user.person_id}" if current_user.is_authenticated else network()


def by_waiting() -> str:
    """Whose second factor is tried, from wherever; a new log-in does not begin to count anew."""
    return f"waiting:{getattr(current_user, 'person_id', network())}"


def by_number() -> str:
    """The tracking number that a code is tried for, whether it exists or not, from one network."""
    return f"{by_number_anywhere()} {network()}"


def by_number_anywhere() -> str:
    typed = (request.view_args or {}).get("number") or request.form.get("number", "")
    return f"number:{read_digits(typed)[:20]}"


def was_refused(response: Response) -> bool:
    """Only what failed counts towards a limit on guessing."""
    return response.status_code in (401, 403) or (response.status_code == 404 and request.blueprint == "open311")


def was_wrong(response: Response) -> bool:
    """Only what failed counts towards a limit on guessing what is asked again of who is logged in."""
    return response.status_code == 422


def was_lodged(response: Response) -> bool:
    """Only a form that became a complaint counts, not one that was sent again."""
    return response.status_code == 303 and bool(getattr(g, "lodged", False))


def was_made(response: Response) -> bool:
    """As ``was_lodged``, where a program asked."""
    return response.status_code == 201 and bool(getattr(g, "lodged", False))


def guarded_by_code(view: View) -> View:
    """The view is opened by number and code: wrong ones slow down, then lock, counted together wherever tried."""
    for limit in (
        limiter.shared_limit(TRACKING_PER_ADDRESS, "code-address", deduct_when=was_refused),
        limiter.shared_limit(
            TRACKING_PER_NUMBER_ANYWHERE, "code-anywhere", key_func=by_number_anywhere, deduct_when=was_refused
        ),
        limiter.shared_limit(TRIES_PER_NUMBER, "code-tries", key_func=by_number),
        limiter.shared_limit(TRACKING_PER_NUMBER, "code-number", key_func=by_number, deduct_when=was_refused),
    ):
        view = limit(view)  # type: ignore[assignment]  # it gives the view back, wrapped
    return view


def lodging(
    was: Callable[[Response], bool], *, exempt_when: Callable[[], bool] | None = None
) -> Callable[[View], View]:
    """How many complaints one network address may file, by whichever door; ``was`` says that it has filed one."""
    limit = limiter.shared_limit(lodging_limit, "lodging", deduct_when=was, exempt_when=exempt_when)
    return cast(Callable[[View], View], limit)


def was_accepted(response: Response) -> bool:
    """Only what was done counts towards a limit on doing."""
    return response.status_code in (302, 303)
