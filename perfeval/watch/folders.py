"""The folders around a hot folder: what lies in it, where results go, how an original is moved without risk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from perfeval.errors import PathError, UsageError
from perfeval.files import TEMPORARY_PREFIX, holds, is_free, write_atomic
from perfeval.planning import numbered_names
from perfeval.watch.decide import State

__all__ = [
    "DONE",
    "ORIGINALS",
    "TO_CORRECT",
    "Changed",
    "check_folders",
    "free_slot",
    "move_original",
    "read_stable",
    "remove_leftovers",
    "scan",
    "state_of",
    "write_all",
]

DONE = "已完成"
TO_CORRECT = "需修改"
ORIGINALS = "原件"


class Changed(Exception):
    """The file is not any more what was looked at."""


def check_folders(inbox: Path, out: Path) -> None:
    """Refuse what would feed results back into the hot folder, or hide it among them."""
    for path, word in ((inbox, "收件夹"), (out, "--out 指定的文件夹")):
        if path.exists() and not path.is_dir():
            raise PathError(f"{word}「{path}」是一个文件,不是文件夹。请改用文件夹的路径。")
    if not inbox.exists():
        raise PathError(f"找不到收件夹「{inbox}」。请先建好这个文件夹,或核对路径。")
    real_inbox, real_out = Path(os.path.realpath(inbox)), Path(os.path.realpath(out))
    if real_out.is_relative_to(real_inbox):
        raise UsageError(
            f"--out 指定的「{out}」就是收件夹「{inbox}」,或者在它里面,结果会被当成新收到的文件。\n"
            "请把 --out 改为收件夹以外的文件夹。"
        )
    for name in (DONE, TO_CORRECT, ORIGINALS):
        if real_inbox.is_relative_to(real_out / name):
            raise UsageError(f"收件夹「{inbox}」在存放结果的「{out / name}」里面。请另选一个文件夹作收件夹。")


def scan(inbox: Path) -> dict[str, State]:
    """Every file below the hot folder by its path with `/`; hidden folders and links are not entered.

    OSError when the hot folder itself cannot be read; a folder below it is passed over until it can.
    """
    found: dict[str, State] = {}
    pending = [(str(inbox), "")]
    while pending:
        folder, below = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = f"{below}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith((".", "~", "@", "$")) and entry.name != "__MACOSX":
                            pending.append((entry.path, f"{path}/"))
                        continue
                    with contextlib.suppress(FileNotFoundError):  # gone since the folder was listed
                        found[path] = _state(entry.stat(follow_symlinks=False))
        except OSError:
            if not below:
                raise
    return found


def state_of(path: Path) -> State | None:
    """The file as it is now; None when it is gone."""
    try:
        return _state(path.lstat())
    except OSError:
        return None


def _state(status: os.stat_result) -> State:
    return State(status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode))


def read_stable(path: Path, state: State) -> tuple[bytes, os.stat_result]:
    """The content of a file that is still what was looked at, before and after reading; else `Changed`."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise Changed from None
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
        before = os.fstat(stream.fileno())
        if _state(before) != state:
            raise Changed
        data = stream.read()
        if _state(os.fstat(stream.fileno())) != state or len(data) != state.size:
            raise Changed
    return data, before


def free_slot(folder: Path, files: Sequence[tuple[str, bytes]]) -> tuple[Path, ...]:
    """Paths for `files` in `folder` under one number, none taken by anything else.

    A file that is there already with the very content counts as free: it was written before the power failed.
    """
    for names in zip(*(numbered_names(name) for name, _ in files), strict=True):
        paths = tuple(folder / name for name in names)
        if all(is_free(path, data) for path, (_, data) in zip(paths, files, strict=True)):
            return paths
    raise AssertionError("numbers do not end")


def write_all(paths: Sequence[Path], files: Sequence[tuple[str, bytes]]) -> tuple[Path, ...]:
    """Put the files where `free_slot` said, down to the disk; returns those that were not there before."""
    new = []
    for path, (_, data) in zip(paths, files, strict=True):
        if not os.path.lexists(path):
            write_atomic(path, data, overwrite=False, durable=True)
            new.append(path)
    return tuple(new)


def move_original(source: Path, state: State, data: bytes, target: Path) -> None:
    """Move an original that is still what was read to `target`; `Changed` when it is not, OSError when it cannot.

    What lies at `target` with the same content already is the original: then the one at `source` is taken away.
    """
    if os.path.lexists(target):
        if not holds(target, data):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        _require(source, state)
        source.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _require(source, state)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_atomic(target, data, overwrite=False, durable=True)
        with contextlib.suppress(OSError):  # the time stamp is a courtesy
            os.utime(target, ns=(state.modified, state.modified))
        _require(source, state)
        source.unlink()
        return
    if state_of(target) != state:  # replaced in the last instant: the newer one goes back to be read
        target.rename(source)
        raise Changed


def _require(path: Path, state: State) -> None:
    if state_of(path) != state:
        raise Changed


def remove_leftovers(folders: Sequence[Path]) -> None:
    """Take away the temporary files of a run that was killed; only the one watcher may do so."""
    for folder in folders:
        for path in _temporary(folder):
            with contextlib.suppress(OSError):
                path.unlink()


def _temporary(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.rglob(f"{TEMPORARY_PREFIX}*.tmp")
    except OSError:
        return
