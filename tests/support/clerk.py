"""A pack's official form filled in as a clerk would, with openpyxl: independent of our own writer.

    filled(pack, {"project": "甲项目", "funds.budget.total": "100"}, '''
        | level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
        | 产出指标 | 数量指标 | 新建公厕数量 | ≥10座 | 9座 | 20 |
    ''')

Level names are typed once and merged down over equal neighbours, as the printed form has them. What looks like a
number becomes one. Places that are not named stay blank.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from copy import copy

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from perfeval.pack import Pack

__all__ = ["address", "filled", "table"]

_PLACE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def table(text: str) -> list[dict[str, str]]:
    """The rows of a pipe table as texts by column path; a blank level repeats the one above."""
    lines = [[part.strip() for part in line.strip().strip("|").split("|")] for line in text.strip().splitlines()]
    keys, rows = lines[0], [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    for above, row in itertools.pairwise(rows):
        for key in keys:
            if key.startswith("level") and not row[key] and row.get("level1.name", "") in ("", above["level1.name"]):
                row[key] = above[key]
    return rows


def filled(
    pack: Pack, fields: Mapping[str, str], rows: str | Sequence[Mapping[str, str]] = "", *, total: str = ""
) -> bytes:
    """The form of `pack` with header `fields` and the table `rows` typed in: a pipe table, or a row each by column."""
    book = openpyxl.load_workbook(pack.form_path)
    sheet = book.worksheets[0]
    lines = (table(rows) if rows else []) if isinstance(rows, str) else rows
    block = next(c.row for c in _cells(sheet) if "{{ indicator." in str(c.value))
    _stretch(sheet, block, max(len(lines), 1))
    places = {c.column: match[1] for c in sheet[block] if (match := _PLACE.fullmatch(str(c.value)))}
    for column, path in places.items():
        for number in range(max(len(lines), 1)):
            text = lines[number].get(path, "") if lines else ""
            above = lines[number - 1] if number else {}
            if path.startswith("level") and number and lines[number].get("level1.name") == above.get("level1.name"):
                text = "" if text == above.get(path) else text
            _type(sheet.cell(block + number, column), text)
    values = {"total.score": total, **fields}
    for cell in _cells(sheet):
        text = str(cell.value)
        if match := _PLACE.fullmatch(text):
            _type(cell, values.get(match[1], ""))
        elif _PLACE.search(text):
            cell.value = _PLACE.sub(lambda found: values.get(found[1], ""), text)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def address(pack: Pack, path: str) -> str:
    """Where a header place stands in the blank form."""
    sheet = openpyxl.load_workbook(pack.form_path).worksheets[0]
    return next(c.coordinate for c in _cells(sheet) if re.search(rf"{{{{\s*{re.escape(path)}\s*}}}}", str(c.value)))


def _cells(sheet: Worksheet) -> list[Cell]:
    return [cell for row in sheet.iter_rows() for cell in row if isinstance(cell, Cell) and cell.value is not None]


def _stretch(sheet: Worksheet, block: int, count: int) -> None:
    """Make `count` rows of the indicator row; what stands below moves down, merges over it grow."""
    merges = [area.bounds for area in sheet.merged_cells.ranges]
    for area in list(sheet.merged_cells.ranges):
        sheet.unmerge_cells(area.coord)
    sheet.insert_rows(block + 1, count - 1)
    for row in range(block + 1, block + count):
        for cell in sheet[block]:
            if not isinstance(cell, MergedCell):
                sheet.cell(row, cell.column)._style = copy(cell._style)
    for left, top, right, bottom in merges:
        shift = count - 1
        first, last = (top + shift if top > block else top), (bottom + shift if bottom >= block else bottom)
        sheet.merge_cells(start_row=first, start_column=left, end_row=last, end_column=right)


def _type(cell: Cell, text: str) -> None:
    """Type a text as Excel takes it: numbers and percentages become numbers, = at the beginning stays text."""
    if _NUMBER.fullmatch(text):
        cell.value = float(text) if "." in text else int(text)
    elif _NUMBER.fullmatch(text.removesuffix("%")):
        cell.value, cell.number_format = float(f"{text[:-1]}e-2"), "0.00%" if "." in text else "0%"
    else:
        cell.value = text or None
        if text.startswith("="):
            cell.data_type = "s"
