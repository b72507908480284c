"""Findings of stage WGT."""

from __future__ import annotations

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
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
        "上级权重与规定不符",
        "「{name}」的权重填 {written},应为 {expected}。",
        "请把 {cell} 改为 {expected}。",
        "一级、二级指标的权重由评分体系规定,或者等于下面各三级指标权重之和。",
        "「产出」填 45 → 改为 40。",
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
