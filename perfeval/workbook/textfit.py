"""How many lines a wrapped text takes in a cell and how high its row must be, without any font file.

A cell that spans several columns never grows by itself, neither in Excel nor in WPS, and a row that is too low
cuts the text off in print. So the height is computed from widths: a 汉字 or full-width mark is one em; an ASCII
character gets the larger of half an em (宋体, 仿宋, 黑体, 楷体) and its width in DejaVu Sans, which LibreOffice on
Linux shows in their place. Lines are broken as the office programs do: not before a closing mark nor after an
opening one (禁则), not inside a word or number unless it is longer than a line.

Model of a column: width w (file units) is trunc((256 w + 18) / 256 * d) pixels of 3/4 pt, d being the width of a
digit of the workbook's Normal font (7 pixels: Calibri 11, the smallest in common use), less 5 pixels of padding.
Where fonts are substituted LibreOffice takes d wider than Excel does; then its cells have room to spare.

Model of a line: 1.456 em, the line of Noto CJK in LibreOffice's print; 宋体 in Excel needs about 1.2.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

__all__ = ["MAX_HEIGHT", "Font", "height", "join", "lines", "split"]

MAX_HEIGHT = 409.0  # points; Excel's limit for one row

_EM = 128  # units in one em
_WIDEST = 191  # units of the widest character, bold
_PADDING = 5  # pixels left and right of the text together, the grid line included
_ROW_PADDING = 2.0  # points above and below the text together
_SHORT = 64  # texts up to this length are worth remembering: labels, names, units
_CONTINUED = "\u200b"  # first character of a piece that continues the paragraph of the piece before it

# Characters of more than half an em, in em. Not listed: ASCII and Latin-1 half an em, all others one.
_WIDTHS = {
    0.0: "\x81",  # stands in for the mark of a continued paragraph
    0.54: "sz",
    0.56: "Lc",
    0.6: "Fkvxy",
    0.62: "PTYaeo",
    0.64: "0123456789$ESbdghnpqu{}",
    0.7: "ABCKRVXZ",
    0.77: "DHNU",
    0.79: "GOQ&",
    0.84: "#+<=>^~w±×÷",
    0.87: "M",
    0.98: "%m",
    1.0: "@W?",  # the question mark stands in for everything that Latin-1 does not know
    1.35: "\x80",  # stands in for ‰ and ℃, the only common marks beyond one em
}
_BOLD = 1.1  # bold ASCII against regular
_STAND_INS = str.maketrans({"‰": "\x80", "℃": "\x80", _CONTINUED: "\x81"})

_NO_START = frozenset("，。、；：！？）］｝〉》」』】〕〗’”…—～·‰％℃°々,.;:!?)]}%'\"")
_NO_END = frozenset("（［｛〈《「『【〔〖‘“￥＄([{$")
_WORD = frozenset(chr(code) for code in range(33, 127))
_SENTENCE_ENDS = "。！？；"


@dataclass(frozen=True, slots=True)
class Font:
    """The font of a cell, as far as it matters for sizes."""

    name: str
    size: float  # points
    bold: bool = False


def lines(text: str, width: float, font: Font, digit: float = 7.0) -> int:
    """Lines that `text` takes in a cell of `width` column units (the sum over its columns); 1 for a blank one."""
    if len(text) <= _SHORT:
        return _short_lines(text, width, font, digit)
    return _lines(text, width, font, digit)


def height(text: str, width: float, font: Font, digit: float = 7.0) -> float:
    """Points of row height that `text` needs, in whole pixels; may exceed `MAX_HEIGHT`, see `split`."""
    needed = lines(text, width, font, digit) * _pitch(font.size) + _ROW_PADDING
    return math.ceil(needed / 0.75) * 0.75


def split(text: str, width: float, font: Font, limit: float = MAX_HEIGHT, digit: float = 7.0) -> tuple[str, ...]:
    """Cut a text that needs more than `limit` points into pieces that do not; `join` puts them together again.

    Cuts fall between paragraphs; inside one that is too high by itself, after a sentence, else at the end of a line.
    """
    most = max(1, int((limit - _ROW_PADDING) / _pitch(font.size)))
    if lines(text, width, font, digit) <= most:
        return (text,)
    room = _room(width, font, digit)
    pieces: list[str] = []
    held: list[str] = []  # paragraphs of the piece being filled
    held_lines = 0
    for paragraph in text.split("\n"):
        rest = paragraph
        mark = ""
        starts = _line_starts(rest, room, font.bold)
        if held and held_lines + len(starts) > most:
            if rest.startswith(_CONTINUED):  # not our mark: say that it continues a blank paragraph
                held.append("")
                mark = _CONTINUED
            pieces.append("\n".join(held))
            held, held_lines = [], 0
        while len(starts) > most:
            cut = _sentence_end(rest, starts[most // 2], starts[most])
            pieces.append(mark + rest[:cut])
            rest = rest[cut:]
            mark = _CONTINUED
            starts = _line_starts(rest, room, font.bold)
        held.append(mark + rest)
        held_lines += len(starts)
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


def _width_table(factor: float) -> bytes:
    table = [math.ceil(_EM / 2 * factor)] * 256
    for width, characters in _WIDTHS.items():
        for character in characters:
            table[ord(character)] = math.ceil(_EM * width * factor)
    return bytes(table)


_REGULAR = _width_table(1.0)
_HEAVY = _width_table(_BOLD)


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


def _lines(text: str, width: float, font: Font, digit: float) -> int:
    room = _room(width, font, digit)
    bold = font.bold
    if "\n" not in text:
        return len(_line_starts(text, room, bold))
    return sum(len(_line_starts(paragraph, room, bold)) for paragraph in text.split("\n"))


_short_lines = lru_cache(maxsize=8192)(_lines)


def _line_starts(paragraph: str, room: int, bold: bool) -> list[int]:
    """Index of the first character of every line of a paragraph; one even for a blank paragraph."""
    starts = [0]
    if len(paragraph) * _WIDEST <= room:
        return starts
    ends = list(accumulate(_character_widths(paragraph, bold)))
    length = len(paragraph)
    start = used = 0
    while True:
        first = bisect_right(ends, used + room, start)  # the first character that does not fit any more
        while first < length and paragraph[first] == " ":  # blanks hang over the edge
            first += 1
        if first >= length:
            return starts
        start = _break_before(paragraph, start, max(first, start + 1))
        starts.append(start)
        used = ends[start - 1]


def _character_widths(paragraph: str, bold: bool) -> bytes:
    """One byte per character."""
    if "‰" in paragraph or "℃" in paragraph or _CONTINUED in paragraph:
        paragraph = paragraph.translate(_STAND_INS)
    return paragraph.encode("latin-1", "replace").translate(_HEAVY if bold else _REGULAR)


def _break_before(paragraph: str, start: int, first: int) -> int:
    """The last place up to `first` where a line that begins at `start` may end; `first` itself when there is none."""
    place = first
    while place > start:
        before, after = paragraph[place - 1], paragraph[place]
        if after not in _NO_START and before not in _NO_END and not (before in _WORD and after in _WORD):
            return place
        place -= 1
    return first


def _sentence_end(paragraph: str, earliest: int, latest: int) -> int:
    """Where to cut between two places: after the last end of a sentence, else at the latter."""
    cut = max(paragraph.rfind(mark, earliest, latest) for mark in _SENTENCE_ENDS) + 1
    while earliest < cut < latest and paragraph[cut] in _NO_START:  # the closing quotation mark belongs to it
        cut += 1
    return cut if cut > earliest else latest
