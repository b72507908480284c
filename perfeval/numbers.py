"""The only place that rounds, and the only door between text, cells and exact numbers.

What people typed becomes `Decimal` from its own text; weights, ratios and scores are `Fraction`,
because 40/6 is 20/3 and not 6.67. Rounding happens once, half up, when a number is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import gcd

__all__ = [
    "cut_text",
    "decimal_text",
    "exact_sum",
    "exact_text",
    "fraction",
    "from_float",
    "half_up",
    "percent_text",
    "round_half_up",
    "rounds_to",
    "shown",
]


@lru_cache(maxsize=4096)  # a form's numbers are asked for by calculator, review and narrative
def fraction(value: Decimal) -> Fraction:
    """The same number, to calculate with."""
    return Fraction(value)


def half_up(numerator: int, denominator: int) -> int:
    """The whole number nearest to `numerator` ÷ `denominator`, ties away from zero (四舍五入), as accountants do."""
    units = (2 * abs(numerator) + denominator) // (2 * denominator)
    return units if numerator >= 0 else -units


def round_half_up(value: Fraction, digits: int) -> Decimal:
    """Round `value` to `digits` decimals, ties away from zero."""
    numerator, denominator = value.as_integer_ratio()
    return _scaled(half_up(numerator * 10**digits, denominator), digits)


def exact_sum(values: Iterable[Fraction]) -> Fraction:
    """The sum; reduced once at the end, where `sum` makes and reduces a fraction for every addition."""
    numerator, denominator = 0, 1
    for value in values:
        above, below = value.as_integer_ratio()
        if below == denominator:
            numerator += above
        else:
            common = gcd(denominator, below)
            numerator = numerator * (below // common) + above * (denominator // common)
            denominator *= below // common
    return Fraction(numerator, denominator)


def rounds_to(stated: Decimal, digits: int, value: Fraction) -> bool:
    """Whether `value`, rounded to `digits` decimals, is `stated`."""
    power: int = 10**digits
    numerator, denominator = value.as_integer_ratio()
    written, scale = stated.as_integer_ratio()
    return half_up(numerator * power, denominator) * scale == written * power


def shown(value: Fraction, digits: int = 2) -> str:
    """`value` as the form prints it: at most `digits` decimals, no trailing zeros (6.67, 7.6, 8)."""
    numerator, denominator = value.as_integer_ratio()
    return _plain(half_up(numerator * 10**digits, denominator), digits)


def percent_text(ratio: Fraction, digits: int = 2) -> str:
    """A ratio as a percentage without trailing zeros: 0.8313 becomes `83.13%`."""
    numerator, denominator = ratio.as_integer_ratio()
    return _plain(half_up(numerator * 10 ** (digits + 2), denominator), digits) + "%"


@lru_cache(maxsize=4096)
def decimal_text(value: Decimal) -> str:
    """A decimal in plain notation, without exponent and trailing zeros; minus zero is `0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def exact_text(value: Fraction) -> str:
    """The exact value in the notation of the JSON contract: `20/3`, or a plain decimal when finite."""
    return _exact_text(value.numerator, value.denominator)


@lru_cache(maxsize=2048)
def _exact_text(numerator: int, denominator: int) -> str:
    twos_and_fives = denominator
    for prime in (2, 5):
        while twos_and_fives % prime == 0:
            twos_and_fives //= prime
    if twos_and_fives != 1:
        return f"{numerator}/{denominator}"
    digits = 0
    while (10**digits) % denominator:
        digits += 1
    return _plain(numerator * (10**digits // denominator), digits)


def cut_text(value: Fraction, digits: int) -> str:
    """The first `digits` decimals, not rounded; `…` at the end says that more follow, all zeros are then kept."""
    numerator, denominator = value.as_integer_ratio()
    units, rest = divmod(abs(numerator) * 10**digits, denominator)
    if numerator < 0:
        units = -units
    return f"{_scaled(units, digits):f}…" if rest else _plain(units, digits)


def _scaled(units: int, digits: int) -> Decimal:
    """`units` ÷ 10^`digits`, exactly: arithmetic on Decimals would cut to the 28 digits of its context."""
    return Decimal(f"{units}e-{digits}")


def _plain(units: int, digits: int) -> str:
    """`units` ÷ 10^`digits` as `decimal_text` writes it."""
    whole, rest = divmod(abs(units), 10**digits)
    text = f"{whole}.{rest:0{digits}d}".rstrip("0") if rest else str(whole)
    return f"-{text}" if units < 0 else text


def from_float(value: float) -> Decimal:
    """The decimal a person meant by a number cell: its shortest representation, never binary noise.

    Spreadsheets keep 15 significant digits; 0.1 + 0.2 stored as 0.30000000000000004 is 0.3.
    """
    return Decimal(format(value, ".15g"))
