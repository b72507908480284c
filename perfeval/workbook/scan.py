"""The fast path of the worksheet parser: cells as nearly every program writes them, found without building a tree.

Excel, WPS, LibreOffice, openpyxl and XlsxWriter write a cell in one of a few spellings. When *every* piece of content
of a part is in one of these, one regular expression reads it in a third of the time a tree takes; when anything else
is there (prefixes, comments, rich inline text, missing addresses), the answer is None and the tree parser of
`perfeval.workbook.sheet` reads the part. Both give the same result; a test holds them to it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter

from perfeval.model import Cell
from perfeval.patterns import lazy_pattern
from perfeval.workbook.area import Range, parse_ref
from perfeval.workbook.cells import PICTURE_FUNCTION, CellMaker, Parsed, clean_text, text_cell, visible_text
from perfeval.workbook.guard import LIMITS

__all__ = ["scan_sheet", "scan_strings"]

_TEXT = r'<t(?: xml:space="preserve")?(?:/>|>([^<]*)</t>)'
_RUN = r'<r>(?:<rPr>(?:<(?!/rPr>)[^>]*>)*+</rPr>)?<t(?: xml:space="preserve")?>[^<]*</t></r>'
_BEGIN = '<c r="'
_FIRST = itemgetter(0)
# A cell with content up to its end tag: address, style, type, style again (some write it behind the type), start and
# text of the formula, value, empty value, inline text.
_CELL = lazy_pattern(
    r'<c r="([A-Z]{1,3}[1-9][0-9]*+)"(?: s="([0-9]++)")?+(?: t="([a-zA-Z]++)")?+(?: s="([0-9]++)")?+>'
    r"(?=<[fvi])(?:(<f(?: [^>/]*+)?+)(?:/>|>([^<]*+)</f>))?+"
    rf"(?:<v>([^<]++)</v>|(<v>|<v ?/>)(?:</v>)?|<is>{_TEXT}</is>)?"
)
# A string item: plain text, or runs with fonts of their own; Chinese Excel adds its phonetic settings.
_PHONETIC = "(?:<phoneticPr [^>]*/>)?"
_STRING = lazy_pattern(rf"<si>(?:{_TEXT}|((?:{_RUN})++)){_PHONETIC}</si>")
_PLAIN_STRING = lazy_pattern(rf"<si>{_TEXT}{_PHONETIC}</si>")
_RUN_TEXT = lazy_pattern(r"<t[^>]*>([^<]*)</t>")
_MERGE = lazy_pattern(r'<mergeCell ref="([A-Z0-9:]+)" ?/>')
_HIDDEN_ROW = lazy_pattern(r'<row r="([1-9][0-9]{0,6})"[^>]*? hidden="(?:1|true)"')
_HIDDEN_COLUMNS = lazy_pattern(
    r'<col (?=[^>]*\bhidden="(?:1|true)")(?=[^>]*\bmin="([0-9]{1,5})")(?=[^>]*\bmax="([0-9]{1,5})")[^>]*>'
)
_HEAD = lazy_pattern(
    r'(?:<\?xml[^>]*\?>\s*)?<worksheet [^>]*\bxmlns="http://(?:schemas\.openxmlformats\.org/spreadsheetml/2006/main|'
    r'purl\.oclc\.org/ooxml/spreadsheetml/main)"'
)
_SHARED = lazy_pattern(r'<f t="shared"(?: ref="[A-Z0-9:]+")? si="([0-9]+)"')
_REFERENCE = lazy_pattern(r"&(?:#([0-9]{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));|&")
_NO_CHARACTER = lazy_pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SHORT = 512  # characters of a text, as written, that may be a label
_LONG = 4096  # characters of one that may be a scoring rule
_SHORT_TAIL = 1 << 14  # characters behind the cells, as long as 400 merges
_KEPT = 8192  # characters
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def scan_sheet(data: bytes, maker: CellMaker) -> Parsed | None:
    """The sheet in `data` (known to have no document type), or None when it holds anything unusual."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    start, end = text.find("<sheetData>"), text.rfind("</sheetData>")
    if start < 0 or end < start or not _HEAD.match(text) or not text.rstrip().endswith("</worksheet>"):
        return None
    if _holds(text, "<!") or text.find("\r", start, end) >= 0:
        return None
    # One letter is found faster than a word.
    if text.find("x", start, end) >= 0 and text.find("xmlns", start, end) >= 0:
        return None
    hidden = _hidden(text, start, end) if "hidden" in text else _NOTHING_HIDDEN
    if _holds(text, "<?", start) or hidden is None:
        return None
    # What has an end tag holds something; some programs write one for blank cells, too: what `_CELL` never takes.
    pieces = text[start:end].replace('"></c>', '"<//>').split("</c")
    try:
        sources = [piece[piece.rindex(_BEGIN) :] for piece in pieces[:-1]]
        if set(map(_FIRST, pieces[1:])) - {">"}:
            return None
        found = [_known(source) if len(source) <= _SHORT else _piece(source) for source in sources]
        tail = text[end:]
        areas = _merges_again(tail) if len(tail) <= _SHORT_TAIL else _merges(tail)
        return Parsed(_cells(found, maker), areas, *hidden)
    except (ValueError, IndexError):
        return None  # the tree parser says what is wrong


def _holds(text: str, mark: str, start: int = 0) -> bool:
    """Whether a mark of two characters stands in the text; the second one is rare, and quickly found or not."""
    return text.find(mark[1], start) >= 0 and text.find(mark, start) >= 0


