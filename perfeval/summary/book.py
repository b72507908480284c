"""汇总.xlsx: the tables of the summary as sheets to read, filter and print, and a page of charts.

openpyxl sets up the sheets and their formats, `sheetdata` writes the rows. A4 landscape, one page wide, heading rows on
every page, page numbers at the foot. Numbers carry a format with exactly the decimals they have, because Excel's
「0.##」 prints 8 as 「8.」.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from perfeval.numbers import decimal_text
from perfeval.planning import SUMMARY_MARK
from perfeval.summary.sheetdata import Cells, Filling, Hyperlink, filled, rows_xml, texts_xml
from perfeval.summary.tables import Column, Kind, Link, Row, Table
from perfeval.summary.text import cell_text
from perfeval.workbook.sheetxml import looks_like_formula

if TYPE_CHECKING:
    from perfeval.summary.charts import Figures

__all__ = ["workbook"]

MOST_ROWS = 1_048_576  # of a sheet
_MOST_LINKS = 65_000  # Excel refuses a sheet with more
_FONT = "宋体"
_HEAD_FONT = "黑体"
_WRAPPED: frozenset[Kind] = frozenset(("text", "long"))
_HORIZONTAL: Mapping[Kind, str] = {
    "number": "right", "money": "right", "percent": "right", "plain": "center", "year": "center"
}  # fmt: skip
_NUMERIC: frozenset[Kind] = frozenset(("year", "number", "money", "percent"))
_SAFE = "/:()[]{}!$&',;=@~+-_."  # and 汉字, which quote() would turn into %E6%B1…
_PLAIN = re.compile(rf"[\w{re.escape(_SAFE)}]*")


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
        fillings += [writer.sheet(table)] if table.texts is None else writer.long_list(table, table.texts(), most_rows)
    if figures is not None:
        from perfeval.summary.charts import add_charts

        fillings.append(add_charts(book, figures))
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
    """Sets up sheets and makes their rows; every cell format is made once."""

    def __init__(self, book: Any, folder: Path) -> None:
        self._book = book
        self._folder = str(folder.absolute())
        self._formats: dict[str, Any] = {}
        self._targets: dict[str, str] = {}  # of folders
        self._numbers: dict[tuple[Kind, str, str], int] = {}

    def sheet(self, table: Table) -> tuple[Any, Filling]:
        """A sheet with title, remark and heading, and what is to be filled in below."""
        heading = 3 if table.title else 1
        sheet = self._new_sheet(table, table.name, heading, table.count)
        if table.title:
            self._title(sheet, table)
        sheet.row_dimensions[heading].height = 32
        sheet.append(self._heading(sheet, table.columns))
        links: list[Hyperlink] = []
        rows = self._linked(table, heading + 1, links)
        body = table.count - table.last_is_sum
        # Made at once: saving the workbook must know the format of every number.
        pieces = [*rows_xml(islice(rows, body), heading + 1, self._cells(sheet, table.columns, "body", exact=True))]
        if table.last_is_sum:
            pieces += rows_xml(rows, heading + 1 + body, self._cells(sheet, table.columns, "sum", exact=True))
        return sheet, Filling(pieces, links)

    def long_list(self, table: Table, texts: Iterable[Sequence[str]], most_rows: int) -> list[tuple[Any, Filling]]:
        """Sheets with a heading only, and what is to be filled in below: as many sheets as the rows need."""
        fillings: list[tuple[Any, Filling]] = []
        rows, left, number = iter(texts), table.count, 1
        while left > 0 or number == 1:
            count = min(left, most_rows - 1)
            sheet = self._new_sheet(table, table.name if number == 1 else f"{table.name}({number})", 1, count)
            sheet.row_dimensions[1].height = 32
            sheet.append(self._heading(sheet, table.columns))
            cells = self._cells(sheet, table.columns, "body", exact=False)
            fillings.append((sheet, Filling(texts_xml(islice(rows, count), 2, cells))))
            left -= count
            number += 1
        return fillings

    def _linked(self, table: Table, first: int, links: list[Hyperlink]) -> Iterator[Row]:
        """The rows of `table`, whose links are added to `links` as they go by."""
        places = [place for place, column in enumerate(table.columns) if column.kind == "link"]
        letters = _letters(table.columns)
        for number, row in enumerate(table.rows(), first):
            for place in places:
                value = row[place]
                if isinstance(value, Link) and len(links) < _MOST_LINKS:
                    tooltip = cell_text(value.path)[:255]
                    links.append(Hyperlink(f"{letters[place]}{number}", self._target(value.path), tooltip))
            yield row

    def _cells(self, sheet: Any, columns: Sequence[Column], role: str, *, exact: bool) -> list[Cells]:
        """How the columns are written; `exact`: a number shows the decimals it has."""
        return [
            Cells(
                letter,
                self._number(sheet, column.kind, role),
                self._number(sheet, column.kind, f"{role} quoted"),
                column.width if column.kind in _WRAPPED else 0,
                partial(self._number_of, sheet, column.kind, role) if exact else None,
                column.kind in _NUMERIC,
            )
            for letter, column in zip(_letters(columns), columns, strict=True)
        ]

    def _number_of(self, sheet: Any, kind: Kind, role: str, value: Decimal | int) -> int:
        return self._number(sheet, kind, role, _number_format(kind, value))

    def _number(self, sheet: Any, kind: Kind, role: str, number_format: str = "General") -> int:
        """The number of a cell format in the workbook."""
        key = (kind, role, number_format)
        if key not in self._numbers:
            self._numbers[key] = _styled(sheet, kind, role, number_format).style_id
        return self._numbers[key]

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
            first = self._cell(sheet, text, role)
            row = sheet.row_dimensions[1 if role == "title" else 2]
            row.height = height
            sheet.append([first, *(self._cell(sheet, None, role) for _ in range(shown - 1))])

    def _heading(self, sheet: Any, columns: Sequence[Column]) -> list[Any]:
        return [self._cell(sheet, column.title, "heading") for column in columns]

    def _target(self, path: str) -> str:
        """A link that still works when the folder is moved or mailed as a whole."""
        folder, name = os.path.split(path)
        if folder not in self._targets:
            self._targets[folder] = self._folder_target(folder)
        link = self._targets[folder] + _quoted(name)
        # A file called `C:x` or `http:x` must not become an address: `./` says that it is a name.
        return f"./{link}" if ":" in link.partition("/")[0] and not link.startswith("file:") else link

    def _folder_target(self, folder: str) -> str:
        absolute = Path(folder).absolute()
        try:
            shown = os.path.relpath(absolute, self._folder).replace(os.sep, "/")
        except ValueError:  # another drive
            return f"{absolute.as_uri().rstrip('/')}/"
        return "" if shown == "." else f"{_quoted(shown)}/"

    # ---- cells ----

    def _cell(self, sheet: Any, text: str | None, role: str) -> Any:
        """A cell of a title or heading."""
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(sheet)
        if text is not None:
            cell.value = cell_text(text)
            cell.data_type = "s"  # a text beginning with "=" stays a text
            if looks_like_formula(text):
                role = f"{role} quoted"
        if role not in self._formats:
            self._formats[role] = _styled(sheet, "text", role, "General")._style
        cell._style = self._formats[role]
        return cell


def _letters(columns: Sequence[Column]) -> list[str]:
    from openpyxl.utils import get_column_letter

    return [get_column_letter(place) for place in range(1, len(columns) + 1)]


def _quoted(text: str) -> str:
    """`text` as a link holds it."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(char if char > "\x7f" and char.isprintable() else _quoted_sign(char) for char in text)


def _quoted_sign(char: str) -> str:
    """One character; undecodable bytes of a path stay the bytes they are."""
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
    horizontal = _HORIZONTAL.get(kind, "left")
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
