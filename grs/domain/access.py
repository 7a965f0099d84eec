"""What a post may see and do. Roles belong to posts, never to persons."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from grs.domain.tiers import Tier


class PostRole(StrEnum):
    """What a post is for."""

    GRIEVANCE_OFFICER = "grievance_officer"
    APPEAL_OFFICER = "appeal_officer"
    CELL_OFFICER = "cell_officer"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"


ROLE_OF_TIER = {
    Tier.GRIEVANCE_OFFICER: PostRole.GRIEVANCE_OFFICER,
    Tier.APPEAL_OFFICER: PostRole.APPEAL_OFFICER,
    Tier.CELL_OFFICER: PostRole.CELL_OFFICER,
}


def can_decide(my_posts: Collection[int], *, post_id: int) -> bool:
    """Only the post that has the complaint now acts on it; supervisors read and do not decide."""
    return post_id in my_posts


def can_read(
    my_posts: Collection[int],
    my_supervised_offices: Collection[int],
    *,
    posts_so_far: Collection[int],
    offices_so_far: Collection[int],
    is_about_me: bool = False,
) -> bool:
    """Who answers for it, who answered before, and the supervisors of its offices.

    A head of office does not read a complaint about himself.
    """
    return not is_about_me and bool(
        set(my_posts) & set(posts_so_far) or set(my_supervised_offices) & set(offices_so_far)
    )
