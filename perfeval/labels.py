"""Where the words of a form stand in a sheet: every later step looks things up here.

A label is a cell of its own, or the beginning of a cell that goes on with a value (「填报单位名称:某局」).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from perfeval.layout import TABLE_PREFIXES, Layout, Slot, bare, yearless
from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.grid import Sheet

__all__ = [
    "LabelIndex", "Position", "Words", "headings_in", "label_index", "likeness", "nearest", "word_numbers", "words_of",
]  # fmt: skip

Position = tuple[int, int]
Words = dict[str, list[Position]]  # normalised short text → cells that hold it
Prefixes = dict[tuple[str, str], list[tuple[Position, str]]]  # `Slot.spoken` → cells that begin so, and the rest
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
            if "20" in key:
                for other in yearless(key):
                    words.setdefault(other, []).append(position)
    return words


def likeness(words: Words, layout: Layout) -> float:
    """Share of the form's labels and columns whose words stand in the sheet, 0…1."""
    items = layout.items
    return len({number for word in items.keys() & words.keys() for number in items[word]}) / layout.item_count


def nearest(wanted: Iterable[str], texts: Mapping[Position, str], cutoff: float = 0.5) -> Position | None:
    """The cell whose text is most like one of the `wanted` words, None when none is like them."""
    from difflib import SequenceMatcher  # most forms have every word where it belongs

    best, share = None, cutoff
    matcher = SequenceMatcher(None)
    for word in wanted:
        matcher.set_seq2(bare(word))
        for position, text in texts.items():
            if len(text) > _LONGEST_LABEL:
                continue
            matcher.set_seq1(bare(text))
            if matcher.real_quick_ratio() > share and (ratio := matcher.ratio()) > share:
                best, share = position, ratio
    return best


@record(frozen=True)
class _Label:
    """One spelling of a label that may share its cell with a value."""

    slot: Slot
    letters: tuple[str, ...]  # each in either width; the colons at its end are left out
    colons: int  # the most that may follow where a colon and a value must
    pattern: re.Pattern[str] | None = None  # told by what stands after the value as well, and all spellings in one


@record(frozen=True)
class _Patterns:
    """Labels that share their cell with a value, as they are looked for at the beginnings of cells."""

    first: frozenset[str]
    inside: tuple[tuple[Slot, re.Pattern[str]], ...]  # places told by the words on both sides: may begin anywhere
    endings: tuple[tuple[Slot, re.Pattern[str]], ...]  # places that are told by the words after them alone
    last: frozenset[str]
    headings: frozenset[Slot]  # of the narrative
    label: Callable[[str], tuple[Slot, int] | None]  # the label a text begins with, and where it ends
    known: Callable[[str], tuple[Slot, int] | None]  # the same, remembered


@lru_cache(maxsize=64)
def _patterns(layout: Layout) -> _Patterns:
    headings = frozenset(s for s in layout.slots if s.is_label and s.row > layout.total_row and s.column == 1)
    guides = {leading[0] for leading in layout.guides.values() if leading} - headings
    places = [slot for slot in layout.slots if slot.path and not slot.path.startswith(TABLE_PREFIXES)]
    told = [slot for slot in places if slot.text.strip() and slot.is_anchor]
    slots = tuple({slot.spoken: slot for slot in (*told, *headings, *sorted(guides, key=_by_place))}.values())
    words = {slot: _spellings(layout, slot) for slot in slots}
    labels = [label for slot in slots for label in _labels(slot, words[slot], slot in guides)]
    first = {form for slot in slots for word in words[slot] for form in _widths(word.strip()[:1])}
    begun = {letter: tuple(label for label in labels if _may_begin(label, letter)) for letter in first}
    inside = [slot for slot in told if slot.suffix.strip() and len(bare(slot.text)) > 1]
    ended = [slot for slot in places if not slot.text.strip() and slot.is_anchor]

    def label(text: str) -> tuple[Slot, int] | None:
        for each in begun.get(text.lstrip()[:1], ()):
            end = _behind(each, text)
            if end >= 0:
                return each.slot, end
        return None

    return _Patterns(
        frozenset(first),
        tuple((slot, lazy_pattern(rf"(?:{_any(words[slot])})[\s:\uff1a]*")) for slot in inside),
        tuple((slot, lazy_pattern(rf"[^\n]{{0,{_LONGEST_LABEL}}}?{_loose(slot.suffix)}\s*")) for slot in ended),
        frozenset(form for slot in ended for form in _widths(slot.suffix.strip()[-1:])),
        headings,
        label,
        lru_cache(maxsize=1024)(label),
    )


