"""Divides the rows of a form into pages: which rows should stand together, and where each page ends.

A unit is a run of rows, first and last, that no page should tear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from perfeval.layout import Layout
from perfeval.record import record

__all__ = ["Page", "joined", "page_height"]

_PAGE_SAFETY = 0.95  # of a page is planned for: programs differ a little in widths and scale
_LARGE_UNIT = 0.6  # of a page; a larger group of rows may be torn


@record(slots=True)
class Page:
    """A page to be filled with rows."""

    room: float  # points
    titles: float = 0.0  # points of the rows repeated on each page below them, and the first and last of these rows
    top: int = 1
    end: int = 0

    def breaks(self, units: list[tuple[int, int]], heights: list[float]) -> list[int]:
        """The last row of every page but the last, when `units` are put on as few as possible."""
        found: list[int] = []
        used = 0.0
        for first, last in self._headed(units):
            needed = sum(heights[first - 1 : last])
            if used and used + needed > self.room:
                found.append(first - 1)
                used = self._repeated(first)
            used += needed
        return found

    def small(
        self, units: list[tuple[int, int]], heights: list[float], tall: Mapping[int, int]
    ) -> Iterator[tuple[int, int]]:
        """The units, large ones taken apart into rows; the rows of one `tall` line stay together if a page holds them.

        What is higher than any page would be torn wherever a program likes, and what follows it would go on there.
        """
        most = (self.room - self.titles) * _LARGE_UNIT
        page = self.room / _PAGE_SAFETY
        for first, last in units:
            if sum(heights[first - 1 : last]) <= most:
                yield first, last
                continue
            row = first
            while row <= last:
                end = tall.get(row, row)
                if sum(heights[row - 1 : end]) > page - self._repeated(row):
                    end = row
                yield row, end
                row = end + 1

    def grouped(
        self, units: list[tuple[int, int]], heights: list[float], groups: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """The units, those of a group as one where a page has room for them below the repeated rows."""
        for group in groups:
            larger = joined(units, [group])
            first, last = next(unit for unit in larger if unit[1] >= group[0])
            if sum(heights[first - 1 : last]) <= self.room - self.titles:
                units = larger
        return units

    def _repeated(self, first: int) -> float:
        """Points that the repeated rows take on a page that begins with row `first`."""
        return self.titles if first > self.end else 0.0

    def _headed(self, units: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The units; the head of the table is never torn and never alone: it begins one that has a row of the table.

        A page that ended within the repeated rows would have some of them twice, and programs leave out rows below.
        """
        if self.top > self.end:
            return units
        cuts: list[tuple[int, int]] = []
        for first, last in units:
            cuts += [(first, self.top - 1), (self.top, last)] if first < self.top <= last else [(first, last)]
        return joined(cuts, [(self.top, self.end + 1)])


def joined(units: list[tuple[int, int]], groups: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The units in order, those that touch the same group as one."""
    for low, high in groups:
        inside = [unit for unit in units if unit[0] <= high and unit[1] >= low]
        if len(inside) > 1:
            whole = min(inside)[0], max([last for _, last in inside])
            units = sorted([unit for unit in units if unit[0] > high or unit[1] < low] + [whole])
    return units


@lru_cache(maxsize=64)
def page_height(layout: Layout, digit: int) -> float:
    """Points of rows that fit on a page, when it is scaled to the width of the form."""
    width, height = layout.appearance.page
    natural = sum(layout.appearance.pixels(column, digit) for column in range(1, layout.last_column + 1))
    return height / min(1.0, width / (natural * 0.75)) * _PAGE_SAFETY
