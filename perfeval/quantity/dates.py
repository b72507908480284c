"""Dates and deadlines: 「2024年12月31日」「12月底前」「2024.12」「1季度」 as the last day of what is named.

A text without a year is a date only when the caller knows the year of the form. 「12月前」 is refused: it may mean the
beginning or the end of December.
"""

from __future__ import annotations

import datetime as dt
import re

from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = ["Dated", "end_in_text", "may_be_one", "read_date"]

# Cheap test: without one of these signs nothing is a date.
_SIGNS = frozenset("年月季旬")
_DIGITS_OF_A_DATE = lazy_pattern(r"(?:19|20)[0-9]{2}\x00?[-./]|[0-9]{8}")


@record(frozen=True, slots=True)
class Dated:
    """What a text says about time."""

    date: dt.date
    relation: str | None = None
    since: dt.date | None = None


# While a date is read, letters stand for its Han numerals: [a-i] is far cheaper to compile than [一二三四五六七八九].
_STAND_INS = str.maketrans("〇零一二三四五六七八九十", "ooabcdefghij")
_TENS = {"": 0, "j": 10, "bj": 20, "cj": 30}
_HAN_DAY = {ten + one: value + digit for ten, value in _TENS.items() for digit, one in enumerate(["", *"abcdefghi"])}
_HAN_YEAR = {letter: str(value) for value, letter in enumerate("oabcdefghi")}
_YEAR_LETTERS = frozenset("〇零一二三四五六七八九")
_SMALL = "b?j[a-i]?|cja?|[a-i]"
_DONE = """
完成 完工 竣工 开工 投产 投入使用 交付 交付使用 验收 通过验收 完成验收 实施完成 实施 全部完成 支付完成 拨付到位
到位 建成
"""
_FULL_TEXT = rf"""
(?P<op>≤|<=|=<|<|=|≥|>=|>|不晚于|不迟于|早于|晚于|截至|截止|截止到|截至到|已?于|在|到|至)?
(?:
    (?P<y0>(?:19|20)[0-9]{{2}}|[ab][oa-i]{{3}}|[0-9]{{2}}(?=年))(?:年度?|(?=\x00?[-./]\x00?[0-9]))|(?P<this>当年|本年度?|年(?=内))
)?
(?:
    [-./]\x00?(?P<m1>0?[1-9]|1[0-2])(?:\x00?[-./]\x00?(?P<d1>0?[1-9]|[12][0-9]|3[01])(?:\x00?(?:T?00:00(?::00)?))?)?
  | (?P<m2>0?[1-9]|1[0-2]|{_SMALL})月份?
    (?:(?P<d2>0?[1-9]|[12][0-9]|3[01]|{_SMALL})[日号]|(?P<third>[上中下]旬)|(?P<mend>底|末))?
  | (?:第?(?P<q>[1-4a-d])季度|[Qq](?P<q2>[1-4]))(?P<qend>底|末)?
  | (?P<half>[上下]半年)(?P<hend>底|末)?
  | (?P<yend>年?[底末])
  | (?P<whole>全年)
)?
(?:\(含\))?(?P<before>以前|之前|前|内|以内)?(?:\(含\))?(?P<done>(?:均|全部|已|按时|如期)?(?:{"|".join(_DONE.split())}))?"""
_FULL = lazy_pattern(_FULL_TEXT, re.VERBOSE)
# A text with any other letter is no date.
_LETTERS = frozenset("〇零一二三四五六七八九十0123456789<=>()-./:QqT\x00").union(
    letter for letter in _FULL_TEXT if not letter.isascii()
)
_OPERATORS = {
    "≤": "<=",
    "<=": "<=",
    "=<": "<=",
    "<": "<",
    "=": "=",
    "≥": ">=",
    ">=": ">=",
    ">": ">",
    "不晚于": "<=",
    "不迟于": "<=",
    "早于": "<",
    "晚于": ">",
}
_COMPACT_DAY = lazy_pattern(r"((?:19|20)[0-9]{2})(0[1-9]|1[0-2])([0-2][0-9]|3[01])(?=前|之前|以前)")
_SEPARATOR = lazy_pattern(r"至|到|—+|~|-(?![0-9]{1,2}(?:-|$))|-(?=[0-9]{1,2}月)")
# Inside running text only what names a year or a month's end counts as a date.
_TO = r"(?:至|到|—+|~|-)"
_YEAR_IN_TEXT = lazy_pattern(
    rf"(?:19|20)[0-9]{{2}}(?:年?{_TO}(?:19|20)[0-9]{{2}}年"
    rf"|年(?:(?:0?[1-9]|1[0-2])月?{_TO}(?:0?[1-9]|1[0-2])月"
    r"|(?:度|底|末)?(?:(?:0?[1-9]|1[0-2])月(?:份|底|末|(?:0?[1-9]|[12][0-9]|3[01])日|[上中下]旬)?"
    r"|第?(?:[1-4]季|一季|二季|三季|四季)度|[上下]半年)?(?:底|末)?(?:以前|之前|(前))?)"
    r"|-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))"
)
_MONTH_IN_TEXT = lazy_pattern(r"(?:0?[1-9]|1[0-2])月(?:底|末|(?:0?[1-9]|[12][0-9]|3[01])日)(?:以前|之前|(前))?")
_AFTER_A_YEAR = frozenset("年至到—~-")
_MORE_OF_A_YEAR = frozenset("0123456789底末第上下以之前至到—~-")
_NO_BEFORE = frozenset("期来后往沿景端三五十0123456789")  # 前 with one of these behind it is another word


