"""What is slow to make and comes out the same every time, kept from one run to the next.

It lies where Python keeps the compiled modules of this package, and on the same terms: whoever may write there may
change the program itself; it is thrown away when what it was made of has changed; and it is not written where that is
not possible or not wanted (PYTHONDONTWRITEBYTECODE). Only for what is made of the program's own files.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

from perfeval import __version__
from perfeval.files import write_atomic

__all__ = ["keep", "kept"]

_DIGEST_BYTES = 32


def kept(name: str, origin: bytes) -> bytes | None:
    """What was kept as `name`; None when there is nothing, or it was made of something else than `origin`.

    Likewise where another version of this program kept it, or a disk has damaged it.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        data = (folder / _file_name(name)).read_bytes()
        digest, result = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        return result if digest == _digest(origin, result) else None
    except OSError:
        return None


def keep(name: str, origin: bytes, make: Callable[[], bytes]) -> None:
    """Keep what `make` gives, made of `origin`, as `name` in place of what was kept there.

    Where nothing can be kept, such as by a user of a program that somebody else installed, nothing is made or said.
    """
    folder = _folder()
    if folder is None or sys.dont_write_bytecode or not os.access(folder, os.W_OK):
        return
    data = make()
    try:
        write_atomic(folder / _file_name(name), _digest(origin, data) + data)
    except OSError:  # a full disk, say
        return


@cache
def _folder() -> Path | None:
    try:
        return Path(cache_from_source(__file__)).parent
    except NotImplementedError:  # this Python keeps no compiled modules
        return None


def _file_name(name: str) -> str:
    return f"{name}.{sys.implementation.cache_tag}.kept"


def _digest(origin: bytes, data: bytes) -> bytes:
    whole = hashlib.blake2b(_program(), digest_size=_DIGEST_BYTES)
    whole.update(len(origin).to_bytes(8))
    whole.update(origin)
    whole.update(data)
    return whole.digest()


@cache
def _program() -> bytes:
    """Changes with Python's bytecode, and with every version and every module of this package."""
    return repr((MAGIC_NUMBER, __version__, sorted(_modules(str(Path(__file__).parent))))).encode()


def _modules(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                with suppress(OSError):  # an editor's lock, a link that leads nowhere
                    status = entry.stat()
                    yield entry.path, status.st_size, status.st_mtime_ns
            elif entry.is_dir(follow_symlinks=False):
                yield from _modules(entry.path)
