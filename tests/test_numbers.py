"""Exact numbers: the sums and roundings everything else stands on, held against slower or other arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from perfeval.numbers import exact_sum, exact_text, round_half_up, rounds_to

FRACTIONS = st.fractions(max_denominator=10**6)
WIDE = Context(prec=400, rounding=ROUND_HALF_UP)


@given(st.lists(FRACTIONS, max_size=40))
def test_sum_is_that_of_ordinary_additions(values: list[Fraction]) -> None:
    total = exact_sum(values)
    assert total == sum(values, Fraction(0))
    assert isinstance(total, Fraction)


def test_sum_of_thirds_is_whole() -> None:
    assert exact_sum([Fraction(40, 6)] * 6) == 40


@given(st.integers(-(10**9), 10**9), st.integers(0, 6), st.integers(0, 4))
def test_rounding_is_that_of_decimal(units: int, places: int, digits: int) -> None:
    number = Decimal(units).scaleb(-places, WIDE)
    expected = number.quantize(Decimal(1).scaleb(-digits), context=WIDE)
    rounded = round_half_up(Fraction(number), digits)
    assert rounded == expected
    assert rounds_to(rounded, digits, Fraction(number))


@given(FRACTIONS)
def test_exact_text_says_the_number(value: Fraction) -> None:
    assert Fraction(exact_text(value)) == value
