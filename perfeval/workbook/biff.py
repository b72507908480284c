"""Workbooks in the binary format of Excel 97–2003 (BIFF8): `.xls`, and `.et` of WPS, which is the same inside.

Own code, as no library gives what a form needs: calamine tells neither number formats nor hidden rows nor that a cell
is a formula, and lays a sheet out as one dense block, so that one stray far cell takes gigabytes; xlrd is given up and
fails with any exception on damaged files. A sheet is a list of records; the dozen kinds that matter are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from perfeval.model import Cell, CellProblem
from perfeval.record import record
from perfeval.workbook.area import Range, ref
from perfeval.workbook.cells import Parsed, check_cells, clean_text, number_cell, text_cell
from perfeval.workbook.formats import GENERAL, NumberFormat, builtin_format, number_format
from perfeval.workbook.guard import BadWorkbook

__all__ = ["ERRORS", "BiffBook", "BiffSheet", "rk_number"]

_BOF, _EOF, _CONTINUE, _FILEPASS = 0x0809, 0x000A, 0x003C, 0x002F
_BOUNDSHEET, _SST, _DATEMODE, _FORMAT, _XF = 0x0085, 0x00FC, 0x0022, 0x041E, 0x00E0
_LABELSST, _LABEL, _RSTRING, _NUMBER, _RK, _MULRK = 0x00FD, 0x0204, 0x00D6, 0x0203, 0x027E, 0x00BD
_FORMULA, _STRING, _BOOLERR, _MERGES, _ROW, _COLINFO = 0x0006, 0x0207, 0x0205, 0x00E5, 0x0208, 0x007D
_FORMULA_PARTS = (0x04BC, 0x0221, 0x0236)  # shared formula, array, table: stand between a formula and its string
_BIFF8 = 0x0600
_CONTINUE_MARK = struct.pack("<H", _CONTINUE)
_DAMAGED = (struct.error, IndexError, ValueError)

ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
}  # fmt: skip


@record(frozen=True, slots=True)
class BiffSheet:
    """One worksheet of the workbook stream."""

    name: str
    state: str
    offset: int


class BiffBook:
    """The workbook stream: sheets, strings and formats; a sheet's cells are read by `sheet_content`."""

    __slots__ = ("_date1904", "_formats", "_stream", "_strings", "sheets")

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._date1904 = False
        self._strings: Sequence[str] = ()
        try:
            self._read_globals()
        except _DAMAGED as error:
            raise _damaged("Workbook", error) from None

    def _read_globals(self) -> None:
        kind, length, version = struct.unpack_from("<3H", self._stream)
        if kind != _BOF or length < 4 or version != _BIFF8:
            raise BadWorkbook("TPL015", kind="Excel 95 或更早的工作簿")
        codes: dict[int, NumberFormat] = {}
        indices: list[int] = []
        sheets: list[BiffSheet] = []
        for kind, payload, end in _records(self._stream, 0):
            if kind == _FILEPASS:
                raise BadWorkbook("TPL004")
            if kind == _BOUNDSHEET:
                offset, state, sort = struct.unpack_from("<LBB", payload)
                if sort == 0:
                    name = _string(payload, 6, 1)
                    sheets.append(BiffSheet(name, ("visible", "hidden", "veryHidden")[min(state & 3, 2)], offset))
            elif kind == _SST:
                self._strings = _Pieces(payload, self._stream, end).strings()
            elif kind == _FORMAT:
                codes[struct.unpack_from("<H", payload)[0]] = number_format(_string(payload, 2, 2))
            elif kind == _XF:
                indices.append(struct.unpack_from("<2H", payload)[1])
            elif kind == _DATEMODE:
                self._date1904 = payload[:1] == b"\x01"
        self._formats = [codes.get(index) or builtin_format(index) for index in indices]
        self.sheets = tuple(sheets)

    def sheet_content(self, sheet: BiffSheet) -> Parsed:
        """The cells, merges and hidden rows and columns of a sheet."""
        try:
            reader = _SheetReader(sheet.name, self._strings, self._formats, self._date1904)
            return reader.read(self._stream, sheet.offset)
        except _DAMAGED as error:
            raise _damaged(sheet.name, error) from None


