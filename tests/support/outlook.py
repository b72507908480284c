"""Outlook messages (.msg) written byte by byte: a compound file as [MS-CFB] has it, with properties as [MS-OXMSG]."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Attached", "compound", "msg", "storage"]

Tree: TypeAlias = Mapping[str, "bytes | Tree"]
Attached: TypeAlias = "tuple[str, bytes | Tree]"

_SECTOR, _MINI, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)


def msg(
    *attachments: Attached,
    subject: str = "report",
    sender: tuple[str, str] = ("张三", "zhangsan@bureau.example"),
    message_id: str = "<1@bureau.example>",
    transport: str = "",
    codepage: str | None = None,
    sent: dt.datetime | None = dt.datetime(2025, 1, 20, 1, 30, tzinfo=dt.UTC),
) -> bytes:
    """A message; texts are Unicode, or 8-bit in `codepage`. An attachment that is a tree is an embedded message."""
    return compound(storage(*attachments, subject=subject, sender=sender, message_id=message_id, transport=transport,
                            codepage=codepage, sent=sent))  # fmt: skip


def storage(
    *attachments: Attached,
    subject: str = "report",
    sender: tuple[str, str] = ("张三", "zhangsan@bureau.example"),
    message_id: str = "",
    transport: str = "",
    codepage: str | None = None,
    sent: dt.datetime | None = None,
    embedded: bool = False,
) -> Tree:
    """The storage of a message, at the top of a file or embedded in an attachment."""
    texts = {0x001A: "IPM.Note", 0x0037: subject, 0x0C1A: sender[0], 0x0C1F: sender[1], 0x1000: "请查收"}
    texts |= {0x1035: message_id} if message_id else {}
    texts |= {0x007D: transport} if transport else {}
    streams, properties = _texts(texts, codepage)
    if sent is not None:
        ticks = (sent - _EPOCH) // dt.timedelta(microseconds=1) * 10
        properties += struct.pack("<HHLQ", 0x0040, 0x0039, 6, ticks)
    head = bytes(8) + struct.pack("<4L", 0, len(attachments), 0, len(attachments)) + (b"" if embedded else bytes(8))
    tree: dict[str, bytes | Tree] = {**streams, "__properties_version1.0": head + properties}
    for number, (name, content) in enumerate(attachments):
        tree[f"__attach_version1.0_#{number:08X}"] = _attachment(name, content, codepage)
    return tree


def _attachment(name: str, content: bytes | Tree, codepage: str | None) -> Tree:
    streams, properties = _texts({0x3707: name, 0x3704: "SHORT~1.XLS"}, codepage)
    by_value = isinstance(content, bytes)
    properties += struct.pack("<HHLL4x", 0x0003, 0x3705, 6, 1 if by_value else 5)
    if isinstance(content, bytes):
        properties += struct.pack("<HHLL4x", 0x0102, 0x3701, 6, len(content))
        return {**streams, "__substg1.0_37010102": content, "__properties_version1.0": bytes(8) + properties}
    return {**streams, "__substg1.0_3701000D": content, "__properties_version1.0": bytes(8) + properties}


def _texts(texts: Mapping[int, str], codepage: str | None) -> tuple[dict[str, bytes], bytes]:
    streams, properties = {}, b""
    for pid, text in texts.items():
        kind = 0x001F if codepage is None else 0x001E
        data = text.encode("utf-16-le" if codepage is None else codepage)
        streams[f"__substg1.0_{pid:04X}{kind:04X}"] = data
        properties += struct.pack("<HHLL4x", kind, pid, 6, len(data) + (2 if codepage is None else 1))
    return streams, properties


def compound(tree: Tree) -> bytes:
    """A compound file (version 3) holding `tree`."""
    entries: list[tuple[str, int, bytes, list[int]]] = [("Root Entry", 5, b"", [])]

    def add(branch: Tree, parent: int) -> None:
        for name in sorted(branch, key=lambda name: (len(name), name.upper())):
            content = branch[name]
            index = len(entries)
            entries[parent][3].append(index)
            entries.append((name, 2, content, []) if isinstance(content, bytes) else (name, 1, b"", []))
            if not isinstance(content, bytes):
                add(content, index)

    add(tree, 0)
    small, mini_fat, starts = b"", [], {}
    for index, (_, kind, data, _) in enumerate(entries):
        if kind == 2 and 0 < len(data) < _CUTOFF:
            starts[index] = len(mini_fat)
            units = -(-len(data) // _MINI)
            mini_fat += [*range(len(mini_fat) + 1, len(mini_fat) + units), _END]
            small += data.ljust(units * _MINI, b"\0")
    sectors: list[bytes] = []
    fat: list[int] = []

    def place(data: bytes) -> int:
        if not data:
            return _END
        start, count = len(sectors), -(-len(data) // _SECTOR)
        sectors.extend(data[n * _SECTOR : (n + 1) * _SECTOR].ljust(_SECTOR, b"\0") for n in range(count))
        fat.extend([*range(start + 1, start + count), _END])
        return start

    for index, (_, kind, data, _) in enumerate(entries):
        if kind == 2 and len(data) >= _CUTOFF:
            starts[index] = place(data)
    mini_start = place(small)
    mini_fat_data = struct.pack(f"<{len(mini_fat)}L", *mini_fat)
    mini_fat_data = mini_fat_data.ljust(-(-len(mini_fat_data) // _SECTOR) * _SECTOR, b"\xff")
    mini_fat_start = place(mini_fat_data)
    directory = b"".join(_entry(entries, index, starts, mini_start, len(small)) for index in range(len(entries)))
    directory += b"".join(
        bytes(68) + struct.pack("<3L", _FREE, _FREE, _FREE) + bytes(48) for _ in range(-len(entries) % 4)
    )
    directory_start = place(directory)
    tables = 1
    while tables * 128 < len(fat) + tables:
        tables += 1
    assert tables <= 109, "larger than a fixture needs to be"
    table_start = len(sectors)
    fat += [_FAT] * tables
    fat += [_FREE] * (tables * 128 - len(fat))
    head = struct.pack(
        "<8s16x5H6x9L", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, tables, directory_start, 0, _CUTOFF, mini_fat_start, len(mini_fat_data) // _SECTOR, _END, 0,
    )  # fmt: skip
    head += struct.pack("<109L", *range(table_start, table_start + tables), *[_FREE] * (109 - tables))
    return head + b"".join(sectors) + struct.pack(f"<{len(fat)}L", *fat)


def _entry(
    entries: Sequence[tuple[str, int, bytes, list[int]]], index: int, starts: Mapping[int, int], mini: int, size: int
) -> bytes:
    """A directory entry; the children of a storage hang on each other's right side, in order."""
    name, kind, data, children = entries[index]
    siblings = next((entry[3] for entry in entries if index in entry[3]), [])
    place = siblings.index(index) if siblings else 0
    right = siblings[place + 1] if place + 1 < len(siblings) else _FREE
    raw = name.encode("utf-16-le") + b"\0\0"
    child = children[0] if children else _FREE
    start, length = (mini, size) if index == 0 else (starts.get(index, _END if kind == 2 else 0), len(data))
    links = struct.pack("<HBB3L", len(raw), kind, 1, _FREE, right, child)
    return raw.ljust(64, b"\0") + links + bytes(36) + struct.pack("<LQ", start, length)
