"""From what a file stores for a cell to what a person sees there: shared by the readers of all formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import isfinite, nan

from perfeval.model import Cell, CellProblem
from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.area import Range
from perfeval.workbook.formats import GENERAL, NumberFormat, shown_number
from perfeval.workbook.guard import LIMITS, BadWorkbook

__all__ = [
    "PICTURE_FUNCTION",
    "PICTURE_TEXT",
    "CellMaker",
    "Parsed",
    "check_cells",
    "clean_text",
    "is_picture",
    "number_cell",
    "text_cell",
    "visible_text",
    "whole",
]

PICTURE_TEXT = "[图片]"
PICTURE_FUNCTION = "DISPIMG("  # WPS keeps in-cell pictures as a formula on a private part
_PICTURE = lazy_pattern(r"=?(?:_xlfn\.)?DISPIMG\(")
_ESCAPE = lazy_pattern("_x([0-9A-Fa-f]{4})_")
_CONTROL = lazy_pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRUE = ("1", "true")
# A number of at most 15 digits that is written as it is shown; every program reads the same number back.
_PLAIN = lazy_pattern(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{0,5}[1-9]|-?[1-9][0-9]{0,8}|0")


@record(frozen=True, slots=True)
class Parsed:
    """What a worksheet holds, whatever format it came in."""

    cells: dict[tuple[int, int], Cell]
    merges: tuple[Range, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()


class CellMaker:
    """Makes the cells of one SpreadsheetML sheet from the pieces of their elements."""

    __slots__ = ("_date1904", "_formats", "_load_strings", "_shared", "_strings")

    def __init__(
        self, strings: Callable[[], Sequence[str]], formats: Sequence[NumberFormat], date1904: bool = False
    ) -> None:
        self._load_strings = strings
        self._strings: Sequence[str] | None = None
        self._formats = formats
        self._date1904 = date1904
        self._shared: dict[str, str] = {}  # text of the master by group of shared formulas

    @property
    def strings(self) -> Sequence[str]:
        """The shared strings, parsed when the first cell needs one; blank ones are ""."""
        if self._strings is None:
            self._strings = self._load_strings()
        return self._strings

    def cell(
        self,
        address: str,
        kind: str | None,
        style: str | None,
        value: str | None,
        formula: str | None,
        picture: int | None = None,
    ) -> Cell | None:
        """The cell of `<c t=kind s=style>` with the text of `<v>` or `<is>`; None when it is blank.

        Raises ValueError or IndexError when the file contradicts itself.
        """
        if kind == "s" and value:
            return text_cell(address, self.strings[whole(value)], formula)
        if value is None or not (value or kind == "str" or kind == "inlineStr"):
            # An empty <v/> of type str is the calculated empty text; of any other type it was never calculated.
            if formula is None:
                return None
            if is_picture(formula):
                return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE)
            return Cell(address, "", None, formula, CellProblem.UNCACHED)
        if not kind or kind == "n":
            return number_cell(address, value, self._format(style) if style else GENERAL, formula, self._date1904)
        if kind == "e":
            # A picture placed in a cell by Excel 365 is an error value with rich metadata and without formula.
            if is_picture(formula) or (picture is not None and formula is None):
                return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE, picture)
            return Cell(address, value, None, formula, CellProblem.ERROR)
        if kind == "b":
            return text_cell(address, "TRUE" if value in _TRUE else "FALSE", formula)
        if kind == "d":
            return text_cell(address, value.removesuffix("Z").removesuffix("T00:00:00").replace("T", " "), formula)
        return text_cell(address, clean_text(value), formula)

    def shared_formula(self, text: str, group: str) -> str:
        """The text of a formula of a shared group: its own, else that of the master."""
        if text:
            self._shared[group] = text
            return text
        return self._shared.get(group, "")

    def _format(self, style: str) -> NumberFormat:
        index = whole(style)
        return self._formats[index] if index < len(self._formats) else GENERAL


def text_cell(address: str, text: str, formula: str | None = None) -> Cell | None:
    """A cell with text, None when that leaves it blank; the formula of an in-cell picture is never a text."""
    if PICTURE_FUNCTION in text or formula is not None:
        if is_picture(text) or is_picture(formula):
            return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE)
    elif not text or text.isspace():
        return None
    if len(text) > LIMITS.text:
        raise BadWorkbook("TPL006", what=f"单元格 {address}", limit=f"{LIMITS.text} 字")
    return Cell(address, text, None, formula)


def number_cell(
    address: str, value: str | float, style: NumberFormat, formula: str | None = None, date1904: bool = False
) -> Cell | None:
    """A cell with a number as its format shows it; what is no number stays text."""
    if isinstance(value, str) and formula is None and not style.kind and _PLAIN.fullmatch(value):
        text = f"{style.prefix}{value}{style.suffix}" if style.prefix or style.suffix else value
        return Cell(address, text, Decimal(value))
    try:
        number = float(value)
    except ValueError:
        number = nan
    if not isfinite(number):
        return text_cell(address, clean_text(str(value)), formula)
    if formula is not None and is_picture(formula):
        return Cell(address, PICTURE_TEXT, None, formula, CellProblem.PICTURE)
    text, content = shown_number(number, style, date1904)
    return Cell(address, text, content, formula)


def is_picture(text: str | None) -> bool:
    """Whether a formula, or a text that repeats it, is the in-cell picture of WPS."""
    return text is not None and PICTURE_FUNCTION in text and _PICTURE.match(text) is not None


def visible_text(text: str) -> str:
    """The text of a shared or inline string as a person sees it; "" when it is blank."""
    if len(text) > LIMITS.text:  # one string may stand in every cell
        raise ValueError(f"text of {len(text)} characters")
    if not text.isprintable() or "_x" in text:
        text = clean_text(text)
    return "" if text.isspace() else text


def clean_text(text: str) -> str:
    """`text` with `_x000D_` escapes decoded, line ends as LF, and without control characters."""
    if "_x" in text:
        text = _ESCAPE.sub(_unescaped, text)
        if any("\ud800" <= char <= "\udfff" for char in text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").isprintable():
        return text
    return _CONTROL.sub("", text).replace("\ufffe", "").replace("\uffff", "")


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def whole(text: str) -> int:
    """A small whole number of a file; ValueError when it is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"no whole number: {text[:20]!r}")
    return int(text)


def check_cells(cells: dict[tuple[int, int], Cell], part: str) -> None:
    """Refuse a sheet that holds more than any form."""
    if len(cells) > LIMITS.cells:
        raise BadWorkbook("TPL014", part=part, limit=str(LIMITS.cells))
