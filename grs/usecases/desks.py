"""A complaint comes to a desk: which one, the letter of arrival, or of a post on which nobody sits."""

from __future__ import annotations

from collections.abc import Collection

from grs.db.complaints import Complaint
from grs.domain.tiers import About, ChainTier, Tier, TierChain
from grs.usecases.ledger import Head, Ledger
from grs.usecases.recipients import Recipients


def accused_people(people: Recipients, chain: TierChain, about: About, office_id: int) -> set[int]:
    """Who is complained about, as persons, also while they are on leave; never who sits in for them.

    ``chain`` and office are those of the charter complained under.
    """
    if about is About.NOBODY:
        return set()
    if about is About.HEAD_OF_OFFICE:
        return {person.person_id for person in people.heading(office_id)}
    tier = Tier.GRIEVANCE_OFFICER if about is About.GRIEVANCE_OFFICER else Tier.APPEAL_OFFICER
    return {person.person_id for person in people.holding(chain.at(tier).post_id)}


def desk_clear_of(accused: Collection[int], chain: TierChain, desk: ChainTier, people: Recipients) -> ChainTier:
    """The desk, or the next above it that nobody accused holds or sits in for (G 7.1(ক))."""
    while (above := chain.above(desk.tier)) and _sitting(desk, people) & set(accused):
        desk = above
    return desk


def _sitting(desk: ChainTier, people: Recipients) -> set[int]:
    """Who is there today and whose post it is: who is away comes back."""
    return {p.person_id for p in (*people.on_post(desk.post_id), *people.holding(desk.post_id))}


def announce_arrival(
    ledger: Ledger,
    head: Head | Complaint,
    step: int,
    *,
    letter: str,
    chain: TierChain,
    desk: ChainTier,
    people: Recipients,
    accused: Collection[int] = (),
) -> None:
    """Tell the officer who has the complaint now, or those who must see to it when there is none.

    Whoever it is about is not told and does not count, even on the last desk, above which there is none.
    """
    officers = [person for person in people.on_post(desk.post_id) if person.person_id not in accused]
    if officers:
        ledger.to_people(head, step, letter, officers)
    else:
        tell_vacancy(ledger, head, chain=chain, desk=desk, people=people, accused=accused)


def tell_vacancy(
    ledger: Ledger,
    head: Head | Complaint,
    *,
    chain: TierChain,
    desk: ChainTier,
    people: Recipients,
    accused: Collection[int] = (),
) -> None:
    """A vacant post never parks a complaint: the tier above and the supervisors are told, once a stay (ours)."""
    above = chain.above(desk.tier)
    told = [*(people.on_post(above.post_id) if above else []), *people.supervising(desk.office_id)]
    facts = {"to_post": desk.post_id, "due_on": head.due_on, "provisional": head.is_provisional}
    for person in told:
        if person.person_id in accused:
            continue
        key = f"vacant/{head.id}/{head.assignment_sequence}/{person.person_id}"
        ledger.note(key, "vacant_post", person, facts, complaint_id=head.id)
