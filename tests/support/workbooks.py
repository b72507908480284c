"""A workbook as text: what stands where and how it looks, for golden files that are compared by meaning."""

from __future__ import annotations

import warnings
from pathlib import Path

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["dump"]


def dump(path: Path) -> str:
    """Sheets, values, formulas, merges, formats, heights, page set-up and validations of a workbook.

    Left out, because it says nothing about meaning: the order of formats in the style sheet, part names, properties;
    and what the program notes for itself on a very hidden sheet, which tests of its own look at.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl announces what it does not model
        formulas = openpyxl.load_workbook(path)
        values = openpyxl.load_workbook(path, data_only=True)
    lines = [f"names: {sorted(formulas.defined_names)}"]
    for sheet in formulas.worksheets:
        if sheet.sheet_state == "veryHidden":
            lines += ["", f"# {sheet.title} (veryHidden)"]
        else:
            lines += _sheet(sheet, values[sheet.title])
    return "\n".join(lines) + "\n"


def _sheet(sheet: Worksheet, values: Worksheet) -> list[str]:
    setup = sheet.page_setup
    lines = [
        "",
        f"# {sheet.title} ({sheet.sheet_state})",
        f"area {sheet.print_area} titles {sheet.print_title_rows} paper {setup.paperSize} {setup.orientation}"
        f" fit {sheet.sheet_properties.pageSetUpPr.fitToPage} {setup.fitToWidth}x{setup.fitToHeight}"
        f" breaks {[item.id for item in sheet.row_breaks.brk]}",
        f"footer {sheet.oddFooter.center.text}",
        f"protected {sheet.protection.sheet} freeze {sheet.freeze_panes}",
        "merges " + " ".join(sorted(str(merge) for merge in sheet.merged_cells.ranges)),
    ]
    for validation in sorted(sheet.data_validations.dataValidation, key=lambda v: str(v.sqref)):
        lines.append(f"list {validation.sqref}: {validation.formula1}")
    for ranges in sorted(sheet.conditional_formatting, key=lambda r: str(r.sqref)):
        lines += [f"rule {ranges.sqref}: {rule.formula} {rule.dxf.numFmt.formatCode}" for rule in ranges.rules]
    for row in sheet.iter_rows():
        height = sheet.row_dimensions[row[0].row].height
        lines.append(f"-- row {row[0].row} height {'own' if height is None else format(height, 'g')}")
        lines += [_cell(cell, values) for cell in row if not isinstance(cell, MergedCell) and cell.value is not None]
    return lines


def _cell(cell: Cell, values: Worksheet) -> str:
    font, border, fill = cell.font, cell.border, cell.fill
    sides = "".join(name[0] for name in ("left", "right", "top", "bottom") if getattr(border, name).style)
    text = repr(cell.value)
    if cell.data_type == "f":
        text += f" → {values[cell.coordinate].value!r}"
    look = f"{font.name} {font.sz:g}{' bold' if font.b else ''} [{sides}] {cell.number_format}"
    if fill.fill_type:
        look += f" fill {fill.fgColor.rgb}"
    if not cell.protection.locked:
        look += " open"
    if cell.hyperlink:
        look += f" link {cell.hyperlink.location}"
    note = f" note {cell.comment.text!r}" if cell.comment else ""
    return f"{cell.coordinate} {cell.data_type} {text} | {look}{note}"
