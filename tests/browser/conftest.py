"""A real browser on a real server: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from grs.bootstrap import House, open_house
from grs.web import create_app
from tests.conftest import Clock, Template, make_settings, serving
from tests.conftest import chromium as find_chromium
from tests.postgres import free_port

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


@pytest.fixture
def house(database: Template, clock: Clock, tmp_path: Path) -> Iterator[House]:
    """The product on a port of its own, so that its links lead to it."""
    settings = make_settings(database.url, tmp_path, base_url=f"http://127.0.0.1:{free_port()}")
    found = open_house(settings, clock=clock)
    yield found
    found.close()


@pytest.fixture
def site(house: House) -> Iterator[str]:
    """The address of a running web server, with its tokens and headers as in real use."""
    app = create_app(house, test_config={"RATELIMIT_ENABLED": False})
    with serving(app, port=int(house.settings.base_url.rsplit(":", 1)[1])):
        yield house.settings.base_url


@pytest.fixture
def phone(chromium: Browser, site: str) -> Iterator[Page]:
    """A 360 px phone without JavaScript, in Bangla."""
    yield from _page(chromium, site, PHONE)


@pytest.fixture
def desk(chromium: Browser, site: str) -> Iterator[Page]:
    """A wide screen without JavaScript, in Bangla."""
    yield from _page(chromium, site, DESK)


def _page(chromium: Browser, site: str, size: dict[str, int]) -> Iterator[Page]:
    context: BrowserContext = chromium.new_context(
        base_url=site,
        viewport=size,
        java_script_enabled=False,
        locale="bn-BD",  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


@pytest.fixture
def inspector(chromium: Browser, site: str) -> Iterator[Page]:
    """A browser that lets axe run: the pages' own policy forbids scripts, ours for the test does not."""
    context = chromium.new_context(base_url=site, viewport=PHONE, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    yield page
    context.close()
