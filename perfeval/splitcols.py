"""Target and result of a row whose form splits them over columns: 指标性质「≥」, 指标值「100」, 度量单位「家」.

What stands apart is put together as a clerk would write it in one cell. A cell that already says more than its own
column asks for keeps what it says; where the columns contradict each other, that is told.
"""

from __future__ import annotations

from collections.abc import Mapping

from perfeval import quantity
from perfeval.model import BLANK, Cell, Kind
from perfeval.quantity.text import fold
from perfeval.record import record

__all__ = ["PARTS", "Whole", "together"]

PARTS = ("relation", "unit")  # columns that only some forms have


@record(frozen=True, slots=True)
class Whole:
    """The texts of target and result, and the column that says something else than the target's own cell."""

    target: str
    actual: str
    contradicted: str = ""  # "relation" or "unit"


def together(cells: Mapping[str, Cell]) -> Whole:
    """Target and result with the relation and unit that stand in columns of their own."""
    target, actual = cells.get("target", BLANK).text, cells.get("actual", BLANK).text
    if "relation" not in cells and "unit" not in cells:
        return Whole(target, actual)
    sign, unit = (_said(cells.get(part, BLANK)) for part in PARTS)
    if not (sign or unit) or not target.strip():
        return Whole(target, _with_unit(actual, unit))
    read = quantity.parse(target)
    relation = quantity.parse(f"{sign}1").relation if sign else None
    contradicted = ""
    if relation is not None and read.relation not in (None, relation):
        contradicted = "relation"
    elif unit and read.kind is Kind.NUMBER and read.unit is not None and fold(read.unit) != fold(unit):
        contradicted = "unit"
    whole = _with_unit(target, unit)
    if relation is not None and read.relation is None and read.kind in (Kind.NUMBER, Kind.PERCENT, Kind.DATE):
        whole = f"{sign}{whole.strip()}"
    return Whole(whole, _with_unit(actual, unit), contradicted)


def _said(cell: Cell) -> str:
    """The text of a cell, "" for a mark that stands for nothing."""
    text = cell.text.strip()
    return "" if quantity.parse(text).kind is Kind.NONE else text


def _with_unit(text: str, unit: str) -> str:
    """A bare number with its unit behind it; anything else as it is."""
    if not unit or not text.strip():
        return text
    read = quantity.parse(text)
    return f"{text.strip()}{unit}" if read.kind is Kind.NUMBER and read.unit is None else text
