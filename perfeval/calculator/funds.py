"""预算执行率: the score that follows from the funds rows, in packs that give points for it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from perfeval.calculator.methods import Completion, Measure, Move, Number, proven, ratio
from perfeval.calculator.report import Report
from perfeval.model import BLANK, Cell, Form, Indicator, Kind, Quantity
from perfeval.numbers import decimal_text, fraction
from perfeval.pack import Group

__all__ = ["amount", "execution", "execution_row"]


def amount(form: Form, path: str) -> tuple[Decimal | None, Cell]:
    """The money at `path` (「funds.spent」) and its cell: its own place or total, else the sum of its parts.

    None when nothing is filled in, or when a part is unreadable; a blank part is not there, not 0.
    """
    for whole in (path, f"{path}.total"):
        cell = form.cell(whole)
        if cell:
            return cell.number, cell
    inner = f"{path}."
    parts = [cell for key, cell in form.fields.items() if key.startswith(inner)]
    filled = [cell for cell in parts if cell]
    numbers = [cell.number for cell in filled if cell.number is not None]
    if not filled or len(numbers) < len(filled):
        wrong = next((cell for cell in filled if cell.number is None), parts[0] if parts else form.cell(path))
        return None, wrong
    return sum(numbers, Decimal(0)), filled[0]


def execution_row(form: Form, group: Group) -> Indicator:
    """The execution rate as if it were an indicator's row, so that it is shown like one."""
    base, base_cell = amount(form, group.execution.base if group.execution else "funds.allocated")
    spent, spent_cell = amount(form, "funds.spent")
    score = form.cell("funds.score")
    return Indicator(
        row=0,
        group=group.name,
        level1=group.name,
        level2=group.name,
        name=group.name,
        cells={"target": base_cell, "actual": spent_cell, "score": score, "weight": BLANK},
        target=Quantity(base_cell.text, Kind.NUMBER if base is not None else Kind.NONE, ">=", base),
        actual=Quantity(spent_cell.text, Kind.NUMBER if spent is not None else Kind.NONE, None, spent),
        stated_score=score.number,
    )


def execution(row: Indicator, group: Group, report: Report) -> Completion | None:
    """Spent ÷ allotted; where both are 0 the pack says what that earns. None, with a finding, when unknown."""
    base, spent = row.target.value, row.actual.value
    for column, words, value in (("target", "预算数", base), ("actual", "实际支出数", spent)):
        cell = row.cell(column)
        if value is None or value < 0:
            report.sheet("SCR005", f"{group.name} / {words}", cell.ref, what=words, written=cell.text.strip() or "空白")
            return None
    assert base is not None and spent is not None and group.execution is not None
    if base:
        return ratio(Measure(">=", _money(base), _money(spent)), {})
    if spent == 0 and group.execution.nothing == "full":
        return proven("没有安排也没有支出,按评分体系计满分")
    if spent == 0 and group.execution.nothing == "zero":
        text = "没有安排也没有支出,按评分体系不计分"
        return Completion(Fraction(0), None, "0", "0", steps=(Move("执行率", text, Fraction(0)),))
    label = f"{group.name} / 预算数"
    report.sheet("SCR005", label, row.cell("target").ref, what="预算数", written=row.cell("target").text.strip() or "0")
    return None


def _money(value: Decimal) -> Number:
    text = decimal_text(value)
    return Number(fraction(value), text, text)
