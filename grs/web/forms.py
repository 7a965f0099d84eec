"""From what an officer typed to what a use case takes; the rules themselves are in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause
from grs.domain.errors import InvalidInput
from grs.domain.typed import read_choice

NO_TEXT = 20
"""Shorter than this is a choice or a day, quickly made again; longer is what somebody has written."""


def kept_texts(typed: Mapping[str, str]) -> list[str]:
    """What somebody wrote at length in a form that can no longer be sent: shown, so that it can be copied."""
    hidden = ("csrf_token", "next", "form_key", "found_by")
    return [text for field, text in typed.items() if field not in hidden and len(text.strip()) > NO_TEXT]


def read_disposal(typed: Mapping[str, str]) -> Disposal:
    """The disposal form."""
    problems: dict[str, str] = {}
    outcome = read_choice(Outcome, typed, "outcome", problems)
    root_cause = read_choice(RootCause, typed, "root_cause", problems)
    for field in ("reasons", "advice"):
        if not typed.get(field, "").strip():
            problems[field] = "required"
    if problems or outcome is None or root_cause is None:
        raise InvalidInput(problems)
    return Disposal(outcome=outcome, reasons=typed["reasons"], root_cause=root_cause, advice=typed["advice"])


def read_not_admissible(typed: Mapping[str, str]) -> NotAdmissible:
    """The reason for which a complaint is filed away."""
    problems: dict[str, str] = {}
    ground = read_choice(NotAdmissible, typed, "ground", problems)
    if ground is None:
        raise InvalidInput(problems)
    return ground
