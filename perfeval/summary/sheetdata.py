"""Puts the rows into a workbook whose sheets openpyxl has set up, a hundred times faster than cell by cell.

openpyxl makes each sheet with its heading, formats, filter, charts and print set-up; the rows below are written here
as text straight into the package, some hundred at a time, so that memory does not grow with them. Numbers are written
as their decimal text: openpyxl writes 98.85 as 98.84999999999999.
"""

from __future__ import annotations

import errno
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from itertools import chain, islice
from typing import IO, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from perfeval.numbers import decimal_text
from perfeval.summary.tables import Link, Row
from perfeval.summary.text import LONGEST, cell_text
from perfeval.workbook.sheetxml import looks_like_formula

__all__ = ["Cells", "Filling", "Hyperlink", "filled", "rows_xml", "texts_xml"]

_END = b"</sheetData>"
_SHEETS, _END_OF_SHEET = "xl/worksheets/", b"</worksheet>"
_AFTER_LINKS = b"<printOptions"  # what the schema wants behind the links, and every sheet here has
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
)
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
_LINE, _HIGHEST = 13.5, 409  # points
_PIECE = 1000  # rows joined before they are compressed
_LEVEL = 3  # the last fifth of the size would take twice as long again
_BLOCK = 16  # rows looked through at once for what must be escaped
_KEPT = 1000  # cells of a column that are kept for further rows …
_REMEMBERED = 120  # … unless they are longer: names stand in many rows, reasons in one
_NUMBER = "\0"  # stands for the number of a row; no text of a workbook can hold it
_BETWEEN = "\1"  # … nor this one
# In printable texts: what must be escaped, and with what a text begins that must be said to be no formula, or blank.
_MARKUP, _FIRST = ("<", ">", "&", "_x"), frozenset(" =+-@\uff1d\uff0b\uff0d\uff20")
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
class Cells:
    """How the cells of one column are written."""

    letter: str
    style: int  # cell format, by its number
    quoted: int  # the same for texts that must not become formulas when somebody edits them
    width: int = 0  # in characters, where texts are wrapped; 0: they are not
    number: Callable[[Decimal | int], int] | None = None  # the format of each number; None: `style`, whatever it is
    numeric: bool = False  # among rows of texts: whether they are numbers


@dataclass(frozen=True, slots=True)
class Hyperlink:
    """A cell that opens a file."""

    cell: str
    target: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Filling:
    """What goes below the heading of a sheet."""

    pieces: Iterable[bytes]  # of `rows_xml`
    links: Sequence[Hyperlink] = ()


def filled(workbook: bytes, fillings: Mapping[str, Filling]) -> bytes:
    """`workbook` with the rows of `fillings`, by the name of the sheet's part. OSError when a sheet is not whole."""
    result = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(workbook)) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.startswith(_SHEETS) and name.endswith(".xml") and not data.endswith(_END_OF_SHEET):
                # openpyxl keeps a sheet in a file, and lxml does not say when the last write to it fails.
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            filling = fillings.get(name)
            if filling is None:
                target.writestr(_member(name), _corrected(name, data))
                continue
            head, _, tail = data.partition(_END)
            if filling.links:
                before, _, after = tail.partition(_AFTER_LINKS)
                tail = before + _links_xml(filling.links) + _AFTER_LINKS + after
                folder, _, part = name.rpartition("/")
                target.writestr(_member(f"{folder}/_rels/{part}.rels"), _relations_xml(filling.links))
            with target.open(name, "w", force_zip64=True) as stream:  # by name: a member would not know our level
                _written(chain((head,), filling.pieces, (_END + tail,)), stream)
    return result.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _written(pieces: Iterable[bytes], stream: IO[bytes]) -> None:
    """Compress each piece while the next one is being made: zlib needs no interpreter."""
    with ThreadPoolExecutor(1) as other:
        under_way: Future[int] | None = None
        for piece in pieces:
            if under_way is not None:
                under_way.result()
            under_way = other.submit(stream.write, piece)
        if under_way is not None:
            under_way.result()


