"""From scored rows to groups, total and grade."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from perfeval.calculator.funds import execution, execution_row
from perfeval.calculator.report import Report
from perfeval.calculator.scoring import dropped_result, finish, is_not_applicable, score_row
from perfeval.calculator.weights import Weight, weigh
from perfeval.findings import Finding
from perfeval.model import Evaluation, Form, GroupResult, RowResult, Total
from perfeval.numbers import decimal_text, exact_sum, exact_text, fraction, round_half_up
from perfeval.pack import Group, Pack

__all__ = ["evaluate"]


def evaluate(form: Form, pack: Pack) -> tuple[Evaluation, tuple[Finding, ...]]:
    """Everything the pack's rules say about the form, and what a person must correct or look at."""
    report = Report(form, pack)
    skipped: frozenset[int] = frozenset()
    if pack.not_applicable.policy == "rescale":
        skipped = frozenset(
            place for place, indicator in enumerate(form.indicators) if is_not_applicable(indicator, pack)
        )
    weighing = weigh(form.indicators, skipped, pack, report)
    groups = {group.name: group for group in pack.groups}
    rows = tuple(
        dropped_result(indicator, pack)
        if place in skipped
        else score_row(indicator, weight, groups[indicator.group], pack, report)
        for place, (indicator, weight) in enumerate(zip(form.indicators, weighing.weights, strict=True))
    )
    for place in sorted(skipped):
        report.add("SCR008", form.indicators[place], "actual", written=form.indicators[place].actual.text.strip())
    funds_group = pack.execution_group
    funds = _funds(form, funds_group, pack, report) if funds_group else None
    results = tuple(
        _group(group, rows, funds, weighing.points[group.name], weighing.incomplete) for group in pack.groups
    )
    total = _total(results, pack)
    notes = _notes(rows if funds is None else (*rows, funds), total, pack)
    return Evaluation(rows, results, total, funds, notes), tuple(report.findings)


def _funds(form: Form, group: Group, pack: Pack, report: Report) -> RowResult:
    """The execution rate's row."""
    row = execution_row(form, group)
    text = exact_text(group.points)
    weight = Weight.of(group.points, text, text, pack.source_title(group.source))
    completion = execution(row, group, report)
    if completion is None:
        return RowResult(row, group.points, text)
    return finish(row, weight, completion, pack, group.execution.source if group.execution else group.source)


def _group(
    group: Group, rows: Sequence[RowResult], funds: RowResult | None, points: Fraction, incomplete: frozenset[str]
) -> GroupResult:
    own = [funds] if group.scoring == "execution" else [row for row in rows if row.indicator.group == group.name]
    scores = [row.score for row in own if row is not None and row.score is not None]
    known = len(scores) == len(own) and group.name not in incomplete
    return GroupResult(group.name, points, exact_sum(scores) if known else None)


def _total(groups: Sequence[GroupResult], pack: Pack) -> Total | None:
    """The sum of the groups, rounded once; None as soon as one has no score."""
    scores = [group.score for group in groups if group.score is not None]
    if len(scores) < len(groups):
        return None
    exact = exact_sum(scores)
    shown = round_half_up(exact, pack.rounding.digits)
    grade = next((name for name, low in pack.grades if fraction(shown) >= low), None)
    return Total(exact, shown, grade)


def _notes(rows: Sequence[RowResult], total: Total | None, pack: Pack) -> tuple[str, ...]:
    """Why the eye adds up to another figure than the total."""
    if total is None:
        return ()
    digits = pack.rounding.digits
    visible = sum((round_half_up(row.score, digits) for row in rows if row.score is not None), Decimal(0))
    if visible == total.shown:
        return ()
    seen, right = decimal_text(visible), decimal_text(total.shown)
    return (
        f"各行显示的得分相加是 {seen},合计是 {right}:合计由未经四舍五入的得分相加,最后只四舍五入一次,以 {right} 为准。",
    )
