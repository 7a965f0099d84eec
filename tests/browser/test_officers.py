"""Each role through a whole case in Debian's Chromium, without JavaScript; every page of theirs looked at."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from grs.bootstrap import House
from grs.db.complaints import Complaint
from grs.domain.disposal import Outcome
from grs.domain.workflow import Stage, StepKind
from grs.settings import ROOT
from grs.usecases.appeals import appeal_complaint
from grs.usecases.recipients import Recipients
from tests.browser.conftest import DESK, PHONE
from tests.browser.looking import log_in_as, look_at, press
from tests.browser.test_front_desk import file
from tests.conftest import Clock, Template
from tests.stories import dhaka, fetch, lodge
from workers import jobs

GRO, OFFICE = "grievance_officer", "doict-rangpur"


def act(page: Page, number: str, action: str, **typed: str) -> None:
    """Open an action's form, fill it in, send it."""
    if not page.url.endswith(f"/officer/complaints/{number}"):
        page.goto(f"/officer/complaints/{number}")
    form = page.locator(f"#{action}-form")
    if not form.is_visible():
        page.locator("details.act", has=page.locator(f"#{action}-form")).locator("summary").first.click()
    for field, value in typed.items():
        target = form.locator(f"#{action}-{field}")
        if target.evaluate("e => e.tagName") == "SELECT":
            target.select_option(value)
        elif target.get_attribute("type") == "radio":
            form.locator(f"input[name={field}][value={value}]").check()
        else:
            target.fill(value)
    press(page, form.locator("button.govuk-button:not([name])"))
    assert page.locator(".govuk-error-summary").count() == 0, page.locator(".govuk-error-summary").inner_text()


def log_out(page: Page) -> None:
    press(page, page.locator("header form button"))


def log_in_as_holder(page: Page, house: House, database: Template, number: str) -> None:
    """Whoever has the complaint now."""
    with house.readers() as session:
        post_id = session.get_one(Complaint, fetch(house, number).id).post_id
        (person,) = Recipients(session, date(2025, 4, 6)).on_post(post_id)
    login = next(one for one in database.logins if one.email == person.email)
    page.goto("/login")
    page.fill("#email", login.email)
    page.fill("#password", login.password)
    press(page, page.locator("main form button"))


DISPOSAL = {"outcome": "service_given", "reasons": "দেওয়া হয়েছে", "root_cause": "equipment", "advice": "যন্ত্র কিনুন"}


def test_a_case_from_the_list_to_the_cell(
    desk: Page, house: House, database: Template, clock: Clock, tmp_path: Path
) -> None:
    number = lodge(house).complaint.tracking_number
    log_in_as(desk, database, GRO, OFFICE)
    press(desk, desk.locator(f"table a[href$='{number}']"))
    act(desk, number, "accept", irregularity="yes")
    act(desk, number, "ask_opinion", question="কেন দেরি হলো?")
    act(desk, number, "order_service", text="সেবা দিন")
    act(desk, number, "investigate", investigator_1=_somebody(desk), text="সরেজমিনে দেখুন")
    act(desk, number, "call_hearing", hearing_on="২০/০৪/২০২৫", hearing_at="১১:০০", place="কক্ষ ২০৩")
    press(desk, desk.locator("text=নোটিশ ছাপুন"))
    assert desk.locator("article").count() == 2, "one for each side"
    desk.go_back()
    log_out(desk)

    log_in_as(desk, database, "responsible_officer", "doict-kaunia")
    assert desk.url.endswith("/officer/tasks")
    press(desk, desk.locator("main td a").first)
    file = tmp_path / "নথি.pdf"
    file.write_bytes(b"%PDF-1.4 x")
    desk.fill("#text", "যন্ত্র নষ্ট ছিল")
    desk.set_input_files("#files", file)
    press(desk, desk.locator("main form button"))
    assert "উত্তর কর্মকর্তার কাছে গেছে" in desk.locator("main").inner_text()
    log_out(desk)

    clock.now = dhaka(date(2025, 4, 20), 12)
    log_in_as(desk, database, GRO, OFFICE)
    act(desk, number, "record_hearing", complainant_came="yes", officer_came="no", minutes="একপক্ষ এসেছে")
    act(desk, number, "reply", reason="যাচাই চলছে")
    act(desk, number, "write", text="রসিদ পাঠান")
    act(desk, number, "note", text="ফোনে কথা হয়েছে")
    act(desk, number, "tag", tags="জরুরি, যন্ত্র")
    act(desk, number, "dispose", **DISPOSAL)
    act(desk, number, "reopen", reason="নতুন কাগজ")
    act(desk, number, "dispose", **(DISPOSAL | {"outcome": "accusation_not_proved"}))
    act(desk, number, "propose_mark", reasons="বারবার মিথ্যা")
    log_out(desk)

    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="মানি না", shelf=house.shelf, now=clock.now)
    log_in_as_holder(desk, house, database, number)
    assert "চিহ্নিত করার প্রস্তাব" in desk.locator("main").inner_text()
    act(desk, number, "decide_mark", decision="refuse", reasons="যথেষ্ট নয়")
    act(desk, number, "accept")
    act(desk, number, "dispose", **(DISPOSAL | {"outcome": "decision_corrected"}))
    assert fetch(house, number).outcome is Outcome.DECISION_CORRECTED
    log_out(desk)

    with house.writers.begin() as session:
        appeal_complaint(session, number, grounds="তবু মানি না", shelf=house.shelf, now=clock.now)
    log_in_as_holder(desk, house, database, number)
    act(desk, number, "accept")
    act(desk, number, "recommend", to_office="doict", text="নিয়ম বদলান")
    log_out(desk)
    log_in_as(desk, database, "supervisor", "doict")
    desk.goto("/officer/tasks")
    press(desk, desk.locator("main td a").first)
    desk.fill("#text", "বদলানো হবে")
    press(desk, desk.locator("main form button"))
    log_out(desk)
    log_in_as_holder(desk, house, database, number)
    act(desk, number, "dispose", **(DISPOSAL | {"outcome": "discipline_recommended"}))
    complaint = fetch(house, number)
    assert (complaint.stage, complaint.outcome) == (Stage.DISPOSED, Outcome.DISCIPLINE_RECOMMENDED)
    assert [step.kind for step in complaint.steps].count(StepKind.ANSWERED) == 2
    jobs.run(house, "lapse")


