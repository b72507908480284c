"""Where the places of a form are in a filled workbook, found by the words around them.

Rows are aligned by their labels, in order, so that inserted, deleted and shifted rows do not matter. Nothing here
depends on an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from perfeval.labels import LabelIndex, Words, label_index, word_numbers
from perfeval.layout import Layout, Slot, bare
from perfeval.model import Cell
from perfeval.places import Found, Places, repeated_until, same_to_the_right, with_text
from perfeval.record import record
from perfeval.sections import read_sections
from perfeval.tablehead import find_table
from perfeval.workbook.grid import Sheet, blank_at
from perfeval.workbook.guard import LIMITS

__all__ = ["Found", "Places", "locate"]

_USUAL_LABELS = 1024  # cells with words of the form in a sheet that may be one
_NO_CELLS: Mapping[int, Cell] = {}
_Marks = dict[Slot, tuple[int, int]]  # cells with words of a row → the first and last column where they stand


def locate(sheet: Sheet, layout: Layout, words: Words) -> Places:
    """Find every place of the form in `sheet`, whose words are `words`."""
    places = Places()
    index = label_index(sheet, layout, words)
    find_table(sheet, layout, index, places)
    top = places.header[0] if places.header else sheet.last_row + 1
    bottom = places.total_row or (places.header[1] if places.header else 0)
    upper, lower = _outside(layout)
    _align(layout, upper, index, range(1, top), places)
    _align(layout, lower, index, range(bottom + 1, sheet.last_row + 1), places)
    if places.header and places.total_row is None:
        below = [row for template, row in places.rows.items() if template > layout.total_row]
        places.data = range(places.header[1] + 1, min(below, default=sheet.last_row + 1))
    if layout.side_words:  # 绩效指标 beside the table, also where its merge was taken apart and filled
        table = set(places.columns.values())
        places.consumed.update(
            (row, column)
            for word in layout.side_words & words.keys()
            for row, column in words[word]
            if row in places.data and column not in table
        )
    _read_rows(sheet, layout, {**upper, **lower}, index, places)
    read_sections(sheet, layout, index, range(bottom + 1, sheet.last_row + 1), places)
    return places


# ---- rows -----------------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class _Place:
    """A place outside the table that holds a value, and what tells where it is."""

    slot: Slot
    guides: tuple[Slot, ...]  # labels that lead to it, the nearest first
    head: Slot | None  # the label above it, where only that tells it from others
    following: tuple[Slot, ...]  # cells with words after it
    last: bool  # whether a label follows it, or nothing


@record(frozen=True, slots=True)
class _Line:
    """A row of the template outside the table."""

    words: tuple[Slot, ...]  # cells with words that tell the place
    places: tuple[_Place, ...]  # those of the narrative left out
    signs: frozenset[str]  # printed marks that are neither


@lru_cache(maxsize=64)
def _outside(layout: Layout) -> tuple[Mapping[int, _Line], Mapping[int, _Line]]:
    """The rows of the template above and below the table."""
    lines = {}
    for row, slots in layout.by_row.items():
        places = tuple(
            _Place(
                slot,
                layout.guides.get(slot, ()),
                layout.above.get(slot),
                tuple(other for other in slots[number + 1 :] if other.is_anchor),
                number + 1 == len(slots) or slots[number + 1].is_label,
            )
            for number, slot in enumerate(slots)
            if slot.path and not slot.path.startswith("narrative.")
        )
        words = tuple(slot for slot in slots if slot.is_anchor)
        lines[row] = _Line(words, places, layout.signs.get(row, frozenset()))
    upper = {row: line for row, line in lines.items() if row < layout.header_top}
    return upper, {row: line for row, line in lines.items() if row > layout.total_row}


def _align(layout: Layout, lines: Mapping[int, _Line], index: LabelIndex, rows: range, places: Places) -> None:
    """Give each template row the row whose labels match best, keeping the order of both sides."""
    said = index.rows(rows)
    pairs = (_matched_again if len(said) <= _USUAL_LABELS else _matched)(layout, tuple(lines), said)
    for template_row, row in pairs:
        places.rows[template_row] = rows.start + row


def _matched(
    layout: Layout, template_rows: tuple[int, ...], said: tuple[tuple[int, int], ...]
) -> list[tuple[int, int]]:
    """Template row and its row for labels of which is `said` in which row (`LabelIndex.rows`), the last ones first."""
    stands: dict[int, set[int]] = {}
    for number, row in said:
        stands.setdefault(number, set()).add(row)
    numbers = word_numbers(layout)
    chain: list[tuple[int, int, int, int]] = []  # template row, row, weight of the best chain ending here, predecessor
    for template_row in template_rows:
        weights: dict[int, int] = {}
        for slot, weight in layout.anchors[template_row]:
            for row in stands.get(numbers[slot], ()):
                weights[row] = weights.get(row, 0) + weight
        for row, weight in sorted(weights.items()):
            best, before = 0, -1
            for number, (other_template, other_row, other_weight, _) in enumerate(chain):
                if other_template < template_row and other_row < row and other_weight > best:
                    best, before = other_weight, number
            chain.append((template_row, row, best + weight, before))
    link = max(range(len(chain)), key=lambda number: chain[number][2], default=-1)
    pairs = []
    while link >= 0:
        template_row, row, _, link = chain[link]
        pairs.append((template_row, row))
    return pairs


_matched_again = lru_cache(maxsize=256)(_matched)  # above and below the table, the forms of a batch are mostly alike


def _read_rows(sheet: Sheet, layout: Layout, template: Mapping[int, _Line], index: LabelIndex, places: Places) -> None:
    """Read the places of the aligned rows: what stands between one label and the next."""
    lines, labels, consumed = sheet.lines, places.labels, places.consumed
    for template_row, line in template.items():
        row = places.rows.get(template_row)
        if row is None:
            row = _row_below_label(sheet, layout, template_row, index, places)
        if row is None:
            for place in line.places:
                places.unread[place.slot] = place.guides[-1] if place.guides else place.head or place.slot
            continue
        cells, merged = lines.get(row, _NO_CELLS), sheet.merged(row)
        marks: _Marks = {}
        after = 0
        for slot in line.words:
            if column := index.column(slot, row, after):
                after = repeated_until(cells, merged, column)
                marks[slot] = column, after
                for at in range(column, after + 1):
                    if at in cells:
                        labels.add((row, at))
                        consumed.add((row, at))
        for place in line.places:
            _read_place(sheet, place, marks, row, index, places)
        if line.signs:
            consumed.update(
                (row, at)
                for at, cell in cells.items()
                if 1 <= at <= places.right_edge and bare(cell.text) in line.signs
            )


def _row_below_label(sheet: Sheet, layout: Layout, template_row: int, index: LabelIndex, places: Places) -> int | None:
    """The row of places that have no words in it, from the labels above them."""
    slots = layout.by_row[template_row]
    if any(slot.is_anchor for slot in slots):
        return None
    for slot in slots:
        head = layout.above.get(slot)
        if head is not None and head.row in places.rows:
            row = places.rows[head.row]
            column = index.column(head, row)
            if column:
                below = min(sheet.span(row, column).bottom + template_row - head.span.bottom, LIMITS.rows)
                next_rows = (row for template, row in places.rows.items() if template > template_row)
                columns = [_column_below_label(over, places, index) for over in map(layout.above.get, slots) if over]
                filled = (
                    row
                    for row in range(below, min(next_rows, default=below))
                    if any((row, column) in sheet.cells for column in columns)
                )
                places.rows[template_row] = below = next(filled, below)
                return below
    return None


def _read_place(sheet: Sheet, place: _Place, marks: _Marks, row: int, index: LabelIndex, places: Places) -> None:
    slot, guides, head = place.slot, place.guides, place.head
    assert slot.path is not None
    own = marks.get(slot)
    for guide in guides:
        if guide not in marks:
            places.unread[slot] = guide
            return
    if own is None and slot.is_anchor:
        places.unread[slot] = slot
        return
    begin = 1
    if label := own or (marks[guides[0]] if guides else None):
        said = row, label[0]
        value = index.rest(slot if own else guides[0], said)
        if (value is not None and (value := _without_suffix(value, slot.suffix))) or (own and slot.suffix):
            places.fields[slot.path] = Found(said, with_text(sheet.cells[said], value or ""))
            return
        begin = min(label[1] + 1, LIMITS.columns)
    if head is not None:
        column = _column_below_label(head, places, index)
        if not column:
            places.unread[slot] = head
            return
        position = sheet.anchor(row, column)
        places.fields[slot.path] = Found(position, sheet.cells.get(position, blank_at(*position)))
        places.consumed |= {position, (places.rows[head.row], column)}
        if position in sheet.cells:  # a merge taken apart repeats its text, as far as the label above it goes
            wide = same_to_the_right(sheet, places.rows[head.row], column)
            last = min(wide, same_to_the_right(sheet, *position))
            places.consumed.update([(row, after) for after in range(column, last + 1)])
        return
    # The cell right after the label is its value even where the table is narrower than the header.
    end = max(places.right_edge, begin) + 1
    for other in place.following:
        if other in marks:
            end = marks[other][0]
            break
    cells, merged = sheet.cells, sheet.merged(row)
    for column in range(begin, end):
        merge = merged.get(column)
        anchor = (row, column) if merge is None else (merge.top, merge.left)
        if anchor in cells and anchor not in places.consumed:
            places.fields[slot.path] = Found(anchor, cells[anchor])
            places.consumed.add(anchor)
            if place.last:
                last = same_to_the_right(sheet, *anchor)
                places.consumed.update([(row, after) for after in range(column, last + 1)])
            return
    blank = (row, label[0]) if own and label else sheet.anchor(row, begin)
    places.fields[slot.path] = Found(blank, blank_at(*blank))


def _column_below_label(head: Slot, places: Places, index: LabelIndex) -> int:
    """The column that the label above a place heads in this sheet; 0 when the label is not there."""
    row = places.rows.get(head.row)
    return 0 if row is None else index.column(head, row)


def _without_suffix(text: str, suffix: str) -> str:
    text = text.strip()
    wanted = suffix.strip()
    if wanted and len(text) >= len(wanted) and bare(text[-len(wanted) :]) == bare(wanted):
        text = text[: -len(wanted)]
    return text.strip()
