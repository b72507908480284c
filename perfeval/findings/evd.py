"""Findings of stage EVD: what the evidence column can and cannot prove."""

from __future__ import annotations

from collections.abc import Mapping

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    Code(
        "EVD101",
        Severity.WARNING,
        "没有佐证材料",
        "「{name}」没有列出佐证材料。",
        "请在 {cell} 写明能证明实现值的材料名称,例如「佐证5:活动签到表」。",
        "复核按佐证材料核对实现值,没有佐证的得分可能不被认可。",
        "空白 →「佐证5:招商推介活动通知、签到表」。",
    ),
    Code(
        "EVD102",
        Severity.NOTE,
        "全表没有佐证材料",
        "{count} 项指标都没有列出佐证材料。",
        "如果佐证材料另附,请在「{column}」栏写明材料名称,便于复核时对照。",
        "复核按佐证材料核对实现值;材料另附时,表内也应能看出哪份材料证明哪项指标。",
        "空白 →「佐证5:招商推介活动通知、签到表」。",
    ),
    Code(
        "EVD103",
        Severity.WARNING,
        "满意度没有调查依据",
        "满意度「{actual}」的佐证是「{evidence}」,其中没有{survey}一类的材料{weak}。",
        "请在 {cell} 补充满意度调查的材料(份数、统计结果);没有开展调查的,请按实际情况填写实现值和原因。",
        "满意度是服务对象的评价,感谢信、新闻报道只能说明个别人的看法,算不出比例。",
        "「感谢信」→「佐证9:企业服务满意度调查问卷及统计表(发放60份,收回58份)」。",
    ),
    Code(
        "EVD104",
        Severity.NOTE,
        "佐证编号不连续",
        "佐证编号用到 {last},缺少 {missing}。",
        "请核对 {cell} 的编号,补上缺少的材料或者重新编号。",
        "编号中断会让复核的人以为少交了材料。",
        "佐证1、佐证2、佐证4 → 佐证4 改为佐证3。",
    ),
    Code(
        "EVD105",
        Severity.NOTE,
        "佐证编号重复",
        "{mark}用了两次,所指材料不同:「{first}」({other})和「{second}」。",
        "请在 {cell} 改用没有用过的编号。",
        "一个编号对应两份材料,复核的人找不到对的那份。",
        "佐证3:签到表 / 佐证3:合同 → 后者改为佐证4。",
    ),
    Code(
        "EVD106",
        Severity.WARNING,
        "佐证不是评价年度的",
        "佐证材料写的是 {written},而评价年度是 {year} 年。",
        "请核对 {cell}:改用 {year} 年度的材料;如果材料确实能证明 {year} 年的结果,请写明。",
        "往年的材料证明不了评价年度的结果,常见于从上一年的表复制。",
        "「2022年活动签到表」→「2024年活动签到表」。",
    ),
)

# Half sentences for the parameters of these codes.
PHRASES: Mapping[str, str] = {
    "only": ",只有{weak}",
    "number": "佐证{number}",
    "more": "等",
    "year": "{year}年",
}
