"""One indicator's score: computed, taken as stated, or unknown – with every step and its source."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import cast

from perfeval import quantity
from perfeval.calculator.bands import bands_of, read_band
from perfeval.calculator.compare import Comparison, Refusal, compare
from perfeval.calculator.methods import MEASURED, OVER, Completion, Move, above_floor, calculated, proven, sign
from perfeval.calculator.report import Report
from perfeval.calculator.weights import Weight
from perfeval.model import Basis, Indicator, Kind, RowResult, Step
from perfeval.numbers import cut_text, decimal_text, exact_text, fraction, percent_text, round_half_up, shown
from perfeval.pack import HOUSE, Group, KindRule, Method, Pack

__all__ = ["dropped_result", "finish", "is_not_applicable", "score_row"]


def is_not_applicable(indicator: Indicator, pack: Pack) -> bool:
    """Whether the result says nothing but that the indicator does not apply."""
    return "".join(indicator.actual.text.split()) in _not_applicable(pack)


@lru_cache(maxsize=32)
def _not_applicable(pack: Pack) -> frozenset[str]:
    words = [word for word in pack.not_applicable.words if word]
    return frozenset(f"{before}{word}" for word in words for before in ("", "本项目", "本年度"))


def score_row(indicator: Indicator, weight: Weight, group: Group, pack: Pack, report: Report) -> RowResult:
    """Weight and score of one row."""
    if group.scoring == "stated":
        return _stated(indicator, weight, pack, report, group.source)
    if is_not_applicable(indicator, pack):
        return _refused(
            indicator, weight, Refusal("VAL017", "actual", {"written": indicator.actual.text.strip()}), pack, report
        )
    kind = next((kind for kind in group.kinds if kind.name == indicator.level2), None)
    found = _completed(indicator, kind, pack, report)
    if isinstance(found, Method):
        return _stated(indicator, weight, pack, report, found.source)
    if isinstance(found, Refusal):
        return _refused(indicator, weight, found, pack, report)
    completion, source = found
    return finish(indicator, weight, completion, pack, source)


def finish(indicator: Indicator, weight: Weight, completion: Completion, pack: Pack, source: str) -> RowResult:
    """A completion times the weight, with the steps that lead there."""
    title = pack.source_title(source)
    steps = [
        Step(
            move.rule,
            calculated(move.formula, move.value),
            move.value,
            pack.source_title(move.source) if move.source else title,
        )
        for move in completion.steps
    ]
    if weight.value is None:
        return RowResult(indicator, None, "", completion.ratio, met=completion.met, steps=tuple(steps))
    share = completion.share
    exact = weight.value if share.numerator == share.denominator else share * weight.value
    score = exact
    excel = "{weight}" if completion.excel is None else f"{completion.excel}*{{weight}}"
    digits = pack.rounding.digits
    if pack.rounding.total == "rounded_rows":
        score = fraction(round_half_up(exact, digits))
        excel = f"ROUND({excel},{digits})"
    factor = weight.formula if "*" not in weight.formula else f"({weight.text})"
    text = _score_text(f"{completion.text} × {factor}", exact.numerator, exact.denominator, digits)
    return RowResult(
        indicator=indicator,
        weight=weight.value,
        weight_formula=weight.formula,
        completion=completion.ratio,
        score=score,
        basis=Basis.COMPUTED,
        met=completion.met,
        score_formula=excel,
        steps=(weight.step, *steps, Step("得分", text, score, title)),
    )


@lru_cache(maxsize=1024)  # most rows of most forms have full marks
def _score_text(product: str, numerator: int, denominator: int, digits: int) -> str:
    """A score as a calculation with its result, which is numerator ÷ denominator, and as it is shown."""
    exact = Fraction(numerator, denominator)
    full, short = cut_text(exact, 6), shown(exact, digits)
    return f"{product} = {full}" + (f" → {short}(四舍五入,保留{digits}位)" if short != full else "")


def dropped_result(indicator: Indicator, pack: Pack) -> RowResult:
    """The row of an indicator that does not apply: no weight, no score, no judgement."""
    step = Step("不适用", "本项不适用,权重并入其他指标", Fraction(0), pack.source_title(pack.not_applicable.source))
    return RowResult(
        indicator, Fraction(0), "0", score=Fraction(0), basis=Basis.COMPUTED, score_formula="{weight}", steps=(step,)
    )


def _completed(
    indicator: Indicator, kind: KindRule | None, pack: Pack, report: Report
) -> tuple[Completion, str] | Refusal | Method:
    """The completion and the source of its method; a `Method` when that is to take the stated score."""
    own = kind.method if kind else None
    if own is not None and own.name == "stated":
        return own
    if _qualitative(indicator, pack):
        method = pack.scoring.methods["grade"]
        if method.name == "stated":
            return method
        banded = read_band(indicator, pack)
        if isinstance(banded, Refusal):
            return banded
        if banded.remark is not None:
            report.add(banded.remark.code, indicator, banded.remark.column, **banded.remark.params)
        return banded.completion, method.source
    if own is not None and own.name == "steps" and own.params["of"] == "actual":
        indicator = _in_unit_of_steps(indicator, own)
    compared = compare(indicator, pack, own)
    if isinstance(compared, Refusal):
        return compared
    if compared.lower_word:
        report.add("SCR004", indicator, "target", word=compared.lower_word, target=indicator.target.text.strip())
    if compared.method.name == "stated":
        return compared.method
    if compared.bound:
        said = {
            "written": indicator.actual.text.strip(),
            "target": _target_text(indicator, compared),
            "example": compared.example,
        }
        report.add("VAL003", indicator, "actual", **said)
        return proven(f"{said['written']} 足以说明达到 {said['target']}"), compared.method.source
    completion = MEASURED[compared.method.name](compared.measure, compared.method.params)
    if completion is None:
        return Refusal(
            "VAL016", "actual", {"written": indicator.actual.text.strip(), "target": indicator.target.text.strip()}
        )
    if compared.conversion:
        reached = compared.measure.actual
        completion = replace(
            completion, steps=(Move(f"换算({compared.conversion})", reached.text, reached.value), *completion.steps)
        )
    completion = above_floor(completion, pack.scoring.floor)
    if compared.method.name == "ratio":
        completion = _overachieved(indicator, completion, pack, report)
    return completion, compared.method.source


def _overachieved(indicator: Indicator, completion: Completion, pack: Pack, report: Report) -> Completion:
    """What the pack does about results beyond the target."""
    policy = pack.scoring.methods["over"]
    if policy.name == "none" or completion.ratio is None or completion.ratio <= 1:
        return completion
    limit = cast("Fraction", policy.params["from"])
    if completion.ratio * 100 >= limit:
        said = {"completion": percent_text(completion.ratio), "limit": f"{exact_text(limit)}%"}
        if policy.name == "remind":
            report.add("SCR006", indicator, "actual", **said)
        elif policy.name == "require_reason":
            cell = indicator.cell("shortfall_reason")
            reason = "".join(cell.text.split())
            if cell.problem is None and (not reason or reason in pack.review_words.get("nothing", ("/",))):
                report.add("SCR007", indicator, "shortfall_reason", **said)
    return OVER[policy.name](completion, policy)


def _qualitative(indicator: Indicator, pack: Pack) -> bool:
    """Whether a row is judged by bands: its target is no number or date, and its result a judgement.

    A number against a judgement is asked back by the bands too; an unreadable target against a number is not.
    """
    target, actual = indicator.target, indicator.actual
    if target.kind in (Kind.NUMBER, Kind.PERCENT, Kind.DATE):
        return False
    if quantity.as_count(target) is not None and quantity.as_count(actual) is not None:
        return False  # 「零事故」 against 「未发生」 or 「0起」
    if actual.kind is Kind.GRADE or target.kind is Kind.GRADE:
        return True
    return actual.kind is Kind.TEXT and bool(bands_of(actual.text, pack)[0])


def _in_unit_of_steps(indicator: Indicator, method: Method) -> Indicator:
    """A scale of its own (满意度 ≥90%) needs no target: the lowest step stands in where none is readable."""
    if indicator.target.kind in (Kind.NUMBER, Kind.PERCENT):
        return indicator
    unit = str(method.params["unit"])
    steps = cast("tuple[tuple[Fraction, Fraction], ...]", method.params["steps"])
    return replace(indicator, target=quantity.parse(f"≥{exact_text(steps[0][0])}{unit}"))


def _target_text(indicator: Indicator, compared: Comparison) -> str:
    """The target as written, with the relation that was understood where none stands."""
    text = " ".join(indicator.target.text.split())
    return text if indicator.target.relation else sign(compared.measure.relation) + text


def _stated(indicator: Indicator, weight: Weight, pack: Pack, report: Report, source: str | None) -> RowResult:
    """The score the clerk stated, kept between 0 and the weight; unverified when no `source` wants it stated."""
    stated = indicator.stated_score
    if weight.value is None:
        return RowResult(indicator, None, "")
    if stated is None:
        written = indicator.text("score").strip()
        said = f"「{written}」" if written else "空白"
        report.add("SCR009" if source else "SCR001", indicator, "score", written=said, weight=shown(weight.value))
        return RowResult(indicator, weight.value, weight.formula)
    score = _kept(indicator, stated, weight.value, report)
    if pack.rounding.total == "rounded_rows":
        score = fraction(round_half_up(score, pack.rounding.digits))
    rule, title = "填报得分" if source else "填报得分(未经核实)", pack.source_title(source or HOUSE)
    return RowResult(
        indicator=indicator,
        weight=weight.value,
        weight_formula=weight.formula,
        score=score,
        basis=Basis.STATED if source else Basis.UNVERIFIED,
        met=score >= weight.value if source else None,
        steps=(weight.step, Step(rule, f"填报 {decimal_text(stated)}", score, title)),
    )


def _kept(indicator: Indicator, stated: Decimal, weight: Fraction, report: Report) -> Fraction:
    """The stated score within 0 … weight. 40/6 is printed as 6.67, 40/7 as 5.71: typed so, that is full marks."""
    score = fraction(stated)
    decimals = max(0, -int(stated.as_tuple().exponent))
    if decimals >= 2 and stated == round_half_up(weight, decimals):
        return weight
    if 0 <= score <= weight:
        return score
    kept = max(Fraction(0), min(score, weight))
    report.add("SCR002" if score > 0 else "SCR003", indicator, "score", written=decimal_text(stated), kept=shown(kept))
    return kept


def _refused(indicator: Indicator, weight: Weight, refusal: Refusal, pack: Pack, report: Report) -> RowResult:
    """A row that cannot be computed keeps the clerk's own score, marked as unverified; without one it has none."""
    if indicator.stated_score is None or weight.value is None:
        outcome = "本行没有得分,合计也无法得出。"
    else:
        outcome = f"本行暂按填报的 {decimal_text(indicator.stated_score)} 分计入,未经核实。"
    if indicator.cell(refusal.column).problem is None:  # a broken cell was named when it was read
        report.add(refusal.code, indicator, refusal.column, **refusal.params, outcome=outcome)
    return _stated(indicator, weight, pack, report, None)
