"""Where the traceback of a mistake of ours goes: into a file that a clerk can send, never onto the screen."""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
import sys
from pathlib import Path

from perfeval import __version__

__all__ = ["NAME", "record"]

NAME = "程序错误记录.log"


def record(bug: str, subject: str, folder: Path | None = None) -> Path | None:
    """Append a traceback to the log in `folder`, else in the folder for temporary files; None: nowhere possible."""
    import platform  # slow to load, and needed only for a mistake of ours
    import tempfile

    now = dt.datetime.now().astimezone().isoformat(timespec="seconds")
    system = f"perfeval {__version__}, Python {platform.python_version()}, {platform.platform()}"
    entry = f"==== {now}  {system}\n{subject}\n{bug.rstrip()}\n\n"
    for place in (folder, Path(tempfile.gettempdir())):
        if place is None:
            continue
        path = place / (NAME if place is folder else f"perfeval-{NAME}")
        try:
            place.mkdir(parents=True, exist_ok=True)
            with open(_opened(path), "a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(entry)
        except (OSError, UnicodeError):  # UnicodeError: a locale that cannot even spell the name
            continue
        return path
    sys.stderr.write(entry)  # no disk takes it: better on the screen than lost
    return None


def _opened(path: Path) -> int:
    """A descriptor to append to the log; the folder for temporary files is everybody's, and so are names in it.

    A link, a pipe or the file of another user under that name is refused: it is not ours to write to.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, 0o600)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        os.close(descriptor)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return descriptor
