"""Renders a planned sheet as SpreadsheetML: the hot path of writing.

The plan says what stands where and in which of the template's formats; this module only knows how that is spelled.
Formulas carry their value, texts are inline and never become formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perfeval.record import record
from perfeval.workbook.adopting import Look
from perfeval.workbook.grid import column_letter
from perfeval.workbook.sheetxml import text as xml_text

__all__ = [
    "BESIDE",
    "Formula",
    "Placed",
    "PlannedRow",
    "SheetPlan",
    "Value",
    "merge_cells",
    "row_breaks",
    "sheet_data",
    "text_content",
    "text_row",
]


@record(frozen=True, slots=True)
class Formula:
    """A formula with the value it has."""

    expression: str  # without "="
    value: float | str


@record(frozen=True, slots=True)
class Placed:
    """A picture that Excel placed in a cell, by its number in the workbook."""

    number: int


Value = str | Decimal | int | Formula | Placed | None
BESIDE = Look(0)  # the format of cells beside the form


@record(slots=True)
class PlannedRow:
    """One physical row. Most of its cells are blank and as in its neighbours: only what differs is written down."""

    height: float  # points
    formats: tuple[int, ...] = ()  # of the template, by column from the first on
    values: dict[int, Value] = field(default_factory=dict)  # by column
    varied: dict[int, Look] = field(default_factory=dict)  # formats of columns that differ from those
    beside: dict[int, Value] = field(default_factory=dict)  # values in columns after the last of `formats`
    fixed: tuple[tuple[int, str], ...] = ()  # the same as `values`, in a row that says the same in every form


@record(slots=True)
class SheetPlan:
    """A sheet to be written."""

    rows: list[PlannedRow] = field(default_factory=list)  # from row 1 on, without gaps
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)  # top, left, bottom, right
    breaks: list[int] = field(default_factory=list)  # rows after which a new page begins


_SHORT = 64  # characters of a text that may come again in other files
_COLUMNS = tuple(range(1, 257))
_LETTERS = tuple(map(column_letter, _COLUMNS))


def sheet_data(plan: SheetPlan, formats: Mapping[Any, int]) -> bytes:
    """The `<sheetData>` of a plan; `formats` turns its formats into those of the workbook written to.

    Bytes from the start: most pieces come again in other files, and need not be put into UTF-8 again.
    """
    out = [b"<sheetData>"]
    target: dict[tuple[int, ...], tuple[int, ...]] = {}  # formats of a row → those of the workbook written to
    for number, row in enumerate(plan.rows, 1):
        xfs = target.get(row.formats)
        if xfs is None:
            xfs = target[row.formats] = tuple([formats[style] for style in row.formats])
        if row.varied:
            xfs = tuple([formats[row.varied[c]] if c in row.varied else xf for c, xf in enumerate(xfs, 1)])
        if row.fixed:
            out.append(_fixed_row(xfs, number, row.height, row.fixed))
        else:
            values = row.values
            columns = tuple(sorted(values))
            pieces = list(_row_pieces(xfs, number, columns))
            pieces[1::2] = _height(row.height), *[_content(values[column]) for column in columns]
            out += pieces
        if row.beside:
            beside = {column: formats[look] for column, look in row.varied.items() if column in row.beside}
            for column, value in sorted(row.beside.items()):
                out.append(f'<c r="{column_letter(column)}{number}" s="{beside.get(column, 0)}"'.encode())
                out.append(_content(value))
        out.append(b"</row>")
    out.append(b"</sheetData>")
    return b"".join(out)


def text_row(xfs: tuple[int, ...], number: int, height: float, texts: Sequence[str]) -> bytes:
    """The row of a table of words: every column has a format and a text."""
    pieces = list(_row_pieces(xfs, number, _COLUMNS[: len(texts)]))
    pieces[1::2] = _height(height), *map(text_content, texts)
    pieces.append(b"</row>")
    return b"".join(pieces)


@lru_cache(maxsize=2048)
def _row_pieces(xfs: tuple[int, ...], number: int, columns: tuple[int, ...]) -> tuple[bytes, ...]:
    """What stands around the height of a row and the contents of its `columns`; forms of a batch share most rows."""
    heads = [f'<c r="{_LETTERS[column - 1]}{number}" s="{xf}"' for column, xf in enumerate(xfs, 1)]
    cells = [f"{head}\0\0" if column in columns else f"{head}/>" for column, head in enumerate(heads, 1)]
    row = f'<row r="{number}" ht="\0\0" customHeight="1">{"".join(cells)}'
    return tuple(row.encode().split(b"\0"))


@lru_cache(maxsize=1024)
def _fixed_row(xfs: tuple[int, ...], number: int, height: float, words: tuple[tuple[int, str], ...]) -> bytes:
    pieces = list(_row_pieces(xfs, number, tuple([column for column, _ in words])))
    pieces[1::2] = _height(height), *[_content(word) for _, word in words]
    return b"".join(pieces)


@lru_cache(maxsize=1024)
def _height(points: float) -> bytes:
    return f"{points:g}".encode()


def _content(value: Value) -> bytes:
    """What follows the attributes of a cell that all cells have, its end included."""
    if type(value) is str:
        return _short_text(value) if len(value) <= _SHORT else text_content(value)
    if value is None:
        return b"/>"
    if isinstance(value, Formula):
        return _formula(value.expression, value.value)
    if isinstance(value, Placed):
        return f' t="e" vm="{value.number}"><v>#VALUE!</v></c>'.encode()
    return f"><v>{value}</v></c>".encode()


def text_content(text: str) -> bytes:
    """The same for a text of any length."""
    if not text:
        return b"/>"
    start = _PRESERVED if text != text.strip() or "\n" in text or "  " in text else _PLAIN
    return start + xml_text(text).encode() + b"</t></is></c>"


_PLAIN, _PRESERVED = (f' t="inlineStr"><is><t{space}>'.encode() for space in ("", ' xml:space="preserve"'))
_short_text = lru_cache(maxsize=2048)(text_content)


@lru_cache(maxsize=1024)
def _formula(expression: str, shown: float | str) -> bytes:
    """The same for a formula; sums of weights come again, and the shortest text of a float is dear."""
    if isinstance(shown, str):
        return f' t="str"><f>{xml_text(expression)}</f><v>{xml_text(shown)}</v></c>'.encode()
    return f"><f>{xml_text(expression)}</f><v>{shown!r}</v></c>".encode()


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
