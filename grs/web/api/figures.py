"""The public figures: small counts are hidden."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from grs.domain.figures import SMALLEST_SHOWN
from grs.usecases.figures import ALL
from grs.usecases.offices import find_office
from grs.web.api.room import PageQuery, Shape, Topic, listed, page_of, reads
from grs.web.api.shapes import FiguresShape, WholeMonthShape
from grs.web.citizen.figures import as_json, figures_in_use, month_as_json
from grs.web.doors import house
from grs.web.protection import anyone

topic = Topic("statistics", __name__, description="Figures of twelve months; counts that are small are hidden.")


class AllShape(Shape):
    as_of = fields.AwareDateTime(required=True)
    since = fields.Date(required=True)
    hidden_below = fields.Integer(required=True)
    figures = fields.Nested(FiguresShape, required=True)


@topic.route("/statistics")
@topic.response(200, AllShape)
@reads
@anyone
def statistics() -> Any:
    """All offices together"""
    found = figures_in_use()
    return {
        "as_of": found.made_at,
        "since": found.since,
        "hidden_below": SMALLEST_SHOWN,
        "figures": as_json(found.by_office[ALL]),
    }


@topic.route("/statistics/offices")
@topic.arguments(PageQuery, location="query")
@topic.response(200, listed("OfficesFigures", FiguresShape))
@reads
@anyone
def by_office(asked: dict[str, Any]) -> Any:
    """Every office against which something was filed, by slug"""
    known = sorted(((one.office.slug, one) for one in figures_in_use().offices if one.office), key=lambda one: one[0])
    later = [as_json(one) for slug, one in known if slug > asked["after"]][: asked["limit"] + 1]
    return page_of(later, asked, key=lambda one: one["office"])


@topic.route("/statistics/months/<month>")
@topic.response(200, WholeMonthShape)
@reads
@anyone
def of_month(month: str) -> Any:
    """One of the twelve months, such as `2026-10`, with a line for each office"""
    return month_as_json(figures_in_use().month(month))


@topic.route("/statistics/offices/<slug>")
@topic.response(200, FiguresShape)
@reads
@anyone
def of_office(slug: str) -> Any:
    """One office"""
    with house().readers() as db:
        office = find_office(db, slug)
    return as_json(figures_in_use().of(office)) | {
        "office": office.slug, "name_bn": office.name_bn, "name_en": office.name_en,
    }  # fmt: skip
