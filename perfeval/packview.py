"""A pack as two pages that an accountant can check against the official document.

Every rule is told as a sentence with its source; what the form leaves open and this program decided is listed apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from perfeval.numbers import shown
from perfeval.pack import HOUSE, Group, KindRule, Method, Pack
from perfeval.render import PLAIN, Look, clean, wrap

__all__ = ["METHOD_WORDS", "REVIEW_WORDS", "SITUATION_WORDS", "pack_lines"]

SITUATION_WORDS: Mapping[str, str] = {
    "at_least": "预期值是「不少于」(≥、>)",
    "at_most": "预期值是「不超过」(≤、<)",
    "equal": "预期值是「等于」(=)",
    "between": "预期值是一个范围",
    "date": "预期值是日期",
    "zero_target": "预期值是 0",
    "grade": "定性指标",
    "over": "超额完成",
}
METHOD_WORDS: Mapping[str, str] = {
    "ratio": "实现值÷预期值×权重,最高为权重",
    "target_over_actual": "预期值÷实现值×权重,最高为权重",
    "linear_excess": "超出多少扣多少,达到预期值的 {zero_from}% 时为 0 分",
    "exact": "达到得满分,否则 0 分",
    "steps": "分档给分:{steps}",
    "range": "在范围内得满分,范围外按与最近一端的差距折算",
    "by_date": "按时完成得满分",
    "zero_target": "实现值不大于 0 得满分,否则 0 分",
    "bands": "按等次和完成比例:完成比例×权重",
    "stated": "由填报人给分,不超过权重",
    "none": "不加分也不扣分",
    "remind": "达到 {from}% 时提醒",
    "require_reason": "达到 {from}% 时须说明原因",
    "deduct": "达到 {from}% 时扣权重的 {share}%",
    "cut": "达到 {from}% 时按偏离程度扣分",
}
REVIEW_WORDS: Mapping[str, str] = {
    "execution_warn": "预算执行率低于 {}% 时提醒",
    "execution_reason": "预算执行率低于 {}% 时应说明原因",
    "over_achievement": "完成比例达到 {}% 时应说明原因",
    "outrun": "得分率高出执行率 {}% 以上时提醒",
    "idle_execution": "执行率低于 {}% 而产出全满分时提醒",
    "full_marks_rows": "不少于 {} 个指标而全部满分时提示",
}
_WEIGHTS = {"fixed": "按表格印定", "equal": "=分值÷已填的三级指标个数", "stated": "由单位填写"}
_SCORING = {"measured": "按实现值计算", "stated": "由填报人按评分标准给分", "execution": "按预算执行率计算"}
_BASES = {"funds.budget": "年初预算数", "funds.allocated": "全年预算数(实际下达数)"}
_NOTHING = {"full": "得满分", "zero": "得 0 分", "ask": "由填报人说明"}
_TOTALS = {"unrounded": "由未四舍五入的得分相加", "rounded_rows": "由四舍五入后的得分相加"}
_NOT_APPLICABLE = {"forbid": "不允许", "rescale": "去掉该指标,其余按比例折算到满分"}
_RELATIONS = {">=": "按「不少于」", "<=": "按「不超过」", "=": "按「等于」"}


def pack_lines(pack: Pack, look: Look = PLAIN) -> list[str]:
    """The pages of `perfeval packs show`."""
    rules = [(heading, list(entries)) for heading, entries in _chapters(pack)]
    documents = [entry for entry in pack.sources.values() if entry.key != HOUSE]
    marks = {entry.key: f"〔{number}〕" for number, entry in enumerate(documents, start=1)}
    lines = [look.paint(clean(f"{pack.title}({pack.id},第 {pack.version} 版)"), "strong")]
    lines += [clean(f"所在文件夹:{pack.folder}")]
    for heading, entries in rules:
        stated = [f"{text}{marks.get(source, '')}" for text, source in entries if source != HOUSE]
        if stated:
            lines += ["", look.paint(heading, "strong"), *_items(stated, look)]
    ours = [f"{heading}:{text}" for heading, entries in rules for text, source in entries if source == HOUSE]
    if ours:
        lines += ["", look.paint("表格没有写明、由本工具选定的读法(请核对)", "strong"), *_items(ours, look)]
    lines += ["", look.paint("出处(括号内为最近一次与原文核对的日期)", "strong")]
    titles = [f"{marks[entry.key]}{entry.title}({entry.checked_on.isoformat()})" for entry in documents]
    return lines + _items(titles, look)


_Entry = tuple[str, str]  # a rule as a sentence, key of its source


def _chapters(pack: Pack) -> Iterator[tuple[str, Iterator[_Entry]]]:
    yield "分值和权重", _groups(pack)
    yield "评分标准", ((f"{'、'.join(entry.groups)}:{entry.text}", entry.source) for entry in pack.criteria)
    yield "计分办法", _scoring(pack)
    yield "合计和等级", _totals(pack)
    yield "复核的尺度", _review(pack)


def _groups(pack: Pack) -> Iterator[_Entry]:
    yield f"满分 {_number(pack.total)},金额单位 {pack.money_unit}", ""
    for group in pack.groups:
        yield _group(group), group.source
        for kind in group.kinds:
            for text, source in _kind(kind):
                yield f"  {text}", source


def _group(group: Group) -> str:
    points = f" {_number(group.points)} 分" if group.points_with is None else f"(与{group.points_with}合用分值)"
    text = f"{group.name}{points}:权重{_WEIGHTS[group.weights]},{_SCORING[group.scoring]}"
    if group.execution is not None:
        execution = group.execution
        text += f"(支出数÷{_BASES[execution.base]};两个数都是 0 时{_NOTHING[execution.nothing]})"
    names = "、".join(kind.name for kind in group.kinds if not kind.indicators)
    return f"{text};二级指标:{names}" if names else text


def _kind(kind: KindRule) -> Iterator[_Entry]:
    for indicator in kind.indicators:
        yield f"{kind.name}/{indicator.name} {_number(indicator.weight)} 分:{indicator.criterion}", indicator.source
    if kind.method is not None:
        yield f"{kind.name}:{_method(kind.method)}", kind.method.source


def _scoring(pack: Pack) -> Iterator[_Entry]:
    scoring = pack.scoring
    for situation, method in scoring.methods.items():
        yield f"{SITUATION_WORDS[situation]}:{_method(method)}", method.source
    relation = scoring.default_relation
    yield f"预期值没有写 ≥、≤ 时:{_RELATIONS[relation.value]}", relation.source
    if scoring.floor.value:
        yield f"完成比例低于 {_number(scoring.floor.value)}% 时:0 分", scoring.floor.source
    for band in scoring.bands:
        upper = _number(band.high)
        yield f"等次「{band.name}」:完成比例 {_number(band.low)}%(含)至 {upper}%", band.source
    lower = scoring.lower_is_better
    if lower.value:
        yield f"名称里有这些词的按越小越好计算:{'、'.join(lower.value)}", lower.source


def _totals(pack: Pack) -> Iterator[_Entry]:
    rounding = pack.rounding
    yield f"合计{_TOTALS[rounding.total]},保留 {rounding.digits} 位小数(四舍五入)", rounding.source
    if pack.grades:
        yield "等级:" + "、".join(f"{name}(≥{_number(low)})" for name, low in pack.grades), pack.grades_source
    yield f"不适用的指标:{_NOT_APPLICABLE[pack.not_applicable.policy]}", pack.not_applicable.source


def _review(pack: Pack) -> Iterator[_Entry]:
    for name, setting in pack.review.items():
        yield REVIEW_WORDS[name].format(_number(setting.value)), setting.source


def _method(method: Method) -> str:
    params = {key: _number(value) if isinstance(value, Fraction) else value for key, value in method.params.items()}
    if method.name == "steps":
        steps = method.params["steps"]
        unit = method.params.get("unit", "%")
        params["steps"] = ",".join(
            f"达到 {_number(low)}{unit} 得权重的 {_number(share)}%" for low, share in _pairs(steps)
        )
    return METHOD_WORDS[method.name].format_map(params)


def _pairs(steps: object) -> Sequence[tuple[Fraction, Fraction]]:
    return steps if isinstance(steps, tuple) else ()


def _number(value: Fraction) -> str:
    return shown(value, 4)


def _items(texts: Sequence[str], look: Look) -> list[str]:
    lines: list[str] = []
    for text in texts:
        indent = "  " + " " * (len(text) - len(text.lstrip()))
        for number, paragraph in enumerate(clean(text.strip()).split("\n")):
            first = f"{indent}- " if number == 0 else f"{indent}  "
            pieces = [paragraph] if look.width is None else wrap(paragraph, max(20, look.width - len(first)))
            lines += [f"{first if place == 0 else ' ' * len(first)}{piece}" for place, piece in enumerate(pieces)]
    return lines
