"""OpenDocument spreadsheets (.ods): `content.xml`, in which the displayed text stands beside the stored value."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import field
from decimal import Decimal, InvalidOperation

from lxml import etree

from perfeval.model import Cell, CellProblem
from perfeval.numbers import decimal_text, from_float
from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.archive import Archive
from perfeval.workbook.area import Range, ref
from perfeval.workbook.cells import Parsed, check_cells, clean_text, is_picture, text_cell
from perfeval.workbook.guard import LIMITS, BadWorkbook, plain_xml

__all__ = ["OdsTable", "is_encrypted", "read_tables"]

_PART = "content.xml"
_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _OFFICE, _TEXT, _STYLE = (f"{{{_NS}{name}:1.0}}" for name in ("table", "office", "text", "style"))
_CALCEXT_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_CELL, _COVERED = _TABLE + "table-cell", _TABLE + "covered-table-cell"
_ERROR = lazy_pattern(r"#(?:REF!|DIV/0!|VALUE!|NAME\?|N/A|NUM!|NULL!)|Err:[0-9]{3}")
# The displayed number between fixed words: 「343.00万元」
_DISPLAYED = lazy_pattern(r"([^0-9.,]*?)(-?[0-9][0-9,]*(?:\.[0-9]+)?)([^0-9.,]*)")
_REFERENCE = lazy_pattern(r"\[([^\]]*)\]")
_DURATION = lazy_pattern(r"P(?:([0-9]{1,6})D)?T([0-9]{1,6})H([0-9]{1,2})M([0-9]{1,2})(?:[.,][0-9]+)?S")


@record(slots=True)
class OdsTable:
    """One sheet as it is being read."""

    name: str
    state: str = "visible"
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    merges: list[Range] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    rows: int = 0  # read so far
    columns: int = 0  # described so far

    def parsed(self) -> Parsed:
        """What it holds."""
        return Parsed(self.cells, tuple(self.merges), frozenset(self.hidden_rows), frozenset(self.hidden_columns))


def is_encrypted(archive: Archive) -> bool:
    """Whether the parts are encrypted with a password."""
    manifest = "META-INF/manifest.xml"
    return manifest in archive and b"encryption-data" in archive.read(manifest)


def read_tables(archive: Archive) -> tuple[OdsTable, ...]:
    """All sheets of the document."""
    if _PART not in archive:
        raise BadWorkbook("TPL008", part=_PART)
    data = plain_xml(archive.read(_PART), _PART)
    try:
        return tuple(_tables(data))
    except (etree.LxmlError, ValueError) as error:
        raise BadWorkbook("TPL012", part=_PART, detail=str(error).partition("\n")[0][:120]) from None


def _tables(data: bytes) -> Iterator[OdsTable]:
    hidden_styles: set[str] = set()
    table: OdsTable | None = None
    nested = 0  # tables inside cells belong to their cell
    watched = (_TABLE + "table", _TABLE + "table-row", _TABLE + "table-column", _STYLE + "style")
    for event, element in etree.iterparse(
        io.BytesIO(data), events=("start", "end"), tag=watched, resolve_entities=False, no_network=True,
        load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    ):  # fmt: skip
        tag = element.tag
        if tag == _STYLE + "style":
            if event == "end":
                properties = element.find(_STYLE + "table-properties")
                if properties is not None and properties.get(_TABLE + "display") == "false":
                    hidden_styles.add(element.get(_STYLE + "name", ""))
        elif tag == _TABLE + "table":
            nested += 1 if event == "start" else -1
            if event == "start" and nested == 1:
                state = "hidden" if element.get(_TABLE + "style-name", "") in hidden_styles else "visible"
                table = OdsTable(element.get(_TABLE + "name", ""), state)
            elif event == "end" and nested == 0 and table is not None:
                yield table
                _forget(element)
        elif event == "end" and nested == 1 and table is not None:
            if tag == _TABLE + "table-row":
                _read_row(element, table)
            else:
                _read_column(element, table)
            _forget(element)


def _forget(element: etree._Element) -> None:
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _read_column(element: etree._Element, table: OdsTable) -> None:
    count = min(_repeated(element, "number-columns-repeated"), LIMITS.columns - table.columns)
    if _hidden(element):
        table.hidden_columns.update(range(table.columns + 1, table.columns + count + 1))
    table.columns += count


def _read_row(element: etree._Element, table: OdsTable) -> None:
    repeated = _repeated(element, "number-rows-repeated")
    row = table.rows + 1
    table.rows += repeated
    hidden = _hidden(element)
    column = 1
    found: list[tuple[int, Cell]] = []
    for item in element:
        if item.tag not in (_CELL, _COVERED):
            continue
        count = _repeated(item, "number-columns-repeated")
        if column > LIMITS.columns or row > LIMITS.rows:
            break
        width, height = (_repeated(item, f"number-{way}-spanned") for way in ("columns", "rows"))
        if (width > 1 or height > 1) and item.tag == _CELL:
            bottom, right = min(row + height - 1, LIMITS.rows), min(column + width - 1, LIMITS.columns)
            table.merges.append(Range(row, column, bottom, right))
        if len(item) or len(item.attrib) > 1 or item.get(_TABLE + "formula"):
            cell = _cell(item, "")
            if cell is not None:
                found += ((position, cell) for position in range(column, min(column + count, LIMITS.columns + 1)))
        column += count
    last = min(row + repeated, LIMITS.rows + 1) if found or hidden else row
    if (last - row) * len(found) > LIMITS.cells:
        raise BadWorkbook("TPL014", part=table.name, limit=str(LIMITS.cells))
    for number in range(row, last):
        if hidden:
            table.hidden_rows.add(number)
        for position, cell in found:
            address = ref(number, position)
            table.cells[number, position] = Cell(address, cell.text, cell.number, cell.formula, cell.problem)
    check_cells(table.cells, table.name)


def _cell(item: etree._Element, address: str) -> Cell | None:
    kind = item.get(_OFFICE + "value-type", "")
    formula = item.get(_TABLE + "formula")
    if formula is not None:
        formula = _REFERENCE.sub(_plain_reference, formula.partition(":=")[2] or formula.lstrip("="))
    shown = clean_text("\n".join(_paragraph(child) for child in item if child.tag == _TEXT + "p"))
    if is_picture(formula) or is_picture(shown):
        return text_cell(address, shown, formula or shown.lstrip("="))
    if formula is not None and (item.get(_CALCEXT_TYPE) == "error" or _ERROR.fullmatch(shown)):
        return Cell(address, shown or "#N/A", None, formula, CellProblem.ERROR)
    if kind in ("float", "percentage", "currency"):
        return _number(address, item.get(_OFFICE + "value", ""), kind == "percentage", shown, formula)
    if kind == "date":
        text = item.get(_OFFICE + "date-value", shown).removesuffix("T00:00:00").replace("T", " ")
        return text_cell(address, text.removesuffix(":00") if text.count(":") == 2 else text, formula)
    if kind == "time":
        return text_cell(address, _clock(item.get(_OFFICE + "time-value", "")) or shown, formula)
    if kind == "boolean":
        return text_cell(address, "TRUE" if item.get(_OFFICE + "boolean-value") == "true" else "FALSE", formula)
    if kind == "string" or shown:
        return text_cell(address, shown or clean_text(item.get(_OFFICE + "string-value", "")), formula)
    return None if formula is None else Cell(address, "", None, formula, CellProblem.UNCACHED)


def _number(address: str, stored: str, percent: bool, shown: str, formula: str | None) -> Cell | None:
    try:
        value = float(stored)
        number = from_float(value)
        text = decimal_text(number * 100) + "%" if percent else decimal_text(number)
    except (ValueError, InvalidOperation, OverflowError):  # not a number, or not a finite one
        return text_cell(address, shown or stored, formula)
    display = None if percent else _DISPLAYED.fullmatch(shown.strip())
    if display and (display[1] or display[3]) and _rounds_to(number, display[2].replace(",", "")):
        text = f"{display[1].strip()}{text}{display[3].strip()}"
    return Cell(address, text, number, formula)


def _rounds_to(number: Decimal, shown: str) -> bool:
    """Whether the displayed number is the stored one, rounded: else it is shown in another unit."""
    return abs(number - Decimal(shown)) <= Decimal(1).scaleb(-len(shown.partition(".")[2])) / 2


def _paragraph(element: etree._Element) -> str:
    """The text of a paragraph: blanks and breaks are elements; notes and ruby hints are no text of the cell."""
    pieces = [element.text or ""]
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name == "s":
            pieces.append(" " * min(_repeated(child, "c", _TEXT), 1000))
        elif name == "tab":
            pieces.append("\t")
        elif name == "line-break":
            pieces.append("\n")
        elif name in ("span", "a", "ruby", "ruby-base"):
            pieces.append(_paragraph(child))
        elif name in ("date", "time", "sheet-name", "title", "file-name"):
            pieces.append(child.text or "")
        pieces.append(child.tail or "")
    return "".join(pieces)


def _plain_reference(match: re.Match[str]) -> str:
    return ":".join(part.removeprefix(".") for part in match[1].split(":"))


def _clock(duration: str) -> str:
    match = _DURATION.fullmatch(duration)
    if not match:
        return ""
    hours = int(match[1] or 0) * 24 + int(match[2])
    text = f"{hours:02d}:{int(match[3]):02d}"
    return f"{text}:{int(match[4]):02d}" if int(match[4]) else text


def _hidden(element: etree._Element) -> bool:
    return element.get(_TABLE + "visibility") in ("collapse", "filter")


def _repeated(element: etree._Element, name: str, namespace: str = _TABLE) -> int:
    text = element.get(namespace + name) or "1"
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1
