"""The workbooks of a message, wherever they hide: attached, inline, in forwarded messages, in archives.

What a thing is, its bytes decide. Everything that could have been a form and is not readable here – a link instead of a
file, Outlook's winmail.dat, a RAR archive – becomes a finding that tells the sender what to send instead.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from perfeval.files import safe_name
from perfeval.findings import Finding
from perfeval.mail import archive
from perfeval.mail.limits import Limits
from perfeval.mail.message import Message, header_text
from perfeval.mail.mime import Leaf, Walk, split_message
from perfeval.mail.names import text_of_bytes
from perfeval.planning import WORKBOOKS, is_lock_file
from perfeval.workbook.compound import Compound
from perfeval.workbook.guard import BadWorkbook
from perfeval.workbook.magic import OLE_MAGIC, ZIP_MAGICS

__all__ = ["Attachment", "Collected", "collect"]

_TNEF = b"\x78\x9f\x3e\x22"
_ARCHIVES = ((b"Rar!", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\x1f\x8b", "gzip"))
_SIGNED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_HTML_TAG = re.compile(r"<[^<>]{0,2000}>")
# Links which big attachments are turned into, and the words mail programs put beside them.
_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_BIG_LINKS = ("ftnexs_download", "/ftn/download", "large-attachment", "cloud-attachment", "cloudattach", "bigattach")
_BIG_WORDS = re.compile("超大附件|云附件|文件中转站")
_TEXT_READ = 1 << 20  # bytes of a text part that are looked at


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that may hold a form."""

    name: str  # safe on every disk
    data: bytes
    digest: str  # SHA-256
    inside: tuple[str, ...] = ()  # what it was found in, outermost first: 「转发的邮件…」 「压缩包…」


@dataclass(frozen=True, slots=True)
class Collected:
    """What a message brings."""

    files: tuple[Attachment, ...]
    findings: tuple[Finding, ...]
    others: tuple[str, ...]  # names of attachments that cannot be a form
    senders: tuple[str, ...] = ()


def collect(message: Message, limits: Limits) -> Collected:
    """Everything in `message` that may hold a form, and what stood in the way of the rest."""
    collector = _Collector(limits)
    for leaf in message.leaves:
        collector.leaf(leaf, ())
    if message.cut_off or collector.walk.cut_off:
        collector.say("EML007")
    if message.too_many or collector.walk.too_many:
        collector.say("EML009", what="邮件的组成部分", limit=f"{limits.parts} 个")
    if message.too_deep or collector.walk.too_deep:
        collector.say("EML009", what="邮件层层转发或打包", limit=f"{limits.depth} 层")
    return Collected(tuple(collector.files), tuple(collector.findings), tuple(collector.others))


