"""Uploaded files leave as downloads; only pictures, which were drawn anew, are shown inside a page."""

from __future__ import annotations

from io import BytesIO

from flask import Response, send_file

from grs.db.drafts import Attachment


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
