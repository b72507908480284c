"""Puts a case of `cases/*.toml` into the places of the pack's form, as a clerk would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from openpyxl.cell import Cell as TemplateCell
from openpyxl.utils import column_index_from_string, get_column_letter, range_boundaries
from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["Filling", "Placed", "Sheet", "moved", "plain_sheet", "typed"]

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_NUMBER = re.compile(r"\d+(\.\d+)?%?")
_ROW_KEYS = ("level2", "name", "target", "actual", "score", "shortfall_reason", "evidence")


@dataclass(slots=True)
class Placed:
    """A cell of the filled form: what stands there, and the template cell whose look it has."""

    value: Any
    look: TemplateCell
    number_format: str


@dataclass(slots=True)
class Sheet:
    """The filled form, before it becomes a file of some format."""

    title: str
    cells: dict[tuple[int, int], Placed] = field(default_factory=dict)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)  # top, left, bottom, right
    widths: dict[int, float] = field(default_factory=dict)
    heights: dict[int, float] = field(default_factory=dict)
    origin: dict[int, tuple[int, int]] = field(default_factory=dict)  # template row → first and last row here
    shift: int = 0  # columns inserted at the left


def typed(text: str) -> tuple[Any, str | None]:
    """What Excel makes of a text typed into a cell: a number, a percentage, a date or the text, and its format."""
    if _NUMBER.fullmatch(text):
        if not text.endswith("%"):
            return (float(text) if "." in text else int(text)), None
        decimals = len(text.partition(".")[2]) - 1
        return float(f"{text[:-1]}e-2"), "0." + "0" * decimals + "%" if decimals > 0 else "0%"
    if match := _DATE.fullmatch(text):
        year, month, day = map(int, match.groups())
        return date(year, month, day), 'yyyy"年"m"月"d"日"'
    return text or None, None


def indicator_rows(case: dict[str, Any], rules: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the indicator table by column path, with the kinds nobody filled in and all that is printed."""
    filled: dict[str, list[dict[str, str]]] = {}
    for line in case.get("rows", "").strip().splitlines():
        row = dict(zip(_ROW_KEYS, (part.strip() for part in line.split("|")), strict=True))
        filled.setdefault(row["level2"], []).append(row)
    criteria = {group: block["text"].strip() for block in rules["criteria"] for group in block["groups"]}
    rows = []
    for group in rules["groups"]:
        count = sum(len(filled.get(kind["name"], ())) for kind in group["kinds"])
        for kind in group["kinds"]:
            printed = {item["name"]: item for item in kind.get("indicators", ())}
            for row in filled.get(kind["name"]) or [{"name": name} for name in printed or [""]]:
                fixed = printed.get(row["name"], {})
                values = {f"indicator.{key}": row.get(key, "") for key in _ROW_KEYS[1:]}
                values |= {"level1.name": group["name"], "level1.weight": str(group["points"])}
                values |= {"level2.name": kind["name"], "indicator.criterion": fixed.get("criterion")}
                weight = str(fixed["weight"]) if fixed else group.get("weights_text", "")
                values |= {"level2.weight": weight, "indicator.weight": weight}
                if case.get("typed_weights") and not fixed:
                    share = group["points"] / count
                    here = len(filled.get(kind["name"], ()))
                    values["indicator.weight"] = f"{share:g}" if row["name"] else ""
                    values["level2.weight"] = f"{share * here:g}" if here else ""
                values["indicator.criterion"] = values["indicator.criterion"] or criteria.get(group["name"], "")
                rows.append(values)
    return rows


