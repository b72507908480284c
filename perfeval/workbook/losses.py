"""What a workbook holds that the finished one will not: so that it can be said before anything is written.

The form sheet comes out in its official look, so letters in two fonts inside one cell do not survive; and of a format
that cannot be edited (.xls .et .ods .xlsb) nothing but the form is carried.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from perfeval.patterns import lazy_pattern
from perfeval.workbook.headers import PAGE, has_words, says_more
from perfeval.workbook.notes import AUTHOR
from perfeval.workbook.package import Package
from perfeval.workbook.sheetxml import unescaped
from perfeval.workbook.splice import elements

__all__ = [
    "objects_in_parts", "objects_in_stream", "objects_in_text", "rich_cells", "words_in_styles", "words_on_sheet",
]  # fmt: skip

_PROPERTIES = lazy_pattern(rb"<((?:[A-Za-z][\w.-]*:)?rPr)(?:\s[^>]*)?(?:/>|>(.*?)</\1\s*>)", re.S)
_CELL = lazy_pattern(rb"\sr=\"([A-Z]{1,3}[0-9]{1,7})\"")
_STRING = lazy_pattern(rb"\st=\"s\".{0,200}?<(?:[A-Za-z][\w.-]*:)?v(?:\s[^>]*)?>([0-9]{1,9})<", re.S)

# Content of a part's name → what people call it.
_PARTS = (
    ("/media/", "图片"), ("Pictures/", "图片"), ("/charts/", "图表"), ("/comments", "批注"), ("vbaProject", "宏"),
    ("Basic/", "宏"), ("/ctrlProps/", "控件"), ("/embeddings/", "嵌入的文件"),
)  # fmt: skip
_ODS_MARKS = (
    (b"<draw:image", "图片"), (b"<draw:object", "图表"), (b"<draw:custom-shape", "文本框和图形"),
    (b"<draw:text-box", "文本框和图形"), (b"<draw:control", "控件"),
)  # fmt: skip
# Within a paragraph of an OpenDocument file: what the program prints of itself (page, date, name of the sheet).
_ODS_FIELD = lazy_pattern(rb"<text:(?!(?:p|span|a|s|tab|line-break)[\s/>])[a-z-]+(?:\s[^<>]*)?>[^<>]*</text:[a-z-]+>")
_TAG = lazy_pattern(rb"<[^<>]*>")
_PRINTED_WORDS = "页眉页脚的文字"
_OBJ, _NOTE, _HEADER, _FOOTER = 0x005D, 0x001C, 0x0014, 0x0015
_OBJECTS = {5: "图表", 6: "文本框和图形", 8: "图片"} | dict.fromkeys((7, 11, 12, 16, 17, 18), "控件")
_SIGNATURES = (f"{AUTHOR}:".encode(), f"{AUTHOR}:".encode("utf-16-le"))


def rich_cells(package: Package, part: str) -> frozenset[str]:
    """Cells of a sheet in whose text not all letters are formatted alike."""
    sheet = package.read(part)
    strings = package.shared_strings_part
    shared = b"" if strings is None or strings not in package else package.read(strings)
    if b"rPr" not in shared and b"rPr" not in sheet:  # no run has properties of its own
        return frozenset()
    rich = {str(number).encode() for number, item in enumerate(elements(shared, b"si")) if _mixed(item)}
    found = set()
    for cell in elements(sheet, b"c"):
        address, index = _CELL.search(cell), _STRING.search(cell)
        if address is not None and (index[1] in rich if index is not None else _mixed(cell)):
            found.add(address[1].decode())
    return frozenset(found)


def _mixed(item: bytes) -> bool:
    """Whether the runs of a text differ in their properties; the first is often without any."""
    runs = elements(item, b"r")
    properties = [_PROPERTIES.search(run) for run in runs]
    return len({b"" if match is None else match[2] or b"" for match in properties}) > 1


def objects_in_parts(names: Iterable[str]) -> tuple[str, ...]:
    """What the parts of a package that is not edited hold besides cells."""
    listed = tuple(names)
    return tuple(dict.fromkeys(word for mark, word in _PARTS if any(mark in name for name in listed)))


def objects_in_text(content: bytes) -> tuple[str, ...]:
    """What the sheets of an OpenDocument file hold besides cells, our own notes apart."""
    found = [word for mark, word in _ODS_MARKS if mark in content]
    notes = elements(content, b"annotation")
    if any(_SIGNATURES[0] not in note for note in notes):
        found.append("批注")
    return tuple(dict.fromkeys(found))


def words_in_styles(styles: bytes) -> tuple[str, ...]:
    """Whether an OpenDocument file prints words of somebody at the top or the foot of its pages."""
    for end in (b"header", b"footer"):
        for kind in (b"", b"-left", b"-first"):
            for element in elements(styles, end + kind):
                text = _text_in(_ODS_FIELD.sub(PAGE.encode(), element))
                if b'style:display="false"' not in element[: element.find(b">")] and says_more(text):
                    return (_PRINTED_WORDS,)
    return ()


def words_on_sheet(sheet: bytes) -> tuple[str, ...]:
    """The same of a sheet of an OOXML workbook."""
    rest = sheet[sheet.rfind(b"sheetData") :]
    ends = [f"{page}{end}".encode() for page in ("odd", "even", "first") for end in ("Header", "Footer")]
    said = any(has_words(_text_in(element)) for end in ends for element in elements(rest, end))
    return (_PRINTED_WORDS,) if said else ()


def _text_in(element: bytes) -> str:
    return unescaped(_TAG.sub(b"", element).decode("utf-8", "ignore"))


def objects_in_stream(stream: bytes) -> tuple[str, ...]:
    """What the sheets of a workbook stream (BIFF8) hold besides cells, our own notes apart."""
    found: list[str] = []
    notes = 0
    for kind, content in _records(stream):
        if kind == _NOTE:
            notes += 1
        elif kind in (_HEADER, _FOOTER) and has_words(_printed(content)):
            found.append(_PRINTED_WORDS)
        elif kind == _OBJ and len(content) >= 6 and (word := _OBJECTS.get(content[4])):
            found.append(word)
    if notes > sum(stream.count(signature) for signature in _SIGNATURES):
        found.append("批注")
    return tuple(dict.fromkeys(found))


def _printed(content: bytes) -> str:
    """The text of a header or footer."""
    return content[3:].decode("utf-16-le" if content[2:3] == b"\x01" else "latin-1", "ignore")


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(stream):
        kind, length = struct.unpack_from("<2H", stream, position)
        if kind in (_OBJ, _NOTE, _HEADER, _FOOTER):
            yield kind, stream[position + 4 : position + 4 + length]
        position += 4 + length
