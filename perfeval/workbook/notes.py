"""Cell notes (批注): what is wrong with a cell, said at the cell.

A note is a comment and a box that shows it, in two parts of the package that may already hold comments of the clerk.
Ours are appended behind theirs; taking them out again leaves the clerk's parts byte for byte as they were, so that
filling a corrected form leaves no mark. They are known by their author and, as LibreOffice forgets authors, by their
first line, which names the author as Excel itself begins a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, lru_cache

from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.area import parse_ref
from perfeval.workbook.extent import Geometry, walk
from perfeval.workbook.guard import plain_xml
from perfeval.workbook.sheetxml import MAIN, text, unescaped
from perfeval.workbook.splice import elements, replaced

__all__ = ["AUTHOR", "Note", "noted_cells", "with_notes", "without_notes"]

AUTHOR = "perfeval"
_SIGNATURE = f"{AUTHOR}:".encode()

_TAG = rb"((?:[A-Za-z][\w.-]*:)?)"
_AUTHOR = lazy_pattern(rb"<%bauthor(?:\s[^>]*)?(?:/>|>([^<]*)</\1author\s*>)" % _TAG)
_FIRST_TEXT = lazy_pattern(rb"<(?:[A-Za-z][\w.-]*:)?t(?:\s[^>]*)?>\s*([^<]*)")
_AUTHOR_ID = lazy_pattern(rb"\bauthorId\s*=\s*[\"']([0-9]+)")
_REF = lazy_pattern(rb"\bref\s*=\s*[\"']([A-Z]{1,3}[0-9]{1,7})")
_EMPTY_AUTHORS = lazy_pattern(rb"<%bauthors\s*/>" % _TAG)
_EMPTY_LIST = lazy_pattern(rb"<%bcommentList\s*/>" % _TAG)
_AUTHORS_END = lazy_pattern(rb"</%bauthors\s*>" % _TAG)
_LIST_END = lazy_pattern(rb"</%bcommentList\s*>" % _TAG)
_SHAPE_ID = lazy_pattern(rb"_x0000_s([0-9]{1,9})")
_ROW = lazy_pattern(rb"<(?:[\w-]+:)?Row>\s*([0-9]{1,7})")
_COLUMN = lazy_pattern(rb"<(?:[\w-]+:)?Column>\s*([0-9]{1,5})")

_NEW_COMMENTS = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<comments xmlns="{MAIN}"><authors></authors>'
    "<commentList></commentList></comments>"
).encode()
_VML_SPACES = {
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "x": "urn:schemas-microsoft-com:office:excel",
}
_BOX_TYPE = (
    '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
_WIDTH, _LINE, _LINE_LENGTH = 220, 16, 17  # of a box: pixels, pixels, 汉字
_WIDTH_IN_POINTS = f"{_WIDTH * 0.75:g}"
_CLUSTER = 1024  # ids of shapes are given out in blocks


@record(frozen=True, slots=True)
class Note:
    """A note to be put on a cell."""

    ref: str  # A1 address; of a merged range its first cell
    text: str


def noted_cells(comments: bytes) -> frozenset[str]:
    """The cells that have a comment."""
    refs = (_REF.search(comment) for comment in elements(comments, b"comment"))
    return frozenset(ref[1].decode() for ref in refs if ref)


def without_notes(comments: bytes, vml: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Both parts without our notes; a part in which nothing is left is None."""
    comments = plain_xml(comments)
    authors = [unescaped((match[2] or b"").decode("utf-8", "replace")) for match in _AUTHOR.finditer(comments)]
    ours = {str(number).encode() for number, author in enumerate(authors) if author == AUTHOR}
    if not ours and _SIGNATURE not in comments:
        return comments, vml
    gone: set[tuple[int, int]] = set()

    def keep(comment: bytes) -> bytes:
        head = comment[: comment.find(b">")]
        author, ref, begin = _AUTHOR_ID.search(head), _REF.search(head), _FIRST_TEXT.search(comment)
        signed = begin is not None and begin[1].startswith(_SIGNATURE)
        if ref is None or not (signed or (author is not None and author[1] in ours)):
            return comment
        with suppress(ValueError):  # beyond the last column: there is no box for it either
            gone.add(parse_ref(ref[1].decode()))
        return b""

    left = replaced(comments, b"comment", keep)
    if authors[-1:] == [AUTHOR]:  # further in front the others would change their numbers
        last = list(_AUTHOR.finditer(left))[-1]
        left = left[: last.start()] + left[last.end() :]
    boxes = vml if vml is None else _without_boxes(plain_xml(vml), gone)
    return left if elements(left, b"comment") else None, boxes


def _without_boxes(vml: bytes, gone: set[tuple[int, int]]) -> bytes | None:
    def keep(shape: bytes) -> bytes:
        row, column = _ROW.search(shape), _COLUMN.search(shape)
        ours = row is not None and column is not None and (int(row[1]) + 1, int(column[1]) + 1) in gone
        return b"" if ours else shape

    left = replaced(vml, b"shape", keep)
    if b"#_x0000_t202" not in left:
        left = left.replace(_declared(_BOX_TYPE, vml).encode(), b"")
    return left if elements(left, b"shape") or elements(left, b"ClientData") else None


