"""A small but genuine macro part (vbaProject.bin), written byte by byte.

No library writes one, and a made-up blob would make Excel offer to repair the sample. The part is a compound file
(MS-CFB) with the streams of a VBA project (MS-OVBA): one empty module per document object and one `Sub`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

__all__ = ["vba_project"]

_SECTOR, _MINI_SECTOR, _MINI_LIMIT = 512, 64, 4096
_FREE, _END, _FAT_SECTOR, _NO_STREAM = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_PROJECT_ID = "{00000000-0000-0000-0000-000000000001}"
_WORKBOOK_BASE = "0{00020819-0000-0000-C000-000000000046}"
_SHEET_BASE = "0{00020820-0000-0000-C000-000000000046}"


def vba_project(documents: tuple[str, ...], module: str, source: str) -> bytes:
    """The part: `documents` are the code names (workbook first), `module` holds `source` (ASCII)."""
    modules = [
        (name, _document_source(name, _SHEET_BASE if i else _WORKBOOK_BASE), True) for i, name in enumerate(documents)
    ]
    modules.append((module, f'Attribute VB_Name = "{module}"\r\n' + source.replace("\n", "\r\n"), False))
    vba = _Node("VBA")
    vba.children = [_Node("_VBA_PROJECT", b"\xcc\x61\xff\xff\x00\x00\x00"), _Node("dir", _compress(_dir(modules)))]
    vba.children += [_Node(name, _compress(text.encode("ascii"))) for name, text, _ in modules]
    root = _Node("Root Entry")
    root.children = [vba, _Node("PROJECT", _project(documents, module)), _Node("PROJECTwm", _names(modules))]
    return _compound_file(root)


def _document_source(name: str, base: str) -> str:
    attributes = {
        "VB_Name": f'"{name}"',
        "VB_Base": f'"{base}"',
        "VB_GlobalNameSpace": "False",
        "VB_Creatable": "False",
        "VB_PredeclaredId": "True",
        "VB_Exposed": "True",
        "VB_TemplateDerived": "False",
        "VB_Customizable": "True",
    }
    return "".join(f"Attribute {key} = {value}\r\n" for key, value in attributes.items())


def _dir(modules: list[tuple[str, str, bool]]) -> bytes:
    """The `dir` stream, uncompressed: project information, one reference, the modules."""

    def record(number: int, data: bytes) -> bytes:
        return struct.pack("<HI", number, len(data)) + data

    def both(number: int, unicode_number: int, text: str) -> bytes:
        return record(number, text.encode("ascii")) + record(unicode_number, text.encode("utf-16-le"))

    u16, u32 = struct.Struct("<H").pack, struct.Struct("<I").pack
    ole = r"*\G{00020430-0000-0000-C000-000000000046}#2.0#0#stdole2.tlb#OLE Automation".encode("ascii")
    out = record(0x01, u32(1)) + record(0x02, u32(0x0409)) + record(0x14, u32(0x0409)) + record(0x03, u16(1252))
    out += record(0x04, b"VBAProject") + both(0x05, 0x40, "") + record(0x06, b"") + record(0x3D, b"")
    out += record(0x07, u32(0)) + record(0x08, u32(0))
    out += struct.pack("<HIIH", 0x09, 4, 1, 0) + both(0x0C, 0x3C, "")
    out += both(0x16, 0x3E, "stdole") + record(0x0D, u32(len(ole)) + ole + u32(0) + u16(0))
    out += record(0x0F, u16(len(modules))) + record(0x13, u16(0xFFFF))
    for name, _, document in modules:
        out += both(0x19, 0x47, name) + both(0x1A, 0x32, name) + both(0x1C, 0x48, "")
        out += record(0x31, u32(0)) + record(0x1E, u32(0)) + record(0x2C, u16(0xFFFF))
        out += record(0x22 if document else 0x21, b"") + record(0x2B, b"")
    return out + record(0x10, b"")


def _compress(data: bytes) -> bytes:
    """MS-OVBA compression, literal tokens only: larger than need be, and valid."""
    tokens = b"".join(b"\x00" + data[i : i + 8] for i in range(0, len(data), 8))
    if len(tokens) > 4096:
        raise ValueError("one chunk must do")
    return b"\x01" + struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens


def _project(documents: tuple[str, ...], module: str) -> bytes:
    """The `PROJECT` stream: names, and a protection state that says "none"."""
    lines = [f'ID="{_PROJECT_ID}"']
    lines += [f"Document={name}/&H00000000" for name in documents]
    lines += [f"Module={module}", 'Name="VBAProject"', 'HelpContextID="0"', 'VersionCompatible32="393222000"']
    protection = {"CMG": bytes(4), "DPB": b"\0", "GC": b"\xff"}
    lines += [f'{key}="{_obfuscated(state)}"' for key, state in protection.items()]
    lines += ["", "[Host Extender Info]", "&H00000001={3832D640-CF90-11CF-8E43-00A0C911005A};VBE;&H00000000"]
    lines += ["", "[Workspace]", *(f"{name}=0, 0, 0, 0, C" for name in (*documents, module)), ""]
    return "\r\n".join(lines).encode("ascii")


def _obfuscated(data: bytes, seed: int = 0x4C) -> str:
    """MS-OVBA data encryption of a protection record, as hexadecimal."""
    key = sum(_PROJECT_ID.encode("ascii")) & 0xFF
    out = bytearray((seed, seed ^ 2, seed ^ key))
    plain, older, newer = key, seed ^ 2, seed ^ key
    for byte in bytes((seed & 6) // 2) + struct.pack("<I", len(data)) + data:
        coded = byte ^ ((older + plain) & 0xFF)
        out.append(coded)
        plain, older, newer = byte, newer, coded
    return out.hex().upper()


def _names(modules: list[tuple[str, str, bool]]) -> bytes:
    """The `PROJECTwm` stream: module names once in the code page, once in UTF-16."""
    pairs = [name.encode("ascii") + b"\0" + name.encode("utf-16-le") + b"\0\0" for name, _, _ in modules]
    return b"".join(pairs) + b"\0\0"


@dataclass
class _Node:
    """A stream (with data) or a storage (without) of the compound file."""

    name: str
    data: bytes | None = None
    children: list[_Node] = field(default_factory=list)
    start: int = 0
    size: int = 0


def _compound_file(root: _Node) -> bytes:
    """MS-CFB version 3; every stream is small enough for the mini stream."""
    mini = bytearray()
    mini_fat: list[int] = []
    order: list[_Node] = []

    def collect(node: _Node) -> None:
        order.append(node)
        for child in node.children:
            collect(child)
        if node.data is None:
            return
        if len(node.data) >= _MINI_LIMIT:
            raise ValueError(f"{node.name}: too long for the mini stream")
        count = -(-len(node.data) // _MINI_SECTOR)
        node.start, node.size = len(mini_fat), len(node.data)
        mini_fat.extend([*range(len(mini_fat) + 1, len(mini_fat) + count), _END])
        mini.extend(node.data.ljust(count * _MINI_SECTOR, b"\0"))

    collect(root)
    sections = [_directory(order), struct.pack(f"<{len(mini_fat)}I", *mini_fat), bytes(mini)]
    fill = (b"\0", b"\xff", b"\0")
    fat = [_FAT_SECTOR]
    starts = []
    body = bytearray()
    for data, padding in zip(sections, fill, strict=True):
        starts.append(len(fat))
        count = -(-len(data) // _SECTOR)
        fat += [*range(len(fat) + 1, len(fat) + count), _END]
        body += data.ljust(count * _SECTOR, padding)
    root.start, root.size = starts[2], len(mini)
    body[: len(sections[0])] = _directory(order)  # again, now that the place of the mini stream is known
    if len(fat) > _SECTOR // 4:
        raise ValueError("one sector of FAT must do")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, starts[0], 0, _MINI_LIMIT, starts[1], starts[2] - starts[1], _END, 0)
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    return header + struct.pack("<128I", *fat, *[_FREE] * (128 - len(fat))) + bytes(body)


def _directory(order: list[_Node]) -> bytes:
    """The directory entries; the children of a storage form a balanced search tree by length and upper-case name."""
    number = {id(node): i for i, node in enumerate(order)}
    left, right, child = ({} for _ in range(3))

    def tree(nodes: list[_Node]) -> int:
        if not nodes:
            return _NO_STREAM
        middle = len(nodes) // 2
        index = number[id(nodes[middle])]
        left[index], right[index] = tree(nodes[:middle]), tree(nodes[middle + 1 :])
        return index

    for node in order:
        children = sorted(node.children, key=lambda n: (len(n.name), n.name.upper()))
        child[number[id(node)]] = tree(children)
    out = b""
    for i, node in enumerate(order):
        name = node.name.encode("utf-16-le") + b"\0\0"
        kind = 5 if i == 0 else 1 if node.data is None else 2
        out += name.ljust(64, b"\0") + struct.pack("<HBB", len(name), kind, 1)
        out += struct.pack("<III", left.get(i, _NO_STREAM), right.get(i, _NO_STREAM), child[i])
        out += bytes(36) + struct.pack("<IQ", node.start, node.size)
    unused = bytes(68) + struct.pack("<III", *[_NO_STREAM] * 3) + bytes(48)
    return out + unused * (-len(order) % 4)
