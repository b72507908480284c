"""Where drawings, notes, form buttons and tables stand on a sheet, and how they follow their rows.

These parts come from any program and hold much that we do not know. So they are not rebuilt: the numbers of cells
inside are replaced and every other byte stays. A part in which none changes comes back as the same object.

Rows and columns of the form get other sizes when it is written anew. What has a fixed size, and every picture and chart
– a seal must not be stretched –, keeps the size it had on the old sheet: it ends in another cell then. Shapes that are
to stretch go on covering the cells they are drawn around.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from perfeval.patterns import lazy_pattern
from perfeval.workbook.extent import Resize, distance, walk
from perfeval.workbook.references import RowMap, shift_formula, shift_ranges
from perfeval.workbook.sheetxml import markup, unescaped
from perfeval.workbook.splice import replaced

__all__ = ["moved_controls", "moved_drawing", "moved_formulas", "moved_refs", "moved_vml"]

_TAG = rb"(?:[A-Za-z][\w.-]*:)?"  # a namespace prefix, whichever the producer chose
_MARKER = lazy_pattern(
    rb"(<%b(?:from|to)>.{0,400}?<%brow>\s*)([0-9]{1,7})(\s*</%brow>(?:\s*<%browOff>\s*(-?[0-9]+))?)"
    % (_TAG, _TAG, _TAG, _TAG),
    re.S,
)
_NUMBER = lazy_pattern(rb"(<%b(col|colOff|row|rowOff)>\s*)(-?[0-9]{1,12})(\s*</)" % _TAG)
_CORNERS = [b"col", b"colOff", b"row", b"rowOff"] * 2  # where an anchor begins and where it ends
_PIXEL = 9525  # EMU
_PICTURE = lazy_pattern(rb"<%b(?:pic|graphicFrame)[\s>]" % _TAG)
_FIXED_SIZE = lazy_pattern(rb"editAs\s*=\s*[\"'](?:oneCell|absolute)[\"']")
_STRETCHES = lazy_pattern(rb"sizeWithCells\s*=\s*[\"'](?:1|true)[\"']")
_VML_ROW = lazy_pattern(rb"(<%bRow>\s*)([0-9]{1,7})" % _TAG)
_VML_ANCHOR = lazy_pattern(rb"(<%bAnchor>)([^<]*)(</)" % _TAG)
_REF = lazy_pattern(
    rb"(<%b(?:comment|threadedComment|table|autoFilter|sortState|sortCondition)\b[^<>]*?\sref=\")([^\"]*)" % _TAG
)
_FORMULA_ELEMENT = lazy_pattern(
    rb"(<%b(?:f|formula|formula1|formula2|Fmla[A-Za-z]+|calculatedColumnFormula|totalsRowFormula)(?:\s[^<>]*)?>)([^<]+)(</)"
    % _TAG
)
_FORMULA_ATTRIBUTE = lazy_pattern(rb"(\s(?:location|textlink|fmla[A-Za-z]+|linkedCell|listFillRange)=\")([^\"]+)")


def moved_drawing(data: bytes, row_map: RowMap, resize: Resize | None = None) -> bytes:
    """A drawing part (pictures, shapes, charts) whose anchors follow their rows.

    What is anchored with a fixed size, and every picture and chart, keeps its size if `resize` tells the sizes of
    cells, else the number of rows it covers; what stretches with its cells goes on doing so.
    """

    def two_cells(anchor: bytes) -> bytes:
        fixed = _FIXED_SIZE.search(anchor[: anchor.find(b">")]) is not None
        if resize is not None and (fixed or _PICTURE.search(anchor)):
            return _sized(anchor, row_map, resize, _PIXEL)
        return _anchor(anchor, row_map, fixed=fixed)

    def one_cell(anchor: bytes) -> bytes:
        return _anchor(anchor, row_map, fixed=True)

    moved = replaced(data, b"twoCellAnchor", two_cells)
    return _unless_equal(data, replaced(moved, b"oneCellAnchor", one_cell))


def moved_controls(xml: str, row_map: RowMap, sheet: str, resize: Resize | None = None) -> str:
    """The `controls` or `oleObjects` of a sheet: anchors, which say whether they stretch, and linked cells."""

    def control(anchor: bytes) -> bytes:
        fixed = _STRETCHES.search(anchor[: anchor.find(b">")]) is None
        if fixed and resize is not None:
            return _sized(anchor, row_map, resize, _PIXEL)
        return _anchor(anchor, row_map, fixed=fixed)

    moved = replaced(xml.encode(), b"anchor", control)
    return moved_formulas(moved, row_map, sheet, unqualified=True).decode()


def moved_vml(data: bytes, row_map: RowMap, resize: Resize | None = None) -> bytes:
    """A legacy drawing (note boxes, form buttons); VML is often not well-formed, so it is never parsed."""
    return _unless_equal(data, replaced(data, b"ClientData", lambda element: _client_data(element, row_map, resize)))


def moved_refs(data: bytes, row_map: RowMap) -> bytes:
    """Comments, threaded comments and tables: the cells they belong to."""

    def replace(match: re.Match[bytes]) -> bytes:
        return match[1] + shift_ranges(match[2].decode("latin-1"), row_map).encode("latin-1")

    return _unless_equal(data, _REF.sub(replace, data))


def moved_formulas(data: bytes, row_map: RowMap, sheet: str, *, unqualified: bool) -> bytes:
    """Any part with formulas – another sheet, a chart, a button – whose references to `sheet` follow its rows.

    `unqualified` says that the part belongs to the sheet itself, so that a bare `$B$5` is one of its cells. A part
    that is not in UTF-8, as every program writes it, is left alone.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        return data

    def replace(match: re.Match[bytes]) -> bytes:
        formula = unescaped(match[2].decode())
        moved = shift_formula(formula, row_map, sheet, unqualified=unqualified)
        return match[0] if moved == formula else match[1] + markup(moved).encode() + _rest(match)

    moved = _FORMULA_ELEMENT.sub(replace, data)
    return _unless_equal(data, _FORMULA_ATTRIBUTE.sub(replace, moved))


