"""Compares two workbooks, or one with what it remembers of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perfeval.diff.changes import FormChanges, changes
from perfeval.diff.views import View, view_of, view_of_record
from perfeval.findings import Finding
from perfeval.pipeline import FormOutcome, Options, Outcome, inspect, layout_of

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing."""

    old: Path | None  # None: the record in the new workbook
    new: Path
    forms: tuple[FormChanges, ...]
    findings: tuple[Finding, ...]  # why something could not be compared, each with the file in its sentence
    bugs: tuple[str, ...] = ()  # tracebacks, when the fault is ours

    @property
    def count(self) -> int:
        """How many changes there are."""
        return sum(len(form.changes) for form in self.forms)


def compare(old: Path | None, new: Path, options: Options) -> Comparison:
    """All changes from `old` to `new`; without `old`, those since we wrote `new` last."""
    now = inspect(new, options)
    before = None if old is None else inspect(old, options)
    read = [outcome for outcome in (before, now) if outcome is not None]
    bugs = tuple(outcome.bug for outcome in read if outcome.bug)
    if faults := [finding for outcome in read for finding in _obstacles(outcome)]:
        return Comparison(old, new, (), tuple(faults), bugs)
    if before is None:
        found, missing = _with_records(now)
    else:
        found, missing = _with_forms(before.forms, now.forms)
    return Comparison(old, new, tuple(found), tuple(missing), bugs)


def _obstacles(outcome: Outcome) -> list[Finding]:
    """Why a file has no form to compare."""
    if outcome.forms:
        return []
    return [Finding(f.code, f.cell, f.label, f.params, f.sheet or outcome.path.name) for f in outcome.findings]


def _with_records(now: Outcome) -> tuple[list[FormChanges], list[Finding]]:
    found: list[FormChanges] = []
    missing: list[Finding] = []
    for form in now.forms:
        if form.past is None or not form.past.whole:
            missing.append(Finding("TPL044", sheet=form.form.sheet, params={"path": str(now.path)}))
            continue
        layout = layout_of(form.pack)
        view = view_of(form, layout)
        found.append(_form_changes(view_of_record(form.past, layout), view, form, form.past.revision))
    return found, missing


def _with_forms(before: Sequence[FormOutcome], now: Sequence[FormOutcome]) -> tuple[list[FormChanges], list[Finding]]:
    """Forms are paired by the name of their sheet, else in their order."""
    left = list(before)
    found: list[FormChanges] = []
    missing: list[Finding] = []
    for form in now:
        match = next((other for other in left if other.form.sheet == form.form.sheet), left[0] if left else None)
        if match is None:
            missing.append(Finding("TPL045", sheet=form.form.sheet))
            continue
        left.remove(match)
        old, new = view_of(match, layout_of(match.pack)), view_of(form, layout_of(form.pack))
        found.append(_form_changes(old, new, form, match.revision))
    missing += [Finding("TPL046", sheet=other.form.sheet) for other in left]
    return found, missing


def _form_changes(old: View, new: View, form: FormOutcome, revision: int) -> FormChanges:
    return FormChanges(new.sheet, old.sheet, changes(old, new), form.form_id, (revision, form.revision))
