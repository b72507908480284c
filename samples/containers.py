"""File formats of the samples: .xlsx/.xlsm (openpyxl), .xls/.et (xlwt), .ods (odfpy)."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from copy import copy
from datetime import date, datetime
from typing import Any

import macro
import xlwt
from filling import Placed, Sheet, moved, typed
from odf import number
from odf import style as odf_style
from odf.namespaces import STYLENS, TABLENS
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import CoveredTableCell, Table, TableCell, TableColumn, TableRow
from odf.text import P
from openpyxl import Workbook
from openpyxl.cell import Cell as TemplateCell
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.formula.translate import Translator
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidationList
from openpyxl.worksheet.worksheet import Worksheet

_WHEN = datetime(2025, 1, 20, 9, 30)
_ZIP_TIME = (2025, 1, 20, 9, 30, 0)
_MACRO = """Public Sub PrintForm()
    ActiveSheet.PrintPreview
End Sub
"""


# ---- .xlsx, .xlsm ---------------------------------------------------------------------------------------------


def ooxml(sheet: Sheet, book: Workbook, case: dict[str, Any]) -> bytes:
    """The form's own workbook with the filled sheet instead of the blank one."""
    template = book.worksheets[0]
    out = book.create_sheet(sheet.title if sheet.origin else "明细")
    for (row, column), placed in sheet.cells.items():
        cell = out.cell(row, column)
        cell._style = copy(placed.look._style)
        cell.number_format = placed.number_format
        cell.value = placed.value
        if isinstance(placed.value, str):
            cell.data_type = "s"  # a text stays a text, whatever it begins with
    for top, left, bottom, right in sheet.merges:
        borders = {(r, c): copy(out.cell(r, c)._style) for r in range(top, bottom + 1) for c in range(left, right + 1)}
        out.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
        for (r, c), look in borders.items():  # openpyxl wipes the lines inside
            out.cell(r, c)._style = look
    for column, width in sheet.widths.items():
        out.column_dimensions[get_column_letter(column)].width = width
    for row, height in sheet.heights.items():
        out.row_dimensions[row].height = min(height, 409)
    if sheet.origin:
        _furnish(out, template, sheet)
    book.remove(template)
    out.title = sheet.title
    if "evidence_sheet" in case:
        _evidence(book, out, case)
    book.properties.creator = book.properties.lastModifiedBy = "经办"
    book.properties.created = _WHEN
    if case["file"].endswith(".xlsm"):
        book.code_name, out.sheet_properties.codeName = "ThisWorkbook", "Sheet1"
    buffer = io.BytesIO()
    book.save(buffer)
    return _settled(buffer.getvalue(), macros=case["file"].endswith(".xlsm"))


def _furnish(out: Worksheet, template: Worksheet, sheet: Sheet) -> None:
    """Print set-up, protection, conditional formats and drop-downs of the form, at their new places."""
    out.page_setup, out.page_margins = copy(template.page_setup), copy(template.page_margins)
    out.print_options, out.sheet_properties = copy(template.print_options), copy(template.sheet_properties)
    out.oddFooter.center.text = template.oddFooter.center.text
    out.sheet_view.showGridLines = False
    out.protection = copy(template.protection)
    out.protection.sheet = not sheet.shift  # nobody inserts columns into a protected sheet
    titles = [sheet.origin[int(row)][0] for row in re.findall(r"\d+", template.print_title_rows)]
    out.print_title_rows = f"{titles[0]}:{titles[1]}"
    out.print_area = moved(template.print_area.rpartition("!")[2].replace("$", ""), sheet)
    out.conditional_formatting = ConditionalFormattingList()
    for region in template.conditional_formatting:
        ref = moved(str(region.sqref), sheet)
        for rule in region.rules:
            rule = copy(rule)
            first = str(region.sqref).partition(":")[0]
            rule.formula = [
                Translator("=" + f, origin=first).translate_formula(ref.partition(":")[0])[1:] for f in rule.formula
            ]
            out.conditional_formatting.add(ref, rule)
    out.data_validations = DataValidationList()
    for validation in template.data_validations.dataValidation:
        own = copy(validation)
        own.sqref = type(validation.sqref)(moved(str(validation.sqref), sheet))
        out.add_data_validation(own)


