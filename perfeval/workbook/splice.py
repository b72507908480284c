"""Changing single elements in XML that is otherwise kept byte for byte.

For parts written by any program, not always well-formed (VML), and perhaps hostile: time grows with the size of the
part and nothing else, whatever is left unclosed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

__all__ = ["elements", "replaced"]


@lru_cache(maxsize=32)
def _tags(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"<(/?)(?:[A-Za-z][\w.-]{0,40}:)?%b(?=[\s/>])[^<>]*>" % name)


def _places(data: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    start = None
    for tag in _tags(name).finditer(data):
        if tag[0].endswith(b"/>"):
            if start is None:
                yield tag.span()
        elif not tag[1]:
            start = tag.start()  # an unclosed one before it is passed over
        elif start is not None:
            yield start, tag.end()
            start = None


def elements(data: bytes, name: bytes) -> list[bytes]:
    """Every element of that local name, as it is written."""
    return [data[start:end] for start, end in _places(data, name)]


def replaced(data: bytes, name: bytes, replacement: Callable[[bytes], bytes]) -> bytes:
    """`data` with `replacement(element)` in the place of every element of that local name."""
    pieces: list[bytes] = []
    position = 0
    for start, end in _places(data, name):
        pieces += (data[position:start], replacement(data[start:end]))
        position = end
    pieces.append(data[position:])
    return b"".join(pieces)
