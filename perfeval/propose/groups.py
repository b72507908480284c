"""Reads the groups, kinds, printed indicators and points that a blank form shows in its indicator table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from perfeval import quantity
from perfeval.layout import bare
from perfeval.model import Cell, Kind
from perfeval.propose.survey import Survey

__all__ = ["FoundGroup", "FoundKind", "FoundRow", "groups_of"]

_POINTS = re.compile(r"[(\uff08]\s*(\d+(?:\.\d+)?)\s*分?\s*[)\uff09]")
_SHARED = re.compile(r"(\d+(?:\.\d+)?)\s*[/÷\uff0f]")  # 各项指标权重=40/指标总数
_BRACKETS = re.compile(r"\s*[(\uff08][^()\uff08\uff09]*[)\uff09]\s*")


@dataclass
class FoundRow:
    """A printed indicator."""

    name: str
    weight: Decimal | None
    criterion: str


@dataclass
class FoundKind:
    """A second-level indicator."""

    name: str
    rows: list[FoundRow] = field(default_factory=list)


@dataclass
class FoundGroup:
    """A first-level indicator."""

    name: str
    printed: str  # as it stands in the form
    points: Decimal | None
    kinds: list[FoundKind] = field(default_factory=list)
    weights_text: str = ""  # printed in the weight cells instead of numbers
    criteria: list[str] = field(default_factory=list)  # texts that stand beside rows without a printed name

    @property
    def rows(self) -> list[FoundRow]:
        """All printed indicators."""
        return [row for kind in self.kinds for row in kind.rows]

    @property
    def weights(self) -> str:
        """How the rows get their weights: fixed, equal or stated."""
        if self.weights_text:
            return "equal"
        return "fixed" if self.rows and all(row.weight is not None for row in self.rows) else "stated"


def groups_of(found: Survey) -> list[FoundGroup]:
    """The groups in the order of the form."""
    groups: dict[str, FoundGroup] = {}
    level1 = level2 = ""
    for row in found.data:
        text1, text2 = (_text(found, row, key) for key in ("level1.name", "level2.name"))
        if text1 and bare(text1) != bare(level1):
            level1, level2 = text1, ""
        level2 = text2 or level2
        if not level1:
            continue
        group = groups.get(bare(level1))
        if group is None:
            group = groups[bare(level1)] = _new_group(found, row, level1)
        name = _plain(level2) or group.name
        kind = next((kind for kind in group.kinds if bare(kind.name) == bare(name)), None)
        if kind is None:
            kind = FoundKind(name)
            group.kinds.append(kind)
        _add_row(found, row, group, kind)
    for group in groups.values():
        weights = [row.weight for row in group.rows if row.weight is not None]
        if group.points is None and weights and group.weights == "fixed":
            group.points = sum(weights, Decimal(0))
    return list(groups.values())


def _new_group(found: Survey, row: int, text: str) -> FoundGroup:
    match = _POINTS.search(text)
    points = Decimal(match[1]) if match else _number(found, row, "level1.weight")
    name = _plain(text)
    return FoundGroup(name, "" if name == text.strip() else text.strip(), points)


def _add_row(found: Survey, row: int, group: FoundGroup, kind: FoundKind) -> None:
    weight_text = _text(found, row, "indicator.weight") or _text(found, row, "level2.weight")
    shared = _SHARED.search(weight_text)
    if shared and any(char.isalpha() for char in weight_text):
        group.weights_text = weight_text
        group.points = group.points or Decimal(shared[1])
    name, criterion = _text(found, row, "indicator.name"), _text(found, row, "indicator.criterion")
    weight = _number(found, row, "indicator.weight")
    if name and weight is not None and not quantity.is_placeholder(name):
        kind.rows.append(FoundRow(name, weight, criterion))
    elif criterion and criterion not in group.criteria:
        group.criteria.append(criterion)


def printed_hints(found: Survey) -> Iterator[str]:
    """Names in the table that say something and yet carry no weight: they are not taken over."""
    for row in found.data:
        name = _text(found, row, "indicator.name")
        said = name and not quantity.is_placeholder(name) and quantity.parse(name).kind is not Kind.NONE
        if said and _number(found, row, "indicator.weight") is None:
            yield name


def _cell(found: Survey, row: int, key: str) -> Cell | None:
    column = found.columns.get(key)
    return None if column is None else found.sheet.at(row, column)


def _text(found: Survey, row: int, key: str) -> str:
    cell = _cell(found, row, key)
    return cell.text.strip() if cell else ""


def _number(found: Survey, row: int, key: str) -> Decimal | None:
    cell = _cell(found, row, key)
    return None if cell is None or cell.number is None or "%" in cell.text else cell.number


def _plain(text: str) -> str:
    return "".join(_BRACKETS.sub("", text).split())
