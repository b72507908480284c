"""The grammar of a cell: operator, number, multiplier, unit, bound, remark – or a date, a range, a judgement, a mark."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from perfeval.model import Kind, Quantity
from perfeval.quantity import dates
from perfeval.quantity.numerals import ARABIC, HAN, MIXED, arabic, numeral
from perfeval.quantity.text import GAP, compact
from perfeval.quantity.units import canonical, convertible, is_known
from perfeval.quantity.words import is_judgement, is_negation, is_none_mark, is_placeholder

__all__ = ["LONGEST", "PREFIX", "SUFFIX", "read"]

LONGEST = 120  # letters of a cell that may still be a quantity; anything longer is prose

_BEFORE: dict[str, str] = {}
for _relation, _spellings in {
    ">=": "≥ >= => ≥= 不少于 不低于 不小于 不得少于 不得低于 不短于 不晚于 至少 最少 大于等于 大于或等于 大于、等于 高于或等于 未低于 未少于",
    "<=": "≤ <= =< ≤= 不超过 不高于 不大于 不多于 不超出 不超 不得超过 不得高于 不得多于 至多 最多 小于等于 小于或等于 低于或等于 未超过 没有超过 未高于",
    ">": "> 大于 高于 多于 超过 超出 超 突破 逾",
    "<": "< 小于 低于 少于 不足 不到 不满 未满 未达到 未达",
    "=": "= == 等于",
    "~": "约 大约 大概 约为 大致 近 接近 将近 ≈",
    "": "达到 达 实现 完成 已 共 共计 总计 合计 累计 总共 实际 全年 全年度 本年 本年度 年度 为 是 了 应 须 需 均 人民币 ¥ 举办 开展 组织 召开 培训 走访 建成 接待 发放 "
    "采购 购置 印发 实际完成 控制在 保持在 定量",
}.items():
    _BEFORE.update(dict.fromkeys(_spellings.split(), _relation))
PREFIX = "|".join(re.escape(token) for token in sorted(_BEFORE, key=len, reverse=True))
_INCLUDED = r"(?:\(含(?:本数|[0-9.]+[%‰]?)?\))"
_AFTER = {
    "以上": ">=",
    "之上": ">=",
    "以下": "<=",
    "之下": "<=",
    "以内": "<=",
    "之内": "<=",
    "内": "<=",
    "左右": "~",
    "上下": "~",
}
SUFFIX = rf"(?:{_INCLUDED}?(?:及其?|或|和)?(?:{'|'.join(_AFTER)})(?:{_INCLUDED}|\(不含(?:本数|[0-9.]+[%‰]?)?\))?)"
_SUFFIX_WORD = re.compile("|".join(_AFTER))
_LABEL = re.compile(
    r"(?:目标值?|指标值|预期值|实现值|完成值|实际值|实际完成值?|实际完成情况|完成情况|年度目标|年度指标值|指标[0-9一二三四五六七八九十]+):"
)
_REMARK = r"含|包含|包括|均|已完成|全部|均已|完成|达标|详见|见|佐证"

_PREFIXES = re.compile(PREFIX)
# The common case in one pattern; every group is checked afterwards, so a doubtful text falls through to 「not readable」.
_MEASURE = re.compile(
    rf"(?P<before>(?:{PREFIX})*)"
    rf"(?P<sign>-)?(?:(?P<arabic>{ARABIC})(?P<more0>[余多])?(?P<scale>万亿|[万亿])?(?![0-9十万亿]|百(?!分)|千(?![米克瓦伏]))|(?P<mixed>{MIXED}))(?P<more>[余多])?"
    rf"(?P<unit>[^0-9,;。:\"\x00+=<>≥≤~—-]{{0,16}}?)(?P<more1>[余多])?"
    rf"(?P<after>{SUFFIX}*)"
    rf"(?:[,、;]?(?P<done>(?:已|均已|已经|全部|均)?(?:完成|达标|达成|达到))|\((?P<remark>(?:{_REMARK})[^()0-9]*)\))?"
)
_PER = re.compile(
    r"每(?P<first>[^\W\d每一二两三四五六七八九十]{1,4}?)(?:每(?P<second>[^\W\d每]{1,4}?))?(?P<rest>[^\w]?.*[0-9].*)"
)
_HUNDREDTHS = re.compile(
    rf"(?P<before>(?:{PREFIX})*)(?P<base>百分之|千分之|万分之)(?P<number>{ARABIC}|{HAN}+|百)(?P<after>{SUFFIX}*)"
)
_TENTHS = re.compile(
    rf"(?P<before>(?:{PREFIX})*)(?P<number>[一二两三四五六七八九十]|10|[1-9])成(?P<half>[一二三四五六七八九半])?(?P<after>{SUFFIX}*)"
)
_AND_HALF = re.compile(
    rf"(?P<before>(?:{PREFIX})*)(?P<number>{ARABIC}|{HAN}+?)?(?:(?P<one>个)?半(?P<unit1>个?(?:年|月|天|日|小时|周|学期|学年|倍))|(?P<unit2>年|天|小时|倍|亩|公里|公斤)半)(?P<after>{SUFFIX}*)"
)
_BETWEEN = re.compile(r"(?<=.)(?:~|—+|-|至|到)(?=.)")
_BOTH = re.compile(r"(?<=.)(?:且|并且|,|、|;|,且)(?=[≤<不小低])")
_LABELLED = re.compile(
    r"(?P<label>[^\W\da-zA-Z]{0,20}?(?:率|度|比例|占比|比重))(?:为|达到|达|是|:)?(?P<rest>(?:[^\w]|不|约|超|大|小|高|低|至|近)?.*[0-9].*)"
)
_CHANGED = re.compile(r"[未不无没非增减升降提超较比同环]|完成比例|达成比例|完成程度")
_RATIO = re.compile(
    rf"(?P<head>.*?)[,、;:(]*(?P<key>完成比例|完成率|完成度|完成程度|达成比例|达成率|达成度|实现程度|实现比例|比例)?(?:为|达到|达|是|:|\()*(?P<number>{ARABIC})%\)*"
)
_BAND_RANGE = re.compile(r"\(?[0-9]+%?(?:\(含\))?[-—~至]+[0-9]+%(?:\(含\))?\)?")
_QUOTES = '"'
_TRAILING = "。.,、;:!"
_DAY_IN_DIGITS = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])")  # 20241231


def read(text: str, year: int | None) -> Quantity:
    """The one certain reading of a cell; kind TEXT when there is none."""
    if len(text) > LONGEST:
        return Quantity(text, Kind.TEXT)
    plain = compact(text)
    found = _read(plain, year)
    return Quantity(text, Kind.TEXT) if found is None else replace(found, text=text)


def _read(plain: str, year: int | None) -> Quantity | None:
    if is_none_mark(plain):
        return Quantity("", Kind.NONE)
    core = _undressed(plain)
    if not core:
        return None
    if dates.MAYBE.search(core) is not None:
        dated = dates.read_date(core, year)
        if dated is not None:
            return Quantity("", Kind.DATE, dated.relation, date=dated.date, since=dated.since)
    if is_none_mark(core):
        return Quantity("", Kind.NONE)
    found = _number(core)
    if found is not None:
        return None if found.unit == "字" and is_placeholder(plain) else found
    if is_placeholder(plain):
        return None
    if not any(letter in "0123456789" for letter in core):
        judged = _grade(core)
        return judged or _range(core)
    return _range(core) or _labelled(core) or _rated(core)


def _undressed(plain: str) -> str:
    """Without quotes, closing stops, brackets around it all, and the printed label before it."""
    core = plain.strip(_QUOTES)
    if core[-1:] in _TRAILING:
        core = core.rstrip(_TRAILING)
    if core[:1] == "(" and core[-1:] == ")" and "(" not in core[1:]:
        core = core[1:-1]
    if "|" in core:
        core = re.sub(r"(?<![0-9.,])\||\|(?![0-9.,])", "", core)
        core = core.removeprefix("定性")
    label = _LABEL.match(core) if ":" in core else None
    return core[label.end() :] if label is not None else core


def _number(core: str) -> Quantity | None:
    match = _MEASURE.fullmatch(core)
    if match is not None:
        found = _measure(match)
        if found is not None:
            return found
    if "每" in core:
        return _per(core)
    if "分之" in core:
        return _hundredths(core)
    if "成" in core:
        return _tenths(core)
    return _and_half(core) if "半" in core else None


def _measure(match: re.Match[str]) -> Quantity | None:
    before, sign, digits, more0, scale, mixed, more, written, more1, after, done, remark = match.groups()
    if digits is not None:
        number = arabic(digits)
        scale = scale or ""
    else:
        value = numeral(mixed)
        if value is None:
            return None
        number, scale = value
    if number is None:
        return None
    if sign:
        number = -number
    if written[:1] == "(" and written[-1:] == ")":
        written = written[1:-1]
    if not written:
        unit: str | None = None
    else:
        unit = canonical(written)
        if (
            unit is None
            or (unit.isascii() and not is_known(unit))
            or _unsafe(unit, written, number, spoken=mixed is not None and not digits)
        ):
            return None
    if mixed is not None and unit is not None and not scale and written[:1] in "千百":
        return None
    if before[-1:] == "¥" or "人民币" in before:
        if unit not in (None, "元"):
            return None
        unit = "元"
    kind = Kind.NUMBER
    if unit in ("%", "‰"):
        if scale:
            return None
        kind = Kind.PERCENT
    elif scale:
        unit = scale + (unit or "")
    if unit is None and digits is not None and _DAY_IN_DIGITS.fullmatch(digits):
        return None
    stated = _bounds(before, after, ">" if more0 or more or more1 else None)
    if stated is None:
        return None
    relation, approximate = stated
    return Quantity("", kind, relation, number, unit=unit, approximate=approximate, note=done or remark)


def _unsafe(unit: str, written: str, number: Decimal, *, spoken: bool) -> bool:
    if written == "月" and 1 <= number <= 12:
        return True  # twelve months, or December
    if unit == "年" and 1900 <= number <= 2100:
        return True
    return spoken and not is_known(unit, spoken=True)


def _bounds(before: str, after: str, more: str | None) -> tuple[str | None, bool] | None:
    """Relation and 「approximately」 from the words around a number; None when they contradict each other."""
    relations = {more} if more else set()
    approximate = within = False
    for token in _PREFIXES.findall(before) if before else ():
        meaning = _BEFORE[token]
        if meaning == "~":
            approximate = True
        elif meaning:
            relations.add(meaning)
        within = within or token == "控制在"
    for word in _SUFFIX_WORD.findall(after) if after else ():
        meaning = _AFTER[word]
        if meaning == "~":
            approximate = True
        else:
            relations.add(">" if meaning == ">=" and "不含" in after else "<" if "不含" in after else meaning)
    if len(relations) > 1 or (within and "<=" not in relations):
        return None
    return (relations.pop() if relations else None), approximate


def _per(core: str) -> Quantity | None:
    """「每亩300」, 「每人每天400元」."""
    denominators: list[str] = []
    rest = core
    while rest.startswith("每"):
        size = next((size for size in range(5, 0, -1) if is_known(rest[1 : 1 + size])), 0)
        unit = canonical(rest[1 : 1 + size]) if size else None
        if unit is None or len(rest) <= 1 + size:
            return None
        denominators.append(unit)
        rest = rest[1 + size :]
    number = _number(rest) if denominators and "每" not in rest else None
    if number is None or number.kind is not Kind.NUMBER or "/" in (number.unit or ""):
        return None
    return replace(number, unit=f"{number.unit or ''}/{'·'.join(denominators)}")


def _hundredths(core: str) -> Quantity | None:
    match = _HUNDREDTHS.fullmatch(core)
    if match is None:
        return None
    value = _plain(match["number"])
    return None if value is None else _share(match, value, match["base"][0])


def _tenths(core: str) -> Quantity | None:
    match = _TENTHS.fullmatch(core)
    if match is None:
        return None
    tenths, half = _plain(match["number"]), match["half"]
    if tenths is None or (half and tenths == 10):
        return None
    value = tenths * 10 + (Decimal(5) if half == "半" else (_plain(half) or 0) if half else 0)
    return _share(match, value, "百")


def _share(match: re.Match[str], value: Decimal, base: str) -> Quantity | None:
    stated = _bounds(match["before"], match["after"], None)
    if stated is None:
        return None
    if base == "万":
        value = value.scaleb(-2)
    return Quantity("", Kind.PERCENT, stated[0], value, unit="‰" if base == "千" else "%", approximate=stated[1])


def _and_half(core: str) -> Quantity | None:
    match = _AND_HALF.fullmatch(core)
    if match is None or match["number"] is None:
        return None
    number = _plain(match["number"])
    stated = _bounds(match["before"], match["after"], None)
    if number is None or number != int(number) or stated is None or not (match["one"] or match["unit2"]):
        return None
    unit = canonical((match["unit1"] or match["unit2"]).removeprefix("个"))
    return Quantity("", Kind.NUMBER, stated[0], number + Decimal("0.5"), unit=unit, approximate=stated[1])


def _plain(text: str) -> Decimal | None:
    if text == "百":
        return Decimal(100)
    if text[0] in ".0123456789":
        return arabic(text)
    value = numeral(text)
    return value[0] if value is not None and not value[1] else None


def _range(core: str) -> Quantity | None:
    """「80%-90%」「1-2万元」「不少于10且不超过20家」."""
    core = core.replace("(含)", "")
    for ending in ("之间", "区间", "范围内"):
        core = core.removesuffix(ending)
    core = core.removeprefix("介于")
    for separator in _BETWEEN.finditer(core):
        low, high = _number(core[: separator.start()]), _number(core[separator.end() :])
        if low is not None and high is not None and low.relation is None and high.relation is None:
            return _between(low, high, hyphen=separator.group() == "-")
    for separator in _BOTH.finditer(core):
        low, high = _number(core[: separator.start()]), _number(core[separator.end() :])
        if low is not None and high is not None and (low.relation, high.relation) == (">=", "<="):
            return _between(low, high, hyphen=False)
    return None


def _between(low: Quantity, high: Quantity, *, hyphen: bool) -> Quantity | None:
    bottom, top = low.value, high.value
    if bottom is None or top is None or low.approximate or high.approximate or low.note or high.note:
        return None
    if low.unit is None and high.unit is None:
        if hyphen and 1 <= bottom <= 12 and 1 <= top <= 31:
            return None  # 「3-5」: from three to five, or the fifth of March
        if 1900 <= bottom <= 2100 and 1900 <= top <= 2100:
            return None  # 「2020-2024」: years
    unit = high.unit
    if low.unit not in (None, unit):
        spoken = f"{low.unit}{unit.removeprefix(low.unit)}" if unit and low.unit in ("万", "亿", "万亿") else low.unit
        factor = convertible(spoken, unit)
        if factor is None:
            return None
        scaled = bottom * factor.numerator / factor.denominator
        if scaled * factor.denominator != bottom * factor.numerator:
            return None
        bottom = Decimal(format(scaled, "f"))
    if bottom > top:
        return None
    return Quantity("", high.kind, "between", bottom, top, unit)


def _labelled(core: str) -> Quantity | None:
    """「满意度98%」: the measure's own name before a percentage."""
    match = _LABELLED.fullmatch(core)
    if match is None or _CHANGED.search(match["label"]) is not None:
        return None
    found = _number(match["rest"])
    if found is None or found.kind is not Kind.PERCENT or found.note is not None:
        return None
    return replace(found, note=match["label"])


def _rated(core: str) -> Quantity | None:
    """A judgement with its completion ratio: 「基本达成预期指标(85%)」."""
    match = _RATIO.fullmatch(core)
    if match is None:
        return None
    head = _BAND_RANGE.sub("", match["head"]).replace('"', "").strip("、,;:()。")
    value = arabic(match["number"])
    if value is None or GAP in head or re.search(r"[0-9<>=≥≤%]", head):
        return None
    if not (is_judgement(head) if match["key"] is None else head == "" or not is_placeholder(head)):
        return None
    if match["key"] in ("比例", None) and not head:
        return None
    return Quantity("", Kind.GRADE, value=value, grade=head or None)


def _grade(core: str) -> Quantity | None:
    words = core.replace('"', "")
    for ending, relation in (("及以上", ">="), ("以上", ">="), ("及以下", "<="), ("以下", "<=")):
        if words.endswith(ending) and is_judgement(words.removesuffix(ending)):
            return Quantity("", Kind.GRADE, relation, grade=words.removesuffix(ending))
    return Quantity("", Kind.GRADE, grade=words) if is_judgement(words) or is_negation(words) else None
