"""What templates may call: dates, digits, words, and how urgent a due date is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import segno
from flask import Flask, g, request, url_for
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from grs.db.complaints import Complaint
from grs.domain.access import PostRole
from grs.domain.calendar import DHAKA, Day, WorkingCalendar, dhaka_date
from grs.domain.deadlines import is_overdue, working_days_left
from grs.domain.districts import district_in_bangla
from grs.domain.tracking import grouped
from grs.domain.typed import read_day
from grs.domain.workflow import INTERNAL_STEPS
from grs.notify.render import day_text, month_text, number_text, short_day_text
from grs.usecases.recalculation import FORECAST
from grs.web.doors import house
from grs.words import word

SOON_WORKING_DAYS = 5
KEPT_IN_ADDRESS = (
    "service", "number", "after", "show", "next", "q", "district", "page", "return",
    "desk", "left", "tier", "stage", "ground", "tag", "mine", "feed", "edit",
    "office", "alone", "month", "months", "what", "column", "of", "post", "cause", "kind", "on", "year",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListLine:
    """A complaint on a list, with how long it still has; templates do no arithmetic."""

    complaint: Complaint
    days_left: int
    urgency: str


def list_line(complaint: Complaint, calendar: WorkingCalendar, today: date) -> ListLine:
    """A line of a list: overdue, soon (5 working days or fewer) or calm."""
    days = working_days_left(calendar, complaint.due_on, today)
    if is_overdue(complaint.due_on, today):
        return ListLine(complaint, abs(days), "overdue")
    return ListLine(complaint, days, "soon" if days <= SOON_WORKING_DAYS else "calm")


def init_app(app: Flask) -> None:
    style = Path(app.static_folder or "") / "site.css"
    version = hashlib.sha256(style.read_bytes()).hexdigest()[:12]
    app.template_filter("day")(_day)
    app.template_filter("size")(_size)
    app.template_filter("typed_day")(_typed_day)
    app.template_filter("reference_text")(_reference_text)
    app.template_filter("typed_day_of")(typed_date)
    app.template_filter("without_addresses")(without_addresses)
    app.template_filter("language_of")(language_of)
    app.template_filter("short_day")(_short_day)
    app.template_filter("month")(_month)
    app.template_filter("on")(dhaka_date)
    app.template_filter("moment")(_moment)
    app.template_filter("clock")(_clock)
    app.template_global("is_internal")(INTERNAL_STEPS.__contains__)
    app.template_global("refusal")(_refusal)
    app.template_global("list_address")(_list_address)
    app.template_filter("digits")(_digits)
    app.template_filter("track")(lambda number: _digits(grouped(number)))
    app.template_global("word")(lambda vocabulary, value: word(vocabulary, value, g.language))
    app.template_global("word_or_typed")(_word_or_typed)
    app.template_global("district_name")(_district_name)
    app.template_global("day_reason")(_day_reason)
    app.template_global("tracking_qr")(_tracking_qr)
    app.template_global("name_of")(_name_of)
    app.template_global("title_of")(_title_of)

    @app.context_processor
    def _page() -> dict[str, Any]:
        language = getattr(g, "language", "bn")
        return {
            "language": language,
            "is_logged_in": _is_logged_in(),
            "is_administrator": _is_logged_in() and _administers(),
            "base_url": house().settings.base_url,
            "is_trial": house().settings.is_trial,
            "provider_of_accounts": house().settings.oidc_issuer and (house().settings.oidc_name or "OpenID"),
            "style_version": version,
            "saves_data": request.headers.get("Save-Data", "").lower() == "on",
            "other_language": _switch("en" if language == "bn" else "bn"),
        }


def _tracking_qr(number: str) -> Markup:
    """The tracking page of a complaint as a QR picture: no script, no style of its own, no second request.

    The access code never stands in it.
    """
    address = f"{house().settings.base_url}{url_for('citizen.track', number=number)}"
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(scale=3, border=2, omitsize=False))  # noqa: S704 - made by segno, holds no text


def _is_logged_in() -> bool:
    """Whether an officer is looking; an error page must not fail because the database is away."""
    try:
        return bool(current_user.is_authenticated)
    except SQLAlchemyError:
        return False


def _administers() -> bool:
    """Whether who is looking administers something, so that the header leads there."""
    return any(post.role is PostRole.ADMINISTRATOR for post in current_user.posts)


def _switch(language: str) -> str:
    """This page in the other language; after a refused form, its first page."""
    kept = {key: request.args[key] for key in KEPT_IN_ADDRESS if key in request.args}
    values = {**(request.view_args or {}), **kept, "lang": language}
    if request.endpoint is None or request.method != "GET":
        return url_for("citizen.home", lang=language)
    return url_for(request.endpoint, **values)


def _day(day: date | str) -> str:
    return day_text(date.fromisoformat(day) if isinstance(day, str) else day, g.language)


def _size(size: int) -> str:
    """Bytes in KB or MB, never nought."""
    if size < 1024 * 1024:
        return f"{_digits(max(size // 1024, 1))} KB"
    return f"{_digits(f'{size / 1024 / 1024:.1f}')} MB"


def language_of(text: str) -> str:
    """In which language something was typed, for those who have it read aloud: Bangla if it has a Bengali letter."""
    return "bn" if any("\u0985" <= c <= "\u09b9" for c in text) else "en"


def _short_day(day: date) -> str:
    """Day and month: ১৬ ডিসেম্বর."""
    return short_day_text(day, g.language)


def _month(day: date) -> str:
    return month_text(day, g.language)


def _word_or_typed(vocabulary: str, value: str) -> str:
    """The word for people, or what was typed where there is none such."""
    try:
        return word(vocabulary, value, g.language)
    except KeyError:
        return value


def without_addresses(reference: str) -> str:
    """A gazette reference as people read it: the web addresses of its evidence stay in the calendar."""
    return re.sub(r"\s*[;:]?\s*\S+\.[a-z]{2,}/\S*", "", reference).strip(" ;:")


def _reference_text(reference: str) -> str:
    """What a change of the calendar is referred to by, a forecast in the person's words."""
    if reference.startswith(FORECAST):
        return f"{word('certainty', 'forecast', g.language)} {_digits(reference.removeprefix(FORECAST))}"
    return without_addresses(reference)


