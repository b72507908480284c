"""The zip container below a workbook: read within limits, and written again without touching what did not change.

Own code instead of `zipfile` for one reason: `zipfile` cannot copy a member as it is (packed bytes, time stamp,
attributes). Everything a program put into the package and we do not replace leaves it bit for bit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from perfeval.record import record
from perfeval.workbook.guard import LIMITS, BadWorkbook, too_large

__all__ = ["Archive"]

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _STREAMED, _UTF8 = 0x1, 0x8, 0x800
_STORED, _DEFLATED = 0, 8
_EPOCH = 0x21  # 1980-01-01, the time stamp Excel itself gives its parts
_CACHED = 1 << 20  # inflated parts up to this size are kept
_RECURRING = 1 << 15  # style sheets and lists of parts come in and go out the same in many files of a batch
_DEFLATE_LEVEL = 1  # two fifths of the time of the usual 6 for a sheet that is a seventh larger


@record(frozen=True, slots=True)
class Member:
    """One entry of the central directory."""

    made_by: int
    needed: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    packed: int  # bytes in the file
    size: int  # bytes inflated
    attributes: tuple[int, int]  # internal, external
    offset: int  # of the local header
    raw_name: bytes
    extra: bytes
    comment: bytes


class Archive:
    """A zip file held as bytes; members are inflated on demand."""

    __slots__ = ("_cache", "_comment", "_data", "_folded", "_members", "names", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._cache: dict[str, bytes] = {}
        self._members: dict[str, Member] = {}
        self._folded: dict[str, str] = {}  # names in lower case → names
        self._comment = b""
        self.size = 0  # bytes of all members inflated, as the directory declares them
        self._read_directory()
        self.names: tuple[str, ...] = tuple(name for name in self._members if not name.endswith("/"))

    def __contains__(self, name: str) -> bool:
        return self.resolve(name) is not None

    def resolve(self, name: str) -> str | None:
        """The member that `name` means: part names are equal without regard to case (ISO 29500-2)."""
        if name in self._members:
            return name
        return self._folded.get(name.lower())

    def read(self, name: str) -> bytes:
        """The inflated bytes of a member; KeyError when there is none of that name."""
        known = self.resolve(name)
        if known is None:
            raise KeyError(name)
        content = self._cache.get(known)
        if content is None:
            content = self._inflated(known, self._members[known])
            if len(content) <= _CACHED:
                self._cache[known] = content
        return content

    def rebuilt(
        self, replaced: Mapping[str, bytes], removed: Container[str] = (), added: Sequence[tuple[str, bytes]] = ()
    ) -> bytes:
        """A new zip file: `replaced` members in place, `removed` ones left out, `added` ones at the end."""
        changed: dict[str, bytes] = {}
        for name, content in replaced.items():
            known = self.resolve(name)
            if known is None:
                raise KeyError(name)
            changed[known] = content
        writer = _Writer()
        for name, member in self._members.items():
            if name in removed:
                continue
            new = changed.get(name)
            if new is None or self._same(name, member, new):
                local_extra, _, packed = self._packed(name, member)
                writer.copy(member, local_extra, packed)
            else:
                writer.add(member.raw_name, member.flags & _UTF8, new)
        for name, content in added:
            if name in self._members and name not in removed:
                raise ValueError(f"{name} is already a member")
            writer.add(name.encode(), 0 if name.isascii() else _UTF8, content)
        return writer.finished(self._comment)

    def _same(self, name: str, member: Member, content: bytes) -> bool:
        return len(content) == member.size and zlib.crc32(content) == member.crc and content == self.read(name)

    def _read_directory(self) -> None:
        data = self._data
        if len(data) > LIMITS.file_size:
            raise too_large()
        end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
        if end < 0 or end + _END.size > len(data):
            raise BadWorkbook("TPL003")
        _, disk, _, _, count, size, offset, comment = _END.unpack_from(data, end)
        self._comment = data[end + _END.size : end + _END.size + comment]
        start = end - size
        if 0xFFFF in (count, disk) or 0xFFFFFFFF in (size, offset):
            count, size, offset, start = self._zip64_end(end)
        shift = start - offset  # bytes somebody put before the archive
        if start < 0 or shift < 0:
            raise BadWorkbook("TPL003")
        if count > LIMITS.members:
            raise BadWorkbook("TPL009", count=str(count), limit=str(LIMITS.members))
        self._read_entries(start, start + size, count, shift)
        self._check_sizes()

    def _zip64_end(self, end: int) -> tuple[int, int, int, int]:
        data, locator = self._data, end - _END64_LOCATOR.size
        if locator < 0 or data[locator : locator + 4] != b"PK\x06\x07":
            raise BadWorkbook("TPL003")
        position = _END64_LOCATOR.unpack_from(data, locator)[2]
        if position + _END64.size > locator or data[position : position + 4] != b"PK\x06\x06":
            raise BadWorkbook("TPL003")
        fields = _END64.unpack_from(data, position)
        count, size, offset = fields[7], fields[8], fields[9]
        return count, size, offset, position - size

    def _read_entries(self, position: int, stop: int, count: int, shift: int) -> None:
        data, members, folded = self._data, self._members, self._folded
        for _ in range(count):
            if position + _CENTRAL.size > stop:
                raise BadWorkbook("TPL003")
            (magic, made_by, needed, flags, method, time, date, crc, packed, size, name_length, extra_length,
             comment_length, _, internal, external, offset) = _CENTRAL.unpack_from(data, position)  # fmt: skip
            if magic != b"PK\x01\x02":
                raise BadWorkbook("TPL003")
            name_end = position + _CENTRAL.size + name_length
            raw_name = data[position + _CENTRAL.size : name_end]
            extra = data[name_end : name_end + extra_length]
            position = name_end + extra_length + comment_length
            if position > stop:
                raise BadWorkbook("TPL003")
            if extra:
                size, packed, offset, extra = _without_zip64(extra, size, packed, offset)
            name = _decoded(raw_name, flags)
            if flags & _ENCRYPTED:
                raise BadWorkbook("TPL011", part=name)
            if folded.setdefault(name.lower(), name) != name or name in members:
                raise BadWorkbook("TPL010", part=name)
            comment = data[position - comment_length : position]
            members[name] = Member(
                made_by, needed, flags, method, time, date, crc, packed, size, (internal, external),
                offset + shift, raw_name, extra, comment,
            )  # fmt: skip

    def _check_sizes(self) -> None:
        packed = 0
        for name, member in self._members.items():
            self.size += member.size
            packed += member.packed
            if member.size > LIMITS.ratio_from and member.size > LIMITS.ratio * max(member.packed, 1):
                raise BadWorkbook("TPL006", what=name, limit=f"{LIMITS.ratio}:1")
        if self.size > LIMITS.total_size:
            raise BadWorkbook("TPL006", what="展开后的内容", limit=_mib(LIMITS.total_size))
        if packed > len(self._data):  # members that overlap: one piece of data counted many times
            raise BadWorkbook("TPL003")

    def _packed(self, name: str, member: Member) -> tuple[bytes, int, bytes]:
        """Local extra field, start and packed bytes of a member."""
        data, offset = self._data, member.offset
        if offset + _LOCAL.size > len(data):
            raise BadWorkbook("TPL003")
        fields = _LOCAL.unpack_from(data, offset)
        name_end = offset + _LOCAL.size + fields[9]
        start = name_end + fields[10]
        if fields[0] != b"PK\x03\x04" or data[offset + _LOCAL.size : name_end] != member.raw_name:
            raise BadWorkbook("TPL003")
        packed = data[start : start + member.packed]
        if len(packed) != member.packed:
            raise BadWorkbook("TPL003")
        if fields[2] & _ENCRYPTED:
            raise BadWorkbook("TPL011", part=name)
        extra = data[name_end:start]
        return (_without_zip64(extra, 0, 0, 0)[3] if extra else b""), start, packed

    def _inflated(self, name: str, member: Member) -> bytes:
        if member.size > LIMITS.part_size:
            raise BadWorkbook("TPL006", what=name, limit=_mib(LIMITS.part_size))
        packed = self._packed(name, member)[2]
        if member.method == _STORED:
            content, crc = packed, zlib.crc32(packed)
        elif member.method == _DEFLATED:
            content, crc = (_inflated_again if member.size <= _RECURRING else _inflated)(packed, member.size)
        else:
            raise BadWorkbook("TPL003")
        if len(content) != member.size or crc != member.crc:
            raise BadWorkbook("TPL003")
        return content


class _Writer:
    """Writes a zip file front to back; what it packs itself gets a fixed time stamp."""

    __slots__ = ("_chunks", "_count", "_directory", "_position")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._directory: list[bytes] = []
        self._position = 0
        self._count = 0

    def copy(self, member: Member, local_extra: bytes, packed: bytes) -> None:
        """A member as it was; only a trailing data descriptor becomes sizes in the header."""
        self._put(replace(member, flags=member.flags & ~_STREAMED), local_extra, packed)

    def add(self, raw_name: bytes, utf8: int, content: bytes) -> None:
        """A member of our own."""
        packed, crc = (_deflated_again if len(content) <= _RECURRING else _deflated)(content)
        self._put(
            Member(
                20, 20, utf8, _DEFLATED, 0, _EPOCH, crc, len(packed), len(content), (0, 0), 0, raw_name, b"", b"",
            ),
            b"",
            packed,
        )  # fmt: skip

    def _put(self, m: Member, local_extra: bytes, packed: bytes) -> None:
        head = _LOCAL.pack(
            b"PK\x03\x04", m.needed, m.flags, m.method, m.time, m.date, m.crc, m.packed, m.size,
            len(m.raw_name), len(local_extra),
        )  # fmt: skip
        self._chunks += (head, m.raw_name, local_extra, packed)
        entry = _CENTRAL.pack(
            b"PK\x01\x02", m.made_by, m.needed, m.flags, m.method, m.time, m.date, m.crc, m.packed, m.size,
            len(m.raw_name), len(m.extra), len(m.comment), 0, *m.attributes, self._position,
        )  # fmt: skip
        self._directory += (entry, m.raw_name, m.extra, m.comment)
        self._position += len(head) + len(m.raw_name) + len(local_extra) + len(packed)
        self._count += 1

    def finished(self, comment: bytes) -> bytes:
        """The whole file."""
        directory = b"".join(self._directory)
        end = _END.pack(b"PK\x05\x06", 0, 0, self._count, self._count, len(directory), self._position, len(comment))
        return b"".join((*self._chunks, directory, end, comment))


def _deflated(content: bytes) -> tuple[bytes, int]:
    """The packed bytes of a part, and the checksum of what it holds."""
    return zlib.compress(content, _DEFLATE_LEVEL, -15), zlib.crc32(content)


def _inflated(packed: bytes, size: int) -> tuple[bytes, int]:
    """What a part of `size` bytes holds – one byte more where there is more –, and its checksum."""
    try:
        content = zlib.decompressobj(-15).decompress(packed, size + 1)
    except zlib.error:
        raise BadWorkbook("TPL003") from None
    return content, zlib.crc32(content)


_deflated_again = lru_cache(maxsize=64)(_deflated)
_inflated_again = lru_cache(maxsize=64)(_inflated)  # what is the same object is found again at once further on


def _decoded(raw: bytes, flags: int) -> str:
    """The part name of a member: some producers write backslashes or a leading slash, old ones no UTF-8."""
    try:
        name = raw.decode("utf-8" if flags & _UTF8 or not raw.isascii() else "ascii")
    except ValueError:
        name = raw.decode("cp437")
    return name.replace("\\", "/").lstrip("/")


def _without_zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int, bytes]:
    """The true sizes and offset, and `extra` without the zip64 field, which nothing below 4 GiB needs."""
    kept, position = [], 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        field = extra[position + 4 : position + 4 + length]
        if kind == 1:
            values = [value for (value,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
            size = values.pop(0) if size == 0xFFFFFFFF and values else size
            packed = values.pop(0) if packed == 0xFFFFFFFF and values else packed
            offset = values.pop(0) if offset == 0xFFFFFFFF and values else offset
        else:
            kept.append(extra[position : position + 4 + length])
        position += 4 + length
    return size, packed, offset, b"".join(kept)


def _mib(size: int) -> str:
    return f"{size >> 20} MB"
