"""The indicator table of a finished or blank form: its rows, formulas and merges."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from perfeval.canvas import Canvas, exact_value, typed_value
from perfeval.layout import Layout
from perfeval.model import Evaluation, Form, Indicator, RowResult
from perfeval.numbers import exact_sum
from perfeval.pack import Group, KindRule
from perfeval.record import record
from perfeval.workbook.adopting import Look
from perfeval.workbook.compose import Formula, Value
from perfeval.workbook.grid import column_letter

__all__ = ["TablePlan"]

_BLANK_ROWS = 2  # rows for each kind in a form that is handed out


@record(slots=True)
class _Line:
    """One line of the indicator table before it is laid out."""

    group: Group
    kind: str
    indicator: Indicator | None
    result: RowResult | None
    name: str  # printed name of a fixed indicator, when nothing is filled in
    criterion: str
    weight: Fraction | None  # weight of a fixed indicator, when nothing is filled in


@lru_cache(maxsize=64)
def _places(layout: Layout) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Columns of what belongs to the indicator itself, by its name there ("target"): all, those made, those typed.

    A criterion is neither: several rows share it, and it is placed with the levels.
    """
    places = {
        key.removeprefix("indicator."): column.slot.column
        for key, column in layout.columns.items()
        if key.startswith("indicator.")
    }
    made = {name: column for name, column in places.items() if name in ("name", "weight", "score")}
    typed = {name: column for name, column in places.items() if name not in made and name != "criterion"}
    return places, made, typed


