"""Regenerates the official form: plans every row, cell, formula and height from the template and an evaluation.

What is planned here is rendered and packed by `perfeval.workbook`. Addresses come from the template alone; the plan
also remembers where each cell of the input went, so that marks, links, drawings and notes follow their cells.
"""

from __future__ import annotations

from collections.abc import Mapping

from perfeval.canvas import Canvas, FormPlan, exact_value, typed_value
from perfeval.layout import Layout, Slot
from perfeval.model import Cell, Evaluation, Form
from perfeval.tableplan import TablePlan
from perfeval.workbook import textfit
from perfeval.workbook.compose import Formula, PlannedRow, Value

__all__ = ["FormPlan", "blank_plan", "plan_form"]

_NARRATIVE_HEIGHT = 210.0  # points; smaller pieces than Excel's limit break better over pages


def plan_form(layout: Layout, form: Form, evaluation: Evaluation, narrative: Mapping[str, str]) -> FormPlan:
    """Plan the finished form."""
    return _Planner(layout, form, evaluation, narrative).plan()


def blank_plan(layout: Layout, fields: Mapping[str, str]) -> FormPlan:
    """Plan a blank form to hand out, with what is known of the header filled in."""
    cells = {path: Cell(text=text) for path, text in fields.items()}
    form = Form(pack=layout.pack.id, sheet=layout.sheet, fields=cells, indicators=(), narrative={})
    return _Planner(layout, form, None, {}).plan()


class _Planner:
    def __init__(self, layout: Layout, form: Form, evaluation: Evaluation | None, narrative: Mapping[str, str]) -> None:
        self.layout = layout
        self.blueprint = layout.blueprint
        self.form = form
        self.evaluation = evaluation
        self.narrative = narrative
        self.canvas = Canvas(layout)
        self.table = TablePlan(self.canvas, form, evaluation)

    def plan(self) -> FormPlan:
        for row in range(1, self.layout.indicator_row):
            self._static_row(row)
        self.canvas.unit(1, self.canvas.height)
        self.table.plan()
        for row in range(self.layout.total_row, self.layout.last_row + 1):
            first = self.canvas.height + 1
            self._static_row(row)
            self._keep_together(row, first)
        self.canvas.stretch_merges()
        self.canvas.break_pages()
        self._strays()
        return self.canvas.finished()

    # ---- rows outside the table ----

    def _static_row(self, row: int) -> None:
        geometry = self.canvas.geometry[row]
        section = next((s for s in geometry.slots if s.path and s.path.startswith("narrative.")), None)
        source = self.form.rows.get(row)
        if source is not None:
            self.canvas.known[source] = self.canvas.height + 1
        if section is not None:
            self._section(row, section)
            return
        values: dict[int, Value] = {}
        for slot in geometry.slots:
            values[slot.column] = self._slot_value(slot)
        first = self.canvas.add(row, values)
        for slot in geometry.slots:
            if slot.path and (cell := self.form.fields.get(slot.path)) is not None:
                self.canvas.remember(cell, first, slot.column)

    def _keep_together(self, template_row: int, first: int) -> None:
        """A heading stays with what follows it, the total with the table above."""
        last = self.canvas.height
        after_heading = template_row - 1 > self.layout.total_row and not any(
            slot.path for slot in self.canvas.geometry[template_row - 1].slots
        )
        if template_row == self.layout.total_row or after_heading:
            self.canvas.join_unit(first)
            first += 1
        for row in range(first, last + 1):
            self.canvas.unit(row, row)

    def _section(self, row: int, slot: Slot) -> None:
        assert slot.path is not None
        key = slot.path.removeprefix("narrative.")
        written = self.form.narrative.get(key)
        text = self.narrative.get(key, "")
        width = self.blueprint.width(slot.span.left, slot.span.right)
        first = self.canvas.height + 1
        for piece in textfit.split(text, width, self.blueprint.fonts[slot.style], _NARRATIVE_HEIGHT):
            self.canvas.add(row, {slot.column: piece})
        self.canvas.result.spans[row] = (first, self.canvas.height)
        if written is not None:
            self.canvas.remember(written, first, slot.column)

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
        return typed_value(cell) if cell else None

    def _computed(self, slot: Slot) -> Value:
        """The value of a place that is computed, None for one that a person fills in."""
        evaluation = self.evaluation
        if slot.path == "total.weight":
            sums = self.table.column_sums.get(slot.column)
            if sums is None or evaluation is None:
                return exact_value(self.layout.pack.total)
            return Formula(f"SUM({sums})", self.table.weight_sum(slot.column))
        if slot.path == "total.score":
            if evaluation is None or evaluation.total is None:
                return ""
            sums = self.table.column_sums[slot.column]
            if self.layout.pack.rounding.total == "rounded_rows":
                expression = f"SUMPRODUCT(ROUND({sums},{self.layout.pack.rounding.digits}))"
                value = float(evaluation.total.shown)
            else:
                expression, value = f"SUM({sums})", float(evaluation.total.exact)
            return Formula(expression, value)
        return None

    # ---- what stands beside the form ----

    def _strays(self) -> None:
        if not self.form.strays:
            return
        self.canvas.result.rows = sorted(self.canvas.known.items())
        edge = self.layout.last_column
        taken: set[tuple[int, int]] = set()
        for stray in sorted(self.form.strays, key=lambda s: (s.offset == 0, s.row, s.offset)):
            row = max(self.canvas.result.row_of(stray.row), 1)
            column = edge + stray.offset if stray.offset else edge + 1
            while (row, column) in taken:
                column += 1
            taken.add((row, column))
            while self.canvas.height < row:
                self.canvas.sheet.rows.append(PlannedRow(15.0, []))
            self.canvas.sheet.rows[row - 1].cells.append((column, -1, typed_value(stray.cell)))
            self.canvas.remember(stray.cell, row, column)
        for planned in self.canvas.sheet.rows:
            planned.cells.sort(key=lambda cell: cell[0])
