"""The template workbook taken apart: what its first sheet says, and how that looks.

What it says is read of every pack, for a sheet is told by its words; how it looks only of the pack that is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

from lxml import etree

from perfeval.record import record
from perfeval.workbook.grid import Range, open_book, parse_ref
from perfeval.workbook.package import Package, parse_xml
from perfeval.workbook.rules import Rules
from perfeval.workbook.styles import StyleSheet
from perfeval.workbook.textfit import Font

__all__ = ["Appearance", "Blueprint", "appearance_of", "read_blueprint"]

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DEFAULT_WIDTH = 8.43
_DEFAULT_HEIGHT = 15.0
_A4, _A3 = (595.3, 841.9), (841.9, 1190.6)  # points
_SIDES = ("left", "right", "top", "bottom")
# Sheet-level elements that are copied from the template as they stand.
_COPIED = ("sheetFormatPr", "cols", "sheetProtection", "printOptions", "pageMargins", "pageSetup", "headerFooter")


@record(frozen=True, eq=False)
class Blueprint:
    """One sheet of a template workbook: its cells and rows."""

    package: Package
    sheet: str  # name of the sheet
    part: str  # its part in the package
    texts: Mapping[tuple[int, int], str]  # non-blank cells
    styles: Mapping[tuple[int, int], int]  # cell formats, blank cells included
    merges: tuple[Range, ...]
    rows: Mapping[int, float]  # row → height in points, for every row of the form

    @cached_property
    def formats(self) -> frozenset[int]:
        """Every cell format the form uses."""
        return frozenset(self.styles.values()) | {0}

    def span(self, row: int, column: int) -> Range:
        """The merged range that begins at a cell, or the cell itself."""
        return self._begun.get((row, column)) or Range(row, column, row, column)

    @cached_property
    def _begun(self) -> Mapping[tuple[int, int], Range]:
        return {(merge.top, merge.left): merge for merge in reversed(self.merges)}


@record(frozen=True, eq=False)
class Appearance:
    """How the sheet of a template looks on the screen and on paper."""

    widths: Mapping[int, float]  # column → width in characters
    fonts: tuple[Font, ...]  # font of each cell format
    wraps: tuple[bool, ...]  # whether each cell format wraps its text
    copied: Mapping[str, bytes]  # element name → its XML
    rules: Rules  # conditional formats and drop-down lists
    title_rows: tuple[int, int] | None  # rows repeated on each page
    page: tuple[float, float]  # printable width and height of a page in points
    digit: int  # pixels of a digit of the Normal font, the unit of column widths

    def pixels(self, column: int, digit: int | None = None) -> int:
        """Width of a column in pixels, in a workbook whose digits are `digit` pixels wide; None: in the template."""
        unit = digit or self.digit
        return int((256 * self.widths.get(column, _DEFAULT_WIDTH) + 128 / unit) / 256 * unit)

    def width(self, left: int, right: int) -> float:
        """Width of columns `left`…`right` together, in characters."""
        return sum(self.widths.get(column, _DEFAULT_WIDTH) for column in range(left, right + 1))


@lru_cache(maxsize=16)
def read_blueprint(data: bytes) -> Blueprint:
    """Take the first sheet of a workbook apart, once for all packs that have the same form. Raises BadWorkbook."""
    book = open_book(data)
    sheet = book.sheets[0]
    package = book.package
    assert package is not None and sheet.part is not None and package.styles_part is not None
    styles: dict[tuple[int, int], int] = {}
    rows: dict[int, float] = {}
    for row in parse_xml(package.read(sheet.part)).iter(f"{_MAIN}row"):
        number = int(row.get("r", "0"))
        rows[number] = float(row.get("ht", _DEFAULT_HEIGHT))
        for cell in row.iter(f"{_MAIN}c"):
            styles[parse_ref(cell.get("r", ""))] = int(cell.get("s", "0"))
    last = max(sheet.last_row, *(merge.bottom for merge in sheet.merges), 1)
    return Blueprint(
        package=package,
        sheet=sheet.name,
        part=sheet.part,
        texts={position: cell.text for position, cell in sheet.cells.items() if cell.text},
        styles=styles,
        merges=sheet.merges,
        rows={number: rows.get(number, _DEFAULT_HEIGHT) for number in range(1, last + 1)},
    )


def appearance_of(blueprint: Blueprint) -> Appearance:
    """How the sheet looks. Raises BadWorkbook."""
    package = blueprint.package
    assert package.styles_part is not None
    root = parse_xml(package.read(blueprint.part))
    fonts, wraps = _formats(package.read(package.styles_part))
    return Appearance(
        widths=_widths(root),
        fonts=fonts,
        wraps=wraps,
        copied={name: _raw(element) for name in _COPIED if (element := root.find(_MAIN + name)) is not None},
        rules=Rules.of(root),
        title_rows=_title_rows(package, blueprint.sheet),
        page=_page(root),
        digit=StyleSheet.of(package).digit,
    )


def _raw(element: etree._Element) -> bytes:
    """The element alone, without the namespace declarations it inherits."""
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    etree.cleanup_namespaces(copy)
    return etree.tostring(copy).replace(b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"', b"")


def _widths(root: etree._Element) -> dict[int, float]:
    widths: dict[int, float] = {}
    for col in root.iterfind(f"{_MAIN}cols/{_MAIN}col"):
        for column in range(int(col.get("min", "1")), min(int(col.get("max", "1")), 100) + 1):
            widths[column] = float(col.get("width", _DEFAULT_WIDTH))
    return widths


def _formats(data: bytes) -> tuple[tuple[Font, ...], tuple[bool, ...]]:
    """Font and wrapping of each cell format."""
    root = parse_xml(data)
    faces = []
    for font in root.iterfind(f"{_MAIN}fonts/{_MAIN}font"):
        name, size, bold = font.find(f"{_MAIN}name"), font.find(f"{_MAIN}sz"), font.find(f"{_MAIN}b")
        faces.append(
            Font(
                name.get("val", "") if name is not None else "",
                float(size.get("val", "11")) if size is not None else 11.0,
                bold is not None and bold.get("val", "1") not in ("0", "false"),
            )
        )
    fonts, wraps = [], []
    for xf in root.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf"):
        fonts.append(faces[int(xf.get("fontId", "0"))])
        alignment = xf.find(f"{_MAIN}alignment")
        wraps.append(alignment is not None and alignment.get("wrapText") in ("1", "true"))
    return tuple(fonts), tuple(wraps)


def _page(root: etree._Element) -> tuple[float, float]:
    setup, margins = root.find(f"{_MAIN}pageSetup"), root.find(f"{_MAIN}pageMargins")
    width, height = _A3 if setup is not None and setup.get("paperSize") == "8" else _A4
    if setup is not None and setup.get("orientation") == "landscape":
        width, height = height, width
    inches = {side: float(margins.get(side, "0.7")) if margins is not None else 0.7 for side in _SIDES}
    return width - 72 * (inches["left"] + inches["right"]), height - 72 * (inches["top"] + inches["bottom"])


def _title_rows(package: Package, sheet: str) -> tuple[int, int] | None:
    root = parse_xml(package.read(package.workbook_part))
    names = [ref.name for ref in package.sheets]
    for name in root.iterfind(f"{_MAIN}definedNames/{_MAIN}definedName"):
        if name.get("name") == "_xlnm.Print_Titles" and names[int(name.get("localSheetId", "-1"))] == sheet:
            rows = (name.text or "").rpartition("!")[2].replace("$", "").split(":")
            if len(rows) == 2 and rows[0].isdigit() and rows[1].isdigit():
                return int(rows[0]), int(rows[1])
    return None
