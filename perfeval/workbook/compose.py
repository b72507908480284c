"""Renders a planned sheet as SpreadsheetML: the hot path of writing.

The plan says what stands where and in which of the template's formats; this module only knows how that is spelled.
Formulas carry their value, texts are inline and never become formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perfeval.record import record
from perfeval.workbook.grid import column_letter
from perfeval.workbook.sheetxml import text as xml_text
from perfeval.workbook.styles import Look

__all__ = [
    "Formula",
    "Link",
    "Placed",
    "PlannedRow",
    "SheetPlan",
    "Value",
    "merge_cells",
    "row_breaks",
    "sheet_data",
    "text_cell",
]


@record(frozen=True, slots=True)
class Formula:
    """A formula with the value it has."""

    expression: str  # without "="
    value: float | str


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture that Excel placed in a cell, by its number in the workbook."""

    number: int


Value = str | Decimal | int | Formula | Placed | None


@dataclass(slots=True)
class PlannedRow:
    """One physical row. Most of its cells are blank and as in its neighbours: only what differs is written down."""

    height: float  # points
    formats: tuple[int, ...] = ()  # of the template, by column from the first on
    values: dict[int, Value] = field(default_factory=dict)  # by column
    varied: dict[int, Look] = field(default_factory=dict)  # formats of columns that differ from those
    beside: dict[int, Value] = field(default_factory=dict)  # values in columns after the last of `formats`


@dataclass(slots=True)
class Link:
    """A link from a cell to a place in the workbook."""

    cell: str
    location: str  # 'Sheet'!A1
    tip: str = ""


@dataclass(slots=True)
class SheetPlan:
    """A sheet to be written."""

    rows: list[PlannedRow] = field(default_factory=list)  # from row 1 on, without gaps
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)  # top, left, bottom, right
    links: list[Link] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)  # rows after which a new page begins


@lru_cache(maxsize=2048)
def text_cell(text: str) -> str:
    """The inside of an inline-string cell."""
    space = ' xml:space="preserve"' if text != text.strip() or "\n" in text or "  " in text else ""
    return f"<is><t{space}>{xml_text(text)}</t></is>"


_SHORT = 64  # characters of a text that may come again in other files
_LETTERS = tuple(column_letter(number) for number in range(1, 257))


def sheet_data(plan: SheetPlan, formats: Mapping[Any, int]) -> str:
    """The `<sheetData>` of a plan; `formats` turns its formats into those of the workbook written to."""
    out = ["<sheetData>"]
    target: dict[tuple[int, ...], tuple[int, ...]] = {}  # formats of a row → those of the workbook written to
    for number, row in enumerate(plan.rows, 1):
        xfs = target.get(row.formats)
        if xfs is None:
            xfs = target[row.formats] = tuple([formats[style] for style in row.formats])
        heads, blanks = _row_cells(xfs, number)
        cells = list(blanks)
        varied = row.varied
        for column, value in row.values.items():
            if value is not None and column not in varied:
                cells[column - 1] = heads[column - 1] + _content(value)
        for column, look in varied.items():
            if column > len(heads):
                continue  # beside
            cells[column - 1] = _head(column, number, formats[look]) + _content(row.values.get(column))
        if row.beside:
            cells += [
                f'<c r="{column_letter(column)}{number}" s="{formats[varied[column]] if column in varied else 0}"'
                f"{_content(value)}"
                for column, value in sorted(row.beside.items())
            ]
        out.append(f'<row r="{number}" ht="{row.height:g}" customHeight="1">')
        out += cells
        out.append("</row>")
    out.append("</sheetData>")
    return "".join(out)


@lru_cache(maxsize=1024)
def _row_cells(xfs: tuple[int, ...], number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The cells of a row in these formats, without their ends and blank; forms of a batch share most of their rows."""
    heads = tuple(_head(column, number, xf) for column, xf in enumerate(xfs, 1))
    return heads, tuple(f"{head}/>" for head in heads)


def _head(column: int, number: int, xf: int) -> str:
    return f'<c r="{_LETTERS[column - 1]}{number}" s="{xf}"'


def _content(value: Value) -> str:
    """What follows the attributes of a cell that all cells have, its end included."""
    if isinstance(value, str):
        inside = text_cell(value) if len(value) <= _SHORT else text_cell.__wrapped__(value)
        return f' t="inlineStr">{inside}</c>' if value else "/>"
    if isinstance(value, Formula):
        expression = xml_text(value.expression)
        if isinstance(value.value, str):
            return f' t="str"><f>{expression}</f><v>{xml_text(value.value)}</v></c>'
        return f"><f>{expression}</f><v>{value.value!r}</v></c>"
    if isinstance(value, Placed):
        return f' t="e" vm="{value.number}"><v>#VALUE!</v></c>'
    return "/>" if value is None else f"><v>{value}</v></c>"


def merge_cells(merges: Sequence[tuple[int, int, int, int]]) -> str:
    """The `<mergeCells>` element, "" when nothing is merged."""
    if not merges:
        return ""
    refs = [
        f'<mergeCell ref="{_LETTERS[left - 1]}{top}:{_LETTERS[right - 1]}{bottom}"/>'
        for top, left, bottom, right in merges
    ]
    return f'<mergeCells count="{len(merges)}">{"".join(refs)}</mergeCells>'


def row_breaks(rows: Sequence[int]) -> str:
    """The `<rowBreaks>` element for page breaks below `rows`, "" for none."""
    if not rows:
        return ""
    breaks = "".join(f'<brk id="{row}" max="16383" man="1"/>' for row in rows)
    return f'<rowBreaks count="{len(rows)}" manualBreakCount="{len(rows)}">{breaks}</rowBreaks>'
