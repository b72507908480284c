"""The scoring methods by name: pure arithmetic on exact numbers, with the words and the Excel text of what was done.

A pack chooses a method for each situation (`perfeval.pack.rules.METHODS`). A method gets a `Measure`, target and
result already in one unit, and says which share of the weight is earned. It never asks and never guesses: None means
that this method has no answer for these numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import cast

from perfeval.numbers import cut_text, exact_text
from perfeval.pack import Method, Setting
from perfeval.record import record

__all__ = [
    "MEASURED",
    "OVER",
    "Completion",
    "Measure",
    "Number",
    "above_floor",
    "calculated",
    "holds",
    "proven",
    "sign",
]

ONE = Fraction(1)
ZERO = Fraction(0)


@record(frozen=True, slots=True)
class Number:
    """An exact number and how it is written in a calculation, for people and for Excel."""

    value: Fraction
    text: str  # "24500 ÷ 10000", "98.5%"
    excel: str  # "24500/10000", "98.5%"; may stand as a factor or dividend without brackets

    @property
    def divisor(self) -> Number:
        """The same, in brackets where needed to divide by it."""
        if "*" not in self.excel and "/" not in self.excel:
            return self
        return Number(self.value, f"({self.text})", f"({self.excel})")


@record(frozen=True, slots=True)
class Measure:
    """A target and a result that can be compared."""

    relation: str  # of the target: ">=" "<=" ">" "<" "=" "between"
    target: Number
    actual: Number
    upper: Number | None = None  # upper end of a "between"


@record(frozen=True, slots=True)
class Move:
    """One move of a derivation; becomes a `Step` once the titles of the sources are known."""

    rule: str
    formula: str
    value: Fraction
    source: str = ""  # key of the source when it is not that of the method


@record(frozen=True, slots=True)
class Completion:
    """Which share of the weight a result earns, and how that came about."""

    share: Fraction  # 0 … 1
    met: bool | None  # 达标
    text: str  # factor of the weight in the score step: "151 ÷ 170"
    excel: str | None  # the share for Excel: "MIN(1,151/170)"; None: full marks without a calculation
    ratio: Fraction | None = None  # 完成比例, uncapped
    bare: str = ""  # Excel text of the uncapped ratio
    steps: tuple[Move, ...] = ()


def holds(relation: str, actual: Fraction, target: Fraction) -> bool:
    """Whether `actual` stands in `relation` to `target`."""
    if relation == ">=":
        return actual >= target
    if relation == "<=":
        return actual <= target
    if relation == ">":
        return actual > target
    if relation == "<":
        return actual < target
    return actual == target


def proven(text: str) -> Completion:
    """Full marks for a result known to meet its target without a ratio; `text` says why."""
    return Completion(ONE, True, "100%", None, steps=(Move("达标判断", text, ONE),))


def ratio(m: Measure, _params: Mapping[str, object]) -> Completion | None:
    """Result ÷ target, capped. A target below zero can be met, but has no ratio."""
    if m.target.value.numerator <= 0:
        return _by_relation(m) if holds(m.relation, m.actual.value, m.target.value) else None
    divisor = m.target.divisor
    value = m.actual.value / m.target.value
    if m.relation in (">=", "="):
        met = value.numerator >= value.denominator
    else:
        met = holds(m.relation, m.actual.value, m.target.value)
    return _capped(value, met, f"{m.actual.text} ÷ {divisor.text}", f"{m.actual.excel}/{divisor.excel}")


def target_over_actual(m: Measure, _params: Mapping[str, object]) -> Completion | None:
    """Target ÷ result, capped: the smaller the result, the better; a result of 0 or less has no ratio but is met."""
    met = holds(m.relation, m.actual.value, m.target.value)
    if m.actual.value.numerator <= 0 or m.target.value.numerator < 0:
        return _by_relation(m) if met else None
    divisor = m.actual.divisor
    return _capped(
        m.target.value / m.actual.value, met, f"{m.target.text} ÷ {divisor.text}", f"{m.target.excel}/{divisor.excel}"
    )


def linear_excess(m: Measure, params: Mapping[str, object]) -> Completion | None:
    """1 − excess ÷ target: nothing is left when the result reaches `zero_from` percent of the target."""
    met = holds(m.relation, m.actual.value, m.target.value)
    if m.target.value.numerator <= 0:
        return _by_relation(m) if met else None
    span = cast("Fraction", params["zero_from"]) / 100 - 1
    divisor = m.target.divisor
    over = "" if span == 1 else exact_text(span)
    return _capped(
        1 - (m.actual.value - m.target.value) / m.target.value / span,
        met,
        f"1 − ({m.actual.text} − {divisor.text}) ÷ {divisor.text}" + (f" ÷ {over}" if over else ""),
        f"1-({m.actual.excel}-{divisor.excel})/{divisor.excel}" + (f"/({over})" if over else ""),
        grouped=True,
    )


def exact(m: Measure, _params: Mapping[str, object]) -> Completion | None:
    """All or nothing: full marks when the target is met."""
    return _by_relation(m)


def by_date(m: Measure, _params: Mapping[str, object]) -> Completion | None:
    """All or nothing on dates; their day numbers are compared."""
    return _by_relation(m)


def zero_target(m: Measure, _params: Mapping[str, object]) -> Completion | None:
    """A target of 0 has no ratio: full marks when met (a bare or equal 0: nothing above it), else none."""
    return _by_relation(replace(m, relation="<=") if m.relation == "=" else m)


def within(m: Measure, params: Mapping[str, object]) -> Completion | None:
    """Full marks inside the range; below it in proportion to its lower end, above it to its upper end."""
    upper = cast("Number", m.upper)
    span = f"{m.target.text}—{upper.text}"
    if m.target.value <= m.actual.value <= upper.value:
        return proven(f"{m.actual.text} 在 {span} 之内")
    nearest, method = (m.target, ratio) if m.actual.value < m.target.value else (upper, target_over_actual)
    found = method(Measure(">=" if method is ratio else "<=", nearest, m.actual), params)
    return None if found is None else replace(found, met=False)


def steps(m: Measure, params: Mapping[str, object]) -> Completion | None:
    """A scale: the first step that the result (or its completion) reaches says which share is earned."""
    measured = m.actual
    if params["of"] == "completion":
        found = (target_over_actual if m.relation in ("<=", "<") else ratio)(m, params)
        if found is None or found.ratio is None:
            return found
        measured = Number(found.ratio * 100, f"{cut_text(found.ratio * 100, 2)}%", "")
    met = holds(m.relation, m.actual.value, m.target.value)
    for low, share in cast("tuple[tuple[Fraction, Fraction], ...]", params["steps"]):
        if measured.value >= low:
            return _scaled(share, met, f"{measured.text} 达到 {exact_text(low)} 一档,得权重的 {exact_text(share)}%")
    return _scaled(ZERO, met, f"{measured.text} 未达到最低一档")


MEASURED: Mapping[str, Callable[[Measure, Mapping[str, object]], Completion | None]] = {
    "ratio": ratio,
    "target_over_actual": target_over_actual,
    "linear_excess": linear_excess,
    "exact": exact,
    "by_date": by_date,
    "zero_target": zero_target,
    "range": within,
    "steps": steps,
}


def above_floor(found: Completion, floor: Setting[Fraction]) -> Completion:
    """Nothing for a completion below `floor` percent."""
    if not floor.value or found.ratio is None or found.ratio * 100 >= floor.value:
        return found
    limit = f"{exact_text(floor.value)}%"
    move = Move("最低完成比例", f"完成比例低于 {limit},不得分", ZERO, floor.source)
    excel = f"IF({found.bare}<{limit},0,{found.excel})"
    return replace(found, share=ZERO, text="0", excel=excel, steps=(*found.steps, move))


def none(found: Completion, _policy: Method) -> Completion:
    """Over-achievement changes nothing (also where it is only to be noticed or explained)."""
    return found


def deduct(found: Completion, policy: Method) -> Completion:
    """From `from` percent on, a fixed share of the weight is taken off."""
    limit, share = cast("Fraction", policy.params["from"]), cast("Fraction", policy.params["share"])
    if found.ratio is None or found.ratio * 100 < limit:
        return found
    text = f"1 − {exact_text(share)}%"
    left = 1 - share / 100
    excel = f"(1-{exact_text(share)}%)"
    moves = (*found.steps, Move("超额扣减", text, left, policy.source))
    return replace(found, share=left, text=f"({text})", excel=excel, steps=moves)


def cut(found: Completion, policy: Method) -> Completion:
    """From `from` percent on, the score is cut by as much as the completion lies above it."""
    limit = cast("Fraction", policy.params["from"]) / 100
    if found.ratio is None or found.ratio <= limit:
        return found
    text = f"1 − ({found.steps[-2].formula} − {exact_text(limit * 100)}%)"
    left = 1 - (found.ratio - limit)
    moves = (*found.steps, Move("超额扣减", text, left, policy.source))
    excel = f"MAX(0,1-({found.bare}-{exact_text(limit * 100)}%))"
    if left.numerator < 0:
        moves = (*moves, Move("封顶", "扣减后低于 0,按 0 计", ZERO, policy.source))
        return replace(found, share=ZERO, text="0", excel=excel, steps=moves)
    return replace(found, share=left, text=f"({text})", excel=excel, steps=moves)


OVER: Mapping[str, Callable[[Completion, Method], Completion]] = {
    "none": none,
    "remind": none,
    "require_reason": none,
    "deduct": deduct,
    "cut": cut,
}


def _capped(value: Fraction, met: bool, text: str, excel: str, *, grouped: bool = False) -> Completion:
    """A ratio kept between 0 and 1, with a step when that changed it."""
    steps = (Move("完成比例", text, value),)
    if value.numerator < 0:
        return Completion(
            ZERO, met, "0", f"MAX(0,{excel})", value, excel, (*steps, Move("封顶", "完成比例低于 0,按 0 计", ZERO))
        )
    share = f"MIN(1,{excel})"
    if value.numerator <= value.denominator:
        return Completion(value, met, f"({text})" if grouped else text, share, value, excel, steps)
    return Completion(
        ONE, met, "100%", share, value, excel, (*steps, Move("封顶", "完成比例超过 100%,按 100% 计", ONE))
    )


def _by_relation(m: Measure) -> Completion:
    wanted = f"{sign(m.relation)}{m.target.text}"
    met = holds(m.relation, m.actual.value, m.target.value)
    if m.upper is not None:
        wanted = f"{m.target.text}—{m.upper.text}"
        met = m.target.value <= m.actual.value <= m.upper.value
    if met:
        return proven(f"{m.actual.text} 符合 {wanted}")
    return Completion(ZERO, False, "0", "0", steps=(Move("达标判断", f"{m.actual.text} 不符合 {wanted}", ZERO),))


def _scaled(share: Fraction, met: bool | None, text: str) -> Completion:
    percent = f"{exact_text(share)}%"
    return Completion(share / 100, met, percent, f"MIN(1,{percent})", steps=(Move("分档", text, share / 100),))


def calculated(formula: str, value: Fraction) -> str:
    """A calculation with its result behind it; a sentence, or a number that says it already, stays as it is."""
    if formula[0] not in "0123456789(" or not ("÷" in formula or "×" in formula or "−" in formula):
        return formula
    return f"{formula} = {cut_text(value, 6)}"


def sign(relation: str) -> str:
    """The relation as the form prints it."""
    return {">=": "≥", "<=": "≤"}.get(relation, relation)
