"""Makes a template of somebody's blank form: texts are put into its cells, and repeated rows become one.

Everything else of the workbook – formats, widths, print set-up, drop-down lists, other sheets – stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Mapping

from lxml import etree

from perfeval.workbook.area import Range, parse_ref, ref
from perfeval.workbook.edit import edited
from perfeval.workbook.guard import parse_xml
from perfeval.workbook.package import Package, SheetRef
from perfeval.workbook.references import shift_formula, shift_ranges
from perfeval.workbook.sheetxml import MAIN

__all__ = ["stamped"]

_M = f"{{{MAIN}}}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def stamped(
    package: Package,
    sheet: SheetRef,
    texts: Mapping[tuple[int, int], str],
    repeated: range,
    formats: Mapping[tuple[int, int], int] | None = None,
    *,
    drop_sheets: Container[str] = (),
    drop_properties: Iterable[str] = (),
) -> bytes:
    """The workbook with `texts` in the cells of `sheet`, of whose `repeated` rows only the first is kept.

    Places are those of the sheet as it was; "" empties a cell. `formats` are built-in number formats by place, for
    cells that have none of their own. Sheets and custom properties to be dropped are named.
    """
    gone = range(repeated.start + 1, repeated.stop)

    def moved(row: int) -> int:
        return row if row < gone.start else repeated.start if row in gone else row - len(gone)

    root = parse_xml(package.read(sheet.part), sheet.part)
    data = root.find(f"{_M}sheetData")
    assert data is not None
    for row in list(data):
        number = int(row.get("r", "0"))
        if number in gone:
            data.remove(row)
            continue
        row.set("r", str(moved(number)))
        for cell in row:
            at, column = parse_ref(cell.get("r", ""))
            cell.set("r", ref(moved(at), column))
            formula = cell.find(f"{_M}f")
            if formula is not None and formula.text:
                formula.text = shift_formula(formula.text, moved)
    for (at, column), text in sorted(texts.items()):
        if at not in gone:
            _write(_cell(data, moved(at), column), text)
    cells = {(moved(at), column): number for (at, column), number in (formats or {}).items() if at not in gone}
    styles = _with_formats(package, data, cells)
    _move_merges(root, repeated, gone, moved(repeated.stop) - repeated.stop)
    for element in root.iter(f"{_M}dataValidation", f"{_M}conditionalFormatting"):
        element.set("sqref", shift_ranges(element.get("sqref", ""), moved))
    for name in ("rowBreaks", "dimension"):
        for element in root.findall(f"{_M}{name}"):
            root.remove(element)
    xml = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return edited(
        package,
        sheets={sheet.part: xml},
        styles=styles,
        row_maps={sheet.name: moved},
        drop_sheets=drop_sheets,
        custom_properties=dict.fromkeys(drop_properties),
    )


def _with_formats(package: Package, data: etree._Element, cells: Mapping[tuple[int, int], int]) -> bytes | None:
    """The style sheet with the number formats that cells without one are given."""
    if not cells or package.styles_part is None:
        return None
    root = parse_xml(package.read(package.styles_part), package.styles_part)
    known = root.find(f"{_M}cellXfs")
    if known is None:
        return None
    made: dict[tuple[int, int], int] = {}
    for (row, column), number in sorted(cells.items()):
        cell = _cell(data, row, column)
        old = int(cell.get("s", "0"))
        if known[old].get("numFmtId", "0") != "0":
            continue
        if (old, number) not in made:
            look = copy.deepcopy(known[old])
            look.set("numFmtId", str(number))
            look.set("applyNumberFormat", "1")
            known.append(look)
            made[old, number] = len(known) - 1
        cell.set("s", str(made[old, number]))
    known.set("count", str(len(known)))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _cell(data: etree._Element, row: int, column: int) -> etree._Element:
    """The cell element, made where there is none; cells and rows stand in their order."""
    line = next((each for each in data if int(each.get("r", "0")) == row), None)
    if line is None:
        line = etree.Element(f"{_M}row", r=str(row))
        data.insert(sum(int(each.get("r", "0")) < row for each in data), line)
    for cell in line:
        if parse_ref(cell.get("r", ""))[1] == column:
            return cell
    cell = etree.Element(f"{_M}c", r=ref(row, column))
    line.insert(sum(parse_ref(each.get("r", ""))[1] < column for each in line), cell)
    return cell


def _write(cell: etree._Element, text: str) -> None:
    for child in list(cell):
        cell.remove(child)
    if "t" in cell.attrib:
        del cell.attrib["t"]
    if text:
        cell.set("t", "inlineStr")
        inside = etree.SubElement(etree.SubElement(cell, f"{_M}is"), f"{_M}t")
        inside.text = text
        inside.set(_SPACE, "preserve")


def _move_merges(root: etree._Element, repeated: range, gone: range, shift: int) -> None:
    """Merges keep to the one row that is left of the repeated ones; what was merged down in it no longer is."""
    parent = root.find(f"{_M}mergeCells")
    if parent is None:
        return
    for element in list(parent):
        start, _, end = element.get("ref", "").partition(":")
        top, left = parse_ref(start)
        bottom, right = parse_ref(end or start)
        if top in gone:
            parent.remove(element)
            continue
        if top >= gone.stop:
            top, bottom = top + shift, bottom + shift
        elif bottom >= gone.start:
            bottom = repeated.start if bottom < gone.stop else bottom + shift
        if (top, left) == (bottom, right):
            parent.remove(element)
        else:
            element.set("ref", Range(top, left, bottom, right).ref)
    if len(parent):
        parent.set("count", str(len(parent)))
    else:
        root.remove(parent)
