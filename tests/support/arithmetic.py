"""A small calculator of its own, to check arithmetic that the program wrote down: for people, and for Excel.

It knows + - × ÷ * / %, brackets and MIN, MAX, IF, ROUND, and works on fractions; it shares no code with the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Z]+)|(?P<sign>[-+*/%(),<]))")
_SIGNS = str.maketrans("×÷−(),", "*/-(),")


def calculate(expression: str) -> Fraction:
    """The value of `expression`."""
    tokens = _tokens(expression.translate(_SIGNS))
    value, rest = _sum(tokens)
    assert not rest, f"cannot read {rest} in {expression}"
    return value


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        assert match, f"cannot read {text[place:]!r}"
        tokens.append(match.group().strip())
        place = match.end()
    return tokens


def _sum(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, tokens = _product(tokens)
    while tokens and tokens[0] in "+-":
        other, rest = _product(tokens[1:])
        value, tokens = (value + other if tokens[0] == "+" else value - other), rest
    return value, tokens


def _product(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, tokens = _factor(tokens)
    while tokens and tokens[0] in "*/":
        other, rest = _factor(tokens[1:])
        value, tokens = (value * other if tokens[0] == "*" else value / other), rest
    return value, tokens


def _factor(tokens: list[str]) -> tuple[Fraction, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "-":
        value, rest = _factor(rest)
        return -value, rest
    if first == "(":
        value, rest = _sum(rest)
        assert rest[0] == ")"
        rest = rest[1:]
    elif first.isalpha():
        return _call(first, rest)
    else:
        value = Fraction(first)
    while rest and rest[0] == "%":
        value, rest = value / 100, rest[1:]
    return value, rest


def _call(name: str, tokens: list[str]) -> tuple[Fraction, list[str]]:
    assert tokens[0] == "("
    values, tokens = [], tokens
    while tokens[0] in "(,":
        value, tokens = _sum(tokens[1:])
        if tokens[0] == "<":
            limit, tokens = _sum(tokens[1:])
            value = Fraction(value < limit)
        values.append(value)
    return _FUNCTIONS[name](values), tokens[1:]


def _rounded(values: list[Fraction]) -> Fraction:
    value, digits = values[0], int(values[1])
    whole = int(abs(value) * 10**digits + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, 10**digits)


_FUNCTIONS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "MIN": min,
    "MAX": max,
    "ROUND": _rounded,
    "IF": lambda values: values[1] if values[0] else values[2],
}
