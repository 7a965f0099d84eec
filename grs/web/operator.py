"""Assisted filing: an operator keys in complaints for others, prints receipts, sees what he filed."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grs.db.queries.complaints import filed_by
from grs.domain.attachments import LARGEST_FILE
from grs.domain.errors import InvalidFile, NotYours
from grs.domain.typed import read_number
from grs.usecases.paper_forms import SHEET_NAME, import_forms, read_forms, sample_sheet
from grs.web import limits
from grs.web.doors import house
from grs.web.people import me, operator_id, operator_office_id
from grs.web.protection import logged_in

blueprint = Blueprint("operator", __name__, url_prefix="/assist")
Page = ResponseReturnValue
PAGE = 25
MOST_ROWS_ON_THE_WEB = 300
"""More rows take longer than a browser waits; the command line takes any number and shows its progress."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.before_request
def _operators_only() -> None:
    if me().is_authenticated and operator_id() is None:
        raise NotYours("assist")


@blueprint.get("/")
@logged_in
def home() -> Page:
    """What this operator has filed, newest first, and the ways to file."""
    before = read_number(request.args.get("before"))
    with house().readers() as db:
        found = filed_by(db, operator_id() or 0, before=before, limit=PAGE + 1)
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return render_template("operator/home.html", complaints=found[:PAGE], next_before=more, posts=me().posts)


@blueprint.get("/forms.xlsx")
@logged_in
def sheet() -> Page:
    """An empty sheet for paper forms, with the words that its columns take."""
    headers = {"Content-Disposition": f"attachment; filename={SHEET_NAME}"}
    return Response(sample_sheet(), mimetype=XLSX, headers=headers)


@blueprint.post("/forms")
@limits.limiter.limit(limits.LINKS, deduct_when=limits.was_accepted)
@logged_in
def take_sheet() -> Page:
    """Key in a sheet of paper forms: each row by itself, errors named by row, a row known is left alone."""
    file = request.files.get("sheet")
    data = file.stream.read(LARGEST_FILE + 1) if file and file.filename else b""
    if not data:
        return redirect(url_for("operator.home"), 303)
    try:
        rows = read_forms(data)
    except InvalidFile as error:
        return render_template("operator/sheet.html", problem=error, results=[], counts={}), 422
    if len(rows) > MOST_ROWS_ON_THE_WEB:
        problem = InvalidFile("too_many_rows")
        return render_template("operator/sheet.html", problem=problem, results=[], counts={}), 422
    results = import_forms(
        house().writers,
        rows,
        operator_id=operator_id() or 0,
        office_id=operator_office_id() or 0,
        shelf=house().shelf,
        now=house().clock(),
        secret_key=house().settings.secret_key,
    )
    counts = {state: sum(result.state == state for result in results) for state in ("filed", "known", "refused")}
    return render_template("operator/sheet.html", problem=None, results=results, counts=counts)
