"""Which of the forms on record count: of several versions of one form, the newest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from perfeval.ledger.records import Entry, FormLine
from perfeval.record import record

__all__ = ["Submission", "family_keys", "submissions"]


@record(frozen=True, slots=True)
class Submission:
    """A form on record; `newer` is the file that takes its place, None when this one counts."""

    entry: Entry
    form: FormLine
    newer: str | None = None


def submissions(entries: Sequence[Entry]) -> tuple[Submission, ...]:
    """Every form of `entries` (in the order of recording), each with the file that takes its place if one does.

    The same form is: the same form id, or the same unit, project and year, or the same sheet of a file that stays
    where it is.
    Newest is the file changed last; between revisions of one handed-out form, the highest revision.
    """
    rows = [(entry, form) for entry in entries for form in entry.forms]
    families = _Families(len(rows))
    for number, (entry, form) in enumerate(rows):
        for key in family_keys(entry.path, form, is_archived=entry.archive is not None):
            families.join(number, key)
    newest: dict[int, str] = {}
    for members in families:
        first = max(members, key=lambda number: (rows[number][0].modified, number))
        form_id = rows[first][1].form_id
        same_id = [number for number in members if form_id is not None and rows[number][1].form_id == form_id]
        best = max(same_id, key=lambda number: (rows[number][1].revision or 0, number == first), default=first)
        newest.update((number, rows[best][0].path) for number in members if number != best)
    return tuple(Submission(entry, form, newest.get(number)) for number, (entry, form) in enumerate(rows))


def family_keys(path: str, form: FormLine, *, is_archived: bool) -> Iterator[str]:
    """What a form shares with its other versions."""
    if not is_archived:  # in a hot folder the next file of the same name may be anything
        yield f"path\n{path}\n{form.sheet}"
    if (key := form.key) is not None:
        yield f"key\n{key}"
    if form.form_id is not None:
        yield f"id\n{form.form_id}"


class _Families:
    """Rows that belong together because they share a key, directly or through others."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))
        self._first: dict[str, int] = {}

    def join(self, number: int, key: str) -> None:
        other = self._first.setdefault(key, number)
        self._parent[self._root(number)] = self._root(other)

    def __iter__(self) -> Iterator[list[int]]:
        families: defaultdict[int, list[int]] = defaultdict(list)
        for number in range(len(self._parent)):
            families[self._root(number)].append(number)
        return iter(families.values())

    def _root(self, number: int) -> int:
        parent = self._parent
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number
