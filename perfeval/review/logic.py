"""Entries that cannot be meant so: required ones left blank, hints left in, doubles, wrong kinds, wrong directions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from perfeval.findings import Finding
from perfeval.model import Indicator, Kind, Quantity
from perfeval.pack import Pack
from perfeval.review.context import ReviewContext, Rule

__all__ = ["RULES"]

_WRITTEN = ("name", "target", "actual", "shortfall_reason", "evidence")  # columns a clerk fills with words
_DIGITS = re.compile(r"\d+")
_UNSPOKEN = re.compile(r"[\W_]+")


def required(context: ReviewContext) -> Iterator[Finding]:
    """Header fields that must be filled; a field the form does not show at all is the reader's matter."""
    for path in context.pack.required:
        cell = context.form.fields.get(path)
        if cell is not None and cell.problem is None and context.says_nothing(cell.text):
            yield context.in_field("VAL103", path, label=context.name_of(path))


def placeholders(context: ReviewContext) -> Iterator[Finding]:
    """Hints and samples of the blank form that were not replaced."""
    words, whole = context.word_list("placeholder"), _whole(context.pack)
    form = context.form
    header = [(path, cell.text) for path, cell in form.fields.items()]
    sections = [(f"narrative.{key}", cell.text) for key, cell in form.narrative.items()]
    for path, text in header + sections:
        found = _placeholder(text, words, whole)
        if found:
            yield context.in_field("VAL102", path, label=context.name_of(path), found=found)
    for indicator in form.indicators:
        for key in _WRITTEN:
            found = _placeholder(indicator.text(key), words, whole)
            # In names 「猪舍(≥**平方米)」 is how some forms mark where the number goes.
            if found and not (key == "name" and not found.strip("*")):
                yield context.at("VAL102", indicator, key, found=found)


def percentages(context: ReviewContext) -> Iterator[Finding]:
    """More than the whole; growth and completion rates may be."""
    exempt = context.words("above_hundred")
    for indicator in context.form.indicators:
        for key, quantity in (("actual", indicator.actual), ("target", indicator.target)):
            if _above_hundred(quantity) and not exempt.search(indicator.name):
                yield context.at("VAL101", indicator, key, written=" ".join(quantity.text.split()))
                break


def duplicates(context: ReviewContext) -> Iterator[Finding]:
    """The same indicator in two rows."""
    seen: dict[str, Indicator] = {}
    for indicator in context.form.indicators:
        name = _UNSPOKEN.sub("", indicator.name)
        if not name:
            continue
        first = seen.setdefault(name, indicator)
        if first is not indicator:
            yield context.at("VAL104", indicator, "name", other_row=str(first.row), other=first.cell("name").ref)


def misplaced(context: ReviewContext) -> Iterator[Finding]:
    """An indicator whose name says that it belongs to another kind."""
    for indicator in context.form.indicators:
        match = context.words(f"misplaced.{indicator.level2}").search(indicator.name)
        if match:
            yield context.at("VAL105", indicator, "name", level2=indicator.level2, word=match.group())


def directions(context: ReviewContext) -> Iterator[Finding]:
    """Costs and incidents that must reach a minimum."""
    cost, larger = context.words("cost_kind"), context.words("larger_is_better")
    smaller = context.pack.scoring.lower_is_better.value
    for indicator in context.form.indicators:
        target = indicator.target
        if target.relation not in (">=", ">") or target.kind not in (Kind.NUMBER, Kind.PERCENT) or not target.value:
            continue
        if not (cost.search(indicator.level2) or any(word in indicator.name for word in smaller)):
            continue
        if not larger.search(indicator.name):
            yield context.at("VAL106", indicator, "target", target=" ".join(target.text.split()))


def dates(context: ReviewContext) -> Iterator[Finding]:
    """A date that lies after the year under review."""
    year = context.form.year
    if year is None:
        return
    for indicator in context.form.indicators:
        for key, quantity in (("target", indicator.target), ("actual", indicator.actual)):
            if quantity.date is not None and quantity.date.year > year:
                yield context.at("VAL107", indicator, key, written=" ".join(quantity.text.split()), year=str(year))


def _placeholder(text: str, words: tuple[str, ...], whole: frozenset[str]) -> str:
    """The hint left in `text`, "" when there is none."""
    if not text:
        return ""
    for word in words:
        if word in text:
            return word
    if len(text) < 12:
        stripped = text.strip()
        if _DIGITS.sub("#", stripped) in whole:
            return stripped
    return ""


def _above_hundred(quantity: Quantity) -> bool:
    if quantity.kind is not Kind.PERCENT or quantity.unit not in ("%", None):
        return False
    return any(value is not None and value > Decimal(100) for value in (quantity.value, quantity.upper))


@lru_cache(maxsize=32)
def _whole(pack: Pack) -> frozenset[str]:
    return frozenset(pack.review_words.get("placeholder_cell", ()))


RULES = (
    Rule(required, ("VAL103",)),
    Rule(placeholders, ("VAL102",)),
    Rule(percentages, ("VAL101",)),
    Rule(duplicates, ("VAL104",)),
    Rule(misplaced, ("VAL105",)),
    Rule(directions, ("VAL106",)),
    Rule(dates, ("VAL107",)),
)