def with_notes(
    comments: bytes | None, vml: bytes | None, notes: Sequence[Note], geometry: Geometry, cluster: int = 1
) -> tuple[bytes, bytes]:
    """Both parts with `notes` behind what is there; None stands for a part that does not exist yet.

    `cluster` numbers the block of shape ids of a new part; no two sheets of a workbook may share one.
    """
    comments = (
        _NEW_COMMENTS if comments is None else _EMPTY_LIST.sub(rb"<\1commentList></\1commentList>", plain_xml(comments))
    )
    comments = _EMPTY_AUTHORS.sub(rb"<\1authors></\1authors>", comments)
    authors = [unescaped((match[2] or b"").decode("utf-8", "replace")) for match in _AUTHOR.finditer(comments)]
    authors_end, list_end = _AUTHORS_END.search(comments), _LIST_END.search(comments)
    if authors_end is None or list_end is None:
        return with_notes(None, vml, notes, geometry, cluster)  # nothing in it that a program could show
    prefix = list_end[1].decode()
    number = authors.index(AUTHOR) if AUTHOR in authors else len(authors)
    author = "" if AUTHOR in authors else f"<{prefix}author>{AUTHOR}</{prefix}author>"
    before, between, after = _comment_frame(number, prefix)
    items = "".join([f"{before}{note.ref}{between}{text(note.text)}{after}" for note in notes])
    comments = b"".join(
        (
            comments[: authors_end.start()],
            author.encode(),
            comments[authors_end.start() : list_end.start()],
            items.encode(),
            comments[list_end.start() :],
        )
    )
    return comments, _with_boxes(vml, notes, geometry, cluster)


@lru_cache(maxsize=64)
def _comment_frame(author: int, prefix: str) -> tuple[str, str, str]:
    """The XML of a comment of ours before its address, between address and text, and after the text."""
    p = prefix
    font = f'<{p}sz val="9"/><{p}rFont val="宋体"/><{p}charset val="134"/>'
    signature = f'<{p}r><{p}rPr><{p}b/>{font}</{p}rPr><{p}t xml:space="preserve">{AUTHOR}:</{p}t></{p}r>'
    begin = f'" authorId="{author}"><{p}text>{signature}<{p}r><{p}rPr>{font}</{p}rPr><{p}t xml:space="preserve">\n'
    return f'<{p}comment ref="', begin, f"</{p}t></{p}r></{p}text></{p}comment>"


def _with_boxes(vml: bytes | None, notes: Sequence[Note], geometry: Geometry, cluster: int) -> bytes:
    if vml is None:
        spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _VML_SPACES.items())
        layout = f'<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="{cluster}"/></o:shapelayout>'
        vml = f"<xml{spaces}>{layout}</xml>".encode()
    else:
        vml = plain_xml(vml)
    end = vml.rfind(b"</xml>")
    if end < 0:
        return _with_boxes(None, notes, geometry, cluster)
    following = max((int(match[1]) for match in _SHAPE_ID.finditer(vml)), default=cluster * _CLUSTER) + 1
    boxes = "" if b'id="_x0000_t202"' in vml else _declared(_BOX_TYPE, vml)
    start = _declared("<v:shape ", vml)
    boxes += "".join(_boxes(start, notes, following, geometry))
    return vml[:end] + boxes.encode() + vml[end:]


def _declared(element: str, vml: bytes) -> str:
    """A VML element with the prefixes the part does not declare itself."""
    missing = "".join(
        f' xmlns:{prefix}="{uri}"'
        for prefix, uri in _VML_SPACES.items()
        if f'xmlns:{prefix}="{uri}"'.encode() not in vml
    )
    name, space, rest = element.partition(" ")
    return f"{name}{missing}{space}{rest}"


def _boxes(start: str, notes: Sequence[Note], following: int, geometry: Geometry) -> Iterator[str]:
    """The shapes of notes, numbered from `following` on; each begins with `start`."""
    width, height_of = cache(geometry.width), cache(geometry.height)
    right_of = cache(lambda column: walk((column, 15), _WIDTH, width, 1))  # of the box of a note in that column
    for number, note in enumerate(notes, following):
        row, column = parse_ref(note.ref)
        lines = 1 + sum([-(-len(line) // _LINE_LENGTH) or 1 for line in note.text.split("\n")])
        height = lines * _LINE + 14
        top, above = (row - 2, 5) if row > 1 else (0, 2)
        (right, beside), (bottom, below) = right_of(column), walk((top, above), height, height_of, 1)
        yield (
            f'{start}id="_x0000_s{number}" type="#_x0000_t202" style="position:absolute;margin-left:0;margin-top:0;'
            f'width:{_WIDTH_IN_POINTS}pt;height:{height * 0.75:g}pt;z-index:{number % _CLUSTER};visibility:hidden"'
            ' fillcolor="#fff2cc" o:insetmode="auto"><v:fill color2="#fff2cc"/>'
            '<v:shadow on="t" color="black" obscured="t"/>'
            '<v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto">'
            '<div style="text-align:left"></div></v:textbox>'
            '<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>'
            f"<x:Anchor>{column}, 15, {top}, {above}, {right}, {beside}, {bottom}, {below}</x:Anchor>"
            f"<x:AutoFill>False</x:AutoFill><x:Row>{row - 1}</x:Row><x:Column>{column - 1}</x:Column></x:ClientData>"
            "</v:shape>"
        )
