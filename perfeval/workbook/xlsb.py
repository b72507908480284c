"""Workbooks in Excel's binary package format (.xlsb): parts are sequences of records instead of XML."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from perfeval.model import Cell, CellProblem
from perfeval.workbook.area import Range, ref
from perfeval.workbook.biff import ERRORS, rk_number
from perfeval.workbook.cells import Parsed, check_cells, clean_text, number_cell, text_cell, visible_text
from perfeval.workbook.formats import GENERAL, NumberFormat, builtin_format, number_format
from perfeval.workbook.guard import LIMITS, BadWorkbook

__all__ = ["shared_strings", "sheet_content", "sheet_list", "style_formats"]

_BUNDLE_SHEET, _WORKBOOK_PROPERTIES, _STRING_ITEM, _FORMAT = 156, 153, 19, 44
_XF, _BEGIN_CELL_XFS, _END_CELL_XFS, _MERGE, _COLUMN, _ROW = 47, 617, 618, 176, 60, 0
_RK, _ERROR, _BOOL, _REAL, _TEXT, _SHARED, _RICH = 2, 3, 4, 5, 6, 7, 62
_FORMULA_TEXT, _FORMULA_REAL, _FORMULA_BOOL, _FORMULA_ERROR = 8, 9, 10, 11
_FORMULAS = (_FORMULA_TEXT, _FORMULA_REAL, _FORMULA_BOOL, _FORMULA_ERROR)
_STATES = ("visible", "hidden", "veryHidden")
_DAMAGED = (struct.error, IndexError, ValueError)


def sheet_list(data: bytes, part: str) -> tuple[bool, tuple[tuple[str, str, str, int], ...]]:
    """Whether dates count from 1904, and (name, state, relationship, id) of every sheet."""
    date1904 = False
    listed = []
    try:
        for kind, payload in _records(data):
            if kind == _WORKBOOK_PROPERTIES:
                date1904 = bool(payload[0] & 1)
            elif kind == _BUNDLE_SHEET:
                state, number = struct.unpack_from("<2L", payload)
                rel_id, position = _string(payload, 8)
                listed.append((_string(payload, position)[0], _STATES[min(state, 2)], rel_id, number))
    except _DAMAGED as error:
        raise BadWorkbook("TPL012", part=part, detail=str(error)[:120]) from None
    return date1904, tuple(listed)


def shared_strings(data: bytes, part: str) -> list[str]:
    """The texts of a shared string part."""
    try:
        return [visible_text(_string(payload, 1)[0]) for kind, payload in _records(data) if kind == _STRING_ITEM]
    except _DAMAGED as error:
        raise BadWorkbook("TPL012", part=part, detail=str(error)[:120]) from None


def style_formats(data: bytes, part: str) -> tuple[NumberFormat, ...]:
    """The number format of every cell style."""
    codes: dict[int, NumberFormat] = {}
    found: list[NumberFormat] = []
    inside = False  # the same records describe named styles first
    try:
        for kind, payload in _records(data):
            if kind == _FORMAT:
                codes[struct.unpack_from("<H", payload)[0]] = number_format(_string(payload, 2)[0])
            elif kind in (_BEGIN_CELL_XFS, _END_CELL_XFS):
                inside = kind == _BEGIN_CELL_XFS
            elif kind == _XF and inside:
                number = struct.unpack_from("<2H", payload)[1]
                found.append(codes.get(number) or builtin_format(number))
    except _DAMAGED as error:
        raise BadWorkbook("TPL012", part=part, detail=str(error)[:120]) from None
    return tuple(found)


def sheet_content(
    data: bytes, part: str, strings: Sequence[str], formats: Sequence[NumberFormat], date1904: bool
) -> Parsed:
    """The cells, merges and hidden rows and columns of a worksheet part."""
    cells: dict[tuple[int, int], Cell] = {}
    merges: list[Range] = []
    hidden_rows: set[int] = set()
    hidden_columns: set[int] = set()
    row = 0
    try:
        for kind, payload in _records(data):
            if kind == _ROW:
                row = _within(struct.unpack_from("<L", payload)[0], LIMITS.rows)
                if payload[11] & 0x10:
                    hidden_rows.add(row)
                check_cells(cells, part)
            elif kind == _MERGE:
                top, bottom, left, right = struct.unpack_from("<4L", payload)
                area = Range(top + 1, left + 1, _within(bottom, LIMITS.rows), _within(right, LIMITS.columns))
                if area.top <= area.bottom and area.left <= area.right and not area.single:
                    merges.append(area)
            elif kind == _COLUMN:
                first, last = struct.unpack_from("<2L", payload)
                if payload[16] & 1 and first + 1 > max(hidden_columns, default=0):  # they ascend: none counts twice
                    hidden_columns.update(range(first + 1, _within(last, LIMITS.columns) + 1))
            elif _RK <= kind <= _FORMULA_ERROR or kind == _RICH:
                column = _within(struct.unpack_from("<L", payload)[0], LIMITS.columns)
                style = int.from_bytes(payload[4:7], "little")
                shown = formats[style] if style < len(formats) else GENERAL
                cell = _cell(ref(row, column), kind, payload, strings, shown, date1904)
                if cell is not None:
                    cells[row, column] = cell
    except _DAMAGED as error:
        raise BadWorkbook("TPL012", part=part, detail=str(error)[:120]) from None
    check_cells(cells, part)
    return Parsed(cells, tuple(merges), frozenset(hidden_rows), frozenset(hidden_columns))


def _cell(
    address: str, kind: int, payload: bytes, strings: Sequence[str], shown: NumberFormat, date1904: bool
) -> Cell | None:
    formula = "" if kind in _FORMULAS else None  # its text is compiled code
    if kind in (_REAL, _FORMULA_REAL):
        return number_cell(address, struct.unpack_from("<d", payload, 8)[0], shown, formula, date1904)
    if kind == _RK:
        return number_cell(address, rk_number(struct.unpack_from("<L", payload, 8)[0]), shown, None, date1904)
    if kind == _SHARED:
        return text_cell(address, strings[struct.unpack_from("<L", payload, 8)[0]])
    if kind in (_TEXT, _FORMULA_TEXT, _RICH):
        return text_cell(address, clean_text(_string(payload, 9 if kind == _RICH else 8)[0]), formula)
    if kind in (_BOOL, _FORMULA_BOOL):
        return text_cell(address, "TRUE" if payload[8] else "FALSE", formula)
    return Cell(address, ERRORS.get(payload[8], "#N/A"), None, formula, CellProblem.ERROR)


def _within(index: int, limit: int) -> int:
    """A row or column counted from 1; ValueError beyond the sheet."""
    if index >= limit:
        raise ValueError(f"no row or column {index}")
    return index + 1


def _string(payload: bytes, position: int) -> tuple[str, int]:
    """A string and the position behind it."""
    length = struct.unpack_from("<L", payload, position)[0]
    if length == 0xFFFFFFFF:
        return "", position + 4
    end = position + 4 + 2 * length
    if end > len(payload):
        raise ValueError("string cut off")
    return payload[position + 4 : end].decode("utf-16-le", "replace"), end


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of every record."""
    position, size = 0, len(data)
    while position < size:
        kind = data[position]
        position += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | data[position] << 7
            position += 1
        length = 0
        for shift in (0, 7, 14, 21):
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
        if position + length > size:
            raise ValueError("record cut off")
        yield kind, data[position : position + length]
        position += length
