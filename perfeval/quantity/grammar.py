"""The grammar of a cell: date, number with its words, range, judgement with its ratio, mark – or none of these."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from perfeval.model import Kind, Quantity
from perfeval.patterns import lazy_pattern
from perfeval.quantity import dates
from perfeval.quantity.measure import read_number
from perfeval.quantity.numerals import ARABIC, arabic
from perfeval.quantity.text import compact
from perfeval.quantity.units import convertible
from perfeval.quantity.words import is_judgement, is_negation, is_none_mark, is_placeholder

__all__ = ["LONGEST", "read"]

LONGEST = 120  # letters of a cell that may still be a quantity; anything longer is prose

_PRINTED_LABEL = lazy_pattern(
    r"(?:(?:年度)?(?:目标|指标|预期|实现|完成|实际)值?|实际完成值?|(?:实际)?完成情况|指标[0-9一二三四五六七八九十]+):"
)
_BAR = lazy_pattern(r"(?<![0-9.,])\||\|(?![0-9.,])")
_TO = lazy_pattern(r"(?<=.)(?:~|—+|-|至|到)(?=.)")
_AND = lazy_pattern(r"(?<=.)(?:,?并?且|[,、;])(?=[≤<不小低])")
_AT_MOST = frozenset("≤<不小低")
_LABELLED = lazy_pattern(r"([^\W\da-zA-Z]{0,20}(?:率|度|比例|占比|比重))(?:为|达到|达|是|:)?(.*[0-9].*)")
# A label with one of these says something else than the level of the measure: 「投诉率下降5%」.
_NO_LEVEL = lazy_pattern(r"[未没增减升降提超较于]|同比|环比|比上|完成比例|达成比例|完成程度")
_RATE_OF_CHANGE = lazy_pattern(r"(?:增长|增加|提高|提升|上升|下降|降低|减少|减排|增幅|降幅)(?:率|比例|幅度)$")
_RATIO = lazy_pattern(
    r"(.*?)([,;:(]*+)(完成比例|完成率|完成度|完成程度|达成比例|达成率|达成度|实现程度|实现比例)?"
    rf"(?:为|达到|达|是|:|\()*+({ARABIC})%\)*"
)
_CHANGE = lazy_pattern(r"[增减升降强]|提高|改善|优化")  # 「显著提升(95%)」: by 95 %, or to 95 %
_OVERALL = lazy_pattern(r"达成|预期|指标|目标|全部|基本|部分|[优良]")
_RATIO_FIRST = lazy_pattern(rf"((?:完成|达成)(?:比例|率)(?:为|:)?)?({ARABIC}%)[,、;:]*+(.+)")
_RATIO_STARTS = frozenset("完达.0123456789")
_BAND_RANGE = lazy_pattern(r"\(?[0-9]+%?(?:\(含\))?[-—~至]+[0-9]+%(?:\(含\))?\)?")
_FIGURES = frozenset("0123456789<>=≥≤%\x00")
_DIGIT = lazy_pattern(r"[0-9]")
_STOPS = "。.,、;:!"
_SCALES = ("万", "亿", "万亿")


@lru_cache(maxsize=4096)
def read(text: str, year: int | None) -> Quantity:
    """The one certain reading of a text of at most LONGEST letters; kind TEXT when there is none."""
    return _read(compact(text), text, year) or Quantity(text, Kind.TEXT)


def _read(plain: str, text: str, year: int | None) -> Quantity | None:
    if is_none_mark(plain):
        return Quantity(text, Kind.NONE)
    core = _undressed(plain)
    if not core:
        return None
    if dates.may_be_one(core):
        dated = dates.read_date(core, year)
        if dated is not None:
            return Quantity(text, Kind.DATE, dated.relation, date=dated.date, since=dated.since)
    found = read_number(core, text)
    if found is not None:
        return None if found.unit == "字" and is_placeholder(plain) else found
    if is_none_mark(core):
        return Quantity(text, Kind.NONE)
    if is_placeholder(plain):
        return None
    if _DIGIT.search(core) is None:
        return _grade(core, text) or _range(core, text)
    return _range(core, text) or _labelled(core, text) or _rated(core, text)


def _undressed(plain: str) -> str:
    """Without quotes, closing stops, brackets around it all, and the label printed before it."""
    core = plain.strip('"') if '"' in plain else plain
    if core[-1:] in _STOPS:
        core = core.rstrip(_STOPS)
    if core[:1] == "(" and core[-1:] == ")" and "(" not in core[1:]:
        core = core[1:-1]
    if "|" in core:
        core = _BAR.sub("", core).removeprefix("定性")
    label = _PRINTED_LABEL.match(core) if ":" in core else None
    return core if label is None else core[label.end() :]


def _range(core: str, text: str) -> Quantity | None:
    """「80%-90%」「1-2万元」「不少于10且不超过20家」."""
    core = core.replace("(含)", "")
    for ending in ("之间", "区间", "范围内"):
        core = core.removesuffix(ending)
    core = core.removeprefix("介于")
    for separator in _TO.finditer(core):
        low, high = read_number(core[: separator.start()], text), read_number(core[separator.end() :], text)
        if low is not None and high is not None and low.relation is None and high.relation is None:
            return _between(low, high, hyphen=separator.group() == "-")
    for separator in _AND.finditer(core) if not _AT_MOST.isdisjoint(core) else ():
        low, high = read_number(core[: separator.start()], text), read_number(core[separator.end() :], text)
        if low is not None and high is not None and (low.relation, high.relation) == (">=", "<="):
            return _between(low, high, hyphen=False)
    return None


def _between(low: Quantity, high: Quantity, *, hyphen: bool) -> Quantity | None:
    bottom, top = low.value, high.value
    if bottom is None or top is None or low.approximate or high.approximate or low.note or high.note:
        return None
    if low.unit is None and high.unit is None:
        if hyphen and 1 <= bottom <= 12 and 1 <= top <= 31:
            return None  # 「3-5」: three to five, or the fifth of March
        if 1900 <= bottom <= 2100 and 1900 <= top <= 2100:
            return None  # 「2020-2024」: years
    if low.unit is not None and low.unit != high.unit:
        spoken = f"{low.unit}{_without_scale(high.unit)}" if low.unit in _SCALES else low.unit
        factor = convertible(spoken, high.unit)
        if factor is None:
            return None
        converted = bottom * factor.numerator / factor.denominator
        if converted * factor.denominator != bottom * factor.numerator:
            return None
        bottom = Decimal(f"{converted:f}")
    return Quantity(low.text, high.kind, "between", bottom, top, high.unit) if bottom <= top else None


def _without_scale(unit: str | None) -> str:
    return (unit or "").lstrip("万亿")


def _labelled(core: str, text: str) -> Quantity | None:
    """「满意度98%」: the measure's own name before a percentage."""
    match = _LABELLED.fullmatch(core)
    if match is None or _NO_LEVEL.search(_RATE_OF_CHANGE.sub("", match[1])) is not None:
        return None
    found = read_number(match[2], text)
    if found is None or found.kind is not Kind.PERCENT or found.note is not None:
        return None
    return replace(found, note=match[1])


