"""The nine questions that the first reader of a complaint answers (G 7.1.1(ক))."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from grs.domain.errors import InvalidInput
from grs.domain.lodging import Ground


class Question(StrEnum):
    """In the guideline's order."""

    OWN_OFFICE = "own_office"
    STANDARD_BROKEN = "standard_broken"
    DEPRIVED_OR_DELAYED = "deprived_or_delayed"
    IRREGULARITY = "irregularity"
    MISCONDUCT = "misconduct"
    FULL_CONTACT = "full_contact"
    REMEDY_STATED = "remedy_stated"
    FILED_BY_RULES = "filed_by_rules"
    ANONYMOUS = "anonymous"


Screening = dict[Question, bool]


def proposed_screening(*, ground: Ground, has_contact: bool, has_remedy: bool, is_anonymous: bool) -> Screening:
    """What the complaint form itself answers; the officer corrects it."""
    return {
        Question.OWN_OFFICE: True,
        Question.STANDARD_BROKEN: ground in (Ground.LATE, Ground.STANDARD_BROKEN),
        Question.DEPRIVED_OR_DELAYED: ground in (Ground.LATE, Ground.STANDARD_BROKEN),
        Question.IRREGULARITY: False,
        Question.MISCONDUCT: ground is Ground.MISCONDUCT,
        Question.FULL_CONTACT: has_contact,
        Question.REMEDY_STATED: has_remedy,
        Question.FILED_BY_RULES: True,
        Question.ANONYMOUS: is_anonymous,
    }


def read_screening(typed: Mapping[str, str]) -> Screening:
    """The answers as the officer gave them; raises InvalidInput naming each question left open."""
    problems = {question.value: "choose_one" for question in Question if typed.get(question) not in ("yes", "no")}
    if problems:
        raise InvalidInput(problems)
    return {question: typed[question] == "yes" for question in Question}
