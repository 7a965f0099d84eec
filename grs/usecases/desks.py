"""A complaint comes to a desk: the letter of arrival, or of a post on which nobody sits."""

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
    """Tell the officer who has the complaint now, or those who must see to it when there is none."""
    officers = people.on_post(desk.post_id)
    if officers:
        ledger.to_people(head, step, letter, officers)
    else:
        tell_vacancy(ledger, head, chain=chain, desk=desk, people=people)


def tell_vacancy(
    ledger: Ledger, head: Head | Complaint, *, chain: TierChain, desk: ChainTier, people: Recipients
) -> None:
    """A vacant post never parks a case: the tier above and the supervisors are told, once a stay (ours)."""
    above = chain.above(desk.tier)
    told = [*(people.on_post(above.post_id) if above else []), *people.supervising(desk.office_id)]
    facts = {"to_post": desk.post_id, "due_on": head.due_on, "provisional": head.is_provisional}
    for person in told:
        key = f"vacant/{head.id}/{head.assignment_sequence}/{person.person_id}"
        ledger.note(key, "vacant_post", person, facts, complaint_id=head.id)
