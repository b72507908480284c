"""Several versions of one form: the newest counts, the others are listed – whoever sent them, in whatever order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from perfeval.errors import PathError
from perfeval.ledger import Entry, FormLine, Ledger, Submission, submissions
from perfeval.mail.report import Standing

__all__ = ["Versions"]


class Versions:
    """The forms on record, found by what makes them the same form."""

    def __init__(self, ledger: Ledger, options_key: str, untrusted: Iterable[str] = ()) -> None:
        self.options_key = options_key
        self._ledger = ledger
        self._entries: dict[tuple[str, str], Entry] = {}
        self._by_name: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._order: dict[tuple[str, str], int] = {}  # of recording
        self._numbers = count()
        self._new: list[Entry] = []  # recorded in this run
        self._untrusted = tuple(f"/{folder}/" for folder in untrusted)
        for entry in ledger.entries():
            if not any(folder in entry.path.replace("\\", "/") for folder in self._untrusted):
                self._add(entry)

    def record(self, entry: Entry, sent: dt.datetime | None, *, trusted: bool) -> Entry:
        """Put a workbook on record, dated by its message; PathError when that is not possible.

        A date in the future would beat every later version: such a message counts as sent when it was read.
        """
        now = dt.datetime.now(dt.UTC)
        when = now if sent is None or sent > now else sent
        dated = replace(entry, modified=int(when.timestamp()) * 1_000_000_000)
        dated = replace(dated, forms=tuple(self._numbered(dated, form) for form in entry.forms))
        if (fault := self._ledger.record(dated)) is not None:
            raise PathError(f"{fault.message}{fault.fix}")
        self._new.append(dated)
        if trusted:  # a stranger's version must not take the place of a known one
            self._add(dated)
        return dated

    def standings(self, entry: Entry) -> tuple[Standing, ...]:
        """Where each form of `entry` stands."""
        family = self._family(entry)
        placed = submissions(family)
        return tuple(_standing(entry, form, placed) for form in entry.forms)

    def families(self) -> tuple[tuple[Submission, ...], ...]:
        """Forms of this run that came in more than once, every version in order of recording."""
        found: list[tuple[Submission, ...]] = []
        done: set[tuple[str, str]] = set()
        for entry in self._new:
            key = (entry.path, entry.digest)
            if key in done or key not in self._entries or not entry.forms:
                continue
            family = self._family(entry)
            done.update((member.path, member.digest) for member in family)
            if len(family) > 1:
                found.append(submissions(family))
        return tuple(found)

    def _numbered(self, entry: Entry, form: FormLine) -> FormLine:
        """A form that was typed anew knows nothing of earlier ones, but it is as new as the newest sent before it."""
        if form.revision is not None:
            return form
        before = [one for one in self._family(replace(entry, forms=(form,))) if one.modified <= entry.modified]
        known = [line.revision for one in before for line in one.forms if line.form_id == form.form_id]
        return replace(form, revision=max((number for number in known if number is not None), default=1))

    def _add(self, entry: Entry) -> None:
        key = (entry.path, entry.digest)
        self._entries[key] = entry
        self._order[key] = next(self._numbers)
        for name in _names(entry):
            self._by_name[name].add(key)

    def _family(self, entry: Entry) -> list[Entry]:
        """Every entry that holds a version of a form of `entry`, directly or through others."""
        names, waiting, keys = set(_names(entry)), list(_names(entry)), {(entry.path, entry.digest)}
        while waiting:
            for key in self._by_name[waiting.pop()] - keys:
                keys.add(key)
                more = set(_names(self._entries[key])) - names
                names |= more
                waiting += more
        return [self._entries[key] for key in sorted(keys & self._order.keys(), key=self._order.__getitem__)]


def _names(entry: Entry) -> Iterable[str]:
    for form in entry.forms:
        if form.key is not None:
            yield f"key\n{form.key}"
        if form.form_id:
            yield f"id\n{form.form_id}"


def _standing(entry: Entry, form: FormLine, placed: tuple[Submission, ...]) -> Standing:
    own = next((one for one in placed if one.entry is entry and one.form is form), None)
    if own is None:
        return Standing()
    if own.newer is not None:
        newer = next((one.entry for one in placed if one.entry.path == own.newer), entry)
        return Standing(newer=_shown(newer))
    older = dict.fromkeys(_shown(one.entry) for one in placed if one.newer == entry.path and one.entry is not entry)
    return Standing(older=tuple(older))


def _shown(entry: Entry) -> str:
    """`自评表.xlsx，2025年01月20日`."""
    day = dt.datetime.fromtimestamp(entry.modified / 1e9, dt.timezone(dt.timedelta(hours=8)))
    name = entry.path.replace("\\", "/").rpartition("/")[2]
    return f"{name}，{day.year}年{day.month}月{day.day}日 {day:%H:%M}"