def _rated(core: str, text: str) -> Quantity | None:
    """A judgement with its completion ratio: 「基本达成预期指标(85%)」, 「…、完成比例100%」."""
    swapped = _RATIO_FIRST.fullmatch(core) if core[0] in _RATIO_STARTS else None
    if swapped is not None:
        head = swapped[3].strip("()") if swapped[1] else swapped[3]
        if is_judgement(head) and _OVERALL.search(head) is not None:
            core = f"{head}、完成比例{swapped[2]}"
    match = _RATIO.fullmatch(core.replace("、", ",")) if "%" in core else None  # one set of letters less to compile
    if match is None:
        return None
    value = arabic(match[4])
    head = core[: match.end(1)]
    if "%" in head:
        head = _BAND_RANGE.sub("", head)
    head = head.replace('"', "").strip("、,;:()。")
    if value is None or not _FIGURES.isdisjoint(head):
        return None
    if match[3] is not None and (not head or match[2]):
        return None if is_placeholder(head) else Quantity(text, Kind.GRADE, value=value, grade=head or None)
    if not is_judgement(head) or _CHANGE.search(head) is not None or not (match[2] or _OVERALL.search(head)):
        return None
    return Quantity(text, Kind.GRADE, value=value, grade=head or None)


def _grade(core: str, text: str) -> Quantity | None:
    words = core.replace('"', "")
    for ending, relation in (("以上", ">="), ("以下", "<=")):
        if words.endswith(ending):
            least = words.removesuffix(ending).removesuffix("及")
            return Quantity(text, Kind.GRADE, relation, grade=least) if is_judgement(least) else None
    return Quantity(text, Kind.GRADE, grade=words) if is_judgement(words) or is_negation(words) else None
