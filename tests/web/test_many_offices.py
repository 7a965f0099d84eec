"""The annex of very many offices goes page by page, and its totals are those of all."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from grs.bootstrap import House
from grs.db.charters import CharterEntry
from grs.db.queries.offices import PAGE, search_services
from grs.domain.bangla import search_words
from grs.domain.calendar import dhaka_date
from grs.usecases.seed_offices import invent_offices
from grs.web.supervisor import annex
from tests.conftest import Template, browser, log_in
from tests.stories import lodge


def test_the_annex_goes_page_by_page(house: House, database: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annex, "OFFICES_A_PAGE", 2)
    slugs = ["doict-kaunia", "doict-bagherpara", "doict-natore-sadar", "doict-manikganj-sadar", "doict-jaintiapur"]
    for number, slug in enumerate(slugs):
        lodge(house, slug, mobile=f"0170000000{number}")
    client = log_in(browser(house), database.logins, role="supervisor", office="cabinet-cell")
    address = "/supervision/annex?month=2025-04&lang=en"
    whole = client.get(f"{address}&all=yes").text
    names = offices_in(whole)
    assert len(names) == 5
    assert "offices are shown" not in whole
    seen: list[str] = []
    for page in (1, 2, 3):
        shown = client.get(f"{address}&page={page}").text
        seen += sorted(offices_in(shown))
        assert "of 5 offices are shown" in shown
        assert ("Next page" in shown) == (page < 3)
        assert re.search(r"<tfoot>.*?>5</a>", shown, re.S), "the totals of all of them"
    assert sorted(seen) == sorted(names)


def offices_in(page: str) -> set[str]:
    """The offices that have a line."""
    body = page.split("<tfoot>")[0].split("<tbody>")[1]
    return set(re.findall(r'scope="row">([^<]+)</th>', body))


def test_a_desk_of_too_many_services_offers_no_list_of_them(house: House, database: Template) -> None:
    here = log_in(browser(house), database.logins, role="grievance_officer", office="doict-rangpur")
    above = log_in(browser(house), database.logins, role="cell_officer", office="cabinet-cell")
    with house.writers.begin() as session:
        invent_offices(session, 100, now=house.clock())  # each with twenty services, and the same cell above
    assert 'name="service"' in here.get("/officer/").text
    assert 'name="service"' not in above.get("/officer/").text


def test_a_service_is_found_by_short_words_too_where_no_office_is(house: House) -> None:
    """Words of two letters have no index; they are looked for when nothing else is found."""
    with house.readers() as session:
        entry = session.scalars(select(CharterEntry).where(CharterEntry.name.contains("ই-নথি"))).first()
        assert entry is not None
        found = search_services(session, words=search_words("ই"), today=dhaka_date(house.clock()))
        assert found
        assert search_services(session, words=search_words("ই"), today=dhaka_date(house.clock()), thorough=False) == []
        page_two = search_services(session, words=search_words("ই"), today=dhaka_date(house.clock()), page=2)
        assert {one.id for one, _ in page_two}.isdisjoint({one.id for one, _ in found[:PAGE]})
