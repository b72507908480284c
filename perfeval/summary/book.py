"""汇总.xlsx: the tables of the summary as sheets to read, filter and print, and a page of charts.

A4 landscape, one page wide, heading rows on every page, page numbers at the foot. Numbers carry a format with exactly
the decimals they have, because Excel's 「0.##」 prints 8 as 「8.」.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from decimal import Decimal
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from perfeval.numbers import decimal_text
from perfeval.planning import SUMMARY_MARK
from perfeval.summary.sheetdata import Filling, filled, row_height
from perfeval.summary.tables import Column, Kind, Link, Table
from perfeval.summary.text import cell_text, looks_like_formula

if TYPE_CHECKING:
    from perfeval.summary.charts import Figures

__all__ = ["workbook"]

MOST_ROWS = 1_048_576  # of a sheet
_MOST_LINKS = 65_000  # Excel refuses a sheet with more
_FONT = "宋体"
_HEAD_FONT = "黑体"
_WRAPPED: frozenset[Kind] = frozenset(("text", "long"))
_SAFE = "/:()[]{}!$&',;=@~+-_."  # and 汉字, which quote() would turn into %E6%B1…


def workbook(tables: Sequence[Table], figures: Figures | None, folder: Path, most_rows: int = MOST_ROWS) -> bytes:
    """The summary as a workbook that will lie in `folder`."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    try:
        return _filled(book, tables, figures, folder, most_rows)
    except BaseException:
        _abandon(book)
        raise


def _filled(book: Any, tables: Sequence[Table], figures: Figures | None, folder: Path, most_rows: int) -> bytes:
    writer = _Writer(book, folder)
    fillings: list[tuple[Any, Filling]] = []
    for table in tables:
        if table.large:
            fillings += writer.long_list(table, most_rows)
        else:
            writer.sheet(table)
    if figures is not None:
        from perfeval.summary.charts import add_charts

        add_charts(book, figures)
    book.properties.keywords = SUMMARY_MARK
    book.properties.creator = "perfeval"
    book.properties.title = tables[0].title
    stream = BytesIO()
    book.save(stream)
    # Only saving gives a sheet the name of its part.
    return filled(stream.getvalue(), {sheet.path.lstrip("/"): filling for sheet, filling in fillings})


def _abandon(book: Any) -> None:
    """Let go of the sheets of a workbook that could not be saved.

    openpyxl leaves its generators in the middle of a file, where they would print a traceback when they are collected.
    """
    for sheet in book.worksheets:
        writer: Any = getattr(sheet, "_writer", None)
        begun: tuple[Any, ...] = (getattr(sheet, "_rows", None), getattr(writer, "xf", None))
        for end in begun:
            with contextlib.suppress(Exception):
                end.close()
        with contextlib.suppress(Exception):
            writer.cleanup()