def _by_place(slot: Slot) -> tuple[int, int]:
    return slot.row, slot.column


def _spellings(layout: Layout, slot: Slot) -> tuple[str, ...]:
    return (slot.text, *sorted(layout.labels[slot.text] - {slot.key}))


def _labels(slot: Slot, spellings: tuple[str, ...], guide: bool) -> list[_Label]:
    """The spellings of a label; words that say too little, 「(」 … 「年度)」, are told by what stands after them."""
    if not (guide or slot.path is None or any(char.isalnum() for char in slot.text)):
        ending = rf"(?=[^\n]*{_loose(slot.suffix)}\s*$)"
        return [_Label(slot, (), 0, lazy_pattern(rf"\s*(?:{_any(spellings)}){ending}[\s:\uff1a]*"))]
    labels = []
    for word in spellings:
        letters = _letters(word)
        end = len(letters)
        while end and letters[end - 1] == _COLON:
            end -= 1
        labels.append(_Label(slot, letters[:end], len(letters) - end + 1 if guide else 0))
    return labels


def _may_begin(label: _Label, letter: str) -> bool:
    return not label.letters or letter in label.letters[0] or label.letters[0] in (_COLON, _FOUR_DIGITS)


def _behind(label: _Label, text: str) -> int:
    """Where the label ends that `text` begins with, blanks and colons after it included; -1 when it does not."""
    if label.pattern is not None:
        match = label.pattern.match(text)
        return match.end() if match else -1
    at = 0
    for letters in label.letters:
        while text[at : at + 1].isspace():
            at += 1
        if letters == _FOUR_DIGITS:
            year, at = text[at : at + 4], at + 4
            if len(year) < 4 or not year.isdecimal():
                return -1
        elif at < len(text) and text[at] in letters:
            at += 1
        elif letters != _COLON:
            return -1
    end = at
    while end < len(text) and (text[end] in _COLON or text[end].isspace()):
        end += 1
    if label.colons and not (end < len(text) and 1 <= sum(map(text[at:end].count, _COLON)) <= label.colons):
        return -1
    return end


_YEAR = lazy_pattern(r"20\d\d")
_COLON = ":\uff1a"
_FOUR_DIGITS = "\0"  # any year


def _letters(text: str) -> tuple[str, ...]:
    """The letters of a label in any year, blanks left out, each with its forms in either width."""
    return tuple("".join(sorted(_widths(char))) for char in _YEAR.sub(_FOUR_DIGITS, text) if not char.isspace())


def _loose(text: str) -> str:
    """A pattern for `text` in any year, whatever its blanks and the width of its characters; colons are optional."""
    parts = []
    for letters in _letters(text):
        if letters == _COLON:
            parts.append("[:\uff1a]?")
        elif letters == _FOUR_DIGITS:
            parts.append(r"\d{4}")
        else:
            parts.append(f"[{re.escape(letters)}]" if len(letters) > 1 else re.escape(letters))
    return r"\s*".join(parts)


def _any(spellings: tuple[str, ...]) -> str:
    return "|".join(map(_loose, spellings))


def _widths(char: str) -> set[str]:
    """A character in its half-width and full-width form."""
    code = ord(char) if char else 0
    if 0x21 <= code <= 0x7E:
        return {char, chr(code + 0xFEE0)}
    if 0xFF01 <= code <= 0xFF5E:
        return {char, chr(code - 0xFEE0)}
    return {char} if char else set()


