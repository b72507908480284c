"""Regenerates the official form: plans every row, cell, formula and height from the template and an evaluation.

What is planned here is rendered and packed by `perfeval.workbook`. Addresses come from the template alone; the plan
also remembers where each cell of the input went, so that marks, links, drawings and notes follow their cells.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from perfeval.findings import Finding
from perfeval.layout import Layout, Slot
from perfeval.model import Cell, Evaluation, Form, Indicator, RowResult
from perfeval.numbers import decimal_text
from perfeval.pack import Group, KindRule
from perfeval.workbook import textfit
from perfeval.workbook.compose import Formula, PlannedRow, SheetPlan, Value
from perfeval.workbook.grid import Range, column_letter, ref
from perfeval.workbook.styles import Look

__all__ = ["FormPlan", "blank_plan", "plan_form"]

_NARRATIVE_HEIGHT = 210.0  # points; smaller pieces than Excel's limit break better over pages
_PAGE_SAFETY = 0.95  # of a page is planned for: programs differ a little in widths and scale
_LARGE_UNIT = 0.6  # of a page; a larger group of rows may be torn
_BLANK_ROWS = 2  # rows for each kind in a form that is handed out


@dataclass
class FormPlan:
    """A planned form sheet and the way from the input to it."""

    sheet: SheetPlan = field(default_factory=SheetPlan)
    positions: dict[str, tuple[int, int]] = field(default_factory=dict)  # input address → row, column
    rows: list[tuple[int, int]] = field(default_factory=list)  # known pairs input row → row, ascending
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)  # template row → first and last row

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

    def moved(self, finding: Finding) -> Finding:
        """The finding at the address its cell has in the written sheet."""
        position = self.positions.get(finding.cell)
        return finding if position is None else replace(finding, cell=ref(*position))


@dataclass(slots=True)
class _Line:
    """One line of the indicator table before it is laid out."""

    group: Group
    kind: str
    indicator: Indicator | None
    result: RowResult | None
    name: str  # printed name of a fixed indicator, when nothing is filled in
    criterion: str
    weight: Fraction | None  # weight of a fixed indicator, when nothing is filled in


def plan_form(layout: Layout, form: Form, evaluation: Evaluation, narrative: Mapping[str, str]) -> FormPlan:
    """Plan the finished form."""
    return _Planner(layout, form, evaluation, narrative).plan()


def blank_plan(layout: Layout, fields: Mapping[str, str]) -> FormPlan:
    """Plan a blank form to hand out, with what is known of the header filled in."""
    cells = {path: Cell(text=text) for path, text in fields.items()}
    form = Form(pack=layout.pack.id, sheet=layout.sheet, fields=cells, indicators=(), narrative={})
    return _Planner(layout, form, None, {}).plan()


class _Planner:
    def __init__(
        self, layout: Layout, form: Form, evaluation: Evaluation | None, narrative: Mapping[str, str]
    ) -> None:
        self.layout = layout
        self.blueprint = layout.blueprint
        self.form = form
        self.evaluation = evaluation
        self.narrative = narrative
        self.result = FormPlan()
        self.out = self.result.sheet
        self.known: dict[int, int] = {}
        self.geometry = _geometry(layout)
        self.shared = {  # columns whose cells are merged down over equal neighbours
            column.slot.column
            for key, column in layout.columns.items()
            if key.startswith("level") or key == "indicator.criterion"
        }
        self.units: list[tuple[int, int]] = []  # rows that should stand on one page, first and last
        self.unfilled = Fraction(0)  # weights of printed indicators that nobody filled in
        self.column_sums: dict[int, str] = {}  # column → SUM range of the indicator table

    def plan(self) -> FormPlan:
        for row in range(1, self.layout.indicator_row):
            self._static_row(row)
        self.units.append((1, len(self.out.rows)))
        self._table()
        for row in range(self.layout.total_row, self.layout.last_row + 1):
            first = len(self.out.rows) + 1
            self._static_row(row)
            self._unit(row, first)
        self._long_merges()
        self.out.breaks = _page_breaks(self.layout, self.out.rows, self.units, self.result.spans)
        self._strays()
        self.result.rows = sorted(self.known.items())
        return self.result

    # ---- rows outside the table ----

    def _static_row(self, row: int) -> None:
        geometry = self.geometry[row]
        section = next((s for s in geometry.slots if s.path and s.path.startswith("narrative.")), None)
        source = self.form.rows.get(row)
        if source is not None:
            self.known[source] = len(self.out.rows) + 1
        if section is not None:
            self._section(row, section)
            return
        values: dict[int, Value] = {}
        for slot in geometry.slots:
            values[slot.column] = self._slot_value(slot)
        first = self._add(row, values)
        for slot in geometry.slots:
            if slot.path and (cell := self.form.fields.get(slot.path)) is not None:
                self._remember(cell, first, slot.column)

    def _unit(self, template_row: int, first: int) -> None:
        """A heading stays with what follows it, the total with the table above."""
        last = len(self.out.rows)
        begin, end = self.units[-1]
        slots = self.geometry[template_row].slots
        heads = self.geometry[template_row - 1].slots
        is_place = any(slot.path for slot in slots)
        after_heading = template_row - 1 > self.layout.total_row and not any(slot.path for slot in heads)
        if template_row == self.layout.total_row or after_heading:
            self.units[-1] = (begin, first if is_place else last)
            if is_place and last > first:
                self.units += [(row, row) for row in range(first + 1, last + 1)]
            return
        self.units += [(row, row) for row in range(first, last + 1)] if is_place else [(first, last)]

    def _section(self, row: int, slot: Slot) -> None:
        assert slot.path is not None
        key = slot.path.removeprefix("narrative.")
        written = self.form.narrative.get(key)
        text = self.narrative.get(key, "")
        width = self.blueprint.width(slot.span.left, slot.span.right)
        first = len(self.out.rows) + 1
        for piece in textfit.split(text, width, self.blueprint.fonts[slot.style], _NARRATIVE_HEIGHT):
            self._add(row, {slot.column: piece})
        self.result.spans[row] = (first, len(self.out.rows))
        if written is not None:
            self._remember(written, first, slot.column)

    def _slot_value(self, slot: Slot) -> Value:
        if slot.path is None:
            return slot.text
        if slot.path.startswith(("total.", "funds.")) and (value := self._computed(slot)) is not None:
            return value
        cell = self.form.fields.get(slot.path)
        if cell is None and slot.path == "year" and self.form.year is not None:
            cell = Cell(text=str(self.form.year))
        if slot.text or slot.suffix:
            return f"{slot.text}{cell.text if cell else ''}{slot.suffix}"
        return _typed(cell) if cell else None

    def _computed(self, slot: Slot) -> Value:
        """The value of a place that is computed, None for one that a person fills in."""
        evaluation = self.evaluation
        if slot.path == "total.weight":
            sums = self.column_sums.get(slot.column)
            if sums is None or evaluation is None:
                return _number(self.layout.pack.total)
            return Formula(f"SUM({sums})", self._weight_sum(slot.column))
        if slot.path == "total.score":
            if evaluation is None or evaluation.total is None:
                return ""
            sums = self.column_sums[slot.column]
            if self.layout.pack.rounding.total == "rounded_rows":
                expression = f"SUMPRODUCT(ROUND({sums},{self.layout.pack.rounding.digits}))"
                value = float(evaluation.total.shown)
            else:
                expression, value = f"SUM({sums})", float(evaluation.total.exact)
            return Formula(expression, value)
        return None

    def _weight_sum(self, column: int) -> float:
        """What the weights in a column of the table add up to, each counted where it is written."""
        level1 = self.layout.columns.get("level1.weight")
        if level1 is not None and level1.slot.column == column:
            return float(sum(group.points for group in self.layout.pack.groups if group.scoring != "execution"))
        assert self.evaluation is not None
        return float(sum((row.weight for row in self.evaluation.rows if row.weight is not None), self.unfilled))

    # ---- the indicator table ----

    def _lines(self) -> list[_Line]:
        results = {id(r.indicator): r for r in self.evaluation.rows} if self.evaluation else {}
        lines = []
        for group in self.layout.pack.groups:
            if group.scoring == "execution":
                continue
            mine = [i for i in self.form.indicators if i.group == group.name]
            known = {kind.name for kind in group.kinds}
            others = dict.fromkeys(i.level2 for i in mine if i.level2 not in known)
            for kind in (*group.kinds, *(KindRule(name) for name in others)):
                here = [i for i in mine if i.level2 == kind.name]
                printed = kind.indicators[len(here) :] if len(here) < len(kind.indicators) else ()
                shared = next((c.text.strip() for c in self.layout.pack.criteria if group.name in c.groups), "")
                for number, indicator in enumerate(here):
                    fixed = kind.indicators[number] if number < len(kind.indicators) else None
                    criterion = indicator.text("criterion").strip() or (fixed.criterion if fixed else shared)
                    lines.append(_Line(group, kind.name, indicator, results.get(id(indicator)), "", criterion, None))
                lines += [
                    _Line(group, kind.name, None, None, f.name, f.criterion or shared, f.weight) for f in printed
                ]
                if not here and not printed:
                    count = 1 if self.evaluation else _BLANK_ROWS
                    lines += [_Line(group, kind.name, None, None, "", shared, None)] * count
        return lines

    def _table(self) -> None:
        lines = self._lines()
        self.unfilled = sum((line.weight for line in lines if line.weight is not None), Fraction(0))
        first = len(self.out.rows) + 1
        starts: list[int] = []
        for line in lines:
            starts.append(len(self.out.rows) + 1)
            self._line(line, starts[-1])
        last = len(self.out.rows)
        self.result.spans[self.layout.indicator_row] = (first, last)
        ends = [start - 1 for start in starts[1:]] + [last]
        for key in ("level1.weight", "level2.weight", "indicator.weight", "indicator.score"):
            if (column := self.layout.columns.get(key)) is not None:
                letter = column_letter(column.slot.column)
                self.column_sums[column.slot.column] = f"{letter}{first}:{letter}{last}"
        self._levels(lines, starts, ends)

    def _line(self, line: _Line, start: int) -> None:
        columns = self.layout.columns
        values: dict[int, Value] = {}
        indicator = line.indicator
        for key, column in columns.items():
            name = key.removeprefix("indicator.")
            if name != key:
                values[column.slot.column] = self._column_value(line, name, start)
        first = self._add(self.layout.indicator_row, values)
        if line.group.scoring == "stated" and (score := columns.get("indicator.score")) is not None:
            cells = self.out.rows[first - 1].cells
            at = next(number for number, cell in enumerate(cells) if cell[0] == score.slot.column)
            cells[at] = (score.slot.column, Look(score.slot.style, unlocked=True), cells[at][2])
        if indicator is not None:
            self.known.setdefault(indicator.row, first)
            for key, cell in indicator.cells.items():
                column = columns.get(f"indicator.{key}")
                if column is not None:
                    self._remember(cell, first, column.slot.column)

    def _column_value(self, line: _Line, name: str, row: int) -> Value:
        indicator, result = line.indicator, line.result
        if name == "weight":
            if result is not None and result.weight is not None:
                return _weight(result)
            return _number(line.weight) if line.weight is not None else None
        if name == "score":
            if result is None or result.score is None:
                return None
            if result.score_formula is None:
                return _number(result.score)
            weight = self.layout.columns.get("indicator.weight")
            cell = f"{column_letter(weight.slot.column)}{row}" if weight else f"({result.weight_formula})"
            return Formula(result.score_formula.replace("{weight}", cell), float(result.score))
        if name == "criterion":
            return None  # shared by several rows: placed with the levels
        if name == "name":
            return indicator.name if indicator else line.name
        return _typed(indicator.cell(name)) if indicator else None

    def _levels(self, lines: list[_Line], starts: list[int], ends: list[int]) -> None:
        """Level 1, level 2 and criterion: written once for equal neighbours, merged down when they are several."""
        for begin, end in _runs([line.group.name for line in lines]):
            group = lines[begin].group
            top, bottom = starts[begin], ends[end - 1]
            self._down("level1.name", top, bottom, group.name)
            self._down("level1.weight", top, bottom, _number(group.points))
            if self.evaluation is None and group.weights_text:
                self._down("level2.weight", top, bottom, group.weights_text)
                self._down("indicator.weight", top, bottom, group.weights_text)
        for begin, end in _runs([(line.group.name, line.kind) for line in lines]):
            top, bottom = starts[begin], ends[end - 1]
            self.units.append((top, bottom))
            self._down("level2.name", top, bottom, lines[begin].kind)
            if self.evaluation is not None or not lines[begin].group.weights_text:
                self._down("level2.weight", top, bottom, self._kind_weight(lines[begin:end], top, bottom))
        for begin, end in _runs([line.criterion for line in lines]):
            self._down("indicator.criterion", starts[begin], ends[end - 1], lines[begin].criterion)
            self._glue("indicator.criterion", starts[begin], ends[end - 1], lines[begin].criterion)

    def _kind_weight(self, lines: list[_Line], top: int, bottom: int) -> Value:
        weights = [
            line.result.weight if line.result else line.weight
            for line in lines
            if line.weight is not None or (line.result and line.result.weight is not None)
        ]
        if not weights:
            return None
        total = sum((weight for weight in weights if weight is not None), Fraction(0))
        column = self.layout.columns.get("indicator.weight")
        if column is None:
            return _number(total)
        letter = column_letter(column.slot.column)
        return Formula(f"SUM({letter}{top}:{letter}{bottom})", float(total))

    def _down(self, key: str, top: int, bottom: int, value: Value) -> None:
        column = self.layout.columns.get(key)
        if column is None:
            return
        index = column.slot.column
        self._put(top, index, value)
        if bottom > top:
            self.out.merges.append(Range(top, index, bottom, index))
        if isinstance(value, str):
            self._grow(top, bottom, self._need(value, column.slot.style, index, index))

    def _glue(self, key: str, top: int, bottom: int, text: str) -> None:
        """Keep as many rows together as a text that is merged down over them takes, so that no page tears it."""
        column = self.layout.columns.get(key)
        if column is None or bottom == top or not text:
            return
        room = self._need(text, column.slot.style, column.slot.column, column.slot.column)
        last = top
        while last < bottom and (room := room - self.out.rows[last - 1].height) > 0:
            last += 1
        inside = [unit for unit in self.units if unit[0] <= last and unit[1] >= top]
        if inside:
            whole = (min(unit[0] for unit in inside), max(unit[1] for unit in inside))
            self.units = sorted([unit for unit in self.units if unit not in inside] + [whole])

    # ---- cells and heights ----

    def _add(self, template_row: int, values: Mapping[int, Value]) -> int:
        """Append the row(s) for one template row; returns the first. More than 409 pt become several, merged down."""
        geometry = self.geometry[template_row]
        needed = geometry.height
        for left, width, font in geometry.wrapped:
            value = values.get(left)
            if value and isinstance(value, str):
                needed = max(needed, textfit.height(value, width, font))
        count = math.ceil(needed / textfit.MAX_HEIGHT)
        first = len(self.out.rows) + 1
        for number in range(count):
            cells = [(column, style, values.get(column) if number == 0 else None) for column, style in geometry.styles]
            self.out.rows.append(PlannedRow(needed / count, cells))
        last = first + count - 1
        for left, right in geometry.spans:
            if right > left or (count > 1 and not (template_row == self.layout.indicator_row and left in self.shared)):
                self.out.merges.append(Range(first, left, last, right))
        self.result.spans.setdefault(template_row, (first, last))
        return first

    def _need(self, text: str, style: int, left: int, right: int) -> float:
        return textfit.height(text, self.blueprint.width(left, right), self.blueprint.fonts[style])

    def _grow(self, top: int, bottom: int, needed: float) -> None:
        """Let rows `top`…`bottom` together be at least `needed` points high."""
        rows = self.out.rows[top - 1 : bottom]
        lack = needed - sum(row.height for row in rows)
        for number, row in enumerate(rows):
            if lack <= 0:
                return
            share = min(math.ceil(lack / (len(rows) - number) * 4 / 3) * 0.75, textfit.MAX_HEIGHT - row.height)
            row.height += share
            lack -= share

    def _put(self, row: int, column: int, value: Value) -> None:
        cells = self.out.rows[row - 1].cells
        for number, (index, style, _) in enumerate(cells):
            if index == column:
                cells[number] = (index, style, value)
                return

    def _long_merges(self) -> None:
        """Merges of the template that go over several rows, stretched to where these rows are now."""
        spans = self.result.spans
        for merge in self.blueprint.merges:
            if merge.bottom > merge.top and merge.top in spans and merge.bottom in spans:
                top, bottom = spans[merge.top][0], spans[merge.bottom][1]
                self.out.merges.append(Range(top, merge.left, bottom, merge.right))
                text = self.blueprint.texts.get((merge.top, merge.left), "")
                if text:
                    style = self.blueprint.styles.get((merge.top, merge.left), 0)
                    self._grow(top, bottom, self._need(text, style, merge.left, merge.right))

    def _remember(self, cell: Cell, row: int, column: int) -> None:
        if cell.ref:
            self.result.positions.setdefault(cell.ref, (row, column))

    # ---- what stands beside the form ----

    def _strays(self) -> None:
        if not self.form.strays:
            return
        self.result.rows = sorted(self.known.items())
        edge = self.layout.last_column
        taken: set[tuple[int, int]] = set()
        for stray in sorted(self.form.strays, key=lambda s: (s.offset == 0, s.row, s.offset)):
            row = max(self.result.row_of(stray.row), 1)
            column = edge + stray.offset if stray.offset else edge + 1
            while (row, column) in taken:
                column += 1
            taken.add((row, column))
            while len(self.out.rows) < row:
                self.out.rows.append(PlannedRow(15.0, []))
            self.out.rows[row - 1].cells.append((column, -1, _typed(stray.cell)))
            self._remember(stray.cell, row, column)
        for planned in self.out.rows:
            planned.cells.sort(key=lambda cell: cell[0])


@dataclass(frozen=True, slots=True)
class _Geometry:
    """What is always the same about one row of the template."""

    height: float
    styles: tuple[tuple[int, int], ...]  # column, format of every cell, blank ones included
    spans: tuple[tuple[int, int], ...]  # first and last column of every cell that keeps to this row
    wrapped: tuple[tuple[int, float, textfit.Font], ...]  # first column, width and font of cells whose text wraps
    slots: tuple[Slot, ...]


@lru_cache(maxsize=32)
def _geometry(layout: Layout) -> dict[int, _Geometry]:
    return {row: _row_geometry(layout, row) for row in layout.blueprint.rows}


def _row_geometry(layout: Layout, row: int) -> _Geometry:
    blueprint = layout.blueprint
    styles = tuple(
        (column, blueprint.styles.get((row, column), 0))
        for column in range(1, layout.last_column + 1)
    )
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
        (left, blueprint.width(left, right), blueprint.fonts[style])
        for left, right in spans
        if blueprint.wraps[style := blueprint.styles.get((row, left), 0)]
    )
    return _Geometry(blueprint.rows[row], styles, tuple(spans), wrapped, layout.by_row.get(row, ()))


def _page_breaks(
    layout: Layout, rows: list[PlannedRow], units: list[tuple[int, int]], spans: Mapping[int, tuple[int, int]]
) -> list[int]:
    """Rows after which a page ends, so that no merged cell and no heading is torn where it can be helped."""
    blueprint = layout.blueprint
    width, height = blueprint.page
    natural = sum(blueprint.pixels(column) for column in range(1, layout.last_column + 1))
    scale = min(1.0, width / (natural * 0.75))
    room = height / scale * _PAGE_SAFETY
    titles = 0.0
    title_end = 0
    if blueprint.title_rows is not None:
        top, title_end = spans[blueprint.title_rows[0]][0], spans[blueprint.title_rows[1]][1]
        titles = sum(row.height for row in rows[top - 1 : title_end])
    breaks: list[int] = []
    used = 0.0
    for first, last in _small_units(units, rows, (room - titles) * _LARGE_UNIT):
        needed = sum(row.height for row in rows[first - 1 : last])
        if used and used + needed > room:
            breaks.append(first - 1)
            used = titles if first > title_end else 0.0
        used += needed
        if used > room:
            used = titles + (used - room) % max(room - titles, 1.0)
    return breaks


def _small_units(units: list[tuple[int, int]], rows: list[PlannedRow], most: float) -> Iterator[tuple[int, int]]:
    """The units, those higher than `most` taken apart into rows."""
    for first, last in units:
        if sum(row.height for row in rows[first - 1 : last]) <= most:
            yield first, last
        else:
            yield from ((row, row) for row in range(first, last + 1))


def _runs(keys: list[object]) -> list[tuple[int, int]]:
    """Begin and end of each run of equal neighbours; blank texts do not form runs."""
    runs: list[tuple[int, int]] = []
    for number, key in enumerate(keys):
        if runs and key and keys[number - 1] == key:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


def _typed(cell: Cell) -> Value:
    """What a person typed: a number where the cell shows just that number, else the text."""
    if cell.number is not None and cell.text.strip() == decimal_text(cell.number):
        return cell.number
    return cell.text or None


def _number(value: Fraction) -> Value:
    """A plain number, or a formula that keeps it exact."""
    if value.denominator == 1:
        return value.numerator
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(decimal) == value:
        return decimal
    return Formula(f"{value.numerator}/{value.denominator}", float(value))


def _weight(result: RowResult) -> Value:
    assert result.weight is not None
    if result.weight_formula == decimal_text(Decimal(result.weight.numerator)) or "/" not in result.weight_formula:
        return _number(result.weight)
    return Formula(result.weight_formula, float(result.weight))
