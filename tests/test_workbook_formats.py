"""Every format people send – .xls, .et, .xlsb, .ods, encrypted –, and files that are no workbook at all."""

from __future__ import annotations

import datetime as dt
import io
import struct
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import python_calamine
import xlsxwriter
import xlwt
from odf import table as odf_table
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.text import LineBreak, P, S, Span
from xlwt.CompoundDoc import XlsDoc

from perfeval.model import Cell, CellProblem
from perfeval.workbook.grid import Book, open_book
from perfeval.workbook.guard import BadWorkbook
from tests.support.office import convert_all, requires_office
from tests.support.parts import xlsb, zipped

UNCACHED, ERROR = CellProblem.UNCACHED, CellProblem.ERROR


def texts(found: Book, sheet: int = 0) -> dict[str, str]:
    """Address → text of the cells of a sheet."""
    return {cell.ref: cell.text for cell in found.sheets[sheet].cells.values()}


def form_xlsx() -> bytes:
    """A small form with everything that differs between formats."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as source:
        sheet = source.add_worksheet("指标评分表")
        percent, date = source.add_format({"num_format": "0.0%"}), source.add_format({"num_format": "yyyy/m/d"})
        money = source.add_format({"num_format": '0.00"万元"'})
        sheet.merge_range("A1:D1", "项目绩效自评指标评分表(招商引资)")
        sheet.write_row("A2", ["数量", "≥170个", "151个", 40 / 6])
        sheet.write("A3", 0.985, percent)
        sheet.write_datetime("B3", dt.datetime(2024, 12, 31), date)
        sheet.write("C3", 343, money)
        sheet.write("D3", 257.33)
        sheet.write("A4", "第一行\n第二行  空格")
        sheet.write_boolean("B4", True)
        sheet.write_formula("C4", "=D3*2", None, 514.66)
        sheet.write_formula("D4", "=1/0", None, "#DIV/0!")
        sheet.write("A6", "隐藏行")
        sheet.set_row(5, None, None, {"hidden": True})
        sheet.set_column("F:G", None, None, {"hidden": True})
        sheet.merge_range("A8:B10", "合并")
        hidden = source.add_worksheet("隐藏表")
        hidden.write("A1", "x")
        hidden.hide()
    return target.getvalue()


SEEN = {
    "A1": "项目绩效自评指标评分表(招商引资)", "A2": "数量", "B2": "≥170个", "C2": "151个", "D2": "6.66666666666667",
    "A3": "98.5%", "B3": "2024-12-31", "C3": "343万元", "D3": "257.33", "A4": "第一行\n第二行  空格", "B4": "TRUE",
    "C4": "514.66", "D4": "#DIV/0!", "A6": "隐藏行", "A8": "合并",
}  # fmt: skip


class TestFormats:
    @requires_office
    def test_libreoffice_saves_it_in_any_format(self, tmp_path: Path) -> None:
        source = tmp_path / "评分表.xlsx"
        source.write_bytes(form_xlsx())
        assert texts(open_book(source.read_bytes())) == SEEN
        for kind in ("xlsx", "xls", "ods"):
            (converted,) = convert_all([source], kind, tmp_path / kind)
            found = open_book(converted.read_bytes())
            sheet = found.sheets[0]
            assert found.kind == {"xlsx": "ooxml"}.get(kind, kind)
            # LibreOffice itself turns a truth value without number format into 1 when it writes .ods
            assert texts(found) == SEEN | ({"B4": "1"} if kind == "ods" else {}), kind
            assert [merge.ref for merge in sheet.merges] == ["A1:D1", "A8:B10"], kind
            assert (sheet.hidden_rows, sheet.hidden_columns) == ({6}, {6, 7}), kind
            assert [(s.name, s.state) for s in found.sheets] == [("指标评分表", "visible"), ("隐藏表", "hidden")], kind
            assert sheet.cells[3, 1].number == Decimal("0.985"), kind
            assert (sheet.cells[4, 4].problem, sheet.cells[4, 3].formula is None) == (ERROR, False), kind

    def test_xls(self) -> None:
        source = xlwt.Workbook()
        sheet = source.add_sheet("指标评分表")
        sheet.write_merge(0, 1, 0, 3, "标题")
        sheet.write(2, 0, 0.985, xlwt.easyxf(num_format_str="0.0%"))
        sheet.write(2, 1, dt.date(2024, 12, 31), xlwt.easyxf(num_format_str="yyyy-mm-dd"))
        sheet.write(2, 2, 343, xlwt.easyxf(num_format_str='0.00"万元"'))
        sheet.write(2, 3, 257.33)
        sheet.write(3, 0, True)
        sheet.write(3, 1, xlwt.Formula("C3*2"))
        sheet.row(4).set_cell_error(0, "#REF!")
        sheet.row(5).hidden = True
        sheet.row(5).write(0, "隐藏行")
        sheet.col(5).hidden = True
        source.add_sheet("隐藏表").visibility = 2
        for row in range(2000):  # more than one record of shared strings, cut inside texts
            sheet.write(10 + row, 6, f"{row}" + ("中文" if row % 3 else "latin") * 9)
        target = io.BytesIO()
        source.save(target)
        found = open_book(target.getvalue())
        first = found.sheets[0]
        expected = {
            "A1": "标题", "A3": "98.5%", "B3": "2024-12-31", "C3": "343万元", "D3": "257.33", "A4": "TRUE",
            "B4": "", "A5": "#REF!", "A6": "隐藏行",
        }  # fmt: skip
        expected |= {f"G{11 + row}": f"{row}" + ("中文" if row % 3 else "latin") * 9 for row in range(2000)}
        assert texts(found) == expected
        assert (first.cells[3, 1].number, first.cells[3, 2].number) == (Decimal("0.985"), None)
        assert (first.cells[4, 2].formula, first.cells[5, 1].problem) == ("", ERROR)
        assert ([merge.ref for merge in first.merges], first.at(2, 4).text) == (["A1:D2"], "标题")
        assert (first.hidden_rows, first.hidden_columns) == ({6}, {6})
        assert [(sheet.name, sheet.state, sheet.part) for sheet in found.sheets] == [
            ("指标评分表", "visible", None),
            ("隐藏表", "veryHidden", None),
        ]
        assert (found.kind, found.package) == ("xls", None)

    def test_xlsb(self) -> None:
        found = open_book(xlsb())
        sheet = found.sheets[0]
        assert texts(found) == {
            "A1": "共用文字", "B1": "98.5%", "C1": "2024-12-31", "D1": "343万元", "A2": "单元格内文字", "B2": "TRUE",
            "C2": "#REF!", "D2": "5.5", "E2": "达标",
        }  # fmt: skip
        assert (sheet.cells[1, 2].number, sheet.cells[2, 3].problem) == (Decimal("0.985"), ERROR)
        assert (sheet.cells[2, 4].formula, sheet.cells[1, 2].formula) == ("", None)
        assert [merge.ref for merge in sheet.merges] == ["A3:B4"]
        assert (sheet.hidden_rows, sheet.hidden_columns) == ({2}, {6, 7})
        assert (found.kind, found.package, sheet.name) == ("xlsb", None, "评分表")
        second = python_calamine.load_workbook(io.BytesIO(xlsb())).get_sheet_by_index(0)  # the bytes are not only ours
        assert second.to_python()[0][:4] == ["共用文字", 0.985, dt.date(2024, 12, 31), 343.0]

    def test_ods(self) -> None:
        document = OpenDocumentSpreadsheet()
        concealed = Style(name="concealed", family="table")
        concealed.addElement(TableProperties(display="false"))
        document.automaticstyles.addElement(concealed)
        sheet = odf_table.Table(name="指标评分表")
        sheet.addElement(odf_table.TableColumn(numbercolumnsrepeated=4))
        sheet.addElement(odf_table.TableColumn(numbercolumnsrepeated=2, visibility="collapse"))

        def row(*cells: odf_table.Element, **attributes: object) -> None:
            line = odf_table.TableRow(**attributes)
            for item in cells:
                line.addElement(item)
            sheet.addElement(line)

        def shown(text: str, **attributes: object) -> odf_table.Element:
            item = odf_table.TableCell(**attributes)
            item.addElement(P(text=text))
            return item

        paragraph = P(text="第一行")
        paragraph.addElement(LineBreak())
        paragraph.addElement(Span(text="第二行"))
        paragraph.addElement(S(c=2))
        paragraph.addText("空格")
        rich = odf_table.TableCell(valuetype="string")
        rich.addElement(paragraph)
        rich.addElement(P(text="第二段"))
        row(
            shown("标题", valuetype="string", numbercolumnsspanned=3, numberrowsspanned=2),
            odf_table.CoveredTableCell(numbercolumnsrepeated=2),
            rich,
        )
        row(odf_table.CoveredTableCell(numbercolumnsrepeated=3))
        row(
            shown("99%", valuetype="percentage", value="0.985"),
            shown("24年12月", valuetype="date", datevalue="2024-12-31"),
            shown("343.00万元", valuetype="float", value="343"),
            shown("1.2万", valuetype="float", value="12345"),
            shown("08时30分", valuetype="time", timevalue="PT08H30M00S"),
        )
        row(
            shown("TRUE", valuetype="boolean", booleanvalue="true"),
            shown("#DIV/0!", valuetype="string", stringvalue="", formula="of:=1/0"),
            odf_table.TableCell(formula="of:=[.A1]*SUM([.A1:.B2])"),
            shown("6.67", valuetype="float", value="6.66666666666667", formula="of:=40/6"),
        )
        row(shown("重复", valuetype="string", numbercolumnsrepeated=2), numberrowsrepeated=2)
        row(shown("隐藏", valuetype="string"), visibility="collapse")
        row(odf_table.TableCell(numbercolumnsrepeated=16384), numberrowsrepeated=1048500)
        document.spreadsheet.addElement(sheet)
        document.spreadsheet.addElement(odf_table.Table(name="隐藏表", stylename=concealed))
        target = io.BytesIO()
        document.save(target)
        found = open_book(target.getvalue())
        first = found.sheets[0]
        assert texts(found) == {
            "A1": "标题", "D1": "第一行\n第二行  空格\n第二段", "A3": "98.5%", "B3": "2024-12-31", "C3": "343万元",
            "D3": "12345", "E3": "08:30", "A4": "TRUE", "B4": "#DIV/0!", "C4": "", "D4": "6.66666666666667",
            "A5": "重复", "B5": "重复", "A6": "重复", "B6": "重复", "A7": "隐藏",
        }  # fmt: skip
        assert [first.cells[3, column].number for column in (1, 2, 3)] == [Decimal("0.985"), None, 343]
        assert first.cells[4, 2].problem is ERROR
        assert first.cells[4, 3] == Cell("C4", "", None, "A1*SUM(A1:B2)", UNCACHED)
        assert ([merge.ref for merge in first.merges], first.at(2, 3).text) == (["A1:C2"], "标题")
        assert (first.hidden_rows, first.hidden_columns, first.last_row) == ({7}, {5, 6}, 7)
        assert [(sheet.name, sheet.state) for sheet in found.sheets] == [
            ("指标评分表", "visible"),
            ("隐藏表", "hidden"),
        ]
        assert (found.kind, found.package) == ("ods", None)

    def test_a_repetition_in_ods_that_never_ends_is_refused(self) -> None:
        document = OpenDocumentSpreadsheet()
        sheet = odf_table.Table(name="a")
        line = odf_table.TableRow(numberrowsrepeated=1048576)
        item = odf_table.TableCell(valuetype="float", value="1", numbercolumnsrepeated=16384)
        item.addElement(P(text="1"))
        line.addElement(item)
        sheet.addElement(line)
        document.spreadsheet.addElement(sheet)
        target = io.BytesIO()
        document.save(target)
        with pytest.raises(BadWorkbook) as refused:
            open_book(target.getvalue())
        assert refused.value.code == "TPL014"

    def test_the_extension_does_not_matter(self) -> None:
        """`.et` and `.xls` in disguise: only bytes are looked at, so the name is not even asked for."""
        assert open_book(form_xlsx()).kind == "ooxml"

    @pytest.mark.parametrize("writer", [form_xlsx, xlsb])
    def test_calamine_reads_the_same_numbers(self, writer: Callable[[], bytes]) -> None:
        data = writer()
        second = python_calamine.load_workbook(io.BytesIO(data))
        for sheet in open_book(data).sheets:
            rows = second.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            for (row, column), cell in sheet.cells.items():
                value = rows[row - 1][column - 1]
                if cell.number is not None:
                    assert float(cell.number) == pytest.approx(value, abs=1e-12)


WEB = "<html><head><meta charset='gb2312'></head><body><table><tr><td>评分表</td></tr></table></body></html>"


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"%PDF-1.7\n...", "PDF 文件"),
            (b"\x89PNG\r\n\x1a\n", "图片(PNG)"),
            (b"\xff\xd8\xff\xe0", "图片(JPEG)"),
            (b"Rar!\x1a\x07", "RAR 压缩包"),
            (WEB.encode("gb18030"), "网页(HTML)"),
            (WEB.encode("utf-16"), "网页(HTML)"),
            ("\ufeff<table><tr>".encode(), "网页(HTML)"),
            (b"<?xml?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'>", "Excel 2003 的 XML 表格"),
            (b"<?xml version='1.0'?><a/>", "XML 文件"),
            ("单位,得分\n投资促进局,98.85\n".encode("gb18030"), "文本或 CSV 文件"),
            (("指标" * 3000).encode(), "文本文件"),
            (b'{"a": 1}', "JSON 文件"),
            (b"From: a@b.cn\nSubject: x", "邮件"),
            (b"\0\1\2\3", "无法识别的文件"),
            (zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"}), "文字文档(ODT)"),
            (zipped({"评分表.xlsx": b"PK"}), "压缩包"),
        ],
    )
    def test_the_refusal_says_what_the_file_is(self, data: bytes, kind: str) -> None:
        with pytest.raises(BadWorkbook) as refused:
            open_book(data)
        assert (refused.value.code, refused.value.params) == ("TPL002", {"kind": kind})
        assert kind in refused.value.finding().message

    def test_workbooks_older_than_excel_97(self) -> None:
        with pytest.raises(BadWorkbook) as refused:
            open_book(b"\x09\x08\x08\x00\x00\x05\x05\x00" + bytes(100))
        assert refused.value.code == "TPL015"

    def test_an_encrypted_ods(self) -> None:
        manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
        kind = "application/vnd.oasis.opendocument.spreadsheet"
        with pytest.raises(BadWorkbook) as refused:
            open_book(zipped({"mimetype": kind, "content.xml": b"\x01\x02", "META-INF/manifest.xml": manifest}))
        assert refused.value.code == "TPL004"


def encrypted_xlsx(password: str) -> bytes:
    ooxml = pytest.importorskip("msoffcrypto.format.ooxml", reason="the extra perfeval[password] is not installed")
    target = io.BytesIO()
    ooxml.OOXMLFile(io.BytesIO(form_xlsx())).encrypt(password, target)
    return target.getvalue()


def encrypted_xls() -> bytes:
    """An .xls whose workbook stream says that it is encrypted."""
    beginning = struct.pack("<6H2L", 0x0809, 16, 0x0600, 0x0005, 0, 0, 0, 0)
    marked = struct.pack("<2H6s", 0x002F, 6, b"\0" * 6) + struct.pack("<2H", 0x000A, 0)
    target = io.BytesIO()
    XlsDoc().save(target, beginning + marked)
    return target.getvalue()


class TestPasswords:
    def test_the_right_password_opens(self) -> None:
        found = open_book(encrypted_xlsx("密码123"), password="密码123")
        assert texts(found) == SEEN
        assert found.decrypted

    @pytest.mark.parametrize(("password", "expected"), [(None, "TPL004"), ("错", "TPL005")])
    def test_no_or_a_wrong_password(self, password: str | None, expected: str) -> None:
        with pytest.raises(BadWorkbook) as refused:
            open_book(encrypted_xlsx("密码123"), password=password)
        assert refused.value.code == expected

    def test_the_password_excel_uses_for_protected_structure(self) -> None:
        assert texts(open_book(encrypted_xlsx("VelvetSweatshop"))) == SEEN

    @pytest.mark.parametrize(("password", "expected"), [(None, "TPL004"), ("任意", "TPL013")])
    def test_without_the_library(self, password: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "msoffcrypto", None)
        with pytest.raises(BadWorkbook) as refused:
            open_book(encrypted_xls(), password=password)
        assert refused.value.code == expected
