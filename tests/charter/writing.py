"""The real charters put into other kinds of documents, the way offices make them: merged cells, menus, paragraphs."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Sequence

import docx
import openpyxl

from grs.charter.blocks import Block, Paragraph, Row
from grs.charter.text import read_blocks

Table = list[Row]


def parts(text: str) -> Iterator[Paragraph | Table]:
    """A charter's paragraphs, and its rows gathered into tables."""
    table: Table = []
    for block in read_blocks(text):
        if isinstance(block, Row):
            table.append(block)
            continue
        if table:
            yield table
            table = []
        yield block
    if table:
        yield table


def squared(table: Table) -> list[list[str]]:
    """The cells of a table, each row as wide as the widest."""
    width = max(len(row.cells) for row in table)
    return [[*row.cells, *[""] * (width - len(row.cells))] for row in table]


def merged_down(rows: Sequence[Sequence[str]], column: int) -> dict[int, int]:
    """Where a cell of a column is followed by empty ones: by row, over how many rows it goes."""
    spans: dict[int, int] = {}
    top = -1
    for y, row in enumerate(rows):
        if row[column].strip() or top < 0 or not row[1].strip():
            top = y
            spans[y] = 1
        else:
            spans[top] += 1
    return spans


def as_markdown(text: str) -> str:
    """Tables by pipes, with the rule under the first row."""
    lines: list[str] = []
    for part in parts(text):
        if isinstance(part, Paragraph):
            lines += ["", ("# " if part.is_heading else "") + part.text, ""]
            continue
        for y, row in enumerate(squared(part)):
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
            if y == 0:
                lines.append("|" + "---|" * len(row))
    return "\n".join(lines)


PAGE = """<!DOCTYPE html>
<html lang="bn"><head><meta charset="utf-8"><title>সিটিজেন চার্টার</title>{head}
<style>td {{ vertical-align: top; border: 1px solid; padding: 4px }} table {{ border-collapse: collapse; width: 100% }}
 body {{ font: 9px 'Noto Sans Bengali', sans-serif }} @page {{ size: A4 landscape; margin: 8mm }}</style></head><body>
<nav class="mainmenu"><ul><li><a href="/">প্রথম পাতা</a></li><li><a href="/services">আমাদের সেবা</a></li></ul></nav>
<div id="breadcrumb"><a href="/">প্রচ্ছদ</a> » <a href="/c">সিটিজেন চার্টার</a></div>
<div class="sidebar"><h3>গুরুত্বপূর্ণ লিংক</h3><ul><li><a href="https://bangladesh.gov.bd">জাতীয় তথ্য বাতায়ন</a></li></ul></div>
<div class="content">{body}</div>
<footer>কারিগরি সহায়তায়: নমুনা প্রতিষ্ঠান <a href="#top">উপরে যান</a></footer>
<script>document.write('সেবার নাম')</script></body></html>"""


def as_page(text: str, *, with_menus: bool = True) -> str:
    """A web page; officers' cells that stand for several services are merged, headings span the table."""
    body: list[str] = []
    for part in parts(text):
        if isinstance(part, Paragraph):
            tag = "h2" if part.is_heading else "p"
            body.append(f"<{tag}>{html.escape(part.text)}</{tag}>")
        else:
            body.append(_html_table(squared(part)))
    found = PAGE.format(head="", body="\n".join(body))
    return found if with_menus else f"{found.split('<nav')[0]}{''.join(body)}</body></html>"


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["<table><tbody>"]
    last = len(rows[0]) - 1
    spans = {x: merged_down(rows, x) for x in (last - 1, last) if last > 3}
    for y, row in enumerate(rows):
        cells = []
        for x, cell in enumerate(row):
            if x in spans and y not in spans[x]:
                continue
            span = spans[x][y] if x in spans else 1
            inner = "<br>".join(html.escape(line) for line in cell.split("\n"))
            merged = f' rowspan="{span}"' if span > 1 else ""
            cells.append(f"<td{merged}><p>{inner}</p></td>")
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def as_word(text: str) -> bytes:
    """A Word file: cells in several paragraphs, officers merged downwards."""
    document = docx.Document()
    for part in parts(text):
        if isinstance(part, Paragraph):
            document.add_paragraph(part.text, style="Heading 2" if part.is_heading else None)
            continue
        rows = squared(part)
        table = document.add_table(rows=len(rows), cols=len(rows[0]))
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                words = cell.split()
                table.cell(y, x).text = " ".join(words[: len(words) // 2])
                if words:
                    table.cell(y, x).add_paragraph(" ".join(words[len(words) // 2 :]))
        last = len(rows[0]) - 1
        for x in (last - 1, last) if last > 3 else ():
            for top, span in merged_down(rows, x).items():
                if span > 1:
                    table.cell(top, x).merge(table.cell(top + span - 1, x))
        document.add_paragraph("")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def as_excel(text: str) -> bytes:
    """One sheet: headings merged across, officers merged downwards."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    y = 0
    for part in parts(text):
        if isinstance(part, Paragraph):
            y += 1
            sheet.cell(y, 1, part.text)
            sheet.merge_cells(start_row=y, start_column=1, end_row=y, end_column=9)
            continue
        rows = squared(part)
        for n, row in enumerate(rows, start=1):
            for x, cell in enumerate(row, start=1):
                sheet.cell(y + n, x, cell or None)
        last = len(rows[0]) - 1
        for x in (last - 1, last) if last > 3 else ():
            for top, span in merged_down(rows, x).items():
                if span > 1:
                    sheet.merge_cells(
                        start_row=y + top + 1, start_column=x + 1, end_row=y + top + span, end_column=x + 1
                    )
        y += len(rows)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


__all__ = ["Block", "as_excel", "as_markdown", "as_page", "as_word", "parts"]