class _SheetReader:
    """Collects the cells of one sheet from its records."""

    __slots__ = ("_cells", "_date1904", "_formats", "_part", "_pending", "_strings")

    def __init__(self, part: str, strings: Sequence[str], formats: Sequence[NumberFormat], date1904: bool) -> None:
        self._cells: dict[tuple[int, int], Cell] = {}
        self._part = part
        self._strings = strings
        self._formats = formats
        self._date1904 = date1904
        self._pending: tuple[int, int] | None = None  # formula whose text comes in the next record

    def read(self, stream: bytes, offset: int) -> Parsed:
        """Read the substream that begins at `offset`."""
        merges: list[Range] = []
        hidden_rows: set[int] = set()
        hidden_columns: set[int] = set()
        for kind, payload, end in _records(stream, offset):
            if kind == _MERGES:
                areas = struct.iter_unpack("<4H", payload[2 : 2 + 8 * struct.unpack_from("<H", payload)[0]])
                merges += (Range(a + 1, c + 1, b + 1, d + 1) for a, b, c, d in areas if a <= b and c <= d)
            elif kind == _ROW:
                if payload[12] & 0x20:
                    hidden_rows.add(struct.unpack_from("<H", payload)[0] + 1)
            elif kind == _COLINFO:
                first, last = struct.unpack_from("<2H", payload)
                if payload[8] & 1:
                    hidden_columns.update(range(first + 1, min(last, 255) + 2))
            elif kind == _STRING:
                if self._pending is not None:
                    row, column = self._pending
                    text = clean_text(_Pieces(payload, stream, end).string())
                    self._put(row, column, text_cell(ref(row + 1, column + 1), text, ""))
            else:
                self._cell(kind, payload)
        ranges = tuple(area for area in merges if not area.single)
        return Parsed(self._cells, ranges, frozenset(hidden_rows), frozenset(hidden_columns))

    def _cell(self, kind: int, payload: bytes) -> None:
        if kind == _LABELSST:
            row, column, _, index = struct.unpack_from("<3HL", payload)
            self._put(row, column, text_cell(ref(row + 1, column + 1), self._strings[index]))
        elif kind in (_NUMBER, _FORMULA):
            row, column, style, number = struct.unpack_from("<3Hd", payload)
            self._pending = None
            if kind == _FORMULA and payload[12:14] == b"\xff\xff":
                self._special(row, column, payload[6], payload[8])
            else:
                self._number(row, column, style, number, "" if kind == _FORMULA else None)
        elif kind == _RK:
            row, column, style, rk = struct.unpack_from("<3HL", payload)
            self._number(row, column, style, rk_number(rk))
        elif kind == _MULRK:
            row, column = struct.unpack_from("<2H", payload)
            for style, rk in struct.iter_unpack("<HL", payload[4 : 4 + (len(payload) - 6) // 6 * 6]):
                self._number(row, column, style, rk_number(rk))
                column += 1
        elif kind in (_LABEL, _RSTRING):
            row, column = struct.unpack_from("<2H", payload)
            self._put(row, column, text_cell(ref(row + 1, column + 1), clean_text(_string(payload, 6, 2))))
        elif kind == _BOOLERR:
            row, column, _, value, error = struct.unpack_from("<3HBB", payload)
            self._put(row, column, _bool_or_error(ref(row + 1, column + 1), value, bool(error), None))
        if kind != _FORMULA and kind not in _FORMULA_PARTS:
            self._pending = None

    def _special(self, row: int, column: int, sort: int, value: int) -> None:
        """The result of a formula that is no number."""
        address = ref(row + 1, column + 1)
        if sort == 0:
            self._pending = (row, column)
            self._put(row, column, text_cell(address, "", ""))
        elif sort == 3:
            self._put(row, column, text_cell(address, "", ""))
        else:
            self._put(row, column, _bool_or_error(address, value, sort == 2, ""))

    def _number(self, row: int, column: int, style: int, value: float, formula: str | None = None) -> None:
        shown = self._formats[style] if style < len(self._formats) else GENERAL
        self._put(row, column, number_cell(ref(row + 1, column + 1), value, shown, formula, self._date1904))

    def _put(self, row: int, column: int, cell: Cell | None) -> None:
        if cell is not None:
            self._cells[row + 1, column + 1] = cell
            if not len(self._cells) % 65536:
                check_cells(self._cells, self._part)


class _Pieces:
    """A record and its continuations, in which a string may be cut anywhere."""

    __slots__ = ("_pieces", "_position")

    def __init__(self, first: bytes, stream: bytes, following: int) -> None:
        self._pieces = [first]
        self._position = 0
        while stream[following : following + 2] == _CONTINUE_MARK:
            start = following + 4
            following = start + struct.unpack_from("<H", stream, following + 2)[0]
            self._pieces.append(stream[start:following])
        self._pieces.reverse()

    def strings(self) -> list[str]:
        """All strings of a shared string table."""
        count = struct.unpack("<4xL", self._take(8))[0]
        texts: list[str] = []
        while len(texts) < count and self._left():
            texts.append(clean_text(self.string()))
        return texts

    def string(self) -> str:
        """One string with a length of two bytes."""
        length, flags = struct.unpack("<HB", self._take(3))
        runs = struct.unpack("<H", self._take(2))[0] if flags & 8 else 0
        extra = struct.unpack("<L", self._take(4))[0] if flags & 4 else 0
        characters = self._characters(length, flags)
        self._take(4 * runs + extra)
        return characters

    def _characters(self, length: int, flags: int) -> str:
        found = b""  # UTF-16
        while length:
            wide = flags & 1
            piece, start = self._pieces[-1], self._position
            raw = piece[start : start + (2 * length if wide else length)]
            self._position = start + len(raw)
            found += raw if wide else raw.decode("latin-1").encode("utf-16-le")
            length -= len(raw) // 2 if wide else len(raw)
            if length:  # each continuation says anew how wide its characters are
                self._pieces.pop()
                flags, self._position = self._pieces[-1][0], 1
        return found.decode("utf-16-le", "replace")

    def _take(self, count: int) -> bytes:
        found = b""
        while count:
            raw = self._pieces[-1][self._position : self._position + count]
            self._position += len(raw)
            found += raw
            count -= len(raw)
            if count:
                self._pieces.pop()
                self._position = 0
                if not self._pieces:
                    raise ValueError("string table cut off")
        return found

    def _left(self) -> bool:
        return len(self._pieces) > 1 or self._position < len(self._pieces[-1])


def rk_number(rk: int) -> float:
    """The number in four bytes: 30 bits of an integer or of a double, perhaps in hundredths."""
    if rk & 2:
        value = float((rk >> 2) - (1 << 30 if rk & 0x80000000 else 0))
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (rk & 0xFFFFFFFC) << 32))[0])
    return value / 100 if rk & 1 else value


