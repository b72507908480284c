"""Gathers the digests of a run: what each form comes to in memory, its indicators and problems on disk.

Ten thousand forms have some hundred thousand indicator rows; they wait in a temporary file until their sheet is
written, so that memory does not grow with them.
"""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import IO

from perfeval.errors import PathError
from perfeval.files import reason
from perfeval.findings import Finding
from perfeval.planning import natural_key
from perfeval.roster.names import same_name
from perfeval.summary.digest import Digest, FormDigest, IndicatorLine, ProblemLine

__all__ = ["Collection", "Duplicate", "Entry", "duplicate_findings"]

_NAMED = 5  # files that a message names
_IN_MEMORY = 4_000_000  # bytes of details kept before they go to disk


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One form of the run, without its details."""

    form: FormDigest
    path: str
    output: str | None
    modified: int
    missed: int  # indicators that fell short
    indicators: int

    @property
    def file(self) -> str:
        """The workbook to look at."""
        return self.output or self.path

    @property
    def mark(self) -> Fraction | None:
        """The total shown, out of 100."""
        form = self.form
        return None if form.shown is None else Fraction(form.shown) * 100 / form.full_marks

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
    place: int  # where its details begin in the store
    entries: tuple[Entry, ...]


class Collection:
    """Everything a summary is made of. The order is that of the paths, whatever order the files came in."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()  # how many files, by status
        self.problems = 0  # how many there are in the store
        self._files: list[_File] = []
        self._store: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - outlives this
        weakref.finalize(self, self._store.close)

    def add(self, digest: Digest) -> None:
        """Take in one file; summaries of ours are no submissions. PathError: no space for its details."""
        if digest.own:
            return
        self.files[digest.status] += 1
        self.problems += len(digest.problems)
        entries = tuple(
            Entry(
                replace(form, lines=()),
                digest.path,
                digest.output,
                digest.modified,
                sum(line.fell_short for line in form.lines),
                len(form.lines),
            )
            for form in digest.forms
        )
        record = json.dumps(([form.lines for form in digest.forms], digest.problems)).encode() + b"\n"
        try:
            place = self._store.seek(0, os.SEEK_END)
            self._store.write(record)
        except OSError as error:
            raise PathError(f"汇总的临时文件写不进去:{reason(error)}。请确认放临时文件的磁盘有空间。") from error
        self._files.append(_File(digest.path, place, entries))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every form, those that another one replaces included."""
        return tuple(entry for file in self._ordered() for entry in file.entries)

    @property
    def failed(self) -> tuple[str, ...]:
        """Paths of the files without a form."""
        return tuple(file.path for file in self._ordered() if not file.entries)

    def details(self) -> Iterator[tuple[tuple[Entry, ...], str, list[list[IndicatorLine]], list[ProblemLine]]]:
        """File by file: its forms, the workbook to look at, their indicators, its problems."""
        for file in self._ordered():
            self._store.seek(file.place)
            forms, problems = json.loads(self._store.readline())
            path = file.entries[0].file if file.entries else file.path
            lines = [[IndicatorLine(*line) for line in form] for form in forms]
            yield file.entries, path, lines, [ProblemLine(*problem) for problem in problems]

    def _ordered(self) -> list[_File]:
        return sorted(self._files, key=lambda file: natural_key(file.path))

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