class _Writer:
    """Writes tables as sheets; every cell format is made once."""

    def __init__(self, book: Any, folder: Path) -> None:
        self._book = book
        self._folder = folder.absolute()
        self._formats: dict[tuple[str, str], Any] = {}

    def sheet(self, table: Table) -> None:
        """A sheet with title, remark, heading and rows, all by openpyxl."""
        heading = 3 if table.title else 1
        sheet = self._new_sheet(table, table.name, heading, table.count)
        if table.title:
            self._title(sheet, table)
        sheet.row_dimensions[heading].height = 32
        sheet.append(self._heading(sheet, table.columns))
        widths = [column.width if column.kind in _WRAPPED else 0 for column in table.columns]
        links = 0
        for number, row in enumerate(table.rows(), 1):
            sheet.row_dimensions[heading + number].height = row_height(row, widths)
            role = "sum" if table.last_is_sum and number == table.count else "body"
            cells = []
            for column, value in zip(table.columns, row, strict=True):
                cell = self._cell(sheet, column.kind, value, role)
                if isinstance(value, Link) and links < _MOST_LINKS:
                    cell.hyperlink = self._target(value.path)
                    cell.hyperlink.tooltip = cell_text(value.path)[:255]
                    links += 1
                cells.append(cell)
            sheet.append(cells)

    def long_list(self, table: Table, most_rows: int) -> list[tuple[Any, Filling]]:
        """Sheets with a heading only, and what is to be filled in below: as many sheets as the rows need."""
        from openpyxl.utils import get_column_letter

        fillings: list[tuple[Any, Filling]] = []
        rows, left, number = iter(table.rows()), table.count, 1
        letters = [get_column_letter(place) for place in range(1, len(table.columns) + 1)]
        while left > 0 or number == 1:
            count = min(left, most_rows - 1)
            sheet = self._new_sheet(table, table.name if number == 1 else f"{table.name}({number})", 1, count)
            sheet.row_dimensions[1].height = 32
            sheet.append(self._heading(sheet, table.columns))
            styles, quoted = (
                [self._cell(sheet, column.kind, None, role).style_id for column in table.columns]
                for role in ("body", "body quoted")
            )
            widths = [column.width if column.kind in _WRAPPED else 0 for column in table.columns]
            fillings.append((sheet, Filling(islice(rows, count), 2, styles, quoted, letters, widths)))
            left -= count
            number += 1
        return fillings

    # ---- set-up of a sheet ----

    def _new_sheet(self, table: Table, name: str, heading: int, count: int) -> Any:
        from openpyxl.utils import get_column_letter
        from openpyxl.worksheet.properties import PageSetupProperties

        sheet = self._book.create_sheet(name)
        for place, column in enumerate(table.columns, 1):
            dimension = sheet.column_dimensions[get_column_letter(place)]
            dimension.width = column.width
            dimension.hidden = column.hidden
        last = get_column_letter(len(table.columns))
        sheet.freeze_panes = f"{get_column_letter(table.frozen + 1)}{heading + 1}"
        # A sum in the last row must stay last when somebody sorts.
        sheet.auto_filter.ref = f"A{heading}:{last}{max(heading + count - table.last_is_sum, heading)}"
        printed = max(place for place, column in enumerate(table.columns, 1) if column.printed)
        sheet.print_area = f"A1:{get_column_letter(printed)}{heading + max(count, 1)}"
        sheet.print_title_rows = f"{heading}:{heading}"
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = 9
        sheet.page_setup.fitToWidth = 1
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        sheet.print_options.horizontalCentered = True
        margins = sheet.page_margins
        margins.left = margins.right = 0.5
        margins.top, margins.bottom, margins.header, margins.footer = 0.7, 0.7, 0.3, 0.35
        if not table.title:
            sheet.oddHeader.center.text = "&A"
        sheet.oddFooter.center.text = "第 &P 页 共 &N 页"
        return sheet

    def _title(self, sheet: Any, table: Table) -> None:
        shown = sum(column.printed for column in table.columns)
        # Centred across the columns instead of merged: merged cells hinder sorting and copying.
        for text, role, height in ((table.title, "title", 30), (table.remark, "remark", 20)):
            first = self._cell(sheet, "text", text, role)
            row = sheet.row_dimensions[1 if role == "title" else 2]
            row.height = height
            sheet.append([first, *(self._cell(sheet, "text", None, role) for _ in range(shown - 1))])

    def _heading(self, sheet: Any, columns: Sequence[Column]) -> list[Any]:
        return [self._cell(sheet, "text", column.title, "heading") for column in columns]

    def _target(self, path: str) -> str:
        """A link that still works when the folder is moved or mailed as a whole."""
        absolute = Path(path).absolute()
        try:
            shown = os.path.relpath(absolute, self._folder).replace(os.sep, "/")
        except ValueError:  # another drive
            return absolute.as_uri()
        return "".join(char if char > "\x7f" and char.isprintable() else _quoted(char) for char in shown)

    # ---- cells ----

    def _cell(self, sheet: Any, kind: Kind, value: Any, role: str) -> Any:
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(sheet)
        number_format = "General"
        if isinstance(value, Decimal | int):
            number_format = _number_format(kind, value)
            # As text typed "number": openpyxl itself would write 98.85 as 98.84999999999999.
            cell.value = decimal_text(value) if isinstance(value, Decimal) else str(value)
            cell.data_type = "n"
        elif value is not None:
            text = cell_text(Path(value.path).name if isinstance(value, Link) else value)
            cell.value = text
            cell.data_type = "s"  # a text beginning with "=" stays a text
            if looks_like_formula(text):
                role = f"{role} quoted"
        cell._style = self._format(sheet, kind, role, number_format)
        return cell

    def _format(self, sheet: Any, kind: Kind, role: str, number_format: str) -> Any:
        key = (f"{kind} {role}", number_format)
        if key not in self._formats:
            self._formats[key] = _styled(sheet, kind, role, number_format)._style
        return self._formats[key]


def _quoted(char: str) -> str:
    """A character as a link holds it; undecodable bytes of a path stay the bytes they are."""
    return quote(char, safe=_SAFE, errors="surrogateescape" if "\udc80" <= char <= "\udcff" else "replace")


def _styled(sheet: Any, kind: Kind, role: str, number_format: str) -> Any:
    """A cell with the look of its role and kind."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

    role, _, quoted = role.partition(" ")
    cell = WriteOnlyCell(sheet)
    if quoted:
        cell.quotePrefix = True
    thin = Side("thin", color="FF7F7F7F")
    if role in ("title", "remark"):
        cell.font = Font(name=_HEAD_FONT, size=16) if role == "title" else Font(name=_FONT, size=10)
        cell.alignment = Alignment(horizontal="centerContinuous", vertical="center")
        return cell
    cell.border = Border(left=thin, right=thin, top=thin, bottom=thin)
    cell.number_format = number_format
    if role == "heading":
        cell.font = Font(name=_HEAD_FONT, size=10)
        cell.fill = PatternFill("solid", fgColor="FFDCE6F1")
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        return cell
    if kind == "link":
        cell.font = Font(name=_FONT, size=10, color="FF0563C1", underline="single")
    else:
        cell.font = Font(name=_FONT, size=10, bold=role == "sum")
    horizontal = {"number": "right", "money": "right", "percent": "right", "plain": "center"}.get(kind, "left")
    cell.alignment = Alignment(horizontal=horizontal, vertical="center", wrap_text=kind in _WRAPPED)
    if kind == "percent" and number_format == "General":
        cell.number_format = "0.00%"
    return cell


def _number_format(kind: Kind, value: Decimal | int) -> str:
    """Exactly the decimals the value has: 98.85, 7.6, 8."""
    if kind == "plain":
        return "General"
    if kind == "percent":
        return _decimals("0", decimal_text(Decimal(value) * 100)) + "%"
    return _decimals("#,##0" if kind == "money" else "0", decimal_text(Decimal(value)))


def _decimals(whole: str, text: str) -> str:
    fraction = text.partition(".")[2]
    return f"{whole}.{'0' * len(fraction)}" if fraction else whole
