"""Writes the proposed `rules.toml`: what the form shows as rules, the rest as comments that say what may be written."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from perfeval.layout import bare
from perfeval.numbers import decimal_text, exact_text
from perfeval.pack import Group, Pack
from perfeval.pack.rules import METHODS
from perfeval.packview import METHOD_WORDS, REVIEW_WORDS, SITUATION_WORDS
from perfeval.propose.groups import FoundGroup
from perfeval.render import clean

__all__ = ["Draft", "rules_text"]

_SOURCE = "blank"
_PLAIN_PATH = re.compile(r"[\w./\\:~-]+")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass
class Draft:
    """What the rules are written from."""

    id: str
    folder: Path  # where the pack will lie
    title: str
    year: int | None
    base: Pack
    groups: Sequence[FoundGroup]
    execution: Decimal | None  # points of a group scored from the funds rows; None: there is none
    titles: dict[str, str]  # column key → header words of the form
    required: Sequence[str]
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)  # group → other spellings of its name
    today: dt.date = field(default_factory=dt.date.today)


def rules_text(draft: Draft) -> str:
    """The whole file."""
    parts = [_head(draft), *_groups(draft), *_criteria(draft), _scoring(draft.base), _review(draft), _columns(draft)]
    return "\n".join(part for part in parts if part)


def _head(draft: Draft) -> str:
    year = f"year = {draft.year}" if draft.year else "# year = 2026    # 只用于某一年的表写年份,每年通用的不写"
    proof = f"perfeval packs check {_argument(draft.folder)}"
    return f"""# 由空白表提出的评分体系草稿。请对照文件逐项核对,改完后运行:{proof}
# 没有写的规则都照「{draft.base.title}」({draft.base.id});要改的,照注释的写法写出来,并写明出处(source)。
id = {_text(draft.id)}
title = {_text(draft.title)}
version = "1"
{year}
extends = {_text(draft.base.id)}

# ---- 出处 ---------------------------------------------------------------
# 每个数都要写明取自哪份文件;checked_on 是最近一次与原文核对的日期。表格没有写明、自己选定的读法写 source = "house"。
[sources.{_SOURCE}]
title = {_text(draft.title)}
checked_on = {draft.today.isoformat()}

# ---- 一级指标、二级指标 --------------------------------------------------
# weights:fixed 按表格印定;equal 分值÷已填三级指标个数;stated 由单位填写
# scoring:measured 定量按比例、定性按等次;stated 由填报人按评分标准给分;execution 按资金栏计算
# 可选的键:words 名称的其他写法;printed 表上印的字;weights_digits 平均分配时权重的小数位数;
#           points_with 与另一个一级指标合用分值(不再写 points)
"""


def _groups(draft: Draft) -> list[str]:
    base = {group.name: group for group in draft.base.groups}
    written = []
    if draft.execution is not None:
        known = draft.base.execution_group
        name = known.name if known else "预算执行率"
        written.append(
            f"""[[groups]]
