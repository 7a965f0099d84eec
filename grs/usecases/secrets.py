"""Passwords, access codes and tokens: made at random, kept as hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from grs.domain.tracking import new_access_code

# The library's default takes 64 MiB a log-in; this is OWASP's smaller recommendation.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$FUd1/4jWDzKY/46USkp6KA$Q8DtSpctCTG7dngeKbACm923mrJho6QAEcKwjmxMwdg"
"""Compared with where there is no hash, so that it takes as long; written out, for making one takes its time."""

# An access code is not a person's choice but 53 random bits: a twentieth of the work of a password's hash is plenty.
_CODE_HASHER = PasswordHasher(time_cost=1, memory_cost=2_048, parallelism=1)
_NO_CODE = "$argon2id$v=19$m=2048,t=1,p=1$kh9qHWF1PCDKnkyFsrSHyw$6O81s3aCo7ApmUCcuHPf/esHIF+MBLyhFcEi4KIuFeQ"


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the one hashed; takes as long when there is none to compare with."""
    return _verifies(_HASHER, password, hashed, _NOBODY)


def hash_code(access_code: str) -> str:
    return _CODE_HASHER.hash(access_code)


def is_code(access_code: str, hashed: str | None) -> bool:
    """Whether the access code is the one hashed; takes as long when there is none to compare with."""
    return _verifies(_CODE_HASHER, access_code, hashed, _NO_CODE)


def _verifies(hasher: PasswordHasher, secret: str, hashed: str | None, nobody: str) -> bool:
    try:
        return hasher.verify(hashed or nobody, secret) and hashed is not None
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


def sealed(purpose: str, number: int, salt: str, secret_key: str) -> str:
    """A name for addresses that only this installation can make: ``42-Yx…``; nothing of it is stored.

    ``salt`` is the row's own, so that a number used again after a restore opens nothing.
    """
    digest = hmac.new(secret_key.encode(), f"{purpose}:{number}:{salt}".encode(), hashlib.sha256).digest()
    return f"{number}-{base64.urlsafe_b64encode(digest[:18]).decode()}"


def sealed_number(token: str) -> int | None:
    """The number that a sealed name claims to be of; whoever uses it checks the seal."""
    number = token.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def is_seal(token: str, purpose: str, number: int, salt: str, secret_key: str) -> bool:
    return hmac.compare_digest(token.encode(), sealed(purpose, number, salt, secret_key).encode())


def totp_secret(person_id: int, salt: str, secret_key: str) -> str:
    """The shared secret of a person's second factor, 160 bits in base32; no row holds it."""
    digest = hmac.new(secret_key.encode(), f"totp:{person_id}:{salt}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:20]).decode()


def new_recovery_code() -> str:
    """120 random bits in six groups of four letters."""
    letters = base64.b32encode(secrets.token_bytes(15)).decode()
    return "-".join(letters[i : i + 4] for i in range(0, 24, 4))


def random_below(limit: int) -> int:
    return secrets.randbelow(limit)
