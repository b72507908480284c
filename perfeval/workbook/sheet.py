"""One worksheet part as cells: the fast parser of SpreadsheetML.

Half of the time a form costs is spent here, so blank cells are skipped inside the XML library, addresses are parsed
once per program run, and everything that files of one batch share (styles) is cached by content.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import cast

from lxml import etree

from perfeval.model import Cell, CellProblem
from perfeval.workbook.area import Range, parse_ref, ref
from perfeval.workbook.formats import GENERAL, NumberFormat, shown_number
from perfeval.workbook.guard import LIMITS, BadWorkbook, parse_xml, plain_xml

__all__ = ["PICTURE_TEXT", "Parsed", "clean_text", "parse_sheet", "shared_strings", "text_cell"]

PICTURE_TEXT = "[图片]"
_PICTURE_FUNCTION = "DISPIMG("  # WPS keeps in-cell pictures as a formula on a private part
_TRUE = ("1", "true", "on")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a worksheet holds, whatever format it came in."""

    cells: dict[tuple[int, int], Cell]
    merges: tuple[Range, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()


class _Names:
    """Element names in the namespace of one file."""

    __slots__ = ("c", "cells", "col", "cols", "data", "f", "inline", "merges", "phonetic", "run", "si", "t", "v")

    def __init__(self, uri: str) -> None:
        ns = f"{{{uri}}}" if uri else ""
        self.data, self.c, self.v, self.f = ns + "sheetData", ns + "c", ns + "v", ns + "f"
        self.inline, self.t, self.run, self.phonetic, self.si = ns + "is", ns + "t", ns + "r", ns + "rPh", ns + "si"
        self.cols, self.col, self.merges = ns + "cols", ns + "col", ns + "mergeCells"
        # Cells with content only: a styled blank cell never becomes a Python object.
        prefix, spaces = ("x:", {"x": uri}) if uri else ("", None)
        found = etree.XPath(f"{prefix}c[*]", namespaces=spaces)
        self.cells = cast("Callable[[etree._Element], list[etree._Element]]", found)


_names = lru_cache(maxsize=16)(_Names)


def _names_of(root: etree._Element) -> _Names:
    return _names(etree.QName(root).namespace or "")


def parse_sheet(
    data: bytes,
    part: str,
    strings: Callable[[], Sequence[str]],
    formats: Sequence[NumberFormat],
    date1904: bool = False,
) -> Parsed:
    """The cells, merges and hidden rows and columns of a worksheet part; `strings` is asked when first needed."""
    reader = _CellReader(part, strings, formats, date1904)
    if len(data) > LIMITS.tree_size:
        return _parse_streaming(data, part, reader)
    root = parse_xml(data, part)
    names = _names_of(root)
    hidden: set[int] = set()
    rows = root.find(names.data)
    if rows is not None:
        number = 0
        for row in rows:
            number = _row_number(row, number)
            if row.get("hidden") in _TRUE:
                hidden.add(number)
            if len(row):
                reader.row(number, row, names)
    merges = root.find(names.merges)
    ranges = () if merges is None else _merges(merge.get("ref", "") for merge in merges)
    return Parsed(reader.cells, ranges, frozenset(hidden), _hidden_columns(root.find(names.cols)))


def _parse_streaming(data: bytes, part: str, reader: _CellReader) -> Parsed:
    """The same for a sheet too large to be held as a tree: each row is dropped once read."""
    hidden: set[int] = set()
    columns: frozenset[int] = frozenset()
    refs: list[str] = []
    number = 0
    try:
        events = etree.iterparse(
            io.BytesIO(plain_xml(data, part)), events=("end",), tag=("{*}row", "{*}cols", "{*}mergeCell"),
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
            remove_pis=True,
        )  # fmt: skip
        for _, element in events:
            kind = etree.QName(element).localname
            if kind == "row":
                names = _names_of(element)
                number = _row_number(element, number)
                if element.get("hidden") in _TRUE:
                    hidden.add(number)
                reader.row(number, element, names)
            elif kind == "cols":
                columns = _hidden_columns(element)
            else:
                refs.append(element.get("ref", ""))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.LxmlError as error:
        raise BadWorkbook("TPL012", part=part, detail=str(error).partition("\n")[0][:120]) from None
    return Parsed(reader.cells, _merges(refs), frozenset(hidden), columns)


class _CellReader:
    """Turns `<c>` elements into cells; one per sheet, because shared formulas refer to each other."""

    __slots__ = ("_date1904", "_formats", "_part", "_shared", "_strings", "_text", "cells")

    def __init__(
        self, part: str, strings: Callable[[], Sequence[str]], formats: Sequence[NumberFormat], date1904: bool
    ) -> None:
        self.cells: dict[tuple[int, int], Cell] = {}
        self._part = part
        self._strings = strings
        self._formats = formats
        self._date1904 = date1904
        self._shared: dict[str, str] = {}  # text of the master by group of shared formulas
        self._text = 0  # characters so far

    def row(self, number: int, row: etree._Element, names: _Names) -> None:
        """Read the non-blank cells of a row."""
        try:
            if not self._addressed(names.cells(row), names):
                self._counted(number, row, names)
        except (ValueError, IndexError) as error:
            raise BadWorkbook("TPL012", part=self._part, detail=str(error)[:120]) from None
        if len(self.cells) > LIMITS.cells or self._text > LIMITS.text:
            raise BadWorkbook("TPL014", part=self._part, limit=str(LIMITS.cells))

    def _addressed(self, elements: Iterable[etree._Element], names: _Names) -> bool:
        """Read cells that name their own address; False when one does not."""
        cells = self.cells
        for element in elements:
            address = element.get("r")
            if address is None:
                return False
            position, address = _position(address)
            cell = self._cell(element, address, names)
            if cell is not None:
                cells[position] = cell
        return True

    def _counted(self, number: int, row: etree._Element, names: _Names) -> None:
        """Read cells whose address follows from their place: one right of the cell before."""
        column = 0
        for element in row:
            if element.tag != names.c:
                continue
            address = element.get("r")
            column = _position(address)[0][1] if address else column + 1
            if len(element):
                cell = self._cell(element, ref(number, column), names)
                if cell is not None:
                    self.cells[number, column] = cell

    def _cell(self, element: etree._Element, address: str, names: _Names) -> Cell | None:
        value: str | None = None
        formula: str | None = None
        for child in element:
            tag = child.tag
            if tag == names.v:
                value = child.text or ""
            elif tag == names.f:
                formula = self._formula(child)
            elif tag == names.inline:
                value = _rich_text(child, names)
        kind = element.get("t")
        if kind == "s" and value:
            text = self._strings()[_index(value)]
        elif value is None or not (value or kind == "str"):
            # An empty <v/> of type str is the calculated empty text; of any other type it was never calculated.
            if formula is None:
                return None
            if _PICTURE_FUNCTION in formula:
                return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE)
            return Cell(address, "", None, formula, CellProblem.UNCACHED)
        elif kind is None or kind == "n":
            style = element.get("s")
            return _number_cell(address, value, self._format(style) if style else GENERAL, formula, self._date1904)
        elif kind == "e":
            # A picture placed in a cell by Excel 365 is an error value with rich metadata and without formula.
            if element.get("vm") and formula is None:
                return Cell(address, PICTURE_TEXT, None, None, CellProblem.PICTURE)
            return Cell(address, value, None, formula, CellProblem.ERROR)
        elif kind == "b":
            text = "TRUE" if value in _TRUE else "FALSE"
        elif kind == "d":
            text = value.removesuffix("Z").removesuffix("T00:00:00").replace("T", " ")
        else:
            text = clean_text(value)
        self._text += len(text)
        return text_cell(address, text, formula)

    def _format(self, style: str) -> NumberFormat:
        index = _index(style)
        return self._formats[index] if index < len(self._formats) else GENERAL

    def _formula(self, element: etree._Element) -> str:
        text = element.text or ""
        if element.get("t") == "shared":
            group = element.get("si", "")
            if text:
                self._shared[group] = text
            else:
                text = self._shared.get(group, "")
        return text


