"""Findings of stage TXT: what the goal and the narrative say, held against the table and each other."""

from __future__ import annotations

from collections.abc import Mapping

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    Code(
        "TXT101",
        Severity.WARNING,
        "文字中的金额与表不符",
        "文字写「{quote}」,而表中{field}为 {amount}{unit}。{hint}",
        "请核对 {cell} 的文字或资金栏,使两处一致。",
        "同一金额前后不一,复核时无法判断以哪个为准。",
        "「实际支出金额合计231.92万元」而表中为 213.92 → 改为「213.92万元」。",
    ),
    Code(
        "TXT102",
        Severity.WARNING,
        "文字中的指标个数与表不符",
        "文字写「{quote}」,而按表计算{scope}{what}为 {count} 项。",
        "请把 {cell} 的个数改为 {count},或者核对表中各项指标。",
        "指标总数、达标数、未达标数由表而来,改了表容易忘记改文字。",
        "「共11项,达标10项」而表中达标 9 项 →「达标9项」。",
    ),
    Code(
        "TXT103",
        Severity.WARNING,
        "文字中的执行率与表不符",
        "文字写「{quote}」,而按表计算{rates}。",
        "请核对 {cell} 的百分比或资金栏,使两处一致。",
        "执行率由支出和下达(或预算)算出,文字应与之相同。",
        "支出 213.92、下达 257.33,「执行率85%」→「执行率83.13%」。",
    ),
    Code(
        "TXT104",
        Severity.WARNING,
        "文字中的年度不是评价年度",
        "文字写「{quote}」,而本表评价 {year} 年度。",
        "请核对 {cell}:如果是从上一年的表复制来的,请把年份和数据一并更新。",
        "年份没有改,往往整段数据都是旧的。",
        "「2023年一级项目……年初预算数」→「2024年一级项目……年初预算数」。",
    ),
    Code(
        "TXT105",
        Severity.WARNING,
        "目标中的承诺没有对应的指标",
        "预期总体目标写「{quote}」,指标表中没有与之对应的指标。",
        "请增加一项对应的指标,或者在实现情况中写明这项目标的完成情况({cell})。",
        "总体目标里的量化承诺都应有指标考核,否则完成与否无从评价。",
        "目标写「制造业占比≥80%」→ 增加质量指标「制造业项目占比(%)」,预期值「≥80%」。",
    ),
    Code(
        "TXT106",
        Severity.WARNING,
        "目标中的承诺按文字没有达到",
        "预期总体目标写「{promise}」({promise_cell}),而这里写「{quote}」,没有达到。{table}",
        "请核对 {cell} 的数据;确实没有达到的,请按实际填写实现值、扣分并说明原因。",
        "目标、文字和指标表说的是同一件事,不能文字里没有达到而表里得满分。",
        "目标「投资额≥2000亿元」,文字「投资额1929.4亿元」→ 实现值填「1929.4亿元」并说明原因。",
    ),
    Code(
        "TXT107",
        Severity.WARNING,
        "出现其他项目的名称",
        "文字写「{quote}」,而本表的项目是「{project}」,「{found}」可能是从别的项目复制来的。",
        "请核对 {cell},删去或改写与本项目无关的内容。",
        "复制别的项目的文字而没有改全,是退回最常见的原因之一。",
        "招商引资专项经费的表里写「一级项目大型修缮」→ 改为本项目的内容。",
    ),
    Code(
        "TXT108",
        Severity.WARNING,
        "出现其他单位的名称",
        "文字写「{quote}」,而填报单位是「{unit_name}」。",
        "请核对 {cell},把单位名称改为本单位。",
        "文字从别的单位复制来而没有改,会被认为内容不实。",
        "投资促进局的表里写「我中心」→「我局」。",
    ),
    Code(
        "TXT109",
        Severity.WARNING,
        "文字中的结果与指标表不符",
        "文字写「{quote}」,而指标「{name}」的实现值({table_cell})是「{actual}」。",
        "请核对 {cell} 和 {table_cell},使两处一致。",
        "同一结果在文字和表中不同,复核时两处都不可信。",
        "文字「举办招商推介活动5场次」,实现值「4场次」→ 改为一致。",
    ),
    Code(
        "TXT110",
        Severity.WARNING,
        "总体目标的结论与指标表不符",
        "「{label}」写「{written}」,而指标表中有 {missed} 项指标未达标(例如「{example}」)。",
        "请把 {cell} 改为与指标表相符的结论,例如「基本实现预期总体目标」,并说明未达标的部分。",
        "还有指标未达标时写“全部实现”,结论与数据矛盾。",
        "11 项指标有 2 项未达标,「全部实现」→「基本实现预期总体目标」。",
    ),
    Code(
        "TXT111",
        Severity.WARNING,
        "目标中的数与指标预期值不同",
        "预期总体目标写「{quote}」,而指标「{name}」的预期值({table_cell})是「{target}」。",
        "请核对 {cell} 和 {table_cell},使两处一致。",
        "年初批复的目标只有一个。目标文字和指标预期值不同,说明其中一处被改过。",
        "目标「举办推介活动不少于5场次」,预期值「≥3场次」→ 改为一致。",
    ),
)

# Half sentences for the parameters of these codes.
PHRASES: Mapping[str, str] = {
    "ten_thousand": "两数正好相差一万倍,可能是“元”与“{unit}”写混了。",
    "rate_of": "占{name}的 {rate}",
    "count_all": "指标",
    "count_met": "达标的指标",
    "count_missed": "未达标的指标",
    "no_row": "指标表中也没有与这项目标对应的指标。",
    "row_says": "指标表中「{name}」的实现值({cell})是「{actual}」。",
}
