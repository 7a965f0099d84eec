"""A complaint comes to a desk: the letters of arrival, also when nobody sits there."""

from __future__ import annotations

from grs.db.complaints import Complaint
from grs.domain.tiers import ChainTier, TierChain
from grs.usecases.ledger import Head, Ledger
from grs.usecases.recipients import Recipients


def announce_arrival(
    ledger: Ledger,
    head: Head | Complaint,
    step: int,
    *,
    letter: str,
    chain: TierChain,
    desk: ChainTier,
    people: Recipients,
) -> None:
    """Tell the officer who has the complaint now.

    A vacant post never parks a case: the tier above and the supervisors are told the same day (ours).
    """
    officers = people.on_post(desk.post_id)
    if officers:
        ledger.to_people(head, step, letter, officers)
        return
    above = chain.above(desk.tier)
    told = people.on_post(above.post_id) if above else []
    ledger.to_people(head, step, "vacant_post", [*told, *people.supervising(desk.office_id)])
