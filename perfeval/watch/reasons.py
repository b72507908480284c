"""The short text beside a workbook in 需修改: what to correct, where, and what to do then."""

from __future__ import annotations

from pathlib import PurePath

from perfeval.findings import Severity
from perfeval.pipeline import Outcome
from perfeval.render import clean, finding_lines

__all__ = ["is_reasons", "reasons_text", "text_name"]

_HEADING = "需要修改:"


def reasons_text(name: str, outcome: Outcome) -> bytes:
    """The reasons as a text file that every Notepad shows rightly; equal outcomes give equal bytes."""
    errors = [finding for finding in outcome.findings if finding.severity is Severity.ERROR]
    warnings = [finding for finding in outcome.findings if finding.severity is Severity.WARNING]
    lines = [f"{_HEADING}{clean(name)}", f"错误 {len(errors)} 处(必须改正),提醒 {len(warnings)} 处(请核对)。", ""]
    for finding in (*errors, *warnings):
        lines += [*finding_lines(finding), ""]
    lines.append("怎么做:")
    if any(finding.code.startswith("SYS") for finding in errors):
        lines.append("这不是填报的问题。请把这份文字和同名的表格发给维护人员。")
    elif outcome.forms:
        lines += [
            "1. 打开与这份文字同名的表格,带颜色的单元格就是要看的地方,「问题清单」里逐条列出"
            "(上面写的单元格,是您交来的那份表格里的位置)。",
            "2. 改好以后保存并关闭,再放回收件夹。",
        ]
    else:
        lines.append("请按上面的说明准备好表格,再放回收件夹。原来的文件已经另存在「原件」里。")
    return ("\ufeff" + "\r\n".join("\r\n".join(line.split("\n")) for line in lines) + "\r\n").encode()


def is_reasons(data: bytes) -> bool:
    """Whether a text file is one of ours."""
    return data.startswith(("\ufeff" + _HEADING).encode())


def text_name(name: str) -> str:
    """`表_评分表.xlsx` → `表_评分表.txt`."""
    return PurePath(name).with_suffix(".txt").name
