"""Annex গ-১ and the registers গ-২ of a month: page, print, CSV and XLSX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flask import Response, g, render_template, request, url_for

from grs.domain.annex import APPEAL_COLUMNS, COMPLAINT_COLUMNS
from grs.domain.deadlines import add_months
from grs.domain.typed import read_number
from grs.usecases.annex_files import Row, annex_sheet, annex_xlsx, register_rows
from grs.usecases.annexes import corrections_of, count_hidden, first_of_month, month_report, month_totals, register
from grs.usecases.standing import is_out_of_sight
from grs.web.doors import house
from grs.web.downloads import send_table
from grs.web.people import me
from grs.web.protection import logged_in
from grs.web.supervisor.room import Page, asked_month, blueprint, months_to_choose, offices_among, scope_of, today

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_A_PAGE = 50
OFFICES_A_PAGE = 100
OF = ("complaints", "appeals")


@blueprint.get("/annex")
@logged_in
def annex() -> Page:
    """The form of a month, an office a line, with the totals; last month unless another is asked for."""
    with house().reports() as db:
        scope = scope_of(db, with_own_desks=True)
        month = asked_month(add_months(first_of_month(today()), -1))
        report = month_report(db, scope.office_ids, month, today=today())
        offices = offices_among(db, report.by_office)
        page = max(read_number(request.args.get("page")) or 1, 1)
        shown = offices if request.args.get("all") else offices[(page - 1) * OFFICES_A_PAGE : page * OFFICES_A_PAGE]
        address = dict(scope.asked) | {"month": f"{month:%Y-%m}"}
        return render_template(
            "supervisor/annex.html",
            scope=scope,
            month=month,
            months=months_to_choose(),
            report=report,
            rows=[(office, *report.counts(office.id)) for office in shown],
            offices=len(offices),
            totals=report.counts(),
            corrections=corrections_of(db, report, without=is_out_of_sight(me().desk(), scope.office_ids)),
            complaint_columns=COMPLAINT_COLUMNS,
            appeal_columns=APPEAL_COLUMNS,
            address=address,
            next_page=_next_page("annex", address, page) if len(shown) < len(offices) > page * OFFICES_A_PAGE else None,
        )


@blueprint.get("/register")
@logged_in
def registers() -> Page:
    """A register of a month, one row a case, in pages."""
    with house().reports() as db:
        scope = scope_of(db, with_own_desks=True)
        month = asked_month(add_months(first_of_month(today()), -1))
        (report,) = month_totals(db, scope.office_ids, [month], today=today())
        which = _which()
        is_appeals = which == "appeals"
        without = is_out_of_sight(me().desk(), scope.office_ids)
        total = report.totals[is_appeals].total
        hidden = count_hidden(db, report, appeals=is_appeals, without=without)
        is_whole = bool(request.args.get("all"))
        page = 1 if is_whole else max(read_number(request.args.get("page")) or 1, 1)
        first = (page - 1) * ROWS_A_PAGE
        limit = None if is_whole else ROWS_A_PAGE
        has_more = not is_whole and total - hidden > page * ROWS_A_PAGE
        shown = list(register(db, report, appeals=is_appeals, without=without, first=first, limit=limit))
        address = dict(scope.asked) | {"month": f"{month:%Y-%m}", "of": which}
        return render_template(
            "supervisor/register.html",
            scope=scope,
            month=month,
            which=which,
            rows=shown,
            hidden=hidden,
            first=first,
            address=address,
            total=total,
            is_whole=is_whole or total - hidden <= ROWS_A_PAGE,
            next_page=_next_page("registers", address, page) if has_more else None,
        )


def _next_page(of: str, address: Mapping[str, Any], page: int) -> str:
    return url_for(f"supervisor.{of}", **{**address, "page": page + 1})


def _which() -> str:
    return request.args.get("of", "") if request.args.get("of") in OF else OF[0]


@blueprint.get("/annex.csv")
@logged_in
def annex_as_csv() -> Page:
    """The form as CSV."""
    with house().reports() as db:
        scope = scope_of(db, with_own_desks=True)
        month = asked_month()
        report = month_report(db, scope.office_ids, month, today=today())
        offices = offices_among(db, report.by_office)
    return send_table(annex_sheet(report, offices, language=g.language), f"annex-{month:%Y-%m}.csv")


@blueprint.get("/register.csv")
@logged_in
def register_as_csv() -> Page:
    """A register as CSV."""
    month = asked_month()
    return send_table(_register(month), f"register-{_which()}-{month:%Y-%m}.csv")


def _register(month: date) -> Iterator[Row]:
    with house().reports() as db:
        scope = scope_of(db, with_own_desks=True)
        (report,) = month_totals(db, scope.office_ids, [month], today=today())
        without = is_out_of_sight(me().desk(), scope.office_ids)
        yield from register_rows(db, report, appeals=_which() == "appeals", language=g.language, without=without)


@blueprint.get("/annex.xlsx")
@logged_in
def annex_as_xlsx() -> Page:
    """The form and both registers as a workbook."""
    with house().reports() as db:
        scope = scope_of(db, with_own_desks=True)
        month = asked_month()
        report = month_report(db, scope.office_ids, month, today=today())
        without = is_out_of_sight(me().desk(), scope.office_ids)
        data = annex_xlsx(db, report, offices_among(db, report.by_office), language=g.language, without=without)
    return _file(data, XLSX, f"annex-{month:%Y-%m}.xlsx")


def _file(data: bytes, kind: str, name: str) -> Response:
    return Response(data, mimetype=kind, headers={"Content-Disposition": f"attachment; filename={name}"})
