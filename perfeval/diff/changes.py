"""Every change between two views of a form, grouped as a clerk looks for them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from perfeval.diff.views import NOTHING, RowView, Said, View
from perfeval.diff.words import Piece, difference
from perfeval.merging import paired, plain, signature

__all__ = ["GROUPS", "KINDS", "Change", "FormChanges", "changes"]

# Group of changes → its heading, in the order they are shown.
GROUPS: Mapping[str, str] = {"header": "表头", "funds": "资金", "indicators": "指标", "scores": "得分", "text": "文字"}
KINDS: Mapping[str, str] = {"added": "新增", "removed": "删除", "changed": "修改", "moved": "移动"}
_SIMILAR = 0.6  # names more alike than this are the same indicator, renamed
_MOST_COMPARED = 60  # left-over rows above which renamed ones are not looked for


@dataclass(frozen=True, slots=True)
class Change:
    """One change."""

    group: str  # key of GROUPS
    kind: str  # key of KINDS
    label: str  # the words a clerk sees: 「全市项目评审数量(个) / 评价年度实现值」
    before: str
    after: str
    old_cell: str = ""  # "" when there is none or it is not known
    new_cell: str = ""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Both texts as pieces kept, taken out and put in."""
        return difference(self.before, self.after)


@dataclass(frozen=True, slots=True)
class FormChanges:
    """What changed in one form."""

    sheet: str  # of the new version
    old_sheet: str
    changes: tuple[Change, ...]
    form_id: str = ""
    revisions: tuple[int, int] = (0, 0)  # before and now

    def of(self, group: str) -> tuple[Change, ...]:
        """The changes of one group."""
        return tuple(change for change in self.changes if change.group == group)


def changes(old: View, new: View) -> tuple[Change, ...]:
    """Everything that changed from `old` to `new`, in the order of GROUPS and then of the form."""
    pairs = _pairs(old.rows, new.rows)
    found = [*_fields(old, new), *_rows(old, new, pairs), *_scores(old, new, pairs), *_texts(old, new)]
    order = list(GROUPS)
    return tuple(sorted(found, key=lambda change: order.index(change.group)))


def _changed(group: str, label: str, old: Said, new: Said) -> Iterator[Change]:
    """The change of one cell, if it is one: blanks and line ends do not count."""
    before, after = plain(old.text), plain(new.text)
    if before != after:
        kind = "changed" if before and after else "added" if after else "removed"
        yield Change(group, kind, label, old.text.strip(), new.text.strip(), old.cell, new.cell)


# ---- header and text ------------------------------------------------------------------------------------------------


def _fields(old: View, new: View) -> Iterator[Change]:
    for path in dict.fromkeys((*new.fields, *old.fields)):
        group = "funds" if path.startswith("funds.") else "header"
        label = new.labels.get(path) or old.labels.get(path) or path
        yield from _changed(group, label, old.fields.get(path, NOTHING), new.fields.get(path, NOTHING))


def _texts(old: View, new: View) -> Iterator[Change]:
    for key in dict.fromkeys((*new.narrative, *old.narrative)):
        path = f"narrative.{key}"
        label = new.labels.get(path) or old.labels.get(path) or key
        yield from _changed("text", label, old.narrative.get(key, NOTHING), new.narrative.get(key, NOTHING))
    pairs = paired(new.strays, old.strays, (lambda said: plain(said.text),))
    kept = set(pairs.values())
    for number, said in enumerate(old.strays):
        if number not in kept:
            yield from _changed("text", "表格之外的内容", said, NOTHING)
    for number, said in enumerate(new.strays):
        if number not in pairs:
            yield from _changed("text", "表格之外的内容", NOTHING, said)


# ---- indicators -----------------------------------------------------------------------------------------------------


def _pairs(old: Sequence[RowView], new: Sequence[RowView]) -> dict[int, int]:
    """New row → old row: the same by name, else by everything but the name, else by a name that is nearly the same."""
    keys: tuple[Callable[[RowView], Hashable], ...] = (
        lambda row: (row.group, row.kind, plain(row.name)),
        lambda row: plain(row.name) or object(),
        lambda row: signature("", {key: said.text for key, said in row.texts.items()}) or object(),
    )
    pairs = paired(new, old, keys)
    taken = set(pairs.values())
    free = [number for number in range(len(old)) if number not in taken]
    rest = [number for number in range(len(new)) if number not in pairs]
    if max(len(free), len(rest)) > _MOST_COMPARED:
        return pairs
    for number in rest:
        likeness = [(_alike(new[number], old[other]), -other) for other in free]
        best = max(likeness, default=(0.0, 0))
        if best[0] >= _SIMILAR:
            pairs[number] = -best[1]
            free.remove(-best[1])
    return pairs