def may_be_one(text: str) -> bool:
    """Whether a compacted text holds a sign of a date at all."""
    return not _SIGNS.isdisjoint(text) or (len(text) > 4 and _DIGITS_OF_A_DATE.search(text) is not None)


def read_date(text: str, year: int | None) -> Dated | None:
    """The date or deadline a compacted text names, None when it names none with certainty."""
    point = _point(text, year)
    if point is not None:
        return point[1]
    for separator in _SEPARATOR.finditer(text):
        period = _period(text[: separator.start()], text[separator.end() :], year)
        if period is not None:
            return period
    return None


def end_in_text(text: str, start: int) -> int | None:
    """Where the date that starts with the digit at `start` of a running text ends; None when none starts there."""
    if text[start : start + 2] in ("19", "20"):
        end = start + (6 if text[start + 4 : start + 6] == "年度" else 5)
        if text[start + 4 : start + 5] == "年" and _is_year(text[start : start + 4]) and _ends(text, end):
            return end
        match = _YEAR_IN_TEXT.match(text, start) if text[start + 4 : start + 5] in _AFTER_A_YEAR else None
    else:
        match = _MONTH_IN_TEXT.match(text, start) if "月" in text[start + 1 : start + 3] else None
    if match is None:
        return None
    end = match.end()
    return end - 1 if match[1] and text[end : end + 1] in _NO_BEFORE else end


def _ends(text: str, end: int) -> bool:
    """Whether a year that ends there certainly goes on in no way: 「2024年一级项目」, but not 「2024年一季度」."""
    return text[end : end + 1] not in _MORE_OF_A_YEAR and text[end + 1 : end + 2] != "季"


def _period(first: str, last: str, year: int | None) -> Dated | None:
    """From `first` to `last`; the earlier one may lend its year, the later one its 月: 「2024年1-12月」."""
    end = _point(last, year)
    if _is_year(first[:4]) and first[4:5] == "年" and (end is None or not _is_year(last[:4])):
        end = _point(first[:5] + last, year)
    start = _point(first, year)
    if start is None and first[-1:].isdigit():  # 「1-12月」, 「2021-2025年」
        start = _point(first + next((unit for unit in ("月", "季度") if unit in last), "年"), year)
    if start is None or end is None or start[1].relation is not None or end[1].relation not in (None, "<="):
        return None
    since, date = start[0], end[1].date
    return Dated(date, "between", since) if since <= date and end[1].since is None else None


def _is_year(text: str) -> bool:
    if text.isascii():
        return len(text) == 4 and text.isdigit() and text[:2] in ("19", "20")
    return len(text) == 4 and text[0] in "一二" and _YEAR_LETTERS.issuperset(text)


