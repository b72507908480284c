"""What was recognised of a form in one sheet: the meeting point of the search for rows, columns and sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from perfeval.labels import Position
from perfeval.layout import Column, Slot
from perfeval.model import Cell
from perfeval.record import record
from perfeval.workbook.grid import Range, Sheet

__all__ = ["Found", "Places", "repeated_until", "same_to_the_right", "with_text"]


@record(frozen=True, slots=True)
class Found:
    """A place found: the cell that is there, or the address where it would be."""

    position: Position
    cell: Cell  # its text is the value alone, without the fixed words around it


@record()
class Places:
    """Everything that was recognised of a form in one sheet."""

    fields: dict[str, Found] = field(default_factory=dict)
    sections: dict[str, tuple[Found, ...]] = field(default_factory=dict)
    header: tuple[int, int] | None = None  # first and last header row of the indicator table
    columns: dict[str, int] = field(default_factory=dict)  # column key → column
    data: range = range(0)  # rows of the indicator table
    total_row: int | None = None
    rows: dict[int, int] = field(default_factory=dict)  # template row → row, outside the indicator rows
    unread: dict[Slot, Slot] = field(default_factory=dict)  # place that could not be read → the label that is not there
    missing_columns: list[Column] = field(default_factory=list)
    spare_headers: dict[Position, str] = field(default_factory=dict)  # header cells nobody asked for
    labels: set[Position] = field(default_factory=set)  # cells that are labels of the form
    consumed: set[Position] = field(default_factory=set)
    right_edge: int = 0  # last column of the form in this sheet


def with_text(cell: Cell, text: str) -> Cell:
    """A part of a cell's text; what is only a part is no number."""
    return Cell(cell.ref, text, None, cell.formula, cell.problem)


def same_to_the_right(sheet: Sheet, row: int, column: int) -> int:
    """The last column of a cell, its merge, and the cells after it that repeat its text.

    Taking a merge apart in WPS may fill every cell of it; a column inserted there later leaves a gap.
    """
    return repeated_until(sheet.lines[row], sheet.merged(row), column)


def repeated_until(line: Mapping[int, Cell], merged: Mapping[int, Range], column: int) -> int:
    """`same_to_the_right` in the cells and merges of a row."""
    merge = merged.get(column)
    last = column if merge is None else merge.right
    text = line[column].text
    while True:
        step = 1
        after = line.get(last + 1)
        if after is None:
            step, after = 2, line.get(last + 2)
        if after is None or after.text != text:
            return last
        last += step
