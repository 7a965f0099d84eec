"""Schemathesis asks whatever the description allows and much that it does not, of a running server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grs.bootstrap import House
from grs.domain.machines import Scope
from grs.web import create_app
from tests.conftest import Template, serving
from tests.stories import lodge
from tests.web.test_machines import token_for

EXAMPLES = 15
"""Requests made up for each operation beside those that cover its description; more: ``--max-examples``."""
CONFIG = """
[[operations]]
include-name = "POST /api/v1/complaints"
# What lateness needs, and that nothing was applied for tomorrow, no JSON Schema can say.
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "422"]

[[operations]]
include-name = "POST /api/v1/queue/{number}/actions/{action}"
# What a form needs depends on the action, and what was seen on what happened meanwhile.
checks.positive_data_acceptance.expected-statuses = ["2xx", "403", "404", "409", "412", "422"]
"""


@pytest.fixture
def server(house: House) -> Iterator[str]:
    app = create_app(house, test_config={"RATELIMIT_ENABLED": False})
    with serving(app) as address:
        yield address


@pytest.mark.thorough
def test_nothing_is_found_that_the_description_does_not_say(
    server: str, house: House, database: Template, tmp_path: Path
) -> None:
    lodge(house)
    token = token_for(house, database, Scope.READ, Scope.ACT)["Authorization"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    program = Path(sys.executable).with_name("schemathesis")
    made = subprocess.run(
        [program, "--config-file", config, "run", f"{server}/api/v1/openapi.json", "--seed", "1",
         "--max-examples", str(EXAMPLES), "--no-color",
         "--header", f"Authorization: {token}"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-6000:]
    assert "Stateful" in made.stdout