def _links_xml(links: Sequence[Hyperlink]) -> bytes:
    cells = (
        f'<hyperlink ref="{link.cell}" tooltip={_attribute(link.tooltip)} r:id="rId{number}"/>'
        for number, link in enumerate(links, 1)
    )
    space = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return f'<hyperlinks xmlns:r="{space}">{"".join(cells)}</hyperlinks>'.encode()


def _relations_xml(links: Sequence[Hyperlink]) -> bytes:
    relations = (
        f'<Relationship Id="rId{number}" Type="{_LINK}" Target={_attribute(link.target)} TargetMode="External"/>'
        for number, link in enumerate(links, 1)
    )
    return f"{_RELATIONS}{''.join(relations)}</Relationships>".encode()


def _attribute(text: str) -> str:
    return quoteattr(text, {"\n": "&#10;", "\t": "&#9;"})


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


# ---- rows ------------------------------------------------------------------------------------------------------------


def rows_xml(rows: Iterable[Row], first: int, columns: Sequence[Cells], height: float | None = None) -> Iterator[bytes]:
    """The rows from number `first` on, many at a time; `height` in points, or as high as the wrapped texts need."""
    writers = [_Column(cells) for cells in columns]
    waiting: list[str] = []
    for number, row in enumerate(rows, first):
        waiting.append(_row_xml(row, number, writers, height))
        if len(waiting) == _PIECE:
            yield "".join(waiting).encode()
            waiting.clear()
    yield "".join(waiting).encode()


def _row_xml(row: Row, number: int, writers: Sequence[_Column], height: float | None) -> str:
    lines = 1
    written = [""]  # the height is known when the texts are
    for value, writer in zip(row, writers, strict=True):
        cell = writer.known.get(value) or writer.made(value)
        written.append(cell.xml)
        if cell.lines > lines:
            lines = cell.lines
    written[0] = f'<row r="{_NUMBER}" ht="{_points(lines) if height is None else height}" customHeight="1">'
    written.append("</row>")
    return "".join(written).replace(_NUMBER, str(number))


def _points(lines: int) -> float:
    return min(_LINE * lines + 6, _HIGHEST)


def texts_xml(rows: Iterable[Sequence[str]], first: int, columns: Sequence[Cells]) -> Iterator[bytes]:
    """The same for long lists whose rows are texts only, "" where a cell is empty: several times as fast.

    Rows of plain words, which nearly all are, go into a pattern as a whole; the others are made cell by cell.
    """
    patterns, writers = _Patterns(columns), [_Column(cells) for cells in columns]
    rows, number = iter(rows), first
    waiting: list[bytes] = []
    while block := list(islice(rows, _BLOCK)):
        together = _plain(block)
        for place, row in enumerate(block):
            start = place * len(columns)
            plain = together[start : start + len(columns)] if together else _plain((row,))
            if plain:
                waiting.append(patterns.row_xml(row, plain, number))
            else:
                waiting.append(_row_xml(_typed(row, columns), number, writers, None).encode())
            number += 1
        if len(waiting) >= _PIECE:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting)


def _plain(rows: Sequence[Sequence[str]]) -> list[bytes]:
    """All texts of the rows as they stand in cells; [] when one cannot stand there as it is."""
    texts = [text for row in rows for text in row]
    together = "".join(texts)
    if not together.isprintable() or len(together) > LONGEST or any(odd in together for odd in _MARKUP):
        return []
    joined = _BETWEEN.join(texts)
    if f" {_BETWEEN}" in joined or joined.endswith(" ") or not _FIRST.isdisjoint([text[:1] for text in texts]):
        return []
    return joined.encode().split(_BETWEEN.encode())


def _typed(row: Sequence[str], columns: Sequence[Cells]) -> Row:
    return [Decimal(text) if cells.numeric and text else text for text, cells in zip(row, columns, strict=True)]


