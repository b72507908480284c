"""Entries that cannot be meant so: required ones left blank, hints left in, doubles, wrong kinds, wrong directions."""

from __future__ import annotations

from collections.abc import Iterator

from perfeval.findings import Finding
from perfeval.model import Indicator, Kind, Quantity
from perfeval.patterns import lazy_pattern
from perfeval.quantity import is_placeholder
from perfeval.review.context import ReviewContext, Rule

__all__ = ["RULES"]

_WRITTEN = ("name", "shortfall_reason", "evidence")  # columns of words; what is no number is the calculator's matter
_AROUND = 6  # letters quoted on either side of a hint
_LEFTOVER = 12  # what is longer and a leftover of the blank form holds one of the pack's words
_SUSPECT = lazy_pattern(r"…|\.\.|[*×xX_]|[^\W\d]\d+\s*\W?\s*$")  # every leftover of a blank form has one of these
_UNSPOKEN = lazy_pattern(r"[\W_]+")


def required(context: ReviewContext) -> Iterator[Finding]:
    """Header fields that must be filled; a field the form does not show at all is the reader's matter."""
    for path in context.pack.required:
        cell = context.form.fields.get(path)
        if cell is not None and context.blank(cell):
            yield context.in_field("VAL103", path, label=context.name_of(path))


def placeholders(context: ReviewContext) -> Iterator[Finding]:
    """Hints and samples of the blank form that were not replaced."""
    form = context.form
    header = [(path, cell.text) for path, cell in form.fields.items() if cell.text]
    header += [(f"narrative.{key}", cell.text) for key, cell in form.narrative.items() if cell.text]
    columns = [
        (indicator, key, cell.text)
        for indicator in form.indicators
        for key in _WRITTEN
        if (cell := indicator.cells.get(key)) is not None and cell.text
    ]
    everything = "\n".join([text for _, text in header] + [text for _, _, text in columns])
    words = [word for word in context.word_list("placeholder") if word in everything]
    for path, text in header:
        if not words and (len(text) > _LEFTOVER or not _SUSPECT.search(text)):
            continue
        found = _placeholder(text, words)
        if found:
            yield context.in_field("VAL102", path, label=context.name_of(path), found=found)
    for indicator, key, text in columns:
        if not words and (not 1 < len(text) <= _LEFTOVER or not _SUSPECT.search(text)):
            continue
        found = _placeholder(text, words)
        # In names 「猪舍(≥**平方米)」 is how some forms mark where the number goes.
        if found and not (key == "name" and "**" in found):
            yield context.at("VAL102", indicator, key, found=found)


def percentages(context: ReviewContext) -> Iterator[Finding]:
    """More than the whole; growth and completion rates may be."""
    exempt = context.words("above_hundred")
    for indicator in context.form.indicators:
        for key, quantity in (("actual", indicator.actual), ("target", indicator.target)):
            if quantity.kind is Kind.PERCENT and _above_hundred(quantity) and not exempt.within(indicator.name):
                yield context.at("VAL101", indicator, key, written=" ".join(quantity.text.split()))
                break


def duplicates(context: ReviewContext) -> Iterator[Finding]:
    """The same indicator in two rows."""
    seen: dict[str, Indicator] = {}
    for indicator in context.form.indicators:
        name = _UNSPOKEN.sub("", indicator.name)
        if not name or indicator.cell("name").problem is not None:
            continue
        first = seen.setdefault(name, indicator)
        if first is not indicator:
            yield context.at("VAL104", indicator, "name", other_row=str(first.row), other=first.cell("name").ref)


def misplaced(context: ReviewContext) -> Iterator[Finding]:
    """An indicator whose name says that it belongs to another kind."""
    for indicator in context.form.indicators:
        found = context.words(f"misplaced.{indicator.level2}").all_in(indicator.name)
        if found:
            word = found[0]
            yield context.at("VAL105", indicator, "name", level2=indicator.level2, word=word)


def directions(context: ReviewContext) -> Iterator[Finding]:
    """Costs and incidents that must reach a minimum."""
    if not context.misdirected:
        return
    for indicator in context.form.indicators:
        if indicator.row in context.misdirected:
            yield context.at("VAL106", indicator, "target", target=" ".join(indicator.target.text.split()))


def dates(context: ReviewContext) -> Iterator[Finding]:
    """A date that lies after the year under review."""
    year = context.form.year
    if year is None:
        return
    for indicator in context.form.indicators:
        for key, quantity in (("target", indicator.target), ("actual", indicator.actual)):
            if quantity.date is not None and quantity.date.year > year:
                yield context.at("VAL107", indicator, key, written=" ".join(quantity.text.split()), year=str(year))


def _placeholder(text: str, words: list[str]) -> str:
    """The hint left in `text`, "" when there is none."""
    for word in words:
        at = text.find(word)
        if at >= 0:
            return " ".join(text[max(0, at - _AROUND) : at + len(word) + _AROUND].split())
    return text.strip() if len(text) <= _LEFTOVER and _SUSPECT.search(text) and is_placeholder(text) else ""


def _above_hundred(quantity: Quantity) -> bool:
    if quantity.unit not in ("%", None):
        return False
    return any(value is not None and value > 100 for value in (quantity.value, quantity.upper))


RULES = (
    Rule(required, ("VAL103",)),
    Rule(placeholders, ("VAL102",)),
    Rule(percentages, ("VAL101",)),
    Rule(duplicates, ("VAL104",)),
    Rule(misplaced, ("VAL105",)),
    Rule(directions, ("VAL106",)),
    Rule(dates, ("VAL107",)),
)