def _rest(match: re.Match[bytes]) -> bytes:
    return match[3] if match.re.groups == 3 else b""  # an element ends with its end tag, an attribute not


def _unless_equal(before: bytes, after: bytes) -> bytes:
    return before if before == after else after


def _zero_based(row_map: RowMap, row: int) -> int:
    return max(0, row_map(row + 1) - 1)


def _anchor(anchor: bytes, row_map: RowMap, *, fixed: bool) -> bytes:
    """One anchor: its first marker says where it begins, a second one where it ends; both count from 0."""
    begins: list[int] = []

    def replace(match: re.Match[bytes]) -> bytes:
        row = int(match[2])
        if not begins:
            new = _zero_based(row_map, row)
            begins.extend((row, new))
        elif fixed:
            new = row - begins[0] + begins[1]
        elif row > begins[0] and match[4] in (b"0", None):
            new = max(begins[1], row_map(row))  # it ends at the lower edge of the row above, and stays there
        else:
            new = max(begins[1], _zero_based(row_map, row))
        return match[1] + str(new).encode() + match[3]

    return _MARKER.sub(replace, anchor, count=2)


def _sized(anchor: bytes, row_map: RowMap, resize: Resize, unit: int) -> bytes:
    """One anchor of two corners that keeps its size, in `unit` for one pixel."""
    found = list(_NUMBER.finditer(anchor))[:8]
    if [match[2] for match in found] != _CORNERS:
        return _anchor(anchor, row_map, fixed=True)
    corners = _kept_size([int(match[3]) for match in found], row_map, resize, unit)
    for match, number in reversed(list(zip(found, corners, strict=True))):
        anchor = anchor[: match.start(3)] + str(number).encode() + anchor[match.end(3) :]
    return anchor


def _kept_size(corners: list[int], row_map: RowMap, resize: Resize, unit: int) -> list[int]:
    """Column, offset, row, offset of both corners of a thing whose cells got other places and sizes."""
    left, dx, top, dy, right, ex, bottom, ey = corners
    new_top = _zero_based(row_map, top)
    before, after = resize.before, resize.after
    across = _end((left, dx), (right, ex), left, before.width, after.width, unit)
    down = _end((top, dy), (bottom, ey), new_top, before.height, after.height, unit)
    return [left, dx, new_top, dy, *across, *down]


def _end(
    start: tuple[int, int],
    end: tuple[int, int],
    now: int,
    before: Callable[[int], int],
    after: Callable[[int], int],
    unit: int,
) -> tuple[int, int]:
    """Where something that begins in cell `now` ends, so that it is as long as it was from `start` to `end`."""
    same = end[0] - start[0] + now, end[1]
    long = distance(start, end, before, unit)
    if long is None:
        return same
    begin = now, start[1]
    lasting = distance(begin, same, after, unit)
    if lasting is not None and abs(lasting - long) < unit:
        return same
    return walk(begin, long, after, unit)


def _client_data(data: bytes, row_map: RowMap, resize: Resize | None) -> bytes:
    row = _VML_ROW.search(data)
    move: Callable[[int], int]
    if row is not None:  # a note: its box keeps its distance from the cell
        distance = _zero_based(row_map, int(row[2])) - int(row[2])
        data = _VML_ROW.sub(lambda m: m[1] + str(int(m[2]) + distance).encode(), data, count=1)

        def move(top: int) -> int:
            return top + distance

    else:

        def move(top: int) -> int:
            return _zero_based(row_map, top)

    def anchor(match: re.Match[bytes]) -> bytes:
        # left column, offset, top row, offset, right column, offset, bottom row, offset
        numbers = match[2].split(b",")
        if len(numbers) != 8 or not all(number.strip().isdigit() for number in (numbers[2], numbers[6])):
            return match[0]
        top, bottom = int(numbers[2]), int(numbers[6])
        if row is None and resize is not None and all(number.strip().isdigit() for number in numbers):
            kept = _kept_size([int(number) for number in numbers], row_map, resize, 1)
            pairs = zip(numbers, kept, strict=True)
            return match[1] + b",".join(old.replace(old.strip(), str(n).encode()) for old, n in pairs) + match[3]
        new = max(0, move(top))
        if new == top:
            return match[0]
        numbers[2] = numbers[2].replace(numbers[2].strip(), str(new).encode())
        numbers[6] = numbers[6].replace(numbers[6].strip(), str(new + bottom - top).encode())
        return match[1] + b",".join(numbers) + match[3]

    return _VML_ANCHOR.sub(anchor, data, count=1)
