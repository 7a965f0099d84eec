"""What an installation is made of: each file tried by the program it is for, as far as one machine allows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from grs.bootstrap import House
from grs.settings import ROOT, Settings, environment_file, read_settings
from grs.usecases.measures import measured

DEPLOY = ROOT / "config" / "deploy"
UNITS = ("grs-web.service", "grs-worker.service", "grs-backup.service", "grs-backup.timer")
MOST_EXPOSED = 2.0
"""Of ten, as systemd reckons how much a service could do besides its work."""


def test_the_environment_file_has_every_setting_with_its_meaning() -> None:
    file = DEPLOY / "grs.env.example"
    if os.environ.get("REWRITE_DOCS"):
        file.write_text(environment_file(), "utf-8")
    told = file.read_text("utf-8")
    assert told == environment_file(), "REWRITE_DOCS=1 writes it anew"
    for field in fields(Settings):
        assert re.search(rf"^# .+\n#GRS_{field.name.upper()}=", told, re.M), field.name


def test_the_environment_file_filled_in_is_understood() -> None:
    lines = re.findall(r"^#(GRS_\w+)=(.*)$", environment_file(), re.M)
    assert read_settings(dict(lines)) == read_settings({})


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with this tree in the place of /opt/grs."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    folder = tmp_path_factory.mktemp("units")
    python = Path(shutil.which("python3") or "/usr/bin/python3")
    for name in UNITS:
        text = (DEPLOY / name).read_text("utf-8").replace("/opt/grs/.venv/bin/python", str(python))
        (folder / name).write_text(re.sub(r"/opt/grs/.venv/bin/grs", str(python), text).replace("/opt/grs", str(ROOT)))
    return folder


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(installed: Path, unit: str) -> None:
    made = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(installed / unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["grs-web.service", "grs-worker.service"])
def test_a_service_can_do_little_besides_its_work(installed: Path, unit: str) -> None:
    made = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(installed / unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", made.stdout)
    assert found is not None, made.stderr
    assert float(found[1]) <= MOST_EXPOSED, made.stdout


def names_in(text: str) -> set[str]:
    return set(re.findall(r"grs_[a-z_]+", text)) - {"grs_complaints_"}


def test_alarms_and_graphs_ask_for_measures_that_there_are(house: House) -> None:
    with house.readers() as session:
        known = {f"grs_{one.name}": set(one.labels) for one in measured(session, now=house.clock())}
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    panels = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))["panels"]
    asked = [rule["expr"] for rule in rules] + [target["expr"] for one in panels for target in one["targets"]]
    assert len(asked) >= 12
    for expression in asked:
        assert names_in(expression) <= known.keys(), expression
        for name, label in re.findall(r"(grs_[a-z_]+)\{(\w+)=", expression):
            assert label in known[name], expression
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.M)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    for rule in rules:
        assert rule["annotations"]["runbook"].partition("#")[2] in anchors, rule["alert"]


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text("utf-8"))["services"]
    return found


@pytest.mark.parametrize("name", ["compose.yaml", "compose.many.yaml"])
def test_compose_files_set_what_there_is_to_set(name: str) -> None:
    known = {f"GRS_{field.name.upper()}" for field in fields(Settings)}
    for part in ("web", "worker"):
        given = services(name)[part]["environment"]
        assert set(given) <= known
        assert services(name)[part]["env_file"] == ["/etc/grs/grs.env"], "so that no setting is forgotten here"
        assert given["GRS_BEHIND_PROXY"] == "true"
    assert services(name)["worker"]["command"] == ["python", "-m", "workers"]


def test_the_image_holds_what_the_product_needs() -> None:
    told = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "--require-hashes -r requirements.lock" in told
    assert "poppler-utils" in told
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for extra in ("redis", "files", "sso"):
        assert all(f'"{one}"' in told for one in extras[extra]), extra
    assert re.search(r"^USER grs$", told, re.M), "it does not run as root"
    left_out = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {".git", "var", ".venv"} <= set(left_out)
    assert not {"config", "templates", "grs", "workers"} & set(left_out)
