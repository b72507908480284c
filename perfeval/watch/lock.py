"""One watcher for one hot folder: a second one is refused, also on another computer that shares the folder."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from perfeval.errors import PathError
from perfeval.files import reason

__all__ = ["NAME", "only_one"]

NAME = ".perfeval-watch.lock"  # hidden: scanning passes it by
# A link under that name would have a file made wherever it leads.
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_NOT_SUPPORTED = frozenset((errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL))


@contextlib.contextmanager
def only_one(folders: tuple[Path, ...]) -> Iterator[None]:
    """Hold the locks of all `folders`; the system lets them go when the process ends, however it ends.

    The lock files stay behind: removing them would let two watchers lock two different files of one name.
    """
    with contextlib.ExitStack() as held:
        for folder in folders:
            held.callback(os.close, _locked(folder))
        yield


def _locked(folder: Path) -> int:
    path = folder / NAME
    try:
        descriptor = os.open(path, _FLAGS, 0o666)
    except OSError as error:
        raise PathError(f"文件夹「{folder}」不能写入:{reason(error)}。请确认对它有写入权限。") from error
    _hide(path)
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:  # a share without locks: better one unguarded watcher than none
            return descriptor
        os.close(descriptor)
        raise PathError(
            f"「{path.parent}」已经有一个 perfeval watch 在运行。同一个文件夹只能有一个;"
            "请让它继续运行,或先停掉它再启动新的。"
        ) from error
    return descriptor


if sys.platform == "win32":
    import ctypes
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _hide(path: Path) -> None:
        """A leading dot hides nothing there."""
        ctypes.windll.kernel32.SetFileAttributesW(str(path), 2)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _hide(path: Path) -> None:
        """A leading dot is enough."""
