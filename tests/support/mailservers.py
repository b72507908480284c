"""Real mail servers on loopback: Dovecot for IMAP, aiosmtpd for SMTP.

Dovecot comes from the system (`apt install dovecot-imapd`). Where it is absent its tests are skipped with the reason,
on the build server they fail (see `office`). Every test gets a server of its own.
"""

from __future__ import annotations

import asyncio
import mailbox
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.office import _mark

__all__ = ["PASSWORD", "USER", "Imap", "Outbox", "dovecot", "imap_server", "requires_dovecot", "smtp_server"]

USER = "finance@office.example"
PASSWORD = "s3cret-Geheim!"

Marked = TypeVar("Marked")

_CONFIG = """
protocols = imap
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/dovecot.log
info_log_path = {root}/dovecot.log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{root}/mail
first_valid_uid = 1
imap_id_log = *
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


def dovecot() -> str | None:
    """Dovecot's command, None when it is not installed."""
    return shutil.which("dovecot", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def requires_dovecot(item: Marked) -> Marked:
    """Mark a test that needs a real IMAP server."""
    present = dovecot() is not None and hasattr(os, "getuid") and os.getuid() == 0
    reason = "no IMAP server: apt install dovecot-imapd, and run as root (it changes users)"
    return _mark(item, present, reason)


@dataclass(frozen=True)
class Imap:
    """A running server and its one mailbox."""

    root: Path
    port: int

    @property
    def url(self) -> str:
        return f"imap://{USER.replace('@', '%40')}@127.0.0.1:{self.port}/INBOX"

    @property
    def log(self) -> str:
        return (self.root / "dovecot.log").read_text(encoding="utf-8", errors="replace")

    def deliver(self, message: bytes) -> None:
        """Put a message into the mailbox as the system's delivery would, byte by byte."""
        place = self.root / "mail"
        name = f"{time.time_ns()}.M{len(self.names())}.test"
        data = message.replace(b"\r\n", b"\n")
        (place / "tmp" / name).write_bytes(data)
        _own(place / "tmp" / name)
        (place / "tmp" / name).rename(place / "new" / name)

    def names(self) -> list[str]:
        return sorted(path.name for folder in ("new", "cur") for path in (self.root / "mail" / folder).iterdir())

    def unseen(self) -> int:
        """How many messages no program has marked as seen."""
        box = mailbox.Maildir(self.root / "mail", create=False)
        return sum("S" not in message.get_flags() for message in box)


@contextmanager
def imap_server() -> Iterator[Imap]:
    """Dovecot on a free port, with an empty mailbox.

    Its folder is not below pytest's: every pytest that starts closes that one to other users, also to the server's.
    """
    command = dovecot()
    if command is None:
        pytest.fail("Dovecot is absent, but this test may not be skipped here")
    folder = Path(tempfile.mkdtemp(prefix="perfeval_imap_"))
    folder.chmod(0o755)
    for name in ("run", "mail/cur", "mail/new", "mail/tmp", "home"):
        (folder / name).mkdir(parents=True)
    user = _user("nobody")
    login = _user("dovenull", "nobody")
    internal = _user("dovecot", "nobody")
    for path in (folder / "mail", *(folder / "mail").iterdir(), folder / "home"):
        _own(path)
    port = _free_port()
    config = folder / "dovecot.conf"
    config.write_text(
        _CONFIG.format(
            root=folder, port=port, password=PASSWORD, user=internal.pw_name, login=login.pw_name,
            group=_group(internal.pw_gid), uid=user.pw_uid, gid=user.pw_gid,
        ),
        encoding="utf-8",
    )  # fmt: skip
    process = subprocess.Popen([command, "-F", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(port, process, folder / "dovecot.log")
        yield Imap(folder, port)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _user(*names: str) -> pwd.struct_passwd:
    for name in names:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.fail(f"no user {names[0]}")


def _group(number: int) -> str:
    import grp

    return grp.getgrgid(number).gr_name


def _own(path: Path) -> None:
    user = _user("nobody")
    os.chown(path, user.pw_uid, user.pw_gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            if line.recv(4).startswith(b"* OK"):
                return
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    process.kill()
    pytest.fail(f"Dovecot did not start: {said}{process.communicate()[1].decode(errors='replace')}")


# ---- SMTP ------------------------------------------------------------------------------------------------------------


@dataclass
class Outbox:
    """What the SMTP server took, and how it is to behave."""

    port: int = 0
    messages: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    answer: str = "250 OK"  # to the message itself
    recipients: str = "250 OK"
    hang_up: bool = False  # take the message, and drop the line before saying so
    logins: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://{USER.replace('@', '%40')}@127.0.0.1:{self.port}"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.recipients.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipients

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.hang_up or self.answer.startswith("250"):
            self.messages.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        if self.hang_up:
            server.transport.abort()
            await asyncio.sleep(0)
        return self.answer


@contextmanager
def smtp_server() -> Iterator[Outbox]:
    """An SMTP server that asks for the password and keeps what it is given."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    outbox = Outbox(port=_free_port())

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        outbox.logins.append(data.login.decode())
        return AuthResult(success=data.password.decode() == PASSWORD)

    controller = Controller(
        outbox, hostname="127.0.0.1", port=outbox.port, authenticator=check, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        yield outbox
    finally:
        controller.stop()