name = {_text(name)}
points = {decimal_text(draft.execution)}
weights = "fixed"
scoring = "execution"
source = "{_SOURCE}"
# base:支出数除以哪个数(funds.allocated 全年预算数、funds.budget 年初预算数)
# nothing:两个数都是 0 时,full 满分、zero 0 分、ask 由填报人说明
execution = {{ base = "funds.allocated", nothing = "ask", source = "{_SOURCE}" }}
"""
        )
    return written + [_group(draft, group, base.get(group.name)) for group in draft.groups]


def _group(draft: Draft, group: FoundGroup, under: Group | None) -> str:
    points = "0   # ← 没有认出分值,请补上" if group.points is None else decimal_text(group.points)
    lines = ["[[groups]]", f"name = {_text(group.name)}"]
    if group.printed:
        lines.append(f"printed = {_text(group.printed)}")
    elif under is not None and under.printed:
        lines.append("printed = false")
    if words := draft.kinds.get(group.name):
        lines.append(f"words = {_list(words)}")
    lines += [f"points = {points}", f"weights = {_text(group.weights)}"]
    if group.weights_text:
        lines.append(f"weights_text = {_text(group.weights_text)}")
    elif under is not None and under.weights_text:
        lines.append("weights_text = false")
    for key in ("weights_digits", "points_with", "execution"):
        if under is not None and getattr(under, key) is not None:
            lines.append(f"{key} = false")
    stated = group.weights == "fixed" and any(row.criterion for row in group.rows)
    lines += [f"scoring = {_text('stated' if stated else 'measured')}", f'source = "{_SOURCE}"']
    inherited = {kind.name: kind for kind in under.kinds} if under is not None else {}
    for kind in group.kinds:
        lines += ["[[groups.kinds]]", f"name = {_text(kind.name)}"]
        known = inherited.get(kind.name)
        printed = kind.rows if group.weights == "fixed" else []
        if known is not None and known.indicators and not printed:
            lines.append("indicators = false")
        if known is not None and known.method is not None:
            lines.append("method = false")
        for row in printed:
            assert row.weight is not None
            lines += [
                "[[groups.kinds.indicators]]",
                f"name = {_text(row.name)}",
                f"weight = {decimal_text(row.weight)}",
            ]
            if row.criterion:
                lines.append(f"criterion = {_text(row.criterion)}")
            lines.append(f'source = "{_SOURCE}"')
    return "\n".join(lines) + "\n"


def _criteria(draft: Draft) -> list[str]:
    texts: dict[str, list[str]] = {}
    for group in draft.groups:
        for text in group.criteria[:1]:
            texts.setdefault(text, []).append(group.name)
    if not texts:
        return ["criteria = false   # 表上没有印评分标准\n"] if draft.base.criteria else []
    return [
        f'[[criteria]]\ngroups = {_list(names)}\ntext = {_text(text)}\nsource = "{_SOURCE}"\n'
        for text, names in texts.items()
    ]


def _scoring(base: Pack) -> str:
    lines = [
        "# ---- 计分 ---------------------------------------------------------------",
        f"# 现在照「{base.title}」。要改的一行去掉开头的 #,方法从括号里选,并写明出处;〈〉里是要写的键。",
        "# [scoring]",
    ]
    for situation, method in base.scoring.methods.items():
        others = "、".join(METHODS[situation])
        lines.append(
            f'# {situation} = {{ method = "{method.name}", source = "{_SOURCE}" }}'
            f"    # {SITUATION_WORDS[situation]}(可选:{others})"
        )
    lines += [
        f'# default_relation = {{ value = "{base.scoring.default_relation.value}", source = "{_SOURCE}" }}',
        "# 完成比例低于此数(%)得 0 分:",
        f'# floor = {{ value = {exact_text(base.scoring.floor.value)}, source = "{_SOURCE}" }}',
        *(f"#   {name}:{_keyed(text)}" for name, text in METHOD_WORDS.items()),
        "# [rounding]    # total:unrounded 合计由未四舍五入的得分相加,rounded_rows 由四舍五入后的得分相加",
        f'# total = "{base.rounding.total}"',
        f"# digits = {base.rounding.digits}",
        f'# source = "{_SOURCE}"',
    ]
    for name, low in base.grades:
        lines += ["# [[grades]]", f'# name = "{name}"', f"# from = {exact_text(low)}", f'# source = "{_SOURCE}"']
    return "\n".join(lines) + "\n"


def _review(draft: Draft) -> str:
    limits = "\n".join(
        f'# {name} = {{ value = {exact_text(setting.value)}, source = "{_SOURCE}" }}'
        f"    # {REVIEW_WORDS[name].format(exact_text(setting.value))}"
        for name, setting in draft.base.review.items()
    )
    return f"""# ---- 复核 ---------------------------------------------------------------
# required:表头必须填写的各项
[review]
required = {_list(draft.required)}
{limits}
"""


def _columns(draft: Draft) -> str:
    lines = [
        "# ---- 表头文字 -------------------------------------------------------------",
        "# 每一列可以有几种写法,第一个是这张表上印的,括号里的说明不用写。",
        "[columns]",
    ]
    taken = {bare(title) for title in draft.titles.values()}
    for key, title in draft.titles.items():
        others = [word for word in draft.base.columns.get(key, ()) if bare(word) not in taken]
        lines.append(f'"{key}" = {_list([title, *others])}')
    for key, words in draft.base.columns.items():
        if key not in draft.titles and any(bare(word) in taken for word in words):
            kept = [word for word in words if bare(word) not in taken]
            lines.append(f'"{key}" = {_list(kept) if kept else "false"}')
    return "\n".join(lines) + "\n"


def _keyed(sentence: str) -> str:
    """A sentence with the names of its parameters to be seen as keys."""
    return _PARAMETER.sub(r"〈\1〉", sentence)


def _argument(path: Path) -> str:
    """A path as it is typed in a command, on one line and in quotes where a shell would take it apart."""
    text = " ".join(clean(str(path)).split("\n"))
    return text if _PLAIN_PATH.fullmatch(text) else f'"{text}"'


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"
