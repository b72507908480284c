"""The mailbox: unseen messages are fetched, answered, and marked seen only when everything is safe on the disk.

Nothing is taken from the server: messages are read without marking them, and a message that was not dealt with – its
sender is not on the list, the disk was full – stays unseen for a person to find.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perfeval import __version__
from perfeval.errors import MailError
from perfeval.findings import Finding
from perfeval.mail.answer import MailResult
from perfeval.mail.message import read_message
from perfeval.mail.run import Session
from perfeval.mail.server import Server, parse_url, password_of, tls_context

if TYPE_CHECKING:
    from imap_tools import BaseMailBox

__all__ = ["fetched"]

_TIMEOUT = 60
_DEFAULT_FOLDER = "INBOX"
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


def fetched(url: str, opened: Session) -> Iterator[MailResult]:
    """Answer the unseen messages of the mailbox at `url`, oldest first."""
    server = parse_url(url, "--imap")
    with _connected(server) as box:
        validity = _validity(box, server)
        name = f"{server.user}@{server.host}/{server.path or _DEFAULT_FOLDER}/{validity}"
        done = opened.register.seen(name)
        with _told(server):
            uids = sorted(box.uids("UNSEEN"), key=int)
        for uid in uids:
            if uid not in done:
                yield from _one(box, server, opened, name, uid)


def _one(box: BaseMailBox, server: Server, opened: Session, name: str, uid: str) -> Iterator[MailResult]:
    limits = opened.settings.limits
    label = f"{server.name} 第{uid}号邮件"
    with _told(server):
        size = _size(box, uid)
        head = _bytes(box, uid, "BODY.PEEK[HEADER]")
    if head is None:
        return  # taken away by somebody else meanwhile
    envelope = read_message(head, limits)
    if not opened.settings.policy.allows(envelope.sender):
        # Not on the list: not even fetched. It is looked at again in the next run, when the list may have grown.
        yield opened.workshop.answer(envelope, label)
        return
    if size > limits.message_size:
        params = {"size": str(size >> 20), "limit": str(limits.message_size >> 20)}
        found = Finding("EML008", params=params)
        yield MailResult(label, envelope.subject, str(envelope.sender or ""), envelope.date, findings=(found,))
        return
    with _told(server):
        data = _bytes(box, uid, "BODY.PEEK[]")
    if data is None:
        return
    message = read_message(data, limits)
    result = opened.workshop.answer(message, label, keep=data)
    if result.settled:
        if result.folder is not None:  # what was not a submission stays unseen: a person has to read it
            with _told(server):
                box.flag(uid, r"\Seen", True)
        opened.register.mark_seen(name, uid)
    yield result


@contextlib.contextmanager
def _connected(server: Server) -> Iterator[BaseMailBox]:
    """A mailbox, logged in, its folder selected."""
    try:
        from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted
    except ImportError:
        raise MailError("收取邮箱要另装组件:pip install 'perfeval[mail]'。") from None
    password = password_of(server)
    box: BaseMailBox
    with _told(server):
        if server.encrypted:
            box = MailBox(server.host, server.port, timeout=_TIMEOUT, ssl_context=tls_context())
        elif server.plain:
            box = MailBoxUnencrypted(server.host, server.port, timeout=_TIMEOUT)
        else:
            box = MailBoxStartTls(server.host, server.port, timeout=_TIMEOUT, ssl_context=tls_context())
    try:
        try:
            box.login(server.user, password, initial_folder=None)
        except Exception:  # whatever the server answered may repeat what it was sent
            raise MailError(
                f"登录 {server.name} 失败。请核对帐号和密码;163、126、QQ 等邮箱要先在网页上开启 IMAP,并使用「授权码」。"
            ) from None
        with _told(server):
            _introduce(box.client)
            box.folder.set(server.path or _DEFAULT_FOLDER)
        yield box
    finally:
        with contextlib.suppress(Exception):  # the connection may be gone already
            box.client.logout()


def _introduce(client: Any) -> None:
    """IMAP ID (RFC 2971): 163, 126 and yeah.net open no folder for a program that does not say its name."""
    _, capabilities = client.capability()
    if b"ID" not in capabilities[0].upper().split():
        return
    import imaplib

    imaplib.Commands.setdefault("ID", ("NONAUTH", "AUTH", "SELECTED"))
    client._simple_command("ID", f'("name" "perfeval" "version" "{__version__}" "vendor" "perfeval")')


def _validity(box: BaseMailBox, server: Server) -> str:
    """UIDVALIDITY: when it changes, all UIDs mean other messages."""
    with _told(server):
        _, values = box.client.response("UIDVALIDITY")
    return values[0].decode("ascii", "replace") if values and values[0] else "0"


def _size(box: BaseMailBox, uid: str) -> int:
    _, data = box.client.uid("FETCH", uid, "(RFC822.SIZE)")
    for piece in data or ():
        match = _SIZE.search(piece if isinstance(piece, bytes) else b"".join(piece or ()))
        if match:
            return int(match[1])
    return 0


def _bytes(box: BaseMailBox, uid: str, section: str) -> bytes | None:
    """A section of a message as it lies on the server, without marking it as read; None when it is gone."""
    _, data = box.client.uid("FETCH", uid, f"({section})")
    return next((piece[1] for piece in data or () if isinstance(piece, tuple)), None)


@contextlib.contextmanager
def _told(server: Server) -> Iterator[None]:
    """Whatever goes wrong between us and the server becomes a sentence."""
    import imaplib

    from imap_tools import ImapToolsError

    try:
        yield
    except (imaplib.IMAP4.error, ImapToolsError, OSError, UnicodeError) as error:
        words = " ".join(str(error).split())[:200]
        raise MailError(
            f"邮箱服务器 {server.name} 没有应答或拒绝了请求:{words}。处理完的邮件都已保存,请稍后再运行。"
        ) from None
