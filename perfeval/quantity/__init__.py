"""What a target or result cell says: 「不少于3场次」 ⇄ Quantity(>=, 3, 场次).

One grammar reads every cell. It never raises and never guesses: a text that allows two readings is kind TEXT, and
nothing turns into 0 that was not written as 0. Blanks, width of digits, line breaks and quotes carry no meaning.

Why an own grammar: no library reads operator, number, multiplier and unit together. Tried on what clerks type,
cn2an 0.5.24 fails on 一点五亿, 1,200, 三成 and 半 and turns 「统一」 into 「统1」; pint 0.25.3 knows neither Chinese
numerals nor 万/亿 nor operators; JioNLP 1.5.31 fails on ≥ and ￥ and takes a bare 89.97 for 元.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from perfeval.model import Kind, Quantity
from perfeval.patterns import lazy_pattern
from perfeval.quantity import grammar
from perfeval.quantity.render import format
from perfeval.quantity.scan import Mention, numbers_in
from perfeval.quantity.text import compact
from perfeval.quantity.units import canonical, convertible, is_known, split_scale
from perfeval.quantity.words import is_negation, is_placeholder
from perfeval.record import record

__all__ = [
    "Mention",
    "NameHint",
    "adopt",
    "as_count",
    "convertible",
    "format",
    "is_placeholder",
    "name_hint",
    "numbers_in",
    "parse",
]


def parse(text: str, *, year: int | None = None) -> Quantity:
    """The one certain reading of a cell text; kind TEXT when there is none, kind NONE for blanks and marks like 「/」.

    `year` is the year of the form: with it 「12月底前」 is a date.
    """
    return grammar.read(text, year) if len(text) <= grammar.LONGEST else Quantity(text, Kind.TEXT)


def as_count(quantity: Quantity) -> Quantity | None:
    """`quantity` where a count is asked for: 「无」「未发生」「零投诉」 are 0 then; None when it is no count."""
    if quantity.kind is Kind.NUMBER:
        return quantity
    if (
        quantity.kind is Kind.GRADE
        and quantity.grade is not None
        and quantity.value is None
        and is_negation(quantity.grade)
    ):
        return replace(quantity, kind=Kind.NUMBER, value=Decimal(0), grade=None, relation=None)
    return None


def adopt(quantity: Quantity, unit: str | None) -> Quantity | None:
    """`quantity` with the unit its cell left out, taken from the target or the indicator's name.

    Unchanged when it has a unit of its own; None when nobody can tell what was meant: 「5万」 where 万元 is
    asked for, 「0.985」 where % is.
    """
    if quantity.kind is not Kind.NUMBER or unit is None or quantity.unit == unit:
        return quantity
    _, wanted = split_scale(unit)
    if not wanted:
        return quantity
    if quantity.unit is None:
        if unit not in ("%", "‰"):
            return replace(quantity, unit=unit)
        if quantity.value and abs(quantity.value) <= 1:
            return None
        return replace(quantity, kind=Kind.PERCENT, unit=unit)
    if quantity.unit.startswith("/"):  # 每亩300 under 元 or 元/亩
        return replace(quantity, unit=unit if unit.endswith(quantity.unit) else unit + quantity.unit)
    scale, own = split_scale(quantity.unit)
    if own or scale == 1:
        return quantity
    return replace(quantity, unit=quantity.unit + unit) if wanted == unit and unit not in ("%", "‰") else None


@record(frozen=True, slots=True)
class NameHint:
    """What an indicator's name says about its numbers: 「公猪舍(≥**平方米)」."""

    relation: str | None = None  # ">=" "<=" ">" "<" "="
    unit: str | None = None


_BRACKETS = lazy_pattern(r"[(\[]([^()\[\]]{1,16}(?:\([^()]*\))?)[)\]]")
_HINT = lazy_pattern(
    r"(?:单位:?|计量单位:?)?(?P<relation>≥|≤|>=|<=|>|<|=|不少于|不低于|不小于|不超过|不高于|不大于)?(?:[*xX×_?]+|\.{2,})?(?P<unit>.*)"
)
_IN_NO_UNIT = frozenset("0123456789:,;。")
_RELATIONS = {"≥": ">=", "≤": "<=", "不少于": ">=", "不低于": ">=", "不小于": ">="} | dict.fromkeys(
    ("不超过", "不高于", "不大于"), "<="
)


@lru_cache(maxsize=4096)
def name_hint(name: str) -> NameHint:
    """Relation and unit from the brackets in an indicator's name; brackets that hold no known unit say nothing."""
    plain = compact(name)
    relation: str | None = None
    units: set[str] = set()
    for bracket in _BRACKETS.finditer(plain):
        match = _HINT.fullmatch(bracket[1].replace("…", "_"))
        if (
            match is None
            or not _IN_NO_UNIT.isdisjoint(match["unit"])
            or (match["unit"] and not is_known(match["unit"]))
        ):
            continue
        if match["relation"]:
            relation = _RELATIONS.get(match["relation"], match["relation"])
        if match["unit"] and (unit := canonical(match["unit"])) is not None:
            units.add(unit)
    if not units and plain[-1:] in ("%", "‰"):
        units.add(plain[-1])
    return NameHint(relation, units.pop() if len(units) == 1 else None)
