"""The sheet a form is planned on: rows with their heights, merges, pages, and where each input cell went.

Rows are appended one template row at a time; texts decide the heights, and what must not be torn decides the pages.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache

from perfeval.findings import Finding
from perfeval.layout import Layout, Slot
from perfeval.model import Cell, CellProblem
from perfeval.numbers import decimal_text
from perfeval.paging import Page, joined, page_height
from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook import textfit
from perfeval.workbook.adopting import Look
from perfeval.workbook.compose import BESIDE, Formula, Placed, PlannedRow, SheetPlan, Value
from perfeval.workbook.grid import Range, ref
from perfeval.workbook.sheetxml import formula_like

__all__ = ["Canvas", "FormPlan", "exact_value", "typed_value"]

_Merge = tuple[int, int, int, int]  # top, left, bottom, right
_Went = tuple[Mapping[str, Cell], Mapping[str, int], int]  # cells of the input by key, their columns by key, the row
# Parameters that name a place.
_ADDRESSES = frozenset(("cell", "other", "other_row", "table", "table_cell", "promise_cell"))
_IN_BRACKETS = lazy_pattern(r"(?<=\()[A-Z]{1,3}[1-9][0-9]*(?=\))")
_USUAL_SIZE = 10.5  # points of the text of a form


@record()
class FormPlan:
    """A planned form sheet and the way from the input to it."""

    sheet: SheetPlan = field(default_factory=SheetPlan)
    went: list[_Went] = field(default_factory=list)
    rows: list[tuple[int, int]] = field(default_factory=list)  # known pairs input row → row, ascending
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)  # template row → first and last row
    criteria: dict[int, str] = field(default_factory=dict)  # row of an indicator → 评分标准 that stands there
    printed: list[tuple[str, str, str]] = field(default_factory=list)  # group, kind, name of rows nobody filled in
    quoted: bool = False  # whether a text in it is marked as one because it looks like a formula

    @cached_property
    def positions(self) -> dict[str, tuple[int, int]]:
        """Input address → row and column; asked for only where something is said about a cell."""
        found: dict[str, tuple[int, int]] = {}
        for cells, columns, row in self.went:
            for key, cell in cells.items():
                if cell.ref and key in columns:
                    found.setdefault(cell.ref, (row, columns[key]))
        return found

    def row_of(self, row: int) -> int:
        """Where a row of the input went; rows in between keep their distance from the known row above."""
        at = bisect_right(self.rows, (row, 1 << 30)) - 1
        if at < 0:
            return row
        source, target = self.rows[at]
        moved = target + row - source
        if at + 1 < len(self.rows):
            moved = max(target, min(moved, self.rows[at + 1][1] - 1)) if row != source else target
        return moved

    def moved(self, finding: Finding, sheet: str) -> Finding:
        """The finding at the address its cell has in the written sheet, which is called `sheet`."""
        params = finding.params
        if not _ADDRESSES.isdisjoint(params):
            params = {key: self._address(key, value) for key, value in params.items()}
        return Finding(finding.code, self._address("cell", finding.cell), finding.label, params, sheet)

    def _address(self, key: str, value: str) -> str:
        """A parameter of a message as it is in the written sheet."""
        if key == "other_row" and value.isdecimal():
            return str(self.row_of(int(value)))
        if key == "table":  # half a sentence with the cell in brackets
            return _IN_BRACKETS.sub(lambda match: self._address("other", match[0]), value)
        position = self.positions.get(value) if key in _ADDRESSES else None
        return value if position is None else ref(*position)


class Canvas:
    """A form sheet being planned."""

    def __init__(self, layout: Layout, digit: int | None) -> None:
        self.layout = layout
        self.pictures = digit is not None
        self._digit = digit or layout.appearance.digit
        self.appearance = layout.appearance
        self.result = FormPlan()
        self.sheet = self.result.sheet
        self.known: dict[int, int] = {}  # input row → row
        self.geometry = _geometry(layout)
        self._shared = {  # columns whose cells are merged down over equal neighbours
            column.slot.column
            for key, column in layout.columns.items()
            if key.startswith("level") or key == "indicator.criterion"
        }
        self._units: list[tuple[int, int]] = []  # rows that should stand on one page, first and last
        self._groups: list[tuple[int, int]] = []  # the same, where it takes no further page
        self._tall: dict[int, int] = {}  # first and last of the rows that one template row became
        self._columns: list[_Merge] = []  # merges that go down over several rows of the template
        self._repeated: set[tuple[int, int]] = set()  # row and column of those whose text every page says

    @property
    def height(self) -> int:
        """How many rows there are."""
        return len(self.sheet.rows)

    def finished(self) -> FormPlan:
        """The plan, once all rows stand."""
        self.result.rows = sorted(self.known.items())
        self._quote()
        return self.result

    def _quote(self) -> None:
        """Mark texts as texts that typing Enter in their cells would make formulas."""
        rows = [row for row in self.sheet.rows if not row.fixed]  # words of the template never look like one
        found: list[tuple[PlannedRow, int, Look | None]]
        found = [(rows[at], column, None) for at, column in formula_like([row.values for row in rows])]
        if rows := [row for row in self.sheet.rows if row.beside]:
            found += [(rows[at], column, BESIDE) for at, column in formula_like([row.beside for row in rows])]
        for row, column, own in found:
            look = row.varied.get(column) or own or Look(row.formats[column - 1])
            row.varied[column] = look._replace(quoted=True)
        self.result.quoted = bool(found)

    # ---- cells and heights ----

    def add(self, template_row: int, values: dict[int, Value]) -> int:
        """Append the row(s) for one template row; returns the first. More than 409 pt become several, merged down."""
        geometry, rows = self.geometry[template_row], self.sheet.rows
        needed, size = geometry.height, _USUAL_SIZE
        for left, width, font in geometry.wrapped:
            value = values.get(left)
            if value and isinstance(value, str) and (own := textfit.height(value, width, font)) > needed:
                needed, size = own, font.size
        first = last = len(rows) + 1
        if needed <= textfit.MAX_HEIGHT:
            rows.append(PlannedRow(needed, geometry.formats, values))
        else:
            heights = textfit.portions(needed, size)
            rows.append(PlannedRow(heights[0], geometry.formats, values))
            rows += (PlannedRow(height, geometry.formats) for height in heights[1:])
            last = len(rows)
            self._tall[first] = last
        for left, right in geometry.spans if last > first else geometry.wide:
            if right > left or not (template_row == self.layout.indicator_row and left in self._shared):
                self.sheet.merges.append((first, left, last, right))
        self.result.spans.setdefault(template_row, (first, last))
        return first

    def add_fixed(self, template_row: int) -> None:
        """Append a row that says the same in every form."""
        geometry = self.geometry[template_row]
        rows = self.sheet.rows
        rows.append(PlannedRow(geometry.height, geometry.formats, geometry.labels.copy(), fixed=geometry.fixed))
        row = len(rows)
        if geometry.wide:
            self.sheet.merges += [(row, left, row, right) for left, right in geometry.wide]
        self.result.spans.setdefault(template_row, (row, row))

    def need(self, text: str, style: int, left: int, right: int) -> float:
        """Height in points that a text needs in columns `left`…`right`."""
        return textfit.height(text, self.width(left, right), self.appearance.fonts[style])

    def width(self, left: int, right: int) -> float:
        """Width of columns `left`…`right` together, in characters."""
        return _width(self.layout, left, right)

    def grow(self, top: int, bottom: int, needed: float) -> None:
        """Let rows `top`…`bottom` together be at least `needed` points high."""
        if self.sheet.rows[top - 1].height >= needed:
            return
        rows = self.sheet.rows[top - 1 : bottom]
        lack = needed - sum([row.height for row in rows])
        for number, row in enumerate(rows):
            if lack <= 0:
                return
            share = min(math.ceil(lack / (len(rows) - number) * 4 / 3) * 0.75, textfit.MAX_HEIGHT - row.height)
            row.height += share
            lack -= share

    def put(self, row: int, column: int, value: Value, look: Look | None = None) -> None:
        """Set the value of a cell that is there, and its format if it is to be another one than the template's."""
        planned = self.sheet.rows[row - 1]
        planned.values[column] = value
        planned.fixed = ()
        if look is not None:
            planned.varied[column] = look

    def stretch_merges(self) -> None:
        """Merges of the template that go over several rows, stretched to where these rows are now."""
        spans = self.result.spans
        for merge, text, style in _tall_merges(self.layout):
            if merge.top in spans and merge.bottom in spans:
                top, bottom = spans[merge.top][0], spans[merge.bottom][1]
                self._columns.append((top, merge.left, bottom, merge.right))
                if text:
                    self.grow(top, bottom, self.need(text, style, merge.left, merge.right))

    def remember(self, cell: Cell, row: int, column: int) -> None:
        """Note where a cell of the input went."""
        self.result.went.append(({"": cell}, {"": column}, row))

    def down(self, key: str, top: int, bottom: int, value: Value) -> None:
        """Write a value into a column of the table, merged down over the rows it holds for."""
        column = self.layout.columns.get(key)
        if column is None:
            return
        index = column.slot.column
        self.put(top, index, value)
        if bottom > top:
            self._columns.append((top, index, bottom, index))
        if isinstance(value, str):
            self._repeated.add((top, index))
            self.grow(top, bottom, self.need(value, column.slot.style, index, index))

    # ---- pages ----

    def unit(self, first: int, last: int) -> None:
        """Rows that should stand on one page."""
        self._units.append((first, last))

    def group(self, first: int, last: int) -> None:
        """Rows that stand on one page where that costs none."""
        self._groups.append((first, last))

    def join_unit(self, last: int) -> None:
        """Let the rows up to `last` stay with the unit before."""
        self._units[-1] = (self._units[-1][0], last)

    def glue(self, key: str, top: int, bottom: int, text: str) -> None:
        """Keep as many rows together as a text that is merged down over them takes, at both ends of the merge.

        So no page tears the text, and each page that the merge goes over has room for it.
        """
        column = self.layout.columns.get(key)
        if column is None or bottom == top or not text:
            return
        needed = self.need(text, column.slot.style, column.slot.column, column.slot.column)
        for rows in (range(top, bottom + 1), range(bottom, top - 1, -1)):
            room, last = needed, rows[0]
            for last in rows:
                room -= self.sheet.rows[last - 1].height
                if room <= 0:
                    break
            low, high = sorted((rows[0], last))
            self._units = joined(self._units, [(low, high)])

    def break_pages(self) -> None:
        """End pages so that nothing is torn where it can be helped; what goes on is closed and begun anew."""
        rows, spans, titles = self.sheet.rows, self.result.spans, self.appearance.title_rows
        heights = [row.height for row in rows]
        page = Page(page_height(self.layout, self._digit))
        if titles is not None:
            page.top, page.end = spans[titles[0]][0], spans[titles[1]][1]
            page.titles = sum(heights[page.top - 1 : page.end])
        units = list(page.small(self._units, heights, self._tall))
        breaks = page.breaks(units, heights)
        if any(first <= row < last for row in breaks for first, last in self._groups):
            whole = page.breaks(page.grouped(units, heights, self._groups), heights)
            breaks = whole if len(whole) <= len(breaks) else breaks
        self.sheet.breaks = breaks
        for merge in self._columns:
            ends = [row for row in breaks if merge[0] <= row < merge[2]]
            self.sheet.merges += self._closed(merge, ends, heights) if ends else [merge]

    def _closed(self, merge: _Merge, ends: list[int], heights: list[float]) -> list[_Merge]:
        """A merge as one for each page it goes over, so that every page has its lines and a word is never cut.

        `ends` are the rows in it with which a page ends. A text that stands for the rows beside it is said again on
        each page. Where a page has no room for it the merge stays whole.
        """
        top, left, bottom, right = merge
        parts = list(zip([top, *(row + 1 for row in ends)], [*ends, bottom], strict=True))
        planned = self.sheet.rows[top - 1]
        text = planned.values.get(left)
        repeated = (top, left) in self._repeated
        if isinstance(text, str):
            needed = self.need(text, planned.formats[left - 1], left, right)
            if any(sum(heights[first - 1 : last]) < needed for first, last in (parts if repeated else parts[:1])):
                return [merge]
        for first, _ in parts[1:] if repeated else ():
            self.put(first, left, text)
        return [(first, left, last, right) for first, last in parts if last > first or right > left]


