"""From what an officer typed to what a use case takes; the rules themselves are in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from grs.domain.disposal import Disposal, NotAdmissible, Outcome, RootCause
from grs.domain.errors import InvalidInput
from grs.domain.typed import read_choice


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
