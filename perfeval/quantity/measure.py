"""One number with its words: operator, digits, multiplier, unit, bound, remark (「不少于1.2万亩」「105家(含线上)」)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from perfeval.model import Kind, Quantity
from perfeval.patterns import lazy_pattern
from perfeval.quantity.numerals import ARABIC, HAN, HAN_LETTERS, MIXED, arabic, numeral
from perfeval.quantity.text import leading_words
from perfeval.quantity.units import canonical, is_known

__all__ = ["LIMITS", "bound_end", "read_number"]

# Words before a number, and after it. 以上, 以下 and 以内 include the number itself, as in law.
LIMITS: Mapping[str, str] = {
    ">=": """≥ >= => ≥= 不少于 不低于 不小于 不得少于 不得低于 不短于 未低于 未少于 至少 最少
        大于等于 大于或等于 大于、等于 高于或等于""",
    "<=": """≤ <= =< ≤= 不超过 不高于 不大于 不多于 不超出 不超 不得超过 不得高于 不得多于 未超过 没有超过 未高于
        至多 最多 小于等于 小于或等于 小于、等于 低于或等于""",
    ">": "> 大于 高于 多于 超过 超出 超 突破 逾",
    "<": "< 小于 低于 少于 不足 不到 不满 未满 未达到 未达",
    "=": "= == 等于",
    "~": "约 大约 大概 约为 大致 近 接近 将近 ≈",
}
# Words that say no more than "this is the number".
_EMPTY = """
达到 达 实现 完成 实际完成 已 已经 共 共计 总计 合计 累计 总共 实际 全年 全年度 本年 本年度 年度 为 是 了 应 须
需 均 人民币 ¥ 定量 举办 开展 组织 召开 培训 走访 建成 接待 发放 采购 购置 印发 补助 补贴 控制在 保持在 提高到
提高至 提升到 提升至 增长到 增长至 增加到 增加至 上升到 上升至 降到 降至 降低到 降低至 下降到 下降至 减少到
减少至
"""
_BEFORE = {word: relation for relation, words in LIMITS.items() for word in words.split()}
_BEFORE.update(dict.fromkeys(_EMPTY.split(), ""))
_LIMITS_AFTER = {">=": "以上 之上", "<=": "以下 之下 以内 之内 内", "~": "左右 上下"}
_AFTER = {word: relation for relation, words in _LIMITS_AFTER.items() for word in words.split()}
_LONGEST_BEFORE = max(map(len, _BEFORE))


def _any(words: Mapping[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_ITSELF = rf"(?:本数|本级|{ARABIC}[^0-9()]{{0,4}})?"
_INCLUDED = rf"\(含{_ITSELF}\)"
_EXCLUDED = rf"\(不含{_ITSELF}\)"
_BOUND = rf"(?:(?:{_INCLUDED})?(?:及其?|或|和)?(?:{_any(_AFTER)})(?:{_INCLUDED}|{_EXCLUDED})?)"
_REMARK = r"(?:含|包含|包括|均|已完成|全部|完成|达标|详见|见|佐证)[^()0-9]*|优秀?|良好?|合格"
_AFTER_WORD = lazy_pattern(_any(_AFTER))
_LONGEST_UNIT = 16
_TRAILING = lazy_pattern(rf"{_BOUND}+$")
_ONE_BOUND = lazy_pattern(_BOUND)
_BOUND_STARTS = frozenset("及或和").union(word[0] for word in _AFTER)
_BOUND_ENDS = frozenset(")").union(word[-1] for word in _AFTER)

# Every group is checked afterwards: what the pattern lets through may still be refused.
_MEASURE = lazy_pattern(
    rf"(-)?(?:({ARABIC})([余多])?(万亿|[万亿])?(?![0-9十万亿]|百(?!分)|千(?![米克瓦伏]))|({MIXED}))([余多])?"
    rf"([^0-9,;。:\"\x00+=<>≥≤~—-]{{0,{_LONGEST_UNIT}}}?)([余多])?"
    rf"({_BOUND}*)({_INCLUDED})?"
    rf"(?:[,、;]?((?:已|均已|已经|全部|均)?(?:完成|达标|达成|达到))|\(({_REMARK})\))?"
)
_ONLY_IN_BRACKETS = frozenset(':。"\x00+=<>≥≤~—-')  # outside of them _MEASURE has none of these, but the sign in front
_NUMERAL_LETTERS = ".0123456789" + HAN_LETTERS
_NUMBER_STARTS = frozenset("-" + _NUMERAL_LETTERS)
# A "unit" that begins or ends with one of these letters may hold more than a unit: 「多家」, 「家及」, 「家已完成」.
_NO_PLAIN_START = frozenset("余多十百千万亿")
_UNIT_STARTS = ("百分", "千米", "千克", "千瓦", "千伏")  # no numeral: as in _MEASURE
_NO_PLAIN_END = _BOUND_ENDS.union("余多成标到及其或和")
_DAY_IN_DIGITS = lazy_pattern(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])")  # 20241231
_HUNDREDTHS = lazy_pattern(rf"(百|千|万)分之({ARABIC}|{HAN}+)")
_TENTHS = lazy_pattern(r"([一二两三四五六七八九十]|10|[1-9])成([一二三四五六七八九半])?")
_AND_HALF = lazy_pattern(rf"({ARABIC}|{HAN}+?)(?:个半(年|月|学期|学年|小时)|(年|天|小时|倍|亩|公里|公斤)半)")
_CALENDAR = {"月": (1, 12), "季度": (1, 4), "年": (1900, 2100)}  # without 个 these are points in time
_NUMBER = lazy_pattern(ARABIC)
_SQUARES = lazy_pattern(r"(?<=m)[23](?![0-9])")
# Things that only come whole: 「1.105家」 is item 1 of a list and 105 companies, or a slip.
_WHOLE = frozenset("家个项件套台辆户座栋幢间所处条份篇本册部门批株棵头只起例宗笔") | {"场次", "台套"}
_LIST_MARK = lazy_pattern(r"[1-9][0-9]?\.[0-9]*[1-9]")
_NONE_OF = frozenset(["起", "例", "次", "宗", "人", "家", "%"])
_PERIODS = frozenset(["年", "月", "季度", "周", "天", "小时", "分钟", "秒", "工作日", "学期", "学年"])


def read_number(core: str, text: str) -> Quantity | None:
    """The one number in a compacted text, `text` being what was written; None when it is none or none for certain."""
    before = ""
    if "m" in core:
        core = _SQUARES.sub(lambda power: "²" if power.group() == "2" else "³", core)
    rest = core
    if core[0] not in "0123456789":
        before = "".join(leading_words(core, _BEFORE, _LONGEST_BEFORE))
        rest = core[len(before) :]
        if not rest:
            return None
    parts = _parts(rest)
    found = _measure(parts, before, text) if parts is not None else None
    if found is not None:
        return found
    if "每" in rest:
        return _per(rest, before, text)
    if "分之" in rest or "成" in rest or "半" in rest:
        return _in_words(rest, before, text)
    return None


def bound_end(text: str, start: int) -> int:
    """Where the bound at `start` (「以上」, 「及以下(含)」) ends; `start` when there is none."""
    if text[start : start + 1] not in _BOUND_STARTS and not text.startswith("(含", start):
        return start
    if (word := text[start : start + 2]) in _AFTER and text[start + 2 : start + 3] != "(":
        return start + len(word)
    match = _ONE_BOUND.match(text, start)
    return start if match is None else match.end()


def _parts(rest: str) -> Sequence[Any] | None:
    """What the groups of _MEASURE hold; None when it does not match."""
    if rest[0] not in _NUMBER_STARTS:
        return None
    plain = _plain_parts(rest)
    if plain is not None:
        return plain
    if "(" not in rest and not _ONLY_IN_BRACKETS.isdisjoint(rest[1:]):
        return None
    match = _MEASURE.fullmatch(rest)
    return None if match is None else match.groups()


def _plain_parts(rest: str) -> Sequence[Any] | None:
    """The same for 「12家」 「三年」 「80%以上」 without _MEASURE, which is dear to compile; None for all else."""
    after = rest[-2:] if rest[-2:] in _AFTER else ""
    core = rest[: len(rest) - len(after)]
    digits = scale = mixed = None
    if rest[0] in HAN_LETTERS:
        unit = core.lstrip(_NUMERAL_LETTERS)
        mixed = core[: len(core) - len(unit)]
    else:
        unit = core.lstrip(".0123456789")
        digits = core[: len(core) - len(unit)]
        whole, point, decimals = digits.partition(".")
        if not whole or (point and not decimals.isdigit()):
            return None
        if unit[:1] in ("万", "亿"):
            scale, unit = ("万亿", unit[2:]) if unit[:2] == "万亿" else (unit[0], unit[1:])
    if unit[:1] in _NO_PLAIN_START and not unit.startswith(_UNIT_STARTS):
        return None
    if unit[-1:] in _NO_PLAIN_END or len(unit) > _LONGEST_UNIT:
        return None
    if not unit.isalpha() and unit not in ("", "%", "‰"):
        return None
    return None, digits, None, scale, mixed, None, unit, None, after, None, None, None


def _measure(parts: Sequence[Any], before: str, text: str) -> Quantity | None:
    sign, digits, more, scale, mixed, more_scaled, written, more_units, after, included, done, remark = parts
    number: Decimal | None
    if digits is not None:
        number, scale = arabic(digits), scale or ""
    elif not written and mixed in ("半", "两"):
        return None
    else:
        number, scale = numeral(mixed) or (None, "")
    if number is None:
        return None
    if written[:1] == "(" and written[-1:] == ")":
        written = written[1:-1]
    unit = canonical(written) if written else None
    if written and (unit is None or _is_a_word(unit, written, number, spoken=mixed is not None, limited=before != "")):
        return None
    if digits is not None and not scale and unit in _WHOLE and "." in digits and _LIST_MARK.match(digits) is not None:
        return None
    if unit is None and digits is not None and len(digits) == 8 and _DAY_IN_DIGITS.fullmatch(digits) is not None:
        return None
    if after == "内" and unit not in _PERIODS:
        return None
    if "¥" in before or "人民币" in before:
        if unit not in (None, "元"):
            return None
        unit = "元"
    kind = Kind.NUMBER
    if unit == "%" or unit == "‰":
        if scale:
            return None
        kind = Kind.PERCENT
    elif scale:
        unit = scale + (unit or "")
    stated = _limits(before, after, beyond=bool(more or more_scaled or more_units))
    if stated is None or (included and stated[0] in (">", "<")):
        return None
    if (included or "(" in after) and not _same_number(number, after + (included or "")):
        return None
    if sign:
        number = -number
    return Quantity(text, kind, stated[0], number, None, unit, stated[1], note=done or remark)


def _is_a_word(unit: str, written: str, number: Decimal, *, spoken: bool, limited: bool) -> bool:
    """Whether number and "unit" only look like an amount: 「12月」 is December, 「一致」 is no count."""
    if unit in _CALENDAR and unit == written:
        first, last = _CALENDAR[unit]
        return first <= number <= last
    if unit == "类" and not limited:
        return True  # a class of water, a kind of road
    if spoken and not number:
        return unit not in _NONE_OF  # 「零件」, 「零头」 are words
    return (spoken or unit.isascii()) and not is_known(unit, spoken=spoken)


def _limits(before: str, after: str, *, beyond: bool = False) -> tuple[str | None, bool] | None:
    """Relation and "approximately" from the words around a number; None when they contradict each other."""
    relations = {">"} if beyond else set()
    approximate = needs_limit = False
    if before:
        for word in (before,) if before in _BEFORE else leading_words(before, _BEFORE, _LONGEST_BEFORE):
            meaning = _BEFORE[word]
            if meaning == "~":
                approximate = True
            elif meaning:
                relations.add(meaning)
            else:
                needs_limit = needs_limit or word == "控制在"
    if after:
        for word in (after,) if after in _AFTER else _AFTER_WORD.findall(after):
            meaning = _AFTER[word]
            if meaning == "~":
                approximate = True
            else:
                relations.add(meaning.rstrip("=") if "不含" in after else meaning)
    if len(relations) > 1 or (needs_limit and "<=" not in relations):
        return None
    return (relations.pop() if relations else None), approximate


def _same_number(number: Decimal, named: str) -> bool:
    """Whether 「5万元以下(含5万元)」 names the same number twice."""
    return all(arabic(digits) == number for digits in _NUMBER.findall(named))


def _per(core: str, before: str, text: str) -> Quantity | None:
    """「每亩300」, 「每人每天400元」, 「每年不少于3次」."""
    shares: list[str] = []
    rest = core
    while rest.startswith("每"):
        size = next((size for size in range(5, 0, -1) if is_known(rest[1 : 1 + size])), 0)
        unit = canonical(rest[1 : 1 + size]) if size else None
        rest = rest[1 + size :]
        if unit is None or not rest:
            return None
        shares.append(unit)
    number = read_number(before + rest, text) if shares and "每" not in rest else None
    if number is None or number.kind is not Kind.NUMBER or "/" in (number.unit or ""):
        return None
    return replace(number, unit=f"{number.unit or ''}/{'·'.join(shares)}")


def _in_words(core: str, before: str, text: str) -> Quantity | None:
    """「百分之九十五」, 「九成五」, 「两年半」."""
    bound = _TRAILING.search(core) if core[-1] in _BOUND_ENDS else None
    after = bound.group() if bound is not None else ""
    stem = core[: len(core) - len(after)]
    stated = _limits(before, after)
    if stated is None:
        return None
    relation, approximate = stated
    match = _HUNDREDTHS.fullmatch(stem) if "分之" in stem else None
    if match is not None:
        value = Decimal(100) if match[2] == "百" else _plain(match[2])
        if value is None:
            return None
        value, unit = (value.scaleb(-2), "%") if match[1] == "万" else (value, "‰" if match[1] == "千" else "%")
        return Quantity(text, Kind.PERCENT, relation, value, None, unit, approximate)
    match = _TENTHS.fullmatch(stem) if "成" in stem and len(stem) <= 4 else None
    if match is not None:
        tenths, rest = _plain(match[1]), Decimal(5) if match[2] == "半" else _plain(match[2] or "零")
        if tenths is None or rest is None or (rest and tenths == 10):
            return None
        return Quantity(text, Kind.PERCENT, relation, tenths * 10 + rest, None, "%", approximate)
    match = _AND_HALF.fullmatch(stem) if "半" in stem else None
    number = _plain(match[1]) if match is not None else None
    if match is None or number is None or number != int(number):
        return None
    return Quantity(text, Kind.NUMBER, relation, number + Decimal("0.5"), None, match[2] or match[3], approximate)


def _plain(text: str) -> Decimal | None:
    if text[0] in ".0123456789":
        return arabic(text)
    value = numeral(text)
    return value[0] if value is not None and not value[1] else None