class TablePlan:
    """Plans the table on a canvas; afterwards knows the ranges its columns take."""

    def __init__(self, canvas: Canvas, form: Form, evaluation: Evaluation | None) -> None:
        self.canvas = canvas
        self.layout = canvas.layout
        self.pack = canvas.layout.pack
        self.form = form
        self.evaluation = evaluation
        self.column_sums: dict[int, str] = {}  # column → its range, for SUM
        self._unfilled = Fraction(0)  # weights of printed indicators that nobody filled in
        self._places, self._made, self._typed = _places(canvas.layout)

    @property
    def score_range(self) -> str:
        """Where the scores of the table stand."""
        return self.column_sums[self.layout.columns["indicator.score"].slot.column]

    def weight_sum(self, column: int) -> float:
        """What the weights in a column of the table add up to, each counted where it is written."""
        level1 = self.layout.columns.get("level1.weight")
        if level1 is not None and level1.slot.column == column:
            return float(exact_sum(group.points for group in self.pack.groups if group.scoring != "execution"))
        assert self.evaluation is not None
        return float(
            exact_sum([self._unfilled, *(row.weight for row in self.evaluation.rows if row.weight is not None)])
        )

    def _lines(self) -> list[_Line]:
        results = {id(r.indicator): r for r in self.evaluation.rows} if self.evaluation else {}
        found: dict[str, dict[str, list[Indicator]]] = {}  # by group and kind
        for indicator in self.form.indicators:
            found.setdefault(indicator.group, {}).setdefault(indicator.level2, []).append(indicator)
        lines = []
        for group in self.pack.groups:
            if group.scoring == "execution":
                continue
            mine = found.get(group.name, {})
            shared = next((c.text.strip() for c in self.pack.criteria if group.name in c.groups), "")
            known = [kind.name for kind in group.kinds]
            for kind in (*group.kinds, *(KindRule(name) for name in mine if name not in known)):
                here = mine.get(kind.name, ())
                printed = kind.indicators[len(here) :] if len(here) < len(kind.indicators) else ()
                for number, indicator in enumerate(here):
                    fixed = kind.indicators[number] if number < len(kind.indicators) else None
                    criterion = indicator.cell("criterion").typed.strip() or (fixed.criterion if fixed else shared)
                    lines.append(_Line(group, kind.name, indicator, results.get(id(indicator)), "", criterion, None))
                lines += [_Line(group, kind.name, None, None, f.name, f.criterion or shared, f.weight) for f in printed]
                if not here and not printed:
                    count = 1 if self.evaluation else _BLANK_ROWS
                    lines += [_Line(group, kind.name, None, None, "", shared, None)] * count
        return lines

    def plan(self) -> None:
        """Append all rows of the table."""
        lines = self._lines()
        self._unfilled = exact_sum(line.weight for line in lines if line.weight is not None)
        first = self.canvas.height + 1
        starts: list[int] = []
        rows = self.canvas.sheet.rows
        for line in lines:
            starts.append(len(rows) + 1)
            self._line(line, starts[-1])
        last = self.canvas.height
        self.canvas.result.spans[self.layout.indicator_row] = (first, last)
        ends = [start - 1 for start in starts[1:]] + [last]
        for key in ("level1.weight", "level2.weight", "indicator.weight", "indicator.score"):
            if (column := self.layout.columns.get(key)) is not None:
                letter = column_letter(column.slot.column)
                self.column_sums[column.slot.column] = f"{letter}{first}:{letter}{last}"
        self._levels(lines, starts, ends)

    def _line(self, line: _Line, start: int) -> None:
        columns = self.layout.columns
        indicator = line.indicator
        values = {column: self._column_value(line, name, start) for name, column in self._made.items()}
        if indicator is not None:
            pictures, cells = self.canvas.pictures, indicator.cells
            for name, column in self._typed.items():
                if (cell := cells.get(name)) is not None:
                    values[column] = typed_value(cell, pictures)
        first = self.canvas.add(self.layout.indicator_row, values)
        if line.group.scoring == "stated" and (score := columns.get("indicator.score")) is not None:
            look = Look(score.slot.style, unlocked=True)
            self.canvas.put(first, score.slot.column, values[score.slot.column], look)
        self.canvas.result.criteria[first] = line.criterion
        if indicator is None:
            if line.name:
                self.canvas.result.printed.append((line.group.name, line.kind, " ".join(line.name.split())))
        else:
            self.canvas.known.setdefault(indicator.row, first)
            self.canvas.result.went.append((indicator.cells, self._places, first))

    def _column_value(self, line: _Line, name: str, row: int) -> Value:
        indicator, result = line.indicator, line.result
        if name == "weight":
            if result is not None and result.weight is not None:
                return _weight(result)
            return exact_value(line.weight) if line.weight is not None else None
        if name == "score":
            if result is None or result.score is None:
                return None
            if result.score_formula is None:
                return exact_value(result.score)
            weight = self.layout.columns.get("indicator.weight")
            cell = f"{column_letter(weight.slot.column)}{row}" if weight else f"({result.weight_formula})"
            return Formula(result.score_formula.replace("{weight}", cell), float(result.score))
        if indicator is not None and indicator.cell("name").problem is not None:
            return typed_value(indicator.cell("name"), self.canvas.pictures)
        return indicator.name if indicator else line.name

    def _levels(self, lines: list[_Line], starts: list[int], ends: list[int]) -> None:
        """Level 1, level 2 and criterion: written once for equal neighbours, merged down when they are several."""
        for begin, end in _runs([line.group.name for line in lines]):
            group = lines[begin].group
            top, bottom = starts[begin], ends[end - 1]
            self.canvas.group(top, bottom)
            self._remember_levels("level1", lines[begin:end], top)
            self.canvas.down("level1.name", top, bottom, group.printed or group.name)
            self.canvas.down("level1.weight", top, bottom, self._group_weight(group))
            if self.evaluation is None and group.weights_text:
                self.canvas.down("level2.weight", top, bottom, group.weights_text)
                self.canvas.down("indicator.weight", top, bottom, group.weights_text)
        for begin, end in _runs([(line.group.name, line.kind) for line in lines]):
            top, bottom = starts[begin], ends[end - 1]
            self.canvas.unit(top, bottom)
            self._remember_levels("level2", lines[begin:end], top)
            self.canvas.down("level2.name", top, bottom, lines[begin].kind)
            if self.evaluation is not None or not lines[begin].group.weights_text:
                self.canvas.down("level2.weight", top, bottom, self._kind_weight(lines[begin:end], top, bottom))
        for begin, end in _runs([line.criterion for line in lines]):
            self.canvas.down("indicator.criterion", starts[begin], ends[end - 1], lines[begin].criterion)
            self.canvas.glue("indicator.criterion", starts[begin], ends[end - 1], lines[begin].criterion)

    def _remember_levels(self, key: str, lines: Sequence[_Line], top: int) -> None:
        """Level names of neighbours become one cell, the topmost."""
        column = self.layout.columns.get(f"{key}.name")
        if column is None:
            return
        columns = {key: column.slot.column}
        went = self.canvas.result.went
        went += [(line.indicator.cells, columns, top) for line in lines if line.indicator is not None]

    def _group_weight(self, group: Group) -> Value:
        """The points of a group; what its rows come to where it shares them with others."""
        if len(self.pack.sharing(group)) == 1:
            return exact_value(group.points)
        scored = self.evaluation.groups if self.evaluation else ()
        return next((exact_value(result.weight) for result in scored if result.name == group.name), None)

    def _kind_weight(self, lines: list[_Line], top: int, bottom: int) -> Value:
        said = [line.result.weight if line.result else line.weight for line in lines]
        weights = [weight for weight in said if weight is not None]
        if not weights:
            return None
        total = exact_sum(weights) if len(weights) > 1 else weights[0]
        column = self.layout.columns.get("indicator.weight")
        if column is None:
            return exact_value(total)
        letter = column_letter(column.slot.column)
        return Formula(f"SUM({letter}{top}:{letter}{bottom})", float(total))


def _runs(keys: Sequence[object]) -> list[tuple[int, int]]:
    """Begin and end of each run of equal neighbours; blank texts do not form runs."""
    runs: list[tuple[int, int]] = []
    for number, key in enumerate(keys):
        if runs and key and keys[number - 1] == key:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


def _weight(result: RowResult) -> Value:
    assert result.weight is not None
    if "/" not in result.weight_formula:
        return exact_value(result.weight)
    return Formula(result.weight_formula, float(result.weight))
