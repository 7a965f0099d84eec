"""Reader for plain text and Markdown: lines become paragraphs and table rows, by tabs or by pipes."""

from __future__ import annotations

import re

from grs.charter.blocks import LONGEST_CELL, MOST_BLOCKS, WIDEST, Block, Paragraph, Row, checked, refuse_old_fonts
from grs.domain.bangla import one_form
from grs.domain.errors import InvalidFile

LARGEST_FILE = 2_000_000

_BOLD = re.compile(r"</?(?:b|strong|i|em|u)>|\*\*|__", re.IGNORECASE)
_HEADING = re.compile(r"^\s*(#{1,6})\s*")
_PIPES = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|(?:\s*:?-{2,}:?\s*\|)+\s*$")
_BETWEEN_PIPES = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def decode(data: bytes) -> str:
    """The text of a charter file; raises InvalidFile when it is not UTF-8 text."""
    if len(data) > LARGEST_FILE:
        raise InvalidFile(
            f"the file has more than {LARGEST_FILE // 1_000_000} MB; no charter has", why="too_large_file"
        )
    if b"\x00" in data:
        raise InvalidFile("this is not a text file", why="not_text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidFile("the text is not UTF-8; save it as UTF-8 and try again", line=line, why="not_utf8") from None


def read_blocks(text: str) -> list[Block]:
    """The paragraphs and table rows of a text, in order.

    Raises InvalidFile for text in a pre-Unicode font encoding and for text without any table.
    """
    refuse_old_fonts(text)
    blocks: list[Block] = []
    after_break = False
    for number, raw in enumerate(one_form(text).splitlines(), start=1):
        if max(raw.count("|"), raw.count("\t")) > WIDEST:
            raise InvalidFile(f"a row has more than {WIDEST} cells; no charter's table has", line=number)
        if len(blocks) > MOST_BLOCKS:
            raise InvalidFile(f"the document has more than {MOST_BLOCKS} lines; no charter has")
        bare = _BREAK.sub(" ", _BOLD.sub("", raw))
        if _RULE.match(bare):
            continue  # the line under a heading row of Markdown; no page ends there
        if not bare.strip():
            after_break = True
            continue
        cells = _cells(bare)
        if max(map(len, cells)) > LONGEST_CELL:
            raise InvalidFile(f"a cell has more than {LONGEST_CELL} characters; no charter's table has", line=number)
        if len(cells) > 1:
            is_bold = bool(_BOLD.match(raw.strip(" |"))) and len([c for c in cells if c.strip()]) == 1
            blocks.append(Row(number, tuple(cell.strip(" \r") for cell in cells), after_break, is_bold))
        else:
            heading = _HEADING.match(bare)
            plain = " ".join(_HEADING.sub("", bare).split())
            blocks.append(Paragraph(number, plain, is_heading=bool(heading)))
        after_break = False
    return checked(blocks)


def _cells(line: str) -> list[str]:
    """The cells of a line of a table; a line outside one is a single cell."""
    if _PIPES.match(line):
        inner = line.strip().removeprefix("|").removesuffix("|")
        found = [cell.replace("\\|", "|") for cell in _BETWEEN_PIPES.split(inner)]
        return found if len(found) > 1 else [line]
    return line.split("\t") if "\t" in line.strip("\r\n") else [line]
