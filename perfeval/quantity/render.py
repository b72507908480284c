"""Writing a quantity so that it reads back as itself."""

from __future__ import annotations

from decimal import Decimal

from perfeval.model import Kind, Quantity
from perfeval.numbers import decimal_text
from perfeval.patterns import lazy_pattern

__all__ = ["format"]

_SYMBOLS = {None: "", ">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "=", "between": ""}
_LIKE_A_DATE = lazy_pattern(r"20[0-4][0-9]\.(?:0?[1-9]|1[0-2])|(?:19|20)[0-9]{6}")
_NEEDS_A_COUNTER = frozenset(["月", "季度"])  # 「12月」 would be December, 「3季度」 the third quarter


def format(quantity: Quantity) -> str:
    """`quantity` in its shortest usual spelling; `parse` reads the same back, `text` apart."""
    match quantity.kind:
        case Kind.NONE:
            return "/" if quantity.text else ""
        case Kind.TEXT:
            return quantity.text
        case Kind.GRADE:
            return _grade(quantity)
        case Kind.DATE:
            assert quantity.date is not None
            day = quantity.date.isoformat()
            return f"{quantity.since.isoformat()}至{day}" if quantity.since else f"{_SYMBOLS[quantity.relation]}{day}"
        case Kind.NUMBER | Kind.PERCENT:
            return _number(quantity)


def _grade(quantity: Quantity) -> str:
    parts = [quantity.grade + {">=": "以上", "<=": "以下"}.get(quantity.relation or "", "")] if quantity.grade else []
    if quantity.value is not None:
        parts.append(f"完成比例{decimal_text(quantity.value)}%")
    return "、".join(parts)


def _number(quantity: Quantity) -> str:
    unit = quantity.unit or ""
    if unit.split("/")[0] in _NEEDS_A_COUNTER:
        unit = "个" + unit
    text = _digits(quantity.value, unit) + unit
    if quantity.relation == "between":
        return f"{_digits(quantity.value, unit)}{unit}~{_digits(quantity.upper, unit)}{unit}"
    text = f"{'约' if quantity.approximate else ''}{_SYMBOLS[quantity.relation]}{text}"
    if not quantity.note:
        return text
    return f"{quantity.note}{text}" if _is_label(quantity) else f"{text}({quantity.note})"


def _is_label(quantity: Quantity) -> bool:
    return quantity.kind is Kind.PERCENT and (quantity.note or "").endswith(("率", "度", "比例", "占比", "比重"))


def _digits(value: Decimal | None, unit: str) -> str:
    assert value is not None
    text = decimal_text(value)
    if not unit and _LIKE_A_DATE.fullmatch(text):
        return f"{value:,f}"
    return text
