"""Hands out a roster: one blank form for each row, with what is known filled in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from perfeval.errors import PathError
from perfeval.files import safe_name, write_atomic, write_fault
from perfeval.findings import Finding
from perfeval.numbers import exact_text
from perfeval.pipeline import blank_form, layout_of
from perfeval.planning import OnExists, free_name, refuse_inputs
from perfeval.quantity import convertible
from perfeval.roster.reading import Roster, RosterRow

if TYPE_CHECKING:
    from perfeval.pack import Pack

__all__ = ["HandedOut", "hand_out", "unplaced"]


@dataclass(frozen=True, slots=True)
class HandedOut:
    """One form handed out."""

    row: RosterRow
    path: Path
    written: bool  # False: it was there already and --on-exists says to skip


def hand_out(roster: Roster, pack: Pack, folder: Path, on_exists: OnExists = OnExists.SUFFIX) -> Iterator[HandedOut]:
    """Write one form for each row of the roster into `folder`, named after unit and project (and year)."""
    if on_exists is OnExists.OVERWRITE:
        refuse_inputs((target for _, target in _named(roster, folder, set())), (roster.path, pack.form_path))
    given: set[str] = set()
    for row, target in _named(roster, folder, given):
        free = free_name(target, on_exists)
        if free is None:
            yield HandedOut(row, target, written=False)
            continue
        given.add(_key(free))
        try:
            write_atomic(free, blank_form(pack, _fields(row, pack)), overwrite=on_exists is OnExists.OVERWRITE)
        except OSError as error:
            fault = write_fault(error, free)
            raise PathError(f"{fault.message}\n{fault.fix}") from error
        yield HandedOut(row, free, written=True)


def unplaced(roster: Roster, pack: Pack) -> list[Finding]:
    """What the roster knows but the form has no place for."""
    known = {path for row in roster.rows for path in row.fields}
    lost = sorted(path for path in known if _place(path, pack) is None)
    return [Finding("BAT116", params={"fields": "、".join(roster.title(path) for path in lost)})] if lost else []


def _fields(row: RosterRow, pack: Pack) -> dict[str, str]:
    """What the roster knows, by the places of the form and in its unit of money."""
    fields = dict(row.fields)
    factor = convertible(row.money_unit, pack.money_unit) if row.money_unit else None
    if factor is not None and "funds.budget" in fields:
        fields["funds.budget"] = exact_text(Fraction(Decimal(fields["funds.budget"])) * factor)
    return {place: text for path, text in fields.items() if (place := _place(path, pack)) is not None}


def _place(path: str, pack: Pack) -> str | None:
    """Where the form keeps a field: its own place, or the total of a field it asks for in parts."""
    places = layout_of(pack).places
    return next((place for place in (path, f"{path}.total") if place in places), None)


def _named(roster: Roster, folder: Path, given: set[str]) -> Iterator[tuple[RosterRow, Path]]:
    """Each row with the name of its form, none of which is `given` already; adds it there."""
    about = Counter(row.names for row in roster.rows)
    for row in roster.rows:
        target = _name(folder, row, given, with_year=about[row.names] > 1)
        given.add(_key(target))
        yield row, target


def _name(folder: Path, row: RosterRow, given: set[str], *, with_year: bool) -> Path:
    """`单位_项目.xlsx`, numbered where two rows would get the same name."""
    parts = [safe_name(text, limit=100) for text in (row.unit, row.project) if text]
    if with_year and row.year is not None:
        parts.append(str(row.year))
    stem, number = "_".join(parts), 1
    target = folder / f"{stem}.xlsx"
    while _key(target) in given:
        number += 1
        target = folder / f"{stem}_{number}.xlsx"
    given.add(_key(target))
    return target


def _key(path: Path) -> str:
    """One key for names that Windows takes for the same."""
    return unicodedata.normalize("NFC", path.name).casefold()
