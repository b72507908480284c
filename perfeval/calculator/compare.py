"""Brings a target and a result to where they can be compared, or says why they cannot.

Nothing is guessed: a missing unit is taken only from the target or the indicator's name, a bound counts only for what
it proves, and every doubt is a `Refusal` that becomes a finding at its cell.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction

from perfeval import quantity
from perfeval.calculator.methods import Measure, Number, holds
from perfeval.model import Indicator, Kind, Quantity
from perfeval.numbers import decimal_text, exact_text, fraction
from perfeval.pack import Method, Pack
from perfeval.patterns import lazy_pattern
from perfeval.quantity.units import split_scale
from perfeval.record import record

__all__ = ["Comparison", "Refusal", "compare"]

_NUMERIC = (Kind.NUMBER, Kind.PERCENT)
_SAME = Fraction(1)
_DAY_NAMED = lazy_pattern(r"\d\s*[日号]|\d[-./]\d{1,2}[-./]\d|\d{8}")


@record(frozen=True, slots=True)
class Refusal:
    """Why a row cannot be computed: a code of the catalogue and the column it is about."""

    code: str
    column: str  # "actual" or "target"
    params: Mapping[str, str] = field(default_factory=dict)


@record(frozen=True, slots=True)
class Comparison:
    """Target and result in one unit, the method that scores them, and what was assumed on the way."""

    measure: Measure
    method: Method
    bound: bool = False  # the result is a bound that proves the target met: full marks, no ratio
    lower_word: str = ""  # the word in the name from which 「越小越好」 was inferred
    conversion: str = ""  # a unit conversion that was made, in words
    example: str = ""  # with a bound: a definite number, as an example of what to type


def compare(indicator: Indicator, pack: Pack, own_method: Method | None) -> Comparison | Refusal:
    """How result and target of a quantitative row stand to each other; `own_method` is that of its kind."""
    target, actual = indicator.target, indicator.actual
    if actual.kind is Kind.NONE and target.kind is not Kind.NONE:
        answer = (
            f"实际完成的日期,例如「{_day(target.date)}」" if target.date else "实际完成的数字和单位;确实为零的填「0」"
        )
        return Refusal("VAL001", "actual", {"target": " ".join(target.text.split()), "answer": answer})
    if target.kind is Kind.DATE:
        return _dates(target, actual, pack)
    hint = quantity.name_hint(indicator.name)
    target = quantity.as_count(target) or target if target.kind is Kind.GRADE else target
    if target.kind not in _NUMERIC or target.value is None or target.approximate:
        return Refusal("VAL009", "target", {"written": _quoted(indicator.target.text)})
    if actual.kind is Kind.GRADE and target.kind is Kind.NUMBER:
        actual = quantity.as_count(actual) or actual
    refused = _unusable(actual, target)
    if refused is not None:
        return refused
    pair = _one_unit(target, actual, hint.unit)
    if isinstance(pair, Refusal):
        return pair
    wanted, upper, reached, conversion = pair
    relation, word = _relation(indicator.name, target, hint.relation, pack)
    if word:
        contrary = next((each for each in pack.review_words.get("larger_is_better", ()) if each in indicator.name), "")
        if contrary:
            written = {"written": " ".join(target.text.split()), "word": word, "contrary": contrary}
            return Refusal("VAL020", "target", written)
    method = own_method or pack.scoring.methods[_situation(relation, wanted.value)]
    measure = Measure(relation, wanted, reached, upper)
    if actual.relation in (None, "="):
        return Comparison(measure, method, lower_word=word, conversion=conversion)
    return _bounded(measure, indicator, method, pack, word, conversion)


def _unusable(actual: Quantity, target: Quantity) -> Refusal | None:
    """A result that is no number at all, or not one number."""
    numeric = actual.kind in _NUMERIC and actual.value is not None
    if numeric and not actual.approximate and actual.relation != "between":
        return None
    written = {"written": " ".join(actual.text.split()), "target": " ".join(target.text.split())}
    if actual.kind is Kind.GRADE:
        return Refusal("VAL014", "actual", {**written, "example": target.text.strip().lstrip("≥≤><=")})
    if not numeric:
        return Refusal("VAL002", "actual", {**written, "example": _suggested(actual.text)})
    if actual.approximate:
        return Refusal("VAL005", "actual", {**written, "example": _plain(actual)})
    return Refusal("VAL006", "actual", written)


def _suggested(text: str) -> str:
    """The one quantity that stands among other words, to be written alone; "" when there is none or several."""
    found = quantity.numbers_in(text)
    if len(found) != 1 or not found[0].quantity.definite or found[0].quantity.kind not in _NUMERIC:
        return ""
    return f",例如「{text[found[0].start : found[0].end].strip()}」"


def _one_unit(
    target: Quantity, actual: Quantity, named: str | None
) -> tuple[Number, Number | None, Number, str] | Refusal:
    """Target, its upper end, and the result, all in the target's unit."""
    assert target.value is not None and actual.value is not None
    written = {"written": actual.text.strip(), "target": target.text.strip()}
    own_target = _adopted(target, named)
    if own_target is None:
        return Refusal("VAL008", "target", {**written, "written": written["target"], "unit": named or ""})
    unit = own_target.unit
    if unit is None and actual.unit is not None:
        # Only the result says what is counted. A scaled unit (万亩) would also change the size of the target: ask.
        if (actual.kind is Kind.PERCENT and 0 < abs(target.value) <= 1) or split_scale(actual.unit)[0] != 1:
            return Refusal("VAL008", "target", {**written, "written": written["target"], "unit": actual.unit})
        unit = actual.unit
    if actual.unit is None and named and target.unit and quantity.convertible(named, target.unit) not in (None, 1):
        return Refusal("VAL008", "actual", {**written, "unit": f"{named}」还是「{target.unit}"})
    own_actual = _adopted(actual, unit) if actual.value or actual.unit else actual
    if own_actual is None:
        return Refusal("VAL008", "actual", {**written, "unit": unit or ""})
    if own_actual.unit == unit or (own_actual.unit is None and not own_actual.value):
        factor: Fraction | None = _SAME  # 0 is 0 of whatever it is
    else:
        factor = quantity.convertible(own_actual.unit, unit)
    if factor is None:
        return Refusal("VAL007", "actual", {**written, "unit": own_actual.unit or "(无)", "expected": unit or "(无)"})
    percent = unit == "%" and (factor is _SAME or factor == 1)
    reached = _number(actual, percent=percent, factor=factor)
    conversion = "" if factor is _SAME or factor == 1 else f"{own_actual.unit} → {unit}"
    wanted = _number(target, percent=percent)
    upper = None
    if target.upper is not None:
        upper = _literal(fraction(target.upper), decimal_text(target.upper) + ("%" if percent else ""))
    return wanted, upper, reached, conversion