def _alike(new: RowView, old: RowView) -> float:
    if (new.group, new.kind) != (old.group, old.kind):
        return 0.0
    return SequenceMatcher(None, plain(old.name), plain(new.name), autojunk=False).ratio()


def _rows(old: View, new: View, pairs: Mapping[int, int]) -> Iterator[Change]:
    kept = set(pairs.values())
    for number, row in enumerate(old.rows):
        if number not in kept:
            yield Change("indicators", "removed", _place(row), _summary(row, old), "", row.cell, "")
    moved = _moved(pairs)
    for number, row in enumerate(new.rows):
        if number not in pairs:
            yield Change("indicators", "added", _place(row), "", _summary(row, new), "", row.cell)
            continue
        before = old.rows[pairs[number]]
        name = row.name or before.name
        if (before.group, before.kind) != (row.group, row.kind):
            was, now = f"{before.group} / {before.kind}", f"{row.group} / {row.kind}"
            yield Change("indicators", "moved", name, was, now, before.cell, row.cell)
        elif number in moved:
            was, now = f"第 {pairs[number] + 1} 项", f"第 {number + 1} 项"
            yield Change("indicators", "moved", name, was, now, before.cell, row.cell)
        title = new.titles.get("name", "")
        yield from _changed("indicators", f"{name} / {title}", Said(before.name, before.cell), Said(row.name, row.cell))
        for key in dict.fromkeys((*row.texts, *before.texts)):
            said = before.texts.get(key, NOTHING), row.texts.get(key, NOTHING)
            if key == "criterion" and not all(cell.text for cell in said):
                continue  # printed on the form; who leaves it out has not changed it
            yield from _changed("indicators", f"{name} / {new.titles.get(key, key)}", *said)


def _place(row: RowView) -> str:
    return f"{row.group} / {row.kind} / {row.name}"


def _summary(row: RowView, view: View) -> str:
    """A whole row in a line each column."""
    said = ((view.titles.get(key, key), text.text) for key, text in row.texts.items() if key != "criterion")
    lines = [f"{title}:{' '.join(text.split())}" for title, text in said]
    return "\n".join([row.name, *lines, f"{view.titles.get('score', '')}:{row.score.text}"])


def _moved(pairs: Mapping[int, int]) -> set[int]:
    """New rows that changed places: all but the longest run that kept its order."""
    order = sorted(pairs)
    ends: list[int] = []  # smallest end of a run of each length
    holders: list[int] = []
    before: dict[int, int | None] = {}
    for number in order:
        at = bisect_left(ends, pairs[number])
        before[number] = holders[at - 1] if at else None
        ends[at : at + 1] = [pairs[number]]
        holders[at : at + 1] = [number]
    kept: set[int] = set()
    last = holders[-1] if holders else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return set(order) - kept


# ---- scores ---------------------------------------------------------------------------------------------------------


def _scores(old: View, new: View, pairs: Mapping[int, int]) -> Iterator[Change]:
    yield from _weights(old, new, pairs)
    for number, other in sorted(pairs.items()):
        was, now = old.rows[other], new.rows[number]
        yield from _changed("scores", f"{now.name} / {new.titles.get('score', '')}", was.score, now.score)
    yield from _changed("scores", "合计", old.total, new.total)


def _weights(old: View, new: View, pairs: Mapping[int, int]) -> Iterator[Change]:
    """Changed weights; where all rows of a group went from one to another, that is one change."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for number, other in sorted(pairs.items()):
        was, now = old.rows[other].weight, new.rows[number].weight
        if was.text != now.text:
            found.setdefault((new.rows[number].group, was.text, now.text), []).append(number)
    title = new.titles.get("weight", "权重")
    for (group, before, after), numbers in found.items():
        first = new.rows[numbers[0]]
        cells = (old.rows[pairs[numbers[0]]].weight.cell, first.weight.cell)
        label = f"{group} / 各项{title}" if len(numbers) > 1 else f"{first.name} / {title}"
        yield Change("scores", "changed", label, before, after, *cells)
