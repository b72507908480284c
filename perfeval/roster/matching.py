"""Finds the row of the roster that each submission belongs to; names that are only alike are matched and said.

A near match is made only when it is the one possibility: the row is not claimed by its own name, and the submission's
unit is not another unit of the roster. Two years never match; a year that the row or the submission leaves out is any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfeval.roster.names import near, same_name
from perfeval.roster.reading import RosterRow

__all__ = ["Match", "match"]


@dataclass(frozen=True, slots=True)
class Match:
    """Where a submission stands on the roster."""

    row: RosterRow | None = None  # None: not on the roster
    near: bool = False  # the names are alike, not the same
    candidates: tuple[RosterRow, ...] = ()  # several rows that are alike; none was chosen


def match(rows: Sequence[RosterRow], submissions: Sequence[tuple[str, str, int | None]]) -> list[Match]:
    """For each submission, given as unit, project and year, its place on the roster."""
    index = _Index(rows)
    named = [(same_name(unit), same_name(project), year) for unit, project, year in submissions]
    exact = [index.exact(*names) for names in named]
    claimed = {id(found.row) for found in exact if found.row is not None and found.row.project}
    return [
        found if found.row is not None or found.candidates else index.alike(*names, claimed)
        for found, names in zip(exact, named, strict=True)
    ]


class _Index:
    """The roster by the names of its units and projects."""

    def __init__(self, rows: Sequence[RosterRow]) -> None:
        self._both: dict[tuple[str, str], list[RosterRow]] = {}
        self._units: dict[str, list[RosterRow]] = {}
        self._near_units: dict[str, tuple[str, ...]] = {}
        for row in rows:
            self._both.setdefault(row.names, []).append(row)
            self._units.setdefault(row.names[0], []).append(row)

    def exact(self, unit: str, project: str, year: int | None) -> Match:
        """The row with these very names; a row without project takes all of its unit, one without unit any."""
        if not unit and not project:
            return Match()
        for key in ((unit, project), (unit, ""), ("", project)):
            found = _of_year(self._both.get(key, ()), year) if key != ("", "") else []
            if found:
                return Match(found[0]) if len(found) == 1 else Match(candidates=tuple(found))
        return Match()

    def alike(self, unit: str, project: str, year: int | None, claimed: set[int]) -> Match:
        """The one row whose names are alike."""
        found = _of_year([row for row in self._candidates(unit, project) if id(row) not in claimed], year)
        if not found:
            return Match()
        return Match(found[0], near=True) if len(found) == 1 else Match(candidates=tuple(found))

    def _candidates(self, unit: str, project: str) -> Iterable[RosterRow]:
        if not unit:
            return [row for rows in self._units.values() for row in rows if project and row.names[1] == project]
        rows = [row for name in self._alike_units(unit) for row in self._units[name]]
        same = [row for row in rows if row.names[1] == project]
        return same or [row for row in rows if not row.project or (project and near(row.names[1], project))]

    def _alike_units(self, unit: str) -> tuple[str, ...]:
        """The unit itself if the roster has it, else those whose names are alike."""
        found = self._near_units.get(unit)
        if found is None:
            found = (
                (unit,) if unit in self._units else tuple(name for name in self._units if not name or near(name, unit))
            )
            self._near_units[unit] = found
        return found


def _of_year(rows: Iterable[RosterRow], year: int | None) -> list[RosterRow]:
    """Those of `rows` that may mean the year; one without a year does not where its own like names the year."""
    fitting = [row for row in rows if year is None or row.year is None or row.year == year]
    named = {row.names for row in fitting if row.year == year}
    return [row for row in fitting if row.year == year or row.names not in named]