def _bool_or_error(address: str, value: int, error: bool, formula: str | None) -> Cell | None:
    if error:
        return Cell(address, ERRORS.get(value, "#N/A"), None, formula, CellProblem.ERROR)
    return text_cell(address, "TRUE" if value else "FALSE", formula)


def _string(payload: bytes, position: int, length_size: int) -> str:
    """A string that lies in one record; its length takes one or two bytes."""
    length = payload[position] if length_size == 1 else struct.unpack_from("<H", payload, position)[0]
    position += length_size
    flags = payload[position]
    position += 1 + (2 if flags & 8 else 0) + (4 if flags & 4 else 0)
    if flags & 1:
        return payload[position : position + 2 * length].decode("utf-16-le", "replace")
    return payload[position : position + length].decode("latin-1")


def _records(stream: bytes, position: int) -> Iterator[tuple[int, bytes, int]]:
    """Kind, content and end of the records of one substream; charts embedded in it are passed over."""
    depth = 0
    size = len(stream)
    while position + 4 <= size:
        kind, length = struct.unpack_from("<2H", stream, position)
        position += 4 + length
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, stream[position - length : position], position
    raise ValueError("substream cut off")


def _damaged(part: str, error: Exception) -> BadWorkbook:
    return BadWorkbook("TPL012", part=part, detail=str(error)[:120])