class Filling:
    """Puts a case into the places of the form."""

    def __init__(self, template: Worksheet, case: dict[str, Any], rules: dict[str, Any]) -> None:
        self.template, self.case = template, case
        self.rows = indicator_rows(case, rules)
        self.repeated = case.get("repeat_levels", False)
        self.labels: dict[str, str] = case.get("labels", {})
        self.values: dict[str, str] = {"total.weight": str(rules["total"]), "total.score": str(case.get("total", ""))}
        self.values |= case.get("fields", {})
        self.values |= {f"narrative.{key}": text for key, text in case.get("narrative", {}).items()}
        self.sheet = Sheet(template.title, shift=1 if "note" in case else 0)

    def run(self) -> Sheet:
        """The whole sheet."""
        sheet, top = self.sheet, 2 if "title" in self.case else 0
        block = next(c.row for line in self.template.iter_rows() for c in line if "{{ indicator." in str(c.value))
        for row in range(1, self.template.max_row + 1):
            first = row + top + (len(self.rows) - 1 if row > block else 0)
            sheet.origin[row] = (first, first + len(self.rows) - 1 if row == block else first)
        for letter, dimension in self.template.column_dimensions.items():
            sheet.widths[column_index_from_string(letter) + sheet.shift] = dimension.width
        for merged in self.template.merged_cells.ranges:
            left, first, right, last = merged.bounds
            shift = sheet.shift
            sheet.merges.append((sheet.origin[first][0], left + shift, sheet.origin[last][1], right + shift))
        for line in self.template.iter_rows():
            for cell in line:
                self._block_column(cell) if cell.row == block else self._single(cell)
        corner = self.template.cell(2, 1)
        if top:
            sheet.cells[1, 1] = Placed(self.case["title"], corner, "General")
        if sheet.shift:
            sheet.cells[sheet.origin[block][0], 1] = Placed(self.case["note"], corner, "General")
            sheet.widths[1] = 8
        self._fit_heights()
        return sheet

    def _single(self, cell: TemplateCell) -> None:
        text = str(cell.value or "")
        place = (self.sheet.origin[cell.row][0], cell.column + self.sheet.shift)
        if match := _PLACEHOLDER.fullmatch(text):
            value, number_format = typed(self.values.get(match[1], ""))
        else:
            filled = _PLACEHOLDER.sub(lambda m: self.values.get(m[1], ""), text)
            value, number_format = self.labels.get(filled, filled) or None, None
        self.sheet.cells[place] = Placed(value, cell, number_format or cell.number_format)

    def _block_column(self, cell: TemplateCell) -> None:
        match = _PLACEHOLDER.fullmatch(str(cell.value))
        if not match:
            raise ValueError(f"{cell.coordinate} of the form's indicator row holds no placeholder")
        first = self.sheet.origin[cell.row][0]
        column = cell.column + self.sheet.shift
        texts = [row[match[1]] for row in self.rows]
        for row, text in enumerate(texts, first):
            value, number_format = typed(text)
            self.sheet.cells[row, column] = Placed(value, cell, number_format or cell.number_format)
        if self.repeated and match[1] != "indicator.criterion":
            return
        for start, end in self._runs(match[1], texts):
            self.sheet.merges.append((first + start, column, first + end, column))
            for row in range(first + start + 1, first + end + 1):
                self.sheet.cells[row, column].value = None

    def _runs(self, path: str, texts: list[str]) -> Iterator[tuple[int, int]]:
        """Index ranges of rows that the official form merges in this column."""
        by = {
            "level1.name": ("level1.name",),
            "level1.weight": ("level1.name",),
            "level2.name": ("level1.name", "level2.name"),
            "level2.weight": ("level1.name", "level2.weight"),
            "indicator.weight": ("level1.name", "indicator.weight"),
            "indicator.criterion": ("indicator.criterion",),
        }.get(path)
        start = 0
        for i in range(1, len(texts) + 1):
            if by and i < len(texts) and all(self.rows[i][key] == self.rows[start][key] for key in by):
                continue
            if i - start > 1:
                yield start, i - 1
            start = i

    def _fit_heights(self) -> None:
        """Heights as a person drags them: enough for the longest text of the row."""
        span = {(top, left): (bottom, right) for top, left, bottom, right in self.sheet.merges}
        for row, (first, last) in self.sheet.origin.items():
            for here in range(first, last + 1):
                self.sheet.heights[here] = 30 if last > first else self.template.row_dimensions[row].height or 24
        for (row, column), placed in self.sheet.cells.items():
            bottom, right = span.get((row, column), (row, column))
            if bottom > row or not isinstance(placed.value, str):
                continue
            room = sum(self.sheet.widths.get(c, 9) for c in range(column, right + 1)) - 1
            size = placed.look.font.sz or 11
            per_line = room * 11 / size
            lines = sum(max(1, -(-_width(line) // per_line)) for line in placed.value.split("\n"))
            self.sheet.heights[row] = max(self.sheet.heights.get(row, 0), round(lines * size * 1.4 + 8))


def _width(text: str) -> int:
    """Width of a text in digits: a Chinese character takes two."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def plain_sheet(case: dict[str, Any], look: TemplateCell) -> Sheet:
    """A table that is no form."""
    sheet = Sheet("Sheet1")
    for r, line in enumerate(case["plain_sheet"], 1):
        for c, text in enumerate(line, 1):
            value, number_format = typed(text)
            sheet.cells[r, c] = Placed(value, look, number_format or "General")
    return sheet


def moved(ref: str, sheet: Sheet) -> str:
    """A range of the template as a range of the filled sheet."""
    parts = []
    for part in ref.split():
        left, top, right, bottom = range_boundaries(part)
        first = get_column_letter(left + sheet.shift) + str(sheet.origin[top][0])
        last = get_column_letter(right + sheet.shift) + str(sheet.origin[bottom][1])
        parts.append(first if first == last else f"{first}:{last}")
    return " ".join(parts)
