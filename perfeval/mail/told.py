"""What came of each message, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perfeval.findings import Severity
from perfeval.jsonout import file_object, finding_object
from perfeval.mail.answer import MailResult
from perfeval.mail.register import Reply, utc_text
from perfeval.numbers import decimal_text
from perfeval.render import PLAIN, STATUS, Look, clean, finding_lines, pad

__all__ = ["REPLIES", "STATUSES", "closing_line", "message_object", "message_text"]

STATUSES: Mapping[str, str] = {**STATUS, "skipped": "跳过"}
REPLIES: Mapping[Reply, str] = {
    Reply.NONE: "没有写回复",
    Reply.DRAFT: "回复草稿",
    Reply.QUEUED: "等待发出",
    Reply.SENDING: "发送中断",
    Reply.SENT: "回复已发出",
    Reply.REFUSED: "回复被拒",
}
_WIDTH = 6


def message_text(result: MailResult, look: Look = PLAIN) -> str:
    """The lines of one message: who and what about, each workbook with its total, the draft, and what was noticed."""
    return "".join(f"{line}\n" for line in _lines(result, look))


def _lines(result: MailResult, look: Look) -> Iterator[str]:
    day = "" if result.sent is None else f"{result.sent:%Y-%m-%d} "
    about = f"{day}{result.sender} 「{result.subject}」" if result.sender or result.subject else result.source
    status = "faint" if result.status == "skipped" else result.status
    yield f"{look.paint(pad(STATUSES[result.status], _WIDTH), status)}  {_line(about)}"
    indent = " " * (_WIDTH + 2)
    for entry in result.files:
        outcome = entry.outcome
        inside = f"({'、'.join(entry.attachment.inside)})" if entry.attachment.inside else ""
        totals = [
            "合计 无法得出" if form.evaluation.total is None else f"合计 {decimal_text(form.evaluation.total.shown)}"
            for form in outcome.forms
        ]
        counts = [
            f"{label} {number}"
            for label, number in (
                ("错误", sum(finding.severity.value == "error" for finding in outcome.findings)),
                ("提醒", sum(finding.severity.value == "warning" for finding in outcome.findings)),
            )
            if number
        ]
        what = "  ".join((_line(f"{entry.attachment.name}{inside}"), *totals, *counts))
        yield f"{indent}{look.paint(pad(STATUS[outcome.status], _WIDTH), outcome.status)}  {what}"
        for finding in outcome.findings:
            if finding.code.startswith("OUT") and finding.severity is Severity.ERROR:  # no draft tells of it
                yield from finding_lines(finding, look, f"{indent}{' ' * (_WIDTH + 2)}")
        for standing in entry.standings:
            if standing.newer is not None:
                yield f"{indent}{' ' * (_WIDTH + 2)}旧版本,以「{_line(standing.newer)}」为准"
    if result.draft is not None:
        yield f"{indent}→ {_line(str(result.draft))}({REPLIES[result.reply]})"
    elif result.folder is not None and not result.known:
        yield f"{indent}→ {_line(str(result.folder))}({REPLIES[result.reply]})"
    for finding in result.findings:
        yield from finding_lines(finding, look, indent)


def message_object(result: MailResult) -> dict[str, Any]:
    """One entry of `messages` in the JSON."""
    return {
        "source": result.source,
        "subject": result.subject,
        "sender": result.sender,
        "sent": utc_text(result.sent) or None,
        "status": result.status,
        "folder": None if result.folder is None else str(result.folder),
        "draft": None if result.draft is None else str(result.draft),
        "reply": result.reply.value,
        "files": [
            {
                "name": entry.attachment.name,
                "inside": list(entry.attachment.inside),
                "newer": [standing.newer for standing in entry.standings],
                **file_object(entry.outcome),
            }
            for entry in result.files
        ],
        "findings": [finding_object(finding) for finding in result.findings],
    }


def closing_line(counts: Mapping[str, int]) -> str:
    """「共 N 封邮件:完成 a,有提醒 b,需修改 c,失败 d,跳过 e」."""
    parts = [f"{word} {counts.get(status, 0)}" for status, word in STATUSES.items()]
    return f"共 {sum(counts.values())} 封邮件:{','.join(parts)}"


def _line(text: str) -> str:
    return " ".join(clean(text).split())
