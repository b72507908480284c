"""Workbooks full of what people put into workbooks, and ways to look inside the result.

The builders use XlsxWriter and openpyxl, so the files are another program's; the shape of a part is never ours.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import openpyxl
import xlsxwriter
from lxml import etree

from perfeval.workbook.carry import Carried, carry
from perfeval.workbook.edit import edited
from perfeval.workbook.package import Package

__all__ = [
    "FORM",
    "M",
    "carried",
    "identity",
    "inserted",
    "members",
    "png",
    "refilled",
    "rich_workbook",
    "root_of",
    "with_members",
]

FORM = "指标评分表"  # the sheet that counts as ours
M = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_YEAR = dt.datetime(2024, 12, 31, tzinfo=dt.UTC).replace(tzinfo=None)


def png() -> bytes:
    """A picture of two by two pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"\0\xff\0\0\0\xff\0" * 2)
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def rich_workbook(*, macro: bool = False, comments: bool = True) -> bytes:
    """A form sheet of 20 rows with everything on it, an evidence sheet and a very hidden one.

    Rows 13–16 stand for the indicators, row 20 for the total.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": _YEAR})
    form, evidence, hidden = (book.add_worksheet(name) for name in (FORM, "佐证", "底稿"))
    hidden.very_hidden()
    for row in range(20):
        form.write(row, 0, f"第{row + 1}行")
        form.write(row, 1, row)
    form.write_rich_string("C3", "普通", book.add_format({"bold": True}), "粗体", "普通")
    form.insert_image(
        "D15", "印章.png", {"image_data": io.BytesIO(png()), "x_scale": 20, "y_scale": 20, "object_position": 2}
    )
    form.insert_textbox("E16", "同意")
    form.insert_button("F18", {"caption": "提交"})
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": f"='{FORM}'!$B$13:$B$16", "name": "=佐证!$A$2"})
    form.insert_chart("H14", chart, {"object_position": 1})
    if comments:
        form.write_comment("B5", "请补充依据", {"author": "张三"})
        form.write_comment("B16", "与系统不一致", {"author": "李四"})
    form.add_sparkline("L14", {"range": f"'{FORM}'!A13:F13"})
    form.conditional_format("B13:B16", {"type": "data_bar", "data_bar_2010": True})
    form.conditional_format(
        "A13:A16", {"type": "formula", "criteria": "=$B13>$B$20", "format": book.add_format({"bg_color": "red"})}
    )
    form.data_validation("C13:C16", {"validate": "list", "source": ["是", "否"]})
    form.set_header("&L&G", {"image_left": "头.png", "image_data_left": io.BytesIO(png())})
    form.set_background(io.BytesIO(png()))
    form.set_tab_color("#00B050")
    form.write_url("A14", "https://example.cn/佐证")
    form.write_url("A17", f"internal:'{FORM}'!B20")
    form.repeat_rows(9, 11)
    form.print_area("A1:L20")
    form.add_table("N13:O16")
    evidence.write_formula("A1", f"='{FORM}'!B20+B20", None, 19)
    evidence.write("A2", "系列")
    evidence.conditional_format(
        "B1", {"type": "formula", "criteria": f"='{FORM}'!$B$20>1", "format": book.add_format({"bold": 1})}
    )
    evidence.insert_image("C3", "证.png", {"image_data": io.BytesIO(png())})
    evidence.write_comment("A1", "原件在档案室")
    evidence.print_area("A1:B20")
    book.define_name("总分", f"='{FORM}'!$B$20")
    book.define_name("佐证!编号", "=佐证!$B$20")
    book.set_custom_property("文号", "粤财〔2024〕1号")
    book.set_custom_property("份数", 3)
    if macro:
        book.add_vba_project(io.BytesIO(b"\xd0\xcf\x11\xe0macro"), True)
        book.set_vba_name("本工作簿")
        form.set_vba_name("评分表")
    book.close()
    return out.getvalue()


def members(data: bytes) -> dict[str, bytes]:
    """Every part of a package by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_members(data: bytes, changes: Mapping[str, bytes | Callable[[bytes], bytes] | None]) -> bytes:
    """The package with parts replaced, edited, added, or (None) taken out."""
    parts = members(data)
    for name, change in changes.items():
        if change is None:
            del parts[name]
        else:
            parts[name] = change(parts[name]) if callable(change) else change
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def opened(data: bytes, *, values: bool = False) -> openpyxl.Workbook:
    """The workbook as openpyxl sees it, which says aloud what it does not know."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* extension is not supported", category=UserWarning)
        return openpyxl.load_workbook(io.BytesIO(data), data_only=values)


def root_of(data: bytes, name: str) -> etree._Element:
    """A part of a package, parsed."""
    return etree.fromstring(members(data)[name])


def identity(row: int) -> int:
    """No row moved."""
    return row


def inserted(count: int, before: int) -> Callable[[int], int]:
    """`count` rows were inserted before row `before`."""
    return lambda row: row + count if row >= before else row


def refilled(
    data: bytes, row_map: Callable[[int], int] = identity, *, carrying: Mapping[str, Any] | None = None, **changes: Any
) -> bytes:
    """The workbook with its form sheet written anew and its cells moved: what filling does, without a form."""
    package = Package.open(data)
    sheet = next(sheet for sheet in package.sheets if sheet.name == FORM)
    carried = carry(package, sheet, row_map, **(carrying or {}))
    return edited(
        package,
        sheets={sheet.part: carried.worksheet(_moved_cells(package.read(sheet.part), row_map))},
        row_maps={FORM: row_map},
        replaced_parts=carried.replaced,
        added_parts=carried.added,
        removed_parts=carried.removed,
        **changes,
    )


def carried(data: bytes, row_map: Callable[[int], int] = identity, **carrying: Any) -> Carried:
    """What `carry` takes from the form sheet."""
    package = Package.open(data)
    return carry(package, next(sheet for sheet in package.sheets if sheet.name == FORM), row_map, **carrying)


def _moved_cells(sheet: bytes, row_map: Callable[[int], int]) -> dict[str, str]:
    root = etree.fromstring(sheet)
    rows = root.find(f"{M}sheetData")
    assert rows is not None
    for row in rows:
        number = row_map(int(row.get("r", "")))
        row.set("r", str(number))
        for cell in row:
            cell.set("r", cell.get("r", "").rstrip("0123456789") + str(number))
    properties = '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
    own = {"sheetPr": properties, "sheetData": etree.tostring(rows, encoding="unicode", with_tail=False)}
    header = root.find(f"{M}headerFooter")
    if header is not None:
        own["headerFooter"] = etree.tostring(header, encoding="unicode", with_tail=False)
    return own
