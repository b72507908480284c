"""What the known packs call things: header words, labels and headings, and the paths they lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from perfeval.layout import Layout, Slot, bare
from perfeval.pack import Group, Pack

__all__ = ["Vocabulary", "vocabulary_of"]


@dataclass
class Vocabulary:
    """Words as they are compared → what they mean; what an earlier pack says stands."""

    column_paths: dict[tuple[str, ...], str] = field(default_factory=dict)  # header words from the top → column key
    columns: dict[str, str] = field(default_factory=dict)  # lowest header word → column key
    header_words: set[str] = field(default_factory=set)
    totals: set[str] = field(default_factory=set)  # labels of the total row
    leads: dict[tuple[str, ...], str] = field(default_factory=dict)  # labels before a place, the nearest first → path
    crossings: dict[tuple[str, str], str] = field(default_factory=dict)  # label of the row or "", label above → path
    inside: list[tuple[str, str, str]] = field(default_factory=list)  # words before and after a place in its cell, path
    headings: dict[str, tuple[str, Pack]] = field(default_factory=dict)  # → narrative section and a pack that has it
    groups: list[Group] = field(default_factory=list)

    @property
    def heads(self) -> set[str]:
        """Labels that stand above places."""
        return {above for _, above in self.crossings}

    def group(self, name: str) -> Group | None:
        """A known group of that name."""
        key = bare(name)
        return next((g for g in self.groups if key in (bare(g.name), *map(bare, g.words))), None)


def vocabulary_of(layouts: Sequence[Layout]) -> Vocabulary:
    """The words of all `layouts` together."""
    words = Vocabulary()
    for layout in layouts:
        words.header_words |= layout.header_words
        words.groups += layout.pack.groups
        for key, column in layout.columns.items():
            words.column_paths.setdefault(column.headers, key)
            for word in (*column.words, *column.headers[-1:]):
                words.columns.setdefault(word, key)
        for key, names in layout.pack.columns.items():
            for name in names:
                words.columns.setdefault(bare(name), key)
        for slot in layout.by_row[layout.total_row]:
            if slot.is_label:
                words.totals |= layout.labels[slot.text]
        for path, slot in layout.places.items():
            if path.startswith("narrative."):
                _add_heading(words, layout, path, slot)
            else:
                _add_place(words, layout, path, slot)
    return words


def _add_heading(words: Vocabulary, layout: Layout, path: str, slot: Slot) -> None:
    above = [other for other in layout.slots if other.is_label and other.row < slot.row and other.column == slot.column]
    if above:
        for spelling in layout.labels[above[-1].text]:
            words.headings.setdefault(spelling, (path.removeprefix("narrative."), layout.pack))


def _add_place(words: Vocabulary, layout: Layout, path: str, slot: Slot) -> None:
    head = layout.above.get(slot)
    leading = layout.guides.get(slot, ())
    if head is not None:
        before = _spellings(layout, leading[:1]) if leading else iter([()])
        for row in before:
            for above in layout.labels[head.text]:
                words.crossings.setdefault((row[0] if row else "", above), path)
                if path.startswith("funds.") and path.endswith((".total", "execution_rate")):
                    # The same word before a cell of its own means the same sum.
                    words.leads.setdefault((above,), path.removesuffix(".total"))
    elif slot.is_anchor:
        words.inside.append((slot.text.strip(), slot.suffix.strip(), path))
    elif leading:
        for spelling in _spellings(layout, leading):
            words.leads.setdefault(spelling, path)


def _spellings(layout: Layout, labels: Sequence[Slot]) -> Iterator[tuple[str, ...]]:
    """Every way to spell a chain of labels."""
    if not labels:
        yield ()
        return
    for first in sorted(layout.labels[labels[0].text]):
        for rest in _spellings(layout, labels[1:]):
            yield (first, *rest)
