"""Reader for web pages: the tables of services and the text around them, without the navigation."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from lxml import html as lxml_html

from grs.charter import columns
from grs.charter.blocks import Block, Paragraph, checked, one_spelling, refuse_old_font_runs
from grs.charter.grids import Cell, Grid, lay_out
from grs.domain.errors import InvalidFile

Element = Any
"""An lxml element; its stubs know less than it does."""

_NEVER = {
    "script", "style", "nav", "footer", "aside", "form", "noscript", "button", "select", "svg", "iframe", "template",
    "object", "video", "audio", "canvas",
}  # fmt: skip
_ROLES = {"navigation", "menu", "menubar", "banner", "contentinfo", "search", "complementary"}
_AROUND = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|mainmenu|submenu|sidebar|side-bar|breadcrumbs?|footer|share|social|"
    r"search|login|pagination|cookie)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "caption", "legend"}
_LINES = {"p", "li", "dt", "dd", "div", "section", "article", "blockquote", "address", "pre", "br", "tr"} | _HEADINGS
_BETWEEN = re.compile(r"\s*(?:\||::|»|–|—|\s-\s)\s*")
_FONT = re.compile(r"font-family\s*:\s*([^;\"]+)", re.IGNORECASE)
MOSTLY_LINKS = 0.5
DEEPEST = 100
MOST_ELEMENTS = 20_000


def read_html(text: str) -> list[Block]:
    """The paragraphs and rows of a page, in order; the line is the page's own.

    Raises InvalidFile where there is no page or no table in it.
    """
    try:
        root = lxml_html.document_fromstring(text.encode(), parser=lxml_html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError):
        raise InvalidFile("this is not a web page", why="damaged") from None
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise InvalidFile(f"the page has more than {MOST_ELEMENTS} elements; no charter's page has")
    if _depth(root) > DEEPEST:
        raise InvalidFile("the page is nested too deeply; no charter's page is")
    refuse_old_font_runs(_fonts(root))
    head = _head(root)
    _drop_surroundings(root)
    tables = [table for table in root.iter("table") if next(table.iterdescendants("table"), None) is None]
    with_services = [table for table in tables if _is_of_charter(table)]
    content = _content_of(with_services) if with_services else root
    return checked([*head, *_blocks(content, _with_lines(content))])


def _depth(root: Element) -> int:
    deepest, depth = 0, 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def _fonts(root: Element) -> Iterator[tuple[str, str]]:
    """Each text with the font that the nearest element around it names."""
    fonts: list[str] = [""]
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            found = _FONT.search(element.get("style") or "")
            face = element.get("face") if element.tag == "font" else None
            fonts.append(found[1] if found else face or fonts[-1])
            yield fonts[-1], element.text or ""
        else:
            fonts.pop()
            yield fonts[-1], element.tail or ""


def _head(root: Element) -> list[Block]:
    """What the page says of itself: its title in its parts, and its own address."""
    blocks: list[Block] = []
    title = root.find(".//title")
    if title is not None:
        parts = _BETWEEN.split(one_spelling(title.text_content()))
        blocks += [Paragraph(title.sourceline or 1, part) for part in parts if part]
    for path, name in ((".//link[@rel='canonical']", "href"), (".//meta[@property='og:url']", "content")):
        found = root.find(path)
        host = urlsplit((found.get(name) or "").strip()).hostname if found is not None else None
        if host:
            blocks.append(Paragraph(found.sourceline or 1, f"www.{host.removeprefix('www.')}"))
            break
    return blocks


def _drop_surroundings(root: Element) -> None:
    tables = [table for table in root.iter("table") if _is_of_charter(table)]
    holds_charter = {one for table in tables for one in (table, *table.iterancestors())}
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            continue
        named = f"{element.get('class') or ''} {element.get('id') or ''}"
        is_hidden = element.get("hidden") is not None or "display:none" in (element.get("style") or "").replace(" ", "")
        is_around = bool(_AROUND.search(named)) and element not in holds_charter
        is_dropped = element.tag in _NEVER or element.get("role") in _ROLES or is_hidden or is_around
        if is_dropped and element.getparent() is not None and element.tag != "body":
            element.drop_tree()


def _content_of(tables: Sequence[Element]) -> Element:
    """The smallest part of the page that holds all tables, and what stands around it as long as that is no menu."""
    shared = set.intersection(*({table, *table.iterancestors()} for table in tables))
    content = next(one for one in (tables[0], *tables[0].iterancestors()) if one in shared)
    while content.getparent() is not None and content.tag not in ("body", "main", "article"):
        above = content.getparent()
        text = len(above.text_content()) - len(content.text_content())
        links = sum(len(a.text_content()) for a in above.iter("a")) - sum(
            len(a.text_content()) for a in content.iter("a")
        )
        if text and links / text > MOSTLY_LINKS:
            break
        content = above
    return content


def _with_lines(content: Element) -> set[Element]:
    """The elements that begin a line of their own, or have one in them that does."""
    found: set[Element] = set()
    for one in content.iter():
        if one.tag in _LINES or one.tag == "table":
            at = one
            while at is not None and at not in found:
                found.add(at)
                at = at.getparent()
    return found


def _blocks(element: Element, with_lines: Collection[Element]) -> Iterator[Block]:
    """The blocks below an element; text between block elements is a paragraph of its own."""
    words: list[str] = []
    has_words = False
    line = element.sourceline or 1
    heading = element.tag in _HEADINGS

    def paragraph() -> Iterator[Block]:
        text = one_spelling(" ".join(words))
        words.clear()
        if text:
            yield Paragraph(line, text, is_heading=heading)

    words.append(element.text or "")
    has_words = bool(words[0].strip())
    for child in element:
        if isinstance(child.tag, str):
            is_data = child.tag == "table" and next(child.iterdescendants("table"), None) is None
            if is_data:
                yield from paragraph()
                yield from lay_out(_grid(child))
            elif child in with_lines:
                yield from paragraph()
                yield from _blocks(child, with_lines)
            else:
                line = line if has_words else child.sourceline or line
                words.append(child.text_content())
        words.append(child.tail or "")
        has_words = bool(words) and (has_words or any(word.strip() for word in words[-2:]))
    yield from paragraph()


# -- tables ------------------------------------------------------------------------------------------------------


def _is_of_charter(table: Element) -> bool:
    """Whether a row of the table itself is the heading of services, tiers or expectations."""
    innermost = next(table.iterdescendants("table"), None) is None
    return innermost and any(columns.recognise(row) for row in _plain_rows(table))


def _plain_rows(table: Element) -> Iterator[list[str]]:
    for row in table.iter("tr"):
        yield [_cell_text(cell) for cell in row if cell.tag in ("td", "th")]


def _grid(table: Element) -> Grid:
    grid = Grid()
    rows = list(table.iter("tr"))
    for row in rows:
        grid.add_row(row.sourceline or 0)
    for y, row in enumerate(rows):
        x = 0
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            x = grid.free_column(y, x)
            height, width = _span(cell, "rowspan"), _span(cell, "colspan")
            text = _cell_text(cell)
            bold = sum(len(one.text_content()) for one in cell.iter("b", "strong"))
            is_bold = bool(text) and (cell.tag == "th" or bold >= len(text))
            grid.place(y, x, Cell(text, is_bold), height=height or len(rows), width=width or 1)
            x += width or 1
    return grid


def _span(cell: Element, name: str) -> int:
    """A span as browsers read it; 0 of a row span means to the end of the table."""
    found = re.match(r"\s*(\d{1,5})", cell.get(name) or "1")
    return int(found[1]) if found else 1


def _cell_text(cell: Element) -> str:
    """The words of a cell: where it breaks a line there is a blank."""
    parts: list[str] = []
    for event, element in etree.iterwalk(cell, events=("start", "end")):
        if not isinstance(element.tag, str):
            if event == "end" and element is not cell:
                parts.append(element.tail or "")
            continue
        if event == "start":
            parts.append(" " if element.tag in _LINES else "")
            parts.append(element.text or "")
        elif element is not cell:
            parts.append(" " if element.tag in _LINES else "")
            parts.append(element.tail or "")
    return one_spelling("".join(parts))
