"""Passwords, access codes and tokens: made at random, kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from grs.domain.tracking import new_access_code

# The library's default takes 64 MiB a log-in; this is OWASP's smaller recommendation.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = _HASHER.hash("nobody")


def hash_secret(secret: str) -> str:
    return _HASHER.hash(secret)


def is_secret(secret: str, hashed: str | None) -> bool:
    """Whether the secret is the one hashed; takes as long when there is none to compare with."""
    try:
        return _HASHER.verify(hashed or _NOBODY, secret) and hashed is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def new_token() -> str:
    """128 bits and more, for cookies and forms."""
    return secrets.token_urlsafe(24)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def access_code_of(form_identity: str, secret_key: str) -> str:
    """The access code of a form: the same form sent twice shows the same receipt twice.

    Follows from what was sent and the installation's secret, so that it need not be kept; the
    database alone gives no code away.
    """
    digest = hmac.new(secret_key.encode(), f"access-code:{form_identity}".encode(), hashlib.sha256).digest()
    return new_access_code(lambda below: int.from_bytes(digest, "big") % below)


def random_below(limit: int) -> int:
    return secrets.randbelow(limit)
