"""The money: whether 预算, 下达 and 支出 fit each other, and whether the results fit the spending."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from perfeval.findings import Finding
from perfeval.findings.fnd import DIRECTIONS
from perfeval.numbers import exact_sum, percent_text
from perfeval.review.context import ReviewContext, Rule
from perfeval.review.funds import amount_text

__all__ = ["RULES"]


def amounts(context: ReviewContext) -> Iterator[Finding]:
    """Each sum by itself: not negative, equal to its parts, in the form's unit like the others."""
    slips = set()
    for slip in context.funds.slips:
        slips.add(slip.money.place)
        yield context.in_field(
            "FND107",
            slip.money.place,
            label=context.name_of(slip.money.place),
            written=amount_text(slip.total),
            other=amount_text(slip.other),
            unit=context.pack.money_unit,
            suggested=amount_text(slip.total / slip.factor),
        )
    for money in context.funds.sums:
        for path, amount in money.stated_amounts:
            if amount < 0:
                yield context.in_field("FND109", path, label=context.name_of(path), written=context.form.text(path))
        if money.stated and money.total is not None and len(money.parts) > 1 and money.place not in slips:
            added = exact_sum([value for _, value in money.parts])
            if abs(added - money.total) >= Fraction(1, 100):
                yield context.in_field(
                    "FND102",
                    money.stated,
                    label=context.name_of(money.path),
                    total=amount_text(money.total),
                    sum=amount_text(added),
                    difference=amount_text(abs(added - money.total)),
                    unit=context.pack.money_unit,
                )


def spending(context: ReviewContext) -> Iterator[Finding]:
    """Spent against received, received against planned, and the rate of execution."""
    funds = context.funds
    if funds.slips:
        return  # one cause, told by `amounts`
    budget, allocated, spent = funds.budget.total, funds.allocated.total, funds.spent.total
    unit = context.pack.money_unit
    # A form without text sections asks for no explanation of what its own columns show as an adjustment.
    asked = bool(context.form.narrative)
    if asked and budget is not None and allocated is not None and budget != allocated and not _explained(context):
        yield context.in_field(
            "FND103",
            funds.allocated.place,
            budget=amount_text(budget),
            allocated=amount_text(allocated),
            direction=DIRECTIONS[allocated > budget],
            difference=amount_text(abs(budget - allocated)),
            unit=unit,
        )
    rate, base = funds.execution, funds.base
    if rate is None or base is None or spent is None:
        return
    if rate > 1:
        yield context.in_field(
            "FND101",
            funds.spent.place,
            spent=amount_text(spent),
            allocated=amount_text(base),
            difference=amount_text(spent - base),
            unit=unit,
        )
        return
    percent = rate * 100
    warn, reason = context.limit("execution_warn"), context.limit("execution_reason")
    if warn is not None and percent < warn:
        code, limit = "FND104", warn
    elif reason is not None and percent < reason and not _explained(context):
        code, limit = "FND105", reason
    else:
        return
    said = {"rate": percent_text(rate), "spent": amount_text(spent), "allocated": amount_text(base)}
    yield context.in_field(code, funds.spent.place, limit=percent_text(limit / 100), **said)


def results_against_spending(context: ReviewContext) -> Iterator[Finding]:
    """Results that outrun the spending; with almost nothing spent, only that is told."""
    rate = context.funds.execution
    if rate is None or rate < 0 or context.funds.slips:
        return
    idle = context.limit("idle_execution")
    if idle is not None and rate * 100 < idle and _measured_full(context):
        yield context.in_field("FND106", context.funds.spent.place, rate=percent_text(rate))
        return
    total, limit = context.evaluation.total, context.limit("outrun")
    if total is None or limit is None or total.exact <= 0:
        return
    result = total.exact / context.pack.total
    if result <= rate:
        return
    excess = (result - rate) / result
    if excess * 100 > limit:
        yield context.in_field(
            "FND108",
            context.funds.spent.place,
            result=percent_text(result),
            rate=percent_text(rate),
            excess=percent_text(excess, 1),
            limit=percent_text(limit / 100),
        )


def _explained(context: ReviewContext) -> bool:
    """Whether a sentence that speaks of the money gives a reason."""
    cause, topic = context.words("cause"), context.words("money")
    return any(cause.within(sentence) and topic.within(sentence) for _, sentence in context.sentences)


def _measured_full(context: ReviewContext) -> bool:
    """Whether every measured row of the first measured group (产出) has full marks."""
    group = next((group.name for group in context.pack.groups if group.scoring == "measured"), None)
    rows = [
        row for row in context.rows if row.indicator.group == group and row.indicator.row not in context.misdirected
    ]
    return bool(rows) and all(row.score is not None and row.score == row.weight for row in rows)


RULES = (
    Rule(amounts, ("FND102", "FND107", "FND109")),
    Rule(spending, ("FND101", "FND103", "FND104", "FND105")),
    Rule(results_against_spending, ("FND106", "FND108")),
)
