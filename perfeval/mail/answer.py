"""One message from end to end: verify, look whether it is known, take out the workbooks, do them, draft the answer.

The order is what makes it safe: first everything is on the disk, then the register says that the message was dealt
with, and only then may anybody – the mailbox, the next run – take it for done. Doing it again after a crash writes the
same files to the same places.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfeval.errors import PathError
from perfeval.files import TEMPORARY_PREFIX, reason, safe_name, write_atomic
from perfeval.findings import Finding, Severity, worst
from perfeval.ledger import entry_of
from perfeval.mail.attachments import Attachment, collect
from perfeval.mail.limits import LIMITS, Limits
from perfeval.mail.message import Message
from perfeval.mail.register import Record, Register, Reply, utc_text
from perfeval.mail.reply import File, compose, texts
from perfeval.mail.report import FOR_SENDER, FileResult, context
from perfeval.mail.trust import Policy
from perfeval.mail.versions import Versions
from perfeval.pipeline import Options, Outcome, produce, store
from perfeval.planning import output_name

__all__ = ["DRAFT", "MailResult", "Settings", "Workshop"]

DRAFT = "回复.eml"
ORIGINALS = "原件"
RECEIVED = "来信.eml"
UNVERIFIED = "〔发件人未验证〕"
_CHINA = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller decides for a run."""

    out: Path
    options: Options = field(default_factory=Options)
    policy: Policy = field(default_factory=Policy)
    sender: str | None = None  # our own address, the From of answers; None: the one the message was sent to
    send: bool = False  # whether answers are to be queued for sending
    limits: Limits = LIMITS


@dataclass(frozen=True, slots=True)
class MailResult:
    """What came of one message."""

    source: str  # the file, or the place in a mailbox, it came from
    subject: str = ""
    sender: str = ""
    sent: dt.datetime | None = None
    folder: Path | None = None  # where its results lie; None: it has none
    draft: Path | None = None
    reply: Reply = Reply.NONE
    files: tuple[FileResult, ...] = ()
    findings: tuple[Finding, ...] = ()  # about the message itself
    known: bool = False  # it had been dealt with before
    settled: bool = True  # it needs no second look by the program

    @property
    def status(self) -> str:
        """ "skipped": nothing was to be done; else the gravest of its workbooks and of the message itself."""
        if self.known:
            return "skipped"
        statuses = {result.outcome.status for result in self.files}
        gravest = worst(self.findings)
        if "failed" in statuses or not self.settled:
            return "failed"
        if "error" in statuses or gravest is Severity.ERROR:
            return "error"
        if not statuses and self.folder is None:
            return "skipped"
        return "warning" if "warning" in statuses or gravest is Severity.WARNING else "ok"


