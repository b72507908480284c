"""Findings of stage TPL."""

from __future__ import annotations

from perfeval.findings import Code, Severity

# What opening a file finds. TPL001 to TPL019.
_FILES: tuple[Code, ...] = ()

# What the reader finds when it looks for the places of the form. TPL020 and up.
_LAYOUT: tuple[Code, ...] = (
    Code(
        "TPL020",
        Severity.ERROR,
        "没有找到评分表",
        "这个文件里没有找到可以识别的自评表。{hint}",
        "请使用财政部门下发的自评表填报,保留表头文字(如“一级指标”“自评分数”);确认是哪一种表时,可加 --pack 指定。",
        "程序按表头文字认表,不按工作表名称或单元格位置认表。",
        "把数据贴进空白工作表、删掉了表头 → 从空白表重新填写。",
    ),
    Code(
        "TPL021",
        Severity.ERROR,
        "几种评分体系都像",
        "「{sheet}」同时符合几种自评表:{candidates},无法确定用哪一种评分。",
        "请用 --pack 指定其中一种,例如 --pack {first}。",
        "不同评分体系算出的得分不同,程序不替您选。",
        "perfeval fill 表.xlsx --pack {first}",
    ),
    Code(
        "TPL022",
        Severity.ERROR,
        "缺少一列",
        "找不到“{column}”一列。",
        "请对照空白表补上“{column}”的表头,或把现在的表头文字改成“{column}”。",
        "指标名称、预期值、实现值、得分靠表头文字来找,缺了就读不到。",
        "表头“评价年度完成情况” → “评价年度实现值”。",
    ),
    Code(
        "TPL023",
        Severity.ERROR,
        "缺少一列,有相近的表头",
        "找不到“{column}”一列;第{row}行“{found}”是否就是它?",
        "如果是,请把 {cell} 改为“{column}”;如果不是,请对照空白表补上这一列。",
        "表头文字相近但不相同时,程序不猜。",
        "表头“评价年度完成情况” → “评价年度实现值”。",
    ),
    Code(
        "TPL024",
        Severity.WARNING,
        "表头少了一项",
        "找不到“{label}”,它旁边要填的内容没有读到。",
        "请对照空白表恢复“{label}”几个字,并在它旁边填写。",
        "表头各项靠文字来找。",
        "“预算安排” → “预算计划安排”。",
    ),
    Code(
        "TPL025",
        Severity.ERROR,
        "认不出属于哪一级指标",
        "一级指标“{level1}”、二级指标“{level2}”不在本表的指标体系里,这一行没有计分。",
        "请把这一行的一级指标改为:{allowed};二级指标用空白表上的名称。",
        "权重按一级指标分组计算,不知道属于哪一组就没有权重。",
        "二级指标“数量” → “数量指标”。",
    ),
    Code(
        "TPL026",
        Severity.ERROR,
        "没有填写任何指标",
        "指标评分表里没有一行填写了三级指标。",
        "请从 {cell} 起填写三级指标的名称、预期值和实现值。",
        "没有指标就没有得分。",
        "",
    ),
    Code(
        "TPL027",
        Severity.WARNING,
        "三级指标没有名称",
        "这一行填了预期值或实现值,但没有写{label}。",
        "请在 {cell} 写上三级指标的名称。",
        "没有名称,汇总时无法说明这一行是什么。",
        "",
    ),
    Code(
        "TPL028",
        Severity.WARNING,
        "二级指标的名称不在表上",
        "二级指标“{written}”不是“{level1}”下的名称,已按原样保留。",
        "请核对 {cell},“{level1}”下有:{allowed}。",
        "指标放错了类别,复核时会被要求调整。",
        "“社会效益指标”写在“产出”下 → 移到“效益”下。",
    ),
    Code(
        "TPL029",
        Severity.NOTE,
        "有内容写在表格之外",
        "{count} 处内容写在表格没有位置的地方({cells}),已原样保留在表格右侧。",
        "请核对:需要进入表格的,填到对应的栏目里。",
        "写在表格外的文字不参与计分,也不打印。",
        "",
    ),
    Code(
        "TPL030",
        Severity.WARNING,
        "工作簿里的其他工作表没有带过来",
        "这种格式({kind})的文件里,工作表“{sheets}”和图片、批注不能带到结果里。",
        "请用 Excel 或 WPS 把原文件另存为 .xlsx 再处理,就能全部保留;原文件没有改动。",
        "只有 .xlsx、.xlsm 能够逐项保留。",
        "",
    ),
)

CODES: tuple[Code, ...] = (*_FILES, *_LAYOUT)