def _somebody(page: Page) -> str:
    """The first who may investigate and is not junior."""
    options = page.locator("#investigate-investigator_1 option").all()
    return next(str(one.get_attribute("value")) for one in options if "গ্রেড ৬" in (one.text_content() or ""))


def test_what_was_wrong_comes_back_with_what_was_typed(phone: Page, house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    log_in_as(phone, database, GRO, OFFICE)
    act(phone, number, "accept")
    phone.locator("summary", has_text="শুনানিতে ডাকুন").click()
    phone.fill("#call_hearing-hearing_on", "১১/০৪/২০২৫")  # a Friday
    phone.fill("#call_hearing-hearing_at", "১১:০০")
    phone.fill("#call_hearing-place", "কক্ষ ২০৩")
    press(phone, phone.locator("#call_hearing-form button.govuk-button:not([name])"))
    assert "অফিস বন্ধ" in phone.locator(".govuk-error-summary").inner_text()
    press_link = phone.locator(".govuk-error-summary a").get_attribute("href")
    assert press_link == "#call_hearing-hearing_on"
    assert phone.input_value("#call_hearing-place") == "কক্ষ ২০৩"
    assert phone.locator("#call_hearing-form").is_visible(), "the form is open again"


def test_enter_does_the_act_and_not_the_ready_text(phone: Page, house: House, database: Template) -> None:
    number = lodge(house).complaint.tracking_number
    log_in_as(phone, database, GRO, OFFICE)
    act(phone, number, "accept")
    phone.locator("summary", has_text="অন্তর্বর্তী জবাব দিন").click()
    phone.fill("#reply-reason", "যাচাই চলছে")
    phone.locator("#reply-expected_on").press("Enter")
    phone.wait_for_load_state("load")
    assert fetch(house, number).steps[-1].kind is StepKind.INTERIM_REPLY


def test_the_keyboard_is_an_extra(chromium: Browser, site: str, house: House, database: Template) -> None:
    numbers = [lodge(house, mobile=f"0170000000{n}").complaint.tracking_number for n in range(3)]
    context = chromium.new_context(base_url=site, viewport=DESK)  # type: ignore[arg-type]
    page = context.new_page()
    log_in_as(page, database, GRO, OFFICE)
    assert page.locator(".keys").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("input[name=number]:checked").get_attribute("value") == numbers[1]
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert page.input_value("#q") == "jk"
    context.close()


@pytest.mark.parametrize("language", ["bn", pytest.param("en", marks=pytest.mark.thorough)])
def test_every_page_of_the_desk(inspector: Page, house: House, database: Template, language: str) -> None:
    inspector.goto(f"/?lang={language}")
    number = lodge(house).complaint.tracking_number
    for path in ("/login", "/login/forgot", "/account/links/1-x"):
        look_at(inspector, path)
    log_in_as(inspector, database, GRO, OFFICE)
    look_at(inspector, f"/officer/complaints/{number}")
    act(inspector, number, "accept")
    act(inspector, number, "ask_opinion", question="কেন?")
    act(inspector, number, "call_hearing", hearing_on="20/04/2025", hearing_at="11:00", place="কক্ষ ২০৩")
    press(inspector, inspector.locator("form[action$=identity] button"))
    inspector.locator("details.act summary").evaluate_all("all => all.forEach(e => e.parentElement.open = true)")
    hearing = str(inspector.locator("a[href*=hearings]").get_attribute("href"))
    for path in (
        "/officer/?mine=&q=x", "/officer/", "/officer/?show=disposed", f"/officer/complaints/{number}",
        f"/officer/complaints/{number}/print", hearing, "/officer/tasks", "/officer/calendar?feed=yes",
        "/officer/leave", "/officer/texts", "/account", "/account/second-factor",
    ):  # fmt: skip
        look_at(inspector, path)
    press(inspector, inspector.locator("header form button"))
    log_in_as(inspector, database, "responsible_officer", "doict-kaunia")
    look_at(inspector, str(inspector.locator("main td a").first.get_attribute("href")))


# -- the pictures of the README --------------------------------------------------------------------------------

PICTURES = ROOT / "docs" / "screenshots"


@pytest.mark.thorough
def test_the_pictures_of_the_readme(
    chromium: Browser, site: str, house: House, database: Template, clock: Clock, tmp_path: Path
) -> None:
    """Taken each time, so that they can be; `REWRITE_SCREENSHOTS=1 make thorough` puts them into docs/."""
    folder = PICTURES if os.environ.get("REWRITE_SCREENSHOTS") else tmp_path
    subjects = ["তথ্য পাওয়া যায়নি", "ইন্টারনেট সংযোগ নেই", "প্রশিক্ষণের সনদ দেওয়া হয়নি", "আবেদন ফেরত দেওয়া হয়েছে"]
    for n in range(8):
        clock.now = dhaka(date(2025, 4, 6 + 2 * n), 10)
        number = lodge(house, subject=subjects[n % 4], mobile=f"0170000000{n}").complaint.tracking_number
    clock.now = dhaka(date(2025, 5, 15), 10)
    context = chromium.new_context(base_url=site, viewport=DESK, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    log_in_as(page, database, GRO, OFFICE)
    page.screenshot(path=folder / "officer-list.png")
    act(page, number, "accept")
    act(page, number, "ask_opinion", question="কেন দেরি হলো?")
    page.goto(f"/officer/complaints/{number}")
    page.screenshot(path=folder / "officer-complaint.png")
    act(page, number, "call_hearing", hearing_on="২০/০৫/২০২৫", hearing_at="১১:০০", place="সভাকক্ষ")
    page.goto(f"/officer/complaints/{number}")
    disposal = page.locator("details.act", has=page.locator("#dispose-form"))
    disposal.locator("summary").first.click()
    disposal.screenshot(path=folder / "officer-dispose.png")
    page.goto("/officer/calendar")
    page.screenshot(path=folder / "officer-calendar.png")
    page.goto("/officer/leave")
    page.screenshot(path=folder / "officer-leave.png")
    log_out(page)
    log_in_as(page, database, "responsible_officer", "doict-kaunia")
    page.goto(str(page.locator("main td a").last.get_attribute("href")))
    page.screenshot(path=folder / "officer-task.png", full_page=True)
    log_out(page)
    log_in_as(page, database, "supervisor", "doict")
    page.goto("/supervision/")
    page.screenshot(path=folder / "supervisor.png")
    context.close()
    phone = chromium.new_context(base_url=site, viewport=PHONE, java_script_enabled=False).new_page()  # type: ignore[arg-type]
    shots = []

    def shoot(name: str) -> None:
        phone.screenshot(path=tmp_path / f"{name}.png")
        shots.append(Image.open(tmp_path / f"{name}.png"))

    phone.goto("/offices?q=কাউনিয়া")
    shoot("search")
    filed = file(phone)
    shoot("receipt")
    phone.goto(f"/complaints/{filed.number}")
    shoot("track")
    phone.goto(f"/complaints/{filed.number}/dates/1")
    shoot("date")
    wide = Image.new("RGB", (sum(s.width for s in shots) + 20 * (len(shots) - 1), shots[0].height), "white")
    at = 0
    for shot in shots:
        wide.paste(shot, (at, 0))
        at += shot.width + 20
    wide.save(folder / "citizen-phone.png", optimize=True)
    assert wide.width >= 4 * 360
