"""Findings of stage SCR."""

from __future__ import annotations

from collections.abc import Mapping

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    # 0xx: the calculation
    Code(
        "SCR001",
        Severity.ERROR,
        "没有得分",
        "「{name}」没有得分:按实现值算不出,自评分数栏是{written}。合计因此无法得出。",
        "请改正本行的预期值、实现值;一时改不了的,可以在 {cell} 填写 0 到 {weight} 之间的分数,留待核实。",
        "一行没有得分,合计就不能成立;程序不会把没有得分当作 0 分。",
        "实现值「约120个」、自评分数空白 → 实现值「118个」",
    ),
    Code(
        "SCR002",
        Severity.WARNING,
        "自评分数超过权重",
        "自评分数填 {written},超过本行的权重,按 {kept} 计。",
        "请把 {cell} 改为不超过权重的分数。",
        "每一行的得分最高等于权重。",
        "权重 8、得分 10 → 8",
    ),
    Code(
        "SCR003",
        Severity.WARNING,
        "自评分数小于 0",
        "自评分数填 {written},小于 0,按 {kept} 计。",
        "请核对 {cell} 的分数。",
        "得分最低是 0 分,不倒扣。",
        "-2 → 0",
    ),
    Code(
        "SCR004",
        Severity.NOTE,
        "按越小越好计算",
        "「{name}」的名称里有「{word}」,预期值「{target}」没有写 ≥ 或 ≤,按越小越好(≤)计算。",
        "如果应当越大越好,请在 {cell} 的数字前写上「≥」;无误的不必修改,最好写上「≤」。",
        "成本、事故、投诉一类的指标通常越小越好。评分体系列出了这些词,没有写 ≥、≤ 时才用得上。",
        "单位成本「3000元」→「≤3000元」",
    ),
    Code(
        "SCR005",
        Severity.ERROR,
        "预算执行率算不出",
        "预算执行率要计分,但{what}是「{written}」,算不出。合计因此无法得出。",
        "请在 {cell} 填写{what}的金额。",
        "执行率 = 实际支出数 ÷ 预算数,两个数缺一不可;预算数为 0 的由评分体系规定怎样计分。",
        "空白 → 257.33",
    ),
    Code(
        "SCR006",
        Severity.NOTE,
        "超额较多",
        "「{name}」完成比例 {completion},达到 {limit} 以上。",
        "请核对 {cell} 与预期值;无误的不必修改。",
        "超额很多常常说明预期值定得偏低。",
        "预期 ≥10条、实现 15条",
    ),
    Code(
        "SCR007",
        Severity.WARNING,
        "超额较多,须说明原因",
        "「{name}」完成比例 {completion},达到 {limit} 以上,还没有说明原因。",
        "请在 {cell} 说明超额完成的原因。",
        "评分体系规定,超额达到这个程度的须说明原因。",
        "预期 ≥10条、实现 15条 → 原因栏写「新增两场对接会」",
    ),
    Code(
        "SCR008",
        Severity.NOTE,
        "不适用的指标不计分",
        "「{name}」填「{written}」,按评分体系不计分,权重并入其他指标。",
        "请在佐证材料中说明不适用的依据;填错的请改正 {cell}。",
        "评分体系规定,不适用的指标剔除后按总分折算。",
        "不适用",
    ),
    Code(
        "SCR009",
        Severity.ERROR,
        "没有评分",
        "「{name}」由填报人按评分标准给分,自评分数栏是{written}。合计因此无法得出。",
        "请对照评分标准,在 {cell} 填写 0 到 {weight} 之间的分数。",
        "评分标准看的是做了什么,只有填报人知道;程序不代为给分。",
        "空白 → 12",
    ),
    # 1xx: the review
    Code(
        "SCR101",
        Severity.WARNING,
        "自评分数与计算不符",
        "自评分数填「{stated}」,按评分标准计算应为 {computed}({formula}),相差 {difference}。{cause}",
        "请核对 {cell} 以及本行的预期值、实现值;计算无误的改为 {computed},也可以留空由程序计算。",
        "得分按评分标准由预期值、实现值和权重算出,不另行给分。程序给出的可能原因只供查找时参考。",
        "实现151个、预期170个、权重40/6:填「6.67」→ 应为「5.92」。",
    ),
    Code(
        "SCR102",
        Severity.WARNING,
        "合计与各行得分之和不符",
        "合计填「{stated}」,按表计算应为 {computed}({formula}),相差 {difference}。{cause}",
        "请把 {cell} 改为 {computed},也可以留空由程序计算。",
        "合计按评分体系规定的方式相加:先四舍五入再相加,与先相加再四舍五入,结果会差几分之一分。",
        "各行显示值相加为 98.87,未四舍五入的得分相加为 98.85 → 填「98.85」。",
    ),
    Code(
        "SCR103",
        Severity.WARNING,
        "未达标而没有说明原因",
        "「{name}」预期「{target}」、实现「{actual}」,没有达到预期,但原因栏{written}。",
        "请在 {cell} 写明没有达到的原因,有改进措施的一并写上。",
        "按表格要求,未达标的指标须说明原因;没有原因的会被退回。",
        "预期「≥170个」、实现「151个」、原因「/」→「受市场环境影响,新增项目减少」。",
    ),
    Code(
        "SCR104",
        Severity.NOTE,
        "已达标而填了原因",
        "「{name}」已经达标,原因栏写「{reason}」。",
        "已达标的,{cell} 填「/」即可;如果实现值填错了,请改正实现值。",
        "原因栏只说明未达标的情况。达标而有原因,常常是实现值或者原因填错了行。",
        "预期「≥3场次」、实现「4场次」、原因「加强组织」→「/」。",
    ),
    Code(
        "SCR105",
        Severity.WARNING,
        "原因与数据矛盾",
        "「{name}」预期「{target}」、实现「{actual}」,按数据{verdict},而原因栏写「{reason}」。",
        "请核对本行的实现值和 {cell} 的原因,使两处一致。",
        "数据说达标而原因说没有完成(或者相反),其中必有一处填错。",
        "预期「≥40个」、实现「38个」、原因「已全部完成」→ 写明少 2 个的原因。",
    ),
    Code(
        "SCR106",
        Severity.WARNING,
        "超额较多而没有说明",
        "「{name}」预期「{target}」、实现「{actual}」,完成比例 {completion},达到 {limit} 以上,没有说明。",
        "请在 {cell} 说明超额完成的原因;如果是预期值定得过低,也请写明。",
        "大幅超额通常说明目标定得过低,复核时要求说明。本表是否扣分由评分体系规定。",
        "预期「≥10条」、实现「15条」→ 原因栏写「新增两场专题对接会,线索多于预计」。",
    ),
    Code(
        "SCR107",
        Severity.NOTE,
        "各项指标全部满分",
        "{count} 项指标全部满分。",
        "请确认各项预期值定得合适、实现值有据;无误的不必修改。",
        "全部满分的自评在复核时通常作为抽查对象。",
        "13 项指标都得满分。",
    ),
    Code(
        "SCR108",
        Severity.WARNING,
        "不适用却得满分",
        "「{name}」写「{quote}」({where}),自评分数却是满分 {score}。",
        "请核对 {cell}:没有开展的工作不能按满分计;确实不适用的,请按财政部门的规定处理并写明依据。",
        "评分标准按做了什么给分。“不适用”说明没有做,不能等同于做得好。",
        "监管有效性写「本项目不适用」,得 8 分 → 按实际给分或说明依据。",
    ),
    Code(
        "SCR109",
        Severity.WARNING,
        "扣了分而没有说明",
        "「{name}」得 {score} 分,少于权重 {weight} 分,但原因栏{written}。",
        "请在 {cell} 写明扣分的原因;没有扣分的,请核对得分。",
        "得分少于权重就说明有没有做到的地方,表格要求写明。",
        "监管有效性得 6 分(权重 8)、原因「/」→「下半年未开展现场检查,扣2分」。",
    ),
)

