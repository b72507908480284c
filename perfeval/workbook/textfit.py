"""How many lines a wrapped text takes in a cell and how high its row must be, without any font file.

A cell that spans several columns never grows by itself, neither in Excel nor in WPS, and a row that is too low
cuts the text off in print. So the height is computed from widths. A 汉字 or full-width mark is one em; an ASCII
character is half an em in 宋体, 仿宋, 黑体, 楷体, but DejaVu Sans, which LibreOffice on Linux shows in their place,
has wider digits and letters and narrower punctuation. Lines are broken as the office programs do: not before a
closing mark nor after an opening one (禁则), not inside a word or number unless it is longer than a line.

Model of a column: width w (file units) is trunc((256 w + 18) / 256 * d) pixels of 3/4 pt, d being the width of a
digit of the workbook's Normal font (7 pixels: Calibri 11, the smallest in common use), less 5 pixels of padding.
Where fonts are substituted LibreOffice takes d wider than Excel does; then its cells have room to spare.

Model of a line: 1.456 em, the line of Noto CJK in LibreOffice's print. 宋体 in Excel needs about 1.2: from five
lines on there is room for a sixth, so that only shorter texts are measured in the original fonts as well.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

__all__ = ["MAX_HEIGHT", "Font", "height", "join", "lines", "portions", "row_height", "split"]

MAX_HEIGHT = 409.0  # points; Excel's limit for one row

_EM = 128  # units in one em
_WIDEST = 191  # units of the widest character, bold
_PADDING = 5  # pixels left and right of the text together, the grid line included
_ROW_PADDING = 2.0  # points above and below the text together
_SPARE_FROM = 5  # lines from which on a row has room for one more line in Excel
_SHORT = 64  # texts up to this length are worth remembering: labels, names, units
_LONG = 2048  # those up to this length for as long as one form is made: they are measured more than once
_CONTINUED = "\u200b"  # first character of a piece that continues the paragraph of the piece before it

# Characters beside Latin-1 that are not one em wide, the byte each is turned into for measuring, and its width.
_STAND_INS = (("‰", "\x80", 1.35), ("℃", "\x81", 1.13), (_CONTINUED, "\x82", 0.0))

# Widths of ASCII and Latin-1 in DejaVu Sans; what is not listed is half an em, in 宋体 everything is.
_WIDTHS = {
    0.28: "'ijl",
    0.296: "IJ",
    0.32: " ,.·",
    0.338: ":;\\|",
    0.362: "-f",
    0.392: "()[]t/",
    0.412: "r!²³",
    0.46: '"',
    0.526: "sz",
    0.558: "Lc",
    0.594: "Fkvxy",
    0.616: "PTYaeo",
    0.637: "0123456789$ESbdghnpqu{}",
    0.7: "ABCKRVXZ",
    0.77: "DHNU",
    0.788: "GOQ&",
    0.838: "#+<=>^~w±×÷",
    0.864: "M",
    0.976: "%m",
    1.0: "@W",
}
_BOLD = 1.1  # bold letters against regular ones

_QUOTES = "“”‘’'\""
_CLOSING = "，。、）］｝〉》」』】〕〗％‰℃°"
_NO_START = frozenset(_CLOSING + "；：！？…—～·々 ,.;:!?)]}%/-" + _QUOTES)
_NO_END = frozenset(_CONTINUED + "（［｛〈《「『【〔〖￥＄([{$/" + _QUOTES)
_LAST_ASCII = "~"
_ASCII = frozenset(map(chr, range(33, 127)))
_LETTERS = frozenset(filter(str.isalpha, _ASCII))
# What clings to a Latin word or number that follows; LibreOffice keeps even a full-width comma with it.
_CLINGING = _ASCII | frozenset(_CLOSING + "≥≤≠≈×÷±·①②③④⑤⑥⑦⑧⑨⑩")
_SENTENCE_ENDS = "。！？；"


class Font(NamedTuple):
    """The font of a cell, as far as it matters for sizes."""

    name: str
    size: float  # points
    bold: bool = False


def lines(text: str, width: float, font: Font, digit: float = 7.0) -> int:
    """Lines that `text` takes in a cell of `width` column units (the sum over its columns); 1 for a blank one."""
    room = _room(width, font, digit)
    if len(text) <= _SHORT:
        return _short_lines(text, room, font.bold)
    return (_long_lines if len(text) <= _LONG else _lines)(text, room, font.bold)


def height(text: str, width: float, font: Font, digit: float = 7.0) -> float:
    """Points of row height that `text` needs, in whole pixels; may exceed `MAX_HEIGHT`, see `split`."""
    if len(text) <= _SHORT:
        return _short_height(text, width, font, digit)
    return _height(lines(text, width, font, digit), font.size)


def row_height(texts: Iterable[str], widths: tuple[float, ...], font: Font, digit: float = 7.0) -> float:
    """Points of row height that `texts` need, each in a cell of its width."""
    most, bold = 1, font.bold
    for text, room in zip(texts, _rooms(widths, font, digit), strict=True):
        if len(text) * _WIDEST > room or "\n" in text:
            most = max(most, (_short_lines if len(text) <= _SHORT else _lines)(text, room, bold))
    return _height(most, font.size)


def portions(height: float, size: float) -> tuple[float, ...]:
    """Rows that together are `height` points high, each ending between two lines of a text of that size."""
    pitch = _pitch(size)
    count = math.ceil(height / (MAX_HEIGHT - pitch))
    each = math.ceil((height - _ROW_PADDING) / pitch / count) * pitch
    ends = [0.0, *(math.floor((_ROW_PADDING / 2 + each * number) / 0.75 + 0.5) * 0.75 for number in range(1, count))]
    return tuple(end - begin for begin, end in pairwise([*ends, height]))


def split(text: str, width: float, font: Font, limit: float = MAX_HEIGHT, digit: float = 7.0) -> tuple[str, ...]:
    """Cut a text that needs more than `limit` points into pieces that do not; `join` puts them together again.

    Cuts fall between paragraphs; inside one that is too high by itself, after a sentence, else at the end of a line.
    """
    most = max(1, int((limit - _ROW_PADDING) / _pitch(font.size)))
    if lines(text, width, font, digit) <= most:
        return (text,)
    room = _room(width, font, digit)
    table = _TABLES[font.bold][0]

    def fits(piece: str) -> bool:
        return lines(piece, width, font, digit) <= most

    pieces: list[str] = []
    held: list[str] = []  # paragraphs of the piece being filled
    for paragraph in text.split("\n"):
        rest = paragraph
        mark = ""
        if held and not fits("\n".join((*held, rest))):
            if rest.startswith(_CONTINUED):  # not our mark: say that it continues a blank paragraph
                held.append("")
                mark = _CONTINUED
            pieces.append("\n".join(held))
            held = []
        while not fits(mark + rest):
            starts = _line_starts(rest, _bytes(rest).translate(table), room)
            # A short piece is also measured in another font's widths and may then need a line more.
            whole = min(most, len(starts) - 1)
            cut = _sentence_end(rest, starts[whole // 2], starts[whole])
            while whole > 1 and not fits(mark + rest[:cut]):
                whole -= 1
                cut = _sentence_end(rest, starts[whole // 2], starts[whole])
            if not cut:  # one line, and too high for the limit: nothing is left to cut
                break
            pieces.append(mark + rest[:cut])
            rest = rest[cut:]
            mark = _CONTINUED
        held.append(mark + rest)
    pieces.append("\n".join(held))
    return tuple(pieces)


def join(pieces: Iterable[str]) -> str:
    """The text that `split` cut into `pieces`."""
    text = ""
    for index, piece in enumerate(pieces):
        if index and not piece.startswith(_CONTINUED):
            text += "\n"
        text += piece.removeprefix(_CONTINUED) if index else piece
    return text


def _width_table(least: float, factor: float) -> bytes:
    """Units of every byte of a measured text: in the substitute, but at least `least` em where 宋体 is no narrower."""
    table = [math.ceil(_EM * 0.5 * factor)] * 256
    for width, characters in _WIDTHS.items():
        for character in characters:
            table[ord(character)] = math.ceil(_EM * max(width, least) * factor)
    for _, byte, width in _STAND_INS:
        table[ord(byte)] = math.ceil(_EM * width)
    table[ord("?")] = _EM  # what Latin-1 does not know becomes a question mark
    return bytes(table)


# By bold: the substitute, and the larger of it and 宋体.
_TABLES = tuple((_width_table(0.0, factor), _width_table(0.5, factor)) for factor in (1.0, _BOLD))


@lru_cache(maxsize=128)
def _pitch(size: float) -> float:
    """Points from line to line, in print or on screen, whichever is more."""
    pixels = math.floor(size * 4 / 3 + 0.5)
    on_screen = 0.75 * (math.floor(1.16 * pixels + 0.5) + math.floor(0.288 * pixels + 0.5))
    return max(1.456 * size, on_screen)


@lru_cache(maxsize=1024)
def _room(width: float, font: Font, digit: float) -> int:
    """Units of text that fit on a line."""
    pixels = int((256 * width + 18) / 256 * digit) - _PADDING
    return max(1, int(pixels * 0.75 / font.size * _EM))


@lru_cache(maxsize=64)
def _rooms(widths: tuple[float, ...], font: Font, digit: float) -> tuple[int, ...]:
    return tuple([_room(width, font, digit) for width in widths])


def _lines(text: str, room: int, bold: bool) -> int:
    """Wider letters never make fewer lines: what stays short in the larger widths need not be measured in both."""
    substitute, either = _TABLES[bold]
    paragraphs = [(paragraph, _bytes(paragraph)) for paragraph in text.split("\n")]
    most = 0
    for paragraph, measured in paragraphs:
        most += len(_line_starts(paragraph, measured.translate(either), room))
        if most >= _SPARE_FROM:
            break
    else:
        return most
    count = sum(
        [len(_line_starts(paragraph, measured.translate(substitute), room)) for paragraph, measured in paragraphs]
    )
    return max(count, most) if count < _SPARE_FROM else count


_short_lines = lru_cache(maxsize=2048)(_lines)
_long_lines = lru_cache(maxsize=256)(_lines)


@lru_cache(maxsize=2048)
def _short_height(text: str, width: float, font: Font, digit: float) -> float:
    return _height(_lines(text, _room(width, font, digit), font.bold), font.size)


def _height(lines: int, size: float) -> float:
    return math.ceil((lines * _pitch(size) + _ROW_PADDING) / 0.75) * 0.75


def _line_starts(paragraph: str, widths: bytes, room: int) -> list[int]:
    """Index of the first character of every line of a paragraph; one even for a blank paragraph."""
    starts = [0]
    length = len(paragraph)
    if length * _WIDEST <= room or (length * _EM <= room and sum(widths) <= room):
        return starts
    ends = list(accumulate(widths))
    start = used = 0
    while True:
        first = bisect_right(ends, used + room, start)  # the first character that does not fit any more
        if first >= length:
            return starts
        after = paragraph[first]
        if after == " ":  # blanks hang over the edge
            while first < length and paragraph[first] == " ":
                first += 1
            if first >= length:
                return starts
            after = paragraph[first]
        if first == start:  # not even one character fits
            start += 1
        elif after > _LAST_ASCII and after not in _NO_START and paragraph[first - 1] not in _NO_END:
            start = first  # the usual case, between two 汉字
        else:
            start = _break_before(paragraph, start, first)
        starts.append(start)
        used = ends[start - 1]


def _bytes(paragraph: str) -> bytes:
    """One byte per character, for the width tables."""
    for mark, byte, _ in _STAND_INS:
        if mark in paragraph:
            paragraph = paragraph.replace(mark, byte)
    return paragraph.encode("latin-1", "replace")


def _break_before(paragraph: str, start: int, first: int) -> int:
    """The last place up to `first` where a line that begins at `start` may end; `first` itself when there is none."""
    place = first
    while place > start:
        before, after = paragraph[place - 1], paragraph[place]
        if (
            after not in _NO_START
            and before not in _NO_END
            and (after not in _ASCII or before not in _CLINGING or (before == "-" and after in _LETTERS))
        ):
            return place
        place -= 1
    return first


def _sentence_end(paragraph: str, earliest: int, latest: int) -> int:
    """Where to cut between two places: after the last end of a sentence, else at the latter."""
    cut = max(paragraph.rfind(mark, earliest, latest) for mark in _SENTENCE_ENDS) + 1
    while earliest < cut < latest and paragraph[cut] in _NO_START:  # the closing quotation mark belongs to it
        cut += 1
    return cut if cut > earliest else latest
