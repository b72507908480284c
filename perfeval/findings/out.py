"""Findings of stage OUT: writing results."""

from __future__ import annotations

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    Code(
        id="OUT001",
        severity=Severity.ERROR,
        title="结果写不进去",
        message="结果「{path}」无法写入:{reason}。原文件没有改动,也没有留下不完整的文件。",
        fix="请确认该文件夹存在、磁盘已连接、您有写入权限,或用 --out 换一个文件夹后重新运行。",
        why="结果先写到临时名称,写完整后才改为正式名称;写不进去时宁可没有结果,也不留下半个文件。",
        example="错误:--out 指向只读的光盘或他人的共享文件夹;正确:--out 指向自己能新建文件的文件夹。",
    ),
    Code(
        id="OUT002",
        severity=Severity.ERROR,
        title="结果文件正被打开",
        message="结果「{path}」正在 Excel 或 WPS 中打开,或没有覆盖它的权限,因此无法写入。",
        fix="请先关闭打开着「{path}」的 Excel 或 WPS 窗口,再重新运行;也可以用 --out 换一个文件夹。",
        why="Excel 和 WPS 打开文件时会锁定文件,其他程序不能替换它。",
        example="错误:一边在 Excel 里看上次的结果,一边用 --on-exists overwrite 重新生成;正确:先关闭再生成。",
    ),
    Code(
        id="OUT003",
        severity=Severity.ERROR,
        title="磁盘空间不足",
        message="写入「{path}」时磁盘空间已用完(或超出了您的配额)。原文件没有改动。",
        fix="请清理磁盘,或用 --out 换到有空间的磁盘,再用 --on-exists skip 重新运行,已完成的不会重做。",
        why="磁盘写满时写出的文件是不完整的,所以没有保留。",
        example="",
    ),
    Code(
        id="OUT004",
        severity=Severity.ERROR,
        title="文件名不被系统接受",
        message="系统不接受结果的名称「{path}」:名称太长,或含有系统不允许的字符。",
        fix="请把原文件改成较短的名称(建议不超过60个汉字,不用 : * ? 等符号)再重新运行;"
        "在 Linux 上还请确认系统语言是 UTF-8(例如 LANG=zh_CN.UTF-8)。",
        why="多数系统的文件名最长约80个汉字,加上后缀「_评分表」以后可能超出。",
        example="错误:把整句项目说明用作文件名;正确:「招商引资专项经费.xlsx」。",
    ),
    Code(
        id="OUT005",
        severity=Severity.NOTE,
        title="已有结果,跳过",
        message="结果「{path}」已经存在,按 --on-exists skip 跳过,没有重做。",
        fix="如需重做,请先移走旧结果,或改用 --on-exists overwrite(覆盖)或 suffix(另存)。",
        why="跳过已有结果,可以接着做上次中断的工作。",
        example="",
    ),
    Code(
        id="OUT006",
        severity=Severity.NOTE,
        title="已有同名结果,另存",
        message="「{path}」已经存在,旧的没有动,这次的结果另存为「{output}」。",
        fix="请保留需要的一份;若不希望另存,请用 {option}。",
        why="不经您同意(--on-exists overwrite),任何已有文件都不会被覆盖;输入文件在任何情况下都不会被覆盖。",
        example="",
    ),
)
