"""A systemd unit that keeps the hot folder going on a Linux server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from perfeval.errors import UsageError

__all__ = ["unit_text"]

_SAFE = re.compile(r"[\w./:=-]+")


def unit_text(command: Sequence[str], inbox: Path) -> str:
    """The unit file that runs `command`, with the steps to install it as comments."""
    words = " ".join(_quoted(word) for word in command)
    return f"""\
# 1. 保存为 ~/.config/systemd/user/perfeval-watch.service
# 2. systemctl --user daemon-reload
# 3. systemctl --user enable --now perfeval-watch
# 4. loginctl enable-linger    (不登录也运行)
# 查看运行情况:journalctl --user -u perfeval-watch -f
[Unit]
Description=perfeval watch {_plain(str(inbox))}
StartLimitIntervalSec=0

[Service]
ExecStart={words}
Restart=on-failure
RestartSec=10
# 命令写错、评分体系有误时,重启也没有用
RestartPreventExitStatus=2 3
TimeoutStopSec=60
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    escaped = _plain(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return escaped if _SAFE.fullmatch(escaped) else f'"{escaped}"'


def _plain(word: str) -> str:
    """`word` where systemd would read % as a specifier."""
    if not word.isprintable():
        raise UsageError(f"路径「{word!r}」含有控制字符,不能写进 systemd 的配置。请改名后再试。")
    return word.replace("%", "%%")