def text_cell(address: str, text: str, formula: str | None = None) -> Cell | None:
    """A cell with text, None when that leaves it blank; the formula of an in-cell picture is never a text."""
    if is_picture(formula) or is_picture(text):
        return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE)
    if formula is None and not text.strip():
        return None
    return Cell(address, text, None, formula)


def is_picture(text: str | None) -> bool:
    """Whether a formula, or a text that repeats it, is the in-cell picture of WPS."""
    return text is not None and _PICTURE_FUNCTION in text and _PICTURE.match(text) is not None


def _number_cell(address: str, value: str, style: NumberFormat, formula: str | None, date1904: bool) -> Cell | None:
    try:
        number = float(value)
    except ValueError:
        return text_cell(address, clean_text(value), formula)
    if not isfinite(number):
        return text_cell(address, value, formula)
    if formula is not None and is_picture(formula):
        return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE)
    text, content = shown_number(number, style, date1904)
    return Cell(address, text, content, formula)


def shared_strings(data: bytes, part: str) -> list[str]:
    """The texts of a shared string part, as a person sees them."""
    root = parse_xml(data, part)
    names = _names_of(root)
    return [_rich_text(item, names) for item in root if item.tag == names.si]


def _rich_text(item: etree._Element, names: _Names) -> str:
    """The text of a string item: its runs joined, without the phonetic hints of East Asian text."""
    if len(item) == 1 and item[0].tag == names.t:
        return clean_text(item[0].text or "")
    texts: list[str] = []
    for child in item:
        if child.tag == names.t:
            texts.append(child.text or "")
        elif child.tag == names.run:
            texts += (part.text or "" for part in child if part.tag == names.t)
    return clean_text("".join(texts))


