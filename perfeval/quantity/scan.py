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
from perfeval.quantity.measure import LIMITS, bound_end
from perfeval.quantity.numerals import ARABIC, HAN, HAN_LETTERS, MIXED
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


def _by_letter() -> dict[str, list[str]]:
    """Letter → the units that begin with it, the longest first."""
    units: dict[str, list[str]] = {}
    for unit in KNOWN:
        if unit not in _NOT_IN_TEXT:
            units.setdefault(unit[0], []).append(unit)
    return units


_UNITS = _by_letter()
# Nearly every number; where one of these follows, _NUMBER, which is dear to compile, may end elsewhere.
_PLAIN_NUMBER = lazy_pattern(r"[0-9]+(?:\.[0-9]+)?[万亿]?")
_MORE_OF_A_NUMBER = frozenset(digits + ",余多十百千万亿")
_NUMBER = lazy_pattern(rf"{ARABIC}[余多]?(?:[十百千]?[万亿]亿?)?[余多]?(?![0-9十百千万亿])|{MIXED}")
_TO = lazy_pattern(rf"(?:~|—+|-|至|到)(?:{ARABIC}(?:[十百千]?[万亿]亿?)?)")
_TO_SIGNS = frozenset("~—-至到")
_SHARE = lazy_pattern(rf"[百千]分之(?:{ARABIC}|{HAN}+)")
# A Chinese numeral begins many words (一级, 进一步): only what a unit or 至 may follow is looked at.
_FOLLOWING = frozenset("个~—-至到").union(_UNITS)
_START = lazy_pattern(  # one set of letters at its head, which makes the search four times as fast
    rf"[0-9百千一二两三四五六七八九十半](?:(?<=[0-9])|(?<=[百千])分之|(?<![百千])([0-9.{HAN_LETTERS}]*+))"
)
_LIMITS = frozenset(word for words in LIMITS.values() for word in words.split())
_LIMIT_ENDS = frozenset(word[-1] for word in _LIMITS)
_LONGEST_LIMIT = max(map(len, _LIMITS))
# 节约, 最近, 赶超: the last letter of these is no limit.
_NO_LIMIT_AFTER = {"约": "节预签履违合邀契", "近": "最附邻", "超": "赶反高"}
_NUMERALS = frozenset(digits)
_NOT_BEFORE = frozenset(ascii_letters + digits + "第〔[零一二两三四五六七八九十百千万亿")
_NUMBER_TAIL = lazy_pattern(r"[0-9.,\x00-]*")
_MULTIPLIERS = frozenset("千百十万亿")


def numbers_in(text: str, *, year: int | None = None) -> tuple[Mention, ...]:
    """Every quantity with a unit, percentage, year and date in a text, in the order of reading."""
    plain, places = _without_blanks(text)
    found: list[Mention] = []
    position = 0
    while (start := _START.search(plain, position)) is not None:
        begin = start.start()
        if start[1] is not None and plain[start.end() : start.end() + 1] not in _FOLLOWING:
            position = begin + 1
            continue
        end = _end(plain, start) if _may_start(plain, begin) else None
        if end is None or (plain[begin] in "一半" and plain[begin + 1 : begin + 2] not in _MULTIPLIERS):
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


def _end(plain: str, start: re.Match[str]) -> int | None:
    """Where the quantity that `start` begins ends, its unit and bound included; None when there is none."""
    begin = start.start()
    first = plain[begin]
    end = dates.end_in_text(plain, begin) if first in _NUMERALS else None
    if end is not None:
        return end
    whole = _SHARE.match(plain, begin) if first in "百千" else None
    end = whole.end() if whole is not None else None
    number_end = _number_end(plain, start) if whole is None else None
    if number_end is not None:
        end = _unit_end(plain, number_end)
        after = number_end if end is None else end
        other = _TO.match(plain, after) if plain[after : after + 1] in _TO_SIGNS else None
        if other is not None:
            end = _unit_end(plain, other.end()) or end
    return None if end is None else bound_end(plain, end)


def _number_end(plain: str, start: re.Match[str]) -> int | None:
    if start[1] is not None:
        return start.end()
    match = _PLAIN_NUMBER.match(plain, start.start())
    if match is None or plain[match.end() : match.end() + 1] in _MORE_OF_A_NUMBER:
        match = _NUMBER.match(plain, start.start())
    return None if match is None else match.end()


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
    for unit in _UNITS.get(plain[start : start + 1], ()):
        if plain.startswith(unit, start):
            return start + len(unit)
    return None


def _skipped(plain: str, begin: int) -> int:
    tail = _NUMBER_TAIL.match(plain, begin)
    return tail.end() if tail is not None else begin


def _limit_before(plain: str, begin: int) -> int:
    """Where the words that limit the number at `begin` start; `begin` when there are none."""
    if plain[begin - 1 : begin] not in _LIMIT_ENDS:
        return begin
    for start in range(max(0, begin - _LONGEST_LIMIT), begin):
        if (limit := plain[start:begin]) in _LIMITS:
            return begin if start and plain[start - 1] in _NO_LIMIT_AFTER.get(limit, "") else start
    return begin


def _without_blanks(text: str) -> tuple[str, Callable[[int], int]]:
    """The folded text without blanks, and where each of its letters stood in `text`."""
    folded = mark_gaps(fold(text))
    if " " not in folded:
        return folded, int
    kept = [place for place, letter in enumerate(folded) if letter != " "]
    return folded.replace(" ", ""), kept.__getitem__
