"""Findings: what a person must correct, look at, or know, each at its cell.

A finding is a code, a place and the parameters of its sentence; the Chinese words live in one catalogue
(`perfeval.findings.<stage>`), from which messages, `perfeval explain` and the tables in the READMEs are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from importlib import import_module

from perfeval.record import record

__all__ = ["STAGES", "Code", "Finding", "Severity", "catalogue", "code", "worst"]

# Stage prefix → what the stage is about. Each has a module of the same name in lower case.
STAGES: Mapping[str, str] = {
    "TPL": "表格识别",
    "VAL": "单元格内容",
    "WGT": "权重",
    "SCR": "得分",
    "FND": "资金",
    "TXT": "文字",
    "EVD": "佐证材料",
    "PAK": "评分体系",
    "OUT": "写出结果",
    "BAT": "批量处理",
    "EML": "邮件",
    "SYS": "程序",
}


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # 错误: the score of this row or file cannot stand
    WARNING = "warning"  # 提醒: a person must look
    NOTE = "note"  # 说明: what was normalised

    @property
    def label(self) -> str:
        """The Chinese word shown to users."""
        return _LABELS[self]

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return ("error", "warning", "note").index(self.value)


_LABELS: Mapping[str, str] = {"error": "错误", "warning": "提醒", "note": "说明"}


@record(frozen=True, slots=True)
class Code:
    """One kind of finding. `message` and `fix` hold `{parameters}`; `{cell}` and `{label}` are always there."""

    id: str  # three letters of the stage, three digits; never reused
    severity: Severity
    title: str  # short name for tables
    message: str  # what was seen and why it is a problem, quoting what was written
    fix: str  # 改法: what to type instead, naming the cell
    why: str = ""  # the reason behind the rule, for `explain`
    example: str = ""  # a wrong and a right entry, for `explain`


@record(frozen=True, slots=True)
class Finding:
    """One occurrence of a code at a place."""

    code: str
    cell: str = ""  # A1 address in the workbook that was read; "" for the whole sheet or file
    label: str = ""  # the words a clerk sees there: 「全市项目评审数量 / 评价年度实现值」
    params: Mapping[str, str] = field(default_factory=dict)
    sheet: str = ""  # sheet name; "" for the whole file

    @property
    def severity(self) -> Severity:
        """Severity of the code."""
        return code(self.code).severity

    @property
    def message(self) -> str:
        """The sentence with its parameters filled in."""
        return self._render(code(self.code).message)

    @property
    def fix(self) -> str:
        """改法, with its parameters filled in."""
        return self._render(code(self.code).fix)

    def _render(self, template: str) -> str:
        return template.format_map({"cell": self.cell, "label": self.label, "sheet": self.sheet, **self.params})


def catalogue() -> dict[str, Code]:
    """Every code of every stage, in order."""
    found: dict[str, Code] = {}
    for prefix in STAGES:
        for entry in _stage(prefix).values():
            found[entry.id] = entry
    return found


def code(code_id: str) -> Code:
    """The catalogue entry of `code_id`; KeyError for an unknown one (a mistake of ours)."""
    known = _CODES.get(code_id)
    if known is None:
        known = _CODES[code_id] = _stage(code_id[:3])[code_id]
    return known


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The gravest severity among `findings`, None when there are none."""
    return min({finding.severity for finding in findings}, key=lambda s: s.rank, default=None)


_STAGE_CODES: dict[str, dict[str, Code]] = {}
_CODES: dict[str, Code] = {}  # those asked for, by id


def _stage(prefix: str) -> dict[str, Code]:
    known = _STAGE_CODES.get(prefix)
    if known is None:
        module = import_module(f"perfeval.findings.{prefix.lower()}")
        known = _STAGE_CODES[prefix] = {entry.id: entry for entry in module.CODES}
    return known
