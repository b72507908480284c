"""Zip archives among the attachments: names in whatever charset the packer used, contents within a budget."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import Literal

from perfeval.findings import Finding
from perfeval.mail.limits import Limits
from perfeval.mail.names import text_of_bytes

__all__ = ["Budget", "kind_of", "unpack"]

_END = struct.Struct("<4s4H2LH")
_DIRECTORY_ENTRY = 46 + 400  # bytes one entry of a directory may take on average
_UTF8 = 0x800
_ENCRYPTED = 0x1
_UNICODE_PATH = 0x7075  # extra field with the name in UTF-8 (Info-ZIP)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)


class Budget:
    """What may still be unpacked from the archives of one message."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.unpacked


def kind_of(data: bytes) -> Literal["workbook", "document", "archive", "broken"]:
    """What a file that begins like a zip archive is."""
    try:
        with _opened(data) as packed:
            names = set(packed.namelist())
            if "mimetype" in names and packed.getinfo("mimetype").file_size < 200:
                media = packed.read("mimetype")
                if b"opendocument" in media:
                    return "workbook" if b"spreadsheet" in media else "document"
    except _BROKEN:
        return "broken"
    if "[Content_Types].xml" in names:
        return "workbook" if any(name.lower().startswith("xl/") for name in names) else "document"
    return "archive"


def unpack(name: str, data: bytes, budget: Budget) -> tuple[Sequence[tuple[str, bytes]], Sequence[Finding]]:
    """The members of an archive that are files, with their names, as far as the budget goes."""
    found: list[tuple[str, bytes]] = []
    findings: list[Finding] = []

    def say(code: str, **params: str) -> None:
        findings.append(Finding(code, params=params))

    try:
        with _opened(data) as packed:
            entries = packed.infolist()
            if len(entries) > budget.limits.members:
                say("EML009", what=f"压缩包「{name}」里的文件", limit=f"{budget.limits.members} 个")
                entries = entries[: budget.limits.members]
            for entry in entries:
                inner = _name_of(entry)
                if entry.is_dir() or inner.startswith("__MACOSX/") or inner.rpartition("/")[2].startswith("."):
                    continue
                if entry.flag_bits & _ENCRYPTED:
                    say("EML005", name=name)
                    continue
                allowed = min(budget.left, budget.limits.file_size)
                with packed.open(entry) as member:
                    content = member.read(allowed + 1)  # the size it states may be a lie
                if len(content) > allowed:
                    say("EML009", what=f"压缩包「{name}」解开后的内容", limit=f"{budget.limits.unpacked >> 20} MB")
                    break
                budget.left -= len(content)
                found.append((inner, content))
    except _BROKEN:
        say("EML006", name=name)
    return found, findings


def _opened(data: bytes) -> zipfile.ZipFile:
    """The archive, unless its directory alone would take more memory than a mail deserves."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
    if end < 0 or end + _END.size > len(data):
        raise zipfile.BadZipFile
    size = _END.unpack_from(data, end)[5]
    if size > 5000 * _DIRECTORY_ENTRY:
        raise zipfile.BadZipFile
    return zipfile.ZipFile(io.BytesIO(data))


def _name_of(entry: zipfile.ZipInfo) -> str:
    if entry.flag_bits & _UTF8:
        return entry.orig_filename
    raw = entry.orig_filename.encode("cp437", "replace")
    extra, position = entry.extra, 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        field = extra[position + 4 : position + 4 + length]
        if kind == _UNICODE_PATH and len(field) > 5 and struct.unpack_from("<L", field, 1)[0] == zlib.crc32(raw):
            return text_of_bytes(field[5:])
        position += 4 + length
    return text_of_bytes(raw)