# What stands in the reason column, for the parameter `written` of SCR103 and SCR109.
WRITTEN: Mapping[bool, str] = {True: "填「{reason}」", False: "是空的"}

# What the numbers say, for the parameter `verdict` of SCR105.
VERDICTS: Mapping[bool, str] = {True: "已经达到预期", False: "没有达到预期"}

# Half sentences for the parameters `cause` and `formula` of SCR101 and SCR102.
CAUSES: Mapping[str, str] = {
    "integer": "可能是只保留到整数。",
    "fewer_decimals": "可能是只保留了{digits}位小数。",
    "cut_off": "可能是末位直接舍去,没有四舍五入。",
    "percent": "正好相差100倍,可能是把百分数当成了小数(或者相反)。",
    "not_capped": "可能是完成比例 {completion} 没有以100%为上限。",
    "full_marks": "完成比例只有 {completion},可能是未达标也按满分计了。",
    "rounded_first": "可能是先把权重或完成比例四舍五入,再相乘。",
    "ratio_as_score": "可能是把完成比例当成了得分。",
    "reversed": "可能是预期值与实现值颠倒相除。",
    "other_count": "可能是按 {other} 项指标平均权重,而这一组填了 {count} 项。",
    "rows_rounded_first": "可能是各行先四舍五入再相加。",
    "rows_not_rounded": "可能是各行没有先四舍五入就相加。",
    "sum_unrounded": "未四舍五入的得分相加为 {exact}",
    "sum_rounded_rows": "各行四舍五入后相加为 {exact}",
}
