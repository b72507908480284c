"""Divides the rows of a form into pages: which rows should stand together, and where each page ends.

A unit is a run of rows, first and last, that no page should tear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from perfeval.layout import Layout
from perfeval.record import record

__all__ = ["LARGE_UNIT", "Page", "joined", "page_height", "small_units"]

_PAGE_SAFETY = 0.95  # of a page is planned for: programs differ a little in widths and scale
LARGE_UNIT = 0.6  # of a page; a larger group of rows may be torn


@record(slots=True)
class Page:
    """A page to be filled with rows."""

    room: float  # points
    titles: float = 0.0  # points of the rows repeated on each page, and the first and last of these rows
    top: int = 1
    end: int = 0

    def breaks(self, units: list[tuple[int, int]], heights: list[float]) -> list[int]:
        """The last row of every page but the last, when `units` are put on as few as possible."""
        found: list[int] = []
        used = 0.0
        for first, last in units:
            needed = sum(heights[first - 1 : last])
            if used and used + needed > self.room:
                alone = first - 1 == self.end and self.top > 1  # the head of the table without a row of it
                found.append(self.top - 1 if alone else first - 1)
                used = self.titles if first > self.end else 0.0
            used += needed
            if used > self.room:
                used = self.titles + (used - self.room) % max(self.room - self.titles, 1.0)
        return found


def joined(units: list[tuple[int, int]], groups: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The units in order, those that touch the same group as one."""
    for low, high in groups:
        inside = [unit for unit in units if unit[0] <= high and unit[1] >= low]
        if len(inside) > 1:
            whole = min(inside)[0], max([last for _, last in inside])
            units = sorted([unit for unit in units if unit[0] > high or unit[1] < low] + [whole])
    return units


def small_units(
    units: list[tuple[int, int]], heights: list[float], most: float, tall: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """The units, those higher than `most` taken apart into rows; the rows of one `tall` line stay together."""
    for first, last in units:
        if sum(heights[first - 1 : last]) <= most:
            yield first, last
            continue
        row = first
        while row <= last:
            end = tall.get(row, row)
            yield row, end
            row = end + 1


@lru_cache(maxsize=64)
def page_height(layout: Layout, digit: int) -> float:
    """Points of rows that fit on a page, when it is scaled to the width of the form."""
    width, height = layout.appearance.page
    natural = sum(layout.appearance.pixels(column, digit) for column in range(1, layout.last_column + 1))
    return height / min(1.0, width / (natural * 0.75)) * _PAGE_SAFETY
