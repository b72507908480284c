"""A comparison as lines for a terminal, as JSON and as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from perfeval.diff.changes import GROUPS, KINDS, Change, FormChanges
from perfeval.diff.compare import Comparison
from perfeval.diff.words import Piece, shortened
from perfeval.jsonout import VERSION, finding_object
from perfeval.render import PLAIN, Look, clean, finding_lines, wrap
from perfeval.workbook import textfit
from perfeval.workbook.compose import PlannedRow, SheetPlan, merge_cells, sheet_data
from perfeval.workbook.plainbook import plain_workbook
from perfeval.workbook.problems import STYLES
from perfeval.workbook.sheetxml import MAIN, worksheet
from perfeval.workbook.textfit import Font

__all__ = ["comparison_lines", "comparison_object", "comparison_workbook"]

_BLANK = "(空白)"
_LONG = 40  # characters from which a change is shown within its text
_MARKS = {"=": "{}", "-": "〔删:{}〕", "+": "〔增:{}〕"}
_ROLES = {"-": "error", "+": "ok"}
_TITLE = "评分表变更清单"
_SHEET = "变更清单"
_HEADER = ("类别", "变化", "原单元格", "现单元格", "栏目", "原来", "现在", "差异")
_WIDTHS = (7.0, 7.0, 9.0, 9.0, 30.0, 40.0, 40.0, 40.0)
_FACE = "宋体"
_FIRST = 3


# ---- in a terminal --------------------------------------------------------------------------------------------------


def comparison_lines(comparison: Comparison, look: Look = PLAIN) -> list[str]:
    """Group by group, each change with its label, cells and both texts."""
    lines = []
    for finding in comparison.findings:
        lines += finding_lines(finding, look)
    for form in comparison.forms:
        lines += _form_lines(form, look, named=len(comparison.forms) > 1)
    if comparison.forms:
        lines.append(f"共 {comparison.count} 处变化" if comparison.count else "没有变化")
    return lines


def _form_lines(form: FormChanges, look: Look, *, named: bool) -> Iterator[str]:
    if named:
        yield look.paint(clean(f"工作表 {form.sheet}"), "strong")
    for group, heading in GROUPS.items():
        found = form.of(group)
        if found:
            yield look.paint(f"{heading}({len(found)} 处)", "strong")
        for change in found:
            yield from _change_lines(change, look)


def _change_lines(change: Change, look: Look) -> Iterator[str]:
    cells = " → ".join(dict.fromkeys(cell for cell in (change.old_cell, change.new_cell) if cell))
    place = f"({cells})" if cells else ""
    yield from _block(f"{KINDS[change.kind]}  {_one_line(change.label)}{place}", "  ", look)
    if change.kind == "changed" and max(len(change.before), len(change.after)) >= _LONG:
        yield from _coloured(shortened(change.pieces), "      ", look)
    elif change.before and change.after:
        yield from _block(f"{change.before} → {change.after}", "      ", look)
    elif change.kind in ("added", "removed"):
        yield from _block(change.after or change.before, "      ", look)
    else:
        yield from _block(f"{change.before or _BLANK} → {change.after or _BLANK}", "      ", look)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _block(text: str, indent: str, look: Look) -> Iterator[str]:
    text = clean(text)
    lines = text.split("\n") if look.width is None else wrap(text, max(20, look.width - len(indent)))
    return (f"{indent}{line}".rstrip() for line in lines)


def _coloured(pieces: Iterable[Piece], indent: str, look: Look) -> Iterator[str]:
    """A text with its changes marked, and in colour where the terminal has any."""
    marked = "".join(_MARKS[piece.op].format(clean(piece.text)) for piece in pieces)
    for line in _block(marked, indent, look):
        yield _painted(line, look)


def _painted(line: str, look: Look) -> str:
    for op, role in _ROLES.items():
        opening = _MARKS[op].partition("{")[0]
        parts = line.split(opening)
        line = parts[0] + "".join(
            look.paint(f"{opening}{inner}{end}", role) + rest
            for inner, end, rest in (part.partition("〕") for part in parts[1:])
        )
    return line


# ---- as JSON --------------------------------------------------------------------------------------------------------


def comparison_object(comparison: Comparison) -> dict[str, Any]:
    """What `perfeval diff --json` prints."""
    return {
        "version": VERSION,
        "old": None if comparison.old is None else str(comparison.old),
        "new": str(comparison.new),
        "forms": [_form_object(form) for form in comparison.forms],
        "findings": [finding_object(finding) for finding in comparison.findings],
    }


def _form_object(form: FormChanges) -> dict[str, Any]:
    before, now = form.revisions
    return {
        "sheet": form.sheet,
        "old_sheet": form.old_sheet,
        "form_id": form.form_id,
        "revision": {"old": before, "new": now},
        "changes": [_change_object(change) for change in form.changes],
    }


def _change_object(change: Change) -> dict[str, Any]:
    return {
        "group": change.group,
        "change": change.kind,
        "label": change.label,
        "old_cell": change.old_cell,
        "new_cell": change.new_cell,
        "before": change.before,
        "after": change.after,
        "pieces": [{"op": piece.op, "text": piece.text} for piece in change.pieces],
    }


# ---- as a workbook --------------------------------------------------------------------------------------------------


def comparison_workbook(comparison: Comparison) -> bytes:
    """The list of changes as a workbook to be passed on."""
    return plain_workbook([(_SHEET, _list(comparison))], STYLES)


def _list(comparison: Comparison) -> bytes:
    columns = len(_HEADER)
    plan = SheetPlan(merges=[(1, 1, 1, columns)])
    names = f"{comparison.old.name} → {comparison.new.name}" if comparison.old else comparison.new.name
    plan.rows.append(PlannedRow(30.0, (1, *(2,) * (columns - 1)), {1: f"{_TITLE}({names})"}))
    plan.rows.append(PlannedRow(21.0, (2,) * columns, dict(enumerate(_HEADER, 1))))
    formats = (*(3,) * 4, *(4,) * (columns - 4))
    font = Font(_FACE, 11.0)
    for texts in _rows(comparison):
        height = min(max(textfit.row_height(texts, _WIDTHS, font), 20.0), textfit.MAX_HEIGHT)
        plan.rows.append(PlannedRow(height, formats, dict(enumerate(texts, 1))))
    elements: dict[str, str | bytes] = {
        "sheetPr": '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>',
        "sheetViews": '<sheetViews><sheetView showGridLines="0" workbookViewId="0">'
        f'<pane ySplit="{_FIRST - 1}" topLeftCell="A{_FIRST}" activePane="bottomLeft" state="frozen"/>'
        "</sheetView></sheetViews>",
        "sheetFormatPr": '<sheetFormatPr defaultRowHeight="15"/>',
        "cols": "<cols>"
        + "".join(f'<col min="{n}" max="{n}" width="{w:g}" customWidth="1"/>' for n, w in enumerate(_WIDTHS, 1))
        + "</cols>",
        "sheetData": sheet_data(plan, {number: number for number in range(6)}),
        "mergeCells": merge_cells(plan.merges),
        "pageMargins": '<pageMargins left="0.5" right="0.5" top="0.6" bottom="0.6" header="0.3" footer="0.3"/>',
        "pageSetup": '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/>',
        "headerFooter": "<headerFooter><oddFooter>&amp;C第 &amp;P 页 共 &amp;N 页</oddFooter></headerFooter>",
    }
    return worksheet(f'<worksheet xmlns="{MAIN}">', elements)


def _rows(comparison: Comparison) -> Iterator[Sequence[str]]:
    for form in comparison.forms:
        prefix = f"{form.sheet} / " if len(comparison.forms) > 1 else ""
        for change in form.changes:
            inline = change.kind == "changed" and max(len(change.before), len(change.after)) >= _LONG
            marked = "".join(_MARKS[p.op].format(p.text) for p in shortened(change.pieces)) if inline else ""
            yield (
                GROUPS[change.group],
                KINDS[change.kind],
                change.old_cell,
                change.new_cell,
                prefix + _one_line(change.label),
                change.before,
                change.after,
                marked,
            )
    if not comparison.count:
        yield ("", "", "", "", "没有变化", "", "", "")