def _adopted(q: Quantity, unit: str | None) -> Quantity | None:
    """`quantity.adopt`, which only matters for a bare number and a bare multiplier (5万) or divisor (/亩)."""
    return q if q.unit is not None and q.unit[0] not in "十百千万亿/" else quantity.adopt(q, unit)


def _number(q: Quantity, *, percent: bool, factor: Fraction = _SAME) -> Number:
    assert q.value is not None
    text = decimal_text(q.value) + ("%" if percent else "")
    value = fraction(q.value)
    if factor is _SAME or factor == 1:
        return _literal(value, text)
    value *= factor
    if factor.numerator != 1:
        text, excel = f"{text} × {factor.numerator}", f"{text}*{factor.numerator}"
    else:
        excel = text
    if factor.denominator != 1:
        text, excel = f"{text} ÷ {factor.denominator}", f"{excel}/{factor.denominator}"
    return Number(value, text, excel)


def _literal(value: Fraction, text: str) -> Number:
    return Number(value, text, text) if value.numerator >= 0 else Number(value, f"({text})", f"({text})")


def _relation(name: str, target: Quantity, hinted: str | None, pack: Pack) -> tuple[str, str]:
    """The relation of the target, and the word of the name that reversed the default one."""
    if target.relation is not None:
        return target.relation, ""
    if hinted is not None:
        return hinted, ""
    if target.value == 0:
        return "=", ""  # a bare 0 asks for nothing of the kind
    word = next((word for word in pack.scoring.lower_is_better.value if word in name), "")
    return ("<=", word) if word else (pack.scoring.default_relation.value, "")


