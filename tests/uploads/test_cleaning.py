"""A file is what its bytes say; pictures come out drawn anew."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from grs.domain.attachments import LONGEST_SIDE, MediaType
from grs.domain.errors import FileRefused
from grs.uploads import clean_upload

FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def picture(kind: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **more: object) -> bytes:
    out = BytesIO()
    Image.new(mode, size, 1).save(out, kind, **more)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("ending", FORMATS)
def test_a_picture_keeps_its_kind_and_loses_what_is_hidden_in_it(ending: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    more: dict[str, object] = {"exif": exif}
    if ending == ".png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "SECRET-COMMENT")
        more["pnginfo"] = text
    data = picture(FORMATS[ending], **more) + b"SECRET-TAIL<script>"
    clean = clean_upload(f"ছবি{ending}", data)
    assert b"SECRET" not in clean.content
    with Image.open(BytesIO(clean.content)) as again:
        assert (again.format, again.size) == (FORMATS[ending], (60, 40))
        assert dict(again.getexif()) == {}


def test_a_picture_taken_sideways_comes_out_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    clean = clean_upload("a.jpg", picture("JPEG", exif=exif))
    with Image.open(BytesIO(clean.content)) as again:
        assert again.size == (40, 60)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_taken(mode: str) -> None:
    kind, name = ("JPEG", "a.jpg") if mode == "CMYK" else ("PNG", "a.png")
    assert clean_upload(name, picture(kind, mode=mode)).content


def test_large_pictures_are_made_smaller() -> None:
    with Image.open(BytesIO(clean_upload("a.jpg", picture("JPEG", (4000, 3000))).content)) as again:
        assert max(again.size) == LONGEST_SIDE


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jpg", b"", "empty"),
        ("a.jpg", b"x" * (5 * 1024 * 1024 + 1), "too_large"),
        ("a.svg", b"<svg onload=alert(1)>", "wrong_kind"),
        ("a.png", b"<svg onload=alert(1)>", "not_what_it_says"),
        ("a.jpg", b"%PDF-1.4 x", "not_what_it_says"),
        ("a.pdf", picture("JPEG"), "not_what_it_says"),
        ("a.pdf", b"<html>%PDF-1.4", "not_what_it_says"),
        ("a.webp", b"RIFF\0\0\0\0WEBPjunk", "broken"),
        ("a.jpg", picture("JPEG")[:80], "broken"),
        ("a.png", bomb(60_000, 60_000), "too_many_pixels"),
        ("a.png", bomb(2_000_000_000, 2_000_000_000), "too_many_pixels"),
    ],
)
def test_what_is_refused_and_why(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        clean_upload(name, data)
    assert refused.value.reason == reason


def test_a_pdf_is_kept_as_it_came() -> None:
    clean = clean_upload("আবেদন.PDF", b"%PDF-1.7\nwhatever")
    assert (clean.media_type, clean.content, clean.name) == (MediaType.PDF, b"%PDF-1.7\nwhatever", "আবেদন.PDF")


def test_a_picture_of_a_thousand_scans_is_not_drawn() -> None:
    data = picture("JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(FileRefused):
        clean_upload("a.jpg", data[:scan] + data[scan:-2] * 200 + data[-2:])


def test_sixteen_bits_of_grey_stay_grey() -> None:
    out = BytesIO()
    Image.new("I;16", (8, 8), 30000).save(out, "PNG")
    with Image.open(BytesIO(clean_upload("a.png", out.getvalue()).content)) as again:
        assert again.convert("L").getpixel((0, 0)) == 30000 // 256