# A cell as far as its own spelling tells: position (None: no address), the cell when it is an inline text – None when
# that is blank –, else the groups of `_CELL`.
_Piece = tuple[tuple[int, int] | None, Cell | None, tuple[str, ...] | None]


def _piece(source: str) -> _Piece:
    match = _CELL.fullmatch(source)
    if match is None:
        raise ValueError("another spelling")
    groups = match.groups("")
    address, _, kind, _, calculated, _, value, empty, inline = groups
    try:
        position = parse_ref(address)
        if kind == "inlineStr" and len(source) <= _SHORT and not (value or empty or calculated):
            return position, text_cell(address, clean_text(_unescaped(inline))), None
    except ValueError:
        return None, None, groups
    return position, None, groups


_known = lru_cache(maxsize=2048)(_piece)  # the labels of a form come again, at the same place, in a batch


def _cells(found: list[_Piece], maker: CellMaker) -> dict[tuple[int, int], Cell]:
    cells: dict[tuple[int, int], Cell] = {}
    make = maker.cell
    strings = maker.strings if any(groups[2] == "s" for _, _, groups in found if groups) else ()
    for position, cell, groups in found:
        if groups is None:
            if cell is not None and position is not None:
                cells[position] = cell
            continue
        address, style, kind, late_style, calculated, formula, value, empty, inline = groups
        text = None
        if (kind == "inlineStr") != (not (value or empty or calculated)) or (inline and kind != "inlineStr"):
            raise ValueError("inline text in a cell of another type, or none")
        if calculated:
            text = _formula(calculated, formula, maker)
        elif kind == "s" and value.isdigit():  # most cells of most files, so without detours
            content = strings[int(value)] if strings else ""
            if content and PICTURE_FUNCTION not in content:
                cells[position or parse_ref(address)] = (
                    _label(address, content) if len(content) <= _SHORT else Cell(address, content)
                )
                continue
        shown: str | None = value or inline
        if shown and "&" in shown:
            shown = (_unescaped_again if len(shown) <= _LONG else _unescaped)(shown)
        elif not (shown or empty or kind == "inlineStr"):
            shown = None
        cell = make(address, kind, style or late_style, shown, text)
        if cell is not None:
            cells[position or parse_ref(address)] = cell
    return cells


@lru_cache(maxsize=2048)
def _label(address: str, text: str) -> Cell:
    return Cell(address, text)


_Hidden = tuple[frozenset[int], frozenset[int]]
_NOTHING_HIDDEN: _Hidden = (frozenset(), frozenset())


def _hidden(text: str, start: int, end: int) -> _Hidden | None:
    """Hidden rows and columns, None when the word stands in any other spelling or place."""
    shown = text.count('hidden="false"') + text.count('hidden="0"')
    rows = _HIDDEN_ROW.findall(text, start, end)
    columns = [(int(first), int(last)) for first, last in _HIDDEN_COLUMNS.findall(text, 0, start)]
    if shown + len(rows) + len(columns) != text.count("hidden") or any(last > LIMITS.columns for _, last in columns):
        return None
    if any(after[0] <= before[1] for before, after in pairwise(columns)):
        return None
    return frozenset(map(int, rows)), frozenset(n for first, last in columns for n in range(first, last + 1))


def _formula(tag: str, text: str, maker: CellMaker) -> str:
    text = _unescaped(text) if "&" in text else text
    shared = _SHARED.match(tag)
    if shared:
        return maker.shared_formula(text, shared[1])
    if "shared" in tag:
        raise ValueError("unusual spelling")
    return text


def scan_strings(data: bytes) -> list[str] | None:
    """The shared strings in `data` (known to have no document type), or None when one of them is not plain."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if "\r" in text:  # line ends of the file itself, as every XML parser makes them
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "<r>" in text:
        items = _STRING.findall(text)
        found = ["".join(_RUN_TEXT.findall(runs)) if runs else plain for plain, runs in items]
    else:
        found = _PLAIN_STRING.findall(text)
    if len(found) != text.count("<si") or "<!" in text or not text.rstrip().endswith("</sst>"):
        return None
    try:
        if "&" in text:
            found = [_unescaped(item) if "&" in item else item for item in found]
        return [visible_text(item) for item in found]
    except ValueError:
        return None


def _merges(tail: str) -> tuple[Range, ...]:
    """The merged ranges in what follows the cells; ValueError when one is spelled in another way."""
    refs = _MERGE.findall(tail)
    if tail.count("<mergeCell ") != len(refs):
        raise ValueError("another spelling")
    return tuple(area for area in map(Range.parse, refs) if not area.single)


_merges_again = lru_cache(maxsize=32)(_merges)  # forms of a batch with equally many rows are merged alike


def _unescaped(text: str) -> str:
    """`text` with its character references resolved; ValueError when one is none."""
    first, *others = text.split("&#")
    return _resolved(first) + "".join(map(_CHARACTERS.__getitem__, others))


_unescaped_again = lru_cache(maxsize=256)(_unescaped)  # printed scoring rules come again in a batch


class _Characters(dict[str, str]):
    """What stands for a text behind `&#`: single characters are kept, as the same ones come again and again."""

    def __missing__(self, piece: str) -> str:
        code, end, rest = piece.partition(";")
        if rest:
            return self[code + end] + _resolved(rest)
        text = _resolved(f"&#{piece}")
        if len(self) < _KEPT:
            self[piece] = text
        return text


_CHARACTERS = _Characters()


def _resolved(text: str) -> str:
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    text = chr(int(match[1])) if match[1] else chr(int(match[2] or "0", 16))
    if text.isprintable() or not _NO_CHARACTER.search(text):
        return text
    raise ValueError(f"no character: {match[0][:20]}")
