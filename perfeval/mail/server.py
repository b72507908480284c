"""Addresses of mail servers and their passwords, which never stand on a command line, in a message or in a log."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from perfeval.errors import MailError, UsageError

__all__ = ["Server", "parse_url", "password_of", "tls_context"]

VARIABLE = "PERFEVAL_MAIL_PASSWORD"
SERVICE = "perfeval"  # the name under which the system's keyring keeps it
_PORTS = {"imaps": 993, "imap": 143, "smtps": 465, "smtp": 587}


@dataclass(frozen=True, slots=True)
class Server:
    """Where to log in."""

    scheme: str
    host: str
    port: int
    user: str
    path: str = field(default="")  # of an IMAP server: the folder

    @property
    def encrypted(self) -> bool:
        """Whether the connection is encrypted from its first byte."""
        return self.scheme.endswith("s")

    @property
    def plain(self) -> bool:
        """Whether it may stay unencrypted: only on this very machine."""
        if self.encrypted:
            return False
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def name(self) -> str:
        """The server as it may be shown."""
        return f"{self.host}:{self.port}"


def parse_url(url: str, option: str) -> Server:
    """The server that a URL names; UsageError when it is none, or when somebody wrote a password into it."""
    wanted = "imap" if option == "--imap" else "smtp"
    example = f"{wanted}s://zhangsan%40example.org@{wanted}.example.org"
    try:
        parts = urlsplit(url)
        port = parts.port
        user, host, password = unquote(parts.username or ""), parts.hostname or "", parts.password
    except ValueError:
        raise UsageError(f"{option} 的值不是服务器地址。请这样写:{example}") from None
    if password is not None:
        raise UsageError(f"请不要把密码写在命令里:别人看得到。请从 {option} 中删去密码,写入环境变量 {VARIABLE}。")
    if parts.scheme not in (wanted, f"{wanted}s") or not host or not user:
        raise UsageError(f"{option} 的值不是服务器地址,或者没有写帐号。请这样写:{example}")
    if any(char in "\r\n\0" for char in user + host + unquote(parts.path)):
        raise UsageError(f"{option} 的值里有不能用的字符。")
    return Server(parts.scheme, host, port or _PORTS[parts.scheme], user, unquote(parts.path).strip("/"))


def password_of(server: Server) -> str:
    """The password, from the environment or from the system's keyring; MailError when there is none."""
    if found := os.environ.get(VARIABLE):
        return found
    # No keyring installed, no service in this session, locked, refused: all the same to us.
    with contextlib.suppress(Exception):
        import keyring

        if stored := keyring.get_password(SERVICE, f"{server.user}@{server.host}"):
            return str(stored)
    raise MailError(
        f"没有找到帐号「{server.user}」的密码。请把密码(163、QQ 等邮箱是「授权码」)写入环境变量 {VARIABLE},"
        f"或者用 keyring set {SERVICE} {server.user}@{server.host} 存入系统的密码库。"
    )


def tls_context() -> ssl.SSLContext:
    """Certificates are always checked."""
    return ssl.create_default_context()
