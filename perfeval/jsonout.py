"""The JSON of `check` and `fill` (design §6): the contract for people who script against the program.

Amounts and scores are strings, because a JSON number would turn 98.854902 or 0.10 into binary noise in most readers.
`None` stays null: a blank is not 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from perfeval.calculator import amount
from perfeval.findings import Finding
from perfeval.numbers import cut_text, decimal_text, exact_text, shown
from perfeval.patterns import lazy_pattern

if TYPE_CHECKING:
    from perfeval.model import Form, Quantity, RowResult
    from perfeval.pipeline import FormOutcome, Outcome

__all__ = ["VERSION", "document", "dumps", "file_object", "file_text", "finding_object"]

VERSION = 1
_RATIO_DIGITS = 12
_LONE_SURROGATE = lazy_pattern("[\ud800-\udfff]")


def file_text(outcome: Outcome) -> str:
    """One entry of `files` as JSON on one line."""
    return dumps(file_object(outcome))


def file_object(outcome: Outcome) -> dict[str, Any]:
    """One entry of `files`. A workbook with several forms states the first one here and all of them in `forms`."""
    forms = [_form_entry(entry) for entry in outcome.forms]
    entry: dict[str, Any] = {
        "path": str(outcome.path),
        "output": None if outcome.output is None else str(outcome.output),
        "pack": None,
        "status": outcome.status,
        "form": None,
        "groups": [],
        "indicators": [],
        "funds_score": None,
        "total": None,
        "notes": [],
        "narrative": {},
    }
    if forms:
        entry |= {key: value for key, value in forms[0].items() if key in entry}
    if len(forms) > 1:
        entry["forms"] = forms
    entry["findings"] = [finding_object(finding) for finding in outcome.findings]
    if outcome.bug is not None:
        entry["bug"] = outcome.bug.strip().rpartition("\n")[2]  # the exception; the traceback is in the log
    return entry


def finding_object(finding: Finding) -> dict[str, str]:
    """One entry of `findings`."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "sheet": finding.sheet,
        "cell": finding.cell,
        "label": finding.label,
        "message": finding.message,
        "fix": finding.fix,
    }


def document(files: Iterable[str], after: Callable[[], Mapping[str, Any]] = dict) -> Iterator[str]:
    """The whole document as pieces of text, from entries already turned into JSON: memory stays flat.

    `after` gives further members, asked for once all files are through. Nothing comes before the first file is
    there, so that a run that cannot start leaves no half of a document.
    """
    opening = f'{{"version": {VERSION}, "files": ['
    for text in files:
        yield f"{opening}\n{text}"
        opening = ","
    if opening != ",":
        yield opening
    rest = "".join(f", {dumps(key)}: {dumps(value)}" for key, value in after().items())
    yield f"\n]{rest}}}\n"


def dumps(value: object) -> str:
    """Compact JSON on one line; a path that is not valid text is written with `\\udcXX` escapes, never refused."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _form_entry(entry: FormOutcome) -> dict[str, Any]:
    pack, form, evaluation = entry.pack, entry.form, entry.evaluation
    digits = pack.rounding.digits
    total = evaluation.total
    return {
        "sheet": form.sheet,
        "pack": pack.id,
        "form": _form_object(form),
        "groups": [
            {"level1": group.name, "weight": _exact(group.weight, digits), "score": _exact(group.score, digits)}
            for group in evaluation.groups
        ],
        "indicators": [_row_object(row, digits) for row in evaluation.rows],
        "funds_score": None if evaluation.funds_score is None else _exact(evaluation.funds_score.score, digits),
        "total": None
        if total is None
        else {"exact": exact_text(total.exact), "shown": decimal_text(total.shown), "grade": total.grade},
        "notes": list(evaluation.notes),
        "narrative": dict(entry.narrative),
    }


def _form_object(form: Form) -> dict[str, Any]:
    budget, allocated, spent = (amount(form, f"funds.{name}")[0] for name in ("budget", "allocated", "spent"))
    base = budget if allocated is None else allocated
    rate = None if spent is None or not base else Fraction(spent) / Fraction(base)
    return {
        "unit_name": form.text("unit_name"),
        "project": form.text("project"),
        "year": form.year,
        "project_level": form.text("project_level"),
        "contact": {key: form.text(f"contact.{key}") for key in ("name", "phone", "email")},
        "funds": {
            "budget": _decimal(budget),
            "allocated": _money(form, "funds.allocated", allocated),
            "spent": _money(form, "funds.spent", spent),
            "execution_rate": None if rate is None else cut_text(rate, _RATIO_DIGITS),
        },
        "goal": {key: form.text(f"goal.{key}") for key in ("expected", "achieved")},
    }


def _money(form: Form, path: str, total: Decimal | None) -> dict[str, str | None]:
    """A sum with its parts: the two every form is asked for, and those only this one has."""
    own = (place.removeprefix(f"{path}.") for place in form.fields if place.startswith(f"{path}."))
    parts = {key: _decimal(form.amount(f"{path}.{key}")) for key in ("own_level", "transferred", *own)}
    return {**parts, "total": _decimal(total)}


def _row_object(row: RowResult, digits: int) -> dict[str, Any]:
    indicator = row.indicator
    return {
        "level1": indicator.level1,
        "level2": indicator.level2,
        "name": indicator.name,
        "weight": _exact(row.weight, digits),
        "target": _quantity_object(indicator.target),
        "actual": _quantity_object(indicator.actual),
        "completion": None if row.completion is None else cut_text(row.completion, _RATIO_DIGITS),
        "score": _exact(row.score, digits),
        "stated_score": None if indicator.stated_score is None else decimal_text(indicator.stated_score),
        "basis": None if row.basis is None else row.basis.value,
        "met": row.met,
        "shortfall_reason": indicator.text("shortfall_reason"),
        "criterion": indicator.text("criterion"),
        "evidence": indicator.text("evidence"),
        "explanation": row.explanation,
        "cells": {key: cell.ref for key, cell in indicator.cells.items() if cell.ref},
    }


def _quantity_object(quantity: Quantity) -> dict[str, Any]:
    return {
        "text": quantity.text,
        "relation": quantity.relation,
        "value": _decimal(quantity.value),
        "upper": _decimal(quantity.upper),
        "unit": quantity.unit,
        "kind": quantity.kind.value,
    }


def _exact(value: Fraction | None, digits: int) -> dict[str, str] | None:
    return None if value is None else {"exact": exact_text(value), "shown": shown(value, digits)}


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)