class _Collector:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.walk = Walk(limits)
        self.files: list[Attachment] = []
        self.findings: list[Finding] = []
        self.others: list[str] = []
        self._budget = archive.Budget(limits)
        self._digests: dict[str, str] = {}
        self._names: set[str] = set()

    def say(self, code: str, **params: str) -> None:
        finding = Finding(code, params=params)
        if finding not in self.findings:
            self.findings.append(finding)

    def leaf(self, leaf: Leaf, inside: tuple[str, ...]) -> None:
        """One part of a message."""
        if leaf.kind in ("message/rfc822", "message/global"):
            self._message(leaf.data, leaf.depth, inside)
        elif leaf.kind == "message/partial":
            self.say("EML004", name=leaf.name or "分段发送的邮件", kind="分成几封寄出的邮件")
        elif leaf.kind in _SIGNED and b"signed-data" not in leaf.headers.get("content-type"):
            self.say("EML004", name=leaf.name or "加密邮件", kind="加密的邮件")
        elif leaf.kind.startswith("text/") and not _is_file(leaf):
            self._text(leaf)
        elif leaf.name or not leaf.kind.startswith(("image/", "multipart/")):
            self.file(leaf.name, leaf.data, leaf.depth, inside, leaf.kind)

    def file(self, sent_name: str, data: bytes, depth: int, inside: tuple[str, ...], kind: str = "") -> None:
        """One file, by its bytes; `sent_name` may be anything."""
        base = re.split(r"[/\\]", sent_name)[-1]
        extension = PurePosixPath(base).suffix.lower()
        if is_lock_file(base):
            return
        if data.startswith(_TNEF) or kind == "application/ms-tnef" or base.lower() == "winmail.dat":
            self.say("EML002", name=base or "winmail.dat")
        elif data.startswith(ZIP_MAGICS):
            self._zip(base, extension, data, depth, inside)
        elif data.startswith(OLE_MAGIC):
            self._ole(base, extension, data, depth, inside)
        elif archived := next((word for magic, word in _ARCHIVES if data.startswith(magic)), None):
            self.say("EML004", name=safe_name(base, fallback="压缩包"), kind=f"{archived} 格式的压缩包")
        elif extension == ".eml" and data:
            self._message(data, depth, inside)
        elif extension in WORKBOOKS:
            self._keep(base, data, inside)
        elif base:
            self.others.append(safe_name(base))

    def _keep(self, base: str, data: bytes, inside: tuple[str, ...]) -> None:
        digest = hashlib.sha256(data).hexdigest()
        name = self._free(_safe(base))
        if digest in self._digests:
            self.say("EML010", name=name, other=self._digests[digest])
            return
        if len(self.files) >= self.limits.files:
            self.say("EML009", what="一封邮件里的表格", limit=f"{self.limits.files} 个")
            return
        if len(data) > self.limits.file_size:
            self.say("EML009", what=f"附件「{name}」", limit=f"{self.limits.file_size >> 20} MB")
            return
        self._digests[digest] = name
        self._names.add(name.casefold())
        self.files.append(Attachment(name, data, digest, inside))

    def _free(self, name: str) -> str:
        """`name`, numbered when a file of this message is called so already."""
        stem, dot, extension = name.rpartition(".")
        stem, extension = (stem, f"{dot}{extension}") if stem else (name, "")
        candidate, number = name, 1
        while candidate.casefold() in self._names:
            number += 1
            candidate = f"{stem}({number}){extension}"
        return candidate

    def _message(self, data: bytes, depth: int, inside: tuple[str, ...]) -> None:
        headers, body = split_message(data.lstrip(b"\r\n"), self.limits)
        subject = header_text(headers.get("subject")) or "无主题"
        for leaf in self.walk.leaves(headers, body, depth + 1):
            self.leaf(leaf, (*inside, f"转发的邮件「{subject}」"))

    def _zip(self, base: str, extension: str, data: bytes, depth: int, inside: tuple[str, ...]) -> None:
        kind = archive.kind_of(data)
        if kind == "document":
            self.others.append(safe_name(base))
        elif kind == "workbook" or extension in WORKBOOKS:
            self._keep(base if extension in WORKBOOKS else f"{base or '附件'}.xlsx", data, inside)
        elif depth >= self.limits.depth:
            self.walk.too_deep = True
        else:
            shown = safe_name(base, fallback="压缩包")
            members, findings = archive.unpack(shown, data, self._budget)
            for finding in findings:
                self.say(finding.code, **finding.params)
            for name, content in members:
                self.file(name, content, depth + 1, (*inside, f"压缩包「{shown}」"))

    def _ole(self, base: str, extension: str, data: bytes, depth: int, inside: tuple[str, ...]) -> None:
        try:
            names = {name.lower() for name in Compound(data).names}
        except BadWorkbook:
            names = set()
        if "__properties_version1.0" in names:
            from perfeval.mail.outlook import read_outlook

            message = read_outlook(data, self.limits) if depth < self.limits.depth else None
            if message is None:
                self.say("EML019", name=safe_name(base, fallback="转发的邮件.msg"))
                return
            via = (*inside, f"转发的邮件「{message.subject or '无主题'}」")
            for leaf in message.leaves:
                self.leaf(replace(leaf, depth=leaf.depth + depth + 1), via)
        elif names & {"workbook", "book", "encryptedpackage"} or extension in WORKBOOKS:
            self._keep(base if extension in WORKBOOKS else f"{base or '附件'}.xls", data, inside)
        elif base:
            self.others.append(safe_name(base))

    def _text(self, leaf: Leaf) -> None:
        """Text is only searched for big attachments that the mail program turned into links."""
        text = text_of_bytes(leaf.data[:_TEXT_READ], leaf.content_type.get("charset", ""))
        links = [link.lower() for link in _LINK.findall(text)]
        words = _HTML_TAG.sub("", text) if leaf.kind == "text/html" else text
        if any(mark in link for link in links for mark in _BIG_LINKS) or (links and _BIG_WORDS.search(words)):
            self.say("EML003")


def _safe(base: str) -> str:
    """A name for every disk that keeps its extension however long it is."""
    stem, dot, extension = base.rpartition(".")
    if not stem or len(extension) > 5:
        return safe_name(base, fallback="附件")
    return safe_name(f"{safe_name(stem, fallback='附件', limit=110)}{dot}{extension}")


def _is_file(leaf: Leaf) -> bool:
    """Whether a text part is a file that was attached: a workbook exported as web page, a text sent as file."""
    attached = leaf.headers.get("content-disposition").strip().lower().startswith(b"attachment")
    return bool(leaf.name) and (attached or PurePosixPath(leaf.name).suffix.lower() in (*WORKBOOKS, ".eml"))
