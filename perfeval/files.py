"""Files on disk: whole or absent, never half-written, and named so that every system accepts them.

A result is written under a temporary name in its own folder and moved into place in one step, so that neither a crash
nor a full disk nor somebody who opens the folder at the wrong moment ever sees a partial workbook.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from perfeval.findings import Finding
from perfeval.patterns import lazy_pattern

__all__ = [
    "TEMPORARY_PREFIX",
    "holds",
    "is_free",
    "read_fault",
    "reason",
    "safe_name",
    "write_atomic",
    "write_fault",
    "write_folder",
]

# Hidden, so that neither people nor a later run over the folder take it for a workbook.
TEMPORARY_PREFIX = ".~perfeval-"
_LEFT_BEHIND_NS = 3600 * 10**9  # a temporary file so much older than a new one belongs to a program that was killed

# Device names that Windows reserves in every folder, whatever the extension.
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{device}{digit}" for device in ("com", "lpt") for digit in "123456789¹²³"]
)
# What Windows, a shell or a path would read as something else than a letter of the name.
_UNSAFE = lazy_pattern(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]+')
_BLANKS = lazy_pattern(r"\s+")
_NO_SPACE = frozenset(code for code in (errno.ENOSPC, getattr(errno, "EDQUOT", None)) if code is not None)
_BAD_NAME = frozenset((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ))


def write_atomic(target: Path, data: bytes, *, overwrite: bool = True, durable: bool = False) -> None:
    """Put `data` at `target` in one step, making missing folders; on any failure nothing is left behind.

    A symbolic link at `target` is replaced, never followed. An existing file keeps its mode, a new one gets what the
    umask allows. With `overwrite=False` an existing target raises FileExistsError, even if it appeared a moment ago.
    `durable` waits until the disk has the bytes, for results that stand in for an original about to be moved.
    """
    try:
        os.fsencode(target)
    except UnicodeEncodeError as error:  # a locale that cannot spell Chinese names
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), str(target)) from error
    folder = target.parent
    temporary = folder / _temporary_name()
    try:
        with open(_created(temporary), "wb") as stream:
            _remove_left_behind(folder)
            stream.write(data)
            stream.flush()
            if overwrite:
                _adopt_mode(stream.fileno(), target)
            if durable:
                os.fsync(stream.fileno())
        if overwrite:
            temporary.replace(target)
        else:
            _move_without_replacing(temporary, target)
        if durable:
            _sync_folder(folder)
    except BaseException:  # Ctrl-C too must not leave the temporary file
        _remove(temporary)
        raise


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder `target` with `files` (paths below it) in one step; on any failure nothing is left behind.

    OSError when there is something at `target` already.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / _temporary_name()
    try:
        temporary.mkdir()
        _remove_left_behind(target.parent)
        for name, data in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if os.path.lexists(target):  # an empty folder would be replaced
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        temporary.rename(target)
    except BaseException:
        _remove(temporary)
        raise


def holds(path: Path, data: bytes) -> bool:
    """Whether the file at `path` is there and is exactly `data`."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def is_free(path: Path, data: bytes) -> bool:
    """Whether `data` may go to `path`: nothing is there, or that very content from a run that was cut off."""
    return not os.path.lexists(path) or holds(path, data)


def _temporary_name() -> str:
    return f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}.tmp"


def _created(path: Path) -> int:
    """The descriptor of a new file, with the folders it needs."""
    # O_EXCL: a name planted by somebody else is an error, not a place to write through.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags, 0o666)
    except (FileNotFoundError, NotADirectoryError):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