class Workshop:
    """Answers messages one after the other into one output folder."""

    def __init__(self, settings: Settings, register: Register, versions: Versions) -> None:
        self._settings = settings
        self._register = register
        self._versions = versions

    def answer(self, message: Message, source: str, keep: bytes | None = None) -> MailResult:
        """Deal with `message`; its bytes are kept with the results when they are given."""
        policy = self._settings.policy
        base = MailResult(source, message.subject, str(message.sender or ""), message.date)
        if not policy.allows(message.sender):
            return replace(base, findings=(Finding("EML015", params={"sender": base.sender or "(看不出)"}),))
        collected = collect(message, self._settings.limits)
        files_key = hashlib.sha256("".join(sorted(one.digest for one in collected.files)).encode()).hexdigest()
        known = self._register.known(message.content, message.message_id, files_key, base.sender)
        if known is not None:
            folder = self._settings.out / known.folder if known.folder else None
            said = (Finding("EML011", params={"subject": base.subject or "(无主题)", "folder": known.folder or "无"}),)
            return replace(base, folder=folder, reply=known.reply, findings=said if known.folder else (), known=True)
        findings = list(collected.findings)
        trusted = not policy.asks or policy.trusts(message)
        if not trusted:
            findings.append(Finding("EML014", params={"sender": base.sender or "(看不出)"}))
        if self._register.has_id(message.message_id):
            findings.append(Finding("EML013", params={"id": message.message_id}))
        if not collected.files and not any(finding.code in FOR_SENDER for finding in findings):
            others = f"附件只有:{'、'.join(collected.others[:5])}。" if collected.others else ""
            none = Finding("EML001", params={"subject": base.subject or "(无主题)", "others": others})
            return self._recorded(message, replace(base, findings=(none,)), files_key, trusted)
        return self._done(message, collected.files, findings, base, files_key, trusted, keep)

    def _done(
        self,
        message: Message,
        attachments: Sequence[Attachment],
        findings: list[Finding],
        base: MailResult,
        files_key: str,
        trusted: bool,
        keep: bytes | None,
    ) -> MailResult:
        folder = self._settings.out / self._folder_name(message, trusted)
        try:
            for stale in folder.rglob(f"{TEMPORARY_PREFIX}*"):  # of a run that was cut off
                stale.unlink()
            if keep is not None:  # nobody shall need the mailbox to check the results
                write_atomic(folder / ORIGINALS / RECEIVED, keep, durable=True)
            results = list(self._workbooks(message, attachments, folder, trusted))
            if any(_not_written(result.outcome) for result in results):
                return replace(base, folder=folder, files=tuple(results), findings=tuple(findings), settled=False)
            draft, results, reply = self._draft(message, results, findings, folder, trusted)
        except OSError as error:
            raise PathError(f"「{folder}」写不了:{reason(error)}。这封邮件还没有处理,解决后请重新运行。") from error
        buggy = any(result.outcome.bug for result in results)
        done = replace(base, folder=folder, draft=draft, reply=reply, files=tuple(results), findings=tuple(findings))
        return replace(self._recorded(message, done, files_key, trusted), settled=not buggy)

    def _workbooks(
        self, message: Message, attachments: Sequence[Attachment], folder: Path, trusted: bool
    ) -> Iterator[FileResult]:
        taken: set[str] = {DRAFT.casefold(), ORIGINALS}
        for attachment in attachments:
            original = folder / ORIGINALS / attachment.name
            write_atomic(original, attachment.data, durable=True)
            outcome, data = produce(original, attachment.data, self._settings.options)
            if data is not None:
                outcome = store(outcome, folder / _free(output_name(attachment.name), taken), data, durable=True)
            entry = entry_of(outcome, self._versions.options_key, original.stat())
            if entry is None or _not_written(outcome):
                yield FileResult(attachment, outcome)
                continue
            entry = self._versions.record(entry, message.date, trusted=trusted)
            standings = self._versions.standings(entry) if trusted else ()
            yield FileResult(attachment, outcome, entry.forms, standings)

    def _draft(
        self,
        message: Message,
        results: list[FileResult],
        findings: list[Finding],
        folder: Path,
        trusted: bool,
    ) -> tuple[Path | None, list[FileResult], Reply]:
        """Write the answer, unless there is nobody to answer."""
        own = (self._settings.sender or "").lower()
        if message.automatic or (message.sender is not None and message.sender.lower() == own):
            findings.append(Finding("EML016"))
            return None, results, Reply.NONE
        if message.reply_to is None:
            findings.append(Finding("EML017"))
            return None, results, Reply.NONE
        left, workbooks, attached = self._settings.limits.reply_size, [], []
        for result in results:
            output = result.outcome.output
            data = b"" if output is None else output.read_bytes()
            if output is not None and len(data) <= left:
                left -= len(data)
                workbooks.append(File(output.name, data))
                result = replace(result, attached=output.name)
            elif output is not None:
                findings.append(Finding("EML020", params={"name": output.name}))
            attached.append(result)
        words = texts(message, context(message, attached, findings), self._settings.options.templates)
        sender = self._settings.sender or next(iter(message.recipients), None)
        draft = folder / DRAFT
        write_atomic(draft, compose(message, words, workbooks, sender), durable=True)
        policy = self._settings.policy
        # Only to somebody on the list, and only when the server vouches for the message.
        sendable = trusted and bool(policy.allowed) and policy.allows(message.reply_to)
        buggy = any(result.outcome.bug for result in attached)
        queued = self._settings.send and sendable and not buggy
        return draft, attached, Reply.QUEUED if queued else Reply.DRAFT

    def _recorded(self, message: Message, result: MailResult, files_key: str, trusted: bool) -> MailResult:
        folder = "" if result.folder is None else result.folder.relative_to(self._settings.out).as_posix()
        self._register.add(
            Record(
                content=message.content,
                message_id=message.message_id,
                files=files_key,
                sender=result.sender,
                subject=result.subject,
                sent=utc_text(message.date),
                received=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
                folder=folder,
                trusted=trusted,
                status=result.status,
                reply=result.reply,
                recipient=str(message.reply_to or ""),
            )
        )
        return result

    def _folder_name(self, message: Message, trusted: bool) -> str:
        """`20250120_张三_自评表报送_1a2b3c4d`: found by people, and the same again after a crash."""
        day = "" if message.date is None else message.date.astimezone(_CHINA).strftime("%Y%m%d_")
        who = (message.sender.name or str(message.sender)) if message.sender is not None else "未知发件人"
        readable = safe_name(f"{day}{who[:30]}_{message.topic or '无主题'}", limit=100)
        return f"{'' if trusted else UNVERIFIED}{readable}_{message.content[:8]}"


def _free(name: str, taken: set[str]) -> str:
    """`name`, numbered when another result of the message is called so."""
    stem, dot, extension = name.rpartition(".")
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem}_{number}{dot}{extension}"
    taken.add(candidate.casefold())
    return candidate


def _not_written(outcome: Outcome) -> bool:
    """Whether a finished workbook could not be put on the disk: then the message is not dealt with."""
    return any(f.code.startswith("OUT") and f.severity is Severity.ERROR for f in outcome.findings)
