"""Makes the record of a form that is being written: what the next reader of the workbook is to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter

from perfeval.canvas import FormPlan
from perfeval.findings import Finding
from perfeval.layout import COMPUTED, Layout
from perfeval.memory import MOST_FINDINGS, MOST_PARAMETER, FormRecord, RowRecord
from perfeval.merging import APART, places
from perfeval.model import Cell, CellProblem, RowResult
from perfeval.numbers import decimal_text, exact_text
from perfeval.outcome import FormOutcome
from perfeval.workbook.compose import Formula, Value

__all__ = ["blank_record", "record_of", "remembered"]

_COMPUTED_COLUMNS = ("score", "weight")


def blank_record(layout: Layout) -> FormRecord:
    """The record of a form that is handed out: which pack it is of."""
    return FormRecord(layout.sheet, layout.pack.id, layout.pack.version, "", 0)


def record_of(outcome: FormOutcome, layout: Layout, plan: FormPlan, sheet: str) -> FormRecord:
    """The record of a form planned as `plan`, to be written to `sheet`."""
    form, pack = outcome.form, outcome.pack
    # In the order of the sheet that is written, in which they will be read.
    placed = [(plan.row_of(result.indicator.row), result) for result in outcome.evaluation.rows]
    placed.sort(key=itemgetter(0))
    fields = {
        path: cell.typed
        for path, cell in sorted(form.fields.items())
        if not path.startswith(COMPUTED) and cell.typed.strip()
    }
    if "year" in layout.places and "year" not in fields and form.year is not None:
        fields["year"] = str(form.year)
    columns = [key.removeprefix("indicator.") for key in layout.columns if key.startswith("indicator.")]
    texts = ((key, outcome.narrative.get(key, "")) for key in layout.sections)
    return FormRecord(
        sheet=sheet,
        pack=pack.id,
        pack_version=pack.version,
        id=outcome.form_id,
        revision=outcome.revision,
        whole=True,
        fields=fields,
        rows=tuple([_row(result, row, plan, columns) for row, result in placed]),
        printed=tuple(plan.printed),
        narrative={key: text for key, text in texts if text.strip()},
        drafts=tuple(key for key in layout.sections if not form.narrative.get(key)),
        totals=dict(_totals(layout, plan)),
        typed={path: cell for path, cell in sorted(form.fields.items()) if path.startswith(COMPUTED) and cell},
        problems=_problems({p: cell for p, cell in sorted(form.fields.items()) if not p.startswith(COMPUTED)}),
        strays=tuple(sorted(stray.cell.typed for stray in form.strays)),
        absent=tuple(_absent(outcome, layout)),
        findings=outcome.past.findings if outcome.past and outcome.unchanged else tuple(_placed(outcome, plan)),
    )


def remembered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those of `findings` that a record can hold."""
    short = [f for f in findings if all(len(text) <= MOST_PARAMETER for text in f.params.values())]
    return tuple(short[:MOST_FINDINGS])


def _row(result: RowResult, row: int, plan: FormPlan, columns: Sequence[str]) -> RowRecord:
    """The record of an indicator that is written to `row`; `columns` are those of the form."""
    indicator, cells = result.indicator, result.indicator.cells
    texts: dict[str, str] = {}
    problems: dict[str, CellProblem] = {}
    for key in columns:
        cell = cells.get(key)
        if key == "criterion":
            if text := plan.criteria.get(row, ""):
                texts[key] = text
        elif cell is not None and key not in APART and (text := cell.text or cell.typed).strip():
            texts[key] = text
        if cell is not None and cell.problem is not None and key not in _COMPUTED_COLUMNS:
            problems[key] = cell.problem
    stated = {"score": indicator.stated_score, "weight": indicator.stated_weight}
    return RowRecord(
        row=row,
        group=indicator.group,
        kind=indicator.level2,
        name=indicator.name,
        texts=texts,
        weight=None if result.weight is None else exact_text(result.weight),
        score=None if result.score is None else exact_text(result.score),
        formula=result.score_formula,
        basis=None if result.basis is None else result.basis.value,
        typed={key: cell for key in _COMPUTED_COLUMNS if (cell := cells.get(key))},
        stated={key: number for key, number in stated.items() if number is not None},
        problems=problems,
    )


def _absent(outcome: FormOutcome, layout: Layout) -> Iterator[str]:
    """Places of the form that the sheet we read did not have; the one we write has them all."""
    form = outcome.form
    for column in layout.columns:
        key = column.removeprefix("indicator.")
        if key != column and form.indicators and all(key not in i.cells for i in form.indicators):
            yield f"column {key}"
    for path in layout.places:
        section = path.removeprefix("narrative.")
        if path not in form.fields and section == path:
            yield f"field {path}"
        elif section != path and section not in form.narrative:
            yield f"text {section}"


def _problems(cells: Mapping[str, Cell]) -> dict[str, CellProblem]:
    return {key: cell.problem for key, cell in cells.items() if cell.problem is not None}


def _totals(layout: Layout, plan: FormPlan) -> Iterator[tuple[str, str]]:
    """The computed header fields as they stand in the sheet."""
    for path, template_row, column in _computed_places(layout):
        row = plan.sheet.rows[plan.spans[template_row][0] - 1]
        if text := _value_text(row.values.get(column)):
            yield path, text


@lru_cache(maxsize=64)
def _computed_places(layout: Layout) -> tuple[tuple[str, int, int], ...]:
    found = ((slot.path, slot.row, slot.column) for slot in layout.slots)
    return tuple((path, row, column) for path, row, column in found if path and path.startswith(COMPUTED))


def _value_text(value: Value) -> str:
    if isinstance(value, Formula):
        return value.value if isinstance(value.value, str) else format(value.value, ".15g")
    return decimal_text(value) if isinstance(value, Decimal) else str(value or "")


def _placed(outcome: FormOutcome, plan: FormPlan) -> Iterator[tuple[Finding, str]]:
    """What there was to say about reading, each with its place: see `merging.places`."""
    known: dict[str, str] = {}
    if outcome.reading:
        # In the order in which they will be read from the sheet that is written.
        strays = sorted(outcome.form.strays, key=lambda stray: plan.positions.get(stray.cell.ref, (0, 0)))
        for place, address in places(replace(outcome.form, strays=tuple(strays))):
            known.setdefault(address, place)
    for finding in remembered(outcome.reading):
        yield finding, known.get(finding.cell, finding.cell) if finding.cell else ""
