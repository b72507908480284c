"""The tree of a message: headers as bytes, parts cut out of the body without ever guessing or recursing too deep.

Own code instead of `email.parser`, for two reasons: that one decodes header bytes before anybody knows their charset,
and its work grows with nesting times length, so that a message of a few megabytes can keep it busy for minutes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from perfeval.mail.limits import Limits
from perfeval.mail.names import file_name, parameters

__all__ = ["Headers", "Leaf", "Walk", "split_message"]

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_DELIMITER_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)", re.DOTALL)
_MOST_FIELDS = 1000  # of one part
_MOST_RUNS = 100  # of base64 in one part: more than one is already a mistake
_MOST_MISSES = 10_000  # places that look like the end of a part and are none
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


class Headers:
    """The header fields of a message or part, raw and in order."""

    def __init__(self, raw: bytes) -> None:
        self.fields: list[tuple[str, bytes]] = []
        for line in re.split(rb"\r?\n(?![ \t])", raw, maxsplit=_MOST_FIELDS)[:_MOST_FIELDS]:
            match = _FIELD.fullmatch(line)
            if match is not None:
                self.fields.append((match[1].decode("ascii").lower(), match[2].strip()))

    def get(self, name: str) -> bytes:
        """The first field of that (lower-case) name, b"" when there is none."""
        return next((value for key, value in self.fields if key == name), b"")

    def all(self, name: str) -> list[bytes]:
        """Every field of that name, topmost first."""
        return [value for key, value in self.fields if key == name]


@dataclass(frozen=True)
class Leaf:
    """One part that holds something itself: a text, a file, or a message."""

    headers: Headers
    body: bytes  # still in its transfer encoding
    depth: int

    @cached_property
    def content_type(self) -> dict[str, str]:
        """Parameters of Content-Type; "" is the media type, text/plain when none is stated."""
        found = parameters(self.headers.get("content-type"))
        if "/" not in found[""]:
            found[""] = "text/plain"
        return found

    @property
    def kind(self) -> str:
        """The media type, in lower case."""
        return self.content_type[""]

    @cached_property
    def name(self) -> str:
        """The name it was sent under, "" when it has none."""
        return file_name(self.headers.get("content-disposition"), self.headers.get("content-type"))

    @cached_property
    def data(self) -> bytes:
        """The body without its transfer encoding; damage in the encoding costs only what is damaged."""
        encoding = self.headers.get("content-transfer-encoding").strip().lower()
        if encoding == b"base64":
            return _from_base64(self.body)
        if encoding == b"quoted-printable":
            return binascii.a2b_qp(self.body)
        return self.body


class Walk:
    """The leaves of one message in order, within limits; what was left out is counted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.parts = 0  # seen so far
        self.too_many = False  # parts beyond the cap were left out
        self.too_deep = False  # parts nested beyond the cap were left out
        self.cut_off = False  # a multipart ends without its closing line: the message is not whole

    def leaves(self, headers: Headers, body: bytes, depth: int = 0) -> Iterator[Leaf]:
        """The leaves below the part with these headers."""
        self.parts += 1
        if self.parts > self._limits.parts:
            self.too_many = True
            return
        if depth > self._limits.depth:
            self.too_deep = True
            return
        leaf = Leaf(headers, body, depth)
        boundary = leaf.content_type.get("boundary", "")
        if not leaf.kind.startswith("multipart/") or not boundary:
            yield leaf
            return
        found = False
        for piece in self._pieces(body, boundary):
            found = True
            if self.too_many:
                return
            yield from self.leaves(*split_message(piece, self._limits), depth + 1)
        if not found and body.strip():
            yield leaf

    def _pieces(self, body: bytes, boundary: str) -> Iterator[bytes]:
        """What stands between the delimiter lines."""
        start: int | None = None
        for before, after, last in self._delimiters(body, b"--" + boundary.encode("utf-8", "surrogateescape")):
            if start is not None:
                yield body[start:before]
            if last:
                return
            start = after
        self.cut_off = True
        if start is not None:
            yield body[start:]

    def _delimiters(self, body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
        """End of the part before, start of the part after, and whether it is the last: of every delimiter line."""
        misses = 0
        position = body.find(mark)
        while position >= 0:
            match = _DELIMITER_END.match(body, position + len(mark))
            if match and (position == 0 or body[position - 1] == 0x0A):
                before = position - 1 if position else 0
                yield before - (body[before - 1 : before] == b"\r"), match.end(), match[1] is not None
                position = body.find(mark, match.end())
                continue
            misses += 1
            if misses > _MOST_MISSES:
                self.too_many = True
                return
            position = body.find(mark, position + 1)


def split_message(data: bytes, limits: Limits) -> tuple[Headers, bytes]:
    """Headers and body of a message or part."""
    if b"\n" not in data[:8192] and b"\r" in data[:8192]:
        data = data.replace(b"\r", b"\n")
    first = re.match(rb"\r?\n", data)
    if first:  # a part without headers
        return Headers(b""), data[first.end() :]
    end = _HEADER_END.search(data)
    if end is None:
        return Headers(data[: limits.header_size]), b""
    return Headers(data[: min(end.start(), limits.header_size)]), data[end.end() :]


def _from_base64(body: bytes) -> bytes:
    """Base64 with its line ends and whatever strayed into it taken out; padding inside begins a new run."""
    pieces = []
    for run in re.split(rb"=+", body, maxsplit=_MOST_RUNS):
        letters = run.translate(None, _NOT_BASE64)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        pieces.append(binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)))
    return b"".join(pieces)