class LabelIndex:
    """Where label words stand in the sheet."""

    def __init__(self, layout: Layout, words: Words, prefixes: Prefixes) -> None:
        self.words = words
        self._prefixes = prefixes
        self._numbers, spoken, spelled = _spoken(layout)
        self._cells: dict[int, list[Position]] = {}  # by number of what is spoken
        for said, found in prefixes.items():
            for number in spoken[said]:
                self._cells[number] = [position for position, _ in found]
        for word in spelled.keys() & words.keys():
            for number in spelled[word]:
                self._cells[number] = self._cells.get(number, []) + words[word]

    def cells(self, slot: Slot) -> list[Position]:
        """The cells that carry the words of a label or of a place with words of its own."""
        return self._cells.get(self._numbers.get(slot, -1), [])

    def column(self, slot: Slot, row: int, after: int = 0) -> int:
        """The first column behind `after` where the words of `slot` stand in a row, 0 when there is none."""
        found = 0
        for line, column in self.cells(slot):
            if line == row and column > after and (not found or column < found):
                found = column
        return found

    def rest(self, slot: Slot, position: Position) -> str | None:
        """What follows the words of `slot` in the cell that begins with them; None when it does not."""
        for where, text in self._prefixes.get(slot.spoken, ()):
            if where == position:
                return text
        return None

    def rows(self, rows: range) -> tuple[tuple[int, int], ...]:
        """Which words (by their number) stand in which of the `rows`, counted from the first of these."""
        start, stop = rows.start, rows.stop
        cells = self._cells
        return tuple([(n, row - start) for n in sorted(cells) for row, _ in cells[n] if start <= row < stop])


def label_index(sheet: Sheet, layout: Layout, words: Words) -> LabelIndex:
    patterns = _patterns(layout)
    first, last = patterns.first, patterns.last
    prefixes: Prefixes = {}
    for position, cell in sheet.cells.items():
        text = cell.text
        begin = text[:1]
        if begin in first or (begin.isspace() and text.lstrip()[:1] in first):
            label = (patterns.known if len(text) <= _LONGEST_LABEL else patterns.label)(text)
            if label is not None:
                slot, end = label
                prefixes.setdefault(slot.spoken, []).append((position, text[end:]))
                continue
        if last and text.rstrip()[-1:] in last:
            for slot, ending in patterns.endings:
                if ending.fullmatch(text):
                    prefixes.setdefault(slot.spoken, []).append((position, text))
    for slot, pattern in patterns.inside:
        if slot.spoken not in prefixes:  # 江门市2023年度项目绩效自评指标评分表(某项目)
            for position, cell in sheet.cells.items():
                if len(cell.text) <= _LONGEST_LABEL and (match := pattern.search(cell.text)):
                    prefixes.setdefault(slot.spoken, []).append((position, cell.text[match.end() :]))
    return LabelIndex(layout, words, prefixes)


def word_numbers(layout: Layout) -> Mapping[Slot, int]:
    """Labels and places with words of their own, each with the number of these words."""
    return _spoken(layout)[0]


@lru_cache(maxsize=64)
def _spoken(
    layout: Layout,
) -> tuple[Mapping[Slot, int], Mapping[tuple[str, str], tuple[int, ...]], Mapping[str, tuple[int, ...]]]:
    """The words of labels and places, numbered: by slot, by the words, and by each spelling that is a whole cell."""
    kinds: dict[tuple[tuple[str, str], bool], int] = {}
    numbers = {s: kinds.setdefault((s.spoken, s.is_label), len(kinds)) for s in layout.slots if s.is_anchor}
    spoken: dict[tuple[str, str], tuple[int, ...]] = {}
    spelled: dict[str, tuple[int, ...]] = {}
    for (words, is_label), number in kinds.items():
        spoken[words] = (*spoken.get(words, ()), number)
        for spelling in layout.labels[words[0]] if is_label else ():
            spelled[spelling] = (*spelled.get(spelling, ()), number)
    return numbers, spoken, spelled


def headings_in(layout: Layout, text: str) -> list[tuple[str, str]]:
    """The narrative in one cell, taken apart: (label, text under it); what stands before the first has label ""."""
    patterns = _patterns(layout)
    pieces: list[tuple[str, list[str]]] = [("", [])]
    for line in text.split("\n"):
        found = patterns.label(line)
        if found is not None and found[0] in patterns.headings:
            pieces.append((found[0].text, [line[found[1] :]]))
        else:
            pieces[-1][1].append(line)
    return [(label, "\n".join(lines).strip()) for label, lines in pieces]