def _point(text: str, year: int | None) -> tuple[dt.date, Dated] | None:
    """First day of what one expression names, and its reading."""
    compact_day = _COMPACT_DAY.match(text) if text[:8].isdecimal() else None
    if compact_day is not None:
        text = f"{compact_day[1]}年{compact_day[2]}月{compact_day[3]}日{text[compact_day.end() :]}"
    if not _LETTERS.issuperset(text):
        return None
    if text[4:] in ("年", "年度") and text[:4].isascii() and _is_year(text[:4]):  # most dates, and no need for _FULL
        return dt.date(int(text[:4]), 1, 1), Dated(dt.date(int(text[:4]), 12, 31))
    match = _FULL.fullmatch(text.translate(_STAND_INS))
    if match is None:
        return None
    part = match.groupdict()
    stated = _year(part["y0"], year)
    if part["y0"] and stated is None:
        return None
    the_year = stated or year
    month, day = part["m1"] or part["m2"], part["d1"] or part["d2"]
    quarter = part["q"] or part["q2"]
    names_year = bool(part["y0"] or part["this"])
    if the_year is None or not (names_year or month or quarter or part["half"] or part["yend"]):
        return None
    if part["m1"] and not part["y0"]:  # 「.12」
        return None
    if part["yend"] and part["yend"][0] != "年" and not names_year:
        return None
    if part["whole"] and not names_year:
        return None
    if part["y0"] and len(part["y0"]) == 2 and not (month or part["yend"]):
        return None  # 「24年」: a duration
    if part["m1"] and not part["d1"] and "-" not in text and not 2000 <= the_year < 2050:
        return None  # 「1950.5」: an amount
    if (
        month
        and not names_year
        and not (day or part["third"] or part["mend"])
        and (part["op"] in _OPERATORS or part["before"])
    ):
        return None  # 「≤6月」: until June, or six months
    span = _span(the_year, month, day, part["third"], quarter, part["half"])
    if span is None:
        return None
    relation = _relation(part, exact=bool(day or part["mend"] or part["qend"] or part["hend"] or part["yend"]))
    if relation == "":
        return None
    return span[0], Dated(span[1], relation)


def _year(text: str | None, year: int | None) -> int | None:
    if text is None:
        return None
    if len(text) == 2:  # 「24年」 is a year only beside a known year of the same century and decade or next
        return year if year is not None and year % 100 == int(text) else None
    return int("".join(_HAN_YEAR.get(letter, letter) for letter in text))


def _span(
    year: int, month: str | None, day: str | None, third: str | None, quarter: str | None, half: str | None
) -> tuple[dt.date, dt.date] | None:
    if quarter:
        last = 3 * _small(quarter)
        return dt.date(year, last - 2, 1), _month_end(year, last)
    if half:
        return (
            (dt.date(year, 1, 1), dt.date(year, 6, 30))
            if half == "上半年"
            else (dt.date(year, 7, 1), dt.date(year, 12, 31))
        )
    if month is None:
        return dt.date(year, 1, 1), dt.date(year, 12, 31)
    number = _small(month)
    if not 1 <= number <= 12:
        return None
    if third:
        first = {"上": 1, "中": 11, "下": 21}[third[0]]
        end = _month_end(year, number) if first == 21 else dt.date(year, number, first + 9)
        return dt.date(year, number, first), end
    if day is None:
        return dt.date(year, number, 1), _month_end(year, number)
    try:
        exact = dt.date(year, number, _small(day))
    except ValueError:  # 2月30日
        return None
    return exact, exact


def _relation(part: dict[str, str | None], *, exact: bool) -> str | None:
    """The relation; "" for 「12月前」, of which nobody knows whether December still counts."""
    operator = _OPERATORS.get(part["op"] or "")
    before = part["before"]
    if before is None:
        return operator
    if operator not in (None, "<=") or (before in ("以前", "之前", "前") and not exact):
        return ""
    return "<="


def _small(text: str) -> int:
    return int(text) if text.isdigit() else _HAN_DAY[text]


def _month_end(year: int, month: int) -> dt.date:
    following = dt.date(year + month // 12, month % 12 + 1, 1)
    return following - dt.timedelta(days=1)
