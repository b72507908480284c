"""A filled form with everything people put into a workbook, beside the form sheet and on it.

XlsxWriter writes it, so the file is another program's; what XlsxWriter cannot make – the in-cell pictures of WPS, parts
nobody knows – is put into the package as those programs do it.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from perfeval.workbook.grid import ref
from tests.support.foreign import png, with_members
from tests.support.paper import Paper

__all__ = ["EVIDENCE", "everything"]

EVIDENCE = "佐证材料"
_YEAR = dt.datetime(2024, 12, 31, tzinfo=dt.UTC).replace(tzinfo=None)
_SHEET_TYPE = "http://www.wps.cn/officeDocument/2023/relationships/sheetNote"
_IMAGE_TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
_CELL_IMAGES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<etc:cellImages'
    ' xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData"><etc:cellImage><xdr:pic><xdr:nvPicPr>'
    '<xdr:cNvPr id="2" name="ID_0C0FFEE" descr="现场"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill>'
    '<a:blip r:embed="rId1"/><a:stretch><a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr/></xdr:pic></etc:cellImage>'
    "</etc:cellImages>"
).encode()
_DISPIMG = '_xlfn.DISPIMG("ID_0C0FFEE",1)'


def everything(paper: Paper, *, macro: bool = False) -> bytes:
    """The form on `paper` as a workbook that holds everything; `paper` is left as it is."""
    paper = paper.copy()
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": _YEAR})
    form, evidence, hidden = (book.add_worksheet(name) for name in (paper.name, EVIDENCE, "底稿"))
    hidden.very_hidden()
    hidden.write("A1", "不要删除")
    table = paper.row("数量指标")
    _write(form, paper, book.add_format({"num_format": "0.##%"}))
    bold = book.add_format({"bold": True, "font_color": "red"})
    _rich(form, f"L{table}", bold)
    form.write_formula(f"L{table + 1}", "=" + _DISPIMG, None, '=DISPIMG("ID_0C0FFEE",1)')
    form.embed_image(f"L{table + 2}", "现场.png", {"image_data": io.BytesIO(png())})
    form.write_formula(f"J{table + 3}", f'="受"&{EVIDENCE}!A1&"影响"', None, "受市场影响")
    _decorate(book, form, paper.name, table)
    for row in range(30):
        evidence.write(row, 0, f"材料{row + 1}")
        evidence.write(row, 1, row)
    evidence.write("A1", "市场")
    _rich(evidence, "C3", bold)
    evidence.write_formula("C4", "=" + _DISPIMG, None, '=DISPIMG("ID_0C0FFEE",1)')
    evidence.embed_image("C5", "证.png", {"image_data": io.BytesIO(png())})
    evidence.write_formula("D1", f"='{paper.name}'!H{table}&A1", None, "x")
    _decorate(book, evidence, EVIDENCE, 10)
    book.define_name("首个结果", f"='{paper.name}'!$H${table}")
    book.define_name(f"{EVIDENCE}!编号", f"={EVIDENCE}!$B$20")
    book.set_custom_property("文号", "粤财〔2024〕1号")
    book.set_custom_property("份数", 3)
    if macro:
        book.add_vba_project(io.BytesIO(b"\xd0\xcf\x11\xe0macro"), True)
        book.set_vba_name("本工作簿")
        form.set_vba_name("评分表")
        evidence.set_vba_name("佐证")
    book.close()
    return _with_unknown_parts(out.getvalue())


def _write(sheet: Worksheet, paper: Paper, percent: Any) -> None:
    for merge in paper.merges:
        sheet.merge_range(merge.top - 1, merge.left - 1, merge.bottom - 1, merge.right - 1, "")
    for position, cell in sorted(paper.cells.items()):
        if cell.number is not None:
            sheet.write_number(ref(*position), float(cell.number), percent if cell.text.endswith("%") else None)
        else:
            sheet.write_string(ref(*position), cell.text)


def _rich(sheet: Worksheet, cell: str, bold: Any) -> None:
    sheet.write_rich_string(cell, "佐证1:", bold, "立项会议纪要", "(原件)")


def _decorate(book: xlsxwriter.Workbook, sheet: Worksheet, name: str, row: int) -> None:
    """One of everything, around row `row` and in the columns of a form and right of it."""
    for at, (position, kind) in enumerate(((1, "二格"), (2, "一格"), (3, "不动"))):
        picture = {"image_data": io.BytesIO(png()), "x_scale": 60, "y_scale": 60, "object_position": position}
        sheet.insert_image(f"{'BFJ'[at]}{row + 1}", f"{kind}.png", {**picture, "description": f"印章({kind})"})
    sheet.insert_textbox(f"H{row + 2}", "同意上报", {"object_position": 2})
    sheet.insert_button(f"N{row + 2}", {"caption": "提交", "macro": "Submit"})
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": f"='{name}'!$I${row}:$I${row + 5}", "name": f"={EVIDENCE}!$A$2"})
    sheet.insert_chart(f"O{row}", chart, {"object_position": 1})
    sheet.write_comment(f"H{row}", "与系统里的数不一致", {"author": "张三"})
    sheet.add_sparkline(f"N{row}", {"range": f"'{name}'!F{row}:I{row}"})
    sheet.conditional_format(f"I{row}:I{row + 5}", {"type": "data_bar", "data_bar_2010": True})
    red = book.add_format({"bg_color": "red"})
    sheet.conditional_format(
        f"N{row}:N{row + 5}", {"type": "formula", "criteria": f"=$I{row}>$I${row + 1}", "format": red}
    )
    sheet.data_validation(f"O{row}:O{row + 5}", {"validate": "list", "source": ["是", "否"]})
    sheet.set_header("&L&G", {"image_left": "徽标.png", "image_data_left": io.BytesIO(png())})
    sheet.set_background(io.BytesIO(png()))
    sheet.set_tab_color("#00B050")
    sheet.write_url(f"N{row + 4}", "https://example.invalid/佐证", string="网上材料")
    sheet.write_url(f"N{row + 5}", f"internal:'{name}'!B{row + 1}", string="见上")
    sheet.add_table(f"Q{row}:R{row + 3}")
    sheet.print_area(0, 0, 40, 11)


def _with_unknown_parts(data: bytes) -> bytes:
    """What WPS and others add: parts with types and relationships of their own, and one that nothing points to."""
    wps = "application/vnd.wps-officedocument.cellimage+xml"
    overrides = {"xl/cellimages.xml": wps, "xl/wpsExtra/note1.xml": "application/vnd.wps-unknown+xml"}
    changes: Mapping[str, Any] = {
        "[Content_Types].xml": lambda xml: _listed(
            xml,
            "</Types>",
            "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in overrides.items())
            + '<Default Extension="dat" ContentType="application/octet-stream"/>',
        ),
        "xl/_rels/workbook.xml.rels": lambda xml: _related(
            xml, "rId901", "http://www.wps.cn/officeDocument/2020/cellImage", "cellimages.xml"
        ),
        "xl/worksheets/_rels/sheet1.xml.rels": lambda xml: _related(
            xml, "rId902", _SHEET_TYPE, "../wpsExtra/note1.xml"
        ),
        "xl/cellimages.xml": _CELL_IMAGES,
        "xl/_rels/cellimages.xml.rels": _related(
            b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>',
            "rId1",
            _IMAGE_TYPE,
            "media/wps1.png",
        ),
        "xl/media/wps1.png": png(),
        "xl/wpsExtra/note1.xml": "<note>不认识的部件</note>".encode(),
        "customData/state.dat": b"\0\1\2",
    }
    return with_members(data, changes)


def _related(xml: bytes, rel_id: str, kind: str, target: str) -> bytes:
    return _listed(xml, "</Relationships>", f'<Relationship Id="{rel_id}" Type="{kind}" Target="{target}"/>')


def _listed(xml: bytes, end: str, entry: str) -> bytes:
    return xml.replace(end.encode(), entry.encode() + end.encode())
