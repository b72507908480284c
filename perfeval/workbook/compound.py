"""The OLE2 container of .xls and .et (and of password-protected .xlsx): its streams by name, read within limits."""

from __future__ import annotations

import struct

from perfeval.workbook.guard import BadWorkbook

__all__ = ["Compound"]

_HEADER = struct.Struct("<24x5H6x9L")
_END = 0xFFFFFFFA  # this and above: no sector
_STREAM = 2
_ENTRY = 128  # bytes of a directory entry


class Compound:
    """A compound file held as bytes."""

    __slots__ = (
        "_cutoff", "_data", "_fat", "_mini_fat", "_mini_size", "_mini_stream", "_sector_size", "_streams", "names",
    )  # fmt: skip

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            self._open()
        except (struct.error, IndexError, ValueError):
            raise BadWorkbook("TPL003") from None

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._streams

    def stream(self, name: str) -> bytes:
        """The bytes of a top-level stream; KeyError when there is none of that name."""
        start, size = self._streams[name.lower()]
        try:
            if size < self._cutoff:
                return self._chained(start, size, self._mini_fat, self._mini_size, self._mini_stream, 0)
            return self._chained(start, size, self._fat, self._sector_size, self._data, 1)
        except IndexError:
            raise BadWorkbook("TPL003") from None

    def _open(self) -> None:
        data = self._data
        (_, _, order, shift, mini_shift, _, _, first_directory, _, self._cutoff, first_mini, mini_count, next_table,
         table_count) = _HEADER.unpack_from(data)  # fmt: skip
        if order != 0xFFFE or not 7 <= shift <= 14 or not 2 <= mini_shift < shift:
            raise ValueError("no compound file")
        size = self._sector_size = 1 << shift
        self._mini_size = 1 << mini_shift
        sectors = len(data) // size + 1
        tables = list(struct.unpack_from("<109L", data, 76))
        for _ in range(min(table_count, sectors)):
            if next_table >= _END:
                break
            *more, next_table = struct.unpack_from(f"<{size // 4}L", data, (next_table + 1) * size)
            tables += more
        fat: list[int] = []
        for sector in tables:
            if sector < _END and len(fat) < sectors:
                piece = data[(sector + 1) * size : (sector + 2) * size]
                fat += struct.unpack(f"<{len(piece) // 4}L", piece[: len(piece) // 4 * 4])
        self._fat = fat
        directory = self._chained(first_directory, None, fat, size, data, 1)
        root_start, root_size = self._read_directory(directory)
        self._mini_stream = self._chained(root_start, root_size, fat, size, data, 1) if root_size else b""
        mini = self._chained(first_mini, None, fat, size, data, 1) if mini_count else b""
        self._mini_fat = list(struct.unpack(f"<{len(mini) // 4}L", mini))

    def _read_directory(self, directory: bytes) -> tuple[int, int]:
        """Find the top-level entries – embedded workbooks lie deeper –; start and size of the mini stream."""
        self._streams: dict[str, tuple[int, int]] = {}  # by name in lower case
        names: list[str] = []
        count = len(directory) // _ENTRY
        *_, child, root_start, root_size = _entry(directory, 0)
        waiting, seen = [child], {0}
        while waiting:
            index = waiting.pop()
            if index >= count or index in seen:
                continue
            seen.add(index)
            name, kind, left, right, _, start, size = _entry(directory, index)
            names.append(name)
            if kind == _STREAM:
                self._streams.setdefault(name.lower(), (start, size))
            waiting += (left, right)
        self.names = tuple(names)  # of the streams and folders at the top level
        return root_start, root_size

    def _chained(self, sector: int, size: int | None, fat: list[int], unit: int, data: bytes, shift: int) -> bytes:
        """The bytes of a chain of sectors; `size` None: the whole chain."""
        pieces: list[bytes] = []
        missing = len(data) if size is None else size
        for _ in range(len(fat)):  # a chain that is longer runs in a circle
            if sector >= _END or missing <= 0:
                break
            start = (sector + shift) * unit
            piece = data[start : start + min(unit, missing)]
            pieces.append(piece)
            missing -= unit
            sector = fat[sector]
        found = b"".join(pieces)
        if size is not None and len(found) < size:
            raise BadWorkbook("TPL003")
        return found


def _entry(directory: bytes, index: int) -> tuple[str, int, int, int, int, int, int]:
    """Name, kind, left, right, child, start and size of a directory entry."""
    position = index * _ENTRY
    length, kind = struct.unpack_from("<HB", directory, position + 64)
    name = directory[position : position + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
    left, right, child = struct.unpack_from("<3L", directory, position + 68)
    start, size = struct.unpack_from("<2L", directory, position + 116)
    return name, kind, left, right, child, start, size
