"""Addresses: `H23`, `A1:B2` and the numbers behind them (1-based, inclusive)."""

from __future__ import annotations

from functools import lru_cache

from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.guard import LIMITS

__all__ = ["Range", "column_letter", "column_number", "parse_ref", "ref"]

_REF = lazy_pattern(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")


@lru_cache(maxsize=1024)
def column_letter(number: int) -> str:
    """`H` for 8."""
    if not 1 <= number <= LIMITS.columns:
        raise ValueError(f"no column {number}")
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@lru_cache(maxsize=1024)
def column_number(letters: str) -> int:
    """8 for `H`; ValueError when there is no such column."""
    number = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z":
            raise ValueError(f"no column {letters!r}")
        number = number * 26 + ord(letter) - 64
    if not 1 <= number <= LIMITS.columns:
        raise ValueError(f"no column {letters!r}")
    return number


def ref(row: int, column: int) -> str:
    """`H23` for row 23, column 8."""
    return f"{column_letter(column)}{row}"


@lru_cache(maxsize=1 << 15)
def parse_ref(text: str) -> tuple[int, int]:
    """(23, 8) for `H23` or `$H$23`; ValueError when it is no address."""
    match = _REF.fullmatch(text)
    row = int(match[2]) if match else 0
    if not match or row > LIMITS.rows:
        raise ValueError(f"no address {text!r}")
    return row, column_number(match[1])


@record(frozen=True, slots=True)
class Range:
    """A rectangle of cells."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def ref(self) -> str:
        """`A1:B2`, or `A1` for a single cell."""
        first = ref(self.top, self.left)
        return first if self.single else f"{first}:{ref(self.bottom, self.right)}"

    @property
    def single(self) -> bool:
        """Whether this is one cell."""
        return self.top == self.bottom and self.left == self.right

    @property
    def size(self) -> int:
        """Number of cells."""
        return (self.bottom - self.top + 1) * (self.right - self.left + 1)

    @classmethod
    def parse(cls, text: str) -> Range:
        """The range `A1:B2` or `A1`, corners in any order; ValueError when it is none."""
        return _parsed(text)

    def __contains__(self, position: tuple[int, int]) -> bool:
        return self.top <= position[0] <= self.bottom and self.left <= position[1] <= self.right


@lru_cache(maxsize=1 << 13)
def _parsed(text: str) -> Range:
    first, _, second = text.partition(":")
    top, left = parse_ref(first)
    bottom, right = parse_ref(second) if second else (top, left)
    return Range(min(top, bottom), min(left, right), max(top, bottom), max(left, right))
