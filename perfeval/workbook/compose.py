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

from perfeval.workbook.grid import Range, column_letter
from perfeval.workbook.sheetxml import text as xml_text
from perfeval.workbook.styles import Look

__all__ = [
    "Format",
    "Formula",
    "Link",
    "PlannedRow",
    "SheetPlan",
    "Value",
    "merge_cells",
    "row_breaks",
    "sheet_data",
    "text_cell",
]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula with the value it has."""

    expression: str  # without "="
    value: float | str


Value = str | Decimal | int | Formula | None
Format = int | Look  # a cell format of the template, perhaps varied


@dataclass(slots=True)
class PlannedRow:
    """One physical row: its height in points and its cells as (column, format, value), by column."""

    height: float
    cells: list[tuple[int, Format, Value]]


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
    merges: list[Range] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)  # rows after which a new page begins


@lru_cache(maxsize=4096)
def text_cell(text: str) -> str:
    """The inside of an inline-string cell."""
    space = ' xml:space="preserve"' if text != text.strip() or "\n" in text or "  " in text else ""
    return f"<is><t{space}>{xml_text(text)}</t></is>"


_LETTERS = tuple(column_letter(number) for number in range(1, 257))


def sheet_data(plan: SheetPlan, formats: Mapping[Any, int]) -> str:
    """The `<sheetData>` of a plan; `formats` turns its formats into those of the workbook written to."""
    out = ["<sheetData>"]
    add = out.append
    for number, row in enumerate(plan.rows, 1):
        add(f'<row r="{number}" ht="{row.height:g}" customHeight="1">')
        for column, xf, value in row.cells:
            head = f'<c r="{_LETTERS[column - 1]}{number}" s="{formats[xf]}"'
            if value is None or value == "":
                add(f"{head}/>")
            elif isinstance(value, str):
                add(f'{head} t="inlineStr">{text_cell(value)}</c>')
            elif isinstance(value, Formula):
                if isinstance(value.value, str):
                    add(f'{head} t="str"><f>{xml_text(value.expression)}</f><v>{xml_text(value.value)}</v></c>')
                else:
                    add(f"{head}><f>{xml_text(value.expression)}</f><v>{value.value!r}</v></c>")
            else:
                add(f"{head}><v>{value}</v></c>")
        add("</row>")
    add("</sheetData>")
    return "".join(out)


def merge_cells(merges: Sequence[Range]) -> str:
    """The `<mergeCells>` element, "" when nothing is merged."""
    if not merges:
        return ""
    return (
        f'<mergeCells count="{len(merges)}">' + "".join(f'<mergeCell ref="{m.ref}"/>' for m in merges) + "</mergeCells>"
    )


def row_breaks(rows: Sequence[int]) -> str:
    """The `<rowBreaks>` element for page breaks below `rows`, "" for none."""
    if not rows:
        return ""
    breaks = "".join(f'<brk id="{row}" max="16383" man="1"/>' for row in rows)
    return f'<rowBreaks count="{len(rows)}" manualBreakCount="{len(rows)}">{breaks}</rowBreaks>'
