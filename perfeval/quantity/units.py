"""Units of measurement as clerks write them, and the exact factors between them.

A unit is a text such as 「家」「万元」「元/人·天」. What is in the table converts exactly (1 亩 is 2000/3 平方米);
what is not stays the text it is and only equals itself. 万 and 亿 may stand before any unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

from perfeval.patterns import lazy_pattern

__all__ = ["KNOWN", "SCALES", "canonical", "convertible", "is_known", "split_scale"]

SCALES: Mapping[str, int] = {"万亿": 10**12, "亿": 10**8, "万": 10**4, "千": 10**3, "百": 10**2, "十": 10}

# Dimensions: what each unit is worth in the first-named one. Several spellings: the first is the one we keep.
_DIMENSIONS: tuple[Mapping[str, Fraction | int], ...] = (
    {"元 元整 圆 圆整": 1},
    {"% 百分比": 1, "‰ 千分比": Fraction(1, 10)},
    {"个百分点 百分点": 1},
    {
        "平方米 平米 ㎡ m² m2 M2 M²": 1,
        "平方厘米 cm²": Fraction(1, 10**4),
        "亩": Fraction(2000, 3),
        "公顷 ha hm² hm2": 10**4,
        "平方公里 平方千米 km² km2": 10**6,
    },
    {"米 m": 1, "毫米 mm": Fraction(1, 1000), "厘米 cm": Fraction(1, 100), "公里 千米 km KM Km": 1000},
    {
        "千克 公斤 kg KG Kg": 1,
        "毫克 mg": Fraction(1, 10**6),
        "克 g": Fraction(1, 1000),
        "斤 市斤": Fraction(1, 2),
        "吨 t T": 1000,
    },
    {"升 L": 1, "毫升 ml mL": Fraction(1, 1000), "立方米 m³ m3 M³ M3": 1000},
    {
        "天 日": 1,
        "秒 秒钟": Fraction(1, 86400),
        "分钟 min": Fraction(1, 1440),
        "小时 h": Fraction(1, 24),
        "周 星期": 7,
    },
    {"月": 1, "季度": 3, "年": 12},  # a month is no fixed number of days
    {"千瓦时 kWh kwh KWh KWH 度电": 1},
    {"千瓦 kW kw KW": 1, "瓦": Fraction(1, 1000), "兆瓦 MW": 1000},
    {"人 名 位": 1},
    {"场次 场": 1},
    {"摄氏度 ℃ °C": 1},
    {"台套 台(套) 台/套 台、套": 1},
    {"人·天 人天 人日 人·日": 1},
)
# Things counted one by one, and measures without a partner to convert to: each equals only itself.
_COUNTED = """
家 个 项 次 件 套 台 辆 户 座 栋 幢 间 所 处 条 份 篇 本 册 部 门 期 批 株 棵 头 只 羽 尾 匹 张 幅 块 片 组 支 艘 架
盏 根 桶 瓶 盒 箱 袋 副 顶 床 席 枚 粒 封 起 例 宗 笔 单 口 扇 轮 趟 节 卷 种 类 款 岁 倍 分 字 页 村 镇 乡 县 市 区
校 方 度 班 课时 学时 学分 学期 学年 人次 家次 户次 车次 班次 门次 批次 项次 件次 台次 辆次 架次 株次 头次 只次 篇次
条次 份次 床位 点位 标段 工作日 部门 社区 街道 行政村 自然村 美元 港元 欧元 日元 GB TB MB PB Mbps
"""
# 「一起」「一片」「一期」 are words: behind a Chinese numeral these are no count.
_WORDS = frozenset("起点块片部方门班类期批页市县区村镇乡校度口节轮顶席尾单分")
# Behind any number these name a rank, not an amount: 「3级」 is not three of something.
_RANKS = ("级", "等", "档", "流", "线", "星", "号", "版", "届", "类")

_ALIASES: dict[str, str] = {}
_FACTORS: dict[str, tuple[str, Fraction]] = {name: (name, Fraction(1)) for name in _COUNTED.split()}
for _members in _DIMENSIONS:
    _base = next(iter(_members)).split(" ")[0]
    for _spellings, _value in _members.items():
        _first, *_others = _spellings.split(" ")
        _FACTORS[_first] = (_base, Fraction(_value))
        _ALIASES.update(dict.fromkeys(_others, _first))

KNOWN: tuple[str, ...] = tuple(sorted({*_FACTORS, *_ALIASES}, key=lambda name: (-len(name), name)))

_SCALE_WORDS = {**SCALES, **{small + large: SCALES[small] * SCALES[large] for small in "十百千" for large in "万亿"}}
# A unit nobody has listed: a few Han letters, but none that changes what the number means (未, 预计, 比, 增, 完成).
_UNLISTED = lazy_pattern(
    r"[^\W\d_a-zA-Z零〇一二三四五六七八九十百千万亿两半几多余未不无没非将拟预约超及其以与或等第仅但若若者了的是在为被把对较比同增减升降提率"
    r"完达成已均全部缺欠少剩差前后内外上下左右至到点年月日季旬来整]{1,8}"
)


def split_scale(unit: str) -> tuple[int, str]:
    """The multiplier a unit starts with, and the rest: 「万元」 is (10000, 「元」), 「千克」 is itself."""
    if unit in _FACTORS:
        return 1, unit
    for size in (2, 1):
        if (multiplier := _SCALE_WORDS.get(unit[:size])) is not None:
            return multiplier, unit[size:]
    return 1, unit


@lru_cache(maxsize=1024)
def canonical(text: str) -> str | None:
    """The unit in the one spelling we keep: ㎡ is 平方米, 元/人、天 is 元/人·天. None: these letters are no unit."""
    if text in _FACTORS:
        return text
    if text in _ALIASES:
        return _ALIASES[text]
    numerator, slash, denominator = text.replace("每", "/").replace("//", "/").partition("/")
    if slash:
        if denominator.startswith("(") and denominator.endswith(")"):
            denominator = denominator[1:-1]
        parts = [denominator] if denominator in _ALIASES else _divided(denominator)
        below = [_atom(part) for part in parts]
        above = _atom(numerator) if numerator else ""
        if above is None or not all(below):
            return None
        return f"{above}/{'·'.join(part for part in below if part)}"
    return _atom(text)


def _atom(text: str) -> str | None:
    text = _ALIASES.get(text, text)
    if text in _FACTORS:
        return text
    multiplier, rest = split_scale(text)
    if multiplier != 1:
        if not rest:
            return text
        inner = _atom(rest)
        return None if inner is None else text[: len(text) - len(rest)] + inner
    if text.startswith("个") and _ALIASES.get(text[1:], text[1:]) in _FACTORS:
        return _ALIASES.get(text[1:], text[1:])
    if text.endswith(_RANKS) or not _UNLISTED.fullmatch(text):
        return None
    return text


def _divided(text: str) -> list[str]:
    return text.replace("·", "/").replace("、", "/").split("/")


def is_known(text: str, *, spoken: bool = False) -> bool:
    """Whether every part of a unit is in the table; `spoken`: it stands behind a Chinese numeral, where words lurk."""
    for part in _divided(text.replace("(", "").replace(")", "")):
        _, base = split_scale(part)
        base = _ALIASES.get(base, base)
        if base.startswith("个") and len(base) > 1:
            base = base[1:]
        if base not in _FACTORS or (spoken and base in _WORDS):
            return False
    return True


@lru_cache(maxsize=1024)
def convertible(a: str | None, b: str | None) -> Fraction | None:
    """What one `a` is worth in `b`, exactly; None when they measure different things.

    None as a unit means a bare number; 「万」 alone is a bare number too, ten thousand times as large.
    A counting word matches itself with a noun behind it: 100家 and 100家企业.
    """
    if a == b:
        return Fraction(1)
    (base_a, worth_a), (base_b, worth_b) = _resolve(a), _resolve(b)
    if base_a == base_b or _same_count(base_a, base_b) or _same_count(base_b, base_a):
        return worth_a / worth_b
    return None


def _resolve(unit: str | None) -> tuple[tuple[str, ...], Fraction]:
    above, _, below = (canonical(unit) or unit if unit else "").partition("/")
    base, worth = _worth(above)
    bases = []
    for part in below.split("·") if below else ():
        divisor_base, divisor = _worth(part)
        bases.append(divisor_base)
        worth /= divisor
    return (base, *sorted(bases)), worth


def _worth(unit: str) -> tuple[str, Fraction]:
    if unit in _FACTORS:
        return _FACTORS[unit]
    multiplier, rest = split_scale(unit)
    base, worth = _FACTORS.get(rest, (rest, Fraction(1)))
    return base, worth * multiplier


def _same_count(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    if len(short) != 1 or len(long) != 1 or short[0] not in _FACTORS:
        return False
    return long[0].startswith(short[0]) and len(long[0]) >= len(short[0]) + 2 and long[0] not in _FACTORS
