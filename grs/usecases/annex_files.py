"""The annex and its registers as rows of files that leave, and as a workbook; no cell of it is ever a formula."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from grs.db.offices import Office
from grs.domain.annex import APPEAL_COLUMNS, COMPLAINT_COLUMNS, Counts, Standing
from grs.domain.calendar import DHAKA
from grs.notify.render import day_text, month_text, number_text
from grs.usecases.annexes import MonthReport, RegisterRow, register
from grs.words import word

BESIDE = ("in_time_rate", "overturned_rate")
REGISTER_COLUMNS = (
    "number", "office", "received_on", "intake", "service", "subject", "standing", "decided_on", "outcome", "reasons",
    "root_cause", "advice",
)  # fmt: skip
Row = list[str | int | float]


def annex_rows(report: MonthReport, offices: Sequence[Office], *, appeals: bool, language: str) -> Iterator[Row]:
    """One table of the form: the headings, an office a line, the totals."""
    columns = APPEAL_COLUMNS if appeals else COMPLAINT_COLUMNS
    beside = BESIDE if appeals else BESIDE[:1]
    headings = [word("annex_column", name, language) for name in (*columns, *beside)]
    yield [word("annex_column", "office", language), *headings]
    yield ["", *(f"({number_text(n, language)})" for n in range(1, len(columns) + 1)), *("" for _ in beside)]
    for office in offices:
        if office.id in report.by_office:
            name = office.name_bn if language == "bn" else office.name_en
            yield [name, *_cells(report.counts(office.id)[appeals], (*columns, *beside))]
    yield [word("annex_column", "all", language), *_cells(report.counts()[appeals], (*columns, *beside))]


def _cells(counts: Counts, columns: Sequence[str]) -> Row:
    return [_plain(counts.column(name)) for name in columns]


def _plain(value: int | Decimal | None) -> int | float | str:
    return "" if value is None else float(value) if isinstance(value, Decimal) else value


def register_rows(
    session: Session, report: MonthReport, *, appeals: bool, language: str, without: ColumnElement[bool]
) -> Iterator[Row]:
    """One register: the headings, then a row a case; cases ``without`` the reader are left out."""
    yield [word("annex_column", name, language) for name in REGISTER_COLUMNS]
    for row in register(session, report, appeals=appeals, without=without):
        yield _register_cells(row, language)


def _register_cells(row: RegisterRow, language: str) -> Row:
    line, complaint = row.line, row.complaint
    is_disposed = line.standing is Standing.DISPOSED
    return [
        complaint.tracking_number,
        row.office.name_bn if language == "bn" else row.office.name_en,
        row.received_on.isoformat(),
        word("annex_column", line.intake, language),
        complaint.entry.name if complaint.entry else word("ground", complaint.ground, language),
        complaint.subject,
        word("standing", line.standing, language),
        row.decided_on.isoformat() if row.decided_on and is_disposed else "",
        word("outcome", line.outcome, language) if line.outcome else "",
        row.reasons,
        word("root_cause", line.root_cause, language) if line.root_cause else "",
        row.advice,
    ]


# -- files ---------------------------------------------------------------------------------------------------------


def annex_sheet(report: MonthReport, offices: Sequence[Office], *, language: str) -> Iterator[Row]:
    """Both tables of the form, one under the other."""
    for appeals in (False, True):
        yield [_title(report, appeals=appeals, language=language)]
        yield from annex_rows(report, offices, appeals=appeals, language=language)
        yield []
    for note in _foot(report, language):
        yield [note]


def _title(report: MonthReport, *, appeals: bool, language: str) -> str:
    name = word("annex_title", "appeals" if appeals else "complaints", language)
    return f"{name}, {month_text(report.month, language)}"


def _foot(report: MonthReport, language: str) -> list[str]:
    """What stands under the form: the formulas, and since when the month is frozen, with the hash over it."""
    notes = [word("annex_note", name, language) for name in ("form", "rates", "counting")]
    if report.frozen is None:
        return [*notes, f"{word('annex_note', 'running', language)} {day_text(report.until, language)}"]
    at = day_text(report.frozen.frozen_at.astimezone(DHAKA).date(), language)
    return [*notes, f"{word('annex_note', 'frozen', language)} {at}, SHA-256 {report.frozen.sha256}"]


def annex_xlsx(
    session: Session,
    report: MonthReport,
    offices: Sequence[Office],
    *,
    language: str,
    without: ColumnElement[bool],
) -> bytes:
    """A workbook: the two tables of the form, then the two registers, a sheet each."""
    import xlsxwriter  # large, and few requests want a workbook

    data = BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(data, options) as book:
        bold, wrapped = book.add_format({"bold": True, "text_wrap": True}), book.add_format({"text_wrap": True})
        for appeals in (False, True):
            rows = annex_rows(report, offices, appeals=appeals, language=language)
            title = _title(report, appeals=appeals, language=language)
            _sheet(book, _name("G-1", appeals, language), [[title]], rows, bold, wrapped, 12, _foot(report, language))
        for appeals in (False, True):
            rows = register_rows(session, report, appeals=appeals, language=language, without=without)
            _sheet(book, _name("G-2", appeals, language), [], rows, bold, wrapped, 20, [])
    return data.getvalue()


def _sheet(
    book: Any, name: str, above: list[Row], rows: Iterator[Row], bold: Any, wrapped: Any, width: int, below: list[str]
) -> None:
    sheet = book.add_worksheet(name)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 40 if above else width)
    sheet.set_column(1, 12, width)
    y = 0
    for row in above:
        sheet.write_string(y, 0, str(row[0]), bold)
        y += 1
    for number, row in enumerate(rows):
        for x, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(y, x, cell, wrapped if number else bold)
            else:
                sheet.write_number(y, x, cell)
        y += 1
    for note in below:
        y += 1
        sheet.write_string(y, 0, note)


def _name(part: str, appeals: bool, language: str) -> str:
    """A sheet's name: গ-১ অভিযোগ, G-2 appeals."""
    which = "appeals" if appeals else "complaints"
    return word("annex_sheet", f"{part}-{which}", language)
