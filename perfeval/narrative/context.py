"""What a text block may speak of: the same names as the placeholders of the form, and what was computed.

unit_name project project_level year contact.* goal.* legal_basis …   texts, "" = 未填; `year` a number or none
funds.budget, funds.allocated.*, funds.spent.* (with `.total`)        amounts, none = 未填
funds.execution_rate, funds.budget_rate, funds.unspent                spent ÷ allocated, spent ÷ budget, the rest
funds.low                                                             so little is spent that a reason is asked for
funds.points, funds.score                                             of packs that score the execution, else none
groups, measured, stated                                              see `Rows`
unverified                                                            `unverified` of both, together
total.score, total.weight, total.grade                                none as long as a row has no score
money_unit, review.*                                                  unit, thresholds of the pack
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from perfeval.calculator import amount
from perfeval.model import Basis, Evaluation, Form, GroupResult, Kind, RowResult
from perfeval.numbers import exact_sum, fraction
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = ["TEXTS", "Row", "Rows", "context_of"]

# Header fields every block may name, whether or not this city's form has them.
TEXTS = (
    "unit_name",
    "department",
    "project",
    "project_level",
    "legal_basis",
    "contact.name",
    "contact.phone",
    "contact.email",
    "goal.expected",
    "goal.achieved",
)
_NO_TEXTS = dict.fromkeys(TEXTS, "")
_PARTS = ("own_level", "transferred")
_UNIT = lazy_pattern(r"\s*[(（][^()（）]*[)）]$")


@record(frozen=True, slots=True)
class Row:
    """An indicator with its result."""

    level1: str
    level2: str
    name: str
    title: str  # the name without the unit in brackets behind it
    target: str
    actual: str
    weight: Fraction | None
    score: Fraction | None
    completion: Fraction | None
    qualitative: bool  # the result is a band or judgement, which names its own ratio
    met: bool | None  # 达标; none: not known
    verified: bool  # False: no score, or only the clerk's own
    shortfall_reason: str  # as written
    reason: str  # the same, "" where it only says that there is none
    criterion: str
    evidence: str


@record(frozen=True, slots=True)
class Rows:
    """The indicators of one group, or of several together."""

    name: str  # 产出; "" of several
    names: tuple[str, ...]  # `measured.names | listed` is 产出和效益
    weight: Fraction
    score: Fraction | None
    rows: tuple[Row, ...]
    met: tuple[Row, ...]
    missed: tuple[Row, ...]
    unknown: tuple[Row, ...]  # cannot be said whether it is met
    deducted: tuple[Row, ...]  # score below the weight
    unverified: tuple[Row, ...]  # no score, or only the clerk's own
    groups: tuple[Rows, ...] = ()  # of several: each of them


def context_of(pack: Pack, form: Form, evaluation: Evaluation) -> dict[str, Any]:
    """The names a text block may use, with their values."""
    nothing = frozenset(pack.review_words.get("nothing", ()))
    by_group: dict[str, list[Row]] = {group.name: [] for group in pack.groups}
    for result in evaluation.rows:
        if result.weight is None or result.weight:  # a row that does not apply carries no weight and is not spoken of
            by_group[result.indicator.group].append(_row(result, nothing))
    groups = {group.name: _group(group, by_group[group.name]) for group in evaluation.groups}
    total = evaluation.total
    measured, stated = (
        _together(groups[group.name] for group in pack.groups if group.scoring == scoring)
        for scoring in ("measured", "stated")
    )
    context = _texts(form)
    context |= {
        "year": form.year,
        "funds": _funds(form, evaluation, reason.value if (reason := pack.review.get("execution_reason")) else None),
        "groups": tuple(groups.values()),
        "measured": measured,
        "stated": stated,
        "unverified": measured.unverified + stated.unverified,
        "total": {
            "score": total.shown if total else None,
            "weight": pack.total,
            "grade": total.grade if total else None,
        },
        "money_unit": pack.money_unit,
        "review": {name: setting.value for name, setting in pack.review.items()},
    }
    return context


def _row(result: RowResult, nothing: frozenset[str]) -> Row:
    indicator = result.indicator
    written = indicator.text("shortfall_reason").strip()
    return Row(
        indicator.level1,
        indicator.level2,
        indicator.name,
        _UNIT.sub("", indicator.name) or indicator.name,
        indicator.target.text.strip(),
        indicator.actual.text.strip(),
        result.weight,
        result.score,
        result.completion,
        indicator.actual.kind is Kind.GRADE,
        result.met,
        result.score is not None and result.basis is not Basis.UNVERIFIED,
        written,
        "" if written in nothing or not written.strip("。；;，,、.") else written,
        indicator.text("criterion").strip(),
        indicator.text("evidence").strip(),
    )


def _group(result: GroupResult, rows: Sequence[Row]) -> Rows:
    return Rows(
        result.name,
        (result.name,),
        result.weight,
        result.score,
        tuple(rows),
        tuple([row for row in rows if row.met]),
        tuple([row for row in rows if row.met is False]),
        tuple([row for row in rows if row.met is None]),
        tuple([row for row in rows if _deducted(row)]),
        tuple([row for row in rows if not row.verified]),
    )


def _deducted(row: Row) -> bool:
    score, weight = row.score, row.weight
    return score is not None and weight is not None and score is not weight and score < weight


def _together(several: Iterable[Rows]) -> Rows:
    groups = tuple(several)
    scores = [group.score for group in groups if group.score is not None]
    return Rows(
        "",
        tuple([group.name for group in groups]),
        exact_sum([group.weight for group in groups]),
        exact_sum(scores) if len(scores) == len(groups) else None,
        tuple([row for group in groups for row in group.rows]),
        tuple([row for group in groups for row in group.met]),
        tuple([row for group in groups for row in group.missed]),
        tuple([row for group in groups for row in group.unknown]),
        tuple([row for group in groups for row in group.deducted]),
        tuple([row for group in groups for row in group.unverified]),
        groups,
    )


def _texts(form: Form) -> dict[str, Any]:
    """Header fields as nested tables of texts."""
    texts: dict[str, Any] = {}
    fields = form.fields
    for path in {**_NO_TEXTS, **form.labels, **fields}:  # labels: also of places that the clerk removed
        if not path.startswith(("funds.", "narrative.")):
            _put(texts, path, fields[path].text.strip() if path in fields else "")
    return texts


def _funds(form: Form, evaluation: Evaluation, reason_below: Fraction | None) -> dict[str, Any]:
    """Amounts of money as nested tables, with their totals and ratios; a reason is asked for below that percentage."""
    funds: dict[str, Any] = {"allocated": dict.fromkeys(_PARTS), "spent": dict.fromkeys(_PARTS)}
    for path in {**form.labels, **form.fields}:
        if path.startswith("funds."):
            _put(funds, path.removeprefix("funds."), form.amount(path))
    budget, allocated, spent = (amount(form, f"funds.{name}")[0] for name in ("budget", "allocated", "spent"))
    funds["budget"] = budget
    funds["allocated"]["total"] = allocated
    funds["spent"]["total"] = spent
    funds["execution_rate"] = _ratio(spent, allocated)
    funds["budget_rate"] = _ratio(spent, budget)
    scored = evaluation.funds_score
    funds["points"] = scored.weight if scored else None
    funds["score"] = scored.score if scored else None
    funds["unspent"] = None if spent is None or allocated is None else allocated - spent
    rate, rest = funds["execution_rate"], funds["unspent"]
    funds["low"] = rate is not None and rest > 0 and reason_below is not None and rate * 100 < reason_below
    return funds


def _put(table: dict[str, Any], path: str, value: object) -> None:
    """Set "contact.name" in the table "contact"; a name that has parts is not a value itself."""
    parent, dot, name = path.partition(".")
    while dot:
        inner = table.get(parent)
        if not isinstance(inner, dict):
            inner = table[parent] = {}
        table = inner
        parent, dot, name = name.partition(".")
    name = parent
    if not isinstance(table.get(name), dict):
        table[name] = value


def _ratio(part: Decimal | None, whole: Decimal | None) -> Fraction | None:
    return None if part is None or not whole else fraction(part) / fraction(whole)
