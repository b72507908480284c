"""What people read in a terminal: findings grouped by file, aligned although 汉字 are two columns wide.

Everything here turns results into lines of text; nothing is printed. Texts from workbooks are cleaned first, because
a cell may hold characters that would move the cursor or colour the window of whoever looks at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from perfeval.findings import Code, Finding
from perfeval.numbers import decimal_text, shown
from perfeval.patterns import lazy_pattern
from perfeval.record import record

if TYPE_CHECKING:
    from perfeval.model import Evaluation, RowResult
    from perfeval.pipeline import Outcome

__all__ = [
    "STATUS",
    "Look",
    "clean",
    "closing_line",
    "code_lines",
    "columns",
    "finding_lines",
    "outcome_lines",
    "outcome_text",
    "pad",
    "row_lines",
    "sum_lines",
    "wrap",
]

# Status of a file → the word people see, in the order of the closing line.
STATUS: Mapping[str, str] = {"ok": "完成", "warning": "有提醒", "error": "需修改", "failed": "失败"}

_STATUS_WIDTH = 6
_UNITS = lazy_pattern(r"[!-~]+|\s+|.", re.DOTALL)
# 禁则: never at the start of a line, and never at its end. The escapes are the full-width , : ; ? ! ) . and (.
_NOT_FIRST = frozenset(",.;:?!)]}。、」』】》〉”’…—%‰·\uff0c\uff1a\uff1b\uff1f\uff01\uff09\uff0e")
_NOT_LAST = frozenset("([{「『【《〈“‘\uff08")

_ANSI = {"error": "1;31", "failed": "1;31", "warning": "33", "note": "36", "ok": "32", "strong": "1", "faint": "2"}


@record(frozen=True, slots=True)
class Look:
    """How lines are to look: colours only on a terminal, a width only where lines should be wrapped."""

    colour: bool = False
    width: int | None = None  # columns of the terminal; None: never wrap (files, pipes)

    def paint(self, text: str, role: str) -> str:
        """`text` in the colour of a severity, a status, or "strong" or "faint"."""
        return f"\x1b[{_ANSI[role]}m{text}\x1b[0m" if self.colour else text


PLAIN = Look()


def clean(text: str) -> str:
    """`text` without anything that acts on a terminal; line ends stay, undecodable bytes of a path become �."""
    if text.isprintable():
        return text
    return "".join(char if char == "\n" or char.isprintable() else _harmless(char) for char in text)


def _harmless(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\t\r" or category.startswith("Z"):
        return " "
    return "" if category == "Cf" else "�"


@lru_cache(maxsize=4096)
def _char_columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def columns(text: str) -> int:
    """Columns `text` takes in a terminal: 汉字 and full-width signs two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_char_columns, text))


def pad(text: str, width: int) -> str:
    """`text` filled with blanks to `width` columns."""
    return text + " " * max(0, width - columns(text))


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns, at blanks or between 汉字, keeping 禁则; own line ends stay."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0
        for unit in _units(paragraph, width):
            size = columns(unit)
            if line and used + size > width:
                lines.append(line.rstrip())
                line, used = "", 0
                unit = unit.lstrip()
                size = columns(unit)
            line += unit
            used += size
        lines.append(line.rstrip())
    return lines


def _units(paragraph: str, width: int) -> Iterable[str]:
    """The pieces of a paragraph that stay whole on a line: words, single 汉字 with the signs that cling to them."""
    unit = ""
    for match in _UNITS.finditer(paragraph):
        piece = match[0]
        clings = bool(unit) and not piece.isspace() and (piece[0] in _NOT_FIRST or unit[-1] in _NOT_LAST)
        if clings and columns(unit) + columns(piece) <= width:
            unit += piece
            continue
        if unit:
            yield unit
        while columns(piece) > width:
            head = piece[:width]  # only words of single-width letters get this long
            yield head
            piece = piece[width:]
        unit = piece
    if unit:
        yield unit


def _block(text: str, indent: str, look: Look) -> list[str]:
    """`text`, cleaned, wrapped to the look's width behind `indent`."""
    lines = clean(text).split("\n") if look.width is None else wrap(clean(text), max(20, look.width - columns(indent)))
    return [f"{indent}{line}".rstrip() for line in lines]


def place(finding: Finding) -> str:
    """Where a finding is, in the words a clerk sees: 「指标评分表!H23(全市引进项目投资额 / 评价年度实现值)」."""
    where = f"{finding.sheet}!{finding.cell}" if finding.sheet and finding.cell else finding.sheet or finding.cell
    if finding.label:
        return f"{where}({finding.label})" if where else finding.label
    return where


