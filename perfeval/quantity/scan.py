"""Finding the quantities inside running text: amounts, percentages, counts with a unit, years and dates.

Only what carries its own unit is reported: a bare number, 「一级项目」, 「第3次」, a document number or a telephone
number is no statement that could be held against the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from string import ascii_letters, digits

from perfeval.model import Kind, Quantity
from perfeval.patterns import lazy_pattern
from perfeval.quantity import dates, grammar
from perfeval.quantity.measure import BOUND, LIMITS
from perfeval.quantity.numerals import ARABIC, HAN, MIXED
from perfeval.quantity.text import fold, mark_gaps
from perfeval.quantity.units import KNOWN
from perfeval.record import record

__all__ = ["Mention", "numbers_in"]


@record(frozen=True, slots=True)
class Mention:
    """One quantity in a text: `text[start:end]` is what was written there."""

    start: int
    end: int
    quantity: Quantity


# Letters that make another word of the unit before them: 3年级, 5日常, 2项目标 is two 项 of 目标.
_OTHER_WORD: Mapping[str, str] = {
    "年": "级限检报鉴轻代",
    "日": "常均报",
    "月": "均报季",
    "天": "然津",
    "人": "民均口大",
    "家": "庭长具电",
    "分": "之析别布为类局",
    "期": "限间末初待",
    "位": "于置",
    "名": "称单录",
    "场": "地所馆景",
    "份": "额",
    "部": "分位",
    "处": "理置于罚",
    "所": "有属以需",
    "单": "独",
    "组": "织",
    "班": "子",
    "台": "账州湾阶",
    "条": "件例",
    "个": "性体",
    "次": "年日月",
    "元": "旦素月",
}
_NOT_IN_TEXT = frozenset(["度", "方", "口", "字", "g", "m", "t", "T", "L", "h", "M2", "M3"])


def _by_letter() -> dict[str, re.Pattern[str]]:
    """Letter → a pattern of the units that begin with it, the longest first."""
    units: dict[str, list[str]] = {}
    for unit in KNOWN:
        if unit not in _NOT_IN_TEXT:
            units.setdefault(unit[0], []).append(re.escape(unit))
    return {letter: lazy_pattern("|".join(names)) for letter, names in units.items()}


_UNITS = _by_letter()
_DATE = lazy_pattern(dates.SCAN)
_NUMBER = lazy_pattern(rf"{ARABIC}[余多]?(?:[十百千]?[万亿]亿?)?[余多]?(?![0-9十百千万亿])|{MIXED}")
_TO = lazy_pattern(rf"(?:~|—+|-|至|到)(?:{ARABIC}(?:[十百千]?[万亿]亿?)?)")
_TO_SIGNS = frozenset("~—-至到")
_SHARE = lazy_pattern(rf"[百千]分之(?:{ARABIC}|{HAN}+)")
_BOUND = lazy_pattern(BOUND)
# A Chinese numeral begins many words (一级, 进一步): only what a unit or 至 may follow is looked at.
_FOLLOWING = "".join(re.escape(letter) for letter in sorted({*_UNITS, *"个~—-至到"}))
_START = lazy_pattern(  # one set of letters at its head, which makes the search four times as fast
    r"[0-9百千一二两三四五六七八九十半](?:(?<=[0-9])|(?<=[百千])分之"
    rf"|(?<=[一二两三四五六七八九十半])(?:[0-9.]|{HAN})*+(?=[{_FOLLOWING}]))"
)
_LIMIT = lazy_pattern(rf"(?:{'|'.join(re.escape(word) for words in LIMITS.values() for word in words.split())})$")
_LIMIT_ENDS = frozenset(word[-1] for words in LIMITS.values() for word in words.split())
_LONGEST_LIMIT = 5
# 节约, 最近, 赶超: the last letter of these is no limit.
_NO_LIMIT_AFTER = {"约": "节预签履违合邀契", "近": "最附邻", "超": "赶反高"}
_NUMERALS = frozenset(digits)
_NOT_BEFORE = frozenset(ascii_letters + digits + "第〔[零一二两三四五六七八九十百千万亿")
_NUMBER_TAIL = lazy_pattern(r"[0-9.,\x00-]*")
_ONE_OF = lazy_pattern(r"[一半](?![千百十万亿])")


def numbers_in(text: str, *, year: int | None = None) -> tuple[Mention, ...]:
    """Every quantity with a unit, percentage, year and date in a text, in the order of reading."""
    plain, places = _without_blanks(text)
    found: list[Mention] = []
    position = 0
    while (start := _START.search(plain, position)) is not None:
        begin = start.start()
        end = _end(plain, begin) if _may_start(plain, begin) else None
        if end is None or (plain[begin] in "一半" and _ONE_OF.match(plain, begin) is not None):
            position = max(_skipped(plain, begin), begin + 1)
            continue
        position = end
        limit = _limit_before(plain, begin)
        if position - limit > grammar.LONGEST:
            continue
        quantity = grammar.read(plain[limit:position], year)
        if quantity.kind in (Kind.NUMBER, Kind.PERCENT, Kind.DATE):
            first, last = places(limit), places(position - 1) + 1
            written = text[first:last]
            found.append(
                Mention(first, last, quantity if quantity.text == written else replace(quantity, text=written))
            )
    return tuple(found)


def _may_start(plain: str, begin: int) -> bool:
    """Whether a number at `begin` is no part of another one, of a word (A4) or an ordinal."""
    before = plain[begin - 1 : begin]
    return before not in _NOT_BEFORE and not (before and before in ".,:-" and plain[begin - 2 : begin - 1] in _NUMERALS)


def _end(plain: str, begin: int) -> int | None:
    """Where the quantity that starts at `begin` ends, its unit and bound included; None when there is none."""
    first = plain[begin]
    whole = _DATE.match(plain, begin) if first.isdigit() else None
    if whole is not None:
        return whole.end()
    whole = _SHARE.match(plain, begin) if first in "百千" else None
    end = whole.end() if whole is not None else None
    number = _NUMBER.match(plain, begin) if whole is None else None
    if number is not None:
        end = _unit_end(plain, number.end())
        after = number.end() if end is None else end
        other = _TO.match(plain, after) if plain[after : after + 1] in _TO_SIGNS else None
        if other is not None:
            end = _unit_end(plain, other.end()) or end
    if end is None:
        return None
    bound = _BOUND.match(plain, end)
    return end if bound is None else bound.end()


def _unit_end(plain: str, start: int) -> int | None:
    end = _unit(plain, start)
    if end is None or (end < len(plain) and plain[end] in _OTHER_WORD.get(plain[start:end], ())):
        return None
    share = _unit(plain, end + 1) if plain[end : end + 1] == "/" else None
    while share is not None:
        end = share
        share = _unit(plain, end + 1) if plain[end : end + 1] in ("·", "、", "/") else None
    return end


def _unit(plain: str, start: int) -> int | None:
    """Where the unit at `start` ends, a 个 before it included; None when there is none."""
    if plain[start : start + 1] == "个" and (end := _unit(plain, start + 1)) is not None:
        return end
    units = _UNITS.get(plain[start : start + 1])
    match = units.match(plain, start) if units is not None else None
    return None if match is None else match.end()


def _skipped(plain: str, begin: int) -> int:
    tail = _NUMBER_TAIL.match(plain, begin)
    return tail.end() if tail is not None else begin


def _limit_before(plain: str, begin: int) -> int:
    """Where the words that limit the number at `begin` start; `begin` when there are none."""
    if plain[begin - 1 : begin] not in _LIMIT_ENDS:
        return begin
    match = _LIMIT.search(plain, max(0, begin - _LONGEST_LIMIT), begin)
    if match is None or (match.start() and plain[match.start() - 1] in _NO_LIMIT_AFTER.get(match.group(), "")):
        return begin
    return match.start()


def _without_blanks(text: str) -> tuple[str, Callable[[int], int]]:
    """The folded text without blanks, and where each of its letters stood in `text`."""
    folded = mark_gaps(fold(text))
    if " " not in folded:
        return folded, int
    kept = [place for place, letter in enumerate(folded) if letter != " "]
    return folded.replace(" ", ""), kept.__getitem__
