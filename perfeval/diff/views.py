"""A form as it is compared: what its cells say and what its scores come to, from a file or from a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from perfeval.layout import COMPUTED, Layout
from perfeval.memory import FormRecord, number_of
from perfeval.merging import texts_of
from perfeval.model import Form, Indicator, RowResult
from perfeval.numbers import decimal_text, shown
from perfeval.pipeline import FormOutcome
from perfeval.workbook.grid import ref

__all__ = ["RowView", "Said", "View", "view_of", "view_of_record"]

_UNKNOWN = "无法得出"


class Said(NamedTuple):
    """A text and the cell it stands in ("" when that is not known)."""

    text: str = ""
    cell: str = ""


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class RowView:
    """An indicator."""

    group: str
    kind: str
    name: str
    cell: str  # of the name
    texts: Mapping[str, Said]  # by column key
    weight: Said
    score: Said


@dataclass(frozen=True, slots=True)
class View:
    """A form."""

    sheet: str
    fields: Mapping[str, Said]  # by path
    rows: tuple[RowView, ...]
    narrative: Mapping[str, Said]  # by section
    total: Said
    strays: tuple[Said, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)  # path → words a clerk sees
    titles: Mapping[str, str] = field(default_factory=dict)  # column key → its head


def view_of(outcome: FormOutcome, layout: Layout) -> View:
    """A form that was read from a file, as it stands there."""
    form, read = outcome.form, outcome.read or outcome.form
    digits = outcome.pack.rounding.digits
    total = outcome.evaluation.total
    as_read = {indicator.row: indicator for indicator in read.indicators}
    fields = {path: Said(cell.text, cell.ref) for path, cell in read.fields.items() if not path.startswith(COMPUTED)}
    return View(
        sheet=form.sheet,
        fields=fields,
        rows=tuple(_row(result, as_read, digits, ours=outcome.unchanged) for result in outcome.evaluation.rows),
        narrative={key: Said(cell.text, cell.ref) for key, cell in read.narrative.items()},
        total=Said(decimal_text(total.shown) if total else _UNKNOWN, _total_cell(form)),
        strays=tuple(Said(stray.cell.text, stray.cell.ref) for stray in read.strays),
        labels=form.labels,
        titles=_titles(layout),
    )


def view_of_record(record: FormRecord, layout: Layout) -> View:
    """A form that a workbook remembers."""
    digits = layout.pack.rounding.digits
    columns = {key.removeprefix("indicator."): column.slot.column for key, column in layout.columns.items()}

    def said(text: str, row: int, key: str) -> Said:
        return Said(text, ref(row, columns[key]) if key in columns and row > 0 else "")

    rows = tuple(
        RowView(
            row.group,
            row.kind,
            row.name,
            said("", row.row, "name").cell,
            {key: said(text, row.row, key) for key, text in row.texts.items()},
            said(_number(number_of(row.weight or ""), digits), row.row, "weight"),
            said(_number(number_of(row.score or ""), digits) or _UNKNOWN, row.row, "score"),
        )
        for row in record.rows
    )
    total = number_of(record.totals.get("total.score", ""))
    return View(
        sheet=record.sheet,
        fields={path: Said(text) for path, text in record.fields.items()},
        rows=rows,
        narrative={key: Said(text) for key, text in record.narrative.items()},
        total=Said(_number(total, digits) or _UNKNOWN),
        strays=tuple(map(Said, record.strays)),
        titles=_titles(layout),
    )


def _row(result: RowResult, as_read: Mapping[int, Indicator], digits: int, *, ours: bool) -> RowView:
    """A row; `ours`: the score in its cell is the one we wrote, whatever had been typed before."""
    indicator = as_read.get(result.indicator.row, result.indicator)
    texts = {key: Said(text, indicator.cell(key).ref) for key, text in texts_of(indicator).items()}
    return RowView(
        group=indicator.group,
        kind=indicator.level2,
        name=indicator.name,
        cell=indicator.cell("name").ref,
        texts=texts,
        weight=Said(_number(result.weight, digits), indicator.cell("weight").ref),
        score=Said(_score(result, digits, "" if ours else result.indicator.text("score")), indicator.cell("score").ref),
    )


def _score(result: RowResult, digits: int, typed: str) -> str:
    """The score as computed, with the clerk's own where that is another: 「5.92(填写 6.67)」."""
    computed = _number(result.score, digits) or _UNKNOWN
    typed = " ".join(typed.split())
    number = result.indicator.stated_score
    same = number is not None and shown(Fraction(number), digits) == computed
    return computed if not typed or same else f"{computed}(填写 {typed})"


def _number(value: Fraction | None, digits: int) -> str:
    return "" if value is None else shown(value, digits)


def _total_cell(form: Form) -> str:
    return form.cell("total.score").ref


def _titles(layout: Layout) -> dict[str, str]:
    return {key.removeprefix("indicator."): column.title for key, column in layout.columns.items()}
