"""The pages of docs/ that print the rules are the rules' own tables; `REWRITE_DOCS=1 make test` writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from grs.domain.access import LEFT_TO_THE_ACCUSED, MAY, RELATIONS_OF_ROLE, Deed, Relation, deeds
from grs.domain.workflow import (
    ACTORS,
    FIRST_READER_ONLY,
    FIRST_TIER_ONLY,
    INTERNAL_STEPS,
    LAST_TIER_ONLY,
    TRANSITIONS,
    Action,
    Stage,
)
from grs.settings import ROOT

DOCS = ROOT / "docs"


def access_page() -> str:
    """Role × action: what the holder of a post may do with a complaint, and by which relation to it."""
    lines = [
        "# Who may see and do what",
        "",
        "Printed from `grs/domain/access.py`; a test compares. A person may do what his relation to a complaint",
        "allows; what stands in no row nobody may do.",
        "",
        "| relation to the complaint | " + " | ".join(Deed) + " |",
        "|---|" + "---|" * len(Deed),
    ]
    for relation in Relation:
        cells = ["yes" if deed in MAY[relation] else "–" for deed in Deed]
        lines.append(f"| {relation} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Whoever a complaint is about may do nothing with it but: {', '.join(sorted(LEFT_TO_THE_ACCUSED))}.",
        "",
        "| role of the post | " + " | ".join(Deed) + " |",
        "|---|" + "---|" * len(Deed),
    ]
    for role, relations in RELATIONS_OF_ROLE.items():
        cells = []
        for deed in Deed:
            through = [str(relation) for relation in relations if deed in deeds({relation})]
            cells.append(", ".join(through) or "–")
        lines.append(f"| {role} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "`answers`: the complaint lies at his desk now. `answered`: it lay there before. `supervises`: his office or",
        "one below it answers, answered, or is complained about. `investigates`, `asked`: while the task is open.",
        "`decide_mark` belongs to the appeal desk of the complaint's chain, wherever the complaint lies.",
        "",
    ]
    return "\n".join(lines)


def workflow_page() -> str:
    """Stage × action → stage, who does it, at which tier."""
    lines = [
        "# What may happen when",
        "",
        "Printed from `grs/domain/workflow.py`; a test compares. A pair that is not here cannot happen.",
        "",
        "| action | by | " + " | ".join(f"from {stage}" for stage in Stage) + " | tiers |",
        "|---|---|" + "---|" * (len(Stage) + 1),
    ]
    for action in Action:
        cells = [str(TRANSITIONS.get((stage, action), "–")) for stage in Stage]
        tiers = (
            "first"
            if action in FIRST_READER_ONLY
            else "1"
            if action in FIRST_TIER_ONLY
            else "3"
            if action in LAST_TIER_ONLY
            else "all"
        )
        lines.append(f"| {action} | {ACTORS[action]} | " + " | ".join(cells) + f" | {tiers} |")
    lines += ["", f"The complainant does not see: {', '.join(sorted(INTERNAL_STEPS))}.", ""]
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "text"), [("access.md", access_page()), ("workflow.md", workflow_page())])
def test_the_printed_rules_are_the_rules(name: str, text: str) -> None:
    page: Path = DOCS / name
    if os.environ.get("REWRITE_DOCS"):
        page.write_text(text, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("page", ["security.md", "operations.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (DOCS / page).read_text("utf-8"))
    assert named or page != "security.md"
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file}::{name}"
