"""Paper forms in bulk from a spreadsheet: a row a form, known by its number, however often it is sent."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from io import BytesIO
from zipfile import BadZipFile

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from grs.charter.packages import check_package
from grs.db.offices import Office
from grs.db.queries.offices import offices_with_charter
from grs.domain.attachments import LARGEST_FILE
from grs.domain.bangla import skeleton, to_ascii_digits
from grs.domain.calendar import dhaka_date
from grs.domain.errors import GrievanceError, InvalidFile, InvalidInput, NotFound, TooEarly
from grs.domain.lodging import Assistance, Channel, ComplaintForm, Ground, Kind, read_assistance, read_complaint_form
from grs.domain.tiers import About
from grs.usecases.calendars import CalendarShelf
from grs.usecases.charters import charter_in_force
from grs.usecases.lodging import lodge_complaint
from grs.usecases.offices import find_office
from grs.words import word

SHEET_NAME = "paper-forms.xlsx"
COLUMNS = (
    "form_number", "paper_received_on", "channel", "office", "service", "ground", "about", "kind", "applied_on",
    "service_reference", "subject", "description", "remedy", "is_anonymous", "name", "mobile", "email",
    "identity_number", "present_address", "permanent_address", "on_behalf_of", "relation", "language", "consent",
)  # fmt: skip
"""The first line of the sheet. Only these names are read; their order is free."""
_WORDS: dict[str, type[Channel | Ground | About | Kind]] = {
    "channel": Channel,
    "ground": Ground,
    "about": About,
    "kind": Kind,
}
_YES = {"yes", "y", "1", "true", skeleton("হ্যাঁ"), skeleton("হাঁ")}
MOST_ROWS = 20_000
MOST_COLUMNS = 60
"""A sheet may say that it is as wide as a street; only this much is looked at."""
ROWS_READY = 200
"""How many rows of the empty sheet are marked as text."""
LOST_ZERO = re.compile(r"1[3-9][0-9]{8}")
"""A mobile number that a spreadsheet took for a number."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row as typed; ``number`` is the sheet's own, 1 for the heading."""

    number: int
    typed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row: filed, known already, or refused with the problem of each field."""

    number: int
    form_number: str
    state: str
    tracking_number: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


def read_forms(data: bytes, *, most_rows: int = MOST_ROWS) -> list[SheetRow]:
    """The rows of the first sheet, empty ones left out; raises InvalidFile for what is no such sheet.

    Rows after ``most_rows`` are not even looked at: drawing cells out of a packed sheet takes its time.
    """
    from openpyxl import load_workbook  # large, and few requests send or want a sheet
    from openpyxl.utils.exceptions import InvalidFileException

    if len(data) > LARGEST_FILE:
        raise InvalidFile("too_large")
    try:
        check_package(data)
    except InvalidFile as error:
        raise InvalidFile("too_large" if error.why == "too_large_file" else "not_a_sheet") from None
    try:
        book = load_workbook(BytesIO(data), read_only=True, data_only=True)
        lines = list(book.worksheets[0].iter_rows(values_only=True, max_row=most_rows + 2, max_col=MOST_COLUMNS))
    except (InvalidFileException, BadZipFile, zlib.error, SyntaxError, LookupError, OSError, ValueError):
        raise InvalidFile("not_a_sheet") from None
    heading = [str(cell or "").strip().lower() for cell in (lines[0] if lines else ())]
    missing = [name for name in ("form_number", "office", "subject", "description") if name not in heading]
    if missing:
        raise InvalidFile("missing_column", line=1)
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        typed = {name: _text(cell) for name, cell in zip(heading, cells, strict=False) if name in COLUMNS}
        if any(typed.values()):
            rows.append(SheetRow(number, typed))
    if not rows:
        raise InvalidFile("no_rows")
    if len(rows) > most_rows:
        raise InvalidFile("too_many_rows")
    return rows


def _text(cell: object) -> str:
    """A cell as somebody would have typed it: dates by their day, whole numbers without a point."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def import_forms(
    writers: sessionmaker[Session],
    rows: Sequence[SheetRow],
    *,
    operator_id: int,
    office_id: int,
    shelf: CalendarShelf,
    now: datetime,
    secret_key: str,
    cutoff: time | None = None,
    dry_run: bool = False,
    after_row: Callable[[int], None] = lambda done: None,
) -> list[RowResult]:
    """Lodge each row in a transaction of its own; a bad row stops nothing, a known one is left alone.

    A dry run judges every row and takes all of it back.
    """
    results = []
    for done, row in enumerate(rows, start=1):
        try:
            with writers() as session:
                result = _lodge_row(session, row, operator_id, office_id, shelf, now, secret_key, cutoff)
                session.rollback() if dry_run else session.commit()
        except InvalidInput as error:
            result = _refused(row, error.problems)
        except TooEarly:
            result = _refused(row, {"applied_on": "too_early"})
        except IntegrityError:
            result = _refused(row, {"form_number": "already_keyed"})
        except GrievanceError as error:
            result = _refused(row, {"office" if isinstance(error, NotFound) else "form_number": error.code})
        results.append(result)
        after_row(done)
    return results


