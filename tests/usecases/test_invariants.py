"""What must hold is noticed where it does not: each damage is named, with what it damages."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from sqlalchemy import text

from grs.bootstrap import House
from grs.db.drafts import Attachment, AttachmentContent
from grs.domain.attachments import MediaType
from grs.domain.replay import ImpossibleStep, replay
from grs.domain.workflow import StepKind
from grs.usecases.invariants import check_invariants
from tests.conftest import Clock
from tests.stories import assert_all_holds, dispose, lodge, pass_days

DAMAGES = {
    "UPDATE complaint SET tracking_number = '123456789012'": "none of ours",
    "UPDATE complaint SET access_code_hash = '1234567890123456'": "not kept as a hash",
    "UPDATE complaint SET due_on = '2025-05-21', escalates_after = '2025-05-21'": "its history leads to 2025-05-20",
    "UPDATE complaint SET tier = 2": "tier is",
    "UPDATE complaint SET stage = 'disposed'": "its history leads to received",
    "UPDATE complaint SET escalates_after = '2026-01-01'": "would be escalated after",
    "UPDATE complaint SET assignment_sequence = 2": "tells of 1",
    "UPDATE assignment SET due_on = '2025-05-19'": "due_on of its present stay",
    "UPDATE assignment SET ended_at = started_at": "0 stays are open",
    "UPDATE assignment SET limit_amount = 31": "day by day",
    "UPDATE assignment SET sequence = 5": "numbered without gaps",
    "UPDATE message SET to_address = 'stranger@example.com'": "does not concern",
    "UPDATE message SET state = 'sent'": "do not agree",
    "UPDATE message SET step_sequence = 9": "never was",
    "UPDATE attachment SET size = 3": "not those that were taken",
    "UPDATE attachment SET sha256 = 'x'": "not those that were taken",
    "DELETE FROM attachment_content": "bytes are gone",
    "UPDATE attachment SET complaint_id = NULL": "belongs to nothing",
}


def broken(house: House) -> list[tuple[str, str]]:
    with house.reports() as session:
        return check_invariants(session, shelf=house.shelf)


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named(house: House, damage: str) -> None:
    complaint, content = lodge(house).complaint, b"what was taken"
    with house.writers.begin() as session:
        session.add(
            Attachment(
                complaint_id=complaint.id, name="a.png", media_type=MediaType.PNG, size=len(content),
                sha256=hashlib.sha256(content).hexdigest(), added_at=house.clock(),
                content=AttachmentContent(content=content),
            )
        )  # fmt: skip
    assert_all_holds(house)
    with house.engine.begin() as connection:
        connection.execute(text(damage))
    assert any(DAMAGES[damage] in problem for _, problem in broken(house)), broken(house)


def test_nothing_is_found_where_nothing_is_wrong(house: House, clock: Clock) -> None:
    lodge(house)
    dispose(house, lodge(house).complaint.tracking_number)
    pass_days(house, clock, date(2025, 9, 30))
    assert broken(house) == []


LODGED = {"to_tier": 1, "to_office": 5, "to_post": 7, "due_on": "2025-05-20", "provisional": False, "about": "nobody"}
LEFT = {"from_tier": 1, "from_office": 5, "from_post": 7, "was_due_on": "2025-05-20"}
UP = LEFT | {"to_tier": 2, "to_office": 6, "to_post": 8, "due_on": "2025-06-25", "provisional": False}


@pytest.mark.parametrize(
    ("steps", "at"),
    [
        ([], 1),
        ([("accepted", {})], 1),
        ([("lodged", LODGED), ("lodged", LODGED)], 2),
        ([("lodged", LODGED), ("disposed", {})], 2),
        ([("lodged", LODGED), ("appealed", UP)], 2),
        ([("lodged", LODGED), ("escalated", UP | {"to_tier": 3})], 2),
        ([("lodged", LODGED), ("escalated", UP | {"to_tier": 1})], 2),
        ([("lodged", LODGED), ("escalated", UP | {"from_post": 9})], 2),
        ([("lodged", LODGED), ("escalated", UP), ("escalated", UP)], 3),
        ([("lodged", LODGED), ("accepted", {}), ("disposed", {}), ("disposed", {})], 4),
        ([("lodged", LODGED), ("accepted", {}), ("disposed", {}), ("due_date_changed", {"due_on": "2025-05-21"})], 4),
        ([("lodged", LODGED), ("withdrawn", {}), ("appealed", UP)], 3),
        ([("lodged", LODGED), ("anonymised", {})], 2),
    ],
)
def test_a_history_that_cannot_have_happened_is_refused(steps: list[tuple[str, dict[str, object]]], at: int) -> None:
    with pytest.raises(ImpossibleStep) as refused:
        replay((StepKind(kind), details) for kind, details in steps)
    assert refused.value.sequence == at


def test_a_complaint_about_somebody_goes_past_his_desk() -> None:
    about = LODGED | {"about": "grievance_officer"}
    assert replay([(StepKind.LODGED, about), (StepKind.ESCALATED, UP | {"to_tier": 3})]).tier == 3
