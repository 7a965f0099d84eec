"""Letters that come back: what is a person's word, what a robot's, and which part of it is new (ours)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

LARGEST_MAIL = 36 * 1024 * 1024
"""Bytes: five files of the largest size as mail carries them, and a text."""
MOST_A_DAY = 20
"""Letters of a day that one complaint takes: two robots that write to each other end here, if nowhere else."""
LINE = "##–"
"""How the line begins above which people write; short, so that no mail program breaks it."""


class Sort(StrEnum):
    """What a mail is, before anybody looks whose."""

    LETTER = "letter"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"


class Fate(StrEnum):
    """What became of a mail. ``STRAY``: nothing of ours is its mark; ``OTHER_SENDER``: somebody else's mark is."""

    ADDED = "added"
    BOUNCED = "bounced"
    AUTOMATIC = "automatic"
    STRAY = "stray"
    OTHER_SENDER = "other_sender"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many_today"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


TOLD = (Fate.ADDED, Fate.OTHER_SENDER, Fate.TOO_LARGE, Fate.TOO_MANY, Fate.REFUSED, Fate.UNREADABLE)
"""What the complainant hears of, the same once a day, at the address that he gave; robots hear nothing."""

_OF_ROBOTS = ("list-id", "list-unsubscribe", "x-autoreply", "x-autorespond", "x-auto-reply-from", "feedback-id")
_BULK = {"auto_reply", "bulk", "junk", "list"}
_ROBOTS = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+.-].*)?@", re.IGNORECASE)


def sort_of(headers: Mapping[str, Sequence[str]], *, sender: str, content_type: str) -> Sort:
    """What a mail is by its headers (names in lower case): RFC 3834, RFC 3464, and what robots set in practice."""

    def first(name: str) -> str:
        return next(iter(headers.get(name, ())), "").strip().lower()

    if content_type == "multipart/report" or (_ROBOTS.match(sender) is not None and first("return-path") == "<>"):
        return Sort.BOUNCE
    is_automatic = (
        first("auto-submitted").partition(";")[0].strip() not in ("", "no")
        or first("precedence") in _BULK
        or first("x-auto-response-suppress") in ("all", "oof", "autoreply")
        or any(name in headers for name in _OF_ROBOTS)
        or first("return-path") == "<>"
        or _ROBOTS.match(sender) is not None
    )
    return Sort.AUTOMATIC if is_automatic else Sort.LETTER


_ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")


def one_sender(told: Sequence[str], found: str) -> str:
    """The one address that a mail says it is from, ``found`` by the reader, or nothing where it names more than one:
    servers judge by one of them, readers show another.
    """
    if len(told) != 1:
        return ""
    named = {one.lower().rstrip(".") for one in _ADDRESS.findall(told[0])}
    return found if named == {found} else ""


def is_refused_by_sender(headers: Mapping[str, Sequence[str]], *, judge: str, sender: str) -> bool:
    """Whether our own mail server, ``judge``, found that the mail is not from whom it says (RFC 8601, DMARC).

    Only its topmost word counts: what stands below it anybody may have written. A word about another domain is none.
    """
    for told in headers.get("authentication-results", ())[:1]:
        name, _, results = " ".join(told.split()).partition(";")
        if judge and name.partition(" ")[0].lower() == judge.lower():
            about = re.search(r"\bheader\.from\s*=\s*(?:[^\s;@]*@)?([^\s;)]+)", results, re.IGNORECASE)
            is_other = about is not None and about[1].lower() != sender.rpartition("@")[2]
            return is_other or re.search(r"\bdmarc\s*=\s*fail\b", results, re.IGNORECASE) is not None
    return False


_WHEN = re.compile(r"(\d{4}|\d{1,2}[:.]\d{2})")  # digits of every script
_FIELD = re.compile(r"^[>*\s]*[^:]{1,20}:\*?(\s|$)")
_RULE = re.compile(r"^[>\s]*(-{2,}.*-{2,}|_{5,})\s*$")
LONGEST_INTRODUCTION = 3


def new_text(text: str, *, address: str, name: str) -> str:
    """What somebody wrote above the line, without the words with which mail programs introduce what they quote.

    ``address`` and ``name`` are those that our letters come from. Where neither the line nor such an introduction is
    found for certain everything counts: a quotation too much is no harm, a word lost is.
    """
    above, line, _ = text.replace("\r\n", "\n").replace("\r", "\n").partition(LINE)
    if not line:
        return text.strip()
    lines = above.rpartition("\n")[0].split("\n")  # what quotes the line stands before it: "> "
    while lines and not lines[-1].strip(" \t>"):
        lines.pop()
    del lines[len(lines) - _introduction(lines, address, name) :]
    while lines and (not lines[-1].strip(" \t>") or _RULE.match(lines[-1])):
        lines.pop()
    return "\n".join(lines).strip()


def _introduction(lines: Sequence[str], address: str, name: str) -> int:
    """How many of the last lines introduce a quotation: "On … <us> wrote:", or the head of the letter."""
    if lines and lines[-1].rstrip().endswith(":"):
        for count in range(1, min(LONGEST_INTRODUCTION, len(lines)) + 1):
            told = " ".join(lines[-count:])
            is_when = _WHEN.search(told) is not None
            if is_when and (address in told.lower() or name in told):
                return count
            before = lines[-count - 1] if len(lines) > count else ""
            if f"<{address}>" in told.lower() and not _WHEN.search(before):
                return count
            if not before.strip():
                break
    for count, one in enumerate(reversed(lines), start=1):
        if not _FIELD.match(one):
            break
        if address in one.lower() and count > 1:
            return count
    return 0