@record(frozen=True, slots=True)
class _Geometry:
    """What is always the same about one row of the template."""

    height: float
    formats: tuple[int, ...]  # format of every cell, blank ones included
    spans: tuple[tuple[int, int], ...]  # first and last column of every cell that keeps to this row
    wide: tuple[tuple[int, int], ...]  # those of several columns
    wrapped: tuple[tuple[int, float, textfit.Font], ...]  # first column, width and font of cells whose text wraps
    labels: dict[int, Value]  # fixed words by column; `height` is enough for them
    places: tuple[Slot, ...]
    columns: dict[str, int]  # of these, by path; of one that stands twice, the first
    section: Slot | None  # the first of them that belongs to the narrative
    fixed: tuple[tuple[int, str], ...]  # the labels in order, if the row holds nothing else; () for any other row


@lru_cache(maxsize=32)
def _tall_merges(layout: Layout) -> tuple[tuple[Range, str, int], ...]:
    """The merges of the template that go over several rows, with text and format."""
    texts, styles = layout.blueprint.texts, layout.blueprint.styles
    return tuple(
        (merge, texts.get((merge.top, merge.left), ""), styles.get((merge.top, merge.left), 0))
        for merge in layout.blueprint.merges
        if merge.bottom > merge.top
    )


@lru_cache(maxsize=32)
def _geometry(layout: Layout) -> dict[int, _Geometry]:
    return {row: _row_geometry(layout, row) for row in layout.blueprint.rows}


