"""Where the words of a form stand in a sheet: every later step looks things up here.

A label is a cell of its own, or the beginning of a cell that goes on with a value (「填报单位名称:某局」).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from perfeval.layout import TABLE_PREFIXES, Layout, Slot, bare
from perfeval.workbook.grid import Sheet

__all__ = ["LabelIndex", "Position", "Words", "label_index", "likeness", "nearest", "positions", "words_of"]

Position = tuple[int, int]
Words = dict[str, list[Position]]  # normalised short text → cells that hold it
_LONGEST_LABEL = 80  # characters; longer cells are text, at most their beginning is a label


def words_of(sheet: Sheet) -> Words:
    """The short texts of a sheet as they are compared, each with its cells."""
    words: Words = {}
    for position, cell in sheet.cells.items():
        text = cell.text
        if cell.number is None and len(text) <= _LONGEST_LABEL:
            key = bare(text)
            if key in words:
                words[key].append(position)
            else:
                words[key] = [position]
    return words


def likeness(words: Words, layout: Layout) -> float:
    """Share of the form's labels and columns whose words stand in the sheet, 0…1."""
    items = layout.items
    return len({number for word in items.keys() & words.keys() for number in items[word]}) / layout.item_count


def nearest(word: str, words: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The word most like `word`, None when none is like it."""
    best, share = None, cutoff
    for candidate in words:
        ratio = SequenceMatcher(None, bare(word), bare(candidate)).ratio()
        if ratio > share:
            best, share = candidate, ratio
    return best


@dataclass(frozen=True)
class _Patterns:
    """Labels that share their cell with a value, as one regular expression over the beginnings of cells."""

    regex: re.Pattern[str]
    slots: tuple[Slot, ...]
    first: frozenset[str]
    endings: tuple[tuple[Slot, re.Pattern[str]], ...]  # places that are told by the words after them alone
    last: frozenset[str]


@lru_cache(maxsize=64)
def _patterns(layout: Layout) -> _Patterns:
    slots = _headings(layout)
    regex = "|".join(f"(?P<s{number}>{_loose(slot.text)}{_ending(slot)})" for number, slot in enumerate(slots))
    first = frozenset(form for slot in slots for form in _widths(slot.text.strip()[:1]))
    ended = [slot for slot in layout.slots if slot.path and not slot.text.strip() and slot.is_anchor]
    ended = [slot for slot in ended if not (slot.path or "").startswith(TABLE_PREFIXES)]
    endings = tuple((slot, re.compile(rf"[^\n]{{0,{_LONGEST_LABEL}}}?{_loose(slot.suffix)}\s*")) for slot in ended)
    last = frozenset(form for slot in ended for form in _widths(slot.suffix.strip()[-1:]))
    pattern = re.compile(rf"\s*(?:{regex})[\s:\uff1a]*" if slots else "(?!)")
    return _Patterns(pattern, slots, first, endings, last)


def _ending(slot: Slot) -> str:
    """What must follow somewhere after words that say too little by themselves: 「(」 … 「年度)」."""
    if slot.path is None or any(char.isalnum() for char in slot.text):
        return ""
    return rf"(?=[^\n]*{_loose(slot.suffix)}\s*$)"


def _loose(text: str) -> str:
    """A pattern for `text` whatever its blanks and the width of its characters; colons are optional."""
    parts = []
    for char in text.strip():
        if char.isspace():
            continue
        if char in ":\uff1a":
            parts.append("[:\uff1a]?")
        else:
            parts.append("[" + re.escape("".join(sorted(_widths(char)))) + "]")
    return r"\s*".join(parts)


def _widths(char: str) -> set[str]:
    """A character in its half-width and full-width form."""
    code = ord(char) if char else 0
    if 0x21 <= code <= 0x7E:
        return {char, chr(code + 0xFEE0)}
    if 0xFF01 <= code <= 0xFF5E:
        return {char, chr(code - 0xFEE0)}
    return {char} if char else set()


def _headings(layout: Layout) -> tuple[Slot, ...]:
    """Slots whose words may be followed by a value in the same cell: patterns, and the narrative headings."""
    return tuple(
        slot
        for slot in layout.slots
        if (slot.path and slot.text.strip() and slot.is_anchor and not slot.path.startswith(TABLE_PREFIXES))
        or (slot.is_label and slot.row > layout.total_row and slot.column == 1)
    )


@dataclass
class LabelIndex:
    """Where label words stand in the sheet."""

    words: Words
    prefixes: dict[Slot, list[tuple[Position, str]]]  # slot → cells that begin with its words, and the rest


def label_index(sheet: Sheet, layout: Layout, words: Words) -> LabelIndex:
    patterns = _patterns(layout)
    first, regex = patterns.first, patterns.regex
    prefixes: dict[Slot, list[tuple[Position, str]]] = {}
    for position, cell in sheet.cells.items():
        text = cell.text
        if (text[0] in first or text.lstrip()[:1] in first) and (match := regex.match(text)):
            group = match.lastgroup
            assert group is not None
            prefixes.setdefault(patterns.slots[int(group[1:])], []).append((position, text[match.end() :]))
        elif patterns.last and text.rstrip()[-1:] in patterns.last:
            for slot, ending in patterns.endings:
                if ending.fullmatch(text):
                    prefixes.setdefault(slot, []).append((position, text))
    return LabelIndex({word: words[word] for word in _all_spellings(layout) & words.keys()}, prefixes)


@lru_cache(maxsize=64)
def _all_spellings(layout: Layout) -> frozenset[str]:
    words = set(layout.header_words)
    for slot in layout.slots:
        if slot.is_label:
            words |= layout.labels[slot.text]
    return frozenset(words)


def positions(layout: Layout, slot: Slot, index: LabelIndex, rows: range) -> list[Position]:
    """Cells of `rows` that carry the words of a label or pattern slot."""
    found: list[Position] = []
    if slot.is_label:
        words = index.words
        for spelling in layout.labels[slot.text]:
            if spelling in words:
                found += [position for position in words[spelling] if position[0] in rows]
    if slot in index.prefixes:
        found += [position for position, _ in index.prefixes[slot] if position[0] in rows]
    return found
