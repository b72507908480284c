"""One worksheet part as cells.

Most parts are spelled in the few ways `perfeval.workbook.scan` knows and are read there. This module is the way for
all others – prefixes, rich inline text, cells without address, hidden rows, any size –: it walks the part row by row
and keeps no more than one row of it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache

from lxml import etree

from perfeval.model import Cell
from perfeval.workbook.area import Range, parse_ref, ref
from perfeval.workbook.cells import CellMaker, Parsed, check_cells, visible_text, whole
from perfeval.workbook.guard import LIMITS, BadWorkbook, parse_xml, plain_xml
from perfeval.workbook.scan import scan_sheet, scan_strings

__all__ = ["parse_sheet", "shared_strings", "walk_sheet"]

_TRUE = ("1", "true")


def parse_sheet(data: bytes, part: str, maker: CellMaker) -> Parsed:
    """The cells, merges and hidden rows and columns of a worksheet part."""
    data = plain_xml(data, part)
    parsed = scan_sheet(data, maker)
    if parsed is None:
        return walk_sheet(data, part, maker)
    check_cells(parsed.cells, part)
    return parsed


def walk_sheet(data: bytes, part: str, maker: CellMaker) -> Parsed:
    """The same for a part (known to have no document type) in any spelling."""
    cells: dict[tuple[int, int], Cell] = {}
    hidden: set[int] = set()
    columns: frozenset[int] = frozenset()
    refs: list[str] = []
    number = 0
    try:
        for _, element in etree.iterparse(
            io.BytesIO(data), events=("end",), tag=("{*}row", "{*}cols", "{*}mergeCell"), resolve_entities=False,
            no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
        ):  # fmt: skip
            kind = etree.QName(element).localname
            if kind == "row":
                number = _row_number(element, number)
                if element.get("hidden") in _TRUE:
                    hidden.add(number)
                _read_row(number, element, maker, cells)
                check_cells(cells, part)
            elif kind == "cols":
                columns = _hidden_columns(element)
            else:
                refs.append(element.get("ref", ""))
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
    except (etree.LxmlError, ValueError, IndexError) as error:
        raise BadWorkbook("TPL012", part=part, detail=str(error).partition("\n")[0][:120]) from None
    return Parsed(cells, _merges(refs), frozenset(hidden), columns)


class _Names:
    """Element names in the namespace of one file."""

    __slots__ = ("c", "f", "inline", "run", "si", "t", "v")

    def __init__(self, uri: str) -> None:
        ns = f"{{{uri}}}" if uri else ""
        self.c, self.v, self.f, self.inline = ns + "c", ns + "v", ns + "f", ns + "is"
        self.si, self.t, self.run = ns + "si", ns + "t", ns + "r"


_names = lru_cache(maxsize=16)(_Names)


def _names_of(element: etree._Element) -> _Names:
    return _names(etree.QName(element).namespace or "")


def _read_row(number: int, row: etree._Element, maker: CellMaker, cells: dict[tuple[int, int], Cell]) -> None:
    """Read the non-blank cells of a row; one without address stands right of the cell before."""
    names = _names_of(row)
    column = 0
    for element in row:
        if element.tag != names.c:
            continue
        address = element.get("r")
        line, column = parse_ref(address) if address else (number, column + 1)
        if len(element):
            cell = _cell(element, ref(line, column), names, maker)
            if cell is not None:
                cells[line, column] = cell


def _cell(element: etree._Element, address: str, names: _Names, maker: CellMaker) -> Cell | None:
    value: str | None = None
    formula: str | None = None
    for child in element:
        tag = child.tag
        if tag == names.v:
            value = child.text or ""
        elif tag == names.inline:
            value = _joined(child, names)
        elif tag == names.f:
            formula = child.text or ""
            if child.get("t") == "shared":
                formula = maker.shared_formula(formula, child.get("si", ""))
    vm = element.get("vm")
    picture = None if vm is None else int(vm) if vm.isascii() and vm.isdigit() and len(vm) < 10 else 0
    return maker.cell(address, element.get("t"), element.get("s"), value, formula, picture)


def shared_strings(data: bytes, part: str) -> list[str]:
    """The texts of a shared string part, as a person sees them; blank ones are ""."""
    data = plain_xml(data, part)
    texts = scan_strings(data)
    if texts is None:
        root = parse_xml(data, part)
        names = _names_of(root)
        try:
            texts = [visible_text(_joined(item, names)) for item in root if item.tag == names.si]
        except ValueError as error:
            raise BadWorkbook("TPL012", part=part, detail=str(error)) from None
    return texts


def _joined(item: etree._Element, names: _Names) -> str:
    """The text of a string item: its runs joined, without the phonetic hints of East Asian text."""
    texts: list[str] = []
    for child in item:
        if child.tag == names.t:
            texts.append(child.text or "")
        elif child.tag == names.run:
            texts += (part.text or "" for part in child if part.tag == names.t)
    return "".join(texts)


def _row_number(row: etree._Element, before: int) -> int:
    text = row.get("r")
    number = whole(text) if text else before + 1
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


def _hidden_columns(cols: etree._Element) -> frozenset[int]:
    hidden: set[int] = set()
    last = 0
    for col in cols:
        first, until = (whole(col.get(key) or "0") for key in ("min", "max"))
        if last < first <= until <= LIMITS.columns:  # they must ascend: no column is counted twice
            last = until
            if col.get("hidden") in _TRUE:
                hidden.update(range(first, until + 1))
    return frozenset(hidden)
