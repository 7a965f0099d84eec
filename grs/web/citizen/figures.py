"""Public figures, as a page and to download."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

from flask import Response, jsonify, render_template, request

from grs.domain.figures import SMALLEST_SHOWN
from grs.domain.tables import safe_cell
from grs.domain.typed import read_number
from grs.usecases.figures import ALL, Figures, MonthFigures, OfficeFigures
from grs.usecases.offices import find_office
from grs.usecases.seals import seals as all_seals
from grs.web.citizen.desk import Page, blueprint
from grs.web.doors import house
from grs.web.protection import anyone

MONTH_COLUMNS = ("office", "month", "received", "disposed", "disposed_in_time")
OFFICES_A_PAGE = 50
COLUMNS = (
    "office",
    "month",
    "root_cause",
    "received",
    "disposed",
    "disposed_in_time",
    "overdue",
    "in_time_rate",
    "median_days",
)


@blueprint.get("/statistics")
@anyone
def figures() -> Page:
    """All offices together, and a line for each."""
    found = figures_in_use()
    page = max(read_number(request.args.get("page")) or 1, 1)
    first = (page - 1) * OFFICES_A_PAGE
    return render_template(
        "citizen/figures.html",
        figures=found,
        one=found.by_office[ALL],
        offices=found.offices[first : first + OFFICES_A_PAGE],
        page=page,
        has_more=len(found.offices) > first + OFFICES_A_PAGE,
        smallest=SMALLEST_SHOWN,
    )


@blueprint.get("/statistics/<slug>")
@anyone
def office_figures(slug: str) -> Page:
    """One office."""
    found = figures_in_use()
    with house().readers() as db:
        office = find_office(db, slug)
    return render_template(
        "citizen/figures.html", figures=found, one=found.of(office), offices=[], page=1, has_more=False,
        smallest=SMALLEST_SHOWN,
    )  # fmt: skip


@blueprint.get("/statistics.csv")
@anyone
def figures_csv() -> Page:
    """Every office and month; a hidden number is ``hidden``."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in (figures_in_use().by_office[ALL], *figures_in_use().offices):
        name = safe_cell(one.office.slug if one.office else "all")
        for month in one.months:
            row = (f"{month.month:%Y-%m}", month.received, month.disposed, month.in_time)
            writer.writerow([name, row[0], "", *(_cell(value) for value in row[1:]), "", "", ""])
        for cause, count in one.causes:
            writer.writerow([name, "total", cause or "none", "", _cell(count), "", "", "", ""])
        whole = (one.received, one.disposed, one.in_time, one.overdue, one.rate, one.median_days)
        writer.writerow([name, "total", "", *(_cell(value) for value in whole)])
    headers = {"Content-Disposition": "attachment; filename=complaints.csv"}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@blueprint.get("/statistics.json")
@anyone
def figures_json() -> Page:
    """The same as JSON; a hidden number is null."""
    found = figures_in_use()
    return jsonify(
        as_of=found.made_at.isoformat(),
        since=found.since.isoformat(),
        hidden_below=SMALLEST_SHOWN,
        all=as_json(found.by_office[ALL]),
        offices=[as_json(one) for one in found.offices],
    )


@blueprint.get("/statistics/months/<month>.csv")
@anyone
def month_csv(month: str) -> Page:
    """One month, a line for each office; a hidden number is ``hidden``."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(MONTH_COLUMNS)
    for office, found in figures_in_use().month(month):
        name = safe_cell(office.office.slug if office.office else "all")
        writer.writerow([name, month, *(_cell(value) for value in (found.received, found.disposed, found.in_time))])
    headers = {"Content-Disposition": f"attachment; filename=complaints-{month}.csv"}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@blueprint.get("/statistics/months/<month>.json")
@anyone
def month_json(month: str) -> Page:
    """The same as JSON; a hidden number is null."""
    lines = figures_in_use().month(month)
    return jsonify(as_of=figures_in_use().made_at.isoformat(), hidden_below=SMALLEST_SHOWN, **month_as_json(lines))


def month_as_json(lines: Sequence[tuple[OfficeFigures, MonthFigures]]) -> dict[str, Any]:
    """A month's figures of all and of each office; a hidden number is None."""
    (_, whole), *each = lines
    return {
        "month": f"{whole.month:%Y-%m}",
        "all": _of_month(whole),
        "offices": [{"office": one.office.slug, **_of_month(found)} for one, found in each if one.office],
    }


def _of_month(one: MonthFigures) -> dict[str, int | None]:
    return {"received": one.received, "disposed": one.disposed, "disposed_in_time": one.in_time}


def figures_in_use() -> Figures:
    """The figures that are shown now, on every page and in every file."""
    return house().figures.get(house().reports, now=house().clock())


def _cell(value: object) -> object:
    return "hidden" if value is None else value


def as_json(one: OfficeFigures) -> dict[str, Any]:
    """The figures of one office, or of all; a hidden number is None."""
    return {
        "office": one.office.slug if one.office else None,
        "name_bn": one.office.name_bn if one.office else None,
        "name_en": one.office.name_en if one.office else None,
        "received": one.received,
        "disposed": one.disposed,
        "disposed_in_time": one.in_time,
        "overdue": one.overdue,
        "in_time_rate": one.rate,
        "median_days": one.median_days,
        "months": [
            {
                "month": f"{month.month:%Y-%m}",
                "received": month.received,
                "disposed": month.disposed,
                "disposed_in_time": month.in_time,
            }
            for month in one.months
        ],
        "root_causes": {str(cause or "none"): count for cause, count in one.causes},
    }


@blueprint.get("/seals")
@anyone
def seals() -> Page:
    """The daily seals over all histories, for whoever wants to keep them."""
    with house().readers() as db:
        return render_template("citizen/seals.html", seals=all_seals(db))


@blueprint.get("/seals.txt")
@anyone
def seals_txt() -> Page:
    """The same as text: day, complaints, root; oldest first."""
    with house().readers() as db:
        lines = [f"{one.day} {one.complaints} {one.root}\n" for one in reversed(all_seals(db))]
    return Response("".join(lines), mimetype="text/plain")
