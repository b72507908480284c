"""Number formats: what of a cell's stored number a person sees as percent, date or unit.

Only what changes the meaning is applied: percent, dates, and fixed words around the number (0"家"). All digits that
are stored are shown, because a form is scored by what was measured and not by how wide the column is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from perfeval.numbers import decimal_text, from_float
from perfeval.patterns import lazy_pattern
from perfeval.workbook.guard import parse_xml

__all__ = ["GENERAL", "NumberFormat", "builtin_format", "cell_formats", "date_text", "number_format", "shown_number"]


class NumberFormat(NamedTuple):
    """What a format code does to a number, as far as the meaning goes."""

    kind: str = ""  # "" plain, "%" percent, "d" date, "t" time of day
    prefix: str = ""  # fixed words before the number
    suffix: str = ""  # fixed words behind it: 家, 万元


GENERAL = NumberFormat()
_PERCENT = NumberFormat("%")
_DATE = NumberFormat("d")
_TIME = NumberFormat("t")

# Formats a file names by number only: ISO 29500-1 §18.8.30, with the Chinese ones (27–36, 50–58).
_BUILTIN: Mapping[int, NumberFormat] = (
    dict.fromkeys((9, 10), _PERCENT)
    | dict.fromkeys((*range(14, 18), 22, *range(27, 32), 36, *range(50, 55), 57, 58), _DATE)
    | dict.fromkeys((*range(18, 22), *range(32, 36), *range(45, 48), 55, 56), _TIME)
)

# One piece of a format code: quoted words, an escaped or skipped character, a bracket, or a character.
_PIECE = lazy_pattern(
    r'"([^"]*)"?|[\\!](.)|_.|\*.|\[([^\]]*)\]|(General|G/通用格式|[eE][+-]|AM/PM|A/P|上午/下午|.)', re.S | re.I
)
_DIGITS = lazy_pattern(r"[0#?][0#?,]*(?:\.[0#?]*)?|\.[0#?]+")
_ELAPSED = lazy_pattern(r"h+|m+|s+", re.I)


def builtin_format(number: int) -> NumberFormat:
    """The format of a number that the file does not define."""
    return _BUILTIN.get(number, GENERAL)


@lru_cache(maxsize=4096)
def number_format(code: str) -> NumberFormat:
    """The meaning of a format code such as `0.0%`, `yyyy"年"m"月"d"日"` or `0.00"万元"`."""
    # The first section is for positive numbers, the others repeat it for negative ones, zero and text.
    code = code[:255]
    words = ["", ""]  # before and after the digits
    digits = kinds = ""
    broken = False  # digits interrupted by words, fractions, scaling: shown as a plain number
    for piece in _PIECE.finditer(code):
        quoted, escaped, bracket, plain = piece.groups()
        word = quoted if quoted is not None else escaped
        if word is not None:
            words[bool(digits)] += word
        elif bracket is not None:
            if _ELAPSED.fullmatch(bracket):
                kinds += "t"
            elif bracket.startswith("$"):
                words[bool(digits)] += bracket[1:].partition("-")[0]
        elif plain is None:
            continue
        elif plain == ";":
            break
        elif len(plain) > 1:
            lower = plain.lower()
            broken = broken or lower[0] == "e"
            kinds += "t" if lower in ("am/pm", "a/p", "上午/下午") else ""
            digits += "0" if lower in ("general", "g/通用格式") else ""
        elif plain in "0#?.,":
            broken = broken or bool(words[1]) or "%" in kinds
            digits += plain
        elif plain == "%":
            kinds += "%"
        elif plain in "yYdDeEbBaAgG":
            kinds += "d"
        elif plain in "mM":  # a month, or minutes where hours or seconds stand beside it
            kinds += "m"
        elif plain in "hHsS":
            kinds += "t"
        elif plain in "/@":
            broken = True
        else:
            words[bool(digits)] += plain
    return _meaning(kinds, digits, words, broken)


def _meaning(kinds: str, digits: str, words: list[str], broken: bool) -> NumberFormat:
    if "d" in kinds:
        return _DATE
    if "t" in kinds:
        return _TIME
    if "m" in kinds:
        return _DATE
    kind = "%" if "%" in kinds else ""
    if broken or not _DIGITS.fullmatch(digits) or digits.endswith(","):
        return NumberFormat(kind)
    return NumberFormat(kind, words[0].strip(), words[1].strip())


@lru_cache(maxsize=64)
def cell_formats(styles: bytes, part: str = "styles.xml") -> tuple[NumberFormat, ...]:
    """The format of every cell style of a styles part; a batch shares few different ones."""
    root = parse_xml(styles, part)
    namespace = root.tag[: root.tag.rfind("}") + 1]
    own: dict[str, NumberFormat] = {
        entry.get("numFmtId", ""): number_format(entry.get("formatCode", ""))
        for entry in root.iterfind(f"{namespace}numFmts/{namespace}numFmt")
    }
    return tuple(_by_id(own, xf.get("numFmtId", "0")) for xf in root.iterfind(f"{namespace}cellXfs/{namespace}xf"))


def _by_id(own: Mapping[str, NumberFormat], number: str) -> NumberFormat:
    known = own.get(number)
    if known is None:
        known = builtin_format(int(number)) if number.isascii() and number.isdigit() and len(number) < 6 else GENERAL
    return known


def shown_number(value: float, style: NumberFormat, date1904: bool) -> tuple[str, Decimal | None]:
    """Text and numeric content of a number cell; a date has no number."""
    if style.kind in ("d", "t"):
        text = date_text(value, time_only=style.kind == "t", date1904=date1904)
        if text is not None:
            return text, None
    number = from_float(value)
    if style.kind == "%":
        return f"{style.prefix}{decimal_text(number * 100)}%{style.suffix}", number
    if style.prefix or style.suffix:
        return f"{style.prefix}{decimal_text(number)}{style.suffix}", number
    return decimal_text(number), number


_EPOCH_1900, _EPOCH_1904 = dt.date(1899, 12, 30), dt.date(1904, 1, 1)
_DAY = 86_400  # seconds


def date_text(serial: float, *, time_only: bool = False, date1904: bool = False) -> str | None:
    """A date serial as `2024-12-31`, with `08:30` behind it when it holds a time; None when it is no date."""
    if not 0 <= serial < 3_000_000:
        return None
    days, seconds = divmod(round(serial * _DAY), _DAY)
    if time_only and not days:
        return _clock(seconds)
    if not date1904 and days < 60:
        days += 1  # the 1900 system counts a 29 February 1900 that never was
    try:
        day = ((_EPOCH_1904 if date1904 else _EPOCH_1900) + dt.timedelta(days)).isoformat()
    except OverflowError:  # behind 9999-12-31
        return None
    return f"{day} {_clock(seconds)}" if seconds else day


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{rest:02d}" if rest else text
