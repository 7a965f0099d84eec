"""Supervisors and administrators in Debian's Chromium: charts beside their tables, every page looked at."""

from __future__ import annotations

from datetime import date

from playwright.sync_api import Browser, Page

from grs.bootstrap import House
from grs.domain.access import PostRole
from grs.settings import CONFIG
from grs.usecases.offices import find_office
from grs.usecases.posts import post_in
from tests.browser.conftest import DESK
from tests.browser.looking import log_in_as, look_at, press
from tests.charter.writing import as_page
from tests.conftest import Clock, Template
from tests.stories import dhaka, dispose, lodge
from tests.web.test_access import PASSWORD, person_on
from workers import jobs

TEXT = (CONFIG / "charters" / "001_edc895d25ec3a382.txt").read_text("utf-8")


def some_months(house: House, clock: Clock) -> None:
    """Complaints of April and May, one disposed, one escalated, April frozen and sealed."""
    number = lodge(house).complaint.tracking_number
    lodge(house, "doict-jaintiapur", mobile="01700000002")
    dispose(house, number)
    clock.now = dhaka(date(2025, 5, 1), 1)
    for job in ("freeze", "seal"):
        jobs.run(house, job)
    lodge(house, mobile="01700000003")
    clock.now = dhaka(date(2025, 5, 25), 10)
    jobs.run(house, "escalate")


def administrator(page: Page, house: House) -> None:
    with house.writers.begin() as session:
        post_in(session, find_office(session, "cabinet-cell"), PostRole.ADMINISTRATOR)
    person_on(house, "keeper@example.invalid", ("cabinet-cell", PostRole.ADMINISTRATOR))
    page.goto("/login")
    page.fill("#email", "keeper@example.invalid")
    page.fill("#password", PASSWORD)
    press(page, page.locator("main form button"))


def test_the_supervisors_pages_are_accessible_on_a_phone(
    house: House, database: Template, clock: Clock, inspector: Page
) -> None:
    some_months(house, clock)
    log_in_as(inspector, database, "supervisor", "cabinet-cell")
    for path in ("/supervision/", "/supervision/annex?month=2025-04", "/supervision/register?month=2025-04",
                 "/supervision/cases?what=received&month=2025-05&months=3", "/seals"):  # fmt: skip
        look_at(inspector, path)


def test_charts_are_drawn_from_the_tables_and_without_scripts_the_tables_stay(
    house: House, database: Template, clock: Clock, chromium: Browser, site: str, desk: Page
) -> None:
    some_months(house, clock)
    log_in_as(desk, database, "supervisor", "cabinet-cell")
    desk.goto("/supervision/")
    assert desk.locator("canvas").count() == 0
    tables = desk.locator("table[data-chart]").count()
    assert tables == 2
    context = chromium.new_context(base_url=site, viewport=DESK, locale="bn-BD")  # type: ignore[arg-type]
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    log_in_as(page, database, "supervisor", "cabinet-cell")
    page.goto("/supervision/")
    assert page.locator("canvas").count() == tables, "a chart beside each, the table still there"
    assert page.locator("table[data-chart]").count() == tables
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('canvas')].map(c => {
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            return d.some((v, i) => i % 4 === 3 && v > 0); })"""
    )
    assert drawn == [True, True], "and something is drawn"
    assert errors == [], "the policy allows it, nothing fails"
    context.close()


def test_the_administrators_pages_are_accessible_on_a_phone(house: House, clock: Clock, inspector: Page) -> None:
    lodge(house)
    administrator(inspector, house)
    for path in ("/admin/", "/admin/offices", "/admin/offices/doict-kaunia", "/admin/offices/doict-kaunia/chain",
                 "/admin/people", "/admin/people/1", "/admin/charters", "/admin/calendar?year=2025", "/admin/rules",
                 "/admin/letters?state=queued", "/admin/letters/1", "/admin/jobs", "/admin/log"):  # fmt: skip
        look_at(inspector, path)


def test_a_charter_and_a_saturday_go_through_the_browser(house: House, clock: Clock, desk: Page) -> None:
    lodge(house)
    administrator(desk, house)
    desk.goto("/admin/charters")
    page = as_page(TEXT.replace("০৩ (তিন) কার্যদিবস", "০৯ (নয়) কার্যদিবস", 1)).encode()
    desk.set_input_files("#file", {"name": "charter.html", "mimeType": "text/html", "buffer": page})
    press(desk, desk.locator("main form button").first)
    assert "১৯ টি সেবা পড়া হয়েছে" in desk.locator("main").inner_text()
    address = desk.url
    desk.goto(f"{address}/services/0")
    name = desk.locator("#name").input_value()
    desk.fill("#name", "")
    press(desk, desk.locator("main form button").first)
    assert desk.locator(".govuk-error-summary").is_visible()
    desk.fill("#name", name)
    press(desk, desk.locator("main form button").first)
    press(desk, desk.get_by_role("link", name="কী বদলাবে দেখুন"))
    assert "০৯ (নয়) কার্যদিবস" in desk.locator("main").inner_text()
    press(desk, desk.get_by_role("button", name="কার্যকর করুন"))
    assert "সংস্করণ ২" in desk.locator("main").inner_text()

    desk.goto("/admin/calendar?year=2025")
    for field, value in (("day", "২৬/০৪/২০২৫"), ("name_bn", "কর্মদিবস"), ("reference", "SRO 12")):
        desk.fill(f"#{field}", value)
    desk.locator("input[name=kind][value=working]").check()
    press(desk, desk.get_by_role("button", name="কী বদলাবে দেখুন").first)
    assert "১৯ মে ২০২৫" in desk.locator("main").text_content()  # type: ignore[operator]
    press(desk, desk.get_by_role("button", name="কার্যকর করুন"))
    jobs.run(house, "recalculate")
    desk.reload()
    assert "১ টি চলমান অভিযোগ গোনা শেষ" in desk.locator("main").inner_text()
