"""What is said without a number: judgements, 无 and 未发生, marks for "none", leftovers of the blank form."""

from __future__ import annotations

from perfeval.patterns import lazy_pattern
from perfeval.quantity.text import compact, leading_words
from perfeval.quantity.units import is_known

__all__ = ["is_judgement", "is_negation", "is_none_mark", "is_placeholder"]

_MARKS = (
    "/ // \\ — - * 一 无要求 无相关要求 不适用 不涉及 未涉及 无此项 无该项 未设置 未设定 N/A n/a NA 空 空白 (空) (空白)"
)
_NONE_MARKS = frozenset(["", *_MARKS.split()])
_DASHES = lazy_pattern(r"[—-]+")

# Pieces a judgement is made of: at least one that judges, and any number that only qualify or name what is judged.
_JUDGING = """
超额完成 达成 完成 实现 达到 达标 提升 提高 改善 增强 促进 推动 保障 落实 执行 满足 符合 开展 实施 通过 维持
保持 见效 加强 优化 减少 降低 增长 增加 下降 运行 到位 发挥 支付 拨付 交付 优良中低差 优良中差 优良 优秀 优 良好
良 较好 很好 好 中等 中 一般 合格 及格 较差 差 较高 较低 高 低 满意 是 否 有 显著 明显 有效 正常 稳定 规范 健全
完善 完整 及时 安全 畅通 准确 合理 齐全 合规 持续 长期 如期 按期 按时 准时 圆满 顺利 全面 逐步 稳步
"""
_QUALIFYING = """
已经 已 均已 均 全部 基本上 基本 大部分 部分 未能 未 尚未 没有 不 按计划 按要求 按规定 有所 大幅 进一步 不断
较为 比较 非常 十分 超额 提前 完全 充分 得到 较 很 更 初步 切实 或 和 并 且 地 的 了 与 及 能 能够 可 预期 年度
既定 各项 本年 全年 计划 任务 指标 目标 总体 绩效 工作 值 要求 效果 成效 进度 序时 情况 标准 作用 程度 水平 具有
具备 一定 取得 产生 影响 状态 、 , ;
"""
_JUDGES = frozenset(_JUDGING.split())
_PIECES = _JUDGES.union(_QUALIFYING.split())
_LONGEST_PIECE = max(map(len, _PIECES))

_HARMS = """
事故 事件 投诉 差错 错误 违规 违法 违纪 违约 问题 案件 纠纷 上访 信访 举报 伤亡 死亡 超支 拖欠 逾期 返工 瑕疵
缺陷 故障 舆情 疫情 火灾 污染 隐患 损失 中断 延误 浪费
"""
_HARM = "|".join(_HARMS.split())
_NOTHING = frozenset("无没未零")  # one of these is in every negation
_NEGATION = lazy_pattern(
    r"(?:本年度?|全年|年度|目前|均|暂|尚|一直)*(?:无|没有|未有|未发生|未出现|未产生|未收到|未接到|未发现|零发生|零)"
    rf"(?:(?:发生|出现|收到|发现)?(?:任何|一[起例次])?(?:[^\W\d]{{0,6}}(?:{_HARM})[、和及或]?){{1,3}}"
    r"(?:的?(?:发生|出现|情况|现象|记录))*|发生|出现)?"
)
_LONGEST = 40  # letters of a judgement or negation; more is prose

# A leftover has one of the first in front, behind a bracket perhaps, or one of the second anywhere.
_LEFTOVER_STARTS = frozenset("指….。·请此在待示样例如□☐")
_LEFTOVER_SIGNS = frozenset("字Xx×*_〇某请")
_LEFTOVER = lazy_pattern(
    r"指标[0-9一二三四五六七八九十]*[:.、]?"
    r"|…|[….。·]{2,}"
    r"|\(?[^()0-9]{0,12}[0-9]+字(?:以内|以下|左右|内)?[^()0-9]{0,6}\)?"
    r"|.*(?:(?<![A-Za-z])[Xx]{2,}(?![A-Za-z])|×{2,}|\*{2,}|_{2,}|〇{3,}|某某).*"
    r"|\(?(?:请|此处|在此|在这里)(?:在此)?(?:填|输入|说明|选择|简述|描述|按).*"
    r"|—*请选择—*|待填写?|示例|样例|样表"
    r"|(?:示例|样例|例如|例|如):.*"
    r"|[□☐][^☑√■✓]*"
)
_SLOT_OPERATORS = frozenset(["≥", "≤", ">=", "<=", ">", "<", "=", "不少于", "不低于", "不超过", "不高于"])


def is_none_mark(compacted: str) -> bool:
    """Blank, or one of the marks that say "nothing goes here"; 「一」 alone is a dash misread by a scanner."""
    return compacted in _NONE_MARKS or (compacted[0] in "—-" and _DASHES.fullmatch(compacted) is not None)


def is_judgement(compacted: str) -> bool:
    """Whether the text is nothing but a judgement such as 「基本达成预期指标」 or 「显著提升」."""
    if len(compacted) > _LONGEST:
        return False
    pieces = leading_words(compacted, _PIECES, _LONGEST_PIECE)
    if not pieces or sum(map(len, pieces)) < len(compacted):
        return False
    # 「没有」 only qualifies, and yet holds 有.
    return not _JUDGES.isdisjoint(pieces) or any(word in compacted for word in _JUDGES)


def is_negation(compacted: str) -> bool:
    """「无」「未发生」「零投诉」「未发生安全事故」: none of what is counted."""
    if len(compacted) > _LONGEST or _NOTHING.isdisjoint(compacted):
        return False
    return _NEGATION.fullmatch(compacted) is not None


def is_placeholder(text: str) -> bool:
    """Whether a text was printed in the blank form and left standing: `指标2:` `……` `(100字以内)` `≥XX%` `≥ 家`."""
    compacted = compact(text)
    if is_none_mark(compacted):
        return False
    if _may_be_left(compacted) and _LEFTOVER.fullmatch(compacted) is not None:
        return True
    operator = "".join(leading_words(compacted, _SLOT_OPERATORS, 3))
    unit = compacted[len(operator) :].removeprefix("(").removesuffix(")")
    if "(" in unit or ")" in unit:
        return False
    return unit in ("", "%", "‰") or (operator != "" and is_known(unit))


def _may_be_left(compacted: str) -> bool:
    return compacted.removeprefix("(")[:1] in _LEFTOVER_STARTS or not _LEFTOVER_SIGNS.isdisjoint(compacted)
