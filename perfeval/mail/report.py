"""What an answer says: the results of a message in the words and order of the mail templates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from perfeval.findings import Finding, Severity
from perfeval.ledger import FormLine
from perfeval.mail.attachments import Attachment
from perfeval.mail.message import Message
from perfeval.numbers import decimal_text, shown
from perfeval.pipeline import FormOutcome, Outcome
from perfeval.render import clean, place

__all__ = ["FOR_SENDER", "FileResult", "Standing", "context"]

# Findings about a message that its sender can do something about; the others are for those who run the program.
FOR_SENDER = frozenset(f"EML{number:03}" for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 20))
_MOST_FINDINGS = 40  # of one workbook in the text; all of them stand in the attached one
_MOST_VERSIONS = 5  # named one by one
_CHINA = dt.timezone(dt.timedelta(hours=8))
_COLOURS = {Severity.ERROR: "#c00000", Severity.WARNING: "#9c5700", Severity.NOTE: "#1f5f8b"}
_VERDICTS = {
    "ok": ("已完成，没有发现问题", "#2e7d32"),
    "warning": ("已完成，有需要核实的地方", "#9c5700"),
    "error": ("需要修改，请按下面的说明改好后再发来", "#c00000"),
    "failed": ("没有处理成功，请按下面的说明重新发送", "#c00000"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a form stands among the versions of it that came in."""

    newer: str | None = None  # the file that takes its place; None: this one counts
    older: tuple[str, ...] = ()  # files whose place it takes


@dataclass(frozen=True, slots=True)
class FileResult:
    """What came of one workbook of a message."""

    attachment: Attachment
    outcome: Outcome
    forms: tuple[FormLine, ...] = ()
    standings: tuple[Standing, ...] = ()  # of its forms
    attached: str | None = None  # name under which the finished workbook goes with the answer


def context(message: Message, files: Sequence[FileResult], findings: Sequence[Finding]) -> dict[str, Any]:
    """The names that the templates know."""
    told = [finding for finding in findings if finding.code in FOR_SENDER]
    name = message.sender.name if message.sender is not None else ""
    name = clean(name).strip("“”'\" ")[:40]
    day = None if message.date is None else message.date.astimezone(_CHINA)
    return {
        "greeting": f"{name}，您好" if name else "您好",
        "sent": "" if day is None else f"{day.year}年{day.month}月{day.day}日",
        "problems": [_finding(finding) for finding in told],
        "forms": [entry for result in files for entry in _entries(result)],
        "todo": list(_todo(files, told)),
    }


def _entries(result: FileResult) -> Iterable[dict[str, Any]]:
    """One entry for each form of a workbook; a workbook without a form is one entry too."""
    outcome = result.outcome
    common = {
        "file": result.attachment.name,
        "inside": "、".join(result.attachment.inside),
        "attached": result.attached,
    }
    if not outcome.forms:
        yield {
            **common, "readable": False, "project": "", "unit": "", "year": None, "total": None, "grade": None,
            "groups": [], "versions": [], **_verdict("failed"), **_findings(outcome.findings),
        }  # fmt: skip
        return
    own = {id(finding) for form in outcome.forms for finding in form.findings}
    rest = tuple(finding for finding in outcome.findings if id(finding) not in own)
    for number, form in enumerate(outcome.forms):
        # What concerns the file as a whole is told once, with its first form.
        findings = (*rest, *form.findings) if number == 0 and len(outcome.forms) > 1 else form.findings
        if len(outcome.forms) == 1:
            findings = outcome.findings
        standing = result.standings[number] if number < len(result.standings) else Standing()
        yield {
            **common,
            **_form(form),
            "versions": _versions(standing),
            **_verdict(outcome.status),
            **_findings(findings),
        }


def _form(outcome: FormOutcome) -> dict[str, Any]:
    form, evaluation = outcome.form, outcome.evaluation
    digits, total = outcome.pack.rounding.digits, evaluation.total
    return {
        "readable": True,
        "project": _line(form.text("project")),
        "unit": _line(form.text("unit_name")),
        "year": form.year,
        "total": None if total is None else decimal_text(total.shown),
        "grade": None if total is None else total.grade,
        "groups": [
            {
                "name": group.name,
                "score": "无法得出" if group.score is None else shown(group.score, digits),
                "weight": shown(group.weight, digits),
            }
            for group in evaluation.groups
        ],
    }


def _versions(standing: Standing) -> list[str]:
    lines = []
    if standing.newer is not None:
        lines.append(f"同一张表已收到更新的一份（{standing.newer}），以那一份为准，这一份不再计入")
    if standing.older:
        listed = "、".join(standing.older[:_MOST_VERSIONS]) + ("等" if len(standing.older) > _MOST_VERSIONS else "")
        lines.append(f"以这一份为准；此前收到的{len(standing.older)}份不再计入：{listed}")
    return lines


def _verdict(status: str) -> dict[str, str]:
    words, colour = _VERDICTS[status]
    return {"verdict": words, "colour": colour}


def _findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """The gravest first, as many as a person reads in a mail."""
    ordered = sorted(findings, key=lambda finding: finding.severity.rank)
    return {"findings": [_finding(entry) for entry in ordered[:_MOST_FINDINGS]], "more": len(ordered[_MOST_FINDINGS:])}


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "label": finding.severity.label,
        "where": _line(place(finding)),
        "message": _line(finding.message),
        "fix": _line(finding.fix),
        "colour": _COLOURS[finding.severity],
    }


def _todo(files: Sequence[FileResult], told: Sequence[Finding]) -> Iterable[str]:
    statuses = {result.outcome.status for result in files}
    counted = [result for result in files if not any(standing.newer for standing in result.standings)]
    if any(result.outcome.status == "error" for result in counted):
        yield "打开附件中的表格，按标出的单元格和「问题清单」逐条修改；"
        yield "改好后直接回复本邮件，把表格作为附件发来，我们会重新计分。"
    elif any(result.outcome.status == "warning" for result in counted):
        yield "核对附件中标出的地方；确认无误就不必再发，有改动请直接回复本邮件并附上改好的表格。"
    elif "ok" in statuses:
        yield "附件是已完成的评分表，请核对后留存或报送，不必再发。"
    if "failed" in statuses or any(finding.severity is Severity.ERROR for finding in told):
        yield "没有处理成功的部分，请按上面的说明处理后，把表格作为普通附件重新发来。"


def _line(text: str) -> str:
    return " ".join(clean(text).split())
