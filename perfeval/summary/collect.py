"""Gathers the digests of a run; until the summary is made they wait in a temporary file.

Ten thousand forms have some hundred thousand indicator rows: neither those nor the forms themselves make the memory of
a run grow. What each form comes to is read back once all are there, its indicators and problems as their sheet is
written.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import IO

from perfeval.errors import PathError
from perfeval.files import reason
from perfeval.findings import Finding
from perfeval.planning import natural_key
from perfeval.roster.names import same_name
from perfeval.summary.digest import Digest, FormDigest
from perfeval.summary.packed import Packed, Unpacker, packed, unpacked_lines

__all__ = ["Collection", "Duplicate", "Entry", "duplicate_findings"]

_NAMED = 5  # files that a message names
_IN_MEMORY = 1_500_000  # bytes of each kind kept before they go to disk
_LEAST, _MOST = 1 << 13, 1 << 20  # bytes read at once: ever more while parts are asked for in their order


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One form of the run, without its details."""

    form: FormDigest
    path: str
    output: str | None
    modified: int
    missed: int  # indicators that fell short
    indicators: int
    mark: Fraction | None  # the total shown, out of 100

    @property
    def file(self) -> str:
        """The workbook to look at."""
        return self.output or self.path

    @property
    def who(self) -> str:
        """Unit and project, for messages."""
        return f"{self.form.unit or '(未填单位)'} / {self.form.project or '(未填项目)'}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One project handed in more than once."""

    kept: Entry
    others: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    number: int  # in the order of arrival
    entries: tuple[Entry, ...]


class _Store:
    """One part of each file, in a temporary file."""

    def __init__(self) -> None:
        self._stream: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - outlives this
        weakref.finalize(self, self._stream.close)
        self._ends = array("Q", (0,))
        self._window, self._first = b"", 0  # what was read last, and where that begins

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, part: bytes) -> None:
        if self._window:
            self._stream.seek(0, os.SEEK_END)
            self._window = b""
        self._stream.write(part)
        self._ends.append(self._ends[-1] + len(part))

    def part(self, number: int) -> bytes:
        begin, end = self._ends[number : number + 2]
        last = self._first + len(self._window)
        if begin < self._first or end > last:
            size = min(2 * len(self._window), _MOST) if self._first <= begin <= last else 0
            self._first = begin
            self._stream.seek(begin)
            self._window = self._stream.read(max(size, _LEAST, end - begin))
        return self._window[begin - self._first : end - self._first]


class Collection:
    """Everything a summary is made of. The order is that of the paths, whatever order the files came in."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()  # how many files, by status
        self.problems = 0  # how many there are in the store
        self._heads, self._lines, self._problems = self._stores = _Store(), _Store(), _Store()
        self._outputs: dict[int, str] = {}  # results that were there already, by the number of the file
        self._ordered: list[_File] | None = None  # as read back; None: not since the last file came

    def add(self, digest: Digest) -> None:
        """Take in one file."""
        self.take(packed(digest))

    def take(self, digest: Packed, output: str | None = None) -> None:
        """Take in one file, with its finished workbook where an earlier run made it.

        Summaries of ours are no submissions. PathError: no space for the details.
        """
        if digest.own:
            return
        number = len(self._problems)
        try:
            for store, part in zip(self._stores, digest.parts, strict=True):
                store.add(part)
        except OSError as error:
            raise PathError(f"汇总的临时文件写不进去:{reason(error)}。请确认放临时文件的磁盘有空间。") from error
        if output is not None:
            self._outputs[number] = output
        self.files[digest.status] += 1
        self.problems += digest.problems
        self._ordered = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every form, those that another one replaces included."""
        return tuple(entry for file in self._files() for entry in file.entries)

    @property
    def failed(self) -> tuple[str, ...]:
        """Paths of the files without a form."""
        return tuple(file.path for file in self._files() if not file.entries)

    def indicators(self) -> Iterator[tuple[Entry, Iterable[tuple[str, ...]]]]:
        """Form by form its indicators: what an `IndicatorLine` holds."""
        for file in self._files():
            yield from zip(file.entries, unpacked_lines(self._lines.part(file.number)), strict=True)

    def details(self) -> Iterator[tuple[tuple[Entry, ...], str, Iterable[tuple[str, ...]]]]:
        """File by file: its forms, the workbook to look at, its problems: what a `ProblemLine` holds."""
        for file in self._files():
            path = file.entries[0].file if file.entries else file.path
            yield file.entries, path, unpacked_lines(self._problems.part(file.number))

    def _files(self) -> list[_File]:
        if self._ordered is None:
            unpack = Unpacker()
            files = []
            for number in range(len(self._problems)):
                head = unpack(self._heads.part(number))
                output = self._outputs.get(number, head.output)
                entries = (
                    Entry(form, head.path, output, head.modified, missed, indicators, _mark(form))
                    for form, indicators, missed in head.forms
                )
                files.append(_File(head.path, number, tuple(entries)))
            self._ordered = sorted(files, key=lambda file: natural_key(file.path))
        return self._ordered

    def duplicates(self) -> tuple[Duplicate, ...]:
        """Forms handed in more than once: the same form id, or the same unit, project, year and kind of form."""
        families: dict[tuple[object, ...], list[Entry]] = {}
        for entry in (entries := self.entries):
            related = {id(found): found for key in _keys(entry) if (found := families.get(key)) is not None}
            family, *others = sorted(related.values(), key=len, reverse=True) or [[]]
            for other in others:
                family += other
                families |= {key: family for member in other for key in _keys(member)}
            family.append(entry)
            families |= dict.fromkeys(_keys(entry), family)
        place = {entry: number for number, entry in enumerate(entries)}
        found_families = {id(family): family for family in families.values() if len(family) > 1}
        members = (sorted(family, key=place.__getitem__) for family in found_families.values())
        return tuple(_duplicate(family) for family in sorted(members, key=lambda family: place[family[0]]))


def _mark(form: FormDigest) -> Fraction | None:
    return None if form.shown is None else Fraction(form.shown) * 100 / form.full_marks


def _keys(entry: Entry) -> list[tuple[object, ...]]:
    """What a form shares with its other versions."""
    form = entry.form
    keys: list[tuple[object, ...]] = [(form.form_id,)] if form.form_id else []
    if form.unit and form.project:
        keys.append((same_name(form.unit), same_name(form.project), form.year, form.pack))
    return keys


def _duplicate(family: list[Entry]) -> Duplicate:
    """The file changed last counts; between revisions of that same form, the highest revision."""
    last = max(family, key=lambda entry: entry.modified)
    same = [entry for entry in family if entry.form.form_id == last.form.form_id]
    kept = max(same, key=lambda entry: (entry.form.revision, entry.modified))
    return Duplicate(kept, tuple(entry for entry in family if entry is not kept))


def duplicate_findings(duplicates: tuple[Duplicate, ...]) -> list[Finding]:
    """What has to be said about projects handed in twice."""
    return [
        Finding(
            "BAT101",
            params={
                "who": duplicate.kept.who,
                "count": str(len(duplicate.others) + 1),
                "kept": duplicate.kept.path,
                "others": _named([entry.path for entry in duplicate.others]),
            },
        )
        for duplicate in duplicates
    ]


def _named(paths: Sequence[str]) -> str:
    """The first few paths, and how many there are when that is not all."""
    named = "".join(f"「{path}」" for path in paths[:_NAMED])
    return named if len(paths) <= _NAMED else f"{named}等 {len(paths)} 份"
