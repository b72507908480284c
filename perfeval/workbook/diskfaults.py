"""A disk that fails while lxml writes to it: lxml has an error of its own for that, which nobody else knows."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from lxml import etree

__all__ = ["disk_faults"]


@contextlib.contextmanager
def disk_faults() -> Iterator[None]:
    """Raise what lxml could not write as the OSError it was; openpyxl writes through lxml."""
    try:
        yield
    except etree.SerialisationError as error:
        number = getattr(errno, str(error).removeprefix("IO_"), errno.EIO)  # "IO_ENOSPC"
        raise OSError(number, os.strerror(number)) from error
