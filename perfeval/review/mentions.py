"""Numbers in running text, each with the words around it, and how alike two phrases are.

Chinese names things by stringing characters, with the thing itself last; two phrases are compared by the pairs of
neighbouring characters they share, which needs no dictionary and forgives inserted or left-out words.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from perfeval.model import Kind, Quantity
from perfeval.numbers import fraction, rounds_to
from perfeval.patterns import lazy_pattern
from perfeval.quantity import convertible, numbers_in
from perfeval.record import record

__all__ = ["Mention", "agrees", "core", "in_unit", "likeness", "mentions", "pairs"]

# Signs are met in either width; the wide ones are written as escapes, as they look alike.
_BOUNDARIES = frozenset(",\uff0c、。;\uff1b:\uff1a!\uff01?\uff1f()\uff08\uff09[]【】\n")
_SIGN = lazy_pattern(r"\W")  # each of them is one
_SENTENCE_END = "。;\uff1b!\uff01?\uff1f\n"
_REACH = 80  # letters around a number that can say what it is about
_BRACKETS = lazy_pattern(r"[(\uff08][^()\uff08\uff09]*[)\uff09]?")
_SILENT = lazy_pattern(r"[^\w%]+")


@record(frozen=True, slots=True)
class Mention:
    """A number in a text."""

    path: str  # of the text
    quantity: Quantity
    lead: str  # the sentence up to the number
    before: str  # the clause up to the number
    back: str  # what stands between the number (or clause) before and this number, read backwards
    after: str  # the rest of the clause up to the next number
    quote: str  # the clause, for messages
    closing: bool  # the clause ends here, so that the number is what it states


def mentions(path: str, text: str) -> Iterator[Mention]:
    """Every number of `text` that measures something; dates and years are left out."""
    found = [item for item in numbers_in(text) if item.quantity.kind in (Kind.NUMBER, Kind.PERCENT)]
    if not found:
        return
    cuts = [match.start() for match in _SIGN.finditer(text) if match[0] in _BOUNDARIES]
    cuts.append(len(text))
    clause_start = sentence_start = position = previous_end = 0
    for index, item in enumerate(found):
        quantity, start, end = item.quantity, item.start, item.end
        while cuts[position] < end:  # a sign within a number (1,200) is no boundary
            if start <= cuts[position]:
                position += 1
                continue
            clause_start = cuts[position] + 1
            if text[cuts[position]] in _SENTENCE_END:
                sentence_start = clause_start
            position += 1
        clause_end = cuts[position]
        following = found[index + 1].start if index + 1 < len(found) else len(text)
        after = text[end : min(clause_end, following, end + _REACH)]
        clause = max(clause_start, start - _REACH)
        yield Mention(
            path,
            quantity,
            text[max(sentence_start, start - _REACH) : start],
            text[clause:start],
            text[max(clause, previous_end) : start][::-1],
            after,
            text[clause : min(clause_end, end + _REACH)].strip(),
            not after.strip() and following >= clause_end,
        )
        previous_end = end


def in_unit(quantity: Quantity, unit: str | None) -> Fraction | None:
    """The value in another unit, None when it measures something else."""
    if quantity.value is None:
        return None
    factor = convertible(quantity.unit, unit)
    if factor is None:
        return None
    return fraction(quantity.value) if factor == 1 else fraction(quantity.value) * factor


def agrees(quantity: Quantity, exact: Fraction, unit: str | None) -> bool:
    """Whether a number in a text says `exact` (given in `unit`), as precisely as it was written."""
    if quantity.value is None:
        return False
    factor = convertible(unit, quantity.unit)
    if factor is None:
        return False
    there = exact if factor == 1 else exact * factor
    if quantity.approximate:
        return abs(there - fraction(quantity.value)) <= abs(there) / 20
    if quantity.relation in (">=", ">"):
        return there >= quantity.value
    if quantity.relation in ("<=", "<"):
        return there <= quantity.value
    exponent = quantity.value.normalize().as_tuple().exponent
    digits = max(-exponent, 0) if isinstance(exponent, int) else 0
    if rounds_to(quantity.value, digits, there):
        return True
    numerator, denominator = there.as_integer_ratio()
    return quantity.value == Decimal(f"{numerator * 10**digits // denominator}e-{digits}")  # cut off


@lru_cache(maxsize=4096)
def core(name: str, measures: tuple[str, ...]) -> str:
    """What an indicator's name is about: without brackets and the measuring word at its end (数量, 个数)."""
    text = _SILENT.sub("", _BRACKETS.sub("", name))
    for word in measures:
        if len(text) > len(word) + 2 and text.endswith(word):
            return text[: -len(word)]
    return text


@lru_cache(maxsize=512)  # a form has some twenty phrases, and only the common ones come again
def pairs(text: str) -> frozenset[str]:
    """The pairs of neighbouring characters of a phrase."""
    plain = _SILENT.sub("", text)
    return frozenset(plain[index : index + 2] for index in range(len(plain) - 1))


def likeness(part: frozenset[str], whole: frozenset[str]) -> float:
    """How much of `part` is found in `whole`, 0 to 1."""
    return len(part & whole) / len(part) if part else 0.0
