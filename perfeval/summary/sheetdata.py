"""Puts long lists into a workbook that openpyxl has built, a hundred times faster than cell by cell.

openpyxl makes the sheet with its heading, formats, filter and print set-up; the rows below are written here as text
straight into the package, one after another, so that memory does not grow with them. Numbers are written as their
decimal text: openpyxl writes 98.85 as 98.84999999999999.
"""

from __future__ import annotations

import errno
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from itertools import chain
from xml.sax.saxutils import escape

from perfeval.numbers import decimal_text
from perfeval.summary.tables import Link, Row
from perfeval.summary.text import cell_text, looks_like_formula

__all__ = ["Filling", "filled", "row_height"]

_END = b"</sheetData>"
_SHEETS, _END_OF_SHEET = "xl/worksheets/", b"</worksheet>"
_LINE, _HIGHEST = 13.5, 409  # points
_PIECE = 2000  # rows joined before they are compressed
_TIME = (1980, 1, 1, 0, 0, 0)
# The moment of writing; without it the same input gives the same bytes.
_MODIFIED = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")
_CORE, _STYLES = "docProps/core.xml", "xl/styles.xml"
_FONT = re.compile(rb"<font>(.*?)</font>")
_PROPERTY = re.compile(rb"(<(\w+)[^>]*/>)")
_ORDER = (
    "b", "i", "strike", "condense", "extend", "outline", "shadow",
    "u", "vertAlign", "sz", "color", "name", "family", "charset", "scheme",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filling:
    """What goes below the heading of a sheet."""

    rows: Iterable[Row]
    first: int  # number of the first row
    styles: Sequence[int]  # cell format of each column
    quoted: Sequence[int]  # the same for texts that must not become formulas when somebody edits them
    letters: Sequence[str]
    widths: Sequence[int]  # in characters, of columns whose texts are wrapped; 0 of the others


def filled(workbook: bytes, fillings: Mapping[str, Filling]) -> bytes:
    """`workbook` with the rows of `fillings`, by the name of the sheet's part. OSError when a sheet is not whole."""
    result = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(workbook)) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.startswith(_SHEETS) and name.endswith(".xml") and not data.endswith(_END_OF_SHEET):
                # openpyxl keeps a sheet in a file, and lxml does not say when the last write to it fails.
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            info = zipfile.ZipInfo(name, _TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name in fillings:
                head, _, tail = data.partition(_END)
                with target.open(info, "w", force_zip64=True) as stream:
                    for piece in chain((head,), _pieces(fillings[name]), (_END + tail,)):
                        stream.write(piece)
            else:
                target.writestr(info, _corrected(name, data))
    return result.getvalue()


def _corrected(name: str, data: bytes) -> bytes:
    """A part of openpyxl's package without what the moment changes or the schema forbids."""
    if name == _CORE:
        return _MODIFIED.sub(b"", data)
    return _FONT.sub(_in_order, data) if name == _STYLES else data


def _in_order(font: re.Match[bytes]) -> bytes:
    """The properties of a font in the order that the schema demands and openpyxl does not keep."""
    properties = _PROPERTY.findall(font[1])
    properties.sort(key=lambda found: _ORDER.index(found[1].decode()))
    return b"<font>" + b"".join(text for text, _ in properties) + b"</font>"


def row_height(row: Row, widths: Sequence[int]) -> float:
    """Points that the longest of the wrapped texts of a row needs."""
    lines = 1
    for value, width in zip(row, widths, strict=True):
        if width and value:
            text = str(value)
            if _size(text) > width - 1 or "\n" in text:
                # Words and 禁则 leave lines not quite full.
                lines = max(lines, sum(-(-_size(part) // (width - 2)) for part in text.split("\n")))
    return min(_LINE * lines + 6, _HIGHEST)


def _size(text: str) -> int:
    """Characters of width: a 汉字 takes two and has three bytes, a letter takes one and has one."""
    return max(1, (len(text.encode("utf-8", "replace")) + len(text)) // 2)


def _pieces(filling: Filling) -> Iterator[bytes]:
    """The rows as bytes, many at a time."""
    waiting: list[str] = []
    for number, row in enumerate(filling.rows, filling.first):
        waiting.append(_row_xml(number, row, filling))
        if len(waiting) == _PIECE:
            yield "".join(waiting).encode()
            waiting.clear()
    yield "".join(waiting).encode()


def _row_xml(number: int, row: Row, filling: Filling) -> str:
    cells = [f'<row r="{number}" ht="{row_height(row, filling.widths)}" customHeight="1">']
    for value, style, quoted, letter in zip(row, filling.styles, filling.quoted, filling.letters, strict=True):
        if value is None or value == "":
            cells.append(f'<c r="{letter}{number}" s="{style}"/>')
        elif isinstance(value, str):
            xml, formula = _text_xml(value)
            cells.append(f'<c r="{letter}{number}" s="{quoted if formula else style}" t="inlineStr">{xml}</c>')
        elif isinstance(value, Link):
            cells.append(f'<c r="{letter}{number}" s="{style}" t="inlineStr">{_text_xml(value.path)[0]}</c>')
        else:
            text = decimal_text(value) if isinstance(value, Decimal) else str(value)
            cells.append(f'<c r="{letter}{number}" s="{style}"><v>{text}</v></c>')
    cells.append("</row>")
    return "".join(cells)


@lru_cache(maxsize=4096)
def _text_xml(text: str) -> tuple[str, bool]:
    """A text as the content of a cell, and whether it could pass for a formula. Names stand in many rows."""
    formula = looks_like_formula(text)
    text = escape(cell_text(text))
    return f'<is><t xml:space="preserve">{text}</t></is>', formula
