"""The addresses to which people answer and servers return our letters: each with a mark that only we can make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

from grs.db.messages import Message
from grs.settings import Settings
from grs.usecases.tries import name_of

_MARKED = re.compile(r"^(?P<local>[^+@]+)\+(?P<kind>[cm])(?P<number>[0-9]{1,18})-(?P<seal>[a-z2-7]{26})@(?P<host>.+)$")
COMPLAINT, LETTER = "c", "m"


def answer_address(settings: Settings, tracking_number: str) -> str:
    """Where what a complainant answers becomes a message of the complaint."""
    return _marked(settings, COMPLAINT, tracking_number, tracking_number)


def return_address(settings: Settings, message: Message) -> str:
    """Where servers say that a letter cannot arrive; without a mailbox that is read, the sender's own."""
    return _marked(settings, LETTER, str(message.id), name_of(message)) if settings.imap_host else ""


def complaint_marked(recipients: Iterable[str], settings: Settings) -> str | None:
    """The tracking number of the complaint whose mark is right among the addresses."""
    for number, seal in _marks(recipients, settings, COMPLAINT):
        if hmac.compare_digest(seal, _seal(settings, COMPLAINT, number)):
            return number
    return None


def letters_marked(recipients: Iterable[str], settings: Settings) -> list[tuple[int, str]]:
    """The letters by number whose mark the addresses claim to have; ``is_of`` says whether it is right."""
    return [(int(number), seal) for number, seal in _marks(recipients, settings, LETTER)]


def is_of(message: Message, seal: str, settings: Settings) -> bool:
    """Whether a mark is of this letter; of one that had its number before a restore it is not."""
    return hmac.compare_digest(seal, _seal(settings, LETTER, name_of(message)))


def _marked(settings: Settings, kind: str, number: str, what: str) -> str:
    local, _, host = settings.reply_address.partition("@")
    return f"{local}+{kind}{number}-{_seal(settings, kind, what)}@{host}"


def _seal(settings: Settings, kind: str, what: str) -> str:
    """128 bits in letters that survive servers which write addresses in small ones."""
    digest = hmac.new(settings.checked_secret.encode(), f"mail-{kind}:{what}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def _marks(recipients: Iterable[str], settings: Settings, kind: str) -> list[tuple[str, str]]:
    own, _, host = settings.reply_address.lower().partition("@")
    found = (_MARKED.match(one) for one in recipients)
    return [
        (one["number"], one["seal"])
        for one in found
        if one is not None and (one["local"], one["host"], one["kind"]) == (own, host, kind)
    ]