def _district_name(english: str) -> str:
    return district_in_bangla(english) if g.language == "bn" else english


def _typed_day(text: str) -> str:
    """A day that somebody typed, as it was understood; what was typed where it was not."""
    found = read_day({"day": text or ""}, "day", {})
    return _day(found) if found else text


def _day_reason(day: Day) -> str:
    """Why a day is not counted: its name, else its kind."""
    name = day.name_bn if g.language == "bn" else day.name_en
    return name or word("day_kind", day.kind, g.language)


def _moment(at: datetime) -> str:
    """Date and time of day in Dhaka."""
    local = at.astimezone(DHAKA)
    return f"{day_text(dhaka_date(at), g.language)}, {number_text(f'{local:%H:%M}', g.language)}"


def _clock(at: datetime) -> str:
    """The time of day in Dhaka: ১১:০০."""
    return number_text(f"{at.astimezone(DHAKA):%H:%M}", g.language)


def typed_date(day: date) -> str:
    """A day as people type it into a field: ১৫/০৬/২০২৬."""
    return number_text(f"{day:%d/%m/%Y}", g.language)


def _refusal(code: str) -> str:
    """Why something could not be done, in the person's words."""
    try:
        return word("refusal", code, g.language)
    except KeyError:
        return word("refusal", "refused", g.language)


def _list_address(asked: Mapping[str, str], changes: Mapping[str, str]) -> str:
    """The list of the desk with another filter; an empty value takes a filter away."""
    wanted = {name: value for name, value in {**asked, **changes}.items() if value}
    return url_for("officer.desk", **wanted)  # type: ignore[arg-type]  # names of filters are no options of url_for


def _digits(value: object) -> str:
    return number_text(value, g.language)


def _name_of(office: Any) -> str:
    return str(office.name_bn if g.language == "bn" else office.name_en)


def _title_of(post: Any) -> str:
    return str(post.title_bn if g.language == "bn" else post.title_en)