def _refused(row: SheetRow, problems: Mapping[str, str]) -> RowResult:
    return RowResult(row.number, row.typed.get("form_number", ""), "refused", problems=problems)


def _lodge_row(
    session: Session,
    row: SheetRow,
    operator_id: int,
    office_id: int,
    shelf: CalendarShelf,
    now: datetime,
    secret_key: str,
    cutoff: time | None,
) -> RowResult:
    today = dhaka_date(now)
    typed = _as_typed(row)
    problems: dict[str, str] = {}
    office = _office(session, typed.get("office", ""), problems)
    entry_id = _service(session, office, typed, today, problems) if office else None
    typed["service"] = str(entry_id) if entry_id else ""
    if not typed.get("form_number"):
        problems["form_number"] = "required"
    form: ComplaintForm | None = None
    assistance: Assistance | None = None
    try:
        form = read_complaint_form(typed, language="bn", today=today, is_assisted=True)
    except InvalidInput as error:
        problems = error.problems | problems
    try:
        assistance = read_assistance(typed, operator_id=operator_id, office_id=office_id, today=today)
    except InvalidInput as error:
        problems = error.problems | problems
    if problems or form is None or assistance is None or office is None:
        raise InvalidInput(problems)
    lodged = lodge_complaint(
        session,
        form,
        office=office,
        entry_id=entry_id,
        shelf=shelf,
        now=now,
        secret_key=secret_key,
        cutoff=cutoff,
        assistance=assistance,
    )
    state = "filed" if lodged.is_new else "known"
    number = lodged.complaint.tracking_number
    return RowResult(row.number, typed["form_number"], state, tracking_number=number)


def _as_typed(row: SheetRow) -> dict[str, str]:
    """The row as the web form would have sent it; words may be in either language."""
    typed = dict.fromkeys(COLUMNS, "") | dict(row.typed)
    for name, words in _WORDS.items():
        typed[name] = _known_word(name, words, typed[name])
    typed["about"] = typed["about"] or About.NOBODY
    typed["kind"] = typed["kind"] or Kind.PUBLIC
    for name in ("is_anonymous", "consent"):
        typed[name] = "yes" if skeleton(typed[name]) in _YES else "no"
    if LOST_ZERO.fullmatch(to_ascii_digits(typed["mobile"])):
        typed["mobile"] = "0" + typed["mobile"]
    typed["for_whom"] = "other" if typed["on_behalf_of"] or typed["relation"] else "self"
    typed["form_key"] = hashlib.sha256(f"paper-form {typed['form_number']}".encode()).hexdigest()
    return typed


def _known_word(name: str, words: type[Channel | Ground | About | Kind], text: str) -> str:
    for one in words:
        if skeleton(text) in {skeleton(one), skeleton(word(name, one, "bn")), skeleton(word(name, one, "en"))}:
            return str(one)
    return text


def _office(session: Session, text: str, problems: dict[str, str]) -> Office | None:
    """By its short name, or by its whole name in either language."""
    try:
        return find_office(session, text.strip())
    except NotFound:
        pass
    query = select(Office).where((Office.name_bn == text) | (Office.name_en == text)).limit(2)
    found = session.scalars(query).all()
    if len(found) != 1:
        problems["office"] = "no_such_office"
        return None
    return found[0]


def _service(
    session: Session, office: Office, typed: Mapping[str, str], today: date, problems: dict[str, str]
) -> int | None:
    """By its serial or its name in the office's charter; empty is another matter."""
    wanted = skeleton(typed.get("service", ""))
    if not wanted:
        return None
    found = [
        entry.id
        for entry in charter_in_force(session, office, today).entries
        if wanted in (skeleton(entry.name), skeleton(entry.serial or ""))
    ]
    if len(found) != 1:
        problems["service"] = "no_such_service"
        return None
    return found[0]


def sample_sheet(session: Session) -> bytes:
    """An empty sheet with its heading, and a second one with the words and offices that the columns take.

    The cells are text: a spreadsheet would take the zero of a mobile number and turn dates around.
    """
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "forms"
    sheet.append(COLUMNS)
    for column in range(1, len(COLUMNS) + 1):
        for row in range(2, ROWS_READY + 2):
            sheet.cell(row, column).number_format = "@"
    words = book.create_sheet("words")
    words.append(("column", "write", "বাংলা", "English"))
    for name in ("form_number", "office", "channel", "ground", "subject", "description", "consent"):
        words.append((name, "*", "অবশ্যই লিখুন", "required"))
    for name in ("paper_received_on", "applied_on"):
        words.append((name, "15/06/2026", "দিন/মাস/বছর", "day/month/year"))
    for name, vocabulary in _WORDS.items():
        for one in vocabulary:
            if one is not Channel.WEB:
                words.append((name, str(one), word(name, one, "bn"), word(name, one, "en")))
    for name in ("is_anonymous", "consent"):
        words.append((name, "yes", "হ্যাঁ", "Yes"))
    for language, told in (("bn", "বাংলা"), ("en", "English")):
        words.append(("language", language, told, told))
    for office in offices_with_charter(session):
        words.append(("office", office.slug, office.name_bn, office.name_en))
    out = BytesIO()
    book.save(out)
    return out.getvalue()