def clean_text(text: str) -> str:
    """`text` with `_x000D_` escapes decoded, line ends as LF, and without control characters."""
    if "_x" in text:
        text = _ESCAPE.sub(_unescaped, text)
        if any("\ud800" <= char <= "\udfff" for char in text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isprintable() else _CONTROL.sub("", text)


_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_PICTURE = re.compile(r"=?(?:_xlfn\.)?DISPIMG\(")


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


@lru_cache(maxsize=1 << 15)
def _position(address: str) -> tuple[tuple[int, int], str]:
    """Row and column of an address, and the address in plain spelling."""
    position = parse_ref(address)
    return position, ref(*position)


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"no index {text[:20]!r}")
    return int(text)


def _row_number(row: etree._Element, before: int) -> int:
    text = row.get("r")
    number = _index(text) if text else before + 1
    if not 1 <= number <= LIMITS.rows:
        raise ValueError(f"no row {number}")
    return number


def _merges(refs: Iterable[str]) -> tuple[Range, ...]:
    """The merged ranges; what is no range is left out, as every spreadsheet program does."""
    ranges = []
    for text in refs:
        try:
            area = Range.parse(text)
        except ValueError:
            continue
        if not area.single:
            ranges.append(area)
    return tuple(ranges)


def _hidden_columns(cols: etree._Element | None) -> frozenset[int]:
    hidden: set[int] = set()
    last = 0
    for col in () if cols is None else cols:
        first, until = (_index(col.get(key, "0") or "0") for key in ("min", "max"))
        if last < first <= until <= LIMITS.columns:  # they must ascend: no column is counted twice
            last = until
            if col.get("hidden") in _TRUE:
                hidden.update(range(first, until + 1))
    return frozenset(hidden)
