"""Any workbook as sheets of cells, whatever program wrote it: what the reader and the layout compiler look at.

`open_book` decides by what the bytes are, not by the extension, because `.et`, `.xls` and `.xlsx` are mixed up freely.
A sheet is parsed when its cells are first asked for, so that evidence sheets beside the form cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from perfeval.model import BLANK, Cell
from perfeval.workbook.archive import Archive
from perfeval.workbook.area import Range, column_letter, column_number, parse_ref, ref
from perfeval.workbook.cells import CellMaker, Parsed
from perfeval.workbook.formats import NumberFormat, cell_formats
from perfeval.workbook.guard import BadWorkbook
from perfeval.workbook.magic import ZIP_MAGICS, described
from perfeval.workbook.package import Package, SheetRef
from perfeval.workbook.sheet import parse_sheet, shared_strings

__all__ = [
    "Book", "Range", "Sheet", "column_letter", "column_number", "open_book", "parse_ref", "ref",
]  # fmt: skip

Kind = Literal["ooxml", "xls", "xlsb", "ods"]
_WIDE_MERGE = 4096  # cells; larger merges are looked up one by one instead of cell by cell


class Sheet:
    """One sheet: its non-blank cells, merges and what is hidden. `cells` and the like may raise BadWorkbook."""

    __slots__ = ("_load", "_merged", "_parsed", "_used", "_wide", "name", "part", "state")

    def __init__(self, name: str, state: str, part: str | None, load: Callable[[], Parsed]) -> None:
        self.name = name
        self.state = state  # "visible" | "hidden" | "veryHidden"
        self.part = part  # part name in an OOXML package, else None
        self._load = load
        self._parsed: Parsed | None = None
        self._merged: dict[tuple[int, int], Range] | None = None
        self._wide: tuple[Range, ...] = ()
        self._used: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"<Sheet {self.name!r}>"

    @property
    def _content(self) -> Parsed:
        if self._parsed is None:
            self._parsed = self._load()
        return self._parsed

    @property
    def cells(self) -> dict[tuple[int, int], Cell]:
        """Non-blank cells by (row, column), 1-based."""
        return self._content.cells

    @property
    def merges(self) -> tuple[Range, ...]:
        """Merged ranges of more than one cell."""
        return self._content.merges

    @property
    def hidden_rows(self) -> frozenset[int]:
        """Numbers of hidden rows."""
        return self._content.hidden_rows

    @property
    def hidden_columns(self) -> frozenset[int]:
        """Numbers of hidden columns."""
        return self._content.hidden_columns

    @property
    def last_row(self) -> int:
        """Last row that holds a non-blank cell, 0 when there is none."""
        return self._extent()[0]

    @property
    def last_column(self) -> int:
        """Last column that holds a non-blank cell, 0 when there is none."""
        return self._extent()[1]

    def _extent(self) -> tuple[int, int]:
        if self._used is None:
            used = [position for position, cell in self.cells.items() if cell]
            self._used = (max(row for row, _ in used), max(column for _, column in used)) if used else (0, 0)
        return self._used

    def span(self, row: int, column: int) -> Range:
        """The merge that holds the cell, or the cell alone."""
        if self._merged is None:
            self._index_merges()
        found = self._merged.get((row, column)) if self._merged else None
        if found is not None:
            return found
        for merge in self._wide:
            if (row, column) in merge:
                return merge
        return Range(row, column, row, column)

    def anchor(self, row: int, column: int) -> tuple[int, int]:
        """Top-left cell of the merge that holds the cell, else the cell itself."""
        if self._merged is None:
            self._index_merges()
        found = self._merged.get((row, column)) if self._merged else None
        if found is not None:
            return found.top, found.left
        if self._wide:
            span = self.span(row, column)
            return span.top, span.left
        return row, column

    def at(self, row: int, column: int) -> Cell:
        """The cell a person sees there: that of the merge it belongs to; BLANK when blank."""
        return self.cells.get(self.anchor(row, column), BLANK)

    def _index_merges(self) -> None:
        merged: dict[tuple[int, int], Range] = {}
        for merge in self.merges:
            if merge.size <= _WIDE_MERGE:
                for row in range(merge.top, merge.bottom + 1):
                    for column in range(merge.left, merge.right + 1):
                        merged.setdefault((row, column), merge)
        self._wide = tuple(merge for merge in self.merges if merge.size > _WIDE_MERGE)
        self._merged = merged


class Book:
    """A workbook: its sheets in order."""

    __slots__ = ("kind", "package", "sheets")

    def __init__(self, kind: Kind, sheets: Sequence[Sheet], package: Package | None = None) -> None:
        self.kind: Kind = kind
        self.sheets = tuple(sheets)
        self.package = package  # of an OOXML workbook, else None


def open_book(data: bytes, *, password: str | None = None) -> Book:
    """The workbook in `data`, decided by content; BadWorkbook when it cannot be read."""
    if not data:
        raise BadWorkbook("TPL001")
    if data.startswith(ZIP_MAGICS):
        return _ooxml_book(Package(Archive(data)))
    raise BadWorkbook("TPL002", kind=described(data))


def _ooxml_book(package: Package) -> Book:
    strings = _SharedStrings(package)
    sheets = [_ooxml_sheet(package, sheet, strings) for sheet in package.sheets if sheet.kind == "worksheet"]
    return Book("ooxml", sheets, package)


def _ooxml_sheet(package: Package, sheet: SheetRef, strings: _SharedStrings) -> Sheet:
    def load() -> Parsed:
        if sheet.part not in package:
            raise BadWorkbook("TPL008", part=sheet.part)
        maker = CellMaker(strings, _formats(package), package.date1904)
        return parse_sheet(package.read(sheet.part), sheet.part, maker)

    return Sheet(sheet.name, sheet.state, sheet.part, load)


def _formats(package: Package) -> tuple[NumberFormat, ...]:
    return () if package.styles_part is None else cell_formats(package.read(package.styles_part), package.styles_part)


class _SharedStrings:
    """The shared strings of a package, parsed when the first cell needs one."""

    __slots__ = ("_package", "_texts")

    def __init__(self, package: Package) -> None:
        self._package = package
        self._texts: list[str] | None = None

    def __call__(self) -> list[str]:
        if self._texts is None:
            part = self._package.shared_strings_part
            if part is None:
                raise BadWorkbook("TPL008", part="sharedStrings.xml")
            self._texts = shared_strings(self._package.read(part), part)
        return self._texts