@lru_cache(maxsize=1024)
def _remove_left_behind(folder: Path) -> None:
    """Take away, once for each folder, what runs that were killed left there; not what another run is just writing.

    It is called when a temporary file of this run is there: ages are told by the clock of the disk alone.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        found = {
            Path(entry.path): entry.stat(follow_symlinks=False).st_mtime_ns
            for entry in entries
            if entry.name.startswith(TEMPORARY_PREFIX) and entry.name.endswith(".tmp")
        }
        newest = max(found.values(), default=0)
        for path, modified in found.items():
            if newest - modified > _LEFT_BEHIND_NS:
                _remove(path)


def _remove(path: Path) -> None:
    """Take away a temporary file or folder, if that can be."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            import shutil  # rarely needed

            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _adopt_mode(descriptor: int, target: Path) -> None:
    """Give the new file the permissions of the regular file it is about to replace."""
    if not hasattr(os, "fchmod"):
        return
    try:
        old = target.lstat()
    except OSError:
        return
    if stat.S_ISREG(old.st_mode):
        with contextlib.suppress(OSError):  # some network shares know no modes
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


def _move_without_replacing(temporary: Path, target: Path) -> None:
    if os.name == "nt":
        temporary.rename(target)  # refuses an existing target by itself
        return
    try:
        os.link(temporary, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # FAT and some shares have no hard links: the check is then as good as it gets
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        temporary.replace(target)
    else:
        with contextlib.suppress(OSError):  # the result stands; a later run takes the second name away
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there; the rename is journaled
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_fault(error: OSError, target: Path) -> Finding:
    """The finding for a result that could not be written."""
    path = str(target)
    if error.errno in _NO_SPACE:
        return Finding("OUT003", params={"path": path})
    if error.errno in _BAD_NAME:
        return Finding("OUT004", params={"path": path})
    if isinstance(error, PermissionError) and os.path.lexists(target):
        # Excel and WPS hold the workbook they show; elsewhere the same error means missing rights.
        return Finding("OUT002", params={"path": path})
    return Finding("OUT001", params={"path": path, "reason": reason(error)})


def read_fault(error: OSError, path: Path) -> Finding:
    """The finding for an input that could not be read."""
    if isinstance(error, FileNotFoundError):
        return Finding("BAT002", params={"path": str(path)})
    return Finding("BAT003", params={"path": str(path), "reason": reason(error)})


def reason(error: OSError) -> str:
    """The cause in Chinese; the system's own words only where there is no better sentence."""
    known = {
        errno.EACCES: "没有权限",
        errno.EPERM: "没有权限",
        errno.EROFS: "磁盘是只读的",
        errno.EIO: "磁盘读写出错",
        errno.EBUSY: "文件正被占用",
        errno.ENOSPC: "磁盘空间已用完",
        errno.EISDIR: "这是文件夹,不是文件",
        errno.ENOTDIR: "路径中有一段是文件,不是文件夹",
        errno.EEXIST: "同名的文件已经存在",
        errno.ELOOP: "它是一个链接,或者链接绕成了圈",
        errno.ENOENT: "路径不存在",
        errno.EMFILE: "同时打开的文件太多",
        errno.ENFILE: "同时打开的文件太多",
        errno.ENAMETOOLONG: "名称太长",
    }
    if error.errno in known:
        return known[error.errno]
    return f"系统提示:{error.strerror or type(error).__name__}"


def safe_name(text: str, *, fallback: str = "未命名", limit: int = 120) -> str:
    """`text` as one file-name part: no path, no reserved word, at most `limit` bytes of UTF-8.

    Project and unit names come out of workbooks that anybody may have mailed; `../../x`, `CON`, a trailing dot or
    a control character must neither leave the folder nor make a file that Windows cannot open.
    """
    name = unicodedata.normalize("NFC", text)
    name = "".join(" " if char.isspace() else char for char in name if char.isspace() or _printable(char))
    name = _BLANKS.sub(" ", _UNSAFE.sub("_", name)).strip(" .~")
    name = _cut(name, limit).rstrip(" .")
    if not name.strip("_"):
        return fallback
    if name.startswith("-"):  # a command line would take `*.xlsx` for an option
        name = f"_{name[1:]}"
    if name.split(".", 1)[0].rstrip().casefold() in _RESERVED:
        name = f"_{name}"
    return name


def _printable(char: str) -> bool:
    """Whether `char` may stand in a name: no control, no direction override, no lone surrogate."""
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def _cut(name: str, limit: int) -> str:
    return name.encode("utf-8")[:limit].decode("utf-8", "ignore")
