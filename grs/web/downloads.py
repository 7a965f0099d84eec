"""Uploaded files leave as downloads: never drawn as a page of this site."""

from __future__ import annotations

from io import BytesIO

from flask import Response, send_file

from grs.db.drafts import Attachment


def send_attachment(file: Attachment, content: bytes) -> Response:
    """The file under the name it came with (RFC 6266), in a sandbox should a browser show it after all."""
    answer = send_file(BytesIO(content), mimetype=file.media_type, as_attachment=True, download_name=file.name)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
