"""What a citizen meets in a real browser: every page in both languages, by axe and by what axe does not see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from email import message_from_bytes
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from grs.bootstrap import House
from grs.domain.lodging import Assistance, Channel
from grs.domain.tracking import read_digits
from grs.usecases.accounts import operator_by_email
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.usecases.own_complaints import ask_for_link
from grs.usecases.paper_forms import sample_sheet
from tests.browser.conftest import DESK
from tests.browser.looking import assert_sound, log_in_as, look_at, press, violations
from tests.conftest import SECRET, Template, body_of
from tests.stories import TYPED, a_form, dispose, fetch, lodge
from workers import jobs

LANGUAGES = ("bn", pytest.param("en", marks=pytest.mark.thorough))
PUBLIC = (
    "/",
    "/offices",
    "/offices?q=কাউনিয়া",
    "/offices?q=zzz",
    "/offices/doict-kaunia",
    "/offices/doict-kaunia/complain",
    "/track",
    "/my-complaints",
    "/my-complaints/1-none",
    "/statistics",
    "/statistics/doict-kaunia",
    "/dates/doict-kaunia/2025-04-06/30/working_days",
    "/login",
    "/nowhere",
)


@dataclass(frozen=True)
class Filed:
    """A complaint as a person filed it in the browser."""

    address: str
    number: str
    code: str


def go_on(page: Page) -> None:
    press(page, page.locator("form#form button").last)


def begin(page: Page, **typed: str) -> str:
    """The first page of the form; returns the form's address."""
    page.goto("/offices/doict-kaunia/complain")
    page.check(f"input[name=ground][value={typed.get('ground', 'standard_broken')}]")
    go_on(page)
    return page.url.rsplit("/", 2)[1]


def write_events(page: Page) -> None:
    page.fill("#subject", TYPED["subject"])
    page.fill("#description", TYPED["description"])
    go_on(page)


def say_who(page: Page) -> None:
    page.check("input[name=is_anonymous][value=no]")
    page.check("input[name=for_whom][value=self]")
    go_on(page)
    page.fill("#name", TYPED["name"])
    page.fill("#mobile", TYPED["mobile"])
    page.fill("#email", TYPED["email"])
    go_on(page)


def file(page: Page) -> Filed:
    """Fill in and send a complaint as a person does."""
    address = begin(page)
    write_events(page)
    go_on(page)
    say_who(page)
    press(page, page.locator("form[action$='/check'] button"))
    number, code = (read_digits(page.locator(".code").nth(n).inner_text()) for n in (0, 1))
    return Filed(address, number, code)


def pages_of(page: Page, filed: Filed) -> list[str]:
    """The pages that only who filed it sees."""
    at = f"/complaints/{filed.number}"
    return [f"/receipts/{filed.number}", at, f"{at}/dates/1", f"{at}/add", f"{at}/withdraw"]


def form_pages(address: str) -> list[str]:
    return [f"/forms/{address}/{page}" for page in ("service", "events", "files", "person", "contact", "check")]


