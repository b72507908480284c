"""Regenerates the official form: plans every row, cell, formula and height from the template and an evaluation.

What is planned here is rendered and packed by `perfeval.workbook`. Addresses come from the template alone; the plan
also remembers where each cell of the input went, so that marks, links, drawings and notes follow their cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from perfeval.calculator import amount
from perfeval.canvas import Canvas, FormPlan, exact_value, typed_value
from perfeval.layout import COMPUTED, Layout, Slot
from perfeval.model import Cell, Evaluation, Form, RowResult
from perfeval.numbers import decimal_text, exact_text
from perfeval.tableplan import TablePlan
from perfeval.workbook import textfit
from perfeval.workbook.compose import Formula, PlannedRow, Value
from perfeval.workbook.grid import ref
from perfeval.workbook.guard import LIMITS

__all__ = ["FormPlan", "blank_plan", "plan_form"]

_NARRATIVE_HEIGHT = 210.0  # points; smaller pieces than Excel's limit break better over pages
_FARTHEST = 50  # rows below the form; what stands further down, up to row 1,048,576, moves up to there


def plan_form(
    layout: Layout, form: Form, evaluation: Evaluation, narrative: Mapping[str, str], digit: int | None = None
) -> FormPlan:
    """Plan the finished form for the input's own workbook, whose column widths count in `digit` pixels.

    None: for a copy of the pack's.
    """
    return _Planner(layout, form, evaluation, narrative, digit).plan()


def blank_plan(layout: Layout, fields: Mapping[str, str]) -> FormPlan:
    """Plan a blank form to hand out, with what is known of the header filled in."""
    cells = {path: Cell(text=text) for path, text in fields.items()}
    form = Form(pack=layout.pack.id, sheet=layout.sheet, fields=cells, indicators=(), narrative={})
    return _Planner(layout, form, None, {}).plan()


class _Planner:
    def __init__(
        self,
        layout: Layout,
        form: Form,
        evaluation: Evaluation | None,
        narrative: Mapping[str, str],
        digit: int | None = None,
    ) -> None:
        self.layout = layout
        self.form = form
        self.evaluation = evaluation
        self.narrative = narrative
        self.canvas = Canvas(layout, digit)
        self.table = TablePlan(self.canvas, form, evaluation)
        self.numbers: dict[str, str] = {}  # path → address of the header place that holds its number

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
        canvas = self.canvas
        geometry = canvas.geometry[row]
        source = self.form.rows.get(row)
        if source is not None:
            canvas.known[source] = canvas.height + 1
        if geometry.fixed:
            canvas.add_fixed(row)
            return
        if geometry.section is not None:
            self._section(row, geometry.section)
            return
        values = geometry.labels.copy()
        if not geometry.places:
            canvas.add(row, values)
            return
        first = canvas.height + 1
        fields = self.form.fields
        for slot in geometry.places:
            value = values[slot.column] = self._slot_value(slot)
            assert slot.path is not None
            if value is not None and not isinstance(value, str):
                self.numbers[slot.path] = ref(first, slot.column)
        read = {path: fields[path] for path in geometry.columns if path in fields}
        canvas.result.went.append((read, geometry.columns, first))
        canvas.add(row, values)

    def _keep_together(self, template_row: int, first: int) -> None:
        """A heading stays with what follows it, the total with the table above."""
        last = self.canvas.height
        after_heading = template_row - 1 > self.layout.total_row and not self.canvas.geometry[template_row - 1].places
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
        width = self.canvas.width(slot.span.left, slot.span.right)
        first = self.canvas.height + 1
        for piece in textfit.split(text, width, self.layout.appearance.fonts[slot.style], _NARRATIVE_HEIGHT):
            self.canvas.add(row, {slot.column: piece})
        self.canvas.result.spans[row] = (first, self.canvas.height)
        if written is not None:
            self.canvas.remember(written, first, slot.column)

    def _slot_value(self, slot: Slot) -> Value:
        assert slot.path is not None
        if slot.path.startswith(COMPUTED) and (value := self._computed(slot)) is not None:
            return value
        cell = self.form.fields.get(slot.path)
        if cell is None and slot.path == "year" and self.form.year is not None:
            cell = Cell(text=str(self.form.year))
        if slot.text or slot.suffix:
            return f"{slot.text}{cell.typed if cell else ''}{slot.suffix}"
        return typed_value(cell, self.canvas.pictures) if cell else None

    def _computed(self, slot: Slot) -> Value:
        """The value of a place that is computed, None for one that a person fills in."""
        assert slot.path is not None
        if slot.path.startswith("funds."):
            return self._of_funds(slot.path)
        evaluation = self.evaluation
        total = evaluation.total if evaluation else None
        if slot.path == "total.weight":
            sums = self.table.column_sums.get(slot.column)
            if sums is None or evaluation is None:
                return exact_value(self.layout.pack.total)
            funds = self.layout.pack.execution_group
            points = float(funds.points) if funds else 0.0
            added = self._added("funds.points", exact_text(funds.points) if funds else "")
            return Formula(f"SUM({sums}){added}", self.table.weight_sum(slot.column) + points)
        if slot.path == "total.score":
            if evaluation is None or total is None:
                return ""
            sums = self.table.score_range
            if self.layout.pack.rounding.total == "rounded_rows":
                expression = f"SUMPRODUCT(ROUND({sums},{self.layout.pack.rounding.digits}))"
                value = float(total.shown)
            else:
                expression, value = f"SUM({sums})", float(total.exact)
            scored = evaluation.funds_score
            return Formula(expression + self._added("funds.score", _score_formula(scored) if scored else ""), value)
        if slot.path == "total.grade":
            return (total.grade if total else None) or ""
        return None

    def _added(self, path: str, otherwise: str) -> str:
        """What the funds rows add to a sum: the cell at `path`, where the form shows none the number itself."""
        addend = self.numbers.get(path, otherwise)
        return f"+{addend}" if addend else ""

    def _of_funds(self, path: str) -> Value:
        """A place in the funds rows that is computed; "" while what it is computed from is not known."""
        group, evaluation = self.layout.pack.execution_group, self.evaluation
        scored = evaluation.funds_score if evaluation else None
        if path == "funds.points":
            return exact_value(group.points) if group else ""
        if path == "funds.score":
            if scored is None or scored.score is None:
                return ""
            return Formula(_score_formula(scored, self.numbers.get("funds.points")), float(scored.score))
        part = path.removeprefix("funds.execution_rate")
        base = f"{group.execution.base if group and group.execution else 'funds.allocated'}{part}"
        spent = f"funds.spent{part}"
        whole, used = amount(self.form, base)[0], amount(self.form, spent)[0]
        if evaluation is None or whole is None or used is None or not whole:
            return ""
        cells = (self._cell_of(path, number) for path, number in ((spent, used), (base, whole)))
        return Formula("/".join(cells), float(Fraction(used) / Fraction(whole)))

    def _cell_of(self, path: str, number: Decimal) -> str:
        """The cell that shows an amount, so that a formula follows it, else the amount itself."""
        return self.numbers.get(path) or self.numbers.get(f"{path}.total") or decimal_text(number)

    # ---- what stands beside the form ----

    def _strays(self) -> None:
        if not self.form.strays:
            return
        self.canvas.result.rows = sorted(self.canvas.known.items())
        edge = self.layout.last_column
        lowest = self.canvas.height + _FARTHEST
        taken: set[tuple[int, int]] = set()
        for stray in sorted(self.form.strays, key=lambda s: (s.offset == 0, s.row, s.offset)):
            row = min(max(self.canvas.result.row_of(stray.row), 1), lowest)
            column = edge + max(stray.offset, 1)
            if column > LIMITS.columns:
                column = edge + 1
            while (row, column) in taken:
                column += 1
            taken.add((row, column))
            while self.canvas.height < row:
                self.canvas.sheet.rows.append(PlannedRow(15.0))
            self.canvas.sheet.rows[row - 1].beside[column] = typed_value(stray.cell, self.canvas.pictures)
            self.canvas.remember(stray.cell, row, column)


def _score_formula(scored: RowResult, weight: str | None = None) -> str:
    """The formula of the execution's score, its points taken from the cell `weight` where there is one."""
    if scored.score_formula is None:
        return exact_text(scored.score) if scored.score is not None else ""
    return scored.score_formula.replace("{weight}", weight or f"({scored.weight_formula})")
