"""How large the cells of a sheet are, and so the things that are anchored to them.

A picture that begins in one cell and ends in another has no size of its own: when the rows under it become higher, it
does too. A seal must not, so where it ends is worked out from where it ended before.
"""

from __future__ import annotations

from collections.abc import Callable

from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = ["Geometry", "Resize", "distance", "read_geometry", "walk"]

_LONGEST = 5_000  # cells that one thing may cover and still be measured
_TAG = rb"<(?:[A-Za-z][\w.-]*:)?%b\b([^<>]*)>"
_ROW, _COLUMN, _FORMAT = (lazy_pattern(_TAG % name) for name in (b"row", b"col", b"sheetFormatPr"))
_ATTRIBUTE = lazy_pattern(rb"\b(r|ht|hidden|min|max|width|defaultRowHeight|defaultColWidth)\s*=\s*[\"']([^\"']*)")
_ON = (b"1", b"true")


def _standard_width(_column: int) -> int:
    return 64


def _standard_height(_row: int) -> int:
    return 20


@record(frozen=True, slots=True)
class Geometry:
    """Sizes of columns and rows in pixels (from 1): what is anchored to cells has no other."""

    width: Callable[[int], int] = _standard_width
    height: Callable[[int], int] = _standard_height


@record(frozen=True, slots=True)
class Resize:
    """A sheet before and after its rows and columns got other sizes."""

    before: Geometry
    after: Geometry


def read_geometry(sheet: bytes, digit: int) -> Geometry:
    """The sizes in a sheet part, `digit` pixels being the unit of its widths; hidden rows and columns have none."""
    found = _FORMAT.search(sheet)
    usual = {} if found is None else _attributes(found[1])
    usual_height = round(_number(usual.get(b"defaultRowHeight"), 15.0) * 4 / 3)
    usual_width = _pixels(_number(usual.get(b"defaultColWidth"), 8.43 + 5 / digit), digit)
    heights: dict[int, int] = {}
    for row in _ROW.finditer(sheet):
        given = _attributes(row[1])
        if given.get(b"hidden") in _ON:
            heights[int(_number(given.get(b"r"), 0))] = 0
        elif b"ht" in given:
            heights[int(_number(given.get(b"r"), 0))] = round(_number(given[b"ht"], 15.0) * 4 / 3)
    widths: list[tuple[int, int, int]] = []
    for column in _COLUMN.finditer(sheet):
        given = _attributes(column[1])
        pixels = 0 if given.get(b"hidden") in _ON else _pixels(_number(given.get(b"width"), 8.43), digit)
        widths.append((int(_number(given.get(b"min"), 0)), int(_number(given.get(b"max"), 0)), pixels))

    def width(column: int) -> int:
        return next((pixels for first, last, pixels in widths if first <= column <= last), usual_width)

    return Geometry(width, lambda row: heights.get(row, usual_height))


def distance(start: tuple[int, int], end: tuple[int, int], size: Callable[[int], int], unit: int) -> int | None:
    """From `start` to `end`, each a cell (from 0) and an offset in it, where cells have `size` times `unit`.

    An offset larger than its cell ends with the cell, as the office programs take it. None when it is too far.
    """
    (first, begin), (last, rest) = start, end
    if not 0 <= last - first <= _LONGEST:
        return None
    whole = sum(size(cell + 1) for cell in range(first, last)) * unit
    return max(0, whole + min(rest, size(last + 1) * unit) - min(begin, size(first + 1) * unit))


def walk(start: tuple[int, int], far: int, size: Callable[[int], int], unit: int) -> tuple[int, int]:
    """The cell (from 0) and the offset in it that lie `far` beyond `start`."""
    cell, offset = start[0], min(start[1], size(start[0] + 1) * unit) + far
    for _ in range(_LONGEST):
        here = size(cell + 1) * unit
        if offset <= here:
            break
        offset -= here
        cell += 1
    return cell, offset


def _attributes(text: bytes) -> dict[bytes, bytes]:
    return dict(_ATTRIBUTE.findall(text))


def _number(text: bytes | None, otherwise: float) -> float:
    try:
        number = otherwise if text is None else float(text)
    except ValueError:
        return otherwise
    return number if 0 <= number < 1e7 else otherwise


def _pixels(width: float, digit: int) -> int:
    return int((256 * width + 128 / digit) / 256 * digit)
