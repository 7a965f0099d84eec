"""A charter from a document of any kind: what it is shows in its first bytes, not in its name."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO

from grs.charter.blocks import Block
from grs.charter.interpret import interpret
from grs.charter.model import CharterDocument
from grs.charter.text import decode, read_blocks
from grs.domain.errors import InvalidFile

_PAGE = re.compile(r"<!doctype html|<html|<head|<body|<div|<table|<meta|<h[1-6]|<p[\s>]", re.IGNORECASE)
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DAMAGE = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What libraries raise over damaged files: more kinds than any of them lists."""


def read_document(data: bytes, *, name: str) -> CharterDocument:
    """Read a charter from text, Markdown, a web page, a Word, Excel or PDF file.

    ``name`` is kept in the result. Raises InvalidFile where it is none of them, damaged, in an old font
    encoding, or lists no services.
    """
    return interpret(blocks_of(data), source=name)


def blocks_of(data: bytes) -> Sequence[Block]:
    """The paragraphs and rows of a document of any kind, each with its line in the source; raises InvalidFile."""
    try:
        return _blocks_of(data)
    except _DAMAGE:
        raise InvalidFile("the file is damaged", why="damaged") from None


def _blocks_of(data: bytes) -> Sequence[Block]:
    if data.startswith(b"%PDF-"):
        from grs.charter.pdf import read_pdf

        return read_pdf(data)
    if data.startswith(b"PK\x03\x04"):
        return _packed(data)
    if data.startswith(_OLD_OFFICE):
        raise InvalidFile("this is an old Word or Excel file; save it as DOCX or XLSX and try again", why="old_office")
    text = decode(data)
    if _is_page(text):
        from grs.charter.html import read_html

        return read_html(text)
    return read_blocks(text)


def _is_page(text: str) -> bool:
    """Whether a text begins as a web page does, after comments."""
    begins = text.lstrip()
    while begins.startswith("<!--"):
        begins = begins.partition("-->")[2].lstrip()
    return bool(_PAGE.match(begins))


def _packed(data: bytes) -> Sequence[Block]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            names = set(package.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise InvalidFile("the file is damaged", why="damaged") from None
    if "word/document.xml" in names:
        from grs.charter.word import read_word

        return read_word(data)
    if "xl/workbook.xml" in names:
        from grs.charter.excel import read_excel

        return read_excel(data)
    raise InvalidFile("this is neither a Word nor an Excel file", why="damaged")
