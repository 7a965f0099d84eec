"""A charter printed to PDF by a browser reads as a draft that is worth correcting."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from grs.charter import read_charter, read_document
from grs.settings import CONFIG, ROOT
from tests.charter.scoring import f1
from tests.charter.writing import as_page
from tests.conftest import chromium

FONT = ROOT / "grs" / "web" / "static" / "fonts" / "noto-sans-bengali-400.woff2"
FACE = f'<style>@font-face {{ font-family: "Noto Sans Bengali"; src: url("{FONT.as_uri()}") }}</style></head>'
CHARTERS = sorted((CONFIG / "charters").glob("*.txt"))


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
@pytest.mark.skipif(chromium() is None, reason="there is no Chromium")
def test_a_printed_charter_is_a_draft_to_correct(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        for path in CHARTERS:
            text = path.read_text("utf-8")
            source, pdf = tmp_path / "charter.html", tmp_path / f"{path.stem}.pdf"
            source.write_text(as_page(text, with_menus=False).replace("</head>", FACE), encoding="utf-8")
            page.goto(source.as_uri())
            page.pdf(path=str(pdf), prefer_css_page_size=True)
            wanted = json.loads(json.dumps(read_charter(text, source=path.name).as_json()))
            found = json.loads(json.dumps(read_document(pdf.read_bytes(), name=path.name).as_json()))
            assert len(found["services"]) == len(wanted["services"]), path.name
            limits = [one["time_limit"]["working_days_max"] for one in wanted["services"]]
            same = sum(a["time_limit"]["working_days_max"] == b for a, b in zip(found["services"], limits, strict=True))
            assert same >= 0.8 * len(limits), path.name
            assert f1(found, wanted) > 0.6, path.name
        browser.close()
