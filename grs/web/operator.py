"""Assisted filing: an operator keys in complaints for others, prints receipts, sees what he filed."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from grs.db.queries.complaints import filed_by
from grs.domain.attachments import LARGEST_FILE
from grs.domain.errors import InvalidFile, NotYours
from grs.domain.typed import read_number
from grs.usecases.paper_forms import SHEET_NAME, import_forms, read_forms, sample_sheet
from grs.usecases.receipts import Receipt, is_printed_again, operators_receipt
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
        recent = {one.id for one in found if is_printed_again(one, operator_id() or 0, now=house().clock())}
    return render_template(
        "operator/home.html", complaints=found[:PAGE], next_before=more, posts=me().posts, recent=recent
    )


@blueprint.get("/receipts")
@logged_in
def receipts() -> Page:
    """The receipts of what was filed in the last days, to print one after the other."""
    before = read_number(request.args.get("before"))
    with house().readers() as db:
        filed = filed_by(db, operator_id() or 0, before=before, limit=PAGE)
        recent = [one for one in filed if is_printed_again(one, operator_id() or 0, now=house().clock())]
        found = [_receipt(db, one.tracking_number) for one in recent]
    return render_template("citizen/receipt.html", receipts=found, is_batch=True)


@blueprint.get("/receipts/<number>")
@logged_in
def receipt(number: str) -> Page:
    """One receipt once more, for some days, and only of what this operator filed."""
    with house().readers() as db:
        found = _receipt(db, number)
    return render_template("citizen/receipt.html", receipts=[found], is_batch=False)


def _receipt(db: Session, number: str) -> Receipt:
    return operators_receipt(
        db,
        number,
        operator_id=operator_id() or 0,
        shelf=house().shelf,
        secret_key=house().settings.secret_key,
        now=house().clock(),
    )


@blueprint.get("/forms.xlsx")
@logged_in
def sheet() -> Page:
    """An empty sheet for paper forms, with the words that its columns take."""
    headers = {"Content-Disposition": f"attachment; filename={SHEET_NAME}"}
    with house().readers() as db:
        data = sample_sheet(db)
    return Response(data, mimetype=XLSX, headers=headers)


@blueprint.post("/forms")
@limits.limiter.limit(limits.LINKS)
@logged_in
def take_sheet() -> Page:
    """Key in a sheet of paper forms: each row by itself, errors named by row, a row known is left alone."""
    file = request.files.get("sheet")
    data = file.stream.read(LARGEST_FILE + 1) if file and file.filename else b""
    try:
        if not data:
            raise InvalidFile("no_file")
        rows = read_forms(data, most_rows=MOST_ROWS_ON_THE_WEB)
    except InvalidFile as error:
        return render_template("operator/sheet.html", problem=error, results=[], counts={}), 422
    results = import_forms(
        house().writers,
        rows,
        operator_id=operator_id() or 0,
        office_id=operator_office_id() or 0,
        shelf=house().shelf,
        now=house().clock(),
        secret_key=house().settings.secret_key,
        cutoff=house().settings.cutoff,
    )
    counts = {state: sum(result.state == state for result in results) for state in ("filed", "known", "refused")}
    return render_template("operator/sheet.html", problem=None, results=results, counts=counts)
