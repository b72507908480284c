"""Findings of stage WGT."""

from __future__ import annotations

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    # 0xx: the calculation
    Code(
        "WGT001",
        Severity.ERROR,
        "分值没有填",
        "「{name}」的分值是{written},得分无法计算。",
        "请在 {cell} 填写这一项的分值。",
        "这张表的分值由单位自行分配,程序不代为分配。",
        "空白 → 10",
    ),
    Code(
        "WGT002",
        Severity.ERROR,
        "分值不大于 0",
        "「{name}」的分值填「{written}」,应当大于 0。",
        "请改正 {cell} 的分值;不考核的指标请删去整行。",
        "分值为 0 的指标不参加评分,留在表里会使人误解。",
        "0 → 5",
    ),
    Code(
        "WGT003",
        Severity.ERROR,
        "缺少印定的指标",
        "「{group}」缺少表格印定的指标「{name}」({weight}分)。合计因此无法得出。",
        "请按原表补上「{name}」一行并填写。",
        "印定的指标每个项目都要自评,缺一项总分就不满。",
        "删去了「监管有效性」一行 → 补回",
    ),
    Code(
        "WGT004",
        Severity.ERROR,
        "不是印定的指标",
        "「{name}」不是「{group}」印定的指标,没有权重。",
        "请把 {cell} 改回印定的名称({allowed}),或者把这一行移到可以自定指标的组。",
        "这一组的指标和权重由表格印定,不能增加。",
        "过程下多出一行「组织保障」→ 删去",
    ),
    Code(
        "WGT005",
        Severity.ERROR,
        "一组的分值加起来不对",
        "「{group}」各项分值相加是 {sum},应为 {points}({off})。",
        "请调整「{group}」各行的分值(最后一行在 {cell}),使合计等于 {points}。",
        "每一组的总分值是规定的,多了少了都会使合计不等于满分。",
        "20+20+15=55,应为 50 → 15 改为 10",
    ),
    # 1xx: the review
    Code(
        "WGT101",
        Severity.ERROR,
        "一组没有指标",
        "「{group}」({points}分)下面没有填写任何三级指标,总分最多只有 {reachable} 分。",
        "请在「{group}」下至少填写一项三级指标。",
        "每一组都有分值。一组没有指标,这些分就无从计算,合计不能成立。",
        "「效益」下全部空白 → 至少填写一项效益指标。",
    ),
    Code(
        "WGT102",
        Severity.WARNING,
        "权重与评分体系不符",
        "「{group}」中「{name}」的权重填 {written},按评分体系应为 {expected}({formula})。"
        "同组其他各行如有同样的情况,不再逐行列出。",
        "请把 {cell} 改为 {expected},也可以留空由程序计算。",
        "权重由评分体系规定,或者由这一组的分值除以已填指标的个数得出;增删指标以后容易忘记改。",
        "效益组 40 分、5 项指标,权重填「10」→「8」。",
    ),
    Code(
        "WGT103",
        Severity.WARNING,
        "权重合计不符",
        "权重合计填 {written},应为 {expected}。",
        "请把 {cell} 改为 {expected},并核对各项权重。",
        "各级权重的合计都应等于总分。",
        "合计权重「99.98」→「100」。",
    ),
)
