"""Findings of stage FND: what the money says about itself and about the results."""

from __future__ import annotations

from collections.abc import Mapping

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    Code(
        "FND101",
        Severity.WARNING,
        "支出大于下达",
        "实际支出合计 {spent}{unit},大于实际分配下达(全年预算)合计 {allocated}{unit},多出 {difference}{unit}。",
        "请核对 {cell} 和下达数;确有其他来源的资金时,请在资金支出情况中说明。",
        "支出不会超过到账的资金。两数倒挂多半是单位或栏目填错,执行率也会随之超过100%。",
        "下达 257.33、支出 2139.2 → 支出改为 213.92。",
    ),
    Code(
        "FND102",
        Severity.WARNING,
        "分项与合计不等",
        "「{label}」填 {total}{unit},各分项相加为 {sum}{unit},相差 {difference}{unit}。",
        "请核对 {cell} 和它的各分项,使两者相等。",
        "合计数由分项组成,不相等就无法判断哪个数是真的,执行率也算不准。",
        "合计 100,当年财政拨款 60,其他资金 30 → 其他资金改为 40。",
    ),
    Code(
        "FND103",
        Severity.NOTE,
        "下达与预算不同而未说明",
        "预算安排 {budget}{unit},实际下达 {allocated}{unit},{direction} {difference}{unit},文字部分没有说明原因。",
        "请在资金支出情况中用一句话说明预算调整、压减、收回或追加的情况。",
        "复核时要看到预算变动的来由,否则会被退回补充。",
        "「年中按要求压减 85.67 万元,实际分配下达 257.33 万元。」",
    ),
    Code(
        "FND104",
        Severity.WARNING,
        "执行率偏低",
        "执行率为 {rate}({spent} ÷ {allocated}),低于 {limit}。",
        "请核对 {cell};如无误,请在文字部分写明未支出的原因和后续安排。",
        "执行率过低说明资金没有按计划使用,复核时作为重点。",
        "下达 100、支出 70,执行率 70% → 写明「尾款 30 万元待验收后支付」。",
    ),
    Code(
        "FND105",
        Severity.WARNING,
        "执行率未达标准而无原因",
        "执行率为 {rate}({spent} ÷ {allocated}),低于 {limit},文字部分没有写明原因。",
        "请在资金支出情况或存在的问题中写明资金未全部支出的原因。",
        "执行率低于规定标准的,应当说明原因。",
        "「因部分活动在12月举办,尾款于次年支付。」",
    ),
    Code(
        "FND106",
        Severity.WARNING,
        "几乎没有支出而产出全部满分",
        "执行率只有 {rate},但产出各项指标都是满分。",
        "请核对支出金额 {cell} 和各项实现值:没有花钱而任务全部完成,需要说明经费来源。",
        "产出靠投入取得。几乎没有支出却全部完成,多半是支出漏填,或者任务由别的资金完成。",
        "支出 0.5、下达 100,产出 40 分全得 → 支出漏填一笔 95 万元。",
    ),
    Code(
        "FND107",
        Severity.WARNING,
        "疑似元与万元混用",
        "「{label}」填 {written},与其他金额({other})相差约一万倍,可能是按元填写的。",
        "本表金额单位为{unit}。如果 {cell} 是按元填的,请改为 {suggested}。",
        "表内金额单位相同才能计算执行率。元与万元混用会使执行率相差一万倍。",
        "预算 343(万元)、支出 2139200(元) → 支出改为 213.92。",
    ),
    Code(
        "FND108",
        Severity.WARNING,
        "得分与支出不匹配",
        "得分率 {result},资金执行率 {rate},得分高出支出 {excess}(占得分的比例),超过 {limit}。",
        "请核对支出金额 {cell} 和各项得分;如无误,请说明为什么花得少而成效高。",
        "成效应与投入大体相称。得分明显高于支出,可能是目标定得过低,或支出不完整。",
        "得 98.85 分而执行率 83.13%,高出 15.9% → 说明节约的原因。",
    ),
    Code(
        "FND109",
        Severity.WARNING,
        "金额为负数",
        "「{label}」填 {written},金额不应小于 0。",
        "请核对 {cell};收回、压减的资金请在文字部分说明,不填负数。",
        "预算、下达和支出都是发生额,负数会使执行率失去意义。",
        "「-20」→「0」,并说明收回 20 万元。",
    ),
)

# Less or more, for the parameter `direction` of FND103.
DIRECTIONS: Mapping[bool, str] = {False: "少", True: "多"}
