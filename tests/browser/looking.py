"""How browser tests press, log in and look: axe, and what axe does not look for."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from tests.conftest import Template

SMALLEST_TARGET = 44


def press(page: Page, button: Locator) -> None:
    """Click and wait for the page that answers: what is counted at once would be counted on half of it."""
    button.click()
    page.wait_for_load_state("load")


def violations(page: Page) -> list[str]:
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found.response["violations"]]


def look_at(page: Page, path: str) -> None:
    """What axe finds, and what it does not look for."""
    page.goto(path)
    assert violations(page) == [], path
    assert_sound(page, path)


def assert_sound(page: Page, path: str) -> None:
    """Groups have legends, errors belong to fields, targets are large, nothing is wider than the phone."""
    scripts = [one.get_attribute("src") or "" for one in page.locator("script").all()]
    assert all(src.startswith("/static/") for src in scripts), path
    assert not scripts or path.startswith(("/officer/", "/supervision/")), "citizens' pages have none"
    assert page.locator("h1").count() == 1, path
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{path} is {wide} px too wide"
    for group in page.locator("input[type=radio]").all():
        assert group.evaluate("e => !!e.closest('fieldset')?.querySelector('legend')?.textContent.trim()"), path
    for field in page.locator("main input:not([type=hidden]), main select, main textarea").all():
        assert field.evaluate("e => e.labels.length === 1 && e.labels[0].textContent.trim().length > 0"), path
    small = page.evaluate(
        """least => [...document.querySelectorAll(
            'button, a.govuk-button, select, input:not([type=hidden]), nav a, .site-name, .govuk-back-link')]
        .filter(e => e.offsetParent !== null && !e.matches('.link-button, .enter'))
        .filter(e => e.getBoundingClientRect().height < least - 0.5).map(e => e.outerHTML.slice(0, 120))""",
        SMALLEST_TARGET,
    )
    assert small == [], path


def log_in_as(page: Page, database: Template, role: str, office: str) -> None:
    login = next(one for one in database.logins if one.role == role and one.office == office)
    page.goto("/login")
    page.fill("#email", login.email)
    page.fill("#password", login.password)
    press(page, page.locator("main form button"))
