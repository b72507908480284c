"""Sending answers, each at most once: what was under way when the program died is told, not sent again.

SMTP cannot say whether a message whose confirmation got lost was delivered. Two answers confuse a clerk more than a
draft that a person sends by hand, so a claim is on the disk before the first byte leaves.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import smtplib
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

from perfeval.errors import MailError
from perfeval.findings import Finding
from perfeval.mail.addresses import domain_of
from perfeval.mail.answer import DRAFT, Settings
from perfeval.mail.register import Record, Register, Reply
from perfeval.mail.server import Server, parse_url, password_of, tls_context

__all__ = ["send_queued"]

_TIMEOUT = 60


def send_queued(url: str, settings: Settings, register: Register) -> Iterator[Finding]:
    """Send every queued answer; yields what a person has to know."""
    for record in register.in_doubt():
        register.settle(record, Reply.DRAFT, "发送中断")
        yield Finding("EML022", params=_params(record, settings))
    queue = register.queued()
    if not queue:
        return
    server = parse_url(url, "--smtp")
    sender = settings.sender or server.user
    with _connected(server) as connection:
        for record in queue:
            draft = settings.out / record.folder / DRAFT
            data = _finished(draft, record, sender)
            if not register.claim(record):
                continue  # another run has it
            try:
                connection.sendmail(sender, [record.recipient], data)
            except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
                code, words = _refusal(error)
                lasting = 500 <= code < 600
                register.settle(record, Reply.REFUSED if lasting else Reply.QUEUED, words)
                yield Finding("EML021", params={**_params(record, settings), "reason": words})
                with contextlib.suppress(smtplib.SMTPException):
                    connection.rset()
            except (smtplib.SMTPException, OSError):
                # The line broke: perhaps after the server had taken the message.
                register.settle(record, Reply.DRAFT, "发送中断")
                yield Finding("EML022", params=_params(record, settings))
                if left := len(register.queued()):
                    yield Finding("EML023", params={"count": str(left)})
                return
            else:
                register.settle(record, Reply.SENT)


@contextlib.contextmanager
def _connected(server: Server) -> Iterator[smtplib.SMTP]:
    password = password_of(server)
    try:
        connection = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT, context=tls_context())
            if server.encrypted
            else smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT)
        )
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(
            f"连不上发信服务器 {server.name}:{type(error).__name__}。请核对 --smtp 的地址和端口。"
        ) from None
    with connection:
        try:
            connection.ehlo()
            if not server.encrypted and not server.plain:
                connection.starttls(context=tls_context())
                connection.ehlo()
            connection.login(server.user, password)
        except Exception:  # what the server answered may repeat what it was sent
            raise MailError(f"登录发信服务器 {server.name} 失败,回复都没有发出。请核对帐号和密码(授权码)。") from None
        yield connection


def _finished(draft: Path, record: Record, sender: str) -> bytes:
    """The draft with the two fields that a message gets when it leaves, and without the mark of a draft.

    The id depends on the message only, so that two copies, if they ever exist, show as one.
    """
    try:
        data = draft.read_bytes()
    except OSError:
        raise MailError(f"回复草稿「{draft}」不在了,没有发出。请恢复这个文件,或在台账之外人工答复。") from None
    head, separator, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"X-Unsent:")]
    token = hashlib.sha256(f"{record.content}\n{record.recipient}".encode()).hexdigest()[:40]
    lines.append(f"Message-ID: <{token}@{domain_of(sender) or 'localhost'}>".encode("ascii", "replace"))
    lines.append(f"Date: {format_datetime(dt.datetime.now().astimezone())}".encode("ascii"))
    return b"\r\n".join(lines) + separator + body


def _refusal(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> tuple[int, str]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        return code, f"{code} {_text(words)}"
    return error.smtp_code, f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join(text.split())[:200]


def _params(record: Record, settings: Settings) -> dict[str, str]:
    return {"recipient": record.recipient, "folder": str(settings.out / record.folder)}
