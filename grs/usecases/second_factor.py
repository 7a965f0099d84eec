"""The second factor of a log-in: an authenticator, and recovery codes in its place."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime

import pyotp
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from grs.db.offices import LoginSession, Person, RecoveryCode
from grs.domain.bangla import to_ascii_digits
from grs.domain.errors import InvalidInput
from grs.usecases.accounts import LONGEST_BETWEEN_FACTORS, Entry, begin_session, end_sessions
from grs.usecases.secrets import (
    new_recovery_code,
    new_token,
    token_hash,
    totp_secret,
)

TOTP_SECONDS = 30

RECOVERY_CODES = 10


def proposed_second_factor(session: Session, person_id: int, *, secret_key: str) -> str:
    """A secret to show, for an authenticator; counts only after ``confirm_second_factor``."""
    person = session.get_one(Person, person_id)
    if person.totp_since is not None:
        raise InvalidInput({"code": "has_second_factor"})
    return totp_secret(person.id, person.totp_salt, secret_key)


def confirm_second_factor(
    session: Session, person_id: int, code: str, *, secret_key: str, token: str, now: datetime
) -> list[str]:
    """The authenticator works: from now on log-ins ask for it, and every other session ends.

    Returns the recovery codes, shown this once.
    """
    person = session.get_one(Person, person_id, with_for_update=True)
    if person.totp_since is not None or not _takes_code(person, code, secret_key, now):
        raise InvalidInput({"code": "wrong_second_factor"})
    person.totp_since = now
    end_sessions(session, person_id, now=now, but=token)
    return new_recovery_codes(session, person_id)


def new_recovery_codes(session: Session, person_id: int) -> list[str]:
    """Fresh recovery codes; the earlier ones are dead."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(person_id=person_id, code_hash=_hash_of(code)) for code in codes)
    return codes


def end_second_factor(session: Session, person_id: int) -> None:
    """No second factor any more; the next one has a new secret."""
    person = session.get_one(Person, person_id, with_for_update=True)
    person.totp_since = person.totp_last_step = None
    person.totp_salt = new_token()
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))


def pass_second_factor(session: Session, token: str, code: str, *, secret_key: str, now: datetime) -> Entry | None:
    """A whole session in place of one that awaits the code, when the code is right; None when it is not.

    Takes a code of the authenticator or one of the recovery codes, each once.
    """
    waiting = session.get(LoginSession, token_hash(token), with_for_update=True)
    if waiting is None or waiting.ended_at is not None or now - waiting.created_at > LONGEST_BETWEEN_FACTORS:
        return None
    person = session.get_one(Person, waiting.person_id, with_for_update=True)
    by_code = _takes_code(person, code, secret_key, now)
    if not by_code and not _takes_recovery_code(session, person, code, now):
        return None
    waiting.ended_at = now
    entry = begin_session(session, person, now=now, awaits_code=False, seen=(waiting.browser, waiting.address))
    return replace(entry, by_recovery_code=not by_code)


def _takes_code(person: Person, code: str, secret_key: str, now: datetime) -> bool:
    """Whether the code is that of this half minute or of one beside it, and later than the last one taken."""
    totp = pyotp.TOTP(totp_secret(person.id, person.totp_salt, secret_key))
    typed = to_ascii_digits("".join(code.split())).encode()
    present = int(now.timestamp()) // TOTP_SECONDS
    for step in (present - 1, present, present + 1):
        is_fresh = person.totp_last_step is None or step > person.totp_last_step
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed) and is_fresh:
            person.totp_last_step = step
            return True
    return False


def _takes_recovery_code(session: Session, person: Person, code: str, now: datetime) -> bool:
    found = session.get(RecoveryCode, (person.id, _hash_of(code)), with_for_update=True)
    if found is None or found.used_at is not None:
        return False
    found.used_at = now
    return True


def _hash_of(recovery_code: str) -> str:
    return token_hash("".join(c for c in recovery_code.upper() if c.isalnum()))


def recovery_codes_left(session: Session, person_id: int) -> int:
    query = select(RecoveryCode.code_hash).where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    return len(session.scalars(query).all())
