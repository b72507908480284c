"""What the summary (汇总) keeps of one file: small enough that ten thousand of them cross between processes.

A digest is made where the file was read, so that neither the workbook nor the form has to travel. Numbers are those
of the finished workbook: the total is the very `Decimal` it shows, with the exact value beside it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from perfeval.calculator import amount
from perfeval.findings import Finding, Severity
from perfeval.model import Basis, RowResult
from perfeval.numbers import exact_text, round_half_up, shown
from perfeval.planning import is_summary

if TYPE_CHECKING:
    from perfeval.model import Form
    from perfeval.pipeline import FormOutcome, Outcome

__all__ = ["Digest", "FormDigest", "Funds", "GroupScore", "IndicatorLine", "ProblemLine", "digest"]

_BASIS = {Basis.COMPUTED: "计算", Basis.STATED: "填报", Basis.UNVERIFIED: "未核实"}
_MET = {True: "是", False: "否", None: "无法判断"}


class IndicatorLine(NamedTuple):
    """A third-level indicator; every value as text, "" = none."""

    level1: str
    level2: str
    name: str
    weight: str
    target: str
    actual: str
    completion: str  # 0.8882 for 88.82 %
    score: str
    lost: str  # weight − score
    basis: str
    met: str
    reason: str
    evidence: str
    cell: str

    @property
    def fell_short(self) -> bool:
        """Whether the target was missed or points were lost."""
        return self.met == "否" or self.lost not in ("", "0")


class ProblemLine(NamedTuple):
    """Something to correct or to look at."""

    severity: str
    code: str
    sheet: str
    cell: str
    label: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class GroupScore:
    """A first-level indicator (一级指标) of one form."""

    name: str
    points: Fraction
    score: Decimal | None


@dataclass(frozen=True, slots=True)
class Funds:
    """The money of a form, in its own unit; None = 未填 or unreadable."""

    unit: str
    budget: Decimal | None
    allocated: Decimal | None
    spent: Decimal | None

    @property
    def received(self) -> Decimal | None:
        """What was received, or planned in forms that do not say what was received."""
        return self.budget if self.allocated is None else self.allocated

    @property
    def rate(self) -> Fraction | None:
        """执行率: spent ÷ received."""
        received = self.received
        return None if self.spent is None or not received else Fraction(self.spent) / Fraction(received)


@dataclass(frozen=True, slots=True)
class FormDigest:
    """One form of a file."""

    sheet: str
    form_id: str  # the same through all versions of a form
    revision: int
    pack: str
    pack_title: str
    full_marks: Fraction
    unit: str
    department: str
    project: str
    year: int | None
    status: str
    funds: Funds
    groups: tuple[GroupScore, ...]
    exact: str  # the unrounded total, "" when there is none
    shown: Decimal | None  # the total as the finished workbook shows it
    grade: str
    errors: int
    warnings: int
    lines: tuple[IndicatorLine, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """One file."""

    path: str
    output: str | None  # the finished workbook, when one was written
    status: str
    modified: int  # of the input, in nanoseconds; 0 when the file is gone
    forms: tuple[FormDigest, ...]
    problems: tuple[ProblemLine, ...]  # errors and reminders; what was merely normalised is no problem
    own: bool = False  # a summary written by this program


def digest(outcome: Outcome) -> Digest:
    """The digest of one file."""
    modified = 0
    with contextlib.suppress(OSError):
        modified = outcome.path.stat().st_mtime_ns
    status = outcome.status
    return Digest(
        path=str(outcome.path),
        output=None if outcome.output is None else str(outcome.output),
        status=status,
        modified=modified,
        forms=tuple([_form(entry, outcome, status) for entry in outcome.forms]),
        problems=tuple([_problem(f) for f in outcome.findings if f.severity is not Severity.NOTE]),
        own=not outcome.forms and is_summary(outcome.path),
    )


def _form(entry: FormOutcome, outcome: Outcome, status: str) -> FormDigest:
    pack, form, evaluation = entry.pack, entry.form, entry.evaluation
    digits, total = pack.rounding.digits, evaluation.total
    severities = Counter([f.severity for f in outcome.findings if f.sheet in ("", form.sheet)])
    rows = evaluation.rows if evaluation.funds_score is None else (evaluation.funds_score, *evaluation.rows)
    return FormDigest(
        sheet=form.sheet,
        form_id=entry.form_id,
        revision=entry.revision,
        pack=pack.id,
        pack_title=pack.title,
        full_marks=pack.total,
        unit=form.text("unit_name").strip(),
        department=form.text("department").strip(),
        project=form.text("project").strip(),
        year=form.year,
        status="failed" if status == "failed" else _status(severities),
        funds=_funds(form, pack.money_unit),
        groups=tuple(
            GroupScore(group.name, group.weight, None if group.score is None else round_half_up(group.score, digits))
            for group in evaluation.groups
        ),
        exact="" if total is None else exact_text(total.exact),
        shown=None if total is None else total.shown,
        grade="" if total is None else total.grade or "",
        errors=severities[Severity.ERROR],
        warnings=severities[Severity.WARNING],
        lines=tuple(_lines(rows, digits)),
    )


def _status(severities: Counter[Severity]) -> str:
    gravest = (severity.value for severity in (Severity.ERROR, Severity.WARNING) if severities[severity])
    return next(gravest, "ok")


def _funds(form: Form, unit: str) -> Funds:
    budget, allocated, spent = (amount(form, f"funds.{name}")[0] for name in ("budget", "allocated", "spent"))
    return Funds(unit, budget, allocated, spent)


def _lines(rows: tuple[RowResult, ...], digits: int) -> Iterator[IndicatorLine]:
    for row in rows:
        indicator = row.indicator
        yield IndicatorLine(
            indicator.level1,
            indicator.level2,
            indicator.name,
            _rounded(row.weight, digits),
            indicator.target.text.strip(),
            indicator.actual.text.strip(),
            _rounded(row.completion, 4),
            _rounded(row.score, digits),
            _lost(row, digits),
            "" if row.basis is None else _BASIS[row.basis],
            _MET[row.met],
            indicator.text("shortfall_reason").strip(),
            indicator.text("evidence").strip(),
            indicator.cell("score").ref,
        )


def _rounded(value: Fraction | None, digits: int) -> str:
    return "" if value is None else shown(value, digits)


def _lost(row: RowResult, digits: int) -> str:
    if row.score is None or row.weight is None:
        return ""
    return "0" if row.score == row.weight else shown(row.weight - row.score, digits)


def _problem(finding: Finding) -> ProblemLine:
    return ProblemLine(
        finding.severity.label,
        finding.code,
        finding.sheet,
        finding.cell,
        finding.label,
        finding.message,
        finding.fix,
    )