def _evidence(book: Workbook, form: Worksheet, case: dict[str, Any]) -> None:
    """A second sheet with a list and a picture, and a comment on the form itself."""
    kind, text = case["comment"]
    row = next(c.row for line in form.iter_rows() for c in line if c.value == kind)
    note = Comment(text, "财政局绩效科", height=60, width=180)
    form.cell(row, form.max_column).comment = note
    sheet = book.create_sheet("佐证材料")
    for line in case["evidence_sheet"]:
        sheet.append([typed(text)[0] for text in line])
    for column, width in zip("ABCD", (9, 34, 14, 8), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.add_image(_Picture(picture(180, 120)), f"B{len(case['evidence_sheet']) + 2}")
    sheet.page_setup.paperSize = 9


class _Picture(Image):
    """openpyxl's picture without Pillow: a PNG whose size we know."""

    def __init__(self, data: bytes) -> None:
        self._bytes = data
        self.ref = io.BytesIO(data)
        self.width, self.height = struct.unpack(">II", data[16:24])
        self.format = "png"

    def _data(self) -> bytes:
        return self._bytes


def picture(width: int, height: int) -> bytes:
    """A PNG of a stage under a sky: three bands of colour and a round moon."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            moon = (x - width * 0.78) ** 2 + (y - height * 0.25) ** 2 < (height * 0.14) ** 2
            band = 3 if moon else 0 if y < height * 0.55 else 1 if y < height * 0.8 else 2
            rows.append(band)
    palette = bytes((46, 74, 122, 196, 98, 66, 92, 60, 46, 250, 236, 190))
    out = b"\x89PNG\r\n\x1a\n"
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(bytes(rows), 9)),
        (b"IEND", b""),
    ):
        out += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return out


def _settled(data: bytes, *, macros: bool = False) -> bytes:
    """The same package with fixed times; with the macro part when asked for."""
    vba = macro.vba_project(("ThisWorkbook", "Sheet1"), "Module1", _MACRO)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                stamp = _WHEN.strftime(r"\g<1>%Y-%m-%dT%H:%M:%SZ").encode()
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", stamp, content)
            elif name == "xl/styles.xml":
                content = re.sub(rb"(?<=<font>).*?(?=</font>)", _font_in_order, content)
            elif macros and name == "[Content_Types].xml":
                content = content.replace(
                    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
                    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
                ).replace(
                    b"<Override",
                    b'<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/><Override',
                    1,
                )
            elif macros and name == "xl/_rels/workbook.xml.rels":
                content = content.replace(
                    b"</Relationships>",
                    b'<Relationship Id="rIdMacro" Type="http://schemas.microsoft.com/office/2006/relationships/'
                    b'vbaProject" Target="vbaProject.bin"/></Relationships>',
                )
            _store(target, name, content)
        if macros:
            _store(target, "xl/vbaProject.bin", vba)
    return buffer.getvalue()


def _font_in_order(match: re.Match[bytes]) -> bytes:
    """The properties of a font in the order the schema wants, which is not openpyxl's."""
    order = (b"b", b"i", b"strike", b"u", b"vertAlign", b"sz", b"color", b"name", b"family", b"charset", b"scheme")
    return b"".join(sorted(re.findall(rb"<[^>]*/>", match[0]), key=lambda tag: order.index(tag[1:].split()[0])))


def _store(target: zipfile.ZipFile, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.compress_type = method
    info.create_system = 0  # the same bytes on Windows and Linux
    target.writestr(info, content)


# ---- .xls, .et ------------------------------------------------------------------------------------------------


def biff(sheet: Sheet) -> bytes:
    """Excel 97–2003, which WPS also writes as .et."""
    out = xlwt.Workbook(encoding="utf-8")
    page = out.add_sheet(sheet.title)
    page.portrait, page.paper_size_code, page.fit_num_pages, page.fit_width_to_pages = False, 9, 1, 1
    page.fit_height_to_pages = 0
    page.header_str, page.footer_str = b"", b"&C&P / &N"  # xlwt decodes them itself, as ASCII
    styles: dict[tuple[int, str], xlwt.XFStyle] = {}

    def look(placed: Placed) -> xlwt.XFStyle:
        number_format = "General" if placed.number_format == "0.00" else placed.number_format
        key = (placed.look.style_id, number_format)
        if key not in styles:
            styles[key] = _biff_style(placed.look, number_format)
        return styles[key]

    covered: set[tuple[int, int]] = set()
    for top, left, bottom, right in sheet.merges:
        placed = sheet.cells[top, left]
        page.write_merge(top - 1, bottom - 1, left - 1, right - 1, placed.value, look(placed))
        covered |= {(r, c) for r in range(top, bottom + 1) for c in range(left, right + 1)}
    for place, placed in sheet.cells.items():
        if place not in covered:
            page.write(place[0] - 1, place[1] - 1, placed.value, look(placed))
    for column, width in sheet.widths.items():
        page.col(column - 1).width = round(width * 256)
    for row, height in sheet.heights.items():
        page.row(row - 1).height_mismatch = True
        page.row(row - 1).height = round(min(height, 409) * 20)
    buffer = io.BytesIO()
    out.save(buffer)
    return buffer.getvalue()


def _biff_style(cell: TemplateCell, number_format: str) -> xlwt.XFStyle:
    result = xlwt.XFStyle()
    result.num_format_str = number_format
    result.font.name, result.font.bold = cell.font.name, bool(cell.font.b)
    result.font.height = round((cell.font.sz or 11) * 20)
    result.alignment.wrap = 1
    result.alignment.horz = {"left": 1, "center": 2, "right": 3}.get(cell.alignment.horizontal, 0)
    result.alignment.vert = 0 if cell.alignment.vertical == "top" else 1
    for side in ("left", "right", "top", "bottom"):
        setattr(result.borders, side, 1 if getattr(cell.border, side).style else 0)
    return result


# ---- .ods -----------------------------------------------------------------------------------------------------


def ods(sheet: Sheet) -> bytes:
    """OpenDocument, as LibreOffice and Chinese office suites on Linux save it."""
    out = OpenDocumentSpreadsheet()
    table = Table(name=sheet.title, stylename=_ods_page(out))
    rows = max(row for row, _ in sheet.cells)
    columns = max(column for _, column in sheet.cells)
    for column in range(1, columns + 1):
        size = odf_style.Style(name=f"co{column}", family="table-column")
        width = sheet.widths.get(column, 9) * 0.078
        size.addElement(odf_style.TableColumnProperties(columnwidth=f"{width:.3f}in"))
        out.automaticstyles.addElement(size)
        table.addElement(TableColumn(stylename=size))
    spans = {(top, left): (bottom - top + 1, right - left + 1) for top, left, bottom, right in sheet.merges}
    covered = {
        (r, c)
        for top, left, bottom, right in sheet.merges
        for r in range(top, bottom + 1)
        for c in range(left, right + 1)
    } - set(spans)
    styles: dict[tuple[int, str], odf_style.Style] = {}
    for row in range(1, rows + 1):
        size = odf_style.Style(name=f"ro{row}", family="table-row")
        height = sheet.heights.get(row, 20)
        size.addElement(odf_style.TableRowProperties(rowheight=f"{height:.1f}pt", useoptimalrowheight="false"))
        out.automaticstyles.addElement(size)
        line = TableRow(stylename=size)
        for column in range(1, columns + 1):
            placed = sheet.cells.get((row, column))
            if placed is None:
                line.addElement(TableCell())
                continue
            key = (placed.look.style_id, placed.number_format)
            look = styles.get(key)
            if look is None:
                shown = _ods_percent(placed.number_format, f"N{len(styles)}")
                if shown is not None:
                    out.automaticstyles.addElement(shown)
                look = styles[key] = _ods_style(placed.look, f"ce{len(styles)}", shown)
                out.automaticstyles.addElement(look)
            line.addElement(_ods_cell(placed, look, (row, column) in covered, spans.get((row, column))))
        table.addElement(line)
    out.spreadsheet.addElement(table)
    buffer = io.BytesIO()
    out.write(buffer)
    return _settled_ods(buffer.getvalue())


def _ods_page(out: OpenDocumentSpreadsheet) -> odf_style.Style:
    """A4 landscape, one page wide."""
    page = odf_style.PageLayout(name="pm1")
    size = {"pagewidth": "29.7cm", "pageheight": "21cm", "printorientation": "landscape", "margin": "1.3cm"}
    properties = odf_style.PageLayoutProperties(tablecentering="horizontal", **size)
    properties.setAttrNS(STYLENS, "scale-to-X", "1")  # pages wide, as many as need be high; odfpy knows no keyword
    properties.setAttrNS(STYLENS, "scale-to-Y", "0")
    page.addElement(properties)
    out.automaticstyles.addElement(page)
    out.masterstyles.addElement(odf_style.MasterPage(name="Default", pagelayoutname=page))
    result = odf_style.Style(name="ta1", family="table", masterpagename="Default")
    result.addElement(odf_style.TableProperties(display="true"))
    out.automaticstyles.addElement(result)
    return result


def _ods_cell(placed: Placed, look: Any, covered: bool, span: tuple[int, int] | None) -> Any:
    value, shown, attributes = placed.value, str(placed.value), {"stylename": look}
    if isinstance(value, date):
        attributes |= {"valuetype": "date", "datevalue": value.isoformat()}
    elif isinstance(value, int | float):
        percent = placed.number_format.endswith("%")
        attributes |= {"valuetype": "percentage" if percent else "float", "value": repr(value)}
        shown = f"{value:.{max(0, len(placed.number_format) - 3)}%}" if percent else shown
    elif value:
        attributes |= {"valuetype": "string"}
    cell = CoveredTableCell(**attributes) if covered else TableCell(**attributes)
    if span:
        cell.setAttrNS(TABLENS, "number-rows-spanned", span[0])
        cell.setAttrNS(TABLENS, "number-columns-spanned", span[1])
    for paragraph in shown.split("\n") if value is not None else ():
        cell.addElement(P(text=paragraph))
    return cell


def _ods_percent(number_format: str, name: str) -> Any:
    """The number style of a percentage; None for other formats, which show as they are."""
    if not number_format.endswith("%"):
        return None
    result = number.PercentageStyle(name=name)
    result.addElement(number.Number(decimalplaces=max(0, len(number_format) - 3), minintegerdigits=1))
    result.addElement(number.Text(text="%"))
    return result


def _ods_style(cell: TemplateCell, name: str, number_style: Any) -> Any:
    data = {"datastylename": number_style} if number_style is not None else {}
    result = odf_style.Style(name=name, family="table-cell", **data)
    box = {
        f"border{side}": "0.5pt solid #000000"
        for side in ("left", "right", "top", "bottom")
        if getattr(cell.border, side).style
    }
    vertical = "top" if cell.alignment.vertical == "top" else "middle"
    result.addElement(
        odf_style.TableCellProperties(wrapoption="wrap", textalignsource="fix", verticalalign=vertical, **box)
    )
    side = {"left": "start", "right": "end"}.get(cell.alignment.horizontal, "center")
    result.addElement(odf_style.ParagraphProperties(textalign=side))
    weight = "bold" if cell.font.b else "normal"
    name, size = cell.font.name, f"{cell.font.sz or 11}pt"
    result.addElement(
        odf_style.TextProperties(
            fontfamily=name,
            fontfamilyasian=name,
            fontsize=size,
            fontsizeasian=size,
            fontweight=weight,
            fontweightasian=weight,
        )
    )
    return result


def _settled_ods(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            plain = name == "mimetype"
            _store(target, name, source.read(name), zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
