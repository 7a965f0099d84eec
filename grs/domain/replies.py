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
    TOO_MANY = "too_many"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


TOLD = (Fate.ADDED, Fate.OTHER_SENDER, Fate.TOO_LARGE, Fate.REFUSED, Fate.UNREADABLE)
"""What the complainant hears of, at most once a day, at the address that he gave; robots hear nothing."""

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


def is_refused_by_sender(headers: Mapping[str, Sequence[str]], *, judge: str) -> bool:
    """Whether our own mail server, ``judge``, found that the mail is not from whom it says (RFC 8601, DMARC).

    Only its topmost word counts: what stands below it anybody may have written.
    """
    for told in headers.get("authentication-results", ())[:1]:
        name, _, results = " ".join(told.split()).partition(";")
        if judge and name.partition(" ")[0].lower() == judge.lower():
            return re.search(r"\bdmarc\s*=\s*fail\b", results, re.IGNORECASE) is not None
    return False


def new_text(text: str, *, address: str, name: str) -> str:
    """What somebody wrote above the line, without the words with which mail programs introduce what they quote.

    ``address`` and ``name`` are those that our letters come from. Where the line is not found everything counts: a
    quotation too much is no harm, a word lost is.
    """
    above, line, _ = text.replace("\r\n", "\n").replace("\r", "\n").partition(LINE)
    if not line:
        return text.strip()
    above = above.rpartition("\n")[0]  # what quotes the line stands before it: "> "
    *before, last = re.split(r"\n[ \t>]*\n", above.rstrip(" \t\n>_-"))
    lines = last.split("\n")
    ends_as_introduction = lines[-1].rstrip().endswith(":") and name in " ".join(lines)
    for place, one in enumerate(lines):
        if address in one.lower() or (ends_as_introduction and name in one):
            # The sentence began on the line before: a paragraph of its own, or part of what was written.
            lines = [] if before and place == 1 else lines[:place]
            break
    return "\n\n".join([*before, "\n".join(lines)]).strip()
