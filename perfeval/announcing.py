"""Says what of the input will not be in the finished workbook, before it is written."""

from __future__ import annotations

from collections.abc import Sequence

from perfeval.findings import Finding
from perfeval.layout import COMPUTED, Layout
from perfeval.memory import is_memory_sheet
from perfeval.model import Cell, CellProblem
from perfeval.outcome import FormOutcome
from perfeval.workbook.carry import headers_on
from perfeval.workbook.grid import Book, Sheet
from perfeval.workbook.headers import overprinted
from perfeval.workbook.losses import rich_cells
from perfeval.workbook.package import Package
from perfeval.workbook.problems import SHEET_NAME

__all__ = ["announced"]

_NAMED = 5  # cells named one by one
_MADE_ANEW = ("weight", "score")  # columns whose cells are computed


def announced(book: Book, package: Package | None, forms: Sequence[tuple[Sheet, FormOutcome, Layout]]) -> list[Finding]:
    """What is lost of `book`; `package` is its own when that is written to, else None."""
    found: list[Finding] = []
    if package is None:
        ours = [sheet for sheet, _, _ in forms]
        others = [s.name for s in book.sheets if not is_memory_sheet(s) and s.cells and all(s is not o for o in ours)]
        others = [name for name in others if not name.startswith(SHEET_NAME)]
        if others:
            found.append(Finding("TPL030", params={"kind": book.kind, "sheets": "”“".join(others)}))
        objects = dict.fromkeys(book.objects())
        if any(cell.problem is CellProblem.PICTURE for _, outcome, _ in forms for cell in _as_read(outcome)):
            objects["图片"] = None
        if objects:
            found.append(Finding("TPL033", params={"kind": book.kind, "what": "、".join(objects)}))
    for sheet, outcome, layout in forms:
        typed = _as_read(outcome)
        formulas = dict.fromkeys(
            [cell.ref for cell in typed if cell.formula is not None and cell.problem is None and cell.ref]
        )
        rich = rich_cells(package, sheet.part) if package is not None and sheet.part else frozenset()
        mixed = dict.fromkeys([cell.ref for cell in typed if cell.ref and cell.ref in rich] if rich else ())
        for code, refs in (("TPL034", formulas), ("TPL035", mixed)):
            if refs:
                # Of the file as a whole, in the addresses of the original: the cells have others now.
                found.append(Finding(code, params={"where": sheet.name, "cells": _named(list(refs))}))
        if package is not None and sheet.part and (theirs := headers_on(package, sheet.part)):
            lost = overprinted(layout.appearance.copied.get("headerFooter", b"").decode(), theirs)
            for code, too_long in (("TPL036", False), ("TPL037", True)):
                texts = [part.text for part in lost if part.too_long == too_long]
                if texts:
                    found.append(Finding(code, params={"where": sheet.name, "text": "”“".join(texts)}))
    return found


def _named(refs: Sequence[str]) -> str:
    named = "、".join(refs[:_NAMED])
    return named if len(refs) <= _NAMED else f"{named} 等 {len(refs)} 个单元格"


def _as_read(outcome: FormOutcome) -> list[Cell]:
    """The cells that a person fills in as they stood in the sheet; one that several rows share comes several times."""
    form = outcome.read or outcome.form
    cells = [cell for path, cell in form.fields.items() if not path.startswith(COMPUTED)]
    for indicator in form.indicators:
        cells += [cell for key, cell in indicator.cells.items() if key not in _MADE_ANEW]
    cells += form.narrative.values()
    return cells + [stray.cell for stray in form.strays]
