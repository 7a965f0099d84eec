"""How often an address may try: log-ins, tracking codes, lodging."""

from __future__ import annotations

from flask import Response, current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from grs.domain.tracking import read_digits

limiter = Limiter(get_remote_address, headers_enabled=False)

LOG_IN = "10 per 5 minutes"
TRACKING_PER_NUMBER = "5 per hour"
TRACKING_PER_ADDRESS = "30 per hour"


def lodging_limit() -> str:
    return f"{current_app.config['LODGING_PER_HOUR']} per hour"


def by_account() -> str:
    """The account that a log-in tries."""
    return f"account:{request.form.get('email', '').strip().lower()}"


def by_number() -> str:
    """The tracking number that a code is tried for, whether it exists or not."""
    return f"number:{read_digits(request.form.get('number', ''))}"


def was_refused(response: Response) -> bool:
    """Only what failed counts towards a limit on guessing."""
    return response.status_code in (401, 403)


def was_accepted(response: Response) -> bool:
    """Only what was done counts towards a limit on doing."""
    return response.status_code in (302, 303)
