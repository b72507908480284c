"""Findings of stage BAT: many files in one run."""

from __future__ import annotations

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    Code(
        id="BAT001",
        severity=Severity.WARNING,
        title="两个文件的结果同名",
        message="「{path}」与「{other}」的结果会同名,两份都已保留,这一份另存为「{output}」。",
        fix="请确认哪一份是要报送的;如果是同一张表的两个版本,请只留一份再运行。",
        why="例如同一文件夹里既有「自评表.xls」又有「自评表.xlsx」,两份结果若用同一个名称,后一份会盖掉前一份。",
        example="错误:自评表.xls 和 自评表.xlsx 并存;正确:只留最终的一份,或改成不同的名称。",
    ),
    Code(
        id="BAT002",
        severity=Severity.ERROR,
        title="找不到文件",
        message="找不到「{path}」。它可能已被移走、改名,或者路径写错了。",
        fix="请核对路径;路径中有空格时请用引号括起来。",
        why="",
        example='错误:perfeval check 自评 表.xlsx;正确:perfeval check "自评 表.xlsx"。',
    ),
    Code(
        id="BAT003",
        severity=Severity.ERROR,
        title="文件读不出来",
        message="「{path}」无法读取:{reason}。",
        fix="请确认您能打开这个文件;如果它正在别的程序中打开,请先关闭,再重新运行。",
        why="",
        example="",
    ),
    Code(
        id="BAT004",
        severity=Severity.NOTE,
        title="链接指向文件夹之外",
        message="「{path}」是一个链接,指向所给文件夹之外的地方,没有处理。",
        fix="如果确实要处理它,请把链接所指的文件直接写在命令里。",
        why="链接可能指向别人的文件;只处理您明确给出的文件夹里的内容。",
        example="",
    ),
    Code(
        id="BAT005",
        severity=Severity.NOTE,
        title="锁文件",
        message="「{path}」是 Excel 或 WPS 打开文件时留下的锁文件,不是表格,没有处理。",
        fix="无需处理;关闭对应的文件后它会自动消失。",
        why="以「~$」或「.~」开头的小文件只记录谁正打开着表格。",
        example="",
    ),
    Code(
        id="BAT006",
        severity=Severity.NOTE,
        title="文件夹里没有表格",
        message="文件夹「{path}」里没有可以处理的表格。",
        fix="请确认文件夹是否给对;支持 .xlsx、.xlsm、.xls、.et、.xlsb、.ods 文件。",
        why="锁文件、隐藏文件、临时文件和本工具自己的结果不算。",
        example="",
    ),
)