class _Patterns:
    """Rows of plain texts: one pattern for each set of columns that are empty."""

    def __init__(self, columns: Sequence[Cells]) -> None:
        self._columns = columns
        self._known: dict[tuple[bool, ...], bytes] = {}
        # A text takes at most two and a half times as much width as it has characters.
        self._wrapped = [
            (place, cells.width, (2 * cells.width - 1) // 5) for place, cells in enumerate(columns) if cells.width
        ]

    def row_xml(self, row: Sequence[str], plain: Sequence[bytes], number: int) -> bytes:
        """A row with its texts, which are also there in UTF-8."""
        filled = tuple(map(bool, plain))
        pattern = self._known.get(filled)
        if pattern is None:
            pattern = self._known[filled] = self._pattern(filled)
        lines = 1
        for place, width, short in self._wrapped:
            length = len(row[place])
            if length > short and (size := (length + len(plain[place])) // 2) >= width:
                lines = max(lines, _lines_of(size, width))
        return pattern.replace(_NUMBER.encode(), b"%d" % number) % (_points(lines), *plain)

    def _pattern(self, filled: tuple[bool, ...]) -> bytes:
        cells = map(_cell_pattern, self._columns, filled)
        return f'<row r="{_NUMBER}" ht="%a" customHeight="1">{"".join(cells)}</row>'.encode()


def _cell_pattern(cells: Cells, is_filled: bool) -> str:
    opening = f'<c r="{cells.letter}{_NUMBER}" s="{cells.style}"'
    if not is_filled:
        return f"{opening}/>%.0b"
    return f"{opening}><v>%b</v></c>" if cells.numeric else f'{opening} t="inlineStr"><is><t>%b</t></is></c>'


class _Cell(NamedTuple):
    """A cell as it stands in any row, and how many lines of text it has."""

    xml: str  # `_NUMBER` for the number of the row
    lines: int = 1


class _Column:
    """Makes the cells of a column; what was made is kept for a while, since most values stand in many rows."""

    def __init__(self, cells: Cells) -> None:
        self.known: dict[object, _Cell] = {}
        self._cells = cells
        self._open = f'<c r="{cells.letter}{_NUMBER}"'

    def made(self, value: str | int | Decimal | Link | None) -> _Cell:
        """The cell that holds `value`."""
        if isinstance(value, str) and len(value) > _REMEMBERED:
            return self._text(value)
        if len(self.known) >= _KEPT:
            self.known.clear()
        cell = self.known[value] = self._made(value)
        return cell

    def _made(self, value: str | int | Decimal | Link | None) -> _Cell:
        cells = self._cells
        if value is None or value == "":
            return _Cell(f'{self._open} s="{cells.style}"/>' if cells.style else "")
        if isinstance(value, Link):
            return self._text(value.name)
        if isinstance(value, str):
            return self._text(value)
        style = cells.style if cells.number is None else cells.number(value)
        text = decimal_text(value) if isinstance(value, Decimal) else str(value)
        return _Cell(f'{self._open} s="{style}"><v>{text}</v></c>')

    def _text(self, text: str) -> _Cell:
        cells = self._cells
        written = cell_text(text)
        style = cells.quoted if looks_like_formula(text) else cells.style
        space = ' xml:space="preserve"' if written != written.strip() or "\n" in written else ""
        xml = f'{self._open} s="{style}" t="inlineStr"><is><t{space}>{escape(written)}</t></is></c>'
        return _Cell(xml, _lines(text, cells.width) if cells.width else 1)


def _lines(text: str, width: int) -> int:
    """How many lines a wrapped text needs."""
    sizes = [_size(part) for part in text.split("\n")]
    return 1 if len(sizes) == 1 and sizes[0] < width else sum(_lines_of(size, width) for size in sizes)


def _lines_of(size: int, width: int) -> int:
    """The same of a paragraph; words and 禁则 leave lines not quite full."""
    return -(-size // (width - 2))


def _size(text: str) -> int:
    """Characters of width: a 汉字 takes two and has three bytes, a letter takes one and has one."""
    return max(1, (len(text.encode("utf-8", "replace")) + len(text)) // 2)