def _row_geometry(layout: Layout, row: int) -> _Geometry:
    blueprint, appearance = layout.blueprint, layout.appearance
    formats = tuple(blueprint.styles.get((row, column), 0) for column in range(1, layout.last_column + 1))
    held = {
        column
        for merge in blueprint.merges
        if merge.top <= row <= merge.bottom and merge.bottom > merge.top
        for column in range(merge.left, merge.right + 1)
    }
    spans = []
    column = 1
    while column <= layout.last_column:
        span = blueprint.span(row, column)
        if column not in held:
            spans.append((span.left, span.right))
        column = span.right + 1 if column not in held else column + 1
    wrapped = tuple(
        (left, appearance.width(left, right), appearance.fonts[style])
        for left, right in spans
        if appearance.wraps[style := blueprint.styles.get((row, left), 0)]
    )
    wide = tuple(span for span in spans if span[1] > span[0])
    slots = layout.by_row.get(row, ())
    labels = {slot.column: slot.text for slot in slots if slot.path is None}
    height = blueprint.rows[row]
    places = tuple(slot for slot in slots if slot.path is not None)
    columns: dict[str, int] = {}
    for slot in places:
        columns.setdefault(slot.path or "", slot.column)
    section = next((slot for slot in places if (slot.path or "").startswith("narrative.")), None)
    # Rows that are written several times over carry no labels of their own.
    if row != layout.indicator_row and section is None:
        known = (textfit.height(labels[left], width, font) for left, width, font in wrapped if labels.get(left))
        height = max(height, *known, 0.0)
        wrapped = tuple(cell for cell in wrapped if cell[0] not in labels)
    plain = not places and row != layout.indicator_row and height <= textfit.MAX_HEIGHT and not formula_like((labels,))
    fixed = tuple(sorted(labels.items())) if plain else ()
    values = dict[int, Value](labels)
    return _Geometry(height, formats, tuple(spans), wide, wrapped, values, places, columns, section, fixed)


@lru_cache(maxsize=1024)
def _width(layout: Layout, left: int, right: int) -> float:
    return layout.appearance.width(left, right)


def typed_value(cell: Cell, pictures: bool) -> Value:
    """What a person typed: a number where the cell shows just that number, else the text.

    A picture in the cell stays one where the workbook that is written to has the `pictures` of the input.
    """
    if cell.number is None and cell.problem is None and cell.text:
        return cell.text
    if cell.problem is CellProblem.PICTURE and pictures:
        if cell.picture:
            return Placed(cell.picture)
        if cell.formula:
            return Formula(cell.formula, f"={cell.formula.removeprefix('_xlfn.')}")
    if cell.number is not None and cell.text.strip() == decimal_text(cell.number):
        return cell.number
    return cell.typed or None


@lru_cache(maxsize=1024)
def exact_value(value: Fraction) -> Value:
    """A plain number, or a formula that keeps it exact."""
    if value.denominator == 1:
        return value.numerator
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(decimal) == value:
        return decimal
    return Formula(f"{value.numerator}/{value.denominator}", float(value))
