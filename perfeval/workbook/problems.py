"""The sheet 「问题清单」: what is to be corrected or looked at, each with a link to its cell.

It is ours alone: recognised by its name and heading when the workbook comes back, and left out of the next result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfeval.record import record
from perfeval.workbook import textfit
from perfeval.workbook.compose import merge_cells, text_row
from perfeval.workbook.grid import Sheet
from perfeval.workbook.sheetxml import MAIN, attribute, worksheet
from perfeval.workbook.textfit import Font

__all__ = ["FORMATS", "PROBLEM_TITLES", "SHEET_NAME", "STYLES", "Problem", "is_problem_sheet", "problem_sheet"]

SHEET_NAME = "问题清单"
PROBLEM_TITLES = "2:2"  # rows that every page of it repeats
_TITLES = ("自评表问题清单", "", "", "", "", "")
_HEADER = ("级别", "编码", "位置", "栏目", "问题", "改法")
_WIDTHS = (7.0, 9.0, 20.0, 26.0, 58.0, 48.0)
_FACE = "宋体"
_FONT = Font(_FACE, 11.0)
_AROUND: Mapping[str, str] = {
    "sheetPr": '<sheetPr><tabColor rgb="FFFFC000"/><pageSetUpPr fitToPage="1"/></sheetPr>',
    "sheetViews": '<sheetViews><sheetView showGridLines="0" workbookViewId="0">'
    '<pane ySplit="2" topLeftCell="A3" activePane="bottomLeft" state="frozen"/>'
    '<selection pane="bottomLeft" activeCell="A3" sqref="A3"/></sheetView></sheetViews>',
    "sheetFormatPr": '<sheetFormatPr defaultRowHeight="15"/>',
    "cols": "<cols>"
    + "".join(f'<col min="{n}" max="{n}" width="{w:g}" customWidth="1"/>' for n, w in enumerate(_WIDTHS, 1))
    + "</cols>",
    "mergeCells": merge_cells([(1, 1, 1, 6)]),
    "pageMargins": '<pageMargins left="0.5" right="0.5" top="0.6" bottom="0.6" header="0.3" footer="0.3"/>',
    "pageSetup": '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/>',
    "headerFooter": "<headerFooter><oddFooter>&amp;C第 &amp;P 页 共 &amp;N 页</oddFooter></headerFooter>",
}
# Formats: 0 plain (unused), 1 title, 2 header, 3 centred cell, 4 text cell, 5 link.
FORMATS = range(1, 6)
STYLES = (
    f'<styleSheet xmlns="{MAIN}">'
    '<fonts count="4">'
    f'<font><sz val="11"/><name val="{_FACE}"/><charset val="134"/></font>'
    f'<font><b/><sz val="16"/><name val="{_FACE}"/><charset val="134"/></font>'
    f'<font><b/><sz val="11"/><name val="{_FACE}"/><charset val="134"/></font>'
    f'<font><u/><sz val="11"/><color rgb="FF0563C1"/><name val="{_FACE}"/><charset val="134"/></font>'
    "</fonts>"
    '<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '<fill><patternFill patternType="solid"><fgColor rgb="FFE7E6E6"/><bgColor indexed="64"/></patternFill></fill>'
    "</fills>"
    '<borders count="2"><border><left/><right/><top/><bottom/><diagonal/></border>'
    '<border><left style="thin"><color auto="1"/></left><right style="thin"><color auto="1"/></right>'
    '<top style="thin"><color auto="1"/></top><bottom style="thin"><color auto="1"/></bottom><diagonal/></border>'
    "</borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="6">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" applyAlignment="1">'
    '<alignment horizontal="center" vertical="center"/></xf>'
    '<xf numFmtId="0" fontId="2" fillId="2" borderId="1" xfId="0" applyFont="1" applyFill="1" applyBorder="1"'
    ' applyAlignment="1"><alignment horizontal="center" vertical="center" wrapText="1"/></xf>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1" applyBorder="1"'
    ' applyAlignment="1"><alignment horizontal="center" vertical="center" wrapText="1"/></xf>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1" applyBorder="1"'
    ' applyAlignment="1"><alignment horizontal="left" vertical="center" wrapText="1"/></xf>'
    '<xf numFmtId="49" fontId="3" fillId="0" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1" applyBorder="1"'
    ' applyAlignment="1"><alignment horizontal="left" vertical="center" wrapText="1"/></xf>'
    "</cellXfs>"
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
).encode()


@record(frozen=True, slots=True)
class Problem:
    """One line of the list."""

    severity: str  # 错误, 提醒, 说明
    code: str
    sheet: str  # "" for the whole workbook
    cell: str  # address in this workbook; "" for the whole sheet
    label: str
    message: str
    fix: str

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"{self.sheet}!{self.cell}" if self.cell else self.sheet or "整个文件"


def is_problem_sheet(sheet: Sheet) -> bool:
    """Whether `sheet` is a list we wrote earlier."""
    return sheet.name.startswith(SHEET_NAME) and tuple(sheet.at(2, n).text for n in range(1, 7)) == _HEADER


def problem_sheet(problems: Sequence[Problem], formats: Mapping[int, int]) -> bytes:
    """The sheet's XML; `formats` turns `FORMATS` into cell formats of the workbook written to."""
    title, header, centred, plain, link = (formats[number] for number in FORMATS)
    rows = [text_row((title,) * 6, 1, 30.0, _TITLES), text_row((header,) * 6, 2, 21.0, _HEADER)]
    links = []
    for number, problem in enumerate(problems, 3):
        texts = (problem.severity, problem.code, problem.place, problem.label, problem.message, problem.fix)
        height = min(max(textfit.row_height(texts, _WIDTHS, _FONT), 20.0), textfit.MAX_HEIGHT)
        xfs = (centred, centred, link if problem.sheet else plain, plain, plain, plain)
        rows.append(text_row(xfs, number, height, texts))
        if problem.sheet:
            name = problem.sheet.replace("'", "''")
            location = attribute(f"'{name}'!{problem.cell or 'A1'}")
            links.append(f'<hyperlink ref="C{number}" location="{location}"/>')
    elements: dict[str, str | bytes] = {
        **_AROUND,
        "dimension": f'<dimension ref="A1:F{len(problems) + 2}"/>',
        "sheetData": b"".join((b"<sheetData>", *rows, b"</sheetData>")),
    }
    if links:
        elements["hyperlinks"] = f"<hyperlinks>{''.join(links)}</hyperlinks>"
    return worksheet(f'<worksheet xmlns="{MAIN}">', elements)
