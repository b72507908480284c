"""Finished workbooks as they come back: edited by hand in another program, by words instead of addresses.

    back = Return(path)
    back.row("全市项目评审数量")["actual"] = "171个"
    back.insert_below("全市项目评审数量", {"name": "新的指标", "target": "≥1个", "actual": "1个"})
    back.save(target)

openpyxl plays the other program. It moves neither merges nor formulas when rows move, so that is done here as Excel
does it (merges) or left wrong (formulas), which is the harder case for whoever reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from pathlib import Path

import openpyxl
from openpyxl.cell.cell import MergedCell
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.worksheet.worksheet import Worksheet

from perfeval.model import Form, Indicator
from perfeval.pipeline import Options, inspect

__all__ = ["Return", "Row"]


class Row:
    """An indicator's row, its cells by column key."""

    def __init__(self, back: Return, indicator: Indicator) -> None:
        self._back = back
        self._indicator = indicator

    def __setitem__(self, key: str, value: object) -> None:
        self._back.sheet[self._indicator.cell(key).ref] = value

    def __getitem__(self, key: str) -> object:
        return self._back.sheet[self._indicator.cell(key).ref].value

    @property
    def number(self) -> int:
        return int(re.sub("[A-Z]", "", self._indicator.cell("name").ref))


class Return:
    """A workbook with a form, open for editing. After a row went in or out, save and open it again."""

    def __init__(self, path: Path) -> None:
        outcome = inspect(path, Options())
        assert outcome.forms, outcome.findings
        self.outcome = outcome.forms[0]
        read = self.outcome.read or self.outcome.form
        self.form: Form = read
        self.book = openpyxl.load_workbook(path, keep_vba=path.suffix == ".xlsm")
        self.sheet: Worksheet = self.book[read.sheet]

    def row(self, name: str) -> Row:
        """The row of the indicator whose name begins with `name`."""
        return Row(self, next(i for i in self.form.indicators if i.name.startswith(name)))

    def type(self, path: str, value: object) -> None:
        """Type into a header field."""
        self.sheet[self.form.cell(path).ref] = value

    def narrate(self, section: str, text: str) -> None:
        """Write a section of the narrative."""
        self.sheet[self.form.narrative[section].ref] = text

    def insert_below(self, name: str, texts: Mapping[str, object], *, copied: bool = False) -> None:
        """A new row below an indicator's, as Excel inserts one; `copied`: with the contents of the one above."""
        above = self.row(name)
        at = above.number + 1
        self._shift(at, 1)
        for column in range(1, self.sheet.max_column + 1):
            source, target = self.sheet.cell(at - 1, column), self.sheet.cell(at, column)
            if not isinstance(target, MergedCell) and not isinstance(source, MergedCell):
                target._style = copy(source._style)
                if copied:
                    target.value = source.value
        for key, text in texts.items():
            letter = re.sub("[0-9]", "", above._indicator.cell(key).ref)
            self.sheet[f"{letter}{at}"] = text

    def delete(self, name: str) -> None:
        """Take an indicator's row out."""
        self._shift(self.row(name).number, -1)

    def swap(self, one: str, other: str) -> None:
        """Exchange what two rows say in the columns of their own."""
        first, second = self.row(one), self.row(other)
        for key in ("name", "target", "actual", "score", "shortfall_reason", "evidence"):
            first[key], second[key] = second[key], first[key]

    def save(self, target: Path) -> Path:
        self.book.save(target)
        return target

    def _shift(self, at: int, by: int) -> None:
        """Insert (`by` 1) or delete (`by` -1) the row `at`, with the merges as Excel leaves them."""
        sheet = self.sheet
        ranges = [CellRange(merge.coord) for merge in sheet.merged_cells.ranges]
        heights = {n: sheet.row_dimensions[n].height for n in range(1, sheet.max_row + 1)}
        for merge in ranges:
            values = sheet.cell(merge.min_row, merge.min_col).value
            sheet.unmerge_cells(merge.coord)
            if by < 0 and merge.min_row == at < merge.max_row:
                sheet.cell(at + 1, merge.min_col).value = values
        if by > 0:
            sheet.insert_rows(at)
        else:
            sheet.delete_rows(at)
        for merge in ranges:
            top = merge.min_row + (by if merge.min_row >= at + (by < 0) else 0)
            bottom = merge.max_row + (by if merge.max_row >= at else 0)
            if bottom > top or (bottom == top and merge.max_col > merge.min_col):
                sheet.merge_cells(start_row=top, end_row=bottom, start_column=merge.min_col, end_column=merge.max_col)
        for number, height in heights.items():
            sheet.row_dimensions[number + (by if number >= at else 0)].height = height