def _situation(relation: str, target: Fraction) -> str:
    if relation == "between":
        return "between"
    if target == 0:
        return "zero_target"
    return {">=": "at_least", ">": "at_least", "<=": "at_most", "<": "at_most"}.get(relation, "equal")


def _bounded(
    measure: Measure, indicator: Indicator, method: Method, pack: Pack, word: str, conversion: str
) -> Comparison | Refusal:
    """A result such as 「超2000亿元」: enough when even the bound meets the target, never a ratio."""
    actual = indicator.actual
    written = {"written": actual.text.strip(), "target": " ".join(indicator.target.text.split())}
    written["example"] = _beyond(actual)
    upward = actual.relation in (">=", ">")
    relation = measure.relation
    if relation == "=" and method.name == "ratio":
        relation = ">="  # the ratio method treats 「=」 so
    bound, target = measure.actual.value, measure.target.value
    if upward and relation in (">=", ">"):
        enough = bound >= target if relation == ">=" or actual.relation == ">" else bound > target
    elif not upward and relation in ("<=", "<"):
        enough = bound <= target if relation == "<=" or actual.relation == "<" else bound < target
    else:
        enough = relation == "=" and target == 0 and not upward and bound <= target
    if not enough or method.name == "steps":
        return Refusal("VAL004", "actual", written)
    if method.name == "ratio" and pack.scoring.methods["over"].name in ("deduct", "cut"):
        return Refusal("VAL019", "actual", written)
    return Comparison(measure, method, True, word, conversion, written["example"])


def _dates(target: Quantity, actual: Quantity, pack: Pack) -> Comparison | Refusal:
    """A date is met on or before its last day; day numbers make dates comparable."""
    written = {"written": actual.text.strip(), "target": target.text.strip()}
    if target.date is None or target.approximate:
        return Refusal("VAL009", "target", {"written": _quoted(target.text)})
    relation = target.relation if target.relation in (">=", ">", "<") else "<="
    if actual.kind is not Kind.DATE or actual.date is None or actual.approximate or actual.relation in (">=", ">"):
        return Refusal("VAL015", "actual", {**written, "example": _day(target.date)})
    measure = Measure(relation, _date_number(target.date), _date_number(actual.date))
    late = not holds(relation, measure.actual.value, measure.target.value)
    if late and (actual.relation in ("<=", "<") or _maybe_earlier(actual, target.date)):
        return Refusal("VAL015", "actual", {**written, "example": _day(target.date)})
    return Comparison(measure, pack.scoring.methods["date"])


def _maybe_earlier(actual: Quantity, wanted: dt.date) -> bool:
    """Whether a result without a day (2024年12月 stands for its last one) may have come in time after all."""
    if actual.date is None or _DAY_NAMED.search(unicodedata.normalize("NFKC", actual.text)):
        return False
    same_year = actual.date.year == wanted.year
    return same_year and ("月" not in actual.text or actual.date.month == wanted.month)


def _date_number(day: dt.date) -> Number:
    text = _day(day)
    return Number(Fraction(day.toordinal()), text, "")


def _day(day: dt.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _plain(q: Quantity) -> str:
    """The number and unit of a result without its 约 or 超: the form of an answer, as an example."""
    return "" if q.value is None else decimal_text(q.value) + (q.unit or "")


def _beyond(q: Quantity) -> str:
    """A definite number near the bound, as an example of what to type."""
    if q.value is None:
        return ""
    value = fraction(q.value)
    if q.kind is Kind.PERCENT:
        value = (value + 100) / 2 if q.relation in (">=", ">") and value < 100 else value
    else:
        value += 1 if q.relation in (">=", ">") else -1 if value > 1 else 0
    return exact_text(value) + (q.unit or "")


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f"「{text}」" if text else "(空白)"
