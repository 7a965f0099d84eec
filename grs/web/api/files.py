"""Files: sent with a complaint's access code, read with it or by the program of the desk."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response
from flask_smorest.fields import Upload as UploadField
from marshmallow import fields, validate
from werkzeug.datastructures import FileStorage

from grs.domain.access import Deed
from grs.domain.attachments import LARGEST_FILE, MOST_FILES
from grs.domain.errors import InvalidInput, NotYours
from grs.domain.machines import Scope
from grs.domain.tracking import read_digits
from grs.usecases.correspondence import add_information
from grs.usecases.drafts import Upload, clean_uploads
from grs.usecases.sent_requests import is_first
from grs.usecases.stories import file_of, story_for_complainant
from grs.web import limits
from grs.web.api.complaints import (
    STRANGER,
    WITH_CODE,
    ActHeaders,
    CodeHeader,
    again_if_twice,
    check_code,
    complaint_as_told,
)
from grs.web.api.queue import bench_of
from grs.web.api.room import Shape, Topic, reads
from grs.web.api.shapes import ComplaintShape
from grs.web.api.tokens import machine
from grs.web.doors import house
from grs.web.downloads import send_attachment
from grs.web.protection import anyone

topic = Topic("files", __name__, description="Pictures and PDFs that go with a complaint.")
THE_FILE = {"type": "string", "format": "binary"}
BINARY = {"content": {"image/jpeg": {"schema": THE_FILE}, "application/pdf": {"schema": THE_FILE}}}


class FilesInput(Shape):
    """JPEG, PNG, WebP or PDF, each up to 5 MB; pictures are drawn anew, without what a camera wrote into them."""

    files = fields.List(
        UploadField(required=True), required=True, validate=validate.Length(min=1, max=MOST_FILES)
    )  # fmt: skip


@topic.route("/complaints/<number>/files", methods=["POST"])
@topic.arguments(FilesInput, location="files")
@topic.arguments(ActHeaders, location="headers")
@topic.response(200, ComplaintShape)
@topic.doc(security=WITH_CODE)
@limits.guarded_by_code
@limits.limiter.limit(limits.CHANGES)
@anyone
def add(sent: dict[str, Any], headers: dict[str, Any], number: str) -> Any:
    """Add files to an open complaint: all of them, or none where one cannot be taken"""
    check_code(number, headers["code"])
    uploads = [_read(one) for one in sent["files"]]
    clean, refused = clean_uploads(uploads, scanner=house().settings.scanner)
    if refused:
        raise InvalidInput({f"files.{name}": reason for name, reason in refused})

    def act_once() -> None:
        now, digests = house().clock(), [hashlib.sha256(one.data).hexdigest() for one in uploads]
        with house().writers.begin() as db:
            what = {"act": "files", "number": read_digits(number), "sent": digests}
            if is_first(db, sender=STRANGER, key=headers["key"], what=what, now=now):
                left_out = add_information(db, read_digits(number), text="", files=clean, now=now)
                if left_out:
                    raise InvalidInput({f"files.{name}": reason for name, reason in left_out})

    again_if_twice(act_once)
    return complaint_as_told(number)


def _read(sent: FileStorage) -> Upload:
    return Upload(sent.filename or "", sent.stream.read(LARGEST_FILE + 1))


@topic.route("/complaints/<number>/files/<int(max=9223372036854775807):file_id>")
@topic.arguments(CodeHeader, location="headers")
@topic.doc(security=WITH_CODE, responses={"200": {"description": "The file."} | BINARY})
@limits.guarded_by_code
@reads
@anyone
def own(headers: dict[str, Any], number: str, file_id: int) -> Response:
    """A file of the complaint"""
    check_code(number, headers["code"])
    with house().readers() as db:
        story = story_for_complainant(db, read_digits(number), shelf=house().shelf)
        return send_attachment(*file_of(db, story, file_id, store=house().files))


@topic.route("/queue/<number>/files/<int(max=9223372036854775807):file_id>")
@topic.doc(responses={"200": {"description": "The file."} | BINARY})
@machine(Scope.READ)
def at_desk(number: str, file_id: int) -> Response:
    """A file of a complaint at the desk"""
    bench = bench_of(number)
    if Deed.READ_FILES not in bench.may:
        raise NotYours("read_files")
    with house().readers() as db:
        return send_attachment(*file_of(db, bench.story, file_id, store=house().files))
