"""Any workbook as sheets of cells, whatever program wrote it: what the reader and the layout compiler look at.

`open_book` decides by what the bytes are, not by the extension, because `.et`, `.xls` and `.xlsx` are mixed up freely.
A sheet is parsed when its cells are first asked for, so that evidence sheets beside the form cost nothing; the readers
of the rarer formats are loaded when such a file comes, so that starting the program is not slower for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property, lru_cache, partial
from typing import Any, Literal

from perfeval.model import BLANK, Cell
from perfeval.workbook.archive import Archive
from perfeval.workbook.area import Range, column_letter, column_number, parse_ref, ref
from perfeval.workbook.cells import CellMaker, Parsed
from perfeval.workbook.formats import NumberFormat, cell_formats
from perfeval.workbook.guard import LIMITS, BadWorkbook, too_large
from perfeval.workbook.magic import (
    BIFF8_MAGIC,
    OLD_BIFF_MAGICS,
    OLE_MAGIC,
    ZIP_MAGICS,
    described,
    ole_described,
    zip_described,
)
from perfeval.workbook.package import Package, SheetRef
from perfeval.workbook.sheet import parse_sheet, shared_strings

__all__ = [
    "Book", "Range", "Sheet", "blank_at", "column_letter", "column_number", "open_book", "parse_ref", "ref",
]  # fmt: skip

Kind = Literal["ooxml", "xls", "xlsb", "ods"]
_USUAL_MERGES = 4096  # cells in all merges of a sheet that may be a form
_WIDE_MERGE = 4096  # cells; larger merges are looked up one by one instead of cell by cell


class Sheet:
    """One sheet: its non-blank cells, merges and what is hidden. `cells` and the like may raise BadWorkbook."""

    def __init__(self, name: str, state: str, part: str | None, load: Callable[[], Parsed]) -> None:
        self.name = name
        self.state = state  # "visible" | "hidden" | "veryHidden"
        self.part = part  # part name in an OOXML package, else None
        self._load = load
        self._merged: _Merged | None = None
        self._wide: tuple[Range, ...] = ()

    def __repr__(self) -> str:
        return f"<Sheet {self.name!r}>"

    @cached_property
    def _content(self) -> Parsed:
        return self._load()

    @cached_property
    def cells(self) -> dict[tuple[int, int], Cell]:
        """Non-blank cells by (row, column), 1-based."""
        return self._content.cells

    @cached_property
    def lines(self) -> dict[int, dict[int, Cell]]:
        """The same cells by row, and by column in it."""
        lines: dict[int, dict[int, Cell]] = {}
        for (row, column), cell in self.cells.items():
            if row in lines:
                lines[row][column] = cell
            else:
                lines[row] = {column: cell}
        return lines

    @cached_property
    def merges(self) -> tuple[Range, ...]:
        """Merged ranges of more than one cell."""
        return self._content.merges

    @cached_property
    def hidden_rows(self) -> frozenset[int]:
        """Numbers of hidden rows."""
        return self._content.hidden_rows

    @cached_property
    def hidden_columns(self) -> frozenset[int]:
        """Numbers of hidden columns."""
        return self._content.hidden_columns

    @cached_property
    def last_row(self) -> int:
        """Last row that holds a non-blank cell, 0 when there is none."""
        rows = sorted(self.lines, reverse=True)
        return next((row for row in rows if any(self.lines[row].values())), 0)

    @cached_property
    def last_column(self) -> int:
        """Last column that holds a non-blank cell, 0 when there is none."""
        last = 0
        for line in self.lines.values():
            if max(line) > last:
                last = max([column for column, cell in line.items() if column > last and cell], default=last)
        return last

    def merged(self, row: int) -> dict[int, Range]:
        """The merges that hold cells of a row, by column; to be asked with `get`."""
        merged = self._merged
        if merged is None:
            merged = self._index_merges()
        line = merged.get(row, _NONE_MERGED)
        return _WideLine(line, row, self._wide) if self._wide else line

    def span(self, row: int, column: int) -> Range:
        """The merge that holds the cell, or the cell alone."""
        return self.merged(row).get(column) or Range(row, column, row, column)

    def anchor(self, row: int, column: int) -> tuple[int, int]:
        """Top-left cell of the merge that holds the cell, else the cell itself."""
        found = self.merged(row).get(column)
        return (row, column) if found is None else (found.top, found.left)

    def at(self, row: int, column: int) -> Cell:
        """The cell a person sees there: that of the merge it belongs to; BLANK when blank."""
        return self.cells.get(self.anchor(row, column), BLANK)

    def _index_merges(self) -> _Merged:
        size = sum([merge.size for merge in self.merges])
        usual = size <= _USUAL_MERGES
        if size > LIMITS.cells:
            self._check_merges()
        self._merged, self._wide = (_usual_index if usual else _merge_index)(self.merges)
        return self._merged

    def _check_merges(self) -> None:
        """Merges take few bytes in a file and a great deal of work: refuse more than any sheet has."""
        small = [merge.size for merge in self.merges if merge.size <= _WIDE_MERGE]
        if sum(small) > LIMITS.cells or len(self.merges) - len(small) > LIMITS.wide_merges:
            raise BadWorkbook("TPL006", what="合并单元格", limit=f"{LIMITS.cells} 格")


@lru_cache(maxsize=1 << 12)
def blank_at(row: int, column: int) -> Cell:
    """A cell in which nothing stands."""
    return Cell(ref(row, column))


_Merged = dict[int, dict[int, Range]]
_NONE_MERGED: dict[int, Range] = {}


class _WideLine(dict[int, Range]):
    """The merges in a row, those too wide to be noted for each column of it found one by one."""

    def __init__(self, line: dict[int, Range], row: int, wide: tuple[Range, ...]) -> None:
        super().__init__(line)
        self._wide = tuple([merge for merge in wide if merge.top <= row <= merge.bottom])

    def get(self, column: int, otherwise: Any = None) -> Any:
        """The merge that holds the cell of a column."""
        wide = (merge for merge in self._wide if merge.left <= column <= merge.right)
        return self[column] if column in self else next(wide, otherwise)


def _merge_index(merges: tuple[Range, ...]) -> tuple[_Merged, tuple[Range, ...]]:
    """The merge of every merged cell, by row and column, and the merges that are too wide for that."""
    merged: _Merged = {}
    for merge in merges:
        if merge.size <= _WIDE_MERGE:
            for row in range(merge.top, merge.bottom + 1):
                line = merged.setdefault(row, {})
                for column in range(merge.left, merge.right + 1):
                    line.setdefault(column, merge)
    return merged, tuple([merge for merge in merges if merge.size > _WIDE_MERGE])


_usual_index = lru_cache(maxsize=32)(_merge_index)  # forms of a batch with equally many rows are merged alike


class Book:
    """A workbook: its sheets in order."""

    __slots__ = ("decrypted", "kind", "objects", "package", "sheets", "size")

    def __init__(
        self,
        kind: Kind,
        sheets: Iterable[Sheet],
        size: int,
        package: Package | None = None,
        decrypted: bool = False,
        objects: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.kind: Kind = kind
        self.sheets = tuple(sheets)
        self.size = size  # bytes of what is in it, inflated
        self.package = package  # of an OOXML workbook, else None
        self.decrypted = decrypted  # opened with a password: what is made from it has none
        self.objects = objects  # what there is besides cells (图片, 批注, 宏 …), looked for only when asked


def open_book(data: bytes, *, password: str | None = None) -> Book:
    """The workbook in `data`, decided by content; BadWorkbook when it cannot be read."""
    if not data:
        raise BadWorkbook("TPL001")
    if data.startswith(ZIP_MAGICS):
        return _zipped_book(Archive(data))
    if data.startswith(OLE_MAGIC):
        return _compound_book(data, password)
    if data.startswith(BIFF8_MAGIC):  # some exports are the bare workbook stream
        return _xls_book(data)
    raise BadWorkbook("TPL015" if data.startswith(OLD_BIFF_MAGICS) else "TPL002", kind=described(data))


def _zipped_book(archive: Archive, decrypted: bool = False) -> Book:
    kind = archive.read("mimetype").decode("latin-1") if "mimetype" in archive else ""
    if "opendocument.spreadsheet" in kind:
        return _ods_book(archive)
    if kind:
        raise BadWorkbook("TPL002", kind=zip_described(kind))
    package = Package(archive)
    worksheets = [sheet for sheet in package.sheets if sheet.kind == "worksheet"]

    def objects() -> tuple[str, ...]:
        from perfeval.workbook.losses import objects_in_parts, words_on_sheet

        parts = [] if package.binary else [sheet.part for sheet in worksheets]
        words = (word for part in parts for word in words_on_sheet(package.read(part)))
        return tuple(dict.fromkeys((*objects_in_parts(package.names), *words)))

    if package.binary:
        return Book("xlsb", _xlsb_sheets(package, worksheets), archive.size, None, decrypted, objects)
    strings = _SharedStrings(package)
    sheets = (_ooxml_sheet(package, sheet, strings) for sheet in worksheets)
    return Book("ooxml", sheets, archive.size, package, decrypted, objects)


def _ods_book(archive: Archive) -> Book:
    from perfeval.workbook.ods import is_encrypted, read_tables

    if is_encrypted(archive):
        raise BadWorkbook("TPL004")

    def objects() -> tuple[str, ...]:
        from perfeval.workbook.losses import objects_in_parts, objects_in_text, words_in_styles

        styles = archive.read("styles.xml") if "styles.xml" in archive.names else b""
        seen = (
            *objects_in_text(archive.read("content.xml")),
            *objects_in_parts(archive.names),
            *words_in_styles(styles),
        )
        return tuple(dict.fromkeys(seen))

    sheets = (Sheet(table.name, table.state, None, table.parsed) for table in read_tables(archive))
    return Book("ods", sheets, archive.size, objects=objects)


def _compound_book(data: bytes, password: str | None) -> Book:
    from perfeval.workbook.compound import Compound
    from perfeval.workbook.crypto import decrypted

    if len(data) > LIMITS.file_size:
        raise too_large()
    container = Compound(data)
    if "EncryptedPackage" in container:
        return _zipped_book(Archive(decrypted(data, container, password)), decrypted=True)
    if "Workbook" not in container:
        raise BadWorkbook("TPL015" if "Book" in container else "TPL002", kind=ole_described(container.names))
    macros = ("宏",) if "_VBA_PROJECT_CUR" in container else ()
    try:
        return _xls_book(container.stream("Workbook"), macros=macros)
    except BadWorkbook as refusal:
        if refusal.code != "TPL004":
            raise
    plain = decrypted(data, container, password)
    return _xls_book(Compound(plain).stream("Workbook"), decrypted=True)


def _xls_book(stream: bytes, decrypted: bool = False, macros: tuple[str, ...] = ()) -> Book:
    from perfeval.workbook.biff import BiffBook

    if len(stream) > LIMITS.legacy_size:
        raise BadWorkbook("TPL006", what="工作簿", limit=f"{LIMITS.legacy_size >> 20} MB")
    book = BiffBook(stream)
    sheets = (Sheet(sheet.name, sheet.state, None, partial(book.sheet_content, sheet)) for sheet in book.sheets)

    def objects() -> tuple[str, ...]:
        from perfeval.workbook.losses import objects_in_stream

        return objects_in_stream(stream) + macros

    return Book("xls", sheets, len(stream), None, decrypted, objects)


def _ooxml_sheet(package: Package, sheet: SheetRef, strings: _SharedStrings) -> Sheet:
    def load() -> Parsed:
        styles = package.styles_part
        formats = () if styles is None else cell_formats(package.read(styles), styles)
        maker = CellMaker(strings, formats, package.date1904)
        return parse_sheet(_part(package, sheet.part), sheet.part, maker)

    return Sheet(sheet.name, sheet.state, sheet.part, load)


def _xlsb_sheets(package: Package, sheets: Iterable[SheetRef]) -> Iterator[Sheet]:
    from perfeval.workbook import xlsb

    @cache
    def shared() -> tuple[list[str], tuple[NumberFormat, ...]]:
        strings, styles = package.shared_strings_part, package.styles_part
        texts = [] if strings is None else xlsb.shared_strings(package.read(strings), strings)
        return texts, () if styles is None else xlsb.style_formats(package.read(styles), styles)

    for sheet in sheets:

        def load(part: str = sheet.part) -> Parsed:
            return xlsb.sheet_content(_part(package, part), part, *shared(), package.date1904)

        yield Sheet(sheet.name, sheet.state, None, load)


def _part(package: Package, part: str) -> bytes:
    if part not in package:
        raise BadWorkbook("TPL008", part=part)
    return package.read(part)


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