def finding_lines(finding: Finding, look: Look = PLAIN, indent: str = "") -> list[str]:
    """One finding: severity, code and place on the first line, then what is wrong and what to type instead."""
    severity = finding.severity
    head = f"{indent}{look.paint(severity.label, severity.value)} {look.paint(finding.code, 'strong')}"
    where = clean(place(finding)).replace("\n", " ")
    below = indent + " " * 5
    lines = [f"{head}  {where}" if where else head]
    lines += _block(finding.message, below, look)
    if fix := finding.fix:
        lines += _block(f"改法:{fix}", below, look)
    return lines


def outcome_lines(outcome: Outcome, look: Look = PLAIN) -> list[str]:
    """One file: its status, where the result went, its total, and every finding in reading order."""
    status = outcome.status
    head = [f"{look.paint(pad(STATUS[status], _STATUS_WIDTH), status)}  {clean(str(outcome.path))}"]
    for form in outcome.forms:
        name = f"{form.form.sheet} " if len(outcome.forms) > 1 else ""
        total = form.evaluation.total
        if total is None:
            head.append(clean(f"{name}合计 无法得出"))
        else:
            grade = f"({total.grade})" if total.grade else ""
            head.append(clean(f"{name}合计 {decimal_text(total.shown)}{grade}"))
    lines = ["  ".join(head)]
    indent = " " * (_STATUS_WIDTH + 2)
    if outcome.output is not None:
        lines.append(f"{indent}→ {clean(str(outcome.output))}")
    for form in outcome.forms:
        for note in form.evaluation.notes:
            lines += _block(note, indent, look)
    for finding in outcome.findings:
        lines += finding_lines(finding, look, indent)
    return lines


def outcome_text(outcome: Outcome, look: Look = PLAIN) -> str:
    """The lines of one file as one piece of text."""
    return "".join(f"{line}\n" for line in outcome_lines(outcome, look))


def closing_line(counts: Mapping[str, int], skipped: int = 0) -> str:
    """「共 N 个文件:完成 a,有提醒 b,需修改 c,失败 d」, and how many were skipped if any."""
    total = sum(counts.get(status, 0) for status in STATUS) + skipped
    parts = [f"{word} {counts.get(status, 0)}" for status, word in STATUS.items()]
    if skipped:
        parts.append(f"跳过 {skipped}")
    return f"共 {total} 个文件:{','.join(parts)}"


def code_lines(code: Code, look: Look = PLAIN) -> list[str]:
    """The page of `perfeval explain CODE`: what, why, example, remedy."""
    lines = [f"{look.paint(code.id, 'strong')}  {code.title}({code.severity.label})"]
    message, fix = (text.format_map(_Blanks()) for text in (code.message, code.fix))
    for heading, text in (("提示", message), ("原因", code.why), ("例子", code.example), ("改法", fix)):
        if text:
            lines += ["", look.paint(heading, "strong"), *_block(text, "  ", look)]
    return lines


class _Blanks(dict[str, str]):
    """Stands in for the parameters of a message: {cell} becomes 〔单元格〕."""

    def __missing__(self, name: str) -> str:
        return f"〔{_PARAMETERS.get(name, '…')}〕"


_PARAMETERS: Mapping[str, str] = {
    "cell": "单元格",
    "label": "栏目",
    "sheet": "工作表",
    "written": "填写的内容",
    "name": "指标",
    "unit": "单位",
    "expected": "应为",
    "path": "文件",
    "file": "文件",
    "other": "另一处",
    "output": "结果文件",
    "reason": "原因",
    "option": "选项",
}


def row_lines(row: RowResult, digits: int = 2, look: Look = PLAIN) -> list[str]:
    """How the score of one indicator came about, step by step, each with the source of its rule."""
    indicator = row.indicator
    score = "无法得出" if row.score is None else f"{shown(row.score, digits)} 分"
    cell = indicator.cell("score").ref
    head = f"{clean(indicator.name)}  得分 {score}" + (f"({cell})" if cell else "")
    lines = [look.paint(head.replace("\n", " "), "strong")]
    for word, text in (("预期值", indicator.target.text), ("实现值", indicator.actual.text)):
        if text.strip():
            lines += _block(f"{word}:{text}", "  ", look)
    for number, step in enumerate(row.steps, start=1):
        lines += _block(f"{number}. {step.rule}:{step.formula}", "  ", look)
        lines += _block(f"依据:{step.source}", "     ", look)
    return lines


def sum_lines(evaluation: Evaluation, digits: int = 2, look: Look = PLAIN) -> list[str]:
    """What the groups and the total come to, and why the eye may add up to something else."""
    width = max((columns(group.name) for group in evaluation.groups), default=0)
    lines = []
    for group in evaluation.groups:
        score = "无法得出" if group.score is None else shown(group.score, digits)
        lines.append(f"{pad(group.name, width)}  {score} / {shown(group.weight, digits)}")
    total = evaluation.total
    lines.append(look.paint("合计 无法得出" if total is None else f"合计 {decimal_text(total.shown)}", "strong"))
    for note in evaluation.notes:
        lines += _block(note, "", look)
    return lines
