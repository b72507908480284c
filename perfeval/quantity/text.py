"""Folding what was typed into one spelling: digit width, dashes, quotes and blanks carry no meaning.

Folding maps letter to letter, so positions stay those of the cell; only `compact` takes blanks out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from functools import cache

from perfeval.patterns import lazy_pattern

__all__ = ["GAP", "compact", "fold", "leading_words", "mark_gaps", "without_blanks"]

GAP = "\x00"  # a blank inside a number: 「10 20」 is not 1020

_BLANKS = (
    *range(0x21),
    0x7F,
    0x85,
    0xA0,
    *range(0x2000, 0x2010),  # typographic blanks, zero-width joiners, direction marks
    *range(0x2028, 0x2030),
    *range(0x205F, 0x2070),
    0xAD,
    0x3000,
    0xFEFF,
)
_SPELLINGS = {
    "≥": "≧⩾≽",
    "≤": "≦⩽≼",
    ">": "﹥》〉",
    "<": "﹤《〈",
    "=": "═﹦",
    "%": "﹪",
    "-": "−‐‑﹣",
    "—": "–―─━ー",
    "~": "～〜∼",
    "/": "∕⁄╱",
    "·": "•・∙⋅‧･",
    ":": "∶︰",
    "(": "【﹙",
    ")": "】﹚",
    '"': "“”„‟‘’‚'「」『』〝〞",
    "。": "｡",
    "¥": "￥",
    "〇": "○",
    "万": "萬",
    "亿": "億",
    "两": "兩",
}


# Text pasted from PDF files carries radicals and compatibility forms that only look like the letters meant.
_LOOKALIKES = (range(0x2E80, 0x2FD6), range(0xF900, 0xFB00))
_TABLE = {
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(_BLANKS, " "),
    **{ord(other): kept for kept, others in _SPELLINGS.items() for other in others},
    ord("'"): '"',
}
_SPELLED = {chr(code): kept for code, kept in _TABLE.items() if chr(code) != kept}
_CHAINED = frozenset(_SPELLED).intersection(_SPELLED.values())  # what stands for another sign, and has one itself
_ALONE = frozenset(_SPELLED) - _CHAINED
_SIGNS = re.escape("".join(sorted(sign for sign in _SPELLED if not "\uff01" <= sign <= "\uff5e")))
_RANGES = "".join(f"{chr(codes.start)}-{chr(codes.stop - 1)}" for codes in _LOOKALIKES)
_FOLDED = lazy_pattern(f"[{_SIGNS}{_RANGES}\uff01-\uff5e]")
_INSIDE_NUMBER = lazy_pattern(r"(?<=[0-9]) +(?=[.,]? *[0-9])|(?<=[0-9][.,]) +(?=[0-9])")


def fold(text: str) -> str:
    """`text` with one spelling for each sign, every kind of blank as a space; same length."""
    found = set(_FOLDED.findall(text))  # few letters of a text have another spelling; str.translate looks all up
    if not found <= _ALONE:
        return text.translate(_whole_table())
    for sign in found:
        text = text.replace(sign, _SPELLED[sign])
    return text


@cache
def _whole_table() -> dict[int, str]:
    """Every letter that is folded, code → what it is folded to."""
    forms = ((code, unicodedata.normalize("NFKC", chr(code))) for codes in _LOOKALIKES for code in codes)
    return {**{code: plain for code, plain in forms if len(plain) == 1}, **_TABLE}


def mark_gaps(folded: str) -> str:
    """Folded text with GAP for the first blank of each run inside a number; same length."""
    return _INSIDE_NUMBER.sub(lambda run: GAP + run.group()[1:], folded) if " " in folded else folded


def compact(text: str) -> str:
    """`text` folded and without blanks; a blank inside a number becomes GAP."""
    folded = fold(text)
    if " " in folded:
        folded = folded.strip()
        if " " in folded:
            folded = mark_gaps(folded).replace(" ", "")
    return folded


def without_blanks(text: str, ignored: str = "") -> str:
    """`text` in the letters of NFKC, without blanks and the `ignored` signs: words as they are compared."""
    words = "".join(unicodedata.normalize("NFKC", text).split())
    if ignored and not words.isalnum():
        for sign in ignored:
            words = words.replace(sign, "")
    return words


def leading_words(text: str, words: Container[str], longest: int) -> list[str]:
    """The words `text` starts with, at each place the longest of at most `longest` letters.

    As a regular expression such a list of words costs more to compile than an ordinary file to read.
    """
    found: list[str] = []
    place = 0
    while True:
        for end in range(place + longest, place, -1):
            if (word := text[place:end]) in words:
                found.append(word)
                place += len(word)
                break
        else:
            return found
