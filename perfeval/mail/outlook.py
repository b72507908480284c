"""Outlook's own message files (.msg), through python-oxmsg, which is asked for streams only.

Texts are decoded here: 8-bit properties state a code page that is as often wrong as the labels in Internet mail.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from perfeval.mail.limits import Limits
from perfeval.mail.message import Message, built
from perfeval.mail.mime import Headers, Leaf, Walk
from perfeval.mail.names import text_of_bytes

if TYPE_CHECKING:
    from oxmsg.storage import Storage

__all__ = ["read_outlook"]

_SUBMITTED = 0x0039  # PidTagClientSubmitTime
_EMBEDDED = "__substg1.0_3701000D"
_FILETIME_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_TOP_HEADER = 32  # bytes before the properties of a message


def read_outlook(data: bytes, limits: Limits) -> Message | None:
    """The message in an Outlook file; None when it cannot be read, or the library is not installed."""
    try:
        from olefile import OleFileIO
        from oxmsg.storage import Storage
    except ImportError:
        return None
    try:
        with OleFileIO(io.BytesIO(data)) as ole:
            root = Storage.from_ole(ole)
    except Exception:  # a damaged file: the library raises whatever it runs into
        return None
    walk = Walk(limits)
    properties = _streams(root)
    leaves = tuple(_leaves(root, walk, limits, 0))
    return built(_headers(properties), leaves, walk)


def _headers(properties: Mapping[str, bytes]) -> Headers:
    """The headers it arrived with; one that was never sent has only its properties."""
    transported = _text(properties, "007D")
    if transported.strip():
        return Headers(transported.strip().encode("utf-8", "surrogateescape"))
    sender = _text(properties, "5D01") or _text(properties, "0C1F")
    lines = [
        ("From", f'"{_plain(_text(properties, "0C1A"))}" <{sender}>' if "@" in sender else ""),
        ("Subject", _text(properties, "0037")),
        ("Message-ID", _text(properties, "1035")),
        ("In-Reply-To", _text(properties, "1042")),
        ("References", _text(properties, "1039")),
        ("Date", _submitted(properties.get("__properties_version1.0", b""))),
    ]
    text = "\n".join(f"{name}: {_one_line(value)}" for name, value in lines if value)
    return Headers(text.encode("utf-8", "surrogateescape"))


def _leaves(storage: Storage, walk: Walk, limits: Limits, depth: int) -> Iterator[Leaf]:
    if depth > limits.depth:
        walk.too_deep = True
        return
    properties = _streams(storage)
    for pid, kind in (("1000", "text/plain"), ("1013", "text/html")):
        text = _text(properties, pid) or text_of_bytes(properties.get(f"__substg1.0_{pid}0102", b""))
        if text:
            yield _leaf(f'Content-Type: {kind}; charset="utf-8"', text.encode("utf-8", "surrogateescape"), depth)
    for attachment in storage.iter_attachment_storages():
        walk.parts += 1
        if walk.parts > limits.parts:
            walk.too_many = True
            return
        embedded = next((inner for inner in attachment.storages if inner.name == _EMBEDDED), None)
        if embedded is not None:
            yield from _leaves(embedded, walk, limits, depth + 1)
            continue
        parts = _streams(attachment)
        name = _plain(_text(parts, "3707") or _text(parts, "3704"))
        head = f'Content-Type: application/octet-stream\nContent-Disposition: attachment; filename="{name}"'
        yield _leaf(head, parts.get("__substg1.0_37010102", b""), depth)


def _leaf(head: str, body: bytes, depth: int) -> Leaf:
    return Leaf(Headers(head.encode("utf-8", "surrogateescape")), body, depth)


def _streams(storage: Storage) -> dict[str, bytes]:
    return {stream.name: stream.bytes_ for stream in storage.streams}


def _text(properties: Mapping[str, bytes], pid: str) -> str:
    wide = properties.get(f"__substg1.0_{pid}001F")
    if wide is not None:
        return wide.decode("utf-16-le", "replace").rstrip("\0")
    return text_of_bytes(properties.get(f"__substg1.0_{pid}001E", b"")).rstrip("\0")


def _submitted(properties: bytes) -> str:
    """The time of sending as header text, from the table of properties of fixed size."""
    for start in range(_TOP_HEADER, len(properties) - 15, 16):
        _, pid, _, value = struct.unpack_from("<HHLQ", properties, start)
        if pid == _SUBMITTED:
            try:
                when = _FILETIME_EPOCH + dt.timedelta(microseconds=value // 10)
            except OverflowError:
                return ""
            return when.strftime("%d %b %Y %H:%M:%S +0000")
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(name: str) -> str:
    return _one_line(name).replace("\\", "_").replace('"', "“")