# -- axe, on every page in both languages ------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_public_pages(inspector: Page, language: str) -> None:
    inspector.goto(f"/?lang={language}")
    for path in PUBLIC:
        look_at(inspector, path)
        assert inspector.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_of_a_form_and_of_a_complaint(inspector: Page, language: str) -> None:
    inspector.goto(f"/?lang={language}")
    for path in form_pages(begin(inspector)):
        look_at(inspector, path)
    for path in pages_of(inspector, file(inspector)):
        look_at(inspector, path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_after_a_decision_and_of_ones_own_list(
    inspector: Page, house: House, database: Template, language: str
) -> None:
    inspector.goto(f"/?lang={language}")
    filed = file(inspector)
    dispose(house, filed.number)
    for act in ("", "/appeal", "/rate"):
        look_at(inspector, f"/complaints/{filed.number}{act}")
    with house.writers.begin() as session:
        ask_for_link(session, TYPED["email"], language=language, now=house.clock())
    jobs.run(house, "deliver")
    bodies = [body_of(message_from_bytes(path.read_bytes())) for path in house.settings.mail_folder.iterdir()]
    (link,) = {found[0] for body in bodies if (found := re.search(r"/my-complaints/\S+", body))}
    look_at(inspector, link)
    press(inspector, inspector.locator("main form button"))
    look_at(inspector, "/my-complaints")


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_of_a_service_that_is_not_late_yet(inspector: Page, language: str) -> None:
    inspector.goto(f"/?lang={language}")
    inspector.goto("/offices/doict-kaunia/complain")
    inspector.select_option("#service", index=1)
    inspector.check("input[name=ground][value=late]")
    go_on(inspector)
    address = inspector.url.rsplit("/", 2)[1]
    look_at(inspector, f"/forms/{address}/application")
    inspector.fill("#applied_on", "০৬/০৪/২০২৫")
    go_on(inspector)
    assert violations(inspector) == []
    inspector.fill("#remind_to", "01700000001")
    press(inspector, inspector.locator("form[action$='/remind'] button"))
    assert inspector.url.endswith("/reminded")
    assert violations(inspector) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_of_officers_and_operators(
    inspector: Page, house: House, database: Template, language: str, tmp_path: Path
) -> None:
    inspector.goto(f"/?lang={language}")
    log_in_as(inspector, database, "operator", "doict-kaunia")
    address = begin(inspector)
    look_at(inspector, f"/forms/{address}/assistance")
    with house.writers.begin() as session:
        operator_id, office_id = operator_by_email(session, _email(database, "operator", "doict-kaunia"), BEFORE)
        assistance = Assistance(operator_id=operator_id, office_id=office_id, channel=Channel.POST, form_number="1")
        form = a_form(mobile="", email="", present_address="গ্রাম নমুনা")
        lodged = lodge_complaint(
            session, form, office=find_office(session, "doict-kaunia"), entry_id=None, shelf=house.shelf,
            now=house.clock(), secret_key=SECRET, assistance=assistance,
        )  # fmt: skip
        number = lodged.complaint.tracking_number
    for path in ("/assist/", "/assist/receipts", f"/assist/receipts/{number}"):
        look_at(inspector, path)
    sheet = tmp_path / "a.xlsx"
    with house.readers() as session:
        sheet.write_bytes(sample_sheet(session))
    inspector.goto("/assist/")
    inspector.click("summary")
    inspector.set_input_files("#sheet", sheet)
    press(inspector, inspector.locator("form[enctype] button"))
    assert violations(inspector) == []
    press(inspector, inspector.locator("header form button"))
    log_in_as(inspector, database, "grievance_officer", "doict-rangpur")
    look_at(inspector, "/officer/letters")
    press(inspector, inspector.locator("main td .link-button").first)
    assert violations(inspector) == []
    assert_sound(inspector, "a letter on paper")
    for path in ("/officer/", f"/officer/complaints/{number}"):
        look_at(inspector, path)


BEFORE = date(2025, 4, 6)


def _email(database: Template, role: str, office: str) -> str:
    return next(one.email for one in database.logins if one.role == role and one.office == office)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_with_errors_lead_to_their_fields(inspector: Page, language: str) -> None:
    inspector.goto(f"/?lang={language}")
    inspector.goto("/offices/doict-kaunia/complain")
    go_on(inspector)
    assert_errors_are_tied(inspector, {"ground"})
    address = begin(inspector)
    for page, fields in (
        ("events", {"subject", "description"}),
        ("person", {"is_anonymous", "for_whom"}),
        ("contact", {"name", "mobile"}),
    ):
        inspector.goto(f"/forms/{address}/{page}")
        go_on(inspector)
        assert_errors_are_tied(inspector, fields)
    inspector.goto("/my-complaints")
    go_on(inspector)
    assert_errors_are_tied(inspector, {"address"})
    inspector.goto(f"/forms/{address}/files")
    inspector.set_input_files("#files", [{"name": "x.exe", "mimeType": "a/b", "buffer": b"MZ"}])
    press(inspector, inspector.locator("button[name=add]"))
    assert violations(inspector) == []
    assert re.match("ত্রুটি|Error", inspector.title())


def assert_errors_are_tied(page: Page, fields: set[str]) -> None:
    assert re.match("ত্রুটি|Error", page.title()), "the title begins with the error"
    assert violations(page) == []
    assert_sound(page, page.url)
    summary = page.locator(".govuk-error-summary")
    assert summary.evaluate("e => document.activeElement === e"), "the reader starts at the summary"
    links = summary.locator("a")
    assert {links.nth(n).get_attribute("href") for n in range(links.count())} == {f"#{field}" for field in fields}
    for field in fields:
        control = page.locator(f"#{field}")
        described = control.evaluate(
            "e => e.getAttribute('aria-describedby') ?? e.closest('fieldset')?.getAttribute('aria-describedby')"
        )
        texts = [page.locator(f"#{one}").inner_text() for one in described.split()]
        assert any(re.search("ত্রুটি|Error", text) for text in texts), field
        summary.locator(f"a[href='#{field}']").click()
        assert page.evaluate("document.activeElement.id") == field or control.is_visible()


# -- as a person with a cheap phone ---------------------------------------------------------------------


def test_file_track_and_appeal_without_javascript(phone: Page, house: House, tmp_path: Path) -> None:
    phone.goto("/")
    phone.fill("#q", "কাউনিয়া")
    press(phone, phone.locator("form[role=search] button"))
    phone.click("main a[href='/offices/doict-kaunia']")
    phone.click("a[href$='/complain'] >> nth=0")
    phone.check("input[name=ground][value=misconduct]")
    go_on(phone)
    write_events(phone)
    photo = tmp_path / "ছবি.jpg"
    _photograph(photo)
    phone.set_input_files("#files", photo)
    press(phone, phone.locator("button[name=add]"))
    assert phone.locator(".files .name").inner_text() == "ছবি.jpg"
    resume = phone.url

    # The connection is lost and the browser closed; the address opens on another phone.
    context = phone.context.browser.new_context(base_url=house.settings.base_url, java_script_enabled=False)  # type: ignore[union-attr]
    other = context.new_page()
    other.goto(resume.rsplit("/", 1)[0])
    say_who(other)
    assert "ছবি.jpg" in other.inner_text("dl")
    press(other, other.locator("form[action$='/check'] button"))
    number, code = (other.locator(".code").nth(n).inner_text() for n in (0, 1))
    assert re.fullmatch(r"[০-৯]{4} [০-৯]{4} [০-৯]{4}", number)
    other.go_back()
    assert other.locator(".code").first.inner_text() == number, "the back button makes no second complaint"
    context.close()

    phone.goto("/track")
    phone.fill("#number", number)
    phone.fill("#code", code)
    press(phone, phone.locator("main button"))
    assert "ছবি.jpg" in phone.inner_text("main")
    phone.click("a[href$='/withdraw']")
    phone.check("#sure")
    go_on(phone)
    assert phone.locator("[role=status]").count() == 1
    assert fetch(house, read_digits(number)).step_count == 2


def _photograph(path: Path) -> None:
    from PIL import Image

    Image.effect_noise((640, 480), 40).convert("RGB").save(path, "JPEG")


def test_by_keyboard_alone(desk: Page) -> None:
    desk.goto("/")
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.className") == "govuk-skip-link"
    desk.keyboard.press("Enter")
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.id") == "q", "past the header, into the search"
    desk.keyboard.type("কাউনিয়া")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/offices?*")
    assert desk.locator("main a[href='/offices/doict-kaunia']").count() == 1
    begin(desk)
    desk.focus("#subject")
    desk.keyboard.type("বিষয়")
    desk.keyboard.press("Tab")
    desk.keyboard.type("বিবরণ")
    for _ in range(2):
        desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.name") == "about", "one stop for the group of radios"
    desk.keyboard.press("ArrowDown")
    assert desk.locator("input[name=about]:checked").get_attribute("value") == "grievance_officer"
    desk.keyboard.press("Tab")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/files")


def test_at_200_per_cent_nothing_is_cut_off(chromium: Browser, site: str, house: House) -> None:
    number = lodge(house).complaint.tracking_number
    context = chromium.new_context(base_url=site, viewport={"width": 640, "height": 480}, device_scale_factor=2)
    page = context.new_page()
    for path in ("/", "/offices/doict-kaunia", "/offices/doict-kaunia/complain", f"/track?number={number}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    context.close()


def test_the_receipt_is_half_a_sheet(desk: Page, house: House) -> None:
    filed = file(desk)
    desk.goto(f"/receipts/{filed.number}")
    desk.emulate_media(media="print")
    box = desk.locator(".receipt").bounding_box()
    assert box is not None
    assert box["height"] <= 148 / 25.4 * 96, "the upper half of an A4 sheet"
    assert not desk.locator("nav").is_visible()
    assert desk.locator(".qr svg").is_visible()


def test_a_first_visit_is_light(chromium: Browser, site: str, database: Template) -> None:
    """Bytes over the wire: 30 KB without the font, 120 KB with it, later pages 8 KB."""
    context = chromium.new_context(base_url=site, viewport=DESK, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: dict[str, float] = {}
    kinds: dict[str, str] = {}
    session.on("Network.responseReceived", lambda e: kinds.__setitem__(e["requestId"], e["type"]))
    session.on("Network.loadingFinished", lambda e: sizes.__setitem__(e["requestId"], e["encodedDataLength"]))

    def visit(path: str) -> tuple[float, float]:
        sizes.clear()
        page.goto(path, wait_until="networkidle")
        fonts = sum(size for one, size in sizes.items() if kinds.get(one) == "Font")
        return sum(sizes.values()) - fonts, fonts

    plain, fonts = visit("/")
    assert plain <= 30_000, f"first page {plain}"
    assert plain + fonts <= 120_000, f"first page with fonts {plain + fonts}"
    for path in ("/offices/doict-kaunia", "/offices/doict-kaunia/complain", "/track", "/statistics", "/my-complaints"):
        later, _ = visit(path)
        assert later <= 8_000, f"{path}: {later}"
    context.close()
