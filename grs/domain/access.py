"""Who may see and do what. Roles belong to posts, never to persons; what a person may do with a complaint
follows from how he stands to it."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from grs.domain.tiers import Tier


class PostRole(StrEnum):
    """What a post is for."""

    GRIEVANCE_OFFICER = "grievance_officer"
    APPEAL_OFFICER = "appeal_officer"
    CELL_OFFICER = "cell_officer"
    RESPONSIBLE_OFFICER = "responsible_officer"
    SUPERVISOR = "supervisor"
    COORDINATOR = "coordinator"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


ROLE_OF_TIER = {
    Tier.GRIEVANCE_OFFICER: PostRole.GRIEVANCE_OFFICER,
    Tier.APPEAL_OFFICER: PostRole.APPEAL_OFFICER,
    Tier.CELL_OFFICER: PostRole.CELL_OFFICER,
}


class Relation(StrEnum):
    """How a person stands to one complaint."""

    ANSWERS = "answers"
    ANSWERED = "answered"
    SUPERVISES = "supervises"
    INVESTIGATES = "investigates"
    ASKED = "asked"
    DECIDES_MARK = "decides_mark"
    ACCUSED = "accused"


class Deed(StrEnum):
    """What can be done with a complaint by who is logged in."""

    LIST = "list"
    READ = "read"
    READ_FILES = "read_files"
    READ_NOTES = "read_notes"
    OPEN_IDENTITY = "open_identity"
    PRINT = "print"
    ACT = "act"
    ANSWER = "answer"
    DECIDE_MARK = "decide_mark"


# The whole matrix. What is not here nobody may do. Who only was asked sees the question and answers it.
MAY: dict[Relation, frozenset[Deed]] = {
    Relation.ANSWERS: frozenset(Deed) - {Deed.ANSWER, Deed.DECIDE_MARK},
    Relation.ANSWERED: frozenset({Deed.LIST, Deed.READ, Deed.READ_FILES, Deed.READ_NOTES, Deed.PRINT}),
    Relation.SUPERVISES: frozenset(Deed) - {Deed.ACT, Deed.ANSWER, Deed.DECIDE_MARK},
    Relation.INVESTIGATES: frozenset({Deed.READ, Deed.READ_FILES, Deed.OPEN_IDENTITY, Deed.ANSWER}),
    Relation.ASKED: frozenset({Deed.ANSWER}),
    Relation.DECIDES_MARK: frozenset({Deed.READ, Deed.READ_FILES, Deed.READ_NOTES, Deed.DECIDE_MARK}),
    Relation.ACCUSED: frozenset(),
}
LEFT_TO_THE_ACCUSED = frozenset({Deed.ANSWER})
"""Whoever a complaint is about gives his opinion when asked, and sees nothing else of it (G 7.1(ক))."""

RELATIONS_OF_ROLE: dict[PostRole, tuple[Relation, ...]] = {
    PostRole.GRIEVANCE_OFFICER: (Relation.ANSWERS, Relation.ANSWERED, Relation.INVESTIGATES),
    PostRole.APPEAL_OFFICER: (
        Relation.ANSWERS,
        Relation.ANSWERED,
        Relation.INVESTIGATES,
        Relation.DECIDES_MARK,
    ),
    PostRole.CELL_OFFICER: (Relation.ANSWERS, Relation.ANSWERED, Relation.INVESTIGATES),
    PostRole.RESPONSIBLE_OFFICER: (Relation.ASKED, Relation.INVESTIGATES),
    PostRole.SUPERVISOR: (Relation.SUPERVISES, Relation.ASKED, Relation.INVESTIGATES),
    PostRole.COORDINATOR: (Relation.SUPERVISES,),
    PostRole.OPERATOR: (),
    PostRole.ADMINISTRATOR: (),
}
"""How the holder of a post can stand to a complaint."""

DESK_ROLES = frozenset(role for role, relations in RELATIONS_OF_ROLE.items() if Relation.ANSWERS in relations)
MAY_INVESTIGATE = frozenset(role for role, relations in RELATIONS_OF_ROLE.items() if Relation.INVESTIGATES in relations)
"""Who files for others or keeps the system neither investigates nor sits in for who does."""


def may(relations: Collection[Relation], deed: Deed) -> bool:
    """Whether who stands so to a complaint may do it; being accused takes away what the rest gives."""
    if Relation.ACCUSED in relations and deed not in LEFT_TO_THE_ACCUSED:
        return False
    return any(deed in MAY[relation] for relation in relations)


def deeds(relations: Collection[Relation]) -> frozenset[Deed]:
    """Everything that who stands so to a complaint may do with it."""
    return frozenset(deed for deed in Deed if may(relations, deed))
