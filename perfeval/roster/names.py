"""When two names of units or projects mean the same: surely, or so nearly that a person should be told.

Sure is what differs only in the width of characters, blanks, quotes and the level in brackets: 甲局(一级) is 甲局.
Near is a slip of the pen, a missing place name or another legal suffix. Names that differ in a numeral, a compass
point or the like are never near: 第一小学 and 第二小学 are two schools, however alike they look.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["distance", "near", "same_name"]

_NOISE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\"'“”‘’「」『』《》〈〉·•.,:;、。_-]+")
# Level of a unit or project, in brackets at the end; after NFKC these are ASCII.
_LEVEL = re.compile(r"\((?:[一二三四五1-5]级|本级|机关|本部|汇总|合计|项目)\)$")
# Legal and customary endings which people leave out or mix up.
_ENDINGS = re.compile(
    r"(?:股份有限公司|有限责任公司|有限公司|集团公司|集团|公司|专项资金|专项经费|项目经费|项目资金|经费|资金|项目|专项)+$"
)
_BRACKETS = re.compile(r"[()\[\]]")
# What tells one thing from its neighbour: a slip here is no slip.
_TELLING = frozenset(
    "0123456789零一二三四五六七八九十百千两壹贰叁肆伍陆柒捌玖拾甲乙丙丁戊己庚辛"
    "东南西北中上下左右前后内外新旧老大小长短男女省市州县区乡镇街道路号期批级初高幼abcdefghijklmnopqrstuvwxyz"
)


@lru_cache(maxsize=65536)
def same_name(text: str) -> str:
    """Names with the same result are surely the same."""
    name = _NOISE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _LEVEL.sub("", name) or name


@lru_cache(maxsize=65536)
def _core(name: str) -> str:
    """A sure name without legal endings and brackets."""
    return _BRACKETS.sub("", _ENDINGS.sub("", name)) or name


def near(one: str, other: str) -> bool:
    """Whether two names, both as `same_name` gives them, are so alike that they probably mean the same."""
    if one == other:
        return True
    a, b = _core(one), _core(other)
    short, long = sorted((a, b), key=len)
    if len(short) < 2:
        return False
    if a == b or (len(short) >= 3 and long.endswith(short) and not long[-len(short) - 1].isdigit()):
        return True
    allowed = min(2, len(short) // 4)
    return distance(a, b, allowed) <= allowed and not _TELLING.intersection(_differing(a, b))


def distance(one: str, other: str, limit: int) -> int:
    """Edit distance; anything above `limit` is `limit` + 1, found out quickly."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    row = list(range(len(other) + 1))
    for place, char in enumerate(one, 1):
        above, row[0] = row[0], place
        for column, rival in enumerate(other, 1):
            above, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, above + (char != rival)),
            )
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def _differing(one: str, other: str) -> str:
    """The characters between the common start and the common end of two names."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return one[start : len(one) - end] + other[start : len(other) - end]
