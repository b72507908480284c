"""The words a clerk sees before a header field or a section, as they are said in messages."""

from __future__ import annotations

from functools import lru_cache

from perfeval.layout import Layout, Slot

__all__ = ["captions"]


@lru_cache(maxsize=64)
def captions(layout: Layout) -> dict[str, str]:
    """Header fields and sections by path, each with the words a clerk sees before it."""
    labels = {}
    for path, slot in layout.places.items():
        if path.startswith("narrative."):
            words = [other.text for other in layout.slots if other.row < slot.row and other.column == 1][-1:]
        else:
            head = layout.above.get(slot)
            words = _words_before(layout, slot) if head is None else [*_row_label(layout, slot), head.text]
        label = " / ".join("".join(word.split()) for word in words) or slot.text
        labels[path] = label.strip().rstrip(":\uff1a(\uff08")
    return labels


def _row_label(layout: Layout, slot: Slot) -> list[str]:
    """The last label before a place in its own row, or of a cell that goes down beside it."""
    before = [s for s in layout.slots if s.span.top <= slot.row <= s.span.bottom and s.column < slot.column]
    return [s.text for s in sorted(before, key=lambda s: s.column) if s.is_label][-1:]


def _words_before(layout: Layout, slot: Slot) -> list[str]:
    """The label right before a place, after the words that head the whole row."""
    before = [s for s in layout.slots if s.span.top <= slot.row <= s.span.bottom and s.column < slot.column]
    before.sort(key=lambda s: s.column)
    heads: list[str] = []
    for other in before:
        if other.path:
            # The last word before the row's first place belongs to that place alone.
            nearest_label = [s.text for s in before if s.path is None and s.column > other.column][-1:]
            return [*heads[:-1], *nearest_label]
        heads.append(other.text)
    return heads
