"""A file is what its bytes say; pictures are drawn anew, so that nothing hidden in them stays."""

from __future__ import annotations

import hashlib
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO

import puremagic
from PIL import Image, ImageOps, UnidentifiedImageError

from grs.domain.attachments import (
    LONGEST_SIDE,
    LONGEST_SIDE_SENT,
    MOST_PIXELS,
    MOST_PIXELS_DRAWN_WHOLE,
    MediaType,
    check_size,
    clean_name,
    promised_type,
)
from grs.domain.errors import FileRefused

_FORMATS = {MediaType.JPEG: "JPEG", MediaType.PNG: "PNG", MediaType.WEBP: "WEBP"}
_QUALITY = 85
_DAMAGE = (
    UnidentifiedImageError, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    SyntaxError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What the library raises over damaged pictures: more kinds than it lists."""
START_OF_SCAN = b"\xff\xda"
_ONE_AT_A_TIME = threading.Lock()
"""A picture takes a hundred times its bytes while it is drawn: many at once would fill the memory."""
MOST_SCANS = 20
"""A progressive picture has about ten; each is drawn over the whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanFile:
    """A file ready to be kept; ``sha256`` is of ``content``."""

    name: str
    media_type: MediaType
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def clean_upload(name: str, data: bytes) -> CleanFile:
    """The file as it is kept: a picture drawn anew without EXIF and position, a PDF as it came.

    Raises FileRefused for what is empty, too large, of another kind, not what its ending says, or
    broken.
    """
    check_size(len(data))
    media_type = promised_type(name)
    if media_type is not _found_type(data):
        raise FileRefused("not_what_it_says")
    if media_type is MediaType.JPEG and data.count(START_OF_SCAN) > MOST_SCANS:
        raise FileRefused("broken")
    if media_type is MediaType.PDF:
        content = data
    else:
        with _ONE_AT_A_TIME:
            content = _redrawn(data, media_type)
    return CleanFile(name=clean_name(name), media_type=media_type, content=content)


def _found_type(data: bytes) -> MediaType | None:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return MediaType.WEBP  # puremagic takes some for other RIFF files
    try:
        found = puremagic.from_string(data[:4096], mime=True)
    except (puremagic.PureError, ValueError):
        return None
    try:
        return MediaType(found)
    except ValueError:
        return None


def _redrawn(data: bytes, media_type: MediaType) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; ours are counted below
            with Image.open(BytesIO(data), formats=[_FORMATS[media_type]]) as opened:
                picture: Image.Image = opened
                most = MOST_PIXELS if media_type is MediaType.JPEG else MOST_PIXELS_DRAWN_WHOLE
                if picture.width * picture.height > most:
                    raise FileRefused("too_many_pixels")
                if max(picture.size) > LONGEST_SIDE_SENT:
                    raise FileRefused("too_many_pixels")
                if getattr(picture, "n_frames", 1) > 1:
                    raise FileRefused("moving_picture")
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                if picture.mode.startswith("I"):
                    picture = picture.point(lambda value: value / 256).convert("L")  # 16 bits a pixel
                picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
                ImageOps.exif_transpose(picture, in_place=True)
                mode = "RGB" if media_type is MediaType.JPEG or "A" not in picture.getbands() else "RGBA"
                plain = Image.new(mode, picture.size)
                plain.paste(picture.convert(mode))
                out = BytesIO()
                plain.save(out, _FORMATS[media_type], quality=_QUALITY, optimize=media_type is MediaType.JPEG)
                return out.getvalue()
    except FileRefused:
        raise
    except Image.DecompressionBombError:
        raise FileRefused("too_many_pixels") from None
    except _DAMAGE:
        raise FileRefused("broken") from None
