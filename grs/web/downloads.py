"""Uploaded files leave as downloads; only pictures, which were drawn anew, are shown inside a page.

Tables leave as CSV, however long they are.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterable, Sequence
from io import BytesIO, StringIO
from itertools import chain, islice

from flask import Response, send_file

from grs.db.drafts import Attachment
from grs.domain.tables import safe_cell

ROWS_AT_ONCE = 500


def show_picture(file: Attachment, content: bytes) -> Response:
    """A picture inside one of our pages: it was decoded and drawn anew when it came in."""
    answer = send_file(BytesIO(content), mimetype=file.media_type)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def send_attachment(file: Attachment, content: bytes) -> Response:
    """The file under the name it came with (RFC 6266), in a sandbox should a browser show it after all."""
    answer = send_file(BytesIO(content), mimetype=file.media_type, as_attachment=True, download_name=file.name)
    answer.set_etag(file.sha256)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def send_table(rows: Iterable[Sequence[object]], name: str) -> Response:
    """A CSV file for a spreadsheet, none of its cells a formula; some hundred rows are in memory at once.

    The first are made before the answer begins: what goes wrong with them is told on a page, and they may ask
    the request. What goes wrong later breaks the connection, and the browser says that the file did not come whole.
    """
    pieces = _pieces(rows)
    begun = chain([next(pieces, "")], pieces)
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    answer = Response(begun, mimetype="text/csv", headers=headers)
    answer.call_on_close(pieces.close)  # also when nobody takes the rest
    return answer


def _pieces(rows: Iterable[Sequence[object]]) -> Generator[str, None, None]:
    """The file in pieces; it begins with the mark by which spreadsheets know UTF-8."""
    out = StringIO("\ufeff")
    out.seek(0, 2)
    writer = csv.writer(out)
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in some)
        yield out.getvalue()
        out.seek(0)
        out.truncate()
