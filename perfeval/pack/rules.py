"""From the tables of `rules.toml` to a `Pack`: the closed vocabulary of the rules in one place.

Each function asks one table for the keys it may hold. Method names and their parameters stand in `METHODS`, by the
situation they may be chosen for; `perfeval.calculator.methods` holds the functions of these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from perfeval.pack.model import (
    Band,
    Criterion,
    Execution,
    FixedIndicator,
    Group,
    KindRule,
    Method,
    NotApplicable,
    Pack,
    Rounding,
    Scoring,
    Setting,
    Source,
)
from perfeval.pack.table import Problems, Table

__all__ = ["COLUMNS", "KIND_METHODS", "METHODS", "MISPLACED", "RELATIONS", "REVIEW", "WORDS", "parse_rules"]

# Situation → the methods a pack may choose there. The first is what most published forms do.
METHODS: Mapping[str, tuple[str, ...]] = {
    "at_least": ("ratio", "exact", "steps"),
    "at_most": ("target_over_actual", "linear_excess", "exact", "steps"),
    "equal": ("ratio", "exact", "steps"),
    "between": ("range", "exact"),
    "date": ("by_date", "stated"),
    "zero_target": ("zero_target", "stated"),
    "grade": ("bands", "stated"),
    "over": ("none", "remind", "require_reason", "deduct", "cut"),
}
KIND_METHODS = ("steps", "exact", "stated")  # what may serve a whole second-level indicator
RELATIONS = (">=", "<=", "=")
REVIEW = ("execution_warn", "execution_reason", "over_achievement", "outrun", "idle_execution", "full_marks_rows")
COLUMNS = (
    "level1.name",
    "level1.weight",
    "level2.name",
    "level2.weight",
    "indicator.name",
    "indicator.weight",
    "indicator.relation",
    "indicator.target",
    "indicator.unit",
    "indicator.actual",
    "indicator.score",
    "indicator.shortfall_reason",
    "indicator.criterion",
    "indicator.evidence",
)
# Topics of [words]; each is asked for by a rule of the review. 「misplaced.」 goes with the name of a kind.
WORDS = (
    *("nothing", "shortfall", "fulfilled", "cause", "money", "placeholder", "satisfaction", "survey", "survey_other"),
    *("weak_evidence", "evidence_mark", "above_hundred", "cost_kind", "larger_is_better", "measure", "filler"),
    *("amount.budget", "amount.allocated", "amount.spent", "rate.execution", "part", "portion", "elsewhen", "intended"),
    *("count.indicators", "count.level", "count.met", "count.missed", "goal.all", "goal.almost", "project_marker"),
    *("project_filler", "project_other", "self_reference", "unit_suffix", "count.intro", "count.attribute"),
    *("confirmed", "whole"),
)
MISPLACED = "misplaced."
_MONEY_UNITS = ("万元", "元", "亿元")


def parse_rules(
    values: Mapping[str, object], folder: Path, form_folder: Path, narrative: Mapping[str, str], problems: Problems
) -> Pack:
    """The pack that `values` describe; only to be used when `problems` then holds no error."""
    root = Table(values, "", problems)
    sources = _sources(root)
    year = root.integer("year", 1990, 2100)
    root.text("extends", "")
    grades = [_grade(table) for table in root.tables("grades", required=False)]
    not_applicable = root.table("not_applicable")
    review = root.table("review")
    pack = Pack(
        id=root.text("id"),
        title=root.text("title"),
        version=root.text("version"),
        year=year,
        total=root.number("total", low=1),
        money_unit=root.choice("money_unit", _MONEY_UNITS),
        folder=folder,
        sources=sources,
        groups=tuple(_group(table) for table in root.tables("groups")),
        criteria=tuple(_criterion(table) for table in root.tables("criteria", required=False)),
        scoring=_scoring(root.table("scoring")),
        rounding=_rounding(root.table("rounding")),
        grades=tuple((name, low) for name, low, _ in grades),
        grades_source=next((source for _, _, source in grades), ""),
        not_applicable=NotApplicable(
            cast("Literal['forbid', 'rescale']", not_applicable.choice("policy", ("forbid", "rescale"))),
            not_applicable.texts("words", required=True),
            not_applicable.source(),
        ),
        required=review.texts("required"),
        review={key: _threshold(review.table(key)) for key in REVIEW if key in review},
        columns=_columns(root.table("columns")),
        labels=_words(root.table("labels", required=False)),
        narrative=narrative,
        review_words=_review_words(root),
        form_folder=form_folder,
    )
    review.keys_known(REVIEW)
    root.keys_known(("words",))
    for table in (not_applicable, review, root):
        table.done()
    return pack


def _sources(root: Table) -> dict[str, Source]:
    tables = root.table("sources")
    root.problems.sources = tables.keys
    found = {}
    for key in tables.keys:
        table = tables.table(key)
        found[key] = Source(key, table.text("title"), table.date("checked_on"))
        table.done()
    return found


def _group(table: Table) -> Group:
    execution = table.table("execution", required=False) if "execution" in table else None
    group = Group(
        name=table.text("name"),
        points=Fraction(0) if "points_with" in table else table.number("points"),
        weights=cast("Literal['fixed', 'equal', 'stated']", table.choice("weights", ("fixed", "equal", "stated"))),
        scoring=cast(
            "Literal['measured', 'stated', 'execution']", table.choice("scoring", ("measured", "stated", "execution"))
        ),
        kinds=tuple(_kind(kind) for kind in table.tables("kinds", required=False)),
        source=table.source(),
        words=table.texts("words"),
        printed=table.text("printed", "") or None,
        points_with=table.text("points_with", "") or None,
        weights_text=table.text("weights_text", "") or None,
        weights_digits=table.integer("weights_digits", 0, 6),
        execution=_execution(execution) if execution else None,
    )
    table.keys_known(("execution", "points_with"))
    table.done()
    return group


def _execution(table: Table) -> Execution:
    execution = Execution(
        base=cast(
            "Literal['funds.budget', 'funds.allocated']", table.choice("base", ("funds.allocated", "funds.budget"))
        ),
        nothing=cast("Literal['full', 'zero', 'ask']", table.choice("nothing", ("full", "zero", "ask"))),
        source=table.source(),
    )
    table.done()
    return execution


def _kind(table: Table) -> KindRule:
    kind = KindRule(
        name=table.text("name"),
        words=table.texts("words"),
        indicators=tuple(_fixed(indicator) for indicator in table.tables("indicators", required=False)),
        method=_method(table.table("method"), KIND_METHODS) if "method" in table else None,
    )
    table.keys_known(("method",))
    table.done()
    return kind


def _fixed(table: Table) -> FixedIndicator:
    indicator = FixedIndicator(table.text("name"), table.number("weight"), table.text("criterion", ""), table.source())
    table.done()
    return indicator


def _criterion(table: Table) -> Criterion:
    criterion = Criterion(table.texts("groups", required=True), table.text("text").strip("\n"), table.source())
    table.done()
    return criterion


def _scoring(table: Table) -> Scoring:
    relation = table.table("default_relation")
    floor = table.table("floor")
    lower = table.table("lower_is_better")
    scoring = Scoring(
        methods={situation: _method(table.table(situation), allowed) for situation, allowed in METHODS.items()},
        default_relation=Setting(relation.choice("value", RELATIONS), relation.source()),
        floor=Setting(floor.number("value", 0, 100), floor.source()),
        bands=tuple(_band(band) for band in table.tables("bands")),
        lower_is_better=Setting(lower.texts("words", required=True), lower.source()),
    )
    for inner in (relation, floor, lower, table):
        inner.done()
    return scoring


def _method(table: Table, allowed: tuple[str, ...]) -> Method:
    name = table.choice("method", allowed)
    params: dict[str, object] = {}
    if name == "linear_excess":
        params["zero_from"] = table.number("zero_from", 101, default=Fraction(200))
    elif name == "steps":
        params["of"] = table.choice("of", ("actual", "completion"))
        params["steps"] = tuple(_step(step) for step in table.tables("steps"))
        if params["of"] == "actual":
            params["unit"] = table.text("unit")
    elif name in ("remind", "require_reason", "deduct", "cut"):
        params["from"] = table.number("from", 100)
        if name == "deduct":
            params["share"] = table.number("share", 0, 100)
    method = Method(name, table.source(), params)
    table.done()
    return method


def _step(table: Table) -> tuple[Fraction, Fraction]:
    step = table.number("from"), table.number("share", 0, 100)
    table.done()
    return step


def _band(table: Table) -> Band:
    band = Band(
        name=table.text("name"),
        words=table.texts("words"),
        low=table.number("from", 0, 100),
        high=table.number("to", 0, 100),
        source=table.source(),
    )
    table.done()
    return band


def _rounding(table: Table) -> Rounding:
    rounding = Rounding(
        total=cast("Literal['unrounded', 'rounded_rows']", table.choice("total", ("unrounded", "rounded_rows"))),
        digits=table.required_integer("digits", 0, 6),
        source=table.source(),
    )
    table.done()
    return rounding


def _grade(table: Table) -> tuple[str, Fraction, str]:
    grade = table.text("name"), table.number("from"), table.source()
    table.done()
    return grade


def _threshold(table: Table) -> Setting[Fraction]:
    threshold = Setting(table.number("value"), table.source())
    table.done()
    return threshold


def _columns(table: Table) -> dict[str, tuple[str, ...]]:
    found = {key: table.texts(key, required=True) for key in COLUMNS if key in table}
    table.keys_known(COLUMNS)
    table.done()
    return found


def _review_words(root: Table) -> dict[str, tuple[str, ...]]:
    if "words" not in root:
        return {}
    table = root.table("words")
    table.source()
    misplaced = [key for key in table.keys if key.startswith(MISPLACED)]
    found = {key: table.texts(key, required=True) for key in (*WORDS, *misplaced) if key in table}
    table.keys_known(WORDS)
    table.done()
    return found


def _words(table: Table) -> dict[str, tuple[str, ...]]:
    return {key: table.texts(key, required=True) for key in table.keys}
